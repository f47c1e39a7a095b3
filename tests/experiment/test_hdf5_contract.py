"""What every loader owes its users, in every layout that the loaders of HDF5 files read."""

import h5py
import numpy as np
import pytest

from ptypy.experiment import DiamondNexus, Hdf5Loader, Hdf5LoaderFast, SwmrLoader
from ptypy.testing import ScanContract, ScanExample
from ptypy.utils import Param

LINES, COLUMNS, H, W = 3, 4, 16, 20
COUNT = LINES * COLUMNS
Y, X = np.meshgrid(np.arange(LINES) * 2.0, np.arange(COLUMNS) * 3.0, indexing="ij")
PLACES = 1e-6 * np.stack([Y.ravel(), X.ravel()], axis=1)
GEOMETRY = {"energy": 8.0, "distance": 2.5, "psize": 55e-6}
MASK = np.ones((H, W), bool)
MASK[3, 5] = False


def counts():
    """Frames with photon noise, each with its own number in a corner."""
    frames = np.random.default_rng(3).poisson(40, (COUNT, H, W)).astype(np.uint16)
    frames[:, 0, 0] = 100 + np.arange(COUNT)
    return frames


def write(folder, frames, slow, fast):
    """Write a scan and give the parameters that read it."""
    path = folder / "scan.h5"
    with h5py.File(path, "w") as file:
        file["frames"], file["y"], file["x"] = frames, slow, fast
        file["mask"], file["dark"] = MASK.astype(np.uint8), np.full((H, W), 7, np.uint16)
        file["energy"], file["distance"], file["psize"] = 8000.0, 2500.0, 55.0
        file["monitor"] = np.linspace(0.9, 1.1, COUNT)
    name = str(path)
    positions = {"slow_multiplier": 1e-6, "fast_multiplier": 1e-6}
    return Param(
        intensities=Param(file=name, key="frames"),
        positions=Param(file=name, slow_key="y", fast_key="x", **positions),
        mask=Param(file=name, key="mask"),
        recorded_energy=Param(file=name, key="energy", multiplier=1e-3),
        recorded_distance=Param(file=name, key="distance", multiplier=1e-3),
        recorded_psize=Param(file=name, key="psize", multiplier=1e-6),
    )


def example(folder, loader, frames, expected, motors, **more):
    parameters = write(folder, frames, *motors)
    parameters.update(more, in_place_depth=9)
    return ScanExample(
        loader,
        parameters,
        frames=expected,
        positions=PLACES,
        mask=MASK,
        geometry=GEOMETRY,
        files=[folder / "scan.h5"],
    )


class TestListOfFrames(ScanContract):
    def make_example(self, folder):
        return example(folder, Hdf5Loader, counts(), counts(), (Y.ravel(), X.ravel()))


class TestRaster(ScanContract):
    def make_example(self, folder):
        frames = counts().reshape(LINES, COLUMNS, H, W)
        return example(folder, Hdf5LoaderFast, frames, counts(), (Y[:, 0], X[0]))


class TestListOfFramesByAxisWithDarkAndMonitor(ScanContract):
    def make_example(self, folder):
        monitor = np.linspace(0.9, 1.1, COUNT)
        gain = (monitor.mean() / monitor)[:, None, None]
        file = str(folder / "scan.h5")
        expected = np.maximum(counts() - 7.0, 0) * gain
        return example(
            folder, Hdf5Loader, counts(), expected, (Y[:, 0], X[0]),
            darkfield=Param(file=file, key="dark"), normalisation=Param(file=file, key="monitor"),
        )  # fmt: skip


class TestFinishedSwmrScan(ScanContract):
    # Of a file that is not there, this loader expects that it will come; it need not wait here.
    def make_example(self, folder):
        motors = (Y.ravel(), X.ravel())
        return example(folder, SwmrLoader, counts(), counts(), motors, timeout=0)


class TestNexusFile(ScanContract):
    def make_example(self, folder):
        path = folder / "scan.nxs"
        with h5py.File(path, "w") as file:
            detector = file.create_group("entry_1/instrument_1/detector_1")
            detector["data"], detector["pixel_mask"] = counts(), (~MASK).astype(np.uint32)
            detector["distance"] = 2.5
            detector["y_pixel_size"] = detector["x_pixel_size"] = 55e-6
            file["entry_1/instrument_1/beam_1/incident_beam_energy"] = 8.0
            file["entry_1/sample_1/transformations/y"] = Y * 1e-6
            file["entry_1/sample_1/transformations/x"] = X * 1e-6
        return ScanExample(
            DiamondNexus, {"file": str(path)}, frames=counts(), positions=PLACES, mask=MASK,
            geometry=GEOMETRY, files=[path],
        )  # fmt: skip


@pytest.mark.parametrize("cls", [Hdf5Loader, Hdf5LoaderFast, SwmrLoader, DiamondNexus])
def test_a_script_finds_every_loader_by_its_name(cls):
    from ptypy.core.data import find_scan

    assert find_scan(cls.__name__) is cls
    assert cls.DEFAULT.name == cls.__name__
