"""A loader of PtyPy 0.9 that waits for a growing file, on one process and on several."""

# ruff: noqa: SIM108 - people write so

from pathlib import Path

import h5py
import numpy as np
import pytest

from ptypy import io
from ptypy.core.data import PtyScan
from ptypy.experiment import register
from ptypy.utils import parallel

FRAMES = np.random.default_rng(11).poisson(50, (12, 20, 24)).astype(np.uint16)
POSITIONS = np.stack(np.mgrid[:3, :4], axis=-1).reshape(-1, 2) * 1e-7
GEOMETRY = {"energy": 6.2, "distance": 0.5, "psize": 75e-6}


@register()
class OnlineScan(PtyScan):
    """Waits for a file that grows; only the master looks, and tells the others.

    Defaults:

    [file]
    type = str
    default = None
    help = File of the scan

    [num_frames]
    default = None

    [min_frames]
    default = 4
    """

    def __init__(self, pars=None, **kwargs):
        super().__init__(pars, **kwargs)
        self.looked = 0
        if parallel.master:
            total = io.h5read(self.info.file, "total")["total"]
        else:
            total = None
        self.total = parallel.bcast(total)
        parallel.barrier()

    def post_initialize(self):
        self.ready = True

    def load_positions(self):
        return None

    def load_weight(self):
        return None

    def check(self, frames=None, start=None):
        if start is None:
            start = self.framestart
        if frames is None:
            frames = self.min_frames
        self.looked += 1
        with h5py.File(self.info.file, "r") as f:
            available = len(f["frames"])
        new_frames = min(available - start, frames)
        end_of_scan = 1 if start + new_frames >= self.total else 0
        return new_frames, end_of_scan

    def load(self, indices):
        raw, pos = {}, {}
        with h5py.File(self.info.file, "r") as f:
            for i in indices:
                raw[i] = f["frames"][i]
                pos[i] = f["positions"][i]
        return raw, pos, {}


def write(path, count):
    """Let the file hold so many frames."""
    with h5py.File(path, "w") as file:
        file["total"], file["frames"], file["positions"] = 12, FRAMES[:count], POSITIONS[:count]


def test_a_class_that_waits_for_frames_and_tells_the_end_itself(tmp_path):
    path = tmp_path / "online.h5"
    write(path, 3)
    scan = OnlineScan(file=str(path), shape=(16, 20), **GEOMETRY)
    assert scan.auto(5) == scan.WAIT == "msg1"
    assert scan.ready
    write(path, 9)
    sizes = [len(scan.auto(5)["iterable"]) for _ in range(2)]
    assert sizes == [5, 4]
    write(path, 12)
    msg = scan.auto(5)
    assert [entry["index"] for entry in msg["iterable"]] == [9, 10, 11]
    assert scan.auto(5) == scan.EOS == "msgEOS"
    assert scan.end_of_scan


ON_ALL = """
import sys
sys.path.insert(0, {folder!r})
import test_classes_that_wait as here
from ptypy.utils import parallel

def let_there_be(count):
    if parallel.master:
        here.write("online.h5", count)
    parallel.barrier()

let_there_be(9)
scan = here.OnlineScan(file="online.h5", shape=(16, 20), min_frames=2, **here.GEOMETRY)
delivered = []
while not scan.end_of_scan:
    package = scan.auto(5)
    if package == scan.WAIT:
        let_there_be(12)
        continue
    mine = package["chunk"].indices_node
    assert 0 < len(mine) < len(package["iterable"])
    for entry in package["iterable"]:
        assert (entry["position"] == here.POSITIONS[entry["index"]]).all()
        if entry["index"] in mine:
            assert (entry["data"] == here.FRAMES[entry["index"]][2:18, 2:22]).all()
    delivered += package["chunk"].indices
assert delivered == list(range(12)), delivered
assert scan.auto(5) == scan.EOS
# Only the master looks.
assert (scan.looked > 0) == parallel.master
"""


@pytest.mark.mpi
def test_it_does_so_on_several_processes_of_which_one_looks(mpirun):
    done = mpirun(ON_ALL.format(folder=str(Path(__file__).parent)))
    assert done.returncode == 0, done.stderr
