"""A scan whose object and probe are known, small enough to reconstruct in a second."""

from types import SimpleNamespace

import numpy as np
import pytest

from ptypy.core import Ptycho
from ptypy.core.data import PtyScan, register
from ptypy.core.geometry import Geo
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


def draw_probe(modes=1, photons=1e6):
    """A soft disk with a curved wavefront; further modes are weaker and odd."""
    y, x = np.indices((N, N)) - N // 2
    disk = 1 / (1 + np.exp(np.hypot(y, x) - 8))
    first = disk * np.exp(1j * (y**2 + x**2) / 90)
    fields = [first, 0.3 * first * y / 8, 0.2 * first * x / 8][:modes]
    field = np.stack(fields)
    return (field * np.sqrt(photons / (np.abs(field) ** 2).sum())).astype(np.complex64)


def corners_in_truth(steps=8, spacing=5):
    """Upper left pixels of the frames in the true object: a raster, shaken."""
    rng = np.random.default_rng(3)
    raster = np.stack(np.meshgrid(*[np.arange(steps) * spacing] * 2, indexing="ij"), -1)
    return raster.reshape(-1, 2) + rng.integers(0, 4, (steps**2, 2))


def far_fields(probe, obj, corners, pre):
    """Model of the definitions page, in numpy: intensities with zero frequency in the middle."""
    views = np.stack([obj[y : y + N, x : x + N] for y, x in corners])
    waves = pre * probe[None] * views[:, None]
    fields = np.fft.fftshift(np.fft.fft2(waves, norm="ortho"), axes=(-2, -1))
    return (np.abs(fields) ** 2).sum(axis=1)


@register()
class KnownScan(PtyScan):
    """Frames calculated from a known probe and a known object.

    Defaults:

    [name]
    default = KnownScan
    type = str
    help = Name of the scan

    [modes]
    default = 1
    type = int
    help = Modes of the true probe

    [photons]
    default = 1e6
    type = float
    help = Photons that the beam brings to a frame

    [noise]
    default = False
    type = bool
    help = Draw photon numbers

    [flicker]
    default = 0.0
    type = float
    help = Standard deviation of the beam's intensity

    [hot]
    default = False
    type = bool
    help = Make some pixels scream, and say so in the mask
    """

    def __init__(self, pars=None, **kwargs):
        p = self.DEFAULT.copy(99)
        p.update(pars)
        p.update(shape=N, center=(N // 2, N // 2), auto_center=False, **GEOMETRY)
        super().__init__(p, **kwargs)
        geo = geometry()
        self.truth = SimpleNamespace(
            obj=draw_object(), probe=draw_probe(p.modes, p.photons), corners=corners_in_truth()
        )
        frames = far_fields(
            self.truth.probe, self.truth.obj, self.truth.corners, np.asarray(geo.pre_phase)
        )
        rng = np.random.default_rng(11)
        self.truth.factors = 1 + p.flicker * rng.standard_normal(len(frames))
        frames *= self.truth.factors[:, None, None]
        self.frames = rng.poisson(frames).astype(np.float32) if p.noise else np.float32(frames)
        self.bad = np.zeros((N, N), bool)
        if p.hot:
            self.bad[rng.integers(0, N, 20), rng.integers(0, N, 20)] = True
            self.frames[:, self.bad] = 1e9
        self.places = (self.truth.corners + N // 2) * np.asarray(geo.resolution)

    def load_positions(self):
        return self.places - self.places.mean(axis=0).round(12)

    def load_weight(self):
        return ~self.bad

    def load(self, indices):
        return {i: self.frames[i] for i in indices}, {}, {}


class Known:
    """A run over a `KnownScan`, with the truth beside it."""

    def __init__(self, model="BlockFull", frames_per_block=1000, probe=True, obj=False, **scan):
        modes = scan.get("modes", 1)
        data = Param(name="KnownScan", **scan)
        pars = Param(name=model, data=data)
        pars.coherence = Param(num_probe_modes=modes)
        if modes == 1:
            pars.illumination = Param(diversity=None)
        p = Param(scans=Param(known=pars), frames_per_block=frames_per_block)
        p.io = Param(rfile=None, autosave=Param(active=False), autoplot=Param(active=False))
        self.ptycho = Ptycho(p, level=2)
        self.scan = self.ptycho.model.scans["known"].ptyscan
        self.truth = self.scan.truth
        (self.probe,) = self.ptycho.probe.storages.values()
        (self.obj,) = self.ptycho.obj.storages.values()
        block = self.ptycho.model.blocks[0]
        # Where the true object's first pixel lies in the storage.
        self.offset = block.corners[0] - self.truth.corners[block.indices[0]]
        if probe:
            self.probe.data[...] = self.truth.probe
        if obj:
            self.place_true_object()

    def seen(self, share=0.2):
        """Pixels of the truth that enough light has passed."""
        light = np.zeros(self.truth.obj.shape)
        for y, x in self.truth.corners:
            light[y : y + N, x : x + N] += (np.abs(self.truth.probe) ** 2).sum(axis=0)
        return light > share * light.max()

    def window(self):
        """The part of the reconstructed object that the truth covers."""
        y, x = self.offset
        height, width = self.truth.obj.shape
        rows = slice(max(y, 0), y + height), slice(max(x, 0), x + width)
        part = self.obj.data[0][rows]
        whole = np.ones_like(self.truth.obj)
        top, left = max(-y, 0), max(-x, 0)
        whole[top : top + part.shape[0], left : left + part.shape[1]] = part
        return whole

    def place_true_object(self):
        for y, x in self.truth.corners:
            top, left = self.offset + np.array([y, x])
            self.obj.data[0, top : top + N, left : left + N] = self.truth.obj[y : y + N, x : x + N]

    def object_error(self):
        """Distance from the truth where there was light, a constant phase aside."""
        seen = self.seen()
        found, true = self.window()[seen], self.truth.obj[seen]
        found = found * np.exp(-1j * np.angle(np.vdot(true, found)))
        return float(np.linalg.norm(found - true) / np.linalg.norm(true))

    def run(self, name, label="engine00", **pars):
        self.ptycho.run(label, epars=Param(name=name, **pars))
        return self

    @property
    def history(self):
        return self.ptycho.runtime.iter_info

    def model(self, block):
        """Intensities by numpy, from what the run shows to the outside."""
        pre = np.asarray(block.geometry.pre_phase)
        return far_fields(self.probe.data, self.obj.data[0], block.corners, pre)

    def residual(self):
        """Residual of the definitions page by numpy."""
        squares = photons = 0.0
        for block in self.ptycho.model.blocks:
            model = self.model(block)
            mask = np.broadcast_to(block.mask, model.shape)
            squares += ((np.sqrt(model) - np.sqrt(block.counts)) ** 2)[mask].sum()
            photons += block.counts[mask].sum(dtype=np.float64)
        return float(np.sqrt(squares / photons))


@pytest.fixture(scope="session")
def known():
    """Make a run over a scan whose object and probe are known: ``known(**options)``."""
    return Known
