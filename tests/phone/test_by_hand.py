"""Small cases worked out on paper."""

from __future__ import annotations

import pytest

from swapgym.phone import constants as k
from tests.phone.board import MIB, PLENTY, Board, charged_ms

ENTRIES = 65_536
"""256 MB, as in the published measurements."""


# --- CPU
def test_two_equal_threads_share_one_cpu_by_half() -> None:
    board = Board(cpus=1)
    first, second = (board.app(entries=ENTRIES) for _ in range(2))
    board.kernel["entry_inline_lock_ps"] = 0  # no lock: only the CPU is shared
    board.kill(first)
    board.kill(second)
    phone = board.run()
    # 65,536 entries of 0.9 us are 58.98 ms; side by side on one CPU both take twice that
    for process in (first, second):
        assert phone["processes"]["exit_us"][process] == pytest.approx(2 * 58_982, abs=20)
    assert charged_ms(phone, k.CHARGE_EXIT) == pytest.approx(2 * 58.982, abs=0.01)


def test_nice_decides_who_gets_what() -> None:
    board = Board(cpus=1, ms=1_000)
    board.noise(0, 1.0, nice=0)
    board.noise(1, 1.0, nice=5)
    phone = board.run()
    # weights 1024 and 335: both always want CPU, so that nobody is idle
    left = phone["noise_left_ns"]
    assert charged_ms(phone, k.CHARGE_NOISE) == pytest.approx(1_000, abs=0.1)
    assert left[1] > left[0]


@pytest.mark.parametrize(("throttling", "left"), [(1, 0.05), (0, 0.0)])
def test_a_realtime_hog_leaves_five_percent_or_nothing(throttling: int, left: float) -> None:
    board = Board(cpus=1, ms=2_000)
    board.device["rt_throttling"] = throttling
    board.event(0, k.EVENT_RT, 1, 1_000)
    board.noise(0, 1.0)
    phone = board.run()
    assert charged_ms(phone, k.CHARGE_RT) == pytest.approx(2_000 * (1 - left))
    assert charged_ms(phone, k.CHARGE_NOISE) == pytest.approx(2_000 * left)


def test_a_waking_worker_takes_an_idle_cpu_not_the_ui_thread_s() -> None:
    board = Board(cpus=2, ms=400)
    board.scenario["frames_on"] = 1
    board.scenario["frame_ui_us"][0] = 7_000
    board.scenario["frame_render_us"][0] = 3_000
    victim = board.app(entries=4 * ENTRIES)
    board.kill(victim)
    phone = board.run(k.KWORKER)
    # the worker at nice -20 has work for 236 ms, and no frame of 10 ms notices
    assert phone["total"]["entries_kworker"] == 4 * ENTRIES
    assert phone["total"]["frames_janky"] == 0
    assert phone["total"]["frames"] >= 23


def test_nobody_leaves_the_cpuset() -> None:
    board = Board(cpus=4, ms=300)
    board.device["background_mask"] = 0b0011
    for _ in range(4):
        board.kill(board.app(entries=ENTRIES), killer=k.KILLER_ACTIVITY_MANAGER)

    def check(phone) -> int:
        cpus = phone["tasks"]["cpu"][k.TASK_EXIT + 1 : k.TASK_EXIT + 5]
        assert set(cpus.tolist()) <= {-1, 0, 1}
        return k.INLINE

    board.run(check)


# --- release
def test_one_exit_alone_to_the_microsecond() -> None:
    board = Board()
    board.kernel["exit_signal_us"] = 20_000
    victim = board.app(entries=51_000, anon=10_000, file=5_000)
    board.scenario["apps"][victim]["exit_other_ns"] = 7_000_000
    board.kill(victim)
    phone = board.run()
    by_hand = 20_000 + (51_000 * 900 + 10_000 * 400 + 5_000 * 200 + 7_000_000) / 1_000
    assert phone["processes"]["exit_us"][victim] == pytest.approx(by_hand, abs=3)
    assert phone["processes"]["decisions"][victim] == 100
    # all its memory is back: 10,000 present pages and a third of the entries
    assert phone["free_pages"] == 3_996 * MIB - 200 * MIB
    assert phone["slots_free"] == board.device["swap_slots"]


@pytest.mark.parametrize(
    ("handoff", "lock", "processes", "published_ns"),
    [(113, 564_000, 2, 1_443), (113, 564_000, 4, 3_096), (113, 277_000, 2, 1_018), (113, 277_000, 4, 1_688)],
)
def test_exits_contend_as_measured_on_the_board(handoff: int, lock: int, processes: int, published_ns: int) -> None:
    board = Board()
    board.kernel["lock_handoff"] = handoff
    board.kernel["entry_inline_lock_ps"] = lock
    board.kernel["entry_inline_ps"] = 900_000 if lock == 564_000 else 854_000
    victims = [board.app(entries=ENTRIES) for _ in range(processes)]
    for victim in victims:
        board.kill(victim)
    phone = board.run()
    per_entry = phone["processes"]["exit_us"][victims].max() * 1_000 / ENTRIES
    assert per_entry == pytest.approx(published_ns, rel=0.03)
    # whoever waits for the lock burns CPU: the time beyond the work itself is spun
    work_ms = processes * ENTRIES * float(board.kernel["entry_inline_ps"]) / 1e9
    assert phone["total"]["spin_ns"] / 1e6 == pytest.approx(charged_ms(phone, k.CHARGE_EXIT) - work_ms, rel=0.01)


def test_two_contending_exits_follow_the_closed_form() -> None:
    board = Board()
    board.kernel["lock_handoff"] = 0
    victims = [board.app(entries=ENTRIES) for _ in range(2)]
    for victim in victims:
        board.kill(victim)
    phone = board.run()
    # p = 336, s = 564: r = s + s r / (p + r), a quadratic in r
    p, s = 336.0, 564.0
    r = ((2 * s - p) + ((2 * s - p) ** 2 + 4 * s * p) ** 0.5) / 2
    assert phone["processes"]["exit_us"][victims[0]] * 1_000 / ENTRIES == pytest.approx(p + r, rel=0.01)


def test_a_deferred_exit_leaves_its_memory_behind() -> None:
    board = Board()
    victim = board.app(entries=51_000)
    board.kill(victim)
    phone = board.run(k.KWORKER)
    # enqueueing costs 20 ns an entry; the drain starts with the first work item and takes 45.9 ms
    assert phone["processes"]["exit_us"][victim] == pytest.approx(1_020, abs=20)
    assert charged_ms(phone, k.CHARGE_KWORKER) == pytest.approx(45.9, abs=0.1)
    assert charged_ms(phone, k.CHARGE_EXIT) == pytest.approx(1.02, abs=0.02)
    assert phone["total"]["zombie_peak_pages"] == pytest.approx(51_000 / 3, rel=0.05)
    assert phone["backlog_kworker"] == 0


def test_work_items_are_gathered_before_the_worker_sees_them() -> None:
    board = Board()
    board.kill(board.app(entries=20 * 510))
    seen = []

    def note(phone) -> int:
        seen.append(int(phone["ready_kworker"]))
        return k.KWORKER

    board.run(note)
    # nineteen batches of 510 make 9,690: the first work item
    assert seen == [0] * 19 + [19 * 510]


def test_a_full_queue_falls_back_to_inline() -> None:
    board = Board()
    board.kernel["queue_capacity"] = 5 * 510
    board.kernel["work_item_entries"] = PLENTY  # nothing is drained before the walk's end
    board.kill(board.app(entries=20 * 510))
    phone = board.run(k.KWORKER)
    assert phone["total"]["batches_kworker"] == 5
    assert phone["total"]["fallbacks"] == phone["total"]["batches_inline"] == 15
    assert phone["total"]["backlog_peak"] == 5 * 510


@pytest.mark.parametrize("hold", [0, 1])
def test_a_deferred_entry_holds_its_slot_or_not(hold: int) -> None:
    board = Board(ms=200)
    board.kernel["hold_slot"] = hold
    board.device["rt_throttling"] = 0
    victim = board.app(entries=20 * 510)
    board.kill(victim)
    board.event(1, k.EVENT_RT, 0b1111, 1_000)  # from the second tick on nobody drains
    phone = board.run(k.KWORKER)
    queued = phone["backlog_kworker"]
    assert queued > 0
    assert phone["slots_free"] == board.device["swap_slots"] - (queued if hold else 0)


@pytest.mark.parametrize(("throttling", "drained_ms"), [(0, 0.0), (1, 50.0)])
def test_a_starved_drain(throttling: int, drained_ms: float) -> None:
    board = Board(cpus=1, ms=1_000)
    board.device["rt_throttling"] = throttling
    victim = board.app(entries=4 * ENTRIES)
    board.kill(victim)
    board.kernel["entry_enqueue_ps"] = 1_000  # the exit ends within the first millisecond
    board.kernel["entry_inline_lock_ps"] = board.kernel["entry_drain_lock_ps"] = 0
    board.event(1, k.EVENT_RT, 1, 1_000)
    phone = board.run(k.KWORKER)
    total = phone["total"]
    assert phone["processes"]["exit_us"][victim] < 2_000
    # of the second SCHED_FIFO takes all but its last 50 ms, or all of it
    assert charged_ms(phone, k.CHARGE_KWORKER) == pytest.approx(drained_ms, abs=1.1)
    assert total["starved_us"] == pytest.approx(999_000 - drained_ms * 1_000, abs=2_000)
    assert total["starved_max_us"] == pytest.approx(999_000 - drained_ms * 1_000, abs=2_000)
    assert phone["zombie_entries"] == phone["backlog_kworker"] > 0


def test_the_child_is_accounted_and_runs_in_the_background() -> None:
    board = Board(ms=1_000)
    board.device["background_mask"] = 0b0001
    victim = board.app(entries=51_000)
    board.kill(victim)
    phone = board.run(k.USERSPACE)
    assert charged_ms(phone, k.CHARGE_CHILD) == pytest.approx(45.9, abs=0.1)
    assert charged_ms(phone, k.CHARGE_KWORKER) == 0
    assert phone["tasks"]["cpu"][k.TASK_CHILD] == 0


def test_each_dying_process_forks_a_child_of_its_own() -> None:
    waited = []
    for victims in (1, 3):
        board = Board(ms=1_000)
        board.kernel["entry_drain_lock_ps"] = board.kernel["entry_inline_lock_ps"] = 0
        for _ in range(victims):
            board.kill(board.app(entries=ENTRIES))
        phone = board.run(k.USERSPACE)
        assert phone["total"]["entries_child"] == victims * ENTRIES
        waited.append(int(phone["total"]["backlog_entry_us"]))
    # without a lock three children on four CPUs take no longer than one does: three times as much waits as long
    assert waited[1] == pytest.approx(3 * waited[0], rel=0.05)


def test_background_threads_share_the_weight_of_their_group() -> None:
    took_us = []
    for dying in (1, 4):
        board = Board(cpus=1)
        board.kernel["entry_inline_lock_ps"] = 0
        board.noise(0, 1.0)
        victims = [board.app(entries=ENTRIES // dying) for _ in range(dying)]
        for victim in victims:
            board.kill(victim, killer=k.KILLER_ACTIVITY_MANAGER)
        phone = board.run()
        took_us.append(max(int(phone["processes"]["exit_us"][victim]) for victim in victims))
    # four quarters of 52 get what one whole does beside a thread of 1,024 that wants all of the CPU
    assert took_us[1] == pytest.approx(took_us[0], rel=0.05)


def test_reaper_and_victim_split_the_address_space() -> None:
    board = Board()
    board.device["n_reapers"] = 1
    board.kernel["entry_inline_lock_ps"] = 0
    victim = board.app(entries=ENTRIES)
    board.kill(victim)
    phone = board.run()
    total = phone["total"]
    assert total["entries_inline"] + total["entries_reaped"] == ENTRIES
    assert total["entries_reaped"] == pytest.approx(ENTRIES / 2, rel=0.05)
    # each pays a fifth for the page-table locks they share
    assert phone["processes"]["exit_us"][victim] == pytest.approx(58_982 / 2 * (1 + 205 / 1024), rel=0.03)


def test_a_reaper_takes_the_next_victim_where_they_queue() -> None:
    reaped = {}
    for queue in (0, 1):
        board = Board(cpus=8)
        board.device["n_reapers"] = 1
        board.device["reapers_queue"] = queue
        board.kernel["exit_signal_us"] = 20_000
        # the first is short: its reaper is done before the second's threads are gone
        first, second = board.app(entries=1_020), board.app(entries=102_000)
        board.kill(first)
        board.kill(second)
        reaped[queue] = int(board.run()["total"]["entries_reaped"])
    assert 0 < reaped[0] <= 1_020
    assert reaped[1] > reaped[0] + 40_000


def test_a_reaper_that_must_look_comes_too_late_where_exit_mm_comes_at_once() -> None:
    board = Board(cpus=8)
    board.device["n_reapers"] = 1
    board.device["reapers_queue"] = 1
    board.kill(board.app(entries=51_000))
    assert board.run()["total"]["entries_reaped"] == 0


def test_a_reaper_of_low_priority_leaves_the_cpu_to_its_victim() -> None:
    reaped = {}
    for nice in (-20, 19):
        board = Board(cpus=1)
        board.device["n_reapers"] = 1
        board.device["reaper_nice"] = nice
        board.kill(board.app(entries=51_000))
        reaped[nice] = int(board.run()["total"]["entries_reaped"])
    # weights 88,761 and 15 beside the victim's 1,024
    assert reaped[-20] > 0.9 * 51_000
    assert reaped[19] < 0.1 * 51_000


@pytest.mark.parametrize(("exponent", "back"), [(1.0, 0.5), (0.65, 1 - 0.5**0.65), (0.2, 1 - 0.5**0.2), (0.0, 0.0)])
def test_the_zspage_law(exponent: float, back: float) -> None:
    board = Board()
    board.kernel["zspage_return"] = round(exponent * 1024)
    victim = board.app(entries=102_000)
    board.app(entries=102_000)
    board.kill(victim)
    phone = board.run()
    share = 1 - phone["pool_pages"] / board.scenario["pool_pages"]
    assert share == pytest.approx(back, abs=0.01)


# --- memory
def test_kswapd_wakes_below_low_and_stops_above_high() -> None:
    board = Board(ms=500)
    board.app(anon=400 * MIB)
    board.leave_free(45 * MIB)
    board.launch(burst_buffer_pages=10 * MIB)
    phone = board.run()
    assert phone["free_pages"] >= board.device["watermark_high"]
    assert phone["free_pages"] <= board.device["watermark_high"] + k.SWAP_CLUSTER_MAX
    assert phone["kswapd_awake"] == 0
    assert charged_ms(phone, k.CHARGE_KSWAPD) > 0
    assert phone["total"]["direct_reclaim_us"] == 0


def test_below_min_the_allocator_reclaims_itself_and_stalls() -> None:
    board = Board(cpus=1, ms=1_000)
    board.app(anon=800 * MIB)
    board.leave_free(25 * MIB)
    board.launch(burst_buffer_pages=200 * MIB)
    phone = board.run()
    assert phone["total"]["direct_reclaim_us"] > 0
    assert phone["total"]["stall_us"] >= phone["total"]["direct_reclaim_us"]
    assert charged_ms(phone, k.CHARGE_DIRECT_RECLAIM) > 0
    assert phone["total"]["launches_done"] == 1
    assert phone["psi"]["some_us"] > 0


@pytest.mark.parametrize("swappiness", [0, 200])
def test_swappiness_chooses_the_list(swappiness: int) -> None:
    board = Board(ms=500)
    board.device["swappiness"] = swappiness
    board.device["file_workingset_pages"] = 400 * MIB  # the page cache is not ample
    board.app(anon=400 * MIB)
    board.leave_free(45 * MIB)
    board.launch(burst_buffer_pages=30 * MIB)
    total = board.run()["total"]
    assert (total["pswpout"] > 0) == (swappiness == 200)
    assert (total["file_reclaimed"] > 0) == (swappiness == 0)


def test_compaction_gives_back_what_fragmentation_withheld() -> None:
    board = Board(ms=1_000)
    board.kernel["zspage_return"] = 0
    board.device["swappiness"] = 0
    victim = board.app(entries=300 * MIB)
    board.app(entries=100 * MIB)
    board.leave_free(45 * MIB)
    board.kill(victim)
    board.launch(ms=300, burst_buffer_pages=20 * MIB)
    phone = board.run()
    # three quarters of the objects are gone and no memory came back by itself
    assert phone["total"]["compacted"] > 0
    assert phone["pool_pages"] == board.scenario["pool_pages"] - phone["total"]["compacted"]


def test_buffers_are_not_reclaimed() -> None:
    board = Board(ms=500)
    board.app(anon=400 * MIB)
    board.leave_free(45 * MIB)
    board.launch(burst_buffer_pages=40 * MIB)
    phone = board.run()
    assert phone["buffer_pages"] == 40 * MIB


def test_an_app_that_enters_cached_is_paged_out() -> None:
    board = Board(ms=1_000)
    board.device["compaction"] = 1
    app = board.app(adj=700, anon=100 * MIB, hot=16 * MIB)
    board.event(10, k.EVENT_COMPACT, app)
    phone = board.run()
    assert phone["processes"]["swap_entries"][app] == 84 * MIB
    assert phone["processes"]["oom_score_adj"][app] == 900
    # 84 MiB of pages at 5 us each
    assert charged_ms(phone, k.CHARGE_COMPACTOR) == pytest.approx(84 * MIB * 5 / 1_000, rel=0.01)


# --- lmkd
def pressed(adjs: list[int], **device: int) -> Board:
    """A phone on which nothing but killing helps: a burst, no page cache to spare, no free swap."""
    board = Board(cpus=2, ms=1_500)
    board.scenario["file_cache_pages"] = 50 * MIB
    for adj in adjs:
        board.app(adj=adj, anon=60 * MIB, hot=60 * MIB, entries=10 * MIB)
    board.device["swap_slots"] = 10 * MIB * len(adjs)
    board.leave_free(25 * MIB)
    board.launch(burst_buffer_pages=200 * MIB)
    for name, value in device.items():
        board.device[name] = value
    return board


def killed(phone) -> list[int]:
    return [int(index) for index in phone["kill_order"][: int(phone["n_killed"])]]


def test_lmkd_takes_the_highest_adj_first_and_the_coldest_of_equals() -> None:
    phone = pressed([200, 900, 500, 905, 905, 0]).run()
    assert killed(phone)[:3] == [4, 5, 2]
    assert phone["total"]["innocents"] == len(killed(phone))
    assert 6 not in killed(phone)  # adj 0 is never taken


def test_lmkd_takes_the_heaviest_where_it_is_told_to() -> None:
    board = pressed([905, 905, 905], kill_heaviest=1)
    board.scenario["apps"][2]["file_pages"] = 5 * MIB
    assert killed(board.run())[0] == 2


def test_lmkd_waits_for_the_exit_or_the_time_out() -> None:
    board = pressed([900] * 6)
    board.kernel["exit_signal_us"] = 400_000  # nobody dies in time
    phone = board.run()
    times = phone["processes"]["kill_us"][killed(phone)]
    gaps = times[1:] - times[:-1]
    assert len(times) >= 2
    assert gaps.min() >= board.device["kill_timeout_us"]
    assert phone["total"]["kill_timeouts"] >= 1


def test_lmkd_stays_quiet_on_an_idle_phone() -> None:
    board = Board(ms=1_500)
    board.app(anon=100 * MIB)
    assert board.run()["total"]["kills"] == 0


def test_promoted_victims_outrun_those_left_in_the_background() -> None:
    exits = []
    for killer in (k.KILLER_SCENARIO_LMKD, k.KILLER_ACTIVITY_MANAGER):
        board = Board(cpus=1, ms=2_000)
        victim = board.app(entries=ENTRIES)
        board.noise(0, 1.0)  # a thread at nice 0 that always wants the CPU
        board.kill(victim, killer=killer)
        exits.append(int(board.run()["processes"]["exit_us"][victim]))
    # weights 1024 and 52 against 1024
    assert exits[0] == pytest.approx(58_982 * 2, rel=0.02)
    assert exits[1] == pytest.approx(58_982 * (1024 + 52) / 52, rel=0.02)


# --- foreground
def test_a_victim_s_nice_decides_what_it_leaves_to_others() -> None:
    exits = {}
    for nice in (0, 19):
        board = Board(cpus=1)
        board.device["victim_nice"] = nice
        board.noise(0, share=1.0)
        victim = board.app(entries=20_400)
        board.kill(victim)
        phone = board.run()["processes"][victim]
        exits[nice] = float(phone["exit_us"] - phone["kill_us"])
    # half of the CPU beside a hog of nice 0, 15 of 1,039 parts of it at nice 19
    assert exits[0] == pytest.approx(2 * 20_400 * 0.9, rel=0.02)
    assert exits[19] == pytest.approx(1_039 / 15 * 20_400 * 0.9, rel=0.02)


def test_deadline_and_nice_of_the_foreground_are_the_device_s() -> None:
    late = {}
    for vsyncs, nice in ((1, 0), (2, 0), (1, -20)):
        board = Board(cpus=1)
        board.device["deadline_vsyncs"] = vsyncs
        board.device["ui_nice"] = nice
        board.noise(0, share=1.0)
        board.scenario["frame_ui_us"] = 10_000
        board.scenario["frames_on"] = 1
        late[vsyncs, nice] = int(board.run()["total"]["frame_late_us"])
    # 10 ms of work at half of a CPU take 20 ms: late for the next vsync, in time for the one after
    assert late[1, 0] > 0
    assert late[2, 0] == 0
    assert late[1, -20] == 0


def test_a_frame_is_late_by_what_it_takes_beyond_two_periods() -> None:
    board = Board(cpus=1, ms=120)
    board.scenario["frames_on"] = 1
    board.scenario["frame_ui_us"][0] = 30_000
    board.scenario["frame_render_us"][0] = 10_000
    board.event(5, k.EVENT_FRAMES, 0)  # one frame, at the first vsync
    phone = board.run()
    total = phone["total"]
    assert total["frames"] == total["frames_janky"] == 1
    assert total["frame_late_us"] == pytest.approx(40_000 - 2 * 16_667, abs=5)
    assert total["frame_late_max_us"] == pytest.approx(40_000 - 2 * 16_667, abs=5)
    assert total["late_histogram"][6] == 1
    assert charged_ms(phone, k.CHARGE_FRAMES) == pytest.approx(40, abs=0.01)


def test_frames_in_time_are_not_late() -> None:
    board = Board(cpus=2, ms=1_000)
    board.scenario["frames_on"] = 1
    board.scenario["frame_ui_us"][0] = 8_000
    board.scenario["frame_render_us"][0] = 12_000
    total = board.run()["total"]
    assert total["frames"] >= 58
    assert total["frame_late_us"] == total["frames_janky"] == 0


@pytest.mark.parametrize(("timeout_us", "opens_us", "timed_out"), [(500_000, 58_982, 0), (30_000, 30_000, 1)])
def test_the_gate_opens_with_the_last_exit_or_its_time_out(timeout_us: int, opens_us: int, timed_out: int) -> None:
    board = Board()
    victim = board.app(entries=ENTRIES)
    launch = board.launch(gate_timeout_us=timeout_us, work_ns=10_000_000)
    board.kill(victim, gate=launch)
    phone = board.run()
    assert phone["launches"]["burst_us"][launch] == pytest.approx(opens_us, abs=1_000)
    assert phone["launches"]["gate_timed_out"][launch] == timed_out
    assert phone["launches"]["done_us"][launch] == pytest.approx(opens_us + 10_000, abs=1_100)


def test_launch_delay_counts_from_the_nominal() -> None:
    board = Board(cpus=1)
    board.launch(work_ns=100_000_000, nominal_us=60_000)
    total = board.run()["total"]
    assert total["launch_us"] == pytest.approx(100_000, abs=10)
    assert total["launch_delay_us"] == pytest.approx(40_000, abs=10)


def test_an_innocent_costs_its_expected_relaunch() -> None:
    board = pressed([905, 900])
    board.scenario["apps"][1]["relaunch_cost_us"] = 123_456
    total = board.run()["total"]
    assert total["relaunch_cost_us"] == 123_456
