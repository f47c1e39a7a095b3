"""The simulated raw files contain the experiment they claim to."""

import h5py
import numpy as np
import pytest

from ptypy.simulations import Beamtime, read_truth


@pytest.fixture(scope="module")
def small():
    return Beamtime(
        frames=24, photons=2e5, region=64, frame_shape=(96, 80), center=(50, 37),
        beam_diameter=12, step=4, bad_pixels=10,
    )  # fmt: skip


@pytest.fixture(scope="module")
def files(small, tmp_path_factory):
    return small.write(tmp_path_factory.mktemp("beamtime"))


def test_a_frame_holds_the_photons_of_the_beam_and_the_pedestal(small, files):
    with h5py.File(files["detector"]) as file:
        dark, bad = file["entry/dark"][()], file["entry/bad_pixels"][()] > 0
        frames = file["entry/data"][()].astype(float) - dark
    assert frames.shape == (24, 96, 80)
    light = np.where(bad, 0, frames).sum(axis=(1, 2))
    # The sample absorbs a little, bad pixels hide a little more.
    assert (light < 1.01 * small.photons).all()
    assert (light > 0.5 * small.photons).all()


def test_without_a_sample_the_frame_is_the_far_field_of_the_beam(small, files):
    """Photon counts scatter around |FFT(probe * object)|^2 as Poisson says."""
    truth = read_truth(files["truth"])
    n, middle = small.region, np.array(truth.object.shape) // 2
    field = np.zeros((n, n), complex)
    inner = slice((n - len(truth.probe)) // 2, (n + len(truth.probe)) // 2)
    field[inner, inner] = truth.probe
    corner = middle - n // 2  # the first scan point is the origin
    wave = field * truth.object[corner[0] : corner[0] + n, corner[1] : corner[1] + n]
    expected = np.abs(np.fft.fftshift(np.fft.fft2(wave, norm="ortho"))) ** 2
    with h5py.File(files["detector"]) as file:
        raw = file["entry/data"][0].astype(float) - file["entry/dark"][()]
        bad = file["entry/bad_pixels"][()] > 0
    top, left = small.center[0] - n // 2, small.center[1] - n // 2
    upright = np.s_[top : top + n, left : left + n]
    counts, good = np.fliplr(raw[upright].T), ~np.fliplr(bad[upright].T)
    chi_squared = (counts - expected)[good] ** 2 / np.maximum(expected[good], 1)
    bright = expected[good] > 5
    assert chi_squared[bright].mean() == pytest.approx(1, abs=0.15)


def test_positions_are_whole_pixels_in_the_units_of_a_stage(small, files):
    with h5py.File(files["stage"]) as file:
        y, x = file["scan/y"][()] * 1e-6, file["scan/x"][()] * 1e-6
        assert file["beam/energy"][()] == 8000
    steps = np.stack([y, x], axis=1) / small.resolution
    np.testing.assert_allclose(steps, np.rint(steps), atol=1e-6)
    np.testing.assert_allclose(np.stack([y, x], axis=1), read_truth(files["truth"]).positions)


def test_the_same_seed_gives_the_same_photons(small, files, tmp_path):
    again = small.write(tmp_path)
    with h5py.File(files["detector"]) as one, h5py.File(again["detector"]) as other:
        np.testing.assert_array_equal(one["entry/data"][3], other["entry/data"][3])
