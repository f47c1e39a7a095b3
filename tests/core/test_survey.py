"""What is said of a run before it begins is what comes."""

import tracemalloc

import numpy as np
import pytest

from ptypy.core import Ptycho
from ptypy.core.ptycho import as_page, survey
from ptypy.utils import Param


def tree(engine, **data):
    p = Param(run="moon", scans=Param(), engines=Param(engine00=Param(name=engine, numiter=2)))
    p.io = Param(rfile=None, autosave=Param(active=False))
    data = Param(name="MoonFlowerScan", shape=32, density=0.05, photons=1e6, **data)
    p.scans.moon = Param(name="BlockFull", data=data)
    p.scans.moon.coherence = Param(num_probe_modes=2)
    return p


@pytest.mark.parametrize("engine", ["DM", "ML", "EPIE"])
def test_an_engine_takes_about_the_memory_that_was_said(engine):
    p = tree(engine, num_frames=900)
    # Kernels that have to be compiled are not what is measured.
    Ptycho(tree(engine, num_frames=20), level=5)
    said = survey(p).engines[0].memory
    run = Ptycho(p, level=4)
    (made,) = run.engines.values()
    tracemalloc.start()
    made.initialize()
    made.prepare()
    made.iterate(1)
    taken = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert said == pytest.approx(taken, rel=0.2)


def test_frames_object_and_resolution_are_those_of_the_run():
    p = tree("EPIE", num_frames=120)
    (scan,) = survey(p).scans
    run = Ptycho(p, level=2)
    (block,) = run.model.blocks
    assert scan.frames == len(block.counts)
    assert scan.shape == block.counts.shape[1:]
    assert np.allclose(scan.resolution, block.obj.psize)
    assert scan.probe_shape == run.model.scans["moon"].probe.data.shape
    assert np.allclose(scan.object_shape, block.obj.data.shape[1:], atol=4)
    held = block.counts.nbytes + run.mask.S["S0000"].data.nbytes
    assert scan.frames_memory == pytest.approx(held, rel=0.01)


def test_a_survey_saves_nothing_and_leaves_the_log_as_it_was(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    found = survey(tree("EPIE", num_frames=30, save="append", dfile="moon.ptyd"))
    assert found.verdict == "runs"
    assert as_page(found, "moon").startswith("moon: would run\n")
    assert list(tmp_path.iterdir()) == []
    assert capsys.readouterr() == ("", "")
