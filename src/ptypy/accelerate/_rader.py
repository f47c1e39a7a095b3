"""The stage of a large prime factor as a convolution, which shorter transforms calculate.

The powers of a primitive root g of p run through 1 ... p - 1, and with w = exp(-2 pi i / p)

    X_0 = sum_q x_q,    X_{g^-k} = x_0 + sum_l x_{g^l} w^(g^(l-k)),

a cyclic convolution of p - 1 points. Its factors are multiplied where our own transform leaves
them, in digit-reversed order (Rader, Proc. IEEE 56 (1968) 1107).
"""

# ruff: noqa: PLR0917 - compiled functions take no keywords
from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numba.core import types

from ptypy.accelerate._butterfly import PAIR, Arithmetic, load_row, store_row
from ptypy.accelerate._compile import LANES
from ptypy.accelerate._lanes import ROW, call2, peek
from ptypy.utils.machine_code import instruction

__all__ = ["make_rader_stage"]


def make_rader_stage(inverse: bool) -> Callable[[int, int, int, int, int, int], None]:
    """Give the stage of large prime radices, to be compiled.

    Its ``factors`` are five addresses: transform and inverse, their plan for p - 1 points, the
    powers of the root (`primitive_powers`) and the kernel (`rader_kernel`).
    """

    def stage(tile: int, n: int, length: int, radix: int, twiddles: int, factors: int) -> None:
        memory = np.empty((radix + 1) * 2 * LANES, np.float32)
        first = (memory.ctypes.data + ROW - 1) // ROW * ROW
        x = first + ROW
        forward, backward, plan = peek(factors), peek(factors + 8), peek(factors + 16)
        powers, kernel = peek(factors + 24), peek(factors + 32)
        points = radix - 1
        rows = length // radix
        step = rows * ROW
        for block in range(0, n, length):
            for j in range(rows):
                place = tile + (block + j) * ROW
                twists = twiddles + (j * points - 1) * PAIR
                copy_row(place, first)
                for k in range(points):
                    q = peek(powers + 8 * k)
                    if inverse:
                        multiply_row(True, place + q * step, twists + q * PAIR, x + k * ROW)
                    else:
                        copy_row(place + q * step, x + k * ROW)
                call2(forward, x, plan)
                add_rows(first, x, place)
                for k in range(points):
                    multiply_row(False, x + k * ROW, kernel + k * PAIR, x + k * ROW)
                add_rows(first, x, x)
                call2(backward, x, plan)
                for k in range(points):
                    q = peek(powers + 8 * (points - k))
                    if inverse:
                        copy_row(x + k * ROW, place + (radix - q) * step)
                    else:
                        multiply_row(False, x + k * ROW, twists + q * PAIR, place + q * step)
        memory[0] = 0  # numba would free it after the line that asks for its address

    return stage


@instruction(types.void, *[types.intp] * 2)
def copy_row(builder: Any, source: Any, target: Any) -> None:
    """Copy one row of a tile."""
    store_row(builder, target, load_row(builder, source))


@instruction(types.void, *[types.intp] * 3)
def add_rows(builder: Any, one: Any, other: Any, target: Any) -> None:
    """Write the sum of two rows to a third."""
    total = Arithmetic(builder).add(load_row(builder, one), load_row(builder, other))
    store_row(builder, target, total)


@instruction(types.void, *[types.intp] * 3, constants=1)
def multiply_row(builder: Any, conjugate: bool, source: Any, factor: Any, target: Any) -> None:
    """Multiply a row by one complex number or its conjugate."""
    c = Arithmetic(builder)
    product = c.multiply(load_row(builder, source), c.factor(factor), conjugate)
    store_row(builder, target, product)
