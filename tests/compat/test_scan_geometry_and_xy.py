"""Numbers and positions of a scan may stand beside its data, as in older scripts."""

import logging

import numpy as np
import pytest

from ptypy import defaults_tree
from ptypy.core import Ptycho
from ptypy.core.data import MoonFlowerScan, PtydScan, PtyScan, register
from ptypy.core.xy import TEMPLATES, from_pars
from ptypy.errors import ParameterError
from ptypy.utils import Param

SETUP = {"energy": 6.2, "distance": 1.5, "psize": 5e-5}


@register("BesideScan")
class BesideScan(PtyScan):
    """Frames that tell their number, on a line.

    Defaults:

    [shape]
    default = 8

    [num_frames]
    default = 12

    [recorded]
    default = None
    type = float
    help = A photon energy that the files know [keV]
    """

    def __init__(self, pars=None, **kwargs):
        super().__init__(pars, **kwargs)
        if self.info.get("energy") is None and self.info.recorded:
            self.info.energy = self.info.recorded

    def load_positions(self):
        return np.arange(24.0).reshape(12, 2) * 1e-7

    def load(self, indices):
        return {k: np.full((8, 8), k + 1) for k in indices}, {}, {}


def run(tmp_path, data=None, **scan) -> Ptycho:
    data = {"name": "BesideScan", **(SETUP if data is None else data)}
    p = Param(io=Param(home=str(tmp_path), autosave=Param(active=False)), scans=Param())
    p.scans.mine = Param(name="BlockFull", data=Param(data), **scan)
    return Ptycho(p, level=2)


def geometry(ptycho: Ptycho):
    return ptycho.model.blocks[0].geometry


def said(caplog) -> str:
    return "\n".join(r.getMessage() for r in caplog.records if r.levelno >= logging.ERROR)


# ------------------------------------------------------------------------ scan.geometry


def test_numbers_of_the_setup_may_stand_in_their_older_place(tmp_path, caplog):
    older = run(tmp_path, data={}, geometry=Param(SETUP, propagation="farfield", shape=6))
    now = run(tmp_path, data={**SETUP, "shape": 6})
    for key in ("energy", "distance", "psize", "shape", "resolution"):
        np.testing.assert_array_equal(getattr(geometry(older), key), getattr(geometry(now), key))
    assert said(caplog) == ""  # neither placeholders nor conflicts


def test_what_the_data_say_counts_and_the_difference_is_told(tmp_path, caplog):
    ptycho = run(tmp_path, geometry=Param(energy=8.0, distance=1.5, center=(4, 4)))
    assert geometry(ptycho).energy == 6.2
    assert "data.energy" in said(caplog)
    assert "8.0" in said(caplog)
    assert "distance" not in said(caplog)


def test_numbers_in_the_older_place_win_over_those_that_a_class_finds_itself(tmp_path):
    rest = {"distance": 1.5, "psize": 5e-5, "recorded": 9.0}
    assert geometry(run(tmp_path, data=rest)).energy == 9.0
    assert geometry(run(tmp_path, data=rest, geometry=Param(energy=8.0))).energy == 8.0


def test_a_wavelength_stands_for_an_energy(tmp_path):
    rest = {"distance": 1.5, "psize": 5e-5}
    ptycho = run(tmp_path, data=rest, geometry=Param(lam=1.239841984e-10, energy=None))
    assert geometry(ptycho).energy == pytest.approx(10.0)
    with pytest.raises(ParameterError, match=r"scans\.mine\.geometry\.lam.*give one"):
        run(tmp_path, data=rest, geometry=Param(lam=1.24e-10, energy=6.2))


def test_a_misspelt_or_impossible_number_is_refused_where_it_stands(tmp_path):
    with pytest.raises(ParameterError) as raised:
        run(tmp_path, geometry=Param(enrgy=6.2, distance=-1.0, propagation="midfield"))
    assert [fault.path for fault in raised.value.faults] == [
        "scans.mine.geometry.enrgy",
        "scans.mine.geometry.distance",
        "scans.mine.geometry.propagation",
    ]
    with pytest.raises(ParameterError, match=r"scans\.mine\.geometry\.resolution.*leave it out"):
        run(tmp_path, geometry=Param(resolution=1e-8))


def test_near_fields_are_not_taken_for_far_ones(tmp_path):
    near = {**SETUP, "psize": 2e-7}
    setup = geometry(run(tmp_path, data=near, geometry=Param(propagation="nearfield")))
    assert setup.propagation == "nearfield"
    np.testing.assert_allclose(setup.resolution, 2e-7)


def test_a_file_that_is_read_as_it_is_keeps_its_own_numbers(tmp_path):
    path = str(tmp_path / "moon.ptyd")
    scan = MoonFlowerScan(num_frames=12, shape=16, save="append", dfile=path)
    while scan.auto(12) != scan.EOS:
        pass
    data = {"name": "BesideScan", "source": "file", "dfile": path, "energy": 3.0}
    ptycho = run(tmp_path, data=data, geometry=Param(distance=1.0), xy=Param(model="round"))
    assert (geometry(ptycho).energy, geometry(ptycho).distance) == (7.2, 7.19)
    expected = PtydScan(dfile=path).next_chunk(100).positions
    np.testing.assert_array_equal(ptycho.model.blocks[0].positions, expected)


def test_numbers_that_a_file_lacks_are_taken_from_the_parameters(tmp_path):
    import h5py

    with h5py.File(tmp_path / "bare.ptyd", "w") as file:
        file["chunks/0/data"] = np.ones((4, 8, 8), np.int32)
        file["chunks/0/positions"] = np.arange(8.0).reshape(4, 2) * 1e-7
    data = {"source": "file", "dfile": str(tmp_path / "bare.ptyd"), "energy": 6.2}
    ptycho = run(tmp_path, data=data, geometry=Param(distance=1.5, psize=5e-5))
    assert geometry(ptycho).energy == 6.2
    assert geometry(ptycho).distance == 1.5


# ------------------------------------------------------------------------ scan.xy

ROUND = {"model": "round", "spacing": 1e-6, "steps": 3, "extent": 3e-6}


def positions(ptycho: Ptycho) -> np.ndarray:
    return np.concatenate([block.positions for block in ptycho.model.blocks])


def test_a_pattern_gives_the_positions_of_a_scan(tmp_path):
    expected = from_pars(ROUND)
    assert 3 < len(expected) < 12
    ptycho = run(tmp_path, xy=Param(ROUND))
    np.testing.assert_array_equal(positions(ptycho), expected)
    assert ptycho.num_frames == len(expected)


@pytest.mark.parametrize("kind", [np.asarray, np.ndarray.tolist])
def test_positions_may_be_given_as_they_are(tmp_path, kind):
    expected = np.random.default_rng(3).normal(size=(7, 2)) * 1e-6
    np.testing.assert_array_equal(positions(run(tmp_path, xy=kind(expected))), expected)
    by_override = run(tmp_path, xy=Param(override=kind(expected)))
    np.testing.assert_array_equal(positions(by_override), expected)


def test_a_pattern_may_be_called_by_the_name_of_a_template(tmp_path, monkeypatch):
    monkeypatch.setitem(TEMPLATES, "three_by_three", Param(ROUND))
    np.testing.assert_array_equal(positions(run(tmp_path, xy="three_by_three")), from_pars(ROUND))


def test_without_a_pattern_positions_are_those_of_the_files(tmp_path):
    for nothing in ({}, {"xy": None}, {"xy": Param()}, {"xy": Param(model=None, steps=4)}):
        expected = np.arange(24.0).reshape(12, 2) * 1e-7
        np.testing.assert_array_equal(positions(run(tmp_path, **nothing)), expected)


def test_positions_in_the_data_count_and_the_others_are_told(tmp_path, caplog):
    theory = np.arange(10.0).reshape(5, 2) * 1e-7
    both = {"data": {**SETUP, "positions_theory": theory}, "xy": Param(ROUND)}
    np.testing.assert_array_equal(positions(run(tmp_path, **both)), theory)
    assert "positions_theory" in said(caplog)
    assert "xy" in said(caplog)
    caplog.clear()
    run(tmp_path, data={**SETUP, "positions_theory": theory}, xy=theory)
    assert said(caplog) == ""


def test_a_pattern_that_does_not_fit_is_refused_where_it_stands(tmp_path):
    with pytest.raises(ParameterError, match=r"scans\.mine\.xy\.stps.*did you mean `steps`"):
        run(tmp_path, xy=Param(ROUND, stps=3))
    with pytest.raises(ParameterError, match=r"scans\.mine\.xy\.model.*roung"):
        run(tmp_path, xy=Param(ROUND, model="roung"))
    with pytest.raises(ParameterError, match=r"scans\.mine\.xy.*no_such"):
        run(tmp_path, xy="no_such")


@pytest.mark.parametrize("model", ["Vanilla", "BlockVanilla", "Full", "BlockFull"])
def test_every_model_declares_them(model):
    declared = defaults_tree[f"scan.{model}"]
    assert {"override", "model", "extent", "spacing", "steps"} <= set(declared["xy"].children)
    assert {"energy", "distance", "psize", "propagation"} <= set(declared["geometry"].children)
    assert declared.make_default(99).xy.steps == 10


@pytest.mark.mpi
def test_all_processes_agree_on_positions_with_a_random_part(mpirun):
    done = mpirun(
        """
import numpy as np
from ptypy.core import Ptycho
from ptypy.utils import Param, parallel
data = Param(name="PtyScan", shape=8, energy=6.2, distance=1.5, psize=5e-5)
p = Param(io=Param(autosave=Param(active=False)), scans=Param())
p.scans.s = Param(name="BlockFull", data=data, xy=Param(model="raster", steps=4, jitter=1e-7))
P = Ptycho(p, level=2)
mine = P.model.scans["s"].ptyscan.info.positions_theory
assert (parallel.bcast(mine) == mine).all()
assert P.num_frames == len(mine)
"""
    )
    assert done.returncode == 0, done.stderr
