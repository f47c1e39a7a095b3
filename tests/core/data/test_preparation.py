"""What happens to the counts of a frame between the detector and the reconstruction."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from ptypy.core.data._plan import make_plan
from ptypy.core.data._prepare import Correction, prepare_frames, prepare_weights, widen
from ptypy.errors import DataError

FLAGS = [(bool(o & 4), bool(o & 2), bool(o & 1)) for o in range(8)]
few = settings(max_examples=25, deadline=None)


def oriented(frame, orientation):
    """The orientation as the documentation words it, in plain numpy."""
    if orientation & 4:
        frame = np.transpose(frame)
    if orientation & 2:
        frame = np.flipud(frame)
    if orientation & 1:
        frame = np.fliplr(frame)
    return frame


def prepared_by_numpy(frame, shape, center, orientation, rebin):
    """Cut about a centre into zeros, orient, sum blocks: slowly, pixel by pixel."""
    height, width = shape
    top, left = (int(np.round(c)) - n // 2 for c, n in zip(center, shape, strict=True))
    region = np.zeros(shape, dtype=frame.dtype)
    for y in range(height):
        for x in range(width):
            if 0 <= top + y < frame.shape[0] and 0 <= left + x < frame.shape[1]:
                region[y, x] = frame[top + y, left + x]
    turned = oriented(region, orientation)
    rows, columns = turned.shape[0] // rebin, turned.shape[1] // rebin
    return turned.reshape(rows, rebin, columns, rebin).sum(axis=(1, 3))


counts = hnp.arrays(np.uint16, st.tuples(st.integers(1, 3), st.integers(5, 40), st.integers(5, 40)))


@given(
    counts,
    st.integers(0, 7),
    st.integers(1, 3),
    st.tuples(st.integers(1, 12), st.integers(1, 12)),
    st.tuples(st.floats(0, 0.999), st.floats(0, 0.999)),
)
@few
def test_every_pixel_lands_where_plain_numpy_puts_it(frames, orientation, rebin, blocks, where):
    raw = frames.shape[1:]
    shape = (blocks[0] * rebin, blocks[1] * rebin)
    center = tuple(w * (n - 1) for w, n in zip(where, raw, strict=True))
    plan = make_plan(raw, shape=shape, center=center, orientation=FLAGS[orientation], rebin=rebin)
    prepared = prepare_frames(frames, plan)
    if shape == raw:  # a centre within half a pixel of the middle moves nothing
        center = tuple(
            n // 2 if abs(c - n // 2) <= 0.5 else c for c, n in zip(center, raw, strict=True)
        )
    for got, frame in zip(prepared, frames, strict=True):
        expected = prepared_by_numpy(frame.astype(int), shape, center, orientation, rebin)
        np.testing.assert_array_equal(got, expected)


@pytest.mark.parametrize("orientation", range(8))
@pytest.mark.parametrize("rebin", [1, 2])
def test_the_pixel_that_the_beam_hits_is_the_centre_of_the_prepared_frame(
    one_frame, orientation, rebin
):
    frame = np.zeros((40, 36), dtype=np.uint16)
    frame[25, 11] = 777
    data, mask, common = one_frame(
        frame, shape=(24, 16), center=(25, 11), orientation=orientation, rebin=rebin
    )
    assert tuple(common.shape) == data.shape == mask.shape
    (hit,) = np.argwhere(data)
    assert tuple(hit) == tuple(np.floor(common.center).astype(int))
    assert data.max() == 777


def test_the_centre_follows_a_mirrored_frame_of_even_size():
    # shape 6: the axis is on pixel 3; mirrored, pixel 3 becomes pixel 2.
    plan = make_plan((6, 6), shape=None, center=(3, 3), orientation=(False, False, True))
    assert plan.center == (3, 2)


def test_a_transposed_frame_has_its_pixel_sizes_transposed(one_frame):
    _, _, common = one_frame(np.ones((8, 6)), psize=(1e-4, 2e-4), orientation=4, rebin=2)
    np.testing.assert_allclose(common.psize, (4e-4, 2e-4))
    assert tuple(common.shape) == (3, 4)


def test_an_off_centre_axis_moves_a_region_as_large_as_the_frame(one_frame):
    frame = np.zeros((8, 8), dtype=int)
    frame[6, 1] = 5
    data, mask, common = one_frame(frame, shape=8, center=(6, 1))
    assert data[4, 4] == 5
    assert tuple(common.center) == (4, 4)
    assert not mask[-2:].any()
    assert not mask[:, :3].any()
    assert mask[:-2, 3:].all()


@pytest.mark.parametrize("name", ["fftshift", "geometric"])
@pytest.mark.parametrize("size", [5, 6, 8, 10])
def test_both_names_of_the_middle_leave_a_whole_frame_as_it_is(one_frame, name, size):
    frame = np.arange(size * size, dtype=np.uint16).reshape(size, size)
    data, mask, _ = one_frame(frame, center=name)
    np.testing.assert_array_equal(data, frame)
    assert mask.all()


@given(st.lists(st.sampled_from(range(8)), min_size=2, max_size=2))
@few
def test_two_orientations_after_one_another_are_a_third(pair):
    """The eight orientations are the symmetries of a rectangle's square: a group."""
    frame = np.arange(12).reshape(3, 4)
    first, second = pair

    def turn(image, orientation):
        plan = make_plan(
            image.shape, shape=None, center=(1, 1), orientation=FLAGS[orientation], move=False
        )
        return prepare_frames(image[None], plan)[0]

    once = turn(turn(frame, first), second)
    same = [np.array_equal(once, turn(frame, o)) for o in range(8)]
    assert sum(same) == 1


@given(st.tuples(st.integers(4, 20), st.integers(4, 20)), st.integers(1, 5))
@few
def test_cropping_what_was_padded_gives_the_frame_back(shape, margin):
    frame = np.arange(shape[0] * shape[1]).reshape(1, *shape)
    middle = (shape[0] // 2, shape[1] // 2)
    larger = (shape[0] + 2 * margin, shape[1] + 2 * margin)
    pad = make_plan(shape, shape=larger, center=middle)
    crop = make_plan(larger, shape=shape, center=pad.center)
    np.testing.assert_array_equal(prepare_frames(prepare_frames(frame, pad), crop), frame)


@given(
    hnp.arrays(np.uint16, st.just((2, 12, 24))),
    st.sampled_from([1, 2, 3, 4, 6]),
    st.integers(0, 7),
)
@few
def test_rebinning_and_turning_neither_make_nor_lose_photons(frames, rebin, orientation):
    plan = make_plan(
        (12, 24), shape=None, center=(6, 12), orientation=FLAGS[orientation], rebin=rebin
    )
    prepared = prepare_frames(frames, plan)
    np.testing.assert_array_equal(
        prepared.sum(axis=(1, 2), dtype=np.int64), frames.sum(axis=(1, 2), dtype=np.int64)
    )


@pytest.mark.parametrize("dtype", ["u1", "u2", "u4", "i1", "i2", "i4", "bool", ">u2", ">i4"])
def test_the_brightest_frame_of_any_type_survives_the_coarsest_binning(dtype):
    dtype = np.dtype(dtype)
    top = 1 if dtype.kind == "b" else np.iinfo(dtype).max
    frame = np.full((1, 32, 32), top, dtype=dtype)
    plan = make_plan((32, 32), shape=None, center=(16, 16), rebin=32)
    prepared = prepare_frames(frame, plan)
    assert prepared.dtype.kind in "ui"
    assert int(prepared[0, 0, 0]) == 1024 * int(top)


def test_frames_that_need_nothing_are_passed_through(one_frame):
    frame = np.array([[1, 2], [3, 4]], dtype=np.uint16)
    data, _, _ = one_frame(frame)
    assert data.dtype == frame.dtype
    np.testing.assert_array_equal(data, frame)


@pytest.mark.parametrize("dtype", [np.uint16, np.int32, np.float32, np.float64])
def test_cutting_a_region_keeps_the_type_of_the_counts(one_frame, dtype):
    data, _, _ = one_frame(np.ones((8, 8), dtype), shape=(4, 12), center=(3, 4), orientation=6)
    assert data.dtype == dtype


def test_half_precision_frames_can_be_prepared(one_frame):
    data, _, _ = one_frame(np.ones((8, 8), np.float16), shape=4, rebin=2)
    np.testing.assert_array_equal(data, np.full((2, 2), 4.0))


@pytest.mark.parametrize("asked", [{}, {"shape": 4}, {"rebin": 2}], ids=["as is", "cut", "binned"])
def test_complex_frames_are_refused_with_what_would_be_right(one_frame, asked):
    with pytest.raises(DataError, match="complex128 are not counts: give integers or real"):
        one_frame(np.ones((8, 8), complex), **asked)


def test_small_integers_are_not_widened_further_than_needed():
    assert widen(np.dtype("u2"), 1) == np.uint16
    assert widen(np.dtype("u2"), 32) == np.uint32
    assert widen(np.dtype("u4"), 2) == np.uint64
    assert widen(np.dtype("i2"), 2) == np.int32


def test_one_bad_pixel_spoils_its_block_and_no_other(one_frame):
    mask = np.ones((8, 8), bool)
    mask[5, 2] = False
    _, binned, _ = one_frame(np.ones((8, 8)), mask=mask, rebin=2)
    expected = np.ones((4, 4), bool)
    expected[2, 1] = False
    np.testing.assert_array_equal(binned, expected)


def test_a_fully_masked_scan_stays_masked_when_binned(one_frame):
    _, mask, _ = one_frame(np.ones((8, 8)), mask=np.zeros((8, 8), bool), rebin=2)
    assert not mask.any()


def test_a_bad_pixel_in_every_block_leaves_none_to_trust(one_frame):
    mask = np.ones((8, 8), bool)
    mask[::2, ::2] = False
    _, binned, _ = one_frame(np.ones((8, 8)), mask=mask, rebin=2)
    assert not binned.any()


@given(
    hnp.arrays(bool, (6, 9)),
    st.integers(0, 7),
    st.sampled_from([1, 2, 3]),
    st.tuples(st.integers(0, 5), st.integers(0, 8)),
)
@few
def test_masks_go_the_way_of_the_counts(mask, orientation, rebin, center):
    """A frame that counts 1 where trusted counts rebin**2 exactly where its mask is True."""
    shape = (6, 12)
    plan = make_plan(
        mask.shape, shape=shape, center=center, orientation=FLAGS[orientation], rebin=rebin
    )
    trusted, weights = prepare_weights(mask, plan)
    counted = prepared_by_numpy(mask.astype(int), shape, center, orientation, rebin)
    np.testing.assert_array_equal(trusted, counted == rebin**2)
    assert weights is None


def test_a_mask_of_the_region_is_not_cut_again(one_frame):
    mask = np.ones((4, 4), bool)
    mask[0, 3] = False
    _, trusted, _ = one_frame(np.ones((9, 9)), mask=mask, shape=4, center=(3, 5), orientation=1)
    np.testing.assert_array_equal(trusted, np.fliplr(mask))


def test_pixels_outside_the_frame_are_not_trusted_even_if_the_mask_of_the_region_says_so(
    one_frame,
):
    _, trusted, _ = one_frame(np.ones((4, 4)), mask=np.ones((6, 6)), shape=6)
    assert trusted.sum() == 16


def test_a_mask_of_another_shape_says_which_shapes_would_do(one_frame):
    with pytest.raises(DataError, match=r"7 x 7 px.*9 x 9.*4 x 4"):
        one_frame(np.ones((9, 9)), mask=np.ones((7, 7)), shape=4)


def test_weights_that_are_not_just_yes_or_no_are_kept():
    weights = np.array([[0.0, 0.5], [1.0, np.nan]])
    plan = make_plan((2, 2), shape=None, center=(1, 1))
    mask, kept = prepare_weights(weights, plan)
    np.testing.assert_array_equal(mask, [[False, True], [True, False]])
    np.testing.assert_array_equal(kept, np.array([[0, 0.5], [1, 0]], np.float32))


def test_weights_of_a_block_are_averaged():
    weights = np.array([[1.0, 3.0, 0.0, 2.0], [1.0, 3.0, 2.0, 2.0]])
    plan = make_plan((2, 4), shape=None, center=(1, 2), rebin=2)
    mask, kept = prepare_weights(weights, plan)
    np.testing.assert_array_equal(mask, [[True, False]])
    np.testing.assert_array_equal(kept, np.array([[2, 0]], np.float32))


@given(counts, st.sampled_from([1, 2]), st.integers(0, 7))
@few
def test_dark_and_flat_give_what_numpy_gives(frames, rebin, orientation):
    raw = frames.shape[1:]
    rng = np.random.default_rng(1)
    dark, flat = rng.uniform(0, 100, raw), rng.uniform(0.5, 2, raw)
    shape = (4, 6)
    center = (raw[0] // 2, raw[1] // 2)
    plan = make_plan(raw, shape=shape, center=center, orientation=FLAGS[orientation], rebin=rebin)
    prepared = prepare_frames(frames, plan, Correction(dark, flat))
    real = np.maximum(frames - dark, 0) / flat
    expected = [prepared_by_numpy(f, shape, center, orientation, rebin) for f in real]
    np.testing.assert_allclose(prepared, expected, rtol=1e-5, atol=1e-2)
    assert prepared.dtype == np.float32


def test_counts_below_the_dark_become_zero_and_not_negative():
    plan = make_plan((2, 2), shape=None, center=(1, 1))
    dark = np.full((2, 2), 10)
    data = prepare_frames(np.array([[[5, 15], [10, 0]]]), plan, Correction(dark, None))
    np.testing.assert_array_equal(data[0], [[0, 5], [0, 0]])


def test_pixels_without_a_flat_field_are_not_trusted(memory_scan):
    scan = memory_scan([np.full((4, 4), 7, np.uint16)])
    flat = np.ones((4, 4))
    flat[1, 2] = 0
    flat[3, 3] = np.nan
    scan.correct_with(flat=flat)
    entry = scan.auto(1)["iterable"][0]
    bad = ~entry["mask"]
    assert np.argwhere(bad).tolist() == [[1, 2], [3, 3]]
    assert np.isfinite(entry["data"]).all()


def test_a_dark_of_the_wrong_shape_says_so(memory_scan):
    scan = memory_scan([np.ones((4, 6))])
    scan.correct_with(dark=np.ones((6, 4)))
    with pytest.raises(DataError, match=r"dark has shape \(6, 4\).*\(4, 6\)"):
        scan.auto(1)


def test_large_counts_keep_all_their_digits_under_a_dark():
    count = 2**31 - 1
    plan = make_plan((1, 1), shape=None, center=(0, 0))
    data = prepare_frames(np.array([[[count]]], np.int64), plan, Correction([[1.0]], None))
    assert data[0, 0, 0] == count - 1


def test_threads_give_what_one_thread_gives():
    frames = np.random.default_rng(0).poisson(9, (11, 30, 20)).astype(np.uint16)
    plan = make_plan((30, 20), shape=(16, 16), center=(14, 9), orientation=FLAGS[5], rebin=2)
    one = prepare_frames(frames, plan, threads=1)
    np.testing.assert_array_equal(prepare_frames(frames, plan, threads=4), one)
    np.testing.assert_array_equal(prepare_frames(list(frames), plan, threads=3), one)


def test_the_frames_given_are_left_as_they_were(one_frame):
    frame = np.arange(16.0).reshape(4, 4)
    before = frame.copy()
    one_frame(frame, shape=2, rebin=2)
    np.testing.assert_array_equal(frame, before)
    frame[0, 0] = 5  # still writable
