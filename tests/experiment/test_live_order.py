"""Frames come late, twice, in any order, or never: each is used once, under its own index."""

import threading

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ptypy.errors import DataError
from ptypy.experiment._live_buffer import Item, LiveBuffer


class Clock:
    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


def buffer(clock=None, **settings):
    made = LiveBuffer(
        **{"limit": 10**6, "window": 4, "patience": 2.0, "clock": clock or Clock(), **settings}
    )
    made.begin(0)
    return made


def frame(index, position=None):
    return Item(index, np.full((2, 3), index, np.uint16), position)


def drain(made, place=0):
    count = made.need(place, 1)
    return [item.index for item in made.take(range(place, place + count))]


@st.composite
def arrivals(draw):
    """Indices as they come: some lost, some twice, in any order."""
    count = draw(st.integers(1, 25))
    sent = draw(st.lists(st.integers(0, count - 1), max_size=40))
    return count, sent


@given(arrivals(), st.integers(0, 6))
def test_every_frame_that_comes_is_used_once_and_the_others_are_named(arrived, window):
    count, sent = arrived
    made = buffer(window=window, total=count)
    for index in sent:
        made.offer(frame(index))
    made.declare_end()
    made.finish("")
    used = drain(made)
    report = made.snapshot()
    missing = [k for first, last in report.missing for k in range(first, last)]
    assert sorted(used) == sorted(set(sent))
    assert sorted(used + missing) == list(range(count))
    assert report.received == report.released == len(used)
    assert report.received + report.duplicates == len(sent)
    for item in made.take(range(len(used))):
        assert (item.data == item.index).all()


@given(st.permutations(range(12)))
def test_frames_that_are_all_there_come_out_in_order_whatever_order_they_came_in(order):
    made = buffer(window=12, total=12)
    for index in order:
        made.offer(frame(index))
    assert drain(made) == list(range(12))
    assert made.has_ended
    assert made.snapshot().late == 0


@given(st.permutations(range(10)), st.permutations(range(10)), st.randoms())
def test_a_frame_waits_for_its_position_wherever_that_comes_from(frames, places, random):
    made = buffer(window=10, needs_positions=True, total=10)
    events = [(made.offer, (frame(k),)) for k in frames]
    events += [(made.place, (k, (float(k), -float(k)))) for k in places]
    random.shuffle(events)
    for act, given_ in events:
        act(*given_)
    assert drain(made) == list(range(10))
    assert [item.position for item in made.take(range(10))] == [(k, -k) for k in range(10)]


def test_a_missing_frame_holds_up_no_more_than_the_window():
    made = buffer(window=3)
    for index in (0, 2, 3, 4):
        made.offer(frame(index))
    assert drain(made) == [0]
    made.offer(frame(5))
    assert drain(made) == [0, 2, 3, 4, 5]
    assert made.snapshot().missing == [(1, 2)]


def test_a_missing_frame_holds_up_no_longer_than_the_patience():
    clock = Clock()
    made = buffer(clock)
    made.offer(frame(1))
    clock.now = 1.9
    assert drain(made) == []
    clock.now = 2.1
    assert drain(made) == [1]


def test_a_frame_that_comes_after_all_is_used_late_under_its_own_index():
    made = buffer(window=0)
    for index in (0, 2, 1):
        made.offer(frame(index))
    assert drain(made) == [0, 2, 1]
    report = made.snapshot()
    assert (report.late, report.reordered, report.missing) == (1, 1, [])


def test_the_end_is_declared_once_nothing_is_outstanding():
    made = buffer()
    made.offer(frame(0))
    assert not made.has_ended
    made.declare_end()
    assert made.has_ended


def test_after_the_declared_end_missing_frames_are_waited_for_and_then_named():
    clock = Clock()
    made = buffer(clock)
    made.offer(frame(0))
    made.declare_end(4)
    made.offer(frame(2))
    drain(made)
    assert not made.has_ended
    clock.now = 3.0
    assert drain(made) == [0, 2]
    assert made.has_ended
    assert made.snapshot().missing == [(1, 2), (3, 4)]


def test_frames_without_a_position_at_the_end_are_counted_and_left_out():
    made = buffer(needs_positions=True)
    made.offer(frame(0, (1.0, 2.0)))
    made.offer(frame(1))
    made.declare_end()
    made.finish("")
    assert drain(made) == [0]
    report = made.snapshot()
    assert report.refused == {"frames whose position never came": 1}
    assert report.missing == [(1, 2)]


def test_frames_of_another_form_are_refused_and_cost_no_others():
    made = buffer(window=0)
    made.offer(frame(0))
    made.offer(Item(1, np.zeros((3, 3), np.uint16)))
    made.offer(Item(2, np.zeros((2, 3), np.float32)))
    made.offer(frame(3))
    assert drain(made) == [0, 3]
    assert sum(made.snapshot().refused.values()) == 2


def test_a_full_buffer_says_so_until_frames_are_taken_out():
    rung = []
    made = buffer(limit=30)
    made.on_room = lambda: rung.append(True)
    for index in range(3):
        made.offer(frame(index))
    assert made.is_full()
    assert made.need(0, 1) == 3
    assert made.is_full()
    assert made.need(3, 1) == 0
    assert not made.is_full()
    assert rung
    assert made.snapshot().blocked == 1


def test_a_chunk_that_is_larger_than_the_buffer_still_comes_together():
    made = buffer(limit=30)
    assert made.need(0, 10) == 0
    for index in range(10):
        assert not made.is_full()
        made.offer(frame(index))
    assert made.need(0, 10) == 10


def test_frames_that_wait_for_positions_do_not_fill_the_memory():
    made = buffer(limit=60, needs_positions=True)
    for index in range(1000):
        made.offer(frame(index))
    report = made.snapshot()
    assert report.peak_bytes <= 60 + 12
    assert report.refused["frames whose position did not come in time"] == 995


@pytest.mark.parametrize("limit", [10**9, 3000])
def test_frames_that_wait_for_positions_are_not_looked_at_again_with_every_frame(limit):
    looks = []

    class Frame(np.ndarray):
        @property
        def nbytes(self):
            looks.append(1)
            return 12

    made = buffer(limit=limit, needs_positions=True)
    count = 1000
    for index in range(count):
        made.offer(Item(index, np.zeros((2, 3), np.uint16).view(Frame)))
    assert len(looks) < 20 * count


def test_positions_far_ahead_do_not_fill_the_memory():
    made = buffer(needs_positions=True)
    made.place(10**8, (0.0, 0.0))
    assert sum(made.snapshot().refused.values()) == 1


def test_reasons_of_refusal_do_not_fill_the_memory():
    made = buffer()
    for number in range(1000):
        made.refuse(f"reason {number}")
    refused = made.snapshot().refused
    assert len(refused) < 100
    assert sum(refused.values()) == 1000


def test_frames_beyond_the_number_that_was_asked_for_are_no_fault():
    made = buffer(total=2)
    for index in range(5):
        made.offer(frame(index))
    assert drain(made) == [0, 1]
    report = made.snapshot()
    assert not report.has_losses


def test_delivered_frames_cannot_be_asked_for_again():
    made = buffer()
    made.offer(frame(0))
    made.need(0, 1)
    made.need(1, 1)
    with pytest.raises(DataError, match="given out once"):
        made.need(0, 1)


def test_who_waits_is_woken_by_the_frame():
    made = LiveBuffer(limit=10**6, window=4, patience=2.0)
    made.begin(0)
    sender = threading.Thread(target=made.offer, args=(frame(0),))
    sender.start()
    made.wait(60.0, place=0)
    sender.join()
    assert drain(made) == [0]


def test_a_scan_that_is_taken_up_again_does_not_repeat_what_was_saved():
    made = LiveBuffer(limit=10**6, window=4, patience=2.0)
    made.begin(3, [0, 1, 3])
    for index in range(6):
        made.offer(frame(index))
    assert drain(made, 3) == [2, 4, 5]
