"""A first probe, from the frames alone.

In the far field the mean frame is nearly the power of the probe's transform; its phases are not
known. Most of what beams of lenses differ by there is how far from the focus the sample was, a
phase that is quadratic. So probes of the mean frame's modulus at many distances before and behind
the focus are tried, and flat disks of many sizes, as pinholes near the sample make: each with a
few sweeps over some neighbouring frames that change the object only. Those that explain these
frames best are tried with sweeps that change the probe, too, and what the best has become is taken.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from ptypy.core.ptycho import Ptycho
from ptypy.diagnose import PIXEL
from ptypy.errors import DataError
from ptypy.utils import parallel, verbose
from ptypy.utils.parameters import Param
from ptypy.utils.units import m2keV, wavelength
from ptypy.utils.verbose import Progress

__all__ = ["estimate_probe"]

Complex = npt.NDArray[np.complex128]
Floats = npt.NDArray[np.float64]

FRAMES = 80
"""Neighbouring frames that a probe is tried on, as long as they are small."""
PIXELS = 80 * 128 * 128
"""Most pixels that a probe is tried on: larger frames are fewer."""
FEWEST = 16
"""... but not fewer than this."""
SWEEPS = 6
"""Times that each of these frames is visited, for a probe that stays as it is."""
FINALISTS = 2
"""Probes of each kind that are tried once more, ..."""
MORE_SWEEPS = 16
"""... changing, with so many visits of each frame."""
DISKS = 6
"""Sizes of disks that are tried."""
STEP = 1.2
"""Two quadratic phases that are tried one after the other differ by this [rad], root mean square
over the light: a probe half a step beside the right one still explains most of a frame."""
STEPS = 12
"""Most steps on each side of the focus; they become coarser where more were needed."""
WIDEST = 4.0
"""The widest beam has this part of a frame as its standard deviation: it fills it."""
DIM = 0.03
"""The mean frame's modulus counts where it is above this part of its brightest: below is what
the sample scattered."""


def estimate_probe(
    frames: npt.NDArray[Any],
    positions_px: npt.NDArray[Any],
    mask: npt.NDArray[np.bool_] | None = None,
    *,
    progress: bool = False,
) -> npt.NDArray[np.complex64]:
    """Estimate the probe of a far-field scan.

    Every process must call it; the frames of the first count.

    Parameters
    ----------
    frames : (N, H, W)
        Counts, zero frequency at ``shape // 2``.
    positions_px : (N, 2) float
        Positions (y, x) [object px].
    mask : (H, W) or (N, H, W) bool, optional
        True where a pixel may be trusted.
    progress : bool
        Show how far it has come, at any level of the log.

    Returns
    -------
    (H, W) complex64
        As bright as the brightest frame.

    Raises
    ------
    DataError
        If the frames are dark.
    """
    parts: tuple[Any, ...] = (None,) * 5
    if parallel.master:
        trusted = np.ones(frames.shape[-2:], bool) if mask is None else np.asarray(mask, bool)
        places = np.asarray(positions_px, np.float64)
        few = _neighbours(places, frames.shape[-2:])
        part = trusted if trusted.ndim == 2 else trusted[few]
        parts = (*_mean_frame(frames, trusted), frames[few], places[few], part)
    if parallel.size > 1:
        parts = tuple(parallel.bcast(part) for part in parts)
    mean, power, *sample = parts
    if not mean.max() > 0:
        raise DataError(
            "a first probe cannot be estimated of dark frames: give `probe`, or look at the mask"
        )
    modulus = _pupil(mean)
    strengths = _strengths(modulus)
    total = len(strengths) + 2 + DISKS + 2 * FINALISTS
    with Progress(total, "finding a first probe", "tried", force=progress) as shown:
        best = _search(modulus, strengths, tuple(sample), shown)
    best *= np.sqrt(power / np.sum(np.abs(best) ** 2))
    return best.astype(np.complex64)


def _mean_frame(frames: npt.NDArray[Any], trusted: npt.NDArray[np.bool_]) -> tuple[Floats, float]:
    """Average counts over the frames in which a pixel may be trusted; and find the brightest."""
    masks = np.broadcast_to(trusted, frames.shape)
    total, times = np.zeros(frames.shape[1:]), np.zeros(frames.shape[1:])
    brightest = 0.0
    for frame, mask in zip(frames, masks, strict=True):
        counts = np.where(mask, frame, 0)
        total += counts
        times += mask
        brightest = max(brightest, float(counts.sum(dtype=np.float64)))
    return np.asarray(total / np.maximum(times, 1)), brightest


def _neighbours(places: Floats, shape: tuple[int, ...]) -> npt.NDArray[np.int64]:
    """Choose frames that lie together in the middle of the scan."""
    count = int(np.clip(PIXELS // max(int(np.prod(shape)), 1), FEWEST, FRAMES))
    distance = np.hypot(*(places - np.median(places, axis=0)).T)
    return np.sort(np.argsort(distance, kind="stable")[:count])


def _pupil(mean: Floats) -> Floats:
    """Give the modulus of the probe's transform, without what the sample scattered."""
    from scipy.ndimage import gaussian_filter

    modulus = np.sqrt(gaussian_filter(np.maximum(mean, 0), 1.0))
    return np.where(modulus > DIM * np.percentile(modulus, 99.5), modulus, 0.0)


def _search(
    modulus: Floats, strengths: list[float], sample: tuple[Any, ...], shown: Progress
) -> Complex:
    """Find the probe that explains the frames best."""

    def attempt(probe: Complex, sweeps: int = SWEEPS, **how: bool) -> tuple[float, Complex]:
        found = _try(probe, sample, sweeps, **how)
        shown.update(1)
        return found

    probes = {strength: _probe_at(modulus, strength) for strength in strengths}
    tried = {strength: attempt(probe)[0] for strength, probe in probes.items()}
    best = min(tried, key=lambda strength: tried[strength])
    step = float(strengths[1])
    for between in (best - step / 2, best + step / 2):
        probes[between] = _probe_at(modulus, between)
        tried[between] = attempt(probes[between])[0]
    lenses = [(misfit, probes[strength]) for strength, misfit in tried.items()]
    disks = [(attempt(disk)[0], disk) for disk in _disks(modulus.shape)]
    best_of_both = [
        probe
        for kind in (lenses, disks)
        for _, probe in sorted(kind, key=lambda pair: pair[0])[:FINALISTS]
    ]
    last = [attempt(probe, MORE_SWEEPS, changes=True) for probe in best_of_both]
    return min(last, key=lambda pair: pair[0])[1]


def _strengths(modulus: Floats) -> list[float]:
    """Choose quadratic phases from the narrowest beam to beams that fill the frame."""
    y, x = (np.fft.fftshift(np.fft.fftfreq(n)) for n in modulus.shape)
    square, light = y[:, None] ** 2 + x**2, modulus**2 / np.sum(modulus**2)
    spread = np.sqrt(max(np.sum(light * square**2) - np.sum(light * square) ** 2, 0.0))
    last = _strength_for(modulus, float(np.hypot(*modulus.shape)) / WIDEST)
    count = int(np.clip(np.ceil(last * spread / STEP), 2, STEPS))
    steps = [last * k / count for k in range(1, count + 1)]
    return [0.0, *steps, *(-step for step in steps)]


def _disks(shape: tuple[int, ...]) -> list[Complex]:
    """Draw flat disks from a few pixels to half a frame in diameter, and somewhat beyond."""
    y, x = (np.arange(n) - n // 2 for n in shape)
    distance = np.hypot(y[:, None], x)
    radii = np.geomspace(2.5, max(min(shape) / 3, 3.0), DISKS)
    return [np.clip(radius - distance + 0.5, 0, 1).astype(np.complex128) for radius in radii]


def _probe_at(modulus: Floats, strength: float) -> Complex:
    """Give the wave with a quadratic phase over its transform; middle at ``shape // 2``."""
    y, x = (np.fft.fftshift(np.fft.fftfreq(n)) for n in modulus.shape)
    wave = modulus * np.exp(1j * strength * (y[:, None] ** 2 + x**2))
    return np.asarray(np.fft.fftshift(np.fft.ifft2(np.fft.ifftshift(wave))))


def _width(wave: Complex) -> float:
    """Give the standard deviation of a beam, over both axes [px]."""
    power = np.abs(wave) ** 2
    power /= power.sum()
    total = 0.0
    for axis, n in enumerate(wave.shape):
        line, place = power.sum(axis=1 - axis), np.arange(n)
        middle = np.sum(line * place)
        total += float(np.sum(line * (place - middle) ** 2))
    return float(np.sqrt(total))


def _strength_for(modulus: Floats, width: float) -> float:
    """Find the phase that makes a beam so wide, by halving."""
    low, high = 0.0, 1.0
    while _width(_probe_at(modulus, high)) < width and high < 1e6:
        high *= 2
    for _ in range(12):
        middle = (low + high) / 2
        low, high = (middle, high) if _width(_probe_at(modulus, middle)) < width else (low, middle)
    return high


def _try(
    probe: Complex, sample: tuple[Any, ...], sweeps: int = SWEEPS, *, changes: bool = False
) -> tuple[float, Complex]:
    """Say how badly some frames are explained by a probe, and what has become of it.

    Parameters
    ----------
    probe : (H, W) complex
    sample : tuple
        Frames, positions [px], mask.
    sweeps : int
        Times that each frame is visited.
    changes : bool
        Whether the probe may change.
    """
    frames, places, trusted = sample
    height, width = frames.shape[-2:]
    energy, distance = float(m2keV(1e-10)), 1.0
    psize = wavelength(energy) * distance / (PIXEL * np.array([height, width]))
    data = Param(
        name="ArrayScan", frames=frames, positions=places, position_unit="px", mask=trusted,
        energy=energy, distance=distance, psize=tuple(float(n) for n in psize),
        center=(height // 2, width // 2), auto_center=False, saturation=float("inf"),
    )  # fmt: skip
    start = 2 if changes else sweeps + 1
    light = Param(model=probe, aperture=None)
    pars = Param(
        run="first probe", verbose_level="CRITICAL",
        io=Param(rfile=None, autosave=Param(active=False)),
        scans=Param(trial=Param(name="BlockFull", data=data, illumination=light)),
        engines=Param(a=Param(name="EPIE", numiter=sweeps, probe_update_start=start)),
    )  # fmt: skip
    with _silence():
        run = Ptycho(pars, level=2)
        try:
            run.run()
        except DataError:
            # A probe with which nothing finite comes out explains nothing.
            return float("inf"), probe
    (storage,) = run.probe.storages.values()
    return float(run.runtime.iter_info[-1]["residual"]), storage.data[0].astype(np.complex128)


class _silence:
    """Leaves the level of the log as it was: a run sets its own."""

    def __enter__(self) -> None:
        self._level = verbose.logger.level

    def __exit__(self, *_: object) -> None:
        verbose.logger.setLevel(self._level)
