"""The unknowns of a reconstruction as one vector."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Complex = npt.NDArray[np.complexfloating[Any, Any]]


@dataclass(slots=True, eq=False)
class Unknowns:
    """One array for each object and each probe: a vector for conjugate gradients.

    The inner product is that of real vectors: real and imaginary parts are unknowns of
    their own.
    """

    objects: list[Complex]
    probes: list[Complex]

    @property
    def arrays(self) -> list[Complex]:
        """All arrays, objects first."""
        return [*self.objects, *self.probes]

    def like(self) -> Unknowns:
        """Make a vector of zeros of the same shape."""
        return Unknowns(
            [np.zeros_like(array) for array in self.objects],
            [np.zeros_like(array) for array in self.probes],
        )

    def fill(self, value: float) -> None:
        """Set every component."""
        for array in self.arrays:
            array.fill(value)

    def scale(self, factor: float) -> None:
        """Multiply by a number, in place."""
        for array in self.arrays:
            np.multiply(array, float(factor), out=array)

    def add(self, factor: float, other: Unknowns) -> None:
        """Add a multiple of another vector, in place."""
        for array, more in zip(self.arrays, other.arrays, strict=True):
            np.add(array, float(factor) * more, out=array)

    def assign(self, other: Unknowns) -> None:
        """Take over the values of another vector."""
        for array, value in zip(self.arrays, other.arrays, strict=True):
            array[...] = value

    def as_lists(self) -> dict[str, list[Complex]]:
        """Give copies of the arrays, in a form that can be saved."""
        return {
            "objects": [array.copy() for array in self.objects],
            "probes": [array.copy() for array in self.probes],
        }

    def take_lists(self, saved: Mapping[str, Sequence[Complex]]) -> bool:
        """Take over what `as_lists` gave; False, and nothing done, if shapes do not fit."""
        arrays = [*saved["objects"], *saved["probes"]]
        if [np.shape(array) for array in arrays] != [array.shape for array in self.arrays]:
            return False
        for mine, array in zip(self.arrays, arrays, strict=True):
            mine[...] = array
        return True

    def inner(self, other: Unknowns) -> float:
        """Inner product, summed in double precision."""
        pairs = zip(self.arrays, other.arrays, strict=True)
        return sum(_inner(mine, others) for mine, others in pairs)


def _inner(a: Complex, b: Complex) -> float:
    """Real part of <a, b>."""
    product = a.real * b.real
    product += a.imag * b.imag
    return float(product.sum(dtype=np.float64))
