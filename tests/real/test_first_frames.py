"""What the first frames of a real scan decide about it."""

import bz2
import io
from pathlib import Path

import numpy as np
import pytest

from ptypy.experiment import ArrayScan

STAR = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "siemens-star-small.npz.bz2"

pytestmark = pytest.mark.real

ASKED = {"shape": "auto", "center": None, "find_bad_pixels": True, "energy": 8.8, "distance": 2.0,
         "psize": 75e-6}  # fmt: skip


@pytest.fixture(scope="module")
def star():
    """Frames of a Siemens star, whose signal fills them, with a direct beam of one pixel."""
    with np.load(io.BytesIO(bz2.decompress(STAR.read_bytes()))) as stored:
        frames = stored["data"][0, :40]
    return np.fft.fftshift(frames, axes=(1, 2)).astype(np.uint16)


def prepared(frames, **changed):
    scan = ArrayScan(frames=frames, positions=np.arange(80.0).reshape(40, 2) * 1e-7,
                     **ASKED | changed)  # fmt: skip
    return scan.next_chunk(40), scan.info


def test_a_good_detector_has_no_bad_pixel_though_its_beam_is_as_sharp_as_one(star):
    chunk, info = prepared(star)
    assert info.found_bad_pixels.shape == (0, 2)
    assert chunk.data.shape == (40, 128, 128)
    np.testing.assert_allclose(info.found_center, (64, 67), atol=1)


def test_pixels_that_are_spoilt_are_found_and_change_nothing_else(star):
    spoilt = star.copy()
    spoilt[:, 3, 5] = 900
    spoilt[:, 80:83, 44] = 0
    spoilt[:, 64, 50] = 37
    (_, clean), (_, found) = prepared(star), prepared(spoilt)
    places = [[3, 5], [64, 50], [80, 44], [81, 44], [82, 44]]
    assert found.found_bad_pixels.tolist() == places
    np.testing.assert_allclose(found.found_center, clean.found_center, atol=0.1)
    assert np.array_equal(found.found_shape, clean.found_shape)


def test_a_smaller_signal_in_a_larger_frame_is_cut_out_of_it(star):
    wide = np.random.default_rng(1).poisson(0.02, (40, 300, 280)).astype(np.uint16)
    wide[:, 90:218, 60:188] += star
    _, info = prepared(wide)
    np.testing.assert_allclose(info.found_center, (154, 127), atol=1.5)
    assert 128 <= info.found_shape[0] <= 144
