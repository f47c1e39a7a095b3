"""Frames meet the positions they were taken at, in every layout beamlines store."""

import h5py
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ptypy.errors import DataError
from ptypy.experiment._hdf5_layout import pair_positions, select_frames
from ptypy.io.stored_frames import Window, read_frames, stretches

SLOW, FAST = np.array([0.0, 1.0, 2.0]), np.array([10.0, 20.0])
GRID = np.stack(np.meshgrid(SLOW, FAST, indexing="ij"))
RASTER = np.array([[0, 10], [0, 20], [1, 10], [1, 20], [2, 10], [2, 20]], float)


@pytest.mark.parametrize(
    ("scan_shape", "slow", "fast"),
    [
        ((3, 2), GRID[0], GRID[1]),
        ((6,), GRID[0].ravel(), GRID[1].ravel()),
        ((6,), GRID[0], GRID[1]),
        ((3, 2), SLOW, FAST),
        ((6,), SLOW, FAST),
    ],
)
def test_a_raster_stored_in_any_way_gives_the_same_positions(scan_shape, slow, fast):
    np.testing.assert_array_equal(pair_positions(scan_shape, slow, fast), RASTER)


def test_positions_that_do_not_fit_say_what_would():
    with pytest.raises(DataError, match=r"6 frames \(6,\).*one entry a frame"):
        pair_positions((6,), np.zeros(5), np.zeros(5))


@pytest.mark.parametrize(
    ("scan_shape", "slow", "fast", "remedy"),
    [
        ((3, 2), FAST, SLOW, "slow and fast are exchanged"),
        ((3, 2), GRID[0].T, GRID[1], "one of the two is transposed"),
        ((3, 2), GRID[0].T, GRID[1].T, "they are transposed"),
        ((6,), np.zeros((6, 5)), np.zeros((6, 5)), "5 readings a frame.*slow_index"),
        ((6,), np.zeros(7), np.zeros(7), "num_frames=6"),
    ],
)
def test_positions_of_the_wrong_shape_are_not_mixed_up(scan_shape, slow, fast, remedy):
    with pytest.raises(DataError, match=remedy):
        pair_positions(scan_shape, slow, fast)


@pytest.mark.parametrize("scan_shape", [(6, 1), (1, 6)])
def test_a_list_may_have_an_axis_of_one_entry(scan_shape):
    np.testing.assert_array_equal(pair_positions(scan_shape, SLOW, FAST), RASTER)


def test_bounds_filter_skip_and_order_choose_the_frames_they_name():
    everything = {
        "keep": None, "slow_bounds": None, "fast_bounds": None, "skip": 1, "order": None,
    }  # fmt: skip
    assert select_frames((3, 2), **everything).tolist() == [0, 1, 2, 3, 4, 5]
    assert select_frames((3, 2), **{**everything, "slow_bounds": (1, 3)}).tolist() == [2, 3, 4, 5]
    assert select_frames((3, 2), **{**everything, "skip": 2}).tolist() == [0, 4]
    keep = np.array([1, 0, 1, 1, 1, 1], bool)
    order = np.array([5, 1, 0])
    assert select_frames((6,), **{**everything, "keep": keep, "order": order}).tolist() == [5, 0]
    with pytest.raises(DataError, match="lines of a raster"):
        select_frames((6,), **{**everything, "slow_bounds": (1, 3)})
    with pytest.raises(DataError, match="frame 9"):
        select_frames((6,), **{**everything, "order": np.array([9])})


@st.composite
def choices(draw):
    """A scan and some of its frames in any order, often in ranges."""
    shape = draw(st.sampled_from([(24,), (4, 6), (1, 24), (24, 1)]))
    first, step = draw(st.integers(0, 23)), draw(st.integers(1, 9))
    ranges = st.just(np.arange(first, 24, step).tolist())
    numbers = draw(ranges | st.lists(st.integers(0, 23), min_size=1, max_size=30))
    return shape, np.array(numbers, dtype=np.int64)


@given(choices(), st.tuples(st.integers(0, 2), st.integers(0, 3)))
def test_any_choice_of_frames_is_read_as_if_all_had_been(choice, start):
    shape, numbers = choice
    frames = np.arange(24 * 5 * 6).reshape(24, 5, 6)
    window = Window(slice(start[0], 5), slice(start[1], 6), (8, 7), (2, 1))
    expected = np.zeros((len(numbers), 8, 7), int)
    expected[:, start[0] + 2 : 7, start[1] + 1 : 7] = frames[numbers, start[0] :, start[1] :]
    with h5py.File("in memory", "w", driver="core", backing_store=False) as file:
        file["data"] = frames.reshape(*shape, 5, 6)
        np.testing.assert_array_equal(read_frames(file["data"], numbers, window), expected)


@pytest.mark.parametrize(
    ("shape", "numbers", "pieces"),
    [
        ((100,), np.arange(100), 1),
        ((100,), np.arange(3, 90, 3), 1),
        ((10, 10), np.arange(100), 1),
        ((10, 10), np.arange(5, 95), 3),
        ((10, 10), np.arange(100)[::2], 10),
        ((100,), np.delete(np.arange(100), [7, 50]), 3),
    ],
)
def test_neighbours_are_read_in_one_piece(shape, numbers, pieces):
    assert len(stretches(numbers, shape)) == pieces
