"""DMOPR and MLOPR: a beam that changes from frame to frame, within few dimensions."""

from types import SimpleNamespace

import numpy as np
import pytest

from ptypy.core import Ptycho
from ptypy.core.data import PtyScan, register
from ptypy.core.geometry import Geo
from ptypy.diagnose import compare_objects
from ptypy.engines import ML, MLOPR
from ptypy.engines._subspace import Subspace
from ptypy.errors import ParameterError
from ptypy.utils import Param

N = 32
GEOMETRY = {"energy": 8.8, "distance": 2.0, "psize": 75e-6}


def geometry():
    return Geo(pars=Param(shape=(N, N), propagation="farfield", **GEOMETRY))


def draw_object(size=72):
    """Smooth blobs: phases of up to a radian, some absorption."""
    rng = np.random.default_rng(7)
    frequencies = np.hypot(*np.meshgrid(np.fft.fftfreq(size), np.fft.fftfreq(size)))

    def blobs():
        noise = np.fft.fft2(rng.standard_normal((size, size)))
        field = np.fft.ifft2(noise * np.exp(-((frequencies / 0.08) ** 2))).real
        return field / np.abs(field).max()

    return ((0.85 + 0.15 * blobs()) * np.exp(1j * blobs())).astype(np.complex64)


def draw_probes(frames, photons):
    """A soft disk with a curved wavefront, which leans to one side or the other."""
    y, x = np.indices((N, N)) - N // 2
    disk = np.exp(1j * (y**2 + x**2) / 90) / (1 + np.exp(np.hypot(y, x) - 8))
    leaning = np.random.default_rng(5).uniform(-1, 1, frames)
    probes = disk * (1 + leaning[:, None, None] * (y + 0.5j * x) / 8)
    power = (np.abs(probes) ** 2).sum(axis=(1, 2)).mean()
    return (probes * np.sqrt(photons / power)).astype(np.complex64)


@register()
class LeaningBeam(PtyScan):
    """Frames taken with a beam that is another mixture of two waves in each of them.

    Defaults:

    [name]
    default = LeaningBeam
    type = str
    help = Name of the scan

    [photons]
    default = 1e6
    type = float
    help = Photons that the beam brings to a frame, on average
    """

    def __init__(self, pars=None, **kwargs):
        p = self.DEFAULT.copy(99)
        p.update(pars)
        p.update(shape=N, center=(N // 2, N // 2), auto_center=False, **GEOMETRY)
        super().__init__(p, **kwargs)
        geo, rng = geometry(), np.random.default_rng(3)
        corners = np.stack(np.meshgrid(*[np.arange(8) * 5] * 2, indexing="ij"), -1).reshape(-1, 2)
        corners += rng.integers(0, 4, corners.shape)
        self.truth = SimpleNamespace(
            obj=draw_object(), probes=draw_probes(len(corners), p.photons), corners=corners
        )
        views = np.stack([self.truth.obj[y : y + N, x : x + N] for y, x in corners])
        waves = np.asarray(geo.pre_phase) * self.truth.probes * views
        model = np.abs(np.fft.fftshift(np.fft.fft2(waves, norm="ortho"), axes=(-2, -1))) ** 2
        self.frames = rng.poisson(model).astype(np.float32)
        squares = ((np.sqrt(model) - np.sqrt(self.frames)) ** 2).sum()
        self.truth.residual = float(np.sqrt(squares / self.frames.sum(dtype=np.float64)))
        self.places = (corners + N // 2) * np.asarray(geo.resolution)

    def load_positions(self):
        return self.places - self.places.mean(axis=0).round(12)

    def load(self, indices):
        return {i: self.frames[i] for i in indices}, {}, {}


class Run:
    """A run over a `LeaningBeam`, with the truth beside it."""

    def __init__(self, model="OPRModel", frames_per_block=1000, **io):
        data = Param(name="LeaningBeam")
        scan = Param(name=model, data=data, illumination=Param(diversity=None))
        scan.illumination.aperture = Param(form="circ", size=16 * geometry().resolution[0])
        p = Param(scans=Param(known=scan), frames_per_block=frames_per_block)
        p.io = Param(rfile=None, autosave=Param(active=False), autoplot=Param(active=False))
        p.io.update(io)
        self.ptycho = Ptycho(p, level=2)
        self.truth = self.ptycho.model.scans["known"].ptyscan.truth
        (self.probe,) = self.ptycho.probe.storages.values()
        (self.obj,) = self.ptycho.obj.storages.values()

    def run(self, name, label="engine00", **pars):
        self.ptycho.run(label, epars=Param(name=name, **pars))
        return self

    @property
    def history(self):
        return self.ptycho.runtime.iter_info

    @property
    def residual(self):
        return self.history[-1].residual

    @property
    def singular_values(self):
        """Of the probes, relative to the largest."""
        probes = self.probe.data.reshape(len(self.probe.data), -1).astype(np.complex128)
        values = np.linalg.svd(probes, compute_uv=False)
        return values / values[0]


if __name__ == "__main__":
    import sys, time

    for start in ("near",):
        r = Run("Full")
        t = time.time()
        r.run("DM", numiter=100)
        print("DM one", r.residual, r.truth.residual, time.time() - t)
        r = Run()
        t = time.time()
        r.run("DM", numiter=100)
        print("DM free", r.residual, r.singular_values[:4], time.time() - t)
        for s in (0, 10, 30):
            r = Run()
            t = time.time()
            r.run("DMOPR", numiter=100, subspace_dim=2, subspace_start=s)
            print("DMOPR", s, r.residual, r.singular_values[:4], time.time() - t)
            t = time.time()
            r.run("MLOPR", "e1", numiter=50, subspace_dim=2)
            print("MLOPR", r.residual, r.singular_values[:4], time.time() - t)
            c = np.array([e.error[1] for e in r.history if e.engine == "MLOPR"])
            print(c[::5], np.diff(c).max())
        r = Run()
        t = time.time()
        r.run("MLOPR", numiter=100, subspace_dim=2)
        print("MLOPR", r.residual, r.singular_values[:4], time.time() - t)
        c = np.array([e.error[1] for e in r.history if e.engine == "MLOPR"])
        print(c[::5], np.diff(c).max())
        r = Run()
        t = time.time()
        r.run("DMOPR", numiter=20, subspace_dim=1)
        print("DMOPR 1", r.residual, r.singular_values[:4], time.time() - t)
