"""The release path: small cases worked out on paper."""

from __future__ import annotations

import pytest

from swapgym.phone import constants as k
from tests.phone.board import MIB, PLENTY, Board, charged_ms

ENTRIES = 65_536
"""256 MB, as in the published measurements."""


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


def exit_ns_per_page(board: Board, victims: list[int], pages: int) -> float:
    for victim in victims:
        board.kill(victim)
    phone = board.run()
    return float(phone["processes"]["exit_us"][victims].max()) * 1_000 / pages


def test_exits_of_present_pages_contend_at_two_locks() -> None:
    board = Board()
    board.kernel["lock_handoff"] = 0
    board.kernel["resident_anon_ps"] = 1_000_000
    board.kernel["resident_anon_lru_lock_ps"] = board.kernel["resident_anon_zone_lock_ps"] = 250_000
    per_page = exit_ns_per_page(board, [board.app(anon=ENTRIES) for _ in range(2)], ENTRIES)
    # p = 500 and s = 250 at each of two stations: r = s + s r / (p + 2 r), a quadratic in r
    p, s = 500.0, 250.0
    r = ((3 * s - p) + ((3 * s - p) ** 2 + 8 * s * p) ** 0.5) / 4
    assert per_page == pytest.approx(p + 2 * r, rel=0.01)
    phone = board.phones[0]
    # whoever waits burns CPU: what is beyond the work itself is spun
    spun_ms = charged_ms(phone, k.CHARGE_EXIT) - 2 * ENTRIES / 1_000
    assert phone["total"]["spin_ns"] / 1e6 == pytest.approx(spun_ms, rel=0.01)
    assert spun_ms > 15


@pytest.mark.parametrize(
    ("lru", "zone", "expected_ns"), [(0, 0, 1_000), (1_000_000, 0, 2_000), (500_000, 500_000, 1_500)]
)
def test_locks_of_present_pages_decide_how_much_two_exits_gain(lru: int, zone: int, expected_ns: float) -> None:
    board = Board()
    board.kernel["lock_handoff"] = 0
    board.kernel["resident_anon_ps"] = 1_000_000
    board.kernel["resident_anon_lru_lock_ps"], board.kernel["resident_anon_zone_lock_ps"] = lru, zone
    per_page = exit_ns_per_page(board, [board.app(anon=ENTRIES) for _ in range(2)], ENTRIES)
    # no lock: side by side; all under one lock: one after the other; half each: in between, as two stations in turn
    assert per_page == pytest.approx(expected_ns, rel=0.01)


def test_a_releaser_of_entries_and_one_of_present_pages_do_not_meet() -> None:
    board = Board()
    board.kernel["resident_anon_ps"] = 900_000
    board.kernel["resident_anon_lru_lock_ps"] = board.kernel["resident_anon_zone_lock_ps"] = 400_000
    victims = [board.app(anon=ENTRIES), board.app(entries=ENTRIES)]
    assert exit_ns_per_page(board, victims, ENTRIES) == pytest.approx(900, rel=0.01)
    assert board.phones[0]["total"]["spin_ns"] == 0


Walker = tuple[float, dict[str, tuple[float, float]]]
"""Work outside of locks per operation, and of each lock how often it is taken and held for how long (ns)."""


def ns_per_operation(first: Walker, second: Walker) -> float:
    """Return what an operation takes ``first`` beside ``second``: the same network in floats, to its limit."""
    walkers = (first, second)
    waits = [{lock: hold for lock, (_, hold) in locks.items()} for _, locks in walkers]
    cycles = [0.0, 0.0]
    for _ in range(200):
        cycles = [
            outside + sum(visits * wait[lock] for lock, (visits, _) in locks.items())
            for (outside, locks), wait in zip(walkers, waits, strict=True)
        ]
        queues = [
            {lock: visits * wait[lock] / cycle * hold for lock, (visits, hold) in locks.items()}
            for (_, locks), wait, cycle in zip(walkers, waits, cycles, strict=True)
        ]
        waits = [
            {lock: hold + queues[1 - number].get(lock, 0.0) for lock, (_, hold) in locks.items()}
            for number, (_, locks) in enumerate(walkers)
        ]
    return cycles[0]


@pytest.mark.parametrize("per_entry", [1, 10])
def test_a_walker_of_both_kinds_waits_at_each_lock_as_often_as_it_takes_it(per_entry: int) -> None:
    pages: Walker = (500.0, {"lru": (1, 250.0), "zone": (1, 250.0)})
    both: Walker = (
        336.0 + per_entry * 500.0,
        {"swap": (1, 564.0), "lru": (per_entry, 250.0), "zone": (per_entry, 250.0)},
    )
    entries: Walker = (336.0, {"swap": (1, 564.0)})

    def exit_ns(this: dict[str, int], other: dict[str, int]) -> float:
        board = Board(ms=1_000)
        board.kernel["lock_handoff"] = 0
        board.kernel["resident_anon_ps"] = 1_000_000
        board.kernel["resident_anon_lru_lock_ps"] = board.kernel["resident_anon_zone_lock_ps"] = 250_000
        victims = [board.app(**this), board.app(**other)]
        for victim in victims:
            board.kill(victim)
        return float(board.run()["processes"]["exit_us"][victims[0]]) * 1_000

    some, many = 40_000 // per_entry, 400_000 // per_entry
    # whoever is looked at ends long before the other
    alone = exit_ns({"anon": some * per_entry}, {"entries": many, "anon": many * per_entry}) / (some * per_entry)
    assert alone == pytest.approx(ns_per_operation(pages, both), rel=0.02)
    beside_pages = exit_ns({"entries": some, "anon": some * per_entry}, {"anon": many * per_entry}) / some
    assert beside_pages == pytest.approx(ns_per_operation(both, pages), rel=0.02)
    beside_entries = exit_ns({"entries": some, "anon": some * per_entry}, {"entries": 400_000}) / some
    assert beside_entries == pytest.approx(ns_per_operation(both, entries), rel=0.02)


def test_a_reaper_contends_with_what_is_in_its_hand() -> None:
    board = Board()
    board.kernel["lock_handoff"] = 0
    board.kernel["resident_anon_ps"] = 1_000_000
    board.kernel["resident_anon_lru_lock_ps"] = board.kernel["resident_anon_zone_lock_ps"] = 250_000
    board.device["n_reapers"] = 1
    # one segment: all of the first is in the reaper's hand from its first tick on, the second walks by itself
    for victim in (board.app(entries=400, anon=40_000), board.app(anon=40_000)):
        board.kill(victim)
    phone = board.run()
    # of two exits of present pages alone each waits 140 ns per page: see above
    assert phone["total"]["spin_ns"] / 1e6 == pytest.approx(2 * 40_000 * 140e-6, rel=0.05)


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


@pytest.mark.parametrize(("call_us", "takes"), [(1_000, True), (5_000, False)])
def test_a_reaper_that_must_look_needs_a_while_until_it_has_its_victim(call_us: int, takes: bool) -> None:
    board = Board(cpus=8)
    board.device["n_reapers"] = 1
    board.device["reapers_queue"] = 1
    board.device["reaper_call_us"] = call_us
    board.kernel["exit_signal_us"] = 3_000  # from then on the victim is at it itself
    board.kill(board.app(entries=51_000))
    phone = board.run()
    assert (phone["total"]["entries_reaped"] > 0) == takes
    # it calls in any case, and only once needs the time for its way there
    assert phone["reaper_called_ns"][0] == call_us * 1_000
    if not takes:
        assert charged_ms(phone, k.CHARGE_LMKD_REAPER) == call_us / 1_000


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
