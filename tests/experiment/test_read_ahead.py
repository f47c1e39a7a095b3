"""Blocks that only HDF5 can unpack are read while the one before is prepared."""

import os

import h5py
import numpy as np
import pytest

from ptypy.errors import FormatError
from ptypy.experiment import Hdf5Loader
from ptypy.utils import Param

FRAMES = np.random.default_rng(3).poisson(5, (23, 40, 48)).astype(np.uint16)


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "raw.h5"
    with h5py.File(path, "w") as file:
        file.create_dataset("data", data=FRAMES, chunks=(1, 40, 48), compression="gzip")
        file["y"], file["x"] = np.divmod(np.arange(23) * 1e-6, 5e-6)
    return path


def scan_of(path, **more):
    p = Param(intensities=Param(file=str(path), key="data"))
    p.positions = Param(file=str(path), slow_key="y", fast_key="x")
    geometry = {"distance": 1.0, "psize": 1e-4, "energy": 8.0}
    return Hdf5Loader(p, **{"shape": 32, "center": (20, 24), "rebin": 2, **geometry, **more})


def binned(frames):
    return frames[:, 4:36, 8:40].reshape(len(frames), 16, 2, 16, 2).sum(axis=(2, 4))


def test_whatever_is_asked_for_next_the_frames_are_the_right_ones(path):
    scan, given = scan_of(path), []
    for count in (3, 3, 3, 7, 1, 1, 5):
        given += [entry["data"] for entry in scan.auto(count)["iterable"]]
    assert scan.auto(3) == scan.EOS
    np.testing.assert_array_equal(given, binned(FRAMES))


def test_a_frame_that_cannot_be_read_spoils_only_the_block_it_is_in(path):
    with h5py.File(path) as file:
        chunk = file["data"].id.get_chunk_info_by_coord((7, 0, 0))
    with path.open("r+b") as raw:
        raw.seek(chunk.byte_offset)
        raw.write(bytes(chunk.size))
    scan = scan_of(path)
    given = []
    for _ in range(2):
        given += [entry["data"] for entry in scan.auto(3)["iterable"]]
    np.testing.assert_array_equal(given, binned(FRAMES[:6]))
    for _ in range(2):
        with pytest.raises(FormatError, match=r"raw\.h5: data cannot be read .* damaged"):
            scan.auto(3)


def test_fewer_frames_than_there_are_end_where_they_were_told_to(path):
    scan, given = scan_of(path, num_frames=10), []
    while (package := scan.auto(4)) != scan.EOS:
        given += [entry["data"] for entry in package["iterable"]]
    np.testing.assert_array_equal(given, binned(FRAMES[:10]))


def test_a_forked_process_goes_on_by_itself(path):
    """The thread that was reading ahead has stayed behind."""
    scan = scan_of(path)
    scan.auto(3), scan.auto(3)
    child = os.fork()
    if not child:
        data = [entry["data"] for entry in scan.auto(3)["iterable"]]
        os._exit(0 if np.array_equal(data, binned(FRAMES[6:9])) else 1)
    assert os.waitpid(child, 0)[1] == 0


DAMAGED = """
import h5py, hdf5plugin
import numpy as np
from ptypy.experiment import Hdf5Loader
from ptypy.utils import Param, parallel

if parallel.master:
    options = dict(hdf5plugin.Bitshuffle(cname="lz4"), chunks=(1, 40, 48))
    with h5py.File("raw.h5", "w") as file:
        data = np.random.default_rng(3).poisson(5, (8, 40, 48)).astype(np.uint16)
        file.create_dataset("data", data=data, **options)
        file["y"], file["x"] = np.divmod(np.arange(8) * 1e-6, 3e-6)
        chunk = file["data"].id.get_chunk_info_by_coord((5, 0, 0))
    with open("raw.h5", "r+b") as raw:
        raw.seek(chunk.byte_offset + 12)
        raw.write(b"\\xff" * 8)
parallel.barrier()
p = Param(intensities=Param(file="raw.h5", key="data"))
p.positions = Param(file="raw.h5", slow_key="y", fast_key="x")
scan = Hdf5Loader(p, shape=32, auto_center=True, distance=1.0, psize=1e-4, energy=8.0)
scan.auto(8)
"""


@pytest.mark.mpi
def test_a_damaged_frame_ends_all_processes_while_they_look_for_the_axis(mpirun):
    done = mpirun(DAMAGED, 2, timeout=100)
    assert done.returncode != 0
    assert "frame 5 cannot be read" in done.stderr
