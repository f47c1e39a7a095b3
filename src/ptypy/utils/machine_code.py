"""What compiled functions of all rooms share: their names in the store, instructions of their own.

This module needs numba to be imported; it is imported by modules of kernels.
"""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

from numba.core import types
from numba.core.registry import cpu_target
from numba.core.typing import signature
from numba.extending import intrinsic

__all__ = ["FILE", "TARGET", "instruction", "name_for_target"]

FILE = Path(__file__)
"""This file: what is compiled depends on it, see `ptypy.utils.stored_code`."""

TARGET = str(cpu_target.target_context.codegen().magic_tuple())
"""What numba compiles for: platform, processor, its features. Part of the store's key."""


def name_for_target(function: Callable[..., Any], name: str | None = None) -> None:
    """Give the function a name of its own in the store, for this processor alone."""
    digest = hashlib.sha256(TARGET.encode()).hexdigest()[:8]
    function.__qualname__ = f"{name or function.__name__}_{digest}"


def instruction(
    result: Any, *arguments: Any, constants: int = 0
) -> Callable[[Callable[..., Any]], Any]:
    """Make what a function builds callable in kernels.

    The function is given the builder and a value for every argument; it returns the result's.

    Parameters
    ----------
    result, *arguments : numba types
    constants : int
        So many arguments come before the others and must be constants of the kernel; the
        function is given them as Python values.
    """

    def wrap(build: Callable[..., Any]) -> Any:
        def typer(_context: Any, *given: Any) -> Any:
            leading = given[:constants]
            if not all(isinstance(kind, types.Literal) for kind in leading):
                return None
            known = [kind.literal_value for kind in leading]

            def codegen(context: Any, builder: Any, _sig: Any, args: Any) -> Any:
                value = build(builder, *known, *args[constants:])
                return context.get_dummy_value() if result == types.void else value

            return signature(result, *leading, *arguments), codegen

        typer.__name__, typer.__doc__ = build.__name__, build.__doc__
        typer.__module__, typer.__qualname__ = build.__module__, build.__qualname__
        # numba reads the names of the arguments here; the builder stands for its context.
        vars(typer)["__signature__"] = inspect.signature(build)
        return intrinsic(prefer_literal=constants > 0)(typer)

    return wrap
