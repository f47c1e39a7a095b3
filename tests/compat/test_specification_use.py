"""The three ways of use: at the beamline, long after, and while frames are still coming in."""

import json
import subprocess
import sys
import time
from pathlib import Path

import h5py
import numpy as np
import pytest

from ptypy.core import Ptycho
from ptypy.core.data import MoonFlowerScan, PtydScan, PtyScan, register
from ptypy.errors import FormatError
from ptypy.utils import Param


@register("SpecifiedBeamlineScan")
class SpecifiedBeamlineScan(PtyScan):
    """What a beamline would write: it knows its files, their names and their units.

    Defaults:

    [run_number]
    default = 1
    type = int
    help = Number of the scan

    [pattern]
    default = run%04d_%04d.npy
    type = str
    help = How frames are named

    [base_path]
    default = './'
    type = str
    help = Where the frames are

    [shape]
    default = 32
    """

    def load_positions(self):
        with Path(self.info.base_path, f"run{self.info.run_number:04d}.log").open() as log:
            mono, detector = (float(line.split()[1]) for line in (next(log), next(log)))
            self.info.energy = mono / 1000  # eV
            self.info.distance = detector / 1000  # mm
            self.info.psize = 172e-6
            return np.loadtxt(log) * 1e-6  # um

    def load(self, indices):
        folder, run = Path(self.info.base_path), self.info.run_number
        return {k: np.load(folder / (self.info.pattern % (run, k))) for k in indices}, {}, {}


@pytest.fixture
def beamtime(tmp_path: Path) -> Path:
    """Raw files of one scan: a log and a file for each frame."""
    moon = MoonFlowerScan(num_frames=25, shape=32, photons=1e6)
    package = moon.auto(100)
    with (tmp_path / "run0007.log").open("w") as log:
        log.write(f"mono {moon.meta.energy * 1000}\ndetector {moon.meta.distance * 1000}\n")
        np.savetxt(log, package["chunk"].positions * 1e6)
    for point in package["iterable"]:
        np.save(tmp_path / f"run0007_{point['index']:04d}.npy", point["data"])
    return tmp_path


def reconstruct(folder: Path, level: int = 5, **data) -> Ptycho:
    """Run the standard script; only `data` differs from user to user."""
    p = Param(frames_per_block=10)
    p.io = Param(home=str(folder), rfile=None, autosave=Param(active=False))
    p.scans = Param(moon=Param(name="BlockFull", data=Param(data)))
    p.engines = Param(engine00=Param(name="DM", numiter=5))
    return Ptycho(p, level=level)


def image(P: Ptycho) -> np.ndarray:
    (obj,) = P.obj.storages.values()
    return obj.data


# ------------------------------------------------------------------------ at the beamline, later


def test_a_standard_script_makes_an_image_from_raw_files_and_again_from_the_saved_one(beamtime):
    script = {"recipe": {"base_path": str(beamtime), "run_number": 7}}
    script |= {"save": "append", "dfile": str(beamtime / "moon.ptyd")}
    first = reconstruct(beamtime, source="specifiedbeamline", **script)
    for raw in beamtime.glob("run0007*"):
        raw.unlink()
    second = reconstruct(beamtime, source="file", **script)
    third = reconstruct(beamtime, source=str(beamtime / "moon.ptyd"))
    assert first.runtime.iter_info[-1].residual < first.runtime.iter_info[0].residual
    for later in (second, third):
        assert isinstance(later.model.scans["moon"].ptyscan, PtydScan)
        np.testing.assert_allclose(image(later), image(first), rtol=1e-4, atol=1e-5)


def test_nothing_is_left_behind_if_saving_is_not_asked_for(beamtime):
    before = sorted(beamtime.iterdir())
    recipe = {"base_path": str(beamtime), "run_number": 7}
    reconstruct(beamtime, 2, source="specifiedbeamline", recipe=recipe)
    assert sorted(beamtime.iterdir()) == before


def test_prepared_frames_may_be_prepared_further_and_saved_elsewhere_but_only_by_path(beamtime):
    recipe = {"base_path": str(beamtime), "run_number": 7}
    one, other = str(beamtime / "one.ptyd"), str(beamtime / "other.ptyd")
    reconstruct(
        beamtime, 2, source="specifiedbeamline", recipe=recipe, save="append", dfile=one
    )  # fmt: skip
    further = {"rebin": 2, "save": "append"}
    P = reconstruct(beamtime, 2, source=one, dfile=other, **further)
    assert P.model.blocks[0].counts.shape[1:] == (16, 16)
    assert PtydScan(dfile=other).meta.psize == pytest.approx(2 * 172e-6)
    before = sorted(beamtime.iterdir())
    P = reconstruct(beamtime, 2, source="file", dfile=one, **further)
    assert P.model.blocks[0].counts.shape[1:] == (32, 32)
    assert sorted(beamtime.iterdir()) == before


# ------------------------------------------------------------------------ on the fly

DEMON = """
import sys
from pathlib import Path
from ptypy.core.data import MoonFlowerScan

folder = Path(sys.argv[1])
scan = MoonFlowerScan(num_frames=30, shape=32, save="link", dfile=str(folder / "live.ptyd"))
scan.auto(6)
print("first chunk is there", flush=True)
sys.stdin.readline()
while scan.auto(6) != scan.EOS:
    pass
"""


@pytest.fixture
def demon(tmp_path: Path):
    """Start a process that prepares frames; it pauses after the first chunk until told."""
    process = subprocess.Popen(
        [sys.executable, "-c", DEMON, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "first chunk is there\n"
    yield process
    process.kill()
    process.communicate()


def tell_to_go_on(demon) -> None:
    """Let the process prepare the rest."""
    demon.stdin.write("\n")
    demon.stdin.flush()


def test_a_reconstruction_begins_with_the_first_chunk_and_uses_all_that_follow(demon, tmp_path):
    P = reconstruct(tmp_path, level=4, source=str(tmp_path / "live.ptyd"))
    assert P.num_frames == 6
    assert not P.model.end_of_scan
    tell_to_go_on(demon)
    P.run()
    assert P.model.end_of_scan
    assert P.num_frames == 30
    assert demon.communicate(timeout=60) == ("", None)  # it works in silence


def test_every_chunk_is_a_file_of_its_own_and_all_who_read_see_one_scan(demon, tmp_path):
    path = tmp_path / "live.ptyd"
    readers = [PtydScan(dfile=str(path)), PtydScan(source=str(path))]
    tell_to_go_on(demon)
    seen: list[list] = [[], []]
    deadline = time.monotonic() + 60
    while not all(reader.end_of_scan for reader in readers) and time.monotonic() < deadline:
        for reader, chunks in zip(readers, seen, strict=True):
            if not isinstance(chunk := reader.next_chunk(4), str):
                chunks.append(chunk)
    one, other = (np.concatenate([chunk.data for chunk in chunks]) for chunks in seen)
    demon.wait(timeout=60)
    with h5py.File(path) as file:
        counts = [file[f"chunks/{k}/data"][()] for k in range(5)]
        links = [file["chunks"].get(str(k), getlink=True).filename for k in range(5)]
    assert links == [f"live.ptyd.chunk{k:02d}" for k in range(5)]
    np.testing.assert_array_equal(one, np.concatenate(counts))
    np.testing.assert_array_equal(other, one)


def test_before_there_is_a_file_to_follow_its_path_is_named(tmp_path):
    with pytest.raises(FormatError, match=r"live\.ptyd.*no such file"):
        reconstruct(tmp_path, 2, source=str(tmp_path / "live.ptyd"))


# ------------------------------------------------------------------------ several processes

WHO_READS_WHAT = """
import json
import numpy as np
from ptypy.core.data import EOS, PtyScan
from ptypy.utils import parallel

class Scan(PtyScan):
    PLACEHOLDERS = ()

    def __init__(self, **kwargs):
        self.shared, self.frames = [], []
        super().__init__(**kwargs)

    def load_positions(self):
        self.shared.append("positions")
        return np.arange(16.).reshape(8, 2)

    def load_weight(self):
        self.shared.append("weight")
        return np.ones((4, 4), bool)

    def load_common(self):
        self.shared.append("common")
        return {"gain": 2}

    def load(self, indices):
        self.frames += indices
        return {i: np.full((4, 4), i) for i in indices}, {}, {}

report = {}
for mode in (None, "data", "common", "all"):
    scan = Scan(shape=4, load_parallel=mode, min_frames=2)
    sizes, kept = [], []
    while (package := scan.auto(1)) != EOS:
        sizes.append(len(package["iterable"]))
        kept += package["chunk"].indices_node
        assert all((package["chunk"].data[i] == i).all() for i in package["chunk"].data)
    assert scan.positions.shape == (8, 2) and scan.common.gain == 2
    report[str(mode)] = {"shared": scan.shared, "read": scan.frames, "kept": kept, "sizes": sizes}
with open(f"rank{parallel.rank}.json", "w") as file:
    json.dump(report, file)
"""


@pytest.fixture
def reports(mpirun, tmp_path):
    """Prepare a scan on two processes, once for each `load_parallel`; what each of them did."""
    done = mpirun(WHO_READS_WHAT, 2)
    assert done.returncode == 0, done.stderr
    return [json.loads((tmp_path / f"rank{rank}.json").read_text()) for rank in range(2)]


def of_both(reports: list, what: str) -> dict:
    return {mode: [report[mode][what] for report in reports] for mode in reports[0]}


@pytest.mark.mpi
def test_load_parallel_says_which_process_reads_what(reports):
    shared = ["positions", "weight", "common"]
    assert of_both(reports, "shared") == {
        "None": [shared, []],
        "data": [shared, []],
        "common": [shared, shared],
        "all": [shared, shared],
    }
    alone, each = [list(range(8)), []], [[0, 1, 4, 5], [2, 3, 6, 7]]
    assert of_both(reports, "read") == {"None": alone, "data": each, "common": alone, "all": each}


@pytest.mark.mpi
def test_however_many_processes_there_are_every_frame_is_read_once(reports):
    for one, other in of_both(reports, "read").values():
        assert sorted(one + other) == list(range(8))
    for kept in of_both(reports, "kept").values():
        assert kept == [[0, 1, 4, 5], [2, 3, 6, 7]]


@pytest.mark.mpi
def test_the_least_number_of_frames_is_counted_for_each_process(reports):
    for sizes in of_both(reports, "sizes").values():
        assert sizes == [[4, 4], [4, 4]]


TUTORIAL = """
import numpy as np
from ptypy import defaults_tree
from ptypy.core.data import PtyScan
from ptypy.utils import parallel

@defaults_tree.parse_doc('scandata.numpyscan')
class NumpyScan(PtyScan):
    '''
    A PtyScan subclass to extract data from a numpy array.

    Defaults:

    [base_path]
    type = str
    default = './'
    help = Base path to extract data files from.
    '''

    def __init__(self, pars=None, **kwargs):
        p = self.DEFAULT.copy(depth=2)
        p.update(pars)
        with open(p.base_path + 'geometry.txt') as f:
            for line in f:
                key, value = line.strip().split()
                if p.get(key) is None:
                    p[key] = float(value)
        super().__init__(p, **kwargs)

    def load_positions(self):
        return np.loadtxt(self.info.base_path + 'positions.txt')

    def load(self, indices):
        return {k: np.load(self.info.base_path + 'ccd_%04d.npy' % k) for k in indices}, {}, {}

scan = NumpyScan(shape=8, save='append', dfile=f'{parallel.size}.ptyd')
scan.initialize()
while scan.auto(4) != scan.EOS:
    pass
"""


@pytest.mark.mpi
def test_two_processes_read_the_tutorials_scan_as_one_does(mpirun, tmp_path):
    frames = np.random.default_rng(3).poisson(20, (9, 8, 8)).astype(np.int32)
    for k, frame in enumerate(frames):
        np.save(tmp_path / f"ccd_{k:04d}.npy", frame)
    np.savetxt(tmp_path / "positions.txt", np.arange(18.0).reshape(9, 2) * 1e-6)
    (tmp_path / "geometry.txt").write_text("distance 0.15\nenergy 2.5\npsize 24e-6\n")
    for processes in (1, 2):
        done = mpirun(TUTORIAL, processes)
        assert done.returncode == 0, done.stderr
        chunk = PtydScan(dfile=str(tmp_path / f"{processes}.ptyd")).next_chunk(100)
        np.testing.assert_array_equal(chunk.data, frames)
        np.testing.assert_allclose(chunk.positions, np.arange(18.0).reshape(9, 2) * 1e-6)
        assert (chunk.meta.distance, chunk.meta.energy) == (0.15, 2.5)
        np.testing.assert_allclose(chunk.meta.psize, 24e-6)
