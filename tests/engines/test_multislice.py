"""ThreePIE: samples so thick that light spreads inside them."""

import numpy as np
import pytest

from ptypy.core import Ptycho
from ptypy.core.data import PtyScan, register
from ptypy.core.geometry import Geo
from ptypy.utils import Param

N, SIZE = 48, 104
GEOMETRY = {"energy": 8.8, "distance": 2.0, "psize": 75e-6}
GEO = Geo(pars=Param(shape=(N, N), propagation="farfield", **GEOMETRY))
LAM, PIXEL = float(GEO.lam), float(GEO.resolution[0])
THICKNESS = 30 * PIXEL**2 / LAM
"""Far beyond the depth of field: light of the finest detail goes 6 px aside."""


def draw_slices():
    """Two sheets of blobs that have nothing to do with each other."""
    rng = np.random.default_rng(5)
    fine = np.hypot(*np.meshgrid(np.fft.fftfreq(SIZE), np.fft.fftfreq(SIZE)))
    noise = np.fft.fft2(rng.standard_normal((2, SIZE, SIZE)))
    fields = np.fft.ifft2(noise * np.exp(-((fine / 0.12) ** 2))).real
    return np.exp(0.8j * fields / np.abs(fields).max(axis=(1, 2), keepdims=True))


def draw_probe(photons):
    y, x = np.indices((N, N)) - N // 2
    field = np.exp(1j * (y**2 + x**2) / 60) / (1 + np.exp(np.hypot(y, x) - 9))
    return field * np.sqrt(photons / (np.abs(field) ** 2).sum())


def spread(wave, distance):
    """Angular spectrum, written out once more."""
    f = np.fft.fftfreq(N, PIXEL)
    depth = np.sqrt(1 - (LAM * f[:, None]) ** 2 - (LAM * f[None]) ** 2) - 1
    return np.fft.ifft2(np.fft.fft2(wave) * np.exp(2j * np.pi * distance / LAM * depth))


def thick_frame(probe, first, second):
    """Intensity behind two sheets, zero frequency in the middle."""
    wave = second * spread(probe * first, THICKNESS)
    far = np.fft.fft2(np.asarray(GEO.pre_phase) * wave, norm="ortho")
    return np.abs(np.fft.fftshift(far)) ** 2


@register()
class ThickScan(PtyScan):
    """Frames of a sample of two sheets.

    Defaults:

    [name]
    default = ThickScan
    type = str
    help = Name of the scan

    [photons]
    default = 1e7
    type = float
    help = Photons in a frame
    """

    def __init__(self, pars=None, **kwargs):
        p = self.DEFAULT.copy(99)
        p.update(pars)
        p.update(shape=N, auto_center=False, **GEOMETRY)
        super().__init__(p, **kwargs)
        rng = np.random.default_rng(3)
        raster = np.stack(np.meshgrid(*[np.arange(9) * 6] * 2, indexing="ij"), -1)
        self.truth = draw_slices()
        self.corners = raster.reshape(-1, 2) + rng.integers(0, 5, (81, 2))
        probe = draw_probe(p.photons)
        views = [self.truth[:, y : y + N, x : x + N] for y, x in self.corners]
        self.frames = rng.poisson([thick_frame(probe, *view) for view in views])

    def load_positions(self):
        return self.corners * np.asarray(GEO.resolution)

    def load(self, indices):
        return {i: self.frames[i] for i in indices}, {}, {}


def make(photons=1e7, **io):
    data = Param(name="ThickScan", photons=photons)
    scan = Param(name="BlockFull", data=data, illumination=Param(diversity=None))
    p = Param(scans=Param(s=scan))
    p.io = Param(rfile=None, autosave=Param(active=False), autoplot=Param(active=False), **io)
    run = Ptycho(p, level=2)
    (probe,) = run.probe.storages.values()
    probe.data[...] = draw_probe(photons)
    return run


def reconstruct(name="ThreePIE", run=None, **pars):
    run = make() if run is None else run
    if name == "ThreePIE":
        pars = {"fslices": None, "slice_thickness": THICKNESS, **pars}
    run.run("engine00", epars=Param(name=name, probe_support=None, **pars))
    return run
