"""A first probe, from the frames alone.

In the far field the mean frame is nearly the power of the probe's transform; its phases are not
known. Most of what beams differ by there is how far from the focus the sample was, a phase that
is quadratic. So probes of the mean frame's modulus at many distances before and behind the focus
are tried, each with a few sweeps over some neighbouring frames that change the object only, and
the one that explains these frames best is taken.
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
STEP = 1.2
"""Two quadratic phases that are tried one after the other differ by this [rad], root mean square
over the light: a probe half a step beside the right one still explains most of a frame."""
STEPS = 16
"""Most steps on each side of the focus; they become coarser where more were needed."""
WIDEST = 4.0
"""The widest beam has this part of a frame as its standard deviation: it fills it."""
DIM = 0.1
"""The mean frame's modulus counts where it is above this part of its brightest: below is what
the sample scattered."""


def estimate_probe(
    frames: npt.NDArray[Any],
    positions_px: npt.NDArray[Any],
    mask: npt.NDArray[np.bool_] | None = None,
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

    Returns
    -------
    (H, W) complex64
        As bright as the brightest frame.

    Raises
    ------
    DataError
        If the frames are dark.
    """
    trusted = np.ones(frames.shape[-2:], bool) if mask is None else np.asarray(mask, bool)
    mean = _mean_frame(frames, trusted)
    if not mean.max() > 0:
        raise DataError(
            "a first probe cannot be estimated of dark frames: give `probe`, or look at the mask"
        )
    places = np.asarray(positions_px, np.float64)
    few = _neighbours(places, frames.shape[-2:])
    part = trusted if trusted.ndim == 2 else trusted[few]
    sample = (np.ascontiguousarray(frames[few]), places[few], np.ascontiguousarray(part))
    if parallel.size > 1:
        mean, *shared = (parallel.bcast(array) for array in (mean, *sample))
        sample = (shared[0], shared[1], shared[2])
    modulus = _pupil(mean)
    best = _search(modulus, sample)
    power = float(np.max(np.sum(sample[0] * sample[2], axis=(1, 2), dtype=np.float64)))
    best *= np.sqrt(power / np.sum(np.abs(best) ** 2))
    return best.astype(np.complex64)


def _mean_frame(frames: npt.NDArray[Any], trusted: npt.NDArray[np.bool_]) -> Floats:
    """Average counts over the frames in which a pixel may be trusted."""
    masks = np.broadcast_to(trusted, frames.shape)
    total, times = np.zeros(frames.shape[1:]), np.zeros(frames.shape[1:])
    for frame, mask in zip(frames, masks, strict=True):
        total += np.where(mask, frame, 0)
        times += mask
    return np.asarray(total / np.maximum(times, 1))


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


def _search(modulus: Floats, sample: tuple[Any, Any, Any]) -> Complex:
    """Find how far from the focus explains the frames best."""
    y, x = (np.fft.fftshift(np.fft.fftfreq(n)) for n in modulus.shape)
    square, light = y[:, None] ** 2 + x**2, modulus**2 / np.sum(modulus**2)
    spread = np.sqrt(np.sum(light * square**2) - np.sum(light * square) ** 2)
    widest = np.hypot(*modulus.shape) / np.sqrt(2) / WIDEST * np.sqrt(2)
    last = _strength_for(modulus, float(widest))
    count = int(np.clip(np.ceil(last * spread / STEP), 2, STEPS))
    steps = last * np.arange(1, count + 1) / count
    strengths = [0.0, *steps, *-steps]
    tried = {strength: _misfit(modulus, strength, sample) for strength in strengths}
    best = min(tried, key=lambda strength: tried[strength])
    for between in (best - steps[0] / 2, best + steps[0] / 2):
        tried[between] = _misfit(modulus, between, sample)
    return _probe_at(modulus, min(tried, key=lambda strength: tried[strength]))


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


def _misfit(modulus: Floats, strength: float, sample: tuple[Any, Any, Any]) -> float:
    """Say how badly some frames are explained by a probe, whatever the object."""
    frames, places, trusted = sample
    height, width = frames.shape[-2:]
    energy, distance = float(m2keV(1e-10)), 1.0
    psize = wavelength(energy) * distance / (PIXEL * np.array([height, width]))
    data = Param(
        name="ArrayScan", frames=frames, positions=places, position_unit="px", mask=trusted,
        energy=energy, distance=distance, psize=tuple(float(n) for n in psize),
        center=(height // 2, width // 2), auto_center=False, saturation=float("inf"),
    )  # fmt: skip
    light = Param(model=_probe_at(modulus, strength), aperture=None)
    pars = Param(
        run="first probe", verbose_level="CRITICAL",
        io=Param(rfile=None, autosave=Param(active=False)),
        scans=Param(trial=Param(name="BlockFull", data=data, illumination=light)),
        engines=Param(a=Param(name="EPIE", numiter=SWEEPS, probe_update_start=SWEEPS + 1)),
    )  # fmt: skip
    with _silence():
        run = Ptycho(pars, level=2)
        run.run()
    return float(run.runtime.iter_info[-1]["residual"])


class _silence:
    """Leaves the level of the log as it was: a run sets its own."""

    def __enter__(self) -> None:
        self._level = verbose.logger.level

    def __exit__(self, *_: object) -> None:
        verbose.logger.setLevel(self._level)
