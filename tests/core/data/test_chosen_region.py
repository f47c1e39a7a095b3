"""The region that counts choose where ``shape`` is 'auto': it holds the signal, or says so."""

import numpy as np
import pytest

from ptypy.core.data import PtydScan
from ptypy.errors import DataError, ParameterError

BEAM = (61, 83)
Y, X = np.indices((140, 150))
AWAY = np.maximum(abs(Y - BEAM[0]), abs(X - BEAM[1]))
SIGNAL = np.where(AWAY <= 22, 40.0, 0.0)
"""A square of 45 px that counts, about a beam off the middle."""
GEOMETRY = {"shape": "auto", "center": BEAM, "energy": 8.0, "distance": 2.0, "psize": 75e-6}


def shots(mean, count=12, seed=1):
    return np.random.default_rng(seed).poisson(mean, (count, *Y.shape)).astype(np.uint16)


def chosen(scan, frames=12):
    """Give (rows, columns) of the region, and the chunk."""
    chunk = scan.next_chunk(frames)
    assert tuple(scan.info.found_shape) == scan.region_in_raw[2:]
    return scan.region_in_raw[2:], chunk


@pytest.mark.parametrize("background", [0.0, 0.02, 3.0])
def test_the_region_is_the_smallest_fast_one_that_holds_the_signal(memory_scan, background):
    """46 px hold 22 on either side of the axis; 48 is the next size of fast transforms."""
    region, chunk = chosen(memory_scan(shots(SIGNAL + background), **GEOMETRY))
    assert region == (48, 48)
    assert chunk.data.shape == (12, 48, 48)
    assert tuple(chunk.meta.shape) == (48, 48)
    assert tuple(chunk.meta.center) == (24, 24)


@pytest.mark.parametrize(("rebin", "size"), [(1, 48), (2, 64), (3, 48), (4, 64)])
def test_prepared_frames_have_a_fast_size_however_they_are_binned(memory_scan, rebin, size):
    region, chunk = chosen(memory_scan(shots(SIGNAL), rebin=rebin, **GEOMETRY))
    assert region == (size, size)
    assert chunk.data.shape[1:] == (size // rebin, size // rebin)


def test_hot_and_untrusted_pixels_have_no_say(memory_scan):
    frames = shots(SIGNAL + 0.02)
    frames[:, 3, 5] = 900
    frames[:, 130, 140:142] = 60000
    frames[:, :, 149] = 2000
    mask = np.ones(Y.shape, bool)
    mask[:, 149] = False
    found = memory_scan(frames, mask=mask, **GEOMETRY | {"center": None})
    assert chosen(found)[0] == (48, 48)
    np.testing.assert_allclose(found.info.found_center, BEAM, atol=0.5)


def test_signal_that_fades_smoothly_is_not_taken_for_background(memory_scan, caplog):
    """Where counts still fall at the border of the frame nobody knows the background."""
    region, _ = chosen(memory_scan(shots(2e4 / (1 + AWAY.astype(float)) ** 2), **GEOMETRY))
    assert min(region) >= 2 * 78
    assert "the signal reaches the border of the raw frame" in caplog.text


@pytest.mark.parametrize("size", [64, 63])
def test_signal_all_over_a_frame_of_a_fast_size_asks_for_no_more_than_the_frame(memory_scan, size):
    y, x = np.indices((size, size)) - size // 2
    frames = np.random.default_rng(3).poisson(900 / (9 + np.hypot(y, x)), (12, size, size))
    asked = GEOMETRY | {"center": "fftshift"}
    assert chosen(memory_scan(frames.astype(np.uint16), **asked))[0] == (64, 64)


def test_weak_signal_far_out_is_kept(memory_scan):
    far = np.where(abs(AWAY - 50) < 2, 0.5, 0.0)
    region, _ = chosen(memory_scan(shots(SIGNAL + far + 0.02), **GEOMETRY))
    assert min(region) >= 102


def test_too_little_signal_at_the_border_to_keep_is_told_of(memory_scan, caplog):
    rising = np.where(AWAY > 76, 0.02, 0.0)
    region, _ = chosen(memory_scan(shots(SIGNAL * 200 + rising, 32), **GEOMETRY), 32)
    assert region == (48, 48)
    assert "counts rise again towards the border" in caplog.text


def test_frames_that_hold_nothing_are_kept_whole_and_that_is_said(memory_scan, caplog):
    """About an axis off the middle that takes more than the frame has."""
    region, chunk = chosen(memory_scan(shots(0.0 * SIGNAL + 2), **GEOMETRY))
    assert region == (192, 192)
    assert chunk.mask.sum() == Y.size
    assert "no counts above the background" in caplog.text


def test_frames_that_nothing_may_be_trusted_of_are_kept_whole(memory_scan, caplog):
    region, _ = chosen(memory_scan(shots(SIGNAL), mask=np.zeros(Y.shape), **GEOMETRY))
    assert region == (192, 192)
    assert "no counts above the background" in caplog.text


@pytest.mark.parametrize("level", [0.0, -0.05])
def test_counts_below_zero_that_a_correction_leaves_are_background(memory_scan, level):
    noise = np.random.default_rng(2).normal(level, 0.5, (12, *Y.shape))
    region, _ = chosen(memory_scan((shots(SIGNAL) + noise).astype(np.float32), **GEOMETRY))
    assert max(region) <= 64


def test_size_of_blocks_does_not_matter_once_enough_frames_are_there(memory_scan):
    frames = shots(SIGNAL * np.linspace(0.1, 2, 60)[:, None, None], 60)
    asked = GEOMETRY | {"center": None}
    scans = [memory_scan(frames, **asked) for _ in range(3)]
    found = [chosen(scan, count) for scan, count in zip(scans, (32, 45, 60), strict=True)]
    assert len({region for region, _ in found}) == 1
    centers = [scan.info.found_center for scan in scans]
    assert np.array_equal(centers[0], centers[1])
    assert np.array_equal(centers[0], centers[2])


def test_the_region_is_kept_with_the_frames_and_gone_on_with(memory_scan, tmp_path):
    asked = GEOMETRY | {"save": "append", "dfile": str(tmp_path / "s.ptyd"), "resume": True}
    frames = shots(SIGNAL, 20)
    memory_scan(frames, **asked).auto(10)
    # What comes later is wider, and must be cut as what came first.
    wide = np.concatenate([frames[:10], shots(np.where(AWAY < 50, 40.0, 0), 10)])
    scan = memory_scan(wide, **asked)
    chunk = scan.next_chunk(10)
    assert chunk.indices.tolist() == list(range(10, 20))
    assert chunk.data.shape == (10, 48, 48)
    scan.next_chunk(10)
    whole = PtydScan(dfile=asked["dfile"]).next_chunk(20)
    assert whole.data.shape == (20, 48, 48)
    assert tuple(whole.meta.shape) == (48, 48)


def test_a_mask_of_another_size_than_the_frame_fits_no_region_that_is_not_known(memory_scan):
    scan = memory_scan(shots(SIGNAL), mask=np.ones((48, 48)), **GEOMETRY)
    with pytest.raises(DataError, match="the mask has 48 x 48 px"):
        scan.auto(12)


def test_another_word_than_auto_is_refused(memory_scan):
    with pytest.raises(ParameterError, match=r"shape.*'auto'"):
        memory_scan(shots(SIGNAL), **GEOMETRY | {"shape": "outo"})
