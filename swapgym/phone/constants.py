"""Fixed numbers of the simulated phone: sizes of its tables, codes of its states, and the kernel's own constants."""

from __future__ import annotations

from typing import Final

# --- sizes of the fixed tables -------------------------------------------------------------------------------------
MAX_CPUS: Final = 8
MAX_DOMAINS: Final = 4  # performance domains: CPUs that share a clock
MAX_PROCESSES: Final = 48
MAX_LAUNCHES: Final = 8
MAX_EVENTS: Final = 128
MAX_FRAME_COSTS: Final = 512
MAX_KWORKERS: Final = 4
MAX_CHILDREN: Final = 4  # more forked children than this share their CPUs anyway
MAX_BACKGROUND_THREADS: Final = 4
MAX_REAPERS: Final = 2  # lmkd reaper.cpp: THREAD_POOL_SIZE = 2
THREADS_PER_LAUNCH: Final = 3

# --- units ---------------------------------------------------------------------------------------------------------
PAGES_PER_MIB: Final = 256
UNIT_BITS: Final = 10
UNIT: Final = 1 << UNIT_BITS
"""Fixed-point one: capacities, clocks, shares and multipliers are integers over 1024, as the scheduler has them."""
MOST_32: Final = (1 << 31) - 1
"""Most that a 32-bit field holds."""

# --- schedulable tasks: fixed ones first, then one per launch thread, then one per process (its exit). What a task may
# do (boost, cpuset, class) is a field of its record, never read from its number. -----------------------------------
TASK_UI: Final = 0
TASK_RENDER: Final = 1
TASK_KSWAPD: Final = 2
TASK_COMPACTOR: Final = 3  # CachedAppOptimizer's thread, MADV_PAGEOUT of an app entering cached
TASK_CACHED: Final = 4  # threads of cached apps that nothing has frozen
TASK_CHILD: Final = 5  # the USERSPACE route's forked children
TASK_KWORKER: Final = TASK_CHILD + MAX_CHILDREN
TASK_REAPER: Final = TASK_KWORKER + MAX_KWORKERS
TASK_BACKGROUND: Final = TASK_REAPER + MAX_REAPERS
TASK_LAUNCH: Final = TASK_BACKGROUND + MAX_BACKGROUND_THREADS
TASK_EXIT: Final = TASK_LAUNCH + MAX_LAUNCHES * THREADS_PER_LAUNCH
N_TASKS: Final = TASK_EXIT + MAX_PROCESSES

# --- who a nanosecond of CPU is charged to -------------------------------------------------------------------------
CHARGE_IDLE: Final = 0
CHARGE_RT: Final = 1
CHARGE_FRAMES: Final = 2
CHARGE_LAUNCH: Final = 3
CHARGE_DIRECT_RECLAIM: Final = 4
CHARGE_KSWAPD: Final = 5
CHARGE_COMPACTOR: Final = 6
CHARGE_BACKGROUND: Final = 7
CHARGE_EXIT: Final = 8  # the victim's own exit: accounted to the process
CHARGE_LMKD_REAPER: Final = 9  # process_mrelease: accounted to lmkd
CHARGE_KWORKER: Final = 10  # unaccounted to the process (the letter's third concern)
CHARGE_CHILD: Final = 11  # USERSPACE: accounted to the process's own child
CHARGE_CACHED: Final = 12  # cached apps that nothing has frozen
N_CHARGES: Final = 13
CHARGE_NAMES: Final = (
    "idle",
    "rt",
    "frames",
    "launch",
    "direct_reclaim",
    "kswapd",
    "compactor",
    "background",
    "exit",
    "lmkd_reaper",
    "kworker",
    "child",
    "cached",
)

# --- what costs time: operations of a kernel variant, per page, entry, thread, mapping or file -----------------------
COST_NAMES: Final = (
    "entry_inline",
    "entry_enqueue",
    "entry_drain",
    "entry_child_enqueue",
    "resident_anon",
    "resident_file",
    "thread_exit",
    "mapping_free",
    "file_close",
    "compress",
    "swapin",
    "file_reclaim",
    "compaction",
    "alloc",
)
N_COSTS: Final = len(COST_NAMES)
COST_ENTRY_INLINE: Final = 0
COST_ENTRY_ENQUEUE: Final = 1
COST_ENTRY_DRAIN: Final = 2
COST_ENTRY_CHILD_ENQUEUE: Final = 3
COST_RESIDENT_ANON: Final = 4
COST_RESIDENT_FILE: Final = 5
COST_THREAD_EXIT: Final = 6
COST_MAPPING_FREE: Final = 7
COST_FILE_CLOSE: Final = 8
COST_COMPRESS: Final = 9
COST_SWAPIN: Final = 10
COST_FILE_RECLAIM: Final = 11
COST_COMPACTION: Final = 12
COST_ALLOC: Final = 13

# --- routes of a batch ---------------------------------------------------------------------------------------------
INLINE: Final = 0
KWORKER: Final = 1
USERSPACE: Final = 2
ROUTE_NAMES: Final = ("INLINE", "KWORKER", "USERSPACE")

# --- pace of the drain: what a kernel can do to its workers ----------------------------------------------------------
PACE_VARIANT: Final = -1  # as the kernel variant has it
PACE_PAUSED: Final = 0  # nobody drains
PACE_BACKGROUND: Final = 1  # nice 19, the background cpuset
PACE_NORMAL: Final = 2  # nice 0, all CPUs
PACE_URGENT: Final = 3  # nice -20, all CPUs
PACE_NAMES: Final = ("PAUSED", "BACKGROUND", "NORMAL", "URGENT")
PACE_NICE: Final = (0, 19, 0, -20)

# --- life of a process ---------------------------------------------------------------------------------------------
PROCESS_UNUSED: Final = 0
PROCESS_ALIVE: Final = 1
PROCESS_EXITING: Final = 2
PROCESS_DEAD: Final = 3

EXIT_SIGNALLED: Final = 0  # SIGKILL sent, nobody has woken for it yet: off-CPU
EXIT_THREADS: Final = 1  # its threads leave one by one; the last one goes on
EXIT_UNMAP: Final = 2  # exit_mm: walks the address space
EXIT_REST: Final = 3  # the rest of do_exit: mappings, files, binder
EXIT_NOTIFY: Final = 4  # exit_notify until the parent has run: off-CPU

KILLER_SCENARIO_LMKD: Final = 0  # a kill the scenario prescribes, carried out the way lmkd does (victim promoted)
KILLER_ACTIVITY_MANAGER: Final = 1  # a kill the scenario prescribes, left in the background group
KILLER_LMKD: Final = 2  # lmkd's own decision under pressure: a collateral kill

# --- stages of a walk over an address space ------------------------------------------------------------------------
WALK_FETCH: Final = 0
WALK_RESIDENT: Final = 1
WALK_DECIDE: Final = 2
WALK_INLINE: Final = 3
WALK_ENQUEUE: Final = 4
WALK_DONE: Final = 5

# --- launches ------------------------------------------------------------------------------------------------------
LAUNCH_WAITING: Final = 0
LAUNCH_START: Final = 1
LAUNCH_GATE: Final = 2
LAUNCH_BURST: Final = 3
LAUNCH_DONE: Final = 4

# --- scenario events -----------------------------------------------------------------------------------------------
EVENT_KILL: Final = 0  # a = process, b = killer, c = launch gated on it or -1
EVENT_LAUNCH: Final = 1  # a = launch
EVENT_RT: Final = 2  # a = CPU mask, b = SCHED_FIFO utilisation in permille
EVENT_FRAMES: Final = 3  # a = 1 frames on, 0 off
EVENT_COMPACT: Final = 4  # a = process that enters cached, c = launch that brought it up or -1

# --- what advance() returns ----------------------------------------------------------------------------------------
RUN_END: Final = 0
RUN_DECISION: Final = 1
RUN_PAUSED: Final = 2

# --- kernel constants ----------------------------------------------------------------------------------------------
SWAP_CLUSTER_MAX: Final = 32  # pages per reclaim batch (include/linux/swap.h)
PSI_WINDOW_US: Final = 1_000_000  # lmkd.cpp: PSI_WINDOW_SIZE_MS
PSI_UPDATES_PER_WINDOW: Final = 10  # Documentation/accounting/psi.rst
RT_PERIOD_US: Final = 1_000_000  # sched_rt_period_us
RT_RUNTIME_US: Final = 950_000  # sched_rt_runtime_us
MS: Final = 1_000  # microseconds
NS_PER_US: Final = 1_000
PS_PER_NS: Final = 1_000
FROZEN_FRAME_US: Final = 700_000  # Android vitals
LATE_BINS: Final = 64
LOAD_BALANCE_US: Final = 4_000  # a busy CPU balances at intervals of this order (sched domains' balance_interval)
BACKGROUND_WEIGHT: Final = 52  # cpu.shares of the background cgroup: 52 of 1024 (platform/system/core c3659fb)
CACHED_WAKE_US: Final = 100_000  # how often unfrozen cached apps are looked at
POLL_SHORT_US: Final = 10_000  # lmkd PSI_POLL_PERIOD_SHORT_MS
POLL_LONG_US: Final = 100_000  # lmkd PSI_POLL_PERIOD_LONG_MS
PREVIOUS_APP_ADJ: Final = 700
PERCEPTIBLE_APP_ADJ: Final = 200
CACHED_APP_ADJ: Final = 900
SERVICE_ADJ: Final = 500

NICE_TO_WEIGHT: Final = (
    88761, 71755, 56483, 46273, 36291, 29154, 23254, 18705, 14949, 11916,
    9548, 7620, 6100, 4904, 3906, 3121, 2501, 1991, 1586, 1277,
    1024, 820, 655, 526, 423, 335, 272, 215, 172, 137,
    110, 87, 70, 56, 45, 36, 29, 23, 18, 15,
)  # fmt: skip
"""``sched_prio_to_weight`` of kernel/sched/core.c, nice -20 to 19."""
