"""However many processes prepare a scan, the file is the same: each writes its own frames."""

import h5py
import numpy as np
import pytest

from ptypy.io import ptyd

pytestmark = pytest.mark.mpi

SAVE = """
import numpy as np
from ptypy.core.data import EOS, PtyScan
from ptypy.utils import parallel

class Scan(PtyScan):
    PLACEHOLDERS = ()
    GIVEN = {"shape": None, "energy": 8.8, "distance": 2.0, "psize": 75e-6}
    kind, size = "common", 24

    def load_positions(self):
        return np.arange(22.).reshape(11, 2)

    def load_weight(self):
        mask = np.ones((self.size, self.size))
        mask[7, 9] = 0
        return mask if self.kind == "common" else None

    def load(self, indices):
        rng = [np.random.default_rng(i) for i in indices]
        # Frame 5 is of another type than the others, whoever prepares it.
        types = [np.uint32 if i == 5 else np.uint16 for i in indices]
        frames = [r.poisson(30, (self.size, self.size)).astype(t) for r, t in zip(rng, types)]
        for index, frame in zip(indices, frames):
            if index == 5:  # whoever prepares it, its chunk needs another type than those beside
                frame[0, 0] = 70000
        weights = {i: (f < 40) * (1. if i < 8 else .5) for i, f in zip(indices, frames)}
        return dict(zip(indices, frames)), {}, weights if self.kind == "frame" else {}

class Large(Scan):
    size = 96

for name, kind, scan_class, options in [
    ("append", "common", Scan, {"save": "append"}),
    ("link", "common", Scan, {"save": "link"}),
    ("masks", "frame", Scan, {"save": "append"}),
    ("small", "common", Scan, {"save": "append", "compression": "gzip"}),
    ("gzip", "common", Large, {"save": "link", "compression": "gzip"}),
    ("packed", "frame", Large, {"save": "append", "compression": "bitshuffle"}),
    ("auto", "common", Large, {"save": "merge", "compression": "auto"}),
]:
    scan = scan_class(**Scan.GIVEN, dfile=f"{parallel.size}_{name}.ptyd", **options)
    scan.kind = kind
    while scan.next_chunk(5) != EOS:
        pass
"""
NAMES = ["append", "link", "masks", "small", "gzip", "packed", "auto"]


def datasets(path):
    """Give everything in a file but when it was made, and by how many."""
    found = {}
    with h5py.File(path) as file:
        for number in file["chunks"]:
            for name, node in file[f"chunks/{number}"].items():
                attributes = {key: np.array(value).tolist() for key, value in node.attrs.items()}
                raw = node[...]
                found[number, name] = (raw.dtype.str, raw.shape, raw.tobytes(), attributes)
        for name, node in file["meta"].items():
            found["meta", name] = np.array(node[()]).tolist()
        found["complete"] = bool(file["chunks"].attrs["complete"])
    return found


def test_one_to_four_processes_write_the_same(mpirun, tmp_path):
    for processes in (1, 2, 3, 4):
        done = mpirun(SAVE, processes)
        assert done.returncode == 0, done.stderr
    for name in NAMES:
        # Chunks hold at least one frame for each process, so all have the same borders here.
        one = datasets(tmp_path / f"1_{name}.ptyd")
        for processes in (2, 3, 4):
            other = datasets(tmp_path / f"{processes}_{name}.ptyd")
            assert other.keys() == one.keys()
            for key in one:
                assert other[key] == one[key], (name, key)
            assert ptyd.validate(tmp_path / f"{processes}_{name}.ptyd", deep=True) == []
    assert [chunk.compression for chunk in ptyd.PtydReader(tmp_path / "4_auto.ptyd").chunks] == [
        "bitshuffle"
    ]
    reader = ptyd.PtydReader(tmp_path / "3_masks.ptyd")
    assert [chunk.frames for chunk in reader.chunks] == [5, 5, 1]
    block = reader.read(0, 11)
    frames = [np.random.default_rng(i).poisson(30, (24, 24)) for i in range(11)]
    frames[5][0, 0] = 70000
    assert np.array_equal(block.data, frames)
    assert [chunk.dtype for chunk in reader.chunks] == [np.uint16, np.uint32, np.uint16]
    assert block.data.dtype == np.uint32
    weights = [(frame < 40) * (1.0 if i < 8 else 0.5) for i, frame in enumerate(frames)]
    np.testing.assert_array_equal(block.weights, weights)


DISK_FULL = """
import resource, signal
import numpy as np
from ptypy.core.data import EOS, PtyScan
from ptypy.utils import parallel

class Scan(PtyScan):
    PLACEHOLDERS = ()
    GIVEN = {"shape": None, "energy": 8.8, "distance": 2.0, "psize": 75e-6}
    def load_positions(self):
        return np.arange(22.).reshape(11, 2)
    def load(self, indices):
        return {i: np.full((64, 64), i, np.uint16) for i in indices}, {}, {}

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
scan = Scan(**Scan.GIVEN, dfile="full.ptyd", save=SAVE)
scan.auto(6)
if parallel.rank == 1:
    resource.setrlimit(resource.RLIMIT_FSIZE, (8192, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))
scan.auto(5)
"""


@pytest.mark.parametrize("mode", ["append", "link"])
def test_a_disk_that_is_full_for_one_process_ends_all_and_costs_no_earlier_frame(
    mpirun, tmp_path, mode
):
    done = mpirun(f"SAVE = {mode!r}\n" + DISK_FULL, 2, timeout=60)
    assert done.returncode != 0
    assert "larger than is allowed here" in done.stderr
    reader = ptyd.PtydReader(tmp_path / "full.ptyd")
    assert reader.num_frames == 6
    assert reader.read(0, 6).data[:, 3, 4].tolist() == list(range(6))


KILLED = """
import os, signal
import numpy as np
from ptypy.core.data import EOS, PtyScan
from ptypy.utils import parallel

class Scan(PtyScan):
    PLACEHOLDERS = ()
    GIVEN = {"shape": None, "energy": 8.8, "distance": 2.0, "psize": 75e-6}
    def load_positions(self):
        return np.arange(22.).reshape(11, 2)
    def load(self, indices):
        if parallel.rank == 1 and indices and indices[0] >= WHEN:
            os.kill(os.getpid(), signal.SIGKILL)
        return {i: np.full((64, 64), i, np.uint16) for i in indices}, {}, {}

scan = Scan(**Scan.GIVEN, dfile="k.ptyd", save=SAVE, resume=True)
while scan.next_chunk(4) != EOS:
    pass
"""


@pytest.mark.parametrize("mode", ["append", "link"])
def test_after_a_process_was_killed_the_job_goes_on_where_it_stopped(mpirun, tmp_path, mode):
    done = mpirun(f"SAVE, WHEN = {mode!r}, 6\n" + KILLED, 2, timeout=60)
    assert done.returncode != 0
    assert ptyd.PtydReader(tmp_path / "k.ptyd").num_frames == 4
    done = mpirun(f"SAVE, WHEN = {mode!r}, 99\n" + KILLED, 3, timeout=60)
    assert done.returncode == 0, done.stderr
    reader = ptyd.PtydReader(tmp_path / "k.ptyd")
    assert reader.is_complete
    assert reader.read(0, 11).data[:, 3, 4].tolist() == list(range(11))
    assert ptyd.validate(tmp_path / "k.ptyd", deep=True) == []
