"""Runs, scans, chunks and storages say in words what they are, and a notebook shows them."""

import h5py
import pytest

from ptypy.core import Ptycho
from ptypy.core.data import MoonFlowerScan, PtydScan, PtyScan
from ptypy.utils.parameters import Param


@pytest.fixture(scope="module")
def run():
    data = Param(name="MoonFlowerScan", num_frames=30, shape=32, photons=1e6)
    pars = Param(
        run="<moon>",
        io=Param(rfile=None, autosave=Param(active=False)),
        scans=Param(MF=Param(name="BlockFull", data=data)),
        engines=Param(engine00=Param(name="DM", numiter=3), engine01=Param(name="ML", numiter=2)),
    )
    return Ptycho(pars, level=2)


def test_a_run_says_what_it_runs_and_how_far_it_has_come(run):
    text = repr(run)
    assert "BlockFull of MoonFlowerScan" in text
    assert f"{run.num_frames} frames of 32 x 32 px" in text
    assert "DM, 3 iterations, not made yet" in text
    run.init_engine()
    run.run(label="engine00")
    text = repr(run)
    assert "DM, 3 of 3 iterations" in text
    assert "ML, 0 of 2 iterations" in text
    assert f"{run.runtime.iter_info[-1]['residual']:.4f}" in text
    html = run._repr_html_()
    assert "&lt;moon&gt;" in html
    assert "<moon>" not in html
    assert html.count("data:image/png") == 4


def test_a_run_without_parameters_can_be_looked_at():
    assert "Ptycho" in repr(Ptycho(level=0))


def test_storages_and_containers_show_their_layers(run):
    (storage,) = run.obj.storages.values()
    assert "amplitude" in storage._repr_html_()
    assert storage.ID in run.obj._repr_html_()
    assert repr(storage).startswith("<Storage SMFG00")


def test_scans_say_what_was_not_given_and_how_far_they_are():
    assert "energy       not given; 7.2 keV stands for it" in repr(PtyScan(orientation=5))
    scan = MoonFlowerScan(num_frames=20, shape=32)
    assert "0 of" in repr(scan)
    assert "not opened yet" in repr(scan)
    scan.auto(5)
    assert f"5 of {scan.num_frames} delivered; open" in repr(scan)
    assert "32 x 32 px" in scan._repr_html_()


def test_a_chunk_says_what_it_holds_without_printing_it():
    chunk = MoonFlowerScan(num_frames=20, shape=32).next_chunk(6)
    text = repr(chunk)
    assert "6 of 32 x 32 px" in text
    assert "0 ... 5" in text
    assert len(text) < 600
    assert "data:image/png" in chunk._repr_html_()


def test_a_scan_of_prepared_frames_names_its_file(tmp_path):
    path = tmp_path / "moon.ptyd"
    scan = MoonFlowerScan(num_frames=12, shape=32, save="append", dfile=str(path))
    while isinstance(scan.auto(6), dict):
        pass
    with h5py.File(path) as file:
        assert "chunks" in file
    again = PtydScan(source=str(path))
    assert str(path) in repr(again)
    assert f"0 of {scan.num_frames}" in repr(again)
