"""Codelets: the transform of a few vectors held in registers, and the transpose of a square.

They are written out by Python when a stage is compiled, with every constant in place.
A complex vector is a pair (real parts, imaginary parts) of LLVM values.
"""

from __future__ import annotations

import math
from typing import Any

from llvmlite import ir
from numba.core import types

from ptypy.accelerate._compile import LANES
from ptypy.accelerate._lanes import FLAGS, VALUE, VECTOR, broadcast, constant, pointer
from ptypy.utils.machine_code import instruction

__all__ = ["PAIR", "Arithmetic", "Complex", "butterfly", "load_row", "store_row", "transpose"]

Complex = tuple[Any, Any]

PAIR = 2 * VALUE
"""Bytes of one complex number of a table."""

_i64 = ir.IntType(64)


class Arithmetic:
    """Complex arithmetic on vectors, written into one function under construction."""

    def __init__(self, builder: Any) -> None:
        self.builder = builder

    def add(self, a: Complex, b: Complex) -> Complex:
        fadd = self.builder.fadd
        return fadd(a[0], b[0], flags=FLAGS), fadd(a[1], b[1], flags=FLAGS)

    def subtract(self, a: Complex, b: Complex) -> Complex:
        fsub = self.builder.fsub
        return fsub(a[0], b[0], flags=FLAGS), fsub(a[1], b[1], flags=FLAGS)

    def add_product(self, a: Complex, b: Complex, factor: Any) -> Complex:
        """Give a + ``factor`` b, with a vector of real factors."""
        fadd, fmul = self.builder.fadd, self.builder.fmul
        real = fadd(a[0], fmul(b[0], factor, flags=FLAGS), flags=FLAGS)
        return real, fadd(a[1], fmul(b[1], factor, flags=FLAGS), flags=FLAGS)

    def scale(self, a: Complex, factor: float) -> Complex:
        fmul, value = self.builder.fmul, constant(factor)
        return fmul(a[0], value, flags=FLAGS), fmul(a[1], value, flags=FLAGS)

    def turn(self, a: Complex, sign: int) -> Complex:
        """Multiply by ``sign`` * i."""
        fneg = self.builder.fneg
        if sign > 0:
            return fneg(a[1], flags=FLAGS), a[0]
        return a[1], fneg(a[0], flags=FLAGS)

    def factor(self, address: Any) -> Complex:
        """Read one complex number of a table, for all lanes."""
        b = self.builder
        places = address, b.add(address, _i64(VALUE))
        real, imaginary = (b.load(pointer(b, place, ir.FloatType())) for place in places)
        return broadcast(b, real), broadcast(b, imaginary)

    def multiply(self, a: Complex, w: Complex, conjugate: bool = False) -> Complex:
        """Multiply by ``w``, or by its conjugate."""
        b = self.builder
        rr, ii = b.fmul(a[0], w[0], flags=FLAGS), b.fmul(a[1], w[1], flags=FLAGS)
        ri, ir_ = b.fmul(a[0], w[1], flags=FLAGS), b.fmul(a[1], w[0], flags=FLAGS)
        if conjugate:
            return b.fadd(rr, ii, flags=FLAGS), b.fsub(ir_, ri, flags=FLAGS)
        return b.fsub(rr, ii, flags=FLAGS), b.fadd(ri, ir_, flags=FLAGS)


def _transform(c: Arithmetic, x: list[Complex], sign: int) -> list[Complex]:
    """Transform a few points: X_k = sum_q x_q exp(sign 2 pi i k q / R)."""
    if len(x) == 1:
        return x
    if len(x) == 2:
        return [c.add(x[0], x[1]), c.subtract(x[0], x[1])]
    if len(x) % 2:
        return _odd(c, x, sign)
    even = _transform(c, x[0::2], sign)
    odd = _transform(c, x[1::2], sign)
    turned = [_rotate(c, value, k, len(x), sign) for k, value in enumerate(odd)]
    first = [c.add(a, b) for a, b in zip(even, turned, strict=True)]
    return first + [c.subtract(a, b) for a, b in zip(even, turned, strict=True)]


def _rotate(c: Arithmetic, x: Complex, k: int, n: int, sign: int) -> Complex:
    """Multiply by exp(sign 2 pi i k / n), without multiplying where that is possible."""
    if k == 0:
        return x
    if 4 * k == n:
        return c.turn(x, sign)
    if 8 * k in (n, 3 * n):
        # exp(i pi / 4) = (1 + i) / sqrt 2, and one quarter turn more
        quarter = x if 8 * k == n else c.turn(x, sign)
        return c.scale(c.add(quarter, c.turn(quarter, sign)), math.sqrt(0.5))
    angle = sign * 2 * math.pi * k / n
    return c.multiply(x, (constant(math.cos(angle)), constant(math.sin(angle))))


def _odd(c: Arithmetic, x: list[Complex], sign: int) -> list[Complex]:
    """Transform an odd number of points, results k and R - k together."""
    n = len(x)
    pairs = [(q, c.add(x[q], x[n - q]), c.subtract(x[q], x[n - q])) for q in range(1, n // 2 + 1)]
    result: list[Any] = [x[0]] + [None] * (n - 1)
    for _, even, _ in pairs:
        result[0] = c.add(result[0], even)
    for k in range(1, n // 2 + 1):
        real, imaginary = x[0], None
        for q, even, odd in pairs:
            angle = 2 * math.pi * (k * q % n) / n
            real = c.add(real, c.scale(even, math.cos(angle)))
            part = c.scale(odd, math.sin(angle))
            imaginary = part if imaginary is None else c.add(imaginary, part)
        assert imaginary is not None  # noqa: S101  (n >= 3)
        turned = c.turn(imaginary, sign)
        result[k], result[n - k] = c.add(real, turned), c.subtract(real, turned)
    return result


@instruction(types.void, *[types.intp] * 3, constants=3)
def butterfly(  # noqa: PLR0917 - compiled functions take no keywords
    builder: Any,
    radix: int,
    inverse: bool,
    twiddled: bool,
    address: Any,
    stride: Any,
    twiddles: Any,
) -> None:
    """Transform ``radix`` rows of a tile in place.

    The rows lie ``stride`` bytes apart. With ``twiddled``, row q is multiplied by the (q - 1)th
    pair at ``twiddles``: after the transform if forward, conjugated and before it if inverse.
    """
    c = Arithmetic(builder)

    def twist(x: Complex, q: int) -> Complex:
        if not twiddled or q == 0:
            return x
        place = builder.add(twiddles, _i64(PAIR * (q - 1)))
        return c.multiply(x, c.factor(place), conjugate=inverse)

    places = [builder.add(address, builder.mul(stride, _i64(q))) for q in range(radix)]
    x = [load_row(builder, place) for place in places]
    if inverse:
        x = [twist(value, q) for q, value in enumerate(x)]
    x = _transform(c, x, 1 if inverse else -1)
    if not inverse:
        x = [twist(value, q) for q, value in enumerate(x)]
    for place, value in zip(places, x, strict=True):
        store_row(builder, place, value)


def load_row(builder: Any, place: Any) -> Complex:
    """Read one row of a tile."""
    second = builder.add(place, _i64(VECTOR))
    return (
        builder.load(pointer(builder, place), align=VALUE),
        builder.load(pointer(builder, second), align=VALUE),
    )


def store_row(builder: Any, place: Any, value: Complex) -> None:
    """Write one row of a tile."""
    second = builder.add(place, _i64(VECTOR))
    builder.store(value[0], pointer(builder, place), align=VALUE)
    builder.store(value[1], pointer(builder, second), align=VALUE)


@instruction(types.void, *[types.intp] * 4)
def transpose(
    builder: Any, source: Any, source_stride: Any, target: Any, target_stride: Any
) -> None:
    """Transpose a square of LANES x LANES values; strides in bytes."""
    rows = []
    for i in range(LANES):
        place = builder.add(source, builder.mul(source_stride, _i64(i)))
        rows.append(builder.load(pointer(builder, place), align=VALUE))
    half = 1
    while half < LANES:
        rows = _exchange(builder, rows, half)
        half *= 2
    for i, row in enumerate(rows):
        place = builder.add(target, builder.mul(target_stride, _i64(i)))
        builder.store(row, pointer(builder, place), align=VALUE)


def _exchange(builder: Any, rows: list[Any], half: int) -> list[Any]:
    """Exchange the off-diagonal blocks of ``half`` x ``half`` between rows ``half`` apart."""
    kind = ir.VectorType(ir.IntType(32), LANES)
    lower = [(k // half) % 2 == 0 for k in range(LANES)]
    upper_row = ir.Constant(kind, [k if low else LANES + k - half for k, low in enumerate(lower)])
    lower_row = ir.Constant(kind, [k + half if low else LANES + k for k, low in enumerate(lower)])
    result = list(rows)
    for i in range(LANES):
        if lower[i]:
            pair = rows[i], rows[i + half]
            result[i] = builder.shuffle_vector(*pair, upper_row)
            result[i + half] = builder.shuffle_vector(*pair, lower_row)
    return result
