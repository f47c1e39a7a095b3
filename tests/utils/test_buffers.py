"""Memory of blocks is used again only when nobody can see it any more."""

import gc

import numpy as np

from ptypy.utils.buffers import SMALLEST, empty, release

SHAPE = (3, 512, 1024)


def test_an_array_is_like_any_other():
    array = empty(SHAPE, np.uint16)
    assert array.shape == SHAPE
    assert array.dtype == np.uint16
    assert array.flags.c_contiguous
    assert array.flags.writeable
    array[...] = 7
    assert array.sum(dtype=np.int64) == 7 * array.size


def test_an_array_that_anybody_still_sees_keeps_its_values():
    release()
    arrays = [empty(SHAPE, np.uint16) for _ in range(6)]
    for k, array in enumerate(arrays):
        array[...] = k
    views = [array[1, ::2, 5:] for array in arrays]
    del array, arrays
    gc.collect()
    for _ in range(6):
        empty(SHAPE, np.uint16)[...] = 99
    assert [(view == k).all() for k, view in enumerate(views)] == [True] * 6


def test_memory_that_nobody_sees_is_used_again():
    release()
    first = empty(SHAPE, np.uint16)
    place = first.ctypes.data
    del first
    gc.collect()
    assert empty(SHAPE, np.float32)[:1].ctypes.data != place  # twice as large
    second = empty((3, 512, 1000), np.uint16)
    assert second.ctypes.data == place


def test_small_arrays_are_left_to_numpy():
    array = empty((SMALLEST // 8,), np.int8)
    assert array.base is None
