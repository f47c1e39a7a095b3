"""How functions of this room are compiled, and how the machine code is kept.

Compiled code is stored beside the sources (or in the user's cache folder) by numba. Four
rules make that store work; they shape the whole room:

* functions live in real files and at module level; a factory may close over plain integers,
  never over another compiled function;
* one function, one signature, one file in the store: numba numbers the entries of one index
  without a lock, so that processes which start together could swap them. The name under which
  a function is kept therefore also says for which processor it was compiled;
* the building blocks that are expensive to compile (tile transforms) are C functions that the
  kernels call *by address*, so that no kernel compiles them again;
* numba looks only at the file of the function itself. Here an edit of any file of the room
  makes everything stale, because the codelets of one file end up inside kernels of another.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numba
from numba.core.ccallback import CFunc
from numba.core.typing import signature

from ptypy.utils.machine_code import FILE, TARGET, name_for_target
from ptypy.utils.stored_code import depend_on, stamp_of

__all__ = ["LANES", "CFunction", "kernel", "kernel_store", "missing_kernels"]

LANES: int = 16 if "+avx512f" in TARGET else 8
"""float32 values in one vector: 16 where the processor has AVX-512, else 8."""

_OPTIONS: dict[str, Any] = {"nogil": True, "error_model": "numpy"}

_ROOM = stamp_of([*Path(__file__).parent.glob("*.py"), FILE])
"""Newest change and total size of all files whose code is compiled here."""

_kernels: list[Any] = []
_functions: list[CFunction] = []


def _is_stored(cache: Any) -> bool:
    """Say whether the store has code of a function that is not stale.

    The attributes are numba's own and may move; then it seems to have none.
    """
    read = getattr(getattr(cache, "_cache_file", None), "_load_index", None)
    return read is not None and bool(read())


def kernel(function: Callable[..., Any]) -> Any:
    """Compile a function on its first call, to run without the interpreter lock."""
    name_for_target(function)
    try:
        compiled = numba.njit(cache=True, **_OPTIONS)(function)
        depend_on(compiled._cache, _ROOM)
    except RuntimeError:  # no folder to keep the code in: compile anew in every process
        compiled = numba.njit(**_OPTIONS)(function)
    _kernels.append(compiled)
    return compiled


def kernel_store() -> Path | None:
    """Give the folder in which machine code is kept; None if there is none to keep it in."""
    folder = getattr(getattr(_kernels[0], "_cache", None), "cache_path", None) if _kernels else None
    return None if folder is None else Path(folder)


def missing_kernels() -> list[str]:
    """Name the kernels that would have to be compiled before they can be used.

    They are neither compiled in this process nor kept on disk for this processor. A calculation
    needs some of them only (those of its engine, the stages of its size of frame), so that a
    few may be missing for ever; `watch_compiling` tells of those that are needed.
    """
    missing = [k.py_func for k in _kernels if not k.signatures and not _is_stored(k._cache)]
    missing += [f.function for f in _functions if not f.is_ready()]
    return sorted(function.__qualname__.rpartition("_")[0] for function in missing)


class CFunction:
    """A function of addresses and sizes that kernels call by its address.

    Parameters
    ----------
    function : callable
        Takes ``arguments`` integers, returns nothing.
    arguments : int
        How many.
    name : str, optional
        Under which the machine code is kept; must differ between functions that a factory
        makes from one text.
    """

    def __init__(
        self, function: Callable[..., Any], arguments: int, name: str | None = None
    ) -> None:
        name_for_target(function, name)
        self.function = function
        self._arguments = arguments
        self._compiled: Any = None
        _functions.append(self)

    @property
    def address(self) -> int:
        """Where the machine code is; compiled or fetched from the store on first use."""
        if self._compiled is None:
            self._compiled = self._compile()
        return int(self._compiled.address)

    def is_ready(self) -> bool:
        """Say whether the address can be had without compiling."""
        return self._compiled is not None or _is_stored(self._prepare()._cache)

    def _prepare(self) -> Any:
        """Give what numba compiles, with its place in the store if there is one."""
        types = signature(numba.void, *[numba.intp] * self._arguments)
        prepared: Any = CFunc(
            self.function, (types.args, types.return_type), locals={}, options=dict(_OPTIONS)
        )
        try:
            prepared.enable_caching()
        except RuntimeError:
            pass
        else:
            depend_on(prepared._cache, _ROOM)
        return prepared

    def _compile(self) -> Any:
        compiled = self._prepare()
        compiled.compile()
        return compiled
