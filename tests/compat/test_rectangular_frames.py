"""Frames that are not square, from the detector to the image."""

import numpy as np
import pytest

from ptypy.core import Ptycho
from ptypy.core.data import EOS, MoonFlowerScan, PtydScan
from ptypy.diagnose import compare_objects, coverage
from ptypy.utils import Param


def run_of(home, data, numiter):
    p = Param(io=Param(home=str(home), rfile=None, autosave=Param(active=False)))
    p.scans = Param(moon=Param(name="BlockFull", data=Param(data)))
    p.scans.moon.illumination = Param(diversity=None)
    p.engines = Param(dm=Param(name="DM", numiter=numiter, probe_update_start=1))
    return Ptycho(p, level=5)


def photon_errors(run):
    return [entry["error"][1] for entry in run.runtime.iter_info]


@pytest.mark.parametrize("shape", [(48, 64), (64, 48)])
def test_rectangular_frames_give_the_image_that_was_simulated(tmp_path, shape):
    data = {"name": "MoonFlowerScan", "shape": shape, "num_frames": 100, "density": 0.1}
    run = run_of(tmp_path, data, 60)
    (block,) = run.model.blocks
    assert block.counts.shape[1:] == shape
    assert photon_errors(run)[-1] < photon_errors(run)[0] / 200
    scan = run.model.scans["moon"].ptyscan
    (obj,) = run.obj.storages.values()

    corners = scan.pixel[block.indices]
    # The simulated object, moved to the pixels on which the run has put it.
    rows, columns = corners.min(axis=0) - block.corners.min(axis=0)
    height, width = obj.data.shape[1:]
    truth = scan.obj[rows : rows + height, columns : columns + width]
    # Hardly any light fell on the rim, and the frames say next to nothing about it.
    lit = coverage(run.model.blocks, obj) > 0.1
    assert compare_objects(obj.data[0], truth, lit).error < 0.1


@pytest.mark.parametrize(
    ("asked", "shape"),
    [
        ({"shape": (48, 64)}, (48, 64)),
        ({"shape": (64, 40), "center": "geometric"}, (64, 40)),
        ({"shape": (64, 96), "rebin": 2}, (32, 48)),
    ],
)
def test_a_rectangle_is_cut_from_square_frames_saved_and_reconstructed(tmp_path, asked, shape):
    raw, prepared = str(tmp_path / "raw.ptyd"), str(tmp_path / "prepared.ptyd")
    size = 128 if "rebin" in asked else 64
    scan = MoonFlowerScan(
        num_frames=60, shape=size, density=0.1, save="append", dfile=raw, psize=86e-6
    )
    while scan.auto(20) != EOS:
        pass
    cut = PtydScan(source=raw, save="append", dfile=prepared, **asked)
    while cut.auto(20) != EOS:
        pass
    assert tuple(cut.meta.shape) == shape
    run = run_of(tmp_path, {"name": "PtydScan", "dfile": prepared}, 20)
    (block,) = run.model.blocks
    assert block.counts.shape == (len(scan.pos), *shape)
    geometry = run.model.scans["moon"].geometry
    wavelength = 1.239841984e-9 / 7.2
    psize = 86e-6 * asked.get("rebin", 1)
    np.testing.assert_allclose(
        geometry.resolution, wavelength * 7.19 / (np.array(shape) * psize), rtol=1e-6
    )
    assert photon_errors(run)[-1] < photon_errors(run)[0] / 10
