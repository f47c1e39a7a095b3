"""Results are judged by what their own model says, whatever light and sample it knows."""

import numpy as np
import pytest

from ptypy.core import Ptycho
from ptypy.diagnose import coverage, model_intensity
from ptypy.utils import Param

MODELS = {
    "modes": Param(
        name="BlockFull",
        coherence=Param(num_probe_modes=2, num_object_modes=2),
        sample=Param(diversity=Param(noise=(0.5, 2.0))),
    ),
    "energies": Param(name="BlockFull", coherence=Param(energies=[1.0, 1.1], spectrum=[1.0, 2.0])),
    "one object": Param(
        name="Full", coherence=Param(energies=[1.0, 0.9], object_dispersion="achromatic")
    ),
    "finer waves": Param(name="BlockFull", resample=2),
    "own probes": Param(name="BlockOPRModel", coherence=Param(num_probe_modes=2)),
}


@pytest.fixture(params=MODELS)
def run(request, tmp_path):
    """A run that is loaded, with random probes and objects, frames on whole pixels."""
    p = Param(scans=Param(), io=Param(home=str(tmp_path), autosave=Param(active=False)))
    data = Param(name="MoonFlowerScan", num_frames=20, shape=16, save=None)
    p.scans.s = Param(MODELS[request.param], data=data)
    ptycho = Ptycho(p, level=2)
    rng = np.random.default_rng(0)
    for container in (ptycho.probe, ptycho.obj):
        for storage in container.S.values():
            values = rng.standard_normal((2, *storage.shape))
            storage.data[...] = values[0] + 1j * values[1]
    for block in ptycho.model.blocks:
        for colour in block.colours:
            views = colour.object_views
            views.coord[...] = (colour.corners + 8 - colour.obj.center) * colour.obj.psize
            views.coord[...] += (np.array(views.shape) // 2 - 8) * colour.obj.psize
    return ptycho


def test_intensities_are_those_of_the_pods(run):
    (block,) = run.model.blocks
    frames = np.array([0, 3, 19])
    expected = np.zeros((20, 16, 16))
    for pod in run.pods.values():
        power = np.abs(pod.fw(pod.probe * pod.object)) ** 2
        expected[pod.di_view.layer] += pod.downsample(power)
    found = model_intensity(block, frames)
    np.testing.assert_allclose(found, expected[frames], atol=1e-5 * expected.max())


def test_light_falls_where_pods_look(run):
    for obj in run.obj.S.values():
        expected = np.zeros(obj.shape[1:])
        for pod in run.pods.values():
            if pod.ob_view.storage is obj and pod.ob_view.layer == 0:
                (top, left), (bottom, right) = pod.ob_view.dlow, pod.ob_view.dhigh
                expected[top:bottom, left:right] += np.abs(pod.probe) ** 2
        expected /= expected.max()
        np.testing.assert_allclose(coverage(run.model.blocks, obj), expected, atol=1e-5)
