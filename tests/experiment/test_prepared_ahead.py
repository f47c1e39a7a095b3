"""While a chunk is saved, the frames that follow are prepared already."""

import os
from pathlib import Path

import h5py
import hdf5plugin
import numpy as np
import pytest

from ptypy.core.data import PtydScan, PtyScan
from ptypy.errors import FormatError
from ptypy.experiment import ArrayScan, Hdf5Loader
from ptypy.io import frames_in
from ptypy.utils import Param

FRAMES = np.random.default_rng(3).poisson(5, (23, 40, 48)).astype(np.uint16)
WAY = {
    "shape": 32, "center": (20, 24), "rebin": 2, "distance": 1.0, "psize": 1e-4, "energy": 8.0,
}  # fmt: skip


@pytest.fixture(params=["plain", "packed"])
def path(tmp_path, request):
    options = {}
    if request.param == "packed":
        options = {**hdf5plugin.Bitshuffle(cname="lz4"), "chunks": (1, 40, 48)}
    path = tmp_path / "raw.h5"
    with h5py.File(path, "w") as file:
        file.create_dataset("data", data=FRAMES, **options)
        file["y"], file["x"] = np.divmod(np.arange(23) * 1e-6, 5e-6)
    return path


def scan_of(path, **more):
    p = Param(intensities=Param(file=str(path), key="data"))
    p.positions = Param(file=str(path), slow_key="y", fast_key="x")
    dfile = str(path.with_name("out.ptyd"))
    return Hdf5Loader(p, **{**WAY, "save": "append", "dfile": dfile, **more})


def binned(frames):
    return frames[:, 4:36, 8:40].reshape(len(frames), 16, 2, 16, 2).sum(axis=(2, 4))


def everything(scan, *sizes):
    given = []
    while (chunk := scan.next_chunk(sizes[min(len(given), len(sizes) - 1)])) != scan.EOS:
        given.append(chunk)
    return given


@pytest.mark.parametrize("sizes", [(3,), (3, 3, 7, 1, 1, 5), (100,)])
def test_whatever_is_asked_for_next_the_right_frames_are_given_and_saved(path, sizes):
    given = np.concatenate([chunk.data for chunk in everything(scan_of(path), *sizes)])
    np.testing.assert_array_equal(given, binned(FRAMES))
    saved = PtydScan(None, source=str(path.with_name("out.ptyd")))
    read = np.concatenate([chunk.data for chunk in everything(saved, 23)])
    np.testing.assert_array_equal(read, given)


def test_what_is_seen_of_each_frame_is_the_same(path):
    ahead, plain = everything(scan_of(path), 4), everything(scan_of(path, save=None), 4)
    for one, other in zip(ahead, plain, strict=True):
        np.testing.assert_array_equal(one.photons, other.photons)
        np.testing.assert_array_equal(one.centers, other.centers)


def test_saturated_pixels_of_a_frame_prepared_ahead_are_not_trusted(path):
    chunks = everything(scan_of(path, saturation=12.0), 4)
    wrong = (FRAMES >= 12)[:, 4:36, 8:40].reshape(23, 16, 2, 16, 2).any(axis=(2, 4))
    assert wrong.any(axis=(1, 2)).sum() > 10
    masks = [np.broadcast_to(chunk.mask, chunk.data.shape) for chunk in chunks]
    np.testing.assert_array_equal(np.concatenate(masks), ~wrong)


def test_a_frame_that_cannot_be_read_spoils_only_the_chunk_it_is_in(tmp_path):
    path = tmp_path / "raw.h5"
    options = {**hdf5plugin.Bitshuffle(cname="lz4"), "chunks": (1, 40, 48)}
    with h5py.File(path, "w") as file:
        data = file.create_dataset("data", data=FRAMES, **options)
        file["y"], file["x"] = np.divmod(np.arange(23) * 1e-6, 5e-6)
        place = data.id.get_chunk_info_by_coord((7, 0, 0)).byte_offset
    with path.open("r+b") as raw:
        raw.seek(place + 12)
        raw.write(b"\xff" * 8)
    scan = scan_of(path)
    given = [scan.next_chunk(3).data for _ in range(2)]
    np.testing.assert_array_equal(np.concatenate(given), binned(FRAMES[:6]))
    for _ in range(2):
        with pytest.raises(FormatError, match="frame 7 cannot be read"):
            scan.auto(3)
    assert PtydScan(None, source=scan.dfile).auto(100)["iterable"][-1]["index"] == 5


def test_a_chunk_that_could_not_be_saved_is_given_again(path):
    """The disk was full for a while: no frame is lost, none comes twice."""
    scan = scan_of(path)
    first = scan.next_chunk(5).data
    aside = Path(scan.dfile).rename(scan.dfile + ".aside")
    with pytest.raises((FormatError, OSError)):
        scan.next_chunk(5)
    aside.rename(scan.dfile)
    rest = [chunk.data for chunk in everything(scan, 5)]
    np.testing.assert_array_equal(np.concatenate([first, *rest]), binned(FRAMES))


class Growing(PtyScan):
    """A loader that must not be asked for frames that `check` has not promised."""

    PLACEHOLDERS = ()
    LOADS_AHEAD = True
    promised = 0

    def __init__(self, path, **more):
        self.path = path
        super().__init__(
            None, num_frames=23, save="append", dfile=str(path) + ".ptyd", **WAY, **more
        )

    def load_positions(self):
        return np.arange(46).reshape(23, 2) * 1e-6

    def check(self, frames=None, start=None):
        self.promised = start + frames
        return min(frames, 23 - start), None

    def load_block(self, indices):
        assert max(indices) < self.promised
        with h5py.File(self.path) as file:
            return frames_in(file["data"], indices), None, None


def test_a_loader_that_checks_for_itself_is_asked_for_nothing_ahead_of_that(path):
    given = np.concatenate([chunk.data for chunk in everything(Growing(path), 4)])
    np.testing.assert_array_equal(given, binned(FRAMES))


class Counting(Growing):
    """One that lets `PtyScan` check, and notes what it was asked for."""

    check = PtyScan.check
    promised = 23

    def __init__(self, path, **more):
        self.asked = []
        super().__init__(path, **more)

    def load_block(self, indices):
        self.asked.append(list(indices))
        return super().load_block(indices)


def test_frames_are_loaded_once_each_if_chunks_are_of_one_size(path):
    scan = Counting(path)
    everything(scan, 6)
    assert scan.asked == [list(range(k, min(k + 6, 23))) for k in range(0, 23, 6)]


def test_frames_are_under_way_before_anybody_asks_for_them(path):
    scan = Counting(path)
    scan.auto(6)
    assert scan.asked == [list(range(6)), list(range(6, 12))]


def test_a_file_that_is_written_anew_in_between_is_read_anew(path):
    scan = scan_of(path)
    scan.next_chunk(6)
    with h5py.File(path, "r+") as file:
        file["data"][6:12] = FRAMES[6:12] + 1
    np.testing.assert_array_equal(scan.next_chunk(6).data, binned(FRAMES[6:12] + 1))


def test_an_array_that_is_changed_in_between_counts_as_it_is_now(tmp_path):
    frames = FRAMES.copy()
    positions = np.arange(46).reshape(23, 2) * 1e-6
    way = {**WAY, "save": "append", "dfile": str(tmp_path / "out.ptyd")}
    scan = ArrayScan(frames=frames, positions=positions, **way)
    scan.next_chunk(6)
    frames[6:12] += 1
    np.testing.assert_array_equal(scan.next_chunk(6).data, binned(FRAMES[6:12] + 1))


def test_a_forked_process_goes_on_by_itself(path):
    """The thread that prepared ahead has stayed behind."""
    scan = scan_of(path)
    scan.auto(3)
    child = os.fork()
    if not child:
        scan.save = None
        scan._recorder = None
        data = [entry["data"] for entry in scan.auto(3)["iterable"]]
        os._exit(0 if np.array_equal(data, binned(FRAMES[3:6])) else 1)
    assert os.waitpid(child, 0)[1] == 0


ON_PROCESSES = """
from ptypy.errors import FormatError, ParallelError
from ptypy.experiment import Hdf5Loader
from ptypy.io import frames_in, open_h5
from ptypy.utils import Param, parallel

WAY = {way}

class OneLoads(Hdf5Loader):
    def load_block(self, indices):  # what goes to other processes are arrays
        with open_h5({path!r}) as file:
            return frames_in(file["data"], indices), None, None

def scan_of(cls, name, **more):
    p = Param(intensities=Param(file={path!r}, key="data"))
    p.positions = Param(file={path!r}, slow_key="y", fast_key="x")
    return cls(p, save="append", dfile=name + ".ptyd", **WAY, **more)

# Twice 11 frames and one, which leaves a process with none.
for scan in (scan_of(Hdf5Loader, "all"), scan_of(OneLoads, "one", load_parallel=None)):
    while scan.next_chunk(11) != scan.EOS:
        pass

parallel.barrier()
with open({path!r}, "r+b") as file:  # a frame that process 1 will have
    file.seek({place} + 12)
    file.write(bytes([255] * 8))
parallel.barrier()
scan = scan_of(Hdf5Loader, "damaged")
scan.next_chunk(8)
for _ in range(2):
    try:
        scan.next_chunk(8)
    except (FormatError, ParallelError) as error:
        text = str(error)
    assert "frame 14 cannot be read" in text
    assert text.startswith("process 1 failed") == parallel.master
"""


@pytest.mark.mpi
def test_processes_of_which_not_all_have_prepared_ahead_stay_together(tmp_path, mpirun):
    path = tmp_path / "raw.h5"
    options = {**hdf5plugin.Bitshuffle(cname="lz4"), "chunks": (1, 40, 48)}
    with h5py.File(path, "w") as file:
        data = file.create_dataset("data", data=FRAMES, **options)
        file["y"], file["x"] = np.divmod(np.arange(23) * 1e-6, 5e-6)
        place = data.id.get_chunk_info_by_coord((14, 0, 0)).byte_offset
    done = mpirun(ON_PROCESSES.format(way=WAY, path=str(path), place=place), timeout=60)
    assert done.returncode == 0, done.stderr
    for name in ("all", "one"):
        saved = PtydScan(None, source=str(tmp_path / f"{name}.ptyd"))
        read = np.concatenate([chunk.data for chunk in everything(saved, 23)])
        np.testing.assert_array_equal(read, binned(FRAMES))
