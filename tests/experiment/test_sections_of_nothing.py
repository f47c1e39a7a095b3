"""None for a section of parameters says nothing: its defaults hold."""

import h5py
import numpy as np
import pytest

from ptypy.core import Ptycho
from ptypy.core.data import Chunk
from ptypy.errors import ParameterError
from ptypy.experiment import Hdf5Loader, ImageStackScan
from ptypy.utils import Param

GEOMETRY = {"energy": 8.0, "distance": 1.5, "psize": 75e-6, "shape": 16}


@pytest.fixture
def asked(tmp_path):
    np.save(tmp_path / "scan.npy", np.ones((6, 16, 16), np.uint16))
    np.savetxt(tmp_path / "log.txt", 1e-6 * np.arange(12.0).reshape(6, 2))
    positions = {"file": str(tmp_path / "log.txt")}
    return {"files": str(tmp_path / "scan.npy"), "positions": positions, **GEOMETRY}


@pytest.mark.parametrize("nothing", [None, "None"])
def test_no_mask_no_dark_and_no_flat_may_be_said(asked, nothing):
    scan = ImageStackScan(asked, mask=nothing, darkfield=nothing, flatfield=nothing)
    assert isinstance(chunk := scan.next_chunk(6), Chunk)
    assert chunk.data.sum() == 6 * 256


def test_a_section_within_a_section_may_be_none(asked):
    asked["positions"]["raster"] = None
    assert isinstance(ImageStackScan(asked).next_chunk(6), Chunk)


def test_no_positions_are_refused_with_the_remedies(asked):
    with pytest.raises(ParameterError, match=r"positions\.file"):
        ImageStackScan({**asked, "positions": None})


def test_no_frames_are_refused_with_what_is_needed():
    with pytest.raises(ParameterError, match="intensities"):
        Hdf5Loader(intensities=None, **GEOMETRY)


def test_hdf5_files_without_a_mask_may_be_read(tmp_path):
    path = str(tmp_path / "s.h5")
    with h5py.File(path, "w") as file:
        file["frames"] = np.ones((6, 16, 16))
        file["y"] = file["x"] = np.arange(6) * 1e-6
    scan = Hdf5Loader(
        intensities={"file": path, "key": "frames"},
        positions={"file": path, "slow_key": "y", "fast_key": "x", "bounding_box": None},
        **dict.fromkeys(("mask", "darkfield", "flatfield", "normalisation", "framefilter")),
        **GEOMETRY,
    )
    assert isinstance(scan.next_chunk(6), Chunk)


def test_a_run_takes_none_for_a_section_of_its_scan(asked, tmp_path):
    p = Param(io=Param(home=str(tmp_path), autosave=Param(active=False)))
    data = Param(name="ImageStackScan", mask=None, **asked)
    p.scans = Param(s=Param(name="Full", data=data))
    assert len(Ptycho(p, level=2).diff.storages) == 1
