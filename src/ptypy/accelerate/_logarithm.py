"""The misfit of Poisson noise, u - v - v log(u / v), without the cancellation in its text.

Near u = v the terms are large, and their sum is only of the second order in u - v. With
u / v = 2^k m, m about 1, f = m - 1 and s = f / (2 + f), the series

    log m = f - s (f - R),    R = 2/3 s^2 + 2/5 s^4 + 2/7 s^6 + 2/9 s^8 + ...

turns it into v ( u / v - m - k log 2 + s (f - R) ). There nothing cancels: for k = 0 the first
three terms are zero, for other k they are as large as their sum.
"""

from __future__ import annotations

import math
from typing import Any

from llvmlite import ir

from ptypy.accelerate._compile import LANES
from ptypy.accelerate._lanes import FLAGS, LOOSE, LanesType, constant
from ptypy.utils.machine_code import instruction

__all__ = ["excess"]

_lanes = LanesType()
_integers = ir.VectorType(ir.IntType(32), LANES)
_SQRT_HALF = 0x3F3504F3
"""The bits of sqrt(1/2) as a float32: m lies between this and twice this."""


def _whole(value: int) -> ir.Constant:
    return ir.Constant(_integers, [value] * LANES)


def _series(builder: Any, s: Any) -> Any:
    """Give R; what is left out is below 1e-8 for the m that occur."""
    z = builder.fmul(s, s, flags=FLAGS)
    result = constant(2 / 9)
    for odd in (7, 5, 3):
        result = builder.fadd(builder.fmul(result, z, flags=FLAGS), constant(2 / odd), flags=FLAGS)
    return builder.fmul(result, z, flags=FLAGS)


@instruction(_lanes, _lanes, _lanes)
def excess(builder: Any, u: Any, v: Any) -> Any:
    """Give u - v - v log(u / v) of every lane; both must be positive, or it is anything."""
    vector = u.type
    inverse = builder.fdiv(constant(1.0), v, flags=LOOSE)
    ratio = builder.fmul(u, inverse, flags=FLAGS)
    bits = builder.sub(builder.bitcast(ratio, _integers), _whole(_SQRT_HALF))
    exponent = builder.ashr(bits, _whole(23))
    mantissa = builder.add(builder.and_(bits, _whole(0x7FFFFF)), _whole(_SQRT_HALF))
    m = builder.bitcast(mantissa, vector)
    # Of a ratio near 1 the difference from 1 is known better than the ratio itself.
    near = builder.icmp_signed("==", exponent, _whole(0))
    difference = builder.fmul(builder.fsub(u, v, flags=FLAGS), inverse, flags=FLAGS)
    f = builder.select(near, difference, builder.fsub(m, constant(1.0), flags=FLAGS))
    s = builder.fdiv(f, builder.fadd(f, constant(2.0), flags=FLAGS), flags=LOOSE)
    small = builder.fsub(f, _series(builder, s), flags=FLAGS)
    k = builder.fmul(builder.sitofp(exponent, vector), constant(math.log(2.0)), flags=FLAGS)
    large = builder.fsub(builder.fsub(ratio, m, flags=FLAGS), k, flags=FLAGS)
    large = builder.select(near, constant(0.0), large)
    sum_ = builder.fadd(large, builder.fmul(s, small, flags=FLAGS), flags=FLAGS)
    return builder.fmul(v, sum_, flags=FLAGS)
