"""How a transform of n points is cut into stages, and in which order its result comes.

The forward transform takes n = r1 r2 ... rk points in natural order and leaves the result in
*digit-reversed* order; the inverse transform takes that order and gives natural order. Nothing
is ever reordered: the measured data are, once, when they are packed (Van Loan, Computational
Frameworks for the Fast Fourier Transform, SIAM 1992, ch. 1 and 2).
"""

from __future__ import annotations

import functools

import numpy as np
import numpy.typing as npt

__all__ = [
    "RADICES",
    "choose_radices",
    "output_order",
    "pair_factors",
    "prefers_rader",
    "primitive_powers",
    "rader_kernel",
    "twiddle_factors",
]

RADICES = (2, 3, 4, 5, 7, 8)
"""Radices with codelets of their own; other primes have stages in common.

16 was tried and left out: its values do not fit into the registers together with the factors
they are multiplied by, and it was 1.2 to 1.8 times slower at 256 and 512 points."""


@functools.cache
def choose_radices(n: int) -> tuple[int, ...]:
    """Cut ``n`` into radices: odd ones first, then as few of 4 and 8 as will do.

    Examples
    --------
    >>> choose_radices(96), choose_radices(74)
    ((3, 4, 8), (37, 2))
    """
    odd = []
    rest = n
    for prime in (7, 5, 3):
        while rest % prime == 0:
            odd.append(prime)
            rest //= prime
    twos = (rest & -rest).bit_length() - 1
    return (*_large_primes(rest >> twos), *odd, *_powers_of_two(twos))


def _powers_of_two(twos: int) -> tuple[int, ...]:
    """Cut 2**twos into 4 and 8, or leave it if it is 2."""
    if twos <= 1:
        return (2,) * twos
    stages = -(-twos // 3)
    small = 3 * stages - twos  # so many stages take a radix of 4 instead of 8
    return (4,) * small + (8,) * (stages - small)


def _large_primes(rest: int) -> tuple[int, ...]:
    """Factorise what neither 2, 3, 5 nor 7 divides."""
    primes = []
    divisor = 11
    while rest > 1:
        if divisor * divisor > rest:
            divisor = rest
        while rest % divisor == 0:
            primes.append(divisor)
            rest //= divisor
        divisor += 2
    return tuple(primes)


def prefers_rader(radix: int) -> bool:
    """Say whether the stage of a radix is a convolution rather than the sum itself.

    Examples
    --------
    >>> [prime for prime in (11, 67, 73, 101, 107, 127) if prefers_rader(prime)]
    [73, 101, 127]
    """
    return radix not in RADICES and _rader_cost(radix) < radix


def _rader_cost(prime: int) -> int:
    """Estimate the work of a convolution; the sum itself takes ``prime`` multiplications a point.

    Measured for primes from 31 to 251 with AVX-512: 8 for a codelet, 15 for bringing the points
    into order and back.
    """
    costs = [8 if r in RADICES else min(r, _rader_cost(r)) for r in choose_radices(prime - 1)]
    return 15 + 2 * sum(costs)


def output_order(radices: tuple[int, ...]) -> npt.NDArray[np.int64]:
    """Give the frequency that stands at every place of the forward transform's result.

    Returns
    -------
    (n,) int64
        A permutation of 0 ... n - 1.
    """
    order = np.zeros(1, np.int64)
    step = 1
    for radix in radices:
        # Blocks of the first stages vary slowest in place and fastest in frequency.
        order = (order[:, None] + step * np.arange(radix)).ravel()
        step *= radix
    return order


def twiddle_factors(length: int, radix: int) -> npt.NDArray[np.float32]:
    """Give exp(-2 pi i j q / length) for the stage that cuts ``length`` points by ``radix``.

    Returns
    -------
    (length // radix, radix - 1, 2) float32
        Real and imaginary part for j = 0 ... and q = 1 ... radix - 1.
    """
    j = np.arange(length // radix)[:, None]
    q = np.arange(1, radix)
    return _unit_circle(j * q, length)


def pair_factors(radix: int) -> npt.NDArray[np.float32]:
    """Give cos and sin of 2 pi k q / radix for the stage of odd prime radices.

    Returns
    -------
    (radix // 2, radix // 2, 2) float32
        For k and q = 1 ... radix // 2.
    """
    k = np.arange(1, radix // 2 + 1)
    return _unit_circle(-k[:, None] * k, radix)


def primitive_powers(radix: int) -> npt.NDArray[np.int64]:
    """Give g^k modulo an odd prime for k = 0 ... radix - 1, for its smallest primitive root g."""
    for root in range(2, radix):
        powers = [1]
        while (power := powers[-1] * root % radix) != 1:
            powers.append(power)
        if len(powers) == radix - 1:
            break
    return np.array([*powers, 1], np.int64)


def rader_kernel(radix: int) -> npt.NDArray[np.float32]:
    """Give the transform of exp(-2 pi i g^-k / radix), k = 0 ... radix - 2, over radix - 1.

    Returns
    -------
    (radix - 1, 2) float32
        Real and imaginary part, in the order in which our forward transform leaves them.
    """
    points = radix - 1
    powers = primitive_powers(radix)[:0:-1]
    kernel = np.fft.fft(np.exp(-2j * np.pi * powers / radix))[output_order(choose_radices(points))]
    return np.stack([kernel.real, kernel.imag], axis=-1).astype(np.float32) / np.float32(points)


def _unit_circle(numerator: npt.NDArray[np.int64], n: int) -> npt.NDArray[np.float32]:
    """Give exp(-2 pi i numerator / n) as pairs of float32, calculated in float64."""
    angle = -2 * np.pi * (numerator % n) / n
    return np.stack([np.cos(angle), np.sin(angle)], axis=-1).astype(np.float32)
