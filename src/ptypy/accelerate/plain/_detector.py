"""One frame of all colours in the plane of the detector."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ptypy.accelerate.plain._sight import Complex, Real, Scene, Sight, Wave, real_type
from ptypy.accelerate.plain._views import reals
from ptypy.errors import DataError

__all__ = ["Detector", "correlate", "empty_waves", "find_lack", "multiply", "thin_out"]


def empty_waves(sights: Sequence[Sight]) -> list[Complex]:
    """Give room for the exit waves of one frame, (M, L, H, W) for each sight."""
    return [np.empty(sight.wave_shape, sight.probe.dtype) for sight in sights]


def multiply(sight: Sight, view: Complex, j: int, product: Complex) -> None:
    """Write probe times view for frame ``j``, (M, L, H, W)."""
    np.multiply(sight.probe_of(j)[:, None], view, out=product)


def carry(way: Wave, wave: Complex) -> Complex:
    """Bring a wave to the detector or back; a user's way may give any type of array."""
    there = np.ascontiguousarray(way(wave), wave.dtype)
    if there.shape != wave.shape:
        raise DataError(
            f"a propagation made {there.shape} of waves {wave.shape}; the shapes must be the same"
        )
    return there


def thin_out(values: Real, shape: tuple[int, int]) -> Real:
    """Sum what falls into each pixel of the detector.

    Parameters
    ----------
    values : (H, K W)
        Values of fine pixels, K for each.
    shape : (int, int)
        Of the detector, h and w.

    Returns
    -------
    (h, w)
    """
    rows = values if len(values) == shape[0] else values.reshape(shape[0], -1, values.shape[1])
    if rows.ndim == 3:
        rows = rows.sum(axis=1)
    step = values.shape[1] // shape[1]
    sums: Real = rows[:, ::step].copy()
    for k in range(1, step):
        sums += rows[:, k::step]
    return sums


class Detector:
    """The waves of one frame in the plane of the detector; each thread has its own.

    Parameters
    ----------
    scene : Scene
    """

    def __init__(self, scene: Scene) -> None:
        self._scene = scene
        self._fields: list[Complex] = []
        kind = real_type(scene.dtype)
        # Real and imaginary parts side by side, as they lie in a wave.
        shapes = [(s.shape[0], 2 * s.shape[1]) for s in scene.sights]
        self._factors = [np.empty(shape, kind) for shape in shapes]

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width of a measured frame [px]."""
        return self._scene.detector

    @property
    def fields(self) -> list[Complex]:
        """The waves that have arrived, (M, L, H, W) for each sight."""
        return self._fields

    def arrive(self, waves: Sequence[Complex]) -> Real:
        """Bring the exit waves of all sights here; give the intensity (h, w).

        Waves are overwritten, or kept: they must not be touched until `depart`.
        """
        sights = self._scene.sights
        self._fields = [carry(s.forward, w) for s, w in zip(sights, waves, strict=True)]
        intensity = thin_out(_sum_products(self._fields[0], self._fields[0]), self.shape)
        for field in self._fields[1:]:
            intensity += thin_out(_sum_products(field, field), self.shape)
        return intensity

    def multiply(self, factors: Real) -> None:
        """Multiply all waves by the real factor (h, w) of the pixel that they fall into."""
        for field, spread in zip(self._fields, self._factors, strict=True):
            height, width = self.shape
            rows = len(spread) // height
            pixels = spread.reshape(height, rows, spread.shape[1])
            for k in range(spread.shape[1] // width):
                pixels[:, 0, k :: spread.shape[1] // width] = factors
            pixels[:, 1:] = pixels[:, :1]
            pairs = reals(field)
            pairs *= spread

    def depart(self) -> list[Complex]:
        """Bring the waves back by the adjoint; give (M, L, H, W) for each sight."""
        sights = self._scene.sights
        return [carry(s.adjoint, f) for s, f in zip(sights, self._fields, strict=True)]


def correlate(a: Detector, b: Detector) -> Real:
    """Give the sum over sights and modes of Re(conj(f) g) of the waves in two detectors, (h, w)."""
    pairs = list(zip(a.fields, b.fields, strict=True))
    total = thin_out(_sum_products(*pairs[0]), a.shape)
    for first, second in pairs[1:]:
        total += thin_out(_sum_products(first, second), a.shape)
    return total


def _sum_products(first: Complex, second: Complex) -> Real:
    """Give products of real and of imaginary parts, summed over modes: (M, L, H, W) to (H, 2 W)."""
    one, two = (
        reals(field).reshape(-1, field.shape[-2], 2 * field.shape[-1]) for field in (first, second)
    )
    sums: Real = one[0] * two[0]
    for k in range(1, len(one)):
        sums += one[k] * two[k]
    return sums


def find_lack(
    intensity: Real, amplitude: Real, power_bound: float | None
) -> tuple[float, Real | None]:
    """Say how far a frame is from its measured amplitudes, and what it lacks.

    Parameters
    ----------
    intensity, amplitude : (h, w)
        Of the model, and measured.
    power_bound : float, optional
        See `project`.

    Returns
    -------
    error : float
        Mean of (|f| - amplitude)^2 over trusted pixels; 0 if there are none.
    factors : (h, w) or None
        f' - f is f times this. None if the frame is to stay as it is.
    """
    trusted = amplitude >= 0
    count = int(np.count_nonzero(trusted))
    modulus = np.sqrt(intensity)
    distance = np.where(trusted, amplitude - modulus, 0)
    error = float(np.square(distance).sum()) / max(count, 1)
    if power_bound is not None:
        if error <= power_bound:
            return error, None
        distance *= 1.0 - float(np.sqrt(power_bound / error))
    np.maximum(modulus, np.sqrt(np.finfo(modulus.dtype).tiny), out=modulus)
    distance /= modulus
    return error, distance
