"""The stage of odd prime factors that have no codelet, by pairs of rows.

With a_k = x_k + x_{p-k}, b_k = x_k - x_{p-k} and k, q = 1 ... h = (p - 1) / 2,

    A_q = x_0 + sum_k a_k cos(2 pi k q / p),    B_q = sum_k b_k sin(2 pi k q / p),
    X_q = A_q - i B_q,    X_{p-q} = A_q + i B_q    (inverse: the other way round).

Sines and cosines are real and serve both results: p multiplications a point instead of 4 p.
Several q are calculated from every a_k and b_k that is read.
"""

# ruff: noqa: PLR0917 - compiled functions take no keywords
from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from llvmlite import ir
from numba.core import cgutils, types

from ptypy.accelerate._butterfly import PAIR, Arithmetic, Complex, load_row, store_row
from ptypy.accelerate._compile import LANES
from ptypy.accelerate._lanes import ROW, constant
from ptypy.utils.machine_code import instruction

__all__ = ["make_prime_stage"]

_GROUP = 4 if LANES == 16 else 2
"""So many q at once: four sums each, which 32 vector registers can hold; 16 half of them."""

_i64 = ir.IntType(64)


def make_prime_stage(inverse: bool) -> Callable[[int, int, int, int, int, int], None]:
    """Give the stage of odd prime radices, to be compiled.

    Its ``factors`` are those of `pair_factors`.
    """

    def stage(tile: int, n: int, length: int, radix: int, twiddles: int, factors: int) -> None:
        memory = np.empty((radix + 1) * 2 * LANES, np.float32)
        pairs = (memory.ctypes.data + ROW - 1) // ROW * ROW
        rows = length // radix
        half = radix // 2
        step = rows * ROW
        for block in range(0, n, length):
            for j in range(rows):
                place = tile + (block + j) * ROW
                twists = twiddles + j * (radix - 1) * PAIR
                fold(inverse, place, step, half, pairs, twists)
                q = 1
                while q + _GROUP <= half + 1:
                    unfold(_GROUP, inverse, place, step, half, pairs, twists, factors, q)
                    q += _GROUP
                while q <= half:
                    unfold(1, inverse, place, step, half, pairs, twists, factors, q)
                    q += 1
        memory[0] = 0  # numba would free it after the line that asks for its address

    return stage


class _Rows(Arithmetic):
    """Rows ``step`` bytes apart, from ``place`` on; row k >= 1 has a factor at ``twists``."""

    def __init__(self, builder: Any, place: Any, step: Any, twists: Any) -> None:
        super().__init__(builder)
        self._place, self._step, self._twists = place, step, twists

    def address(self, k: Any) -> Any:
        return self.builder.add(self._place, self.builder.mul(self._step, k))

    def twist(self, x: Complex, k: Any, inverse: bool) -> Complex:
        """Multiply row k, which is not 0, by its factor, or by the conjugate."""
        add, mul = self.builder.add, self.builder.mul
        address = add(self._twists, mul(self.builder.sub(k, _i64(1)), _i64(PAIR)))
        return self.multiply(x, self.factor(address), conjugate=inverse)


class _Sums:
    """Complex vectors that a loop adds to."""

    def __init__(self, builder: Any, start: list[Complex]) -> None:
        self._builder = builder
        kind = start[0][0].type
        self._places = [[cgutils.alloca_once(builder, kind) for _ in range(2)] for _ in start]
        for k, value in enumerate(start):
            self[k] = value

    def __getitem__(self, k: int) -> Complex:
        real, imaginary = (self._builder.load(place) for place in self._places[k])
        return real, imaginary

    def __setitem__(self, k: int, value: Complex) -> None:
        for part, place in zip(value, self._places[k], strict=True):
            self._builder.store(part, place)


@instruction(types.void, *[types.intp] * 5, constants=1)
def fold(
    builder: Any, inverse: bool, place: Any, step: Any, half: Any, pairs: Any, twists: Any
) -> None:
    """Write x_0 and all a_k, b_k to ``pairs``, one row each, and X_0 to row 0.

    If inverse, row k is multiplied by its conjugate factor before.
    """
    c = _Rows(builder, place, step, twists)
    add, mul = builder.add, builder.mul
    first = load_row(builder, place)
    store_row(builder, pairs, first)
    total = _Sums(builder, [first])
    radix = add(half, add(half, _i64(1)))
    with cgutils.for_range(builder, half) as loop:
        near = add(loop.index, _i64(1))
        far = builder.sub(radix, near)
        x, y = (load_row(builder, c.address(k)) for k in (near, far))
        if inverse:
            x, y = c.twist(x, near, inverse), c.twist(y, far, inverse)
        even = c.add(x, y)
        target = add(add(pairs, _i64(ROW)), mul(loop.index, _i64(2 * ROW)))
        store_row(builder, target, even)
        store_row(builder, add(target, _i64(ROW)), c.subtract(x, y))
        total[0] = c.add(total[0], even)
    store_row(builder, place, total[0])


@instruction(types.void, *[types.intp] * 7, constants=2)
def unfold(
    builder: Any,
    count: int,
    inverse: bool,
    place: Any,
    step: Any,
    half: Any,
    pairs: Any,
    twists: Any,
    factors: Any,
    q: Any,
) -> None:
    """Write X_q and X_{p-q} for ``count`` successive q.

    If not inverse, row q is multiplied by its factor after.
    """
    c = _Rows(builder, place, step, twists)
    add, mul = builder.add, builder.mul
    zero = constant(0.0)
    even = _Sums(builder, [load_row(builder, pairs)] * count)
    odd = _Sums(builder, [(zero, zero)] * count)
    column = add(factors, mul(builder.sub(q, _i64(1)), _i64(PAIR)))
    source = add(pairs, _i64(ROW))
    with cgutils.for_range(builder, half) as loop:
        pair = add(source, mul(loop.index, _i64(2 * ROW)))
        a, b = load_row(builder, pair), load_row(builder, add(pair, _i64(ROW)))
        row = add(column, mul(loop.index, mul(half, _i64(PAIR))))
        for k in range(count):
            cosine, sine = c.factor(add(row, _i64(k * PAIR)))
            even[k] = c.add_product(even[k], a, cosine)
            odd[k] = c.add_product(odd[k], b, sine)
    radix = add(half, add(half, _i64(1)))
    for k in range(count):
        near = add(q, _i64(k))
        far = builder.sub(radix, near)
        turned = c.turn(odd[k], 1 if inverse else -1)
        x, y = c.add(even[k], turned), c.subtract(even[k], turned)
        if not inverse:
            x, y = c.twist(x, near, inverse), c.twist(y, far, inverse)
        store_row(builder, c.address(near), x)
        store_row(builder, c.address(far), y)
