"""Frames that the stage took between the pixels of the object."""

import numpy as np
import pytest

from ptypy.core import Ptycho
from ptypy.core.data import PtyScan, register
from ptypy.core.geometry import Geo
from ptypy.utils import Param

N = 32
GEOMETRY = {"energy": 8.8, "distance": 2.0, "psize": 75e-6}


def smooth_object(size=96):
    """Blobs with nothing finer than three pixels: between pixels they are known exactly."""
    rng = np.random.default_rng(4)
    fine = np.hypot(*np.meshgrid(np.fft.fftfreq(size), np.fft.fftfreq(size)))
    noise = np.fft.fft2(rng.standard_normal((size, size)))
    field = np.fft.ifft2(noise * (fine < 0.16) * np.exp(-((fine / 0.1) ** 2))).real
    return 0.9 * np.exp(1j * field / np.abs(field).max())


def moved(field, shift):
    """Move a periodic field by any part of a pixel, exactly."""
    ky, kx = np.meshgrid(*[np.fft.fftfreq(n) for n in field.shape], indexing="ij")
    return np.fft.ifft2(np.fft.fft2(field) * np.exp(-2j * np.pi * (ky * shift[0] + kx * shift[1])))


@register()
class BetweenPixels(PtyScan):
    """Frames of a stage that stands anywhere.

    Defaults:

    [name]
    default = BetweenPixels
    type = str
    help = Name of the scan
    """

    def __init__(self, pars=None, **kwargs):
        p = self.DEFAULT.copy(99)
        p.update(pars)
        p.update(shape=N, auto_center=False, **GEOMETRY)
        super().__init__(p, **kwargs)
        geo = Geo(pars=Param(shape=(N, N), propagation="farfield", **GEOMETRY))
        y, x = np.indices((N, N)) - N // 2
        probe = np.exp(1j * (y**2 + x**2) / 90) / (1 + np.exp(np.hypot(y, x) - 8))
        self.probe = (probe * np.sqrt(1e6 / (np.abs(probe) ** 2).sum())).astype(np.complex64)
        raster = np.stack(np.meshgrid(*[np.arange(8) * 5.0] * 2, indexing="ij"), -1).reshape(-1, 2)
        self.pixels = raster + np.random.default_rng(3).random((64, 2)) * 4
        truth, frames = smooth_object(), []
        for place in self.pixels:
            view = moved(truth, -place)[:N, :N]
            wave = np.asarray(geo.pre_phase) * self.probe * view
            frames.append(np.abs(np.fft.fftshift(np.fft.fft2(wave, norm="ortho"))) ** 2)
        self.frames = np.float32(frames)
        self.places = self.pixels * np.asarray(geo.resolution)

    def load_positions(self):
        return self.places

    def load(self, indices):
        return {i: self.frames[i] for i in indices}, {}, {}


def reconstruct(engine, **pars):
    """Residuals of a reconstruction that begins with the true probe."""
    data = Param(name="BetweenPixels")
    scan = Param(name="BlockFull", data=data, illumination=Param(diversity=None))
    p = Param(scans=Param(s=scan))
    p.io = Param(rfile=None, autosave=Param(active=False), autoplot=Param(active=False))
    run = Ptycho(p, level=2)
    (probe,) = run.probe.storages.values()
    probe.data[...] = run.model.scans["s"].ptyscan.probe
    run.run("engine00", epars=Param(name=engine, probe_support=None, **pars))
    return [entry.residual for entry in run.runtime.iter_info]


# These frames have no noise that an engine should leave alone.
EXACT = {"fourier_relax_factor": 0.0}
THIN = {"number_of_slices": 1, "fslices": None}


@pytest.mark.parametrize(
    ("engine", "pars"),
    [("DM", EXACT), ("RAAR", EXACT), ("EPIE", {}), ("ML", {}), ("ThreePIE", THIN)],
)
def test_looking_between_pixels_explains_frames_that_whole_pixels_do_not(engine, pars):
    between = reconstruct(engine, numiter=60, **pars)[-1]
    nearest = reconstruct(engine, numiter=60, subpix=None, **pars)[-1]
    assert between < 0.5 * nearest


def test_an_engine_may_begin_with_whole_pixels():
    late = reconstruct("EPIE", numiter=6, subpix_start=4)
    nearest = reconstruct("EPIE", numiter=6, subpix=None)
    assert late[:3] == nearest[:3]
    assert late[5] < nearest[5]


def test_another_way_between_pixels_is_not_silently_taken_for_this_one():
    with pytest.raises(ValueError, match=r"'fourier'.*'linear' or None"):
        reconstruct("DM", numiter=1, subpix="fourier")
