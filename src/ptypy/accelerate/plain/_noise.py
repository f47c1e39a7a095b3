"""Models of the noise, as the table in ``ptypy/accelerate/_noise.py`` has them.

Every function works on one frame: ``intensity`` is that of the model, ``counts`` were measured,
both (h, w); untrusted pixels have negative counts and cost nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from ptypy.accelerate._likelihood_kernels import DARK, LEAST_SCALE
from ptypy.accelerate.plain._sight import Real
from ptypy.errors import DataError

__all__ = ["Noise", "compare"]


def _pair(intensity: Real, counts: Real, floor: float, scale: float) -> tuple[Real, Real, Real]:
    """Give u, v and u - v; of untrusted pixels floor, floor and 0."""
    trusted = counts >= 0
    measured = np.where(trusted, counts, 0)
    light = np.where(trusted, scale * intensity, 0)
    return light + floor, measured + floor, light - measured


def _gaussian(u: Real, v: Real, residual: Real) -> tuple[float, Real, Real]:
    """Give the sum of phi, d phi / du and 1/2 d2 phi / du2, all over the factor."""
    del u
    return float((np.square(residual) / v).sum()), 2 * residual / v, 1 / v


def _poisson(u: Real, v: Real, residual: Real) -> tuple[float, Real, Real]:
    """Do as `_gaussian` for photons.

    Near u = v the terms of phi nearly cancel: they are added in double precision, from the
    difference and not from u. Where u is far below v the difference says nothing of u.
    """
    ratio = (residual / v).astype(float)
    near = ratio > -0.5
    logarithm = np.where(near, np.log1p(np.where(near, ratio, 0)), np.log(u / v, dtype=float))
    misfit = float((v * (ratio - logarithm)).sum())
    return misfit, residual / u, v / (2 * np.square(u))


def _euclid(u: Real, v: Real, residual: Real) -> tuple[float, Real, Real]:
    """Do as `_gaussian` for amplitudes."""
    root, measured = np.sqrt(u), np.sqrt(v)
    distance = residual / (root + measured)
    return float(np.square(distance).sum()), distance / root, measured / (4 * u * root)


_MODELS: dict[str, Callable[[Real, Real, Real], tuple[float, Real, Real]]] = {
    "gaussian": _gaussian,
    "poisson": _poisson,
    "euclid": _euclid,
}


def compare(intensity: Real, counts: Real, scale: float) -> tuple[float, float]:
    """Give the sums of (sqrt(s I) - sqrt(n))^2 and of n over trusted pixels."""
    light, measured, _ = _pair(intensity, counts, 0.0, scale)
    distance = np.sqrt(light) - np.sqrt(measured)
    return float(np.square(distance).sum()), float(measured.sum())


@dataclass(frozen=True, slots=True)
class Noise:
    """What a misfit costs.

    Parameters
    ----------
    name : {'gaussian', 'poisson', 'euclid'}
    factor, floor : float
    """

    name: str
    factor: float
    floor: float

    @classmethod
    def of(cls, name: str, factor: float, floor: float) -> Noise:
        """Check what was asked for.

        Raises
        ------
        DataError
            If there is no such model, or the floor is not positive.
        """
        if name not in _MODELS:
            raise DataError(f"noise is {name!r}; it must be one of {', '.join(_MODELS)}")
        if not floor > 0:
            raise DataError(
                f"floor is {floor}; it must be positive, or empty pixels weigh infinitely"
            )
        return cls(name, float(factor), float(floor))

    def weigh(self, intensity: Real, counts: Real, scale: float) -> tuple[float, Real]:
        """Give the sum of phi over trusted pixels, and s d phi / du of every pixel."""
        misfit, slope, _ = _MODELS[self.name](*_pair(intensity, counts, self.floor, scale))
        return self.factor * misfit, (self.factor * scale) * slope

    def find_scale(self, intensity: Real, counts: Real, old: float) -> float:
        """Give the scale of a frame with the smallest misfit.

        A model without light says nothing of it; a frame without counts gets as good as none.
        """
        light, measured, _ = _pair(intensity, counts, 0.0, 1.0)
        if self.name == "poisson":
            products, squares = measured.sum(), light.sum()
        elif self.name == "euclid":
            products, squares = np.sqrt(light * measured).sum(), light.sum()
        else:
            weighted = light / (measured + self.floor)
            products, squares = (weighted * measured).sum(), (weighted * light).sum()
        if not squares > DARK:
            return old
        ratio = float(products / squares)
        # For amplitudes it is a ratio of amplitudes, and the scale is one of intensities.
        return max(ratio * ratio if self.name == "euclid" else ratio, LEAST_SCALE)

    def expand(self, powers: Sequence[Real], counts: Real, scale: float) -> list[float]:
        """Give the coefficients of the misfit for I = I0 + I1 t + I2 t^2 + ...

        Parameters
        ----------
        powers : three or five arrays (h, w)
            I0, I1, I2. With I3 and I4 as well, for Gaussian noise, the result has nine
            coefficients instead of three.
        """
        u, v, residual = _pair(powers[0], counts, self.floor, scale)
        rises = [np.where(counts >= 0, scale * power, 0) for power in powers[1:]]
        if len(rises) == 2:
            misfit, slope, curvature = _MODELS[self.name](u, v, residual)
            second = slope * rises[1] + curvature * np.square(rises[0])
            sums = [misfit, float((slope * rises[0]).sum()), float(second.sum())]
            return [self.factor * each for each in sums]
        result = [0.0] * 9
        for i, first in enumerate([residual, *rises]):
            weighted = self.factor * first / v
            for k, other in enumerate([residual, *rises]):
                result[i + k] += float((weighted * other).sum())
        return result
