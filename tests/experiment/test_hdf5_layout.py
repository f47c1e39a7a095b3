"""Frames meet the positions they were taken at, in every layout beamlines store."""

import numpy as np
import pytest

from ptypy.errors import DataError
from ptypy.experiment._hdf5_layout import pair_positions, select_frames

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
