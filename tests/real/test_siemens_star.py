"""A measured scan gives the image it should: raw frames, .ptyd, reconstruction."""

import json
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[2]
STAR = ROOT.parent / "shared" / "data" / "siemens-star-small.npz.bz2"

pytestmark = [pytest.mark.real, pytest.mark.slow]


@pytest.fixture(scope="module")
def star(tmp_path_factory):
    """Run the example as a user does, 40 iterations beyond the hundred."""
    home = tmp_path_factory.mktemp("star")
    command = [sys.executable, str(ROOT / "examples" / "siemens_star.py"), str(STAR), str(home)]
    subprocess.run([*command, "40"], check=True, timeout=280)
    return home


@pytest.fixture(scope="module")
def summary(star):
    return json.loads((star / "summary.json").read_text())


def test_the_star_is_sharp_within_a_hundred_iterations(summary):
    assert summary["residual"][99] < 0.13


def test_it_stays_sharp_when_the_engine_goes_on(summary):
    later = np.array(summary["residual"][100:])
    assert len(later) == 40
    # The engine minimises the likelihood, and the residual wavers by parts in a thousand.
    assert later.max() < 1.002 * summary["residual"][99]
    assert later[-10:].mean() < later[:10].mean()


def test_it_does_not_fit_the_noise_away(summary):
    # With many photons in every pixel it would be sqrt(1/4 / mean counts) = 0.094, and dark
    # pixels are less noisy than that; the publishers of the data estimate 0.07.
    assert 0.06 < summary["noise_floor"] < 0.094
    assert summary["residual"][-1] > summary["noise_floor"]


def test_every_measured_photon_reaches_the_prepared_file(star):
    with h5py.File(star / "star_raw.h5") as raw, h5py.File(star / "star.ptyd") as prepared:
        stored = sum(int(chunk["data"][()].sum()) for chunk in prepared["chunks"].values())
        assert stored == int(raw["entry/data"][()].sum())


def test_the_spokes_point_at_the_middle_of_the_star(star):
    """Straight radial spokes have one angular frequency at every radius: this star has 30 spokes.

    A warped, doubled or noisy image spreads over many frequencies.
    """
    from ptypy.io import h5read

    (path,) = star.glob("star_ML_*.ptyr")
    (obj,) = h5read(str(path), "content.obj")["obj"].values()
    image = obj["data"][0]
    phase = np.angle(image * np.exp(-1j * np.angle(image.mean())))
    # The hub is where circles look most like spokes.
    angles = np.linspace(0, 2 * np.pi, 720, endpoint=False)

    def spectrum(cy, cx, radius):
        y = np.rint(cy + radius * np.sin(angles)).astype(int)
        x = np.rint(cx + radius * np.cos(angles)).astype(int)
        values = phase[y, x]
        return np.abs(np.fft.rfft(values - values.mean())) ** 2

    def share_of_30(cy, cx, radius):
        power = spectrum(cy, cx, radius)
        return power[30] / power.sum()

    height, width = phase.shape
    rows, columns = np.arange(-40, 41, 4) + height // 2, np.arange(-40, 41, 4) + width // 2
    hub = max(((y, x) for y in rows for x in columns), key=lambda c: share_of_30(*c, 90))
    strongest = [int(np.argmax(spectrum(*hub, radius))) for radius in (60, 90, 120, 150)]
    assert strongest == [30, 30, 30, 30]
    assert share_of_30(*hub, 120) > 0.6
