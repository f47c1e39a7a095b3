"""What went wrong with PtyPy 0.9, quietly or loudly, goes right here or is refused with words.

Faults that other files have a test for are not repeated.
"""

import h5py
import numpy as np
import pytest

from ptypy.core import Ptycho
from ptypy.core.data import EOS, PtydScan, PtyScan
from ptypy.errors import ParameterError, PtypyError
from ptypy.utils import Param

GEOMETRY = {"energy": 8.5, "distance": 2.0, "psize": 1e-4}


class StackScan(PtyScan):
    """Frames from memory, at positions a few pixels of the object apart."""

    frames = np.random.default_rng(1).poisson(30, (13, 12, 16)).astype(np.uint16)

    def __init__(self, pars=None, **kwargs):
        super().__init__(pars, **{"shape": None, **GEOMETRY, **kwargs})

    def load_positions(self):
        k = np.arange(len(self.frames))
        return np.stack([k // 4, k % 4], axis=1) * 1e-6

    def load(self, indices):
        return {i: self.frames[i] for i in indices}, {}, {}


def save(path, size=5, **pars):
    scan = StackScan(dfile=str(path), **{"save": "append", **pars})
    while scan.auto(size) != EOS:
        pass


def run_of(path, home, engine=None, **top):
    p = Param(io=Param(home=str(home), rfile=None, autosave=Param(active=False)), **top)
    p.scans = Param(s=Param(name="BlockFull", data=Param(name="PtydScan", source=str(path))))
    p.engines = Param(first=Param(engine)) if engine else Param()
    return p


# ------------------------------------------------------------------------ what was wrong, silently


def test_a_file_that_does_not_say_its_shape_is_not_padded_to_the_default(tmp_path):
    save(tmp_path / "a.ptyd")
    with h5py.File(tmp_path / "a.ptyd", "a") as file:
        del file["meta/shape"]
    for source in ({"dfile": str(tmp_path / "a.ptyd")}, {"source": str(tmp_path / "a.ptyd")}):
        chunk = PtydScan(source).next_chunk(5)
        assert chunk.data.shape == (5, 12, 16)
        assert chunk.mask.all()


@pytest.mark.parametrize("lost", [1, 2], ids=["in the middle", "at the end"])
def test_a_lost_part_of_a_linked_set_is_named_and_neither_skipped_nor_waited_for(tmp_path, lost):
    save(tmp_path / "set.ptyd", save="link")
    (tmp_path / f"set.ptyd.chunk{lost:02d}").unlink()
    with pytest.raises((PtypyError, OSError), match=rf"chunk{lost:02d}"):
        PtydScan(dfile=str(tmp_path / "set.ptyd"))


def test_the_centre_that_the_first_chunk_shows_is_used_for_all_of_them():
    beam = np.zeros((6, 12, 16), np.uint16)
    beam[:3, 4, 10] = beam[3:, 7, 5] = 100

    class Beam(StackScan):
        frames = beam

    scan = Beam(shape=6, center=None)
    first, second = scan.next_chunk(3), scan.next_chunk(3)
    assert np.argwhere(first.data[0]).tolist() == [[3, 3]]
    assert np.argwhere(second.data[0]).tolist() == []  # it would be there if it had been found anew
    assert scan.region_in_raw == (1, 7, 6, 6)


def test_what_a_region_cannot_be_is_refused_instead_of_made_square():
    chunk = StackScan(shape=(6, 10)).next_chunk(5)
    assert chunk.data.shape == (5, 6, 10)
    for shape in ((6, 10, 3), (6, -10), (6.5, 10), "6x10"):
        with pytest.raises(ParameterError, match="shape"):
            StackScan(shape=shape)


# ------------------------------------------------------------------------ what crashed, or hung


def test_fewer_frames_than_the_least_number_do_not_make_the_scan_wait_for_ever():
    scan = StackScan(min_frames=4)
    sizes = []
    while (answer := scan.auto(1)) != EOS:
        assert answer != scan.WAIT
        sizes.append(len(answer["iterable"]))
    assert sizes == [4, 4, 4, 1]


@pytest.mark.parametrize(("least", "block"), [(7, 5), (5, 7), (3, 100), (13, 2)])
def test_the_least_number_of_frames_need_not_be_that_of_a_block(tmp_path, least, block):
    save(tmp_path / "a.ptyd")
    p = run_of(tmp_path / "a.ptyd", tmp_path, {"name": "DM", "numiter": 2}, frames_per_block=block)
    p.scans.s.data.min_frames = least
    run = Ptycho(p, level=5)
    assert sum(len(b) for b in run.model.blocks) == 13
    assert len(run.runtime.iter_info) == 2


@pytest.mark.parametrize(
    ("path", "value", "told"),
    [
        ("data_type", "half", "'single', 'double'"),
        ("scans.s.propagation", "midfield", "'farfield', 'nearfield'"),
        ("scans.s.data.load_parallel", "dta", "did you mean `data`"),
        ("scans.s.data.orientation", 8, "0 … 7"),
        ("scans.s.data.compression", "zip", "did you mean `gzip`"),
    ],
)
def test_what_is_not_one_of_the_choices_is_refused_before_anything_is_done(
    tmp_path, path, value, told
):
    save(tmp_path / "a.ptyd")
    p = run_of(tmp_path / "a.ptyd", tmp_path)
    p[path] = value
    with pytest.raises(ParameterError, match=told) as error:
        Ptycho(p, level=2)
    assert path in [fault.path for fault in error.value.faults]


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("PtydScn", "did you mean `PtydScan`"),
        ("NoSuchLoader", "a class of your own must be imported first"),
    ],
)
def test_a_loader_that_is_misspelt_and_one_that_was_not_imported_are_told_apart(
    tmp_path, name, told
):
    save(tmp_path / "a.ptyd")
    p = run_of(tmp_path / "a.ptyd", tmp_path)
    p.scans.s.data.name = name
    with pytest.raises(ParameterError, match=r"scans\.s\.data\.name") as error:
        Ptycho(p, level=2)
    assert told in str(error.value)


def test_parameters_are_checked_the_same_within_a_run_and_without_one(tmp_path):
    """The same fault of the same parameter is found, however the class is made."""
    save(tmp_path / "a.ptyd")
    wrong = {"rebin": 33, "min_frames": 0, "auto_center": "yes", "energy": -1.0, "shape": 12.5}
    with pytest.raises(ParameterError) as alone:
        PtydScan(source=str(tmp_path / "a.ptyd"), **wrong)
    p = run_of(tmp_path / "a.ptyd", tmp_path)
    p.scans.s.data.update(wrong)
    with pytest.raises(ParameterError) as within:
        Ptycho(p, level=2)
    assert {fault.path for fault in alone.value.faults} == set(wrong)
    assert {fault.path.rpartition(".")[2] for fault in within.value.faults} == set(wrong)


def test_a_number_is_a_number_wherever_it_stands_in_a_run(tmp_path):
    save(tmp_path / "a.ptyd")
    plain = {"name": "DM", "numiter": 2, "alpha": 0.9, "fourier_power_bound": None}
    others = {
        "name": "DM",
        "numiter": np.array([2]),
        "alpha": np.float32(0.9),
        "fourier_power_bound": "None",
    }
    errors = []
    for engine in (plain, others):
        run = Ptycho(run_of(tmp_path / "a.ptyd", tmp_path, engine), level=5)
        errors.append([entry["error"] for entry in run.runtime.iter_info])
    np.testing.assert_allclose(errors[1], errors[0], rtol=1e-5)
    assert run.p.engines.first.numiter == 2


MERGE = """
import numpy as np
from ptypy.core.data import EOS, PtyScan


class Scan(PtyScan):
    PLACEHOLDERS = ()

    def load_positions(self):
        return np.zeros((7, 2))

    def load(self, indices):
        return {i: np.full((4, 6), i, np.uint16) for i in indices}, {}, {}


scan = Scan(shape=None, save="merge", dfile="merged.ptyd")
while scan.auto(3) != EOS:
    pass
"""


@pytest.mark.mpi
def test_several_processes_may_save_one_chunk_in_the_end(mpirun, tmp_path):
    done = mpirun(MERGE, 2)
    assert done.returncode == 0, done.stderr
    with h5py.File(tmp_path / "merged.ptyd") as file:
        assert list(file["chunks"]) == ["0"]
        np.testing.assert_array_equal(file["chunks/0/data"][:, 0, 0], np.arange(7))
