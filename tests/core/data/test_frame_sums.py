"""What the loop has seen of every frame on its way: photons, their centre, odd counts."""

import h5py
import numpy as np
import pytest

from ptypy.core.data import PtyScan
from ptypy.experiment import Hdf5Loader
from ptypy.utils import Param

GEOMETRY = {"distance": 1.0, "psize": 1e-4, "energy": 8.0}
Y, X = np.indices((48, 64))
SPOT = 200 * np.exp(-((Y - 20) ** 2 + (X - 37) ** 2) / 40)
FRAMES = np.random.default_rng(2).poisson(SPOT, (9, 48, 64)).astype(np.uint16)


class Scan(PtyScan):
    """Gives frames that are in memory."""

    def load_positions(self):
        return np.arange(18).reshape(9, 2) * 1e-6

    def load_weight(self):
        mask = np.ones((48, 64))
        mask[18:20, 30:40] = 0
        return mask

    def load_block(self, indices):
        return FRAMES[indices], None, None


def expected(mask, region, factor=1.0):
    rows, columns = region
    counts = (FRAMES * factor * mask)[:, rows, columns]
    total = counts.sum(axis=(1, 2))
    y = (counts * Y[rows, columns]).sum(axis=(1, 2)) / total
    x = (counts * X[rows, columns]).sum(axis=(1, 2)) / total
    return total, np.stack([y, x], axis=1)


@pytest.mark.parametrize("orientation", range(8))
@pytest.mark.parametrize("dark", [False, True])
def test_photons_and_their_centre_are_those_of_the_trusted_region(orientation, dark):
    scan = Scan(shape=32, center=(20, 36), orientation=orientation, **GEOMETRY)
    if dark:
        scan.correct_with(flat=np.full((48, 64), 2.0))
    chunk = scan.next_chunk(9)
    region = slice(4, 36), slice(20, 52)
    photons, centers = expected(scan.load_weight(), region, 0.5 if dark else 1.0)
    np.testing.assert_allclose(chunk.photons, photons, rtol=1e-6)
    np.testing.assert_allclose(chunk.centers, centers, rtol=1e-5)


def test_in_binned_pixels_the_centre_is_that_of_the_pixels_they_are_made_of():
    scan = Scan(shape=32, center=(20, 36), rebin=2, orientation=5, **GEOMETRY)
    chunk = scan.next_chunk(9)
    photons, centers = expected(scan.load_weight(), (slice(4, 36), slice(20, 52)))
    np.testing.assert_allclose(chunk.photons, photons)
    # Which half of a binned pixel the counts were in is not known any more.
    assert np.abs(chunk.centers - centers).max() < 0.25


def test_counts_that_are_not_trusted_are_not_added_up(tmp_path):
    frames = FRAMES.copy()
    frames[3, 22, 40] = 65535
    with h5py.File(tmp_path / "raw.h5", "w") as file:
        file["data"] = frames
        file["y"], file["x"] = np.arange(18).reshape(2, 9) * 1e-6
    name = str(tmp_path / "raw.h5")
    p = Param(intensities=Param(file=name, key="data"))
    p.positions = Param(file=name, slow_key="y", fast_key="x")
    chunk = Hdf5Loader(p, shape=32, center=(20, 36), orientation=3, **GEOMETRY).next_chunk(9)
    mask = np.ones(FRAMES.shape)
    mask[3, 22, 40] = 0
    photons, centers = expected(mask, (slice(4, 36), slice(20, 52)))
    np.testing.assert_allclose(chunk.photons, photons)
    np.testing.assert_allclose(chunk.centers, centers, rtol=1e-6)


def test_a_frame_without_counts_has_no_centre():
    scan = Scan(shape=32, center=(20, 36), **GEOMETRY)
    scan.load_block = lambda indices: (np.zeros((len(indices), 48, 64), np.uint16), None, None)
    chunk = scan.next_chunk(9)
    assert (chunk.photons == 0).all()
    assert np.isnan(chunk.centers).all()


def test_rows_and_columns_of_the_centre_mixed_up_are_noticed(caplog):
    Scan(shape=24, center=(20, 37), **GEOMETRY).next_chunk(9)
    assert "far from its middle" not in caplog.text
    Scan(shape=24, center=(37, 20), **GEOMETRY).next_chunk(9)
    assert "the counts in the region of the first frames lie about row 2" in caplog.text
    assert "far from its middle, row 37, column 20: is `center` (row, column)" in caplog.text


def test_a_pixel_that_is_no_number_is_left_out_of_the_photons():
    frames = FRAMES.astype(np.float32)
    frames[2, 21, 38] = np.nan
    scan = Scan(shape=32, center=(20, 36), **GEOMETRY)
    scan.load_block = lambda indices: (frames[indices], None, None)
    chunk = scan.next_chunk(9)
    np.testing.assert_allclose(chunk.photons, (chunk.data * chunk.mask).sum(axis=(1, 2)))
    assert np.abs(chunk.centers - (20, 37)).max() < 2


def test_photons_that_were_not_counted_are_not_told_of():
    """Noise is added after the loop has counted."""
    chunk = Scan(shape=32, center=(20, 36), add_poisson_noise=True, **GEOMETRY).next_chunk(9)
    assert chunk.photons is None


@pytest.mark.parametrize("spoilt", ["uint16", "float32"])
def test_the_axis_is_found_alike_wherever_frames_lie(tmp_path, spoilt):
    """Saturated pixels, and those that are no numbers, are not looked at."""
    frames = FRAMES.astype(spoilt)
    frames[3, 2, 2] = 65535 if spoilt == "uint16" else np.nan
    found = []
    for name, options in (("plain", {}), ("packed", {"compression": "gzip"})):
        path = str(tmp_path / f"{name}.h5")
        with h5py.File(path, "w") as file:
            file.create_dataset("data", data=frames, chunks=(1, 48, 64), **options)
            file["y"], file["x"] = np.arange(18).reshape(2, 9) * 1e-6
        p = Param(intensities=Param(file=path, key="data"))
        p.positions = Param(file=path, slow_key="y", fast_key="x")
        scan = Hdf5Loader(p, shape=24, center=None, auto_center=True, **GEOMETRY)
        scan.next_chunk(9)
        found.append(scan.info.found_center)
    np.testing.assert_allclose(found[0], found[1], rtol=1e-12)
    assert np.abs(found[0] - (20, 37)).max() < 1
