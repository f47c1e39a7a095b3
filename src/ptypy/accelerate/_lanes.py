"""`LANES` float32 values at once, as a type that kernels calculate with.

Numba vectorises loops over arrays when it can prove that they may be; the loops here walk
through overlapping windows of an object, where it cannot. So a vector is a type of its own:
``load``, ``+``, ``-``, ``*``, ``store`` become one machine instruction each.

Addresses are integers [bytes]. Nothing here checks them: the room's doors do.
"""

from __future__ import annotations

import operator
from typing import Any

import numpy as np
from llvmlite import ir
from numba.core import types
from numba.extending import (
    lower_builtin,
    models,
    register_model,
    type_callable,
)

from ptypy.accelerate._compile import LANES
from ptypy.utils.machine_code import instruction

__all__ = [
    "AHEAD",
    "ROW",
    "VALUE",
    "VECTOR",
    "Lanes",
    "call2",
    "call5",
    "call6",
    "divide",
    "fetch",
    "flag",
    "get",
    "get64",
    "inverse_root",
    "keep_trusted",
    "load",
    "maximum",
    "peak",
    "peek",
    "pick",
    "put",
    "put64",
    "spread",
    "store",
    "total",
]

VALUE = 4
"""Bytes of one float32."""
VECTOR = VALUE * LANES
"""Bytes of one vector."""
ROW = 2 * VECTOR
"""Bytes of one row of a tile: real parts, then imaginary parts."""
AHEAD = 4096
"""How far before its use a long stream of memory is asked for [bytes].

2 to 8 KiB serve alike; without it the sums over exit waves took 1.5 times as long."""

_f32 = ir.FloatType()
_f64 = ir.DoubleType()
_i32 = ir.IntType(32)
_i64 = ir.IntType(64)
_vector = ir.VectorType(_f32, LANES)
# A product and a sum may be fused and signed zeros ignored; infinities and NaN stay what they are.
FLAGS = ("contract", "nsz")
# Where an estimate refined to float32 precision is enough.
LOOSE = ("contract", "nsz", "arcp", "afn", "reassoc")


class LanesType(types.Type):
    """The numba type of a vector."""

    def __init__(self) -> None:
        super().__init__(name=f"Lanes({LANES})")


Lanes = Any
"""What kernels annotate vectors with."""
_lanes = LanesType()


@register_model(LanesType)
class _LanesModel(models.PrimitiveModel):
    """A vector is kept as LLVM's vector of floats."""

    def __init__(self, manager: Any, kind: Any) -> None:
        super().__init__(manager, kind, _vector)


def constant(value: float) -> ir.Constant:
    """Give the vector whose values are all ``value``, rounded to float32."""
    return ir.Constant(_vector, [ir.Constant(_f32, float(np.float32(value)))] * LANES)


def pointer(builder: Any, address: Any, element: Any = _vector) -> Any:
    """Turn an address into a pointer."""
    return builder.inttoptr(address, element.as_pointer())


def broadcast(builder: Any, scalar: Any) -> Any:
    """Repeat a float32 in all lanes."""
    undefined = ir.Constant(_vector, ir.Undefined)
    first = builder.insert_element(undefined, scalar, _i32(0))
    lanes = ir.Constant(ir.VectorType(_i32, LANES), [0] * LANES)
    return builder.shuffle_vector(first, undefined, lanes)


def _square_root(builder: Any, vector: Any) -> Any:
    """Call LLVM's own square root."""
    name = f"llvm.sqrt.v{LANES}f32"
    function = builder.module.globals.get(name)
    if function is None:
        function = ir.Function(builder.module, ir.FunctionType(_vector, [_vector]), name)
    return builder.call(function, [vector], fastmath=LOOSE)


# --- arithmetic: +, -, * --------------------------------------------------------------


def _define_operator(symbol: Any, instruction: str) -> None:
    @type_callable(symbol)
    def _type(_context: Any) -> Any:
        def typer(a: Any, b: Any) -> Any:
            return _lanes if a == _lanes and b == _lanes else None

        return typer

    @lower_builtin(symbol, LanesType, LanesType)
    def _lower(_context: Any, builder: Any, _sig: Any, args: Any) -> Any:
        return getattr(builder, instruction)(*args, flags=FLAGS)


for _symbol, _name in (
    (operator.add, "fadd"),
    (operator.iadd, "fadd"),
    (operator.sub, "fsub"),
    (operator.isub, "fsub"),
    (operator.mul, "fmul"),
    (operator.imul, "fmul"),
):
    _define_operator(_symbol, _name)


# --- memory ------------------------------------------------------------------------------------


@instruction(_lanes, types.intp)
def load(builder: Any, address: Any) -> Any:
    """Read a vector; any alignment."""
    return builder.load(pointer(builder, address), align=VALUE)


@instruction(types.void, types.intp, _lanes)
def store(builder: Any, address: Any, vector: Any) -> None:
    """Write a vector; any alignment."""
    builder.store(vector, pointer(builder, address), align=VALUE)


@instruction(types.intp, types.intp)
def peek(builder: Any, address: Any) -> Any:
    """Read one int64."""
    return builder.load(pointer(builder, address, _i64))


@instruction(types.float32, types.intp)
def get(builder: Any, address: Any) -> Any:
    """Read one float32."""
    return builder.load(pointer(builder, address, _f32))


@instruction(types.void, types.intp, types.float32)
def put(builder: Any, address: Any, value: Any) -> None:
    """Write one float32."""
    builder.store(value, pointer(builder, address, _f32))


@instruction(types.void, types.intp)
def fetch(builder: Any, address: Any) -> None:
    """Ask for one cache line to be brought near, without waiting; any address will do."""
    place = pointer(builder, address, ir.IntType(8))
    kinds = [place.type, _i32, _i32, _i32]
    kind = ir.FunctionType(ir.VoidType(), kinds)
    function = builder.module.globals.get("llvm.prefetch.p0")
    if function is None:
        function = ir.Function(builder.module, kind, "llvm.prefetch.p0")
    # to be read, into the second level (the first is full of the tile at work), data
    builder.call(function, [place, _i32(0), _i32(2), _i32(1)])


@instruction(types.float64, types.intp)
def get64(builder: Any, address: Any) -> Any:
    """Read one float64."""
    return builder.load(pointer(builder, address, _f64))


@instruction(types.void, types.intp, types.float64)
def put64(builder: Any, address: Any, value: Any) -> None:
    """Write one float64."""
    builder.store(value, pointer(builder, address, _f64))


@instruction(types.boolean, types.intp)
def flag(builder: Any, address: Any) -> Any:
    """Read one bool."""
    byte = ir.IntType(8)
    return builder.icmp_unsigned("!=", builder.load(pointer(builder, address, byte)), byte(0))


@instruction(_lanes, types.intp)
def pick(builder: Any, address: Any) -> Any:
    """Read one float32 and repeat it in all lanes."""
    return broadcast(builder, builder.load(pointer(builder, address, _f32)))


@instruction(_lanes, types.float64)
def spread(builder: Any, value: Any) -> Any:
    """Repeat a number in all lanes, rounded to float32."""
    return broadcast(builder, builder.fptrunc(value, _f32))


# --- between lanes -----------------------------------------------------------------------------


@instruction(types.float64, _lanes)
def total(builder: Any, vector: Any) -> Any:
    """Add the lanes up, in float64, always in the same order."""
    result = ir.Constant(_f64, 0.0)
    for lane in range(LANES):
        value = builder.extract_element(vector, _i32(lane))
        result = builder.fadd(result, builder.fpext(value, _f64))
    return result


@instruction(types.float64, _lanes)
def peak(builder: Any, vector: Any) -> Any:
    """Give the largest value of the lanes."""
    result = builder.extract_element(vector, _i32(0))
    for lane in range(1, LANES):
        value = builder.extract_element(vector, _i32(lane))
        result = builder.select(builder.fcmp_ordered(">", value, result), value, result)
    return builder.fpext(result, _f64)


# --- lane by lane ------------------------------------------------------------------------------


@instruction(_lanes, _lanes, _lanes)
def maximum(builder: Any, a: Any, b: Any) -> Any:
    """Give the larger value in every lane."""
    return builder.select(builder.fcmp_ordered(">", a, b), a, b)


@instruction(_lanes, _lanes, _lanes, _lanes)
def keep_trusted(builder: Any, measured: Any, vector: Any, otherwise: Any) -> Any:
    """Give ``vector`` where ``measured`` >= 0, i.e. the pixel is trusted, else ``otherwise``."""
    trusted = builder.fcmp_ordered(">=", measured, constant(0.0))
    return builder.select(trusted, vector, otherwise)


@instruction(_lanes, _lanes)
def inverse_root(builder: Any, vector: Any) -> Any:
    """Give 1 / sqrt of every lane (which must be positive)."""
    return builder.fdiv(constant(1.0), _square_root(builder, vector), flags=LOOSE)


@instruction(_lanes, _lanes, _lanes)
def divide(builder: Any, a: Any, b: Any) -> Any:
    """Divide lane by lane."""
    return builder.fdiv(a, b, flags=LOOSE)


# --- calls by address --------------------------------------------------------------------------


def _call(builder: Any, address: Any, *arguments: Any) -> None:
    kind = ir.FunctionType(ir.VoidType(), [_i64] * len(arguments))
    builder.call(builder.inttoptr(address, kind.as_pointer()), arguments)


@instruction(types.void, *[types.intp] * 3)
def call2(builder: Any, address: Any, a: Any, b: Any) -> None:
    """Call the C function of two integers at ``address``."""
    _call(builder, address, a, b)


@instruction(types.void, *[types.intp] * 6)
def call5(  # noqa: PLR0917 - compiled functions take no keywords
    builder: Any, address: Any, a: Any, b: Any, c: Any, d: Any, e: Any
) -> None:
    """Call the C function of five integers at ``address``."""
    _call(builder, address, a, b, c, d, e)


@instruction(types.void, *[types.intp] * 7)
def call6(  # noqa: PLR0917
    builder: Any, address: Any, a: Any, b: Any, c: Any, d: Any, e: Any, f: Any
) -> None:
    """Call the C function of six integers at ``address``."""
    _call(builder, address, a, b, c, d, e, f)
