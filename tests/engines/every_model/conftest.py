"""Scans of every kind that are known through and through, and runs that are to find them.

Frames are computed here anew, in complex128: Fresnel integrals and plane waves as products of
matrices, intensities as sums of squares.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

from ptypy.core import Ptycho
from ptypy.core.data import PtyScan, register
from ptypy.diagnose import compare_objects
from ptypy.utils import Param

HC = 1.239841984e-9


@register("ComputedFrames")
class ComputedFrames(PtyScan):
    """Frames, masks and positions that were computed before.

    Defaults:

    [name]
    default = ComputedFrames
    help = Name
    type = str

    [source]
    default =
    help = Frames, positions and, maybe, mask
    type = Param

    [shape]
    default = None

    [auto_center]
    default = False
    """

    def load_positions(self):
        return self.info.source.positions

    def load(self, indices):
        source = self.info.source
        mask = source.get("mask")
        weights = {} if mask is None else {i: mask[i] for i in indices}
        return {i: source.frames[i] for i in indices}, {}, weights


def blobs(shape, seed, finest=0.08):
    """Give smooth noise between -1 and 1."""
    rng = np.random.default_rng(seed)
    fy, fx = (np.fft.fftfreq(n) for n in shape)
    noise = np.fft.fft2(rng.standard_normal(shape))
    values = np.fft.ifft2(noise * np.exp(-(np.hypot(fy[:, None], fx) ** 2) / finest**2)).real
    return values / np.abs(values).max()


def sample(size, seed, phase=1.0, absorption=0.15):
    """Draw a smooth transmission, (1, size, size)."""
    amplitude = 1 - absorption * (1 + blobs((size, size), seed + 1)) / 2
    return (amplitude * np.exp(1j * phase * blobs((size, size), seed)))[None]


def beam(size, modes=1, photons=1e6, *, radius=8.0, curvature=90.0, turned=0.0):
    """Draw a soft disk with a curved wavefront; further modes are weaker and odd."""
    y, x = np.indices((size, size)) - size // 2
    disk = 1 / (1 + np.exp(np.hypot(y, x) - radius))
    first = disk * np.exp(1j * (y**2 + x**2) / curvature + 1j * turned * y)
    fields = np.stack([first, 0.3 * first * y / radius, 0.2 * first * x / radius][:modes])
    return fields * np.sqrt(photons / (np.abs(fields) ** 2).sum())


def speckle(size, photons=4e6):
    """Draw what a diffuser of random phases and moduli makes of a wide beam on its way."""
    diffuser = (1 + 0.3 * blobs((size, size), 31, 0.15)) * np.exp(
        2.5j * blobs((size, size), 32, 0.12)
    )
    fine = np.fft.fftfreq(size)
    way = np.exp(-60j * (fine[:, None] ** 2 + fine**2))
    field = np.fft.ifft2(np.fft.fft2(diffuser) * way)[None]
    return field * np.sqrt(photons / (np.abs(field) ** 2).sum())


def raster(steps=7, spacing=5, seed=3):
    """Upper left pixels of frames on the true object: a raster, shaken by whole pixels."""
    rng = np.random.default_rng(seed)
    grid = np.stack(np.meshgrid(*[np.arange(steps) * spacing] * 2, indexing="ij"), -1)
    return grid.reshape(-1, 2) + rng.integers(0, 4, (steps**2, 2))


def far_field(setup, *, size=None, psize=None, resolution=None, energy=None, center=None):
    """Make the Fresnel integral from a sample to the detector, without its constant phase."""
    lam = HC / (setup["energy"] if energy is None else energy)
    psize = setup["psize"] if psize is None else psize
    size = setup["size"] if size is None else size
    reach = lam * setup["distance"]
    resolution = reach / (size * psize) if resolution is None else resolution
    x = (np.arange(size) - size // 2) * resolution
    q = (np.arange(size) - (size // 2 if center is None else center)) * psize
    matrix = np.exp(-2j * np.pi / reach * np.outer(q, x) + 1j * np.pi / reach * x**2)
    matrix *= np.sqrt(resolution * psize / reach)
    return lambda waves: matrix @ waves @ matrix.T


def near_field(setup):
    """Make the way to a near detector: each plane wave turns its phase by its own path."""
    size, lam = setup["size"], HC / setup["energy"]
    pixels = np.arange(size)
    planes = np.exp(2j * np.pi * np.outer(pixels, np.fft.fftfreq(size))) / np.sqrt(size)
    f = np.fft.fftfreq(size, setup["psize"])
    root = np.sqrt(1 / lam**2 - f[:, None] ** 2 - f**2)
    turned = np.exp(2j * np.pi * setup["distance"] * (root - 1 / lam))
    there, back = planes.conj().T, planes
    return lambda waves: back @ (turned * (there @ waves @ there.T)) @ back.T


@dataclass
class Colour:
    """Light of one wavelength: its probe (M, H, W), the object (L, Y, X), its way."""

    probe: Any
    obj: Any
    way: Any
    places: Any = None
    """Where frames lie on its pixels, (N, 2), if these are not the truth's corners."""

    def views(self, corners):
        """Give what frames see, (N, L, H, W), interpolated linearly as on the definitions page."""
        height, width = self.probe.shape[-2:]
        places = corners if self.places is None else self.places
        firsts = np.floor(places).astype(int)
        seen = 0
        for dy, dx in ((0, 0), (0, 1), (1, 0), (1, 1)):
            parts = np.abs(1 - np.array([dy, dx]) - (places - firsts)).prod(axis=1)
            if parts.any():
                cuts = [
                    self.obj[:, y + dy : y + dy + height, x + dx : x + dx + width]
                    for y, x in firsts
                ]
                seen = seen + parts[:, None, None, None] * np.stack(cuts)
        return seen


@dataclass
class Truth:
    """A scan that is known through and through."""

    setup: dict[str, Any]
    colours: list[Colour]
    corners: Any
    bins: int = 1
    mask: Any = None
    seed: int | None = 11
    propagation: str = "farfield"
    wrong: Any = 0.0
    """What the stage says more than is true, (N, 2) [px]."""
    frames: Any = field(init=False)
    """Photon numbers."""
    expected: Any = field(init=False)
    """What they are drawn from."""

    def __post_init__(self):
        total = sum(self._intensity(colour) for colour in self.colours)
        num, height, width = total.shape
        bins = (num, height // self.bins, self.bins, width // self.bins, self.bins)
        self.expected = total.reshape(bins).sum(axis=(2, 4))
        drawn = self.expected
        if self.seed is not None:
            drawn = np.random.default_rng(self.seed).poisson(drawn)
        self.frames = np.float32(drawn)

    def _intensity(self, colour):
        waves = colour.way(colour.probe[None, :, None] * colour.views(self.corners)[:, None])
        return (np.abs(waves) ** 2).sum(axis=(1, 2))

    @property
    def noise(self):
        """Residual of the truth itself: sqrt(sum (sqrt(n) - sqrt(mean))^2 / sum n)."""
        squares = (np.sqrt(self.frames) - np.sqrt(self.expected)) ** 2
        return float(np.sqrt(squares.sum() / self.frames.sum(dtype=float)))

    @property
    def resolution(self):
        """Pixel of the first colour's object [m]."""
        if self.propagation == "nearfield":
            return self.setup["psize"]
        size = self.frames.shape[-1]
        reach = HC / self.setup["energy"] * self.setup["distance"]
        return reach / (size * self.setup["psize"])

    def scan(self, name="BlockFull", **pars):
        """Give the parameters of a scan of these frames."""
        data = Param({k: v for k, v in self.setup.items() if k != "size"}, name="ComputedFrames")
        data.source = Param(
            frames=self.frames,
            positions=(self.corners + self.wrong) * self.resolution,
            mask=self.mask,
        )
        return Param(name=name, data=data, propagation=self.propagation, **pars)

    def seen(self, colour=0, share=0.2):
        """Pixels of the true object that enough light has passed."""
        known = self.colours[colour]
        power = (np.abs(known.probe) ** 2).sum(axis=0)
        light = np.zeros(known.obj.shape[-2:])
        for y, x in self.corners:
            light[y : y + power.shape[0], x : x + power.shape[1]] += power
        return light > share * light.max()


class Run:
    """A run over scans whose truth is known."""

    def __init__(self, scans, frames_per_block=1000, **pars):
        self.truths = {label: truth for label, (truth, _) in scans.items()}
        p = Param(frames_per_block=frames_per_block, scans=Param(), **pars)
        for label, (truth, options) in scans.items():
            p.scans[label] = truth.scan(**options)
        p.io = Param(rfile=None, autosave=Param(active=False), autoplot=Param(active=False))
        self.ptycho = Ptycho(p, level=2)

    @property
    def blocks(self):
        return self.ptycho.model.blocks

    def block(self, label=None):
        return next(b for b in self.blocks if label in (None, b.label))

    def place(self, *, probe=True, obj=False, label=None):
        """Begin with the true probe, or the true object, of a scan."""
        truth = self.truth(label)
        for k, colour in enumerate(self.block(label).colours):
            known = truth.colours[k]
            if probe:
                colour.probe.data[...] = known.probe
            if obj:
                window, region = self._window(k, label)
                colour.obj.data[(slice(None), *window)] = known.obj[(slice(None), *region)]
        return self

    def truth(self, label=None):
        return next(iter(self.truths.values())) if label is None else self.truths[label]

    def _window(self, k, label=None):
        """Give the common part of a storage and the truth, as slices in both."""
        block, truth = self.block(label), self.truth(label)
        colour, known = block.colours[k], truth.colours[k]
        views = colour.object_views
        found = views.coord[0] / colour.obj.psize + colour.obj.center - np.array(views.shape) // 2
        places = truth.corners if known.places is None else known.places
        offset = np.rint(found - places[block.indices[0]]).astype(int)
        first = np.maximum(offset, 0)
        last = np.minimum(offset + known.obj.shape[-2:], colour.obj.shape[-2:])
        return tuple(
            tuple(slice(int(a - o), int(b - o)) for a, b, o in zip(first, last, start, strict=True))
            for start in ((0, 0), offset)
        )

    @property
    def position_error(self):
        """Root mean square distance of frames from the truth, a common shift aside [px]."""
        off = []
        for block in self.blocks:
            truth = self.truth(block.label)
            coord = block.object_views.coord / truth.resolution
            off.append(coord - truth.corners[block.indices])
        off = np.concatenate(off)
        return float(np.sqrt(((off - off.mean(axis=0)) ** 2).sum(axis=1).mean()))

    def run(self, name, label="engine00", **pars):
        self.ptycho.run(label, epars=Param(name=name, **pars))
        return self

    @property
    def residual(self):
        return self.ptycho.runtime.iter_info[-1]["residual"]

    def layers(self, colour=0, label=None, share=0.2):
        """Give the found and the true object's layers (L, n) where there was light."""
        truth, met = self.truth(label), self.block(label).colours[colour]
        window, region = self._window(colour, label)
        lit = truth.seen(colour, share)[region]
        found = met.obj.data[(slice(None), *window)][:, lit].astype(complex)
        return found, truth.colours[colour].obj[(slice(None), *region)][:, lit]

    def object_error(self, colour=0, label=None, share=0.2):
        """Distance from the truth under light, a mixture of layers among themselves aside.

        For one layer that is a constant factor; modes that do not interfere are known but for a
        unitary matrix.
        """
        found, true = self.layers(colour, label, share)
        mixture = np.linalg.lstsq(found.T, true.T, rcond=None)[0]
        return float(np.linalg.norm(found.T @ mixture - true.T) / np.linalg.norm(true))

    def compared(self, label=None, share=0.2):
        """Compare the first layers up to a factor, a ramp of phase and a shift."""
        truth, met = self.truth(label), self.block(label).colours[0]
        window, region = self._window(0, label)
        lit = truth.seen(0, share)[region]
        return compare_objects(met.obj.data[0][window], truth.colours[0].obj[0][region], lit)

    @property
    def is_finite(self):
        storages = [*self.ptycho.probe.storages.values(), *self.ptycho.obj.storages.values()]
        return all(np.isfinite(s.data).all() for s in storages) and np.isfinite(self.residual)


@pytest.fixture(scope="session")
def physics():
    """What truths are made of."""
    return Param(
        sample=sample, beam=beam, speckle=speckle, raster=raster, blobs=blobs,
        far_field=far_field, near_field=near_field, Colour=Colour, Truth=Truth,
    )  # fmt: skip


@pytest.fixture(scope="session")
def reconstruct():
    """Start a run over truths: ``reconstruct(truth, **scan)``, or ``reconstruct.scans({...})``."""

    def start(truth, frames_per_block=1000, run=None, **scan):
        return Run({"s": (truth, scan)}, frames_per_block, **(run or {}))

    start.scans = Run
    return start
