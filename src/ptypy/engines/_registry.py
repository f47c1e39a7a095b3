"""The table of engines: names that a script may write, and the classes behind them."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from ptypy import defaults_tree
from ptypy.engines._position_refinement import PositionCorrectionEngine
from ptypy.errors import Fault, ParameterError
from ptypy.utils.text_utils import nearest
from ptypy.utils.verbose import logger

if TYPE_CHECKING:
    from ptypy.engines.base import BaseEngine

ENGINES: dict[str, type[BaseEngine]] = {}
"""Every registered engine by its name."""

Engine = TypeVar("Engine", bound="type[BaseEngine]")

# PtyPy 0.9 kept one class for each kind of machine; scripts still carry those names.
_BACKEND = re.compile(r"^(?P<algorithm>\w+?)_(?:serial|cupy|pycuda)(?:_stream)?$")
_STREAMED = ("DM", "RAAR")
_announced: set[str] = set()


def register(name: str | None = None) -> Callable[[Engine], Engine]:
    """Make an engine known by name, and its parameters part of the parameter tree.

    Parameters
    ----------
    name : str, optional
        What a script writes into ``p.engines.<label>.name``; the name of the class if
        not given.

    Examples
    --------
    ::

        @register()
        class Gentle(BaseEngine):
            '''An engine of my own.

            Defaults:

            [name]
            default = Gentle
            type = str
            help = Name of the engine
            '''
    """

    def enter(engine: Engine) -> Engine:
        label = engine.__name__ if name is None else name
        defaults_tree.parse_doc(f"engine.{label}")(engine)
        # What stands below `position_refinement` has defaults, but nobody has asked for it yet.
        if issubclass(engine, PositionCorrectionEngine):
            engine.REFINEMENT = engine.DEFAULT["position_refinement"]
            engine.DEFAULT["position_refinement"] = False
        ENGINES[label] = engine
        return engine

    return enter


def register_backend_names(engine: type[BaseEngine]) -> None:
    """Let ``<name>_serial``, ``<name>_cupy`` and ``<name>_pycuda`` pass as ``<name>``.

    PtyPy 0.9 had one class a backend; here there is one algorithm, and the backend is
    not the script's business. The parameter tree holds a node for each of these names, so
    that a script of that time is checked like any other.
    """
    algorithm = engine.__name__
    streams = ("", "_stream") if algorithm in _STREAMED else ("",)
    for backend in ("serial", "cupy", "pycuda"):
        for stream in streams:
            name = f"{algorithm}_{backend}{stream}"
            doc = _ALIAS_DOC.format(name=name) + _OF_BACKENDS.get(algorithm, "")
            alias = type(name, (engine,), {"__doc__": doc})
            defaults_tree.parse_doc(f"engine.{name}")(alias)


_ALIAS_DOC = """The same algorithm under a name of PtyPy 0.9.

Defaults:

[name]
default = {name}
type = str
help = Name of the engine
"""

_OF_BACKENDS = {
    "ML": """
[smooth_gradient_method]
default = convolution
type = str
choices = ['convolution', 'fft']
help = Without effect: how a backend of PtyPy 0.9 smoothed gradients
""",
    "SDR": """
[compute_exit_error]
default = False
type = bool
help = Without effect: a backend of PtyPy 0.9 left out this error unless told otherwise

[compute_fourier_error]
default = False
type = bool
help = Without effect: errors are noted anyhow, as they cost nothing
""",
}
"""What only the classes of backends had in PtyPy 0.9, and scripts may set."""


def find_engine(name: str) -> type[BaseEngine]:
    """Find an engine by the name that a script gives it.

    Parameters
    ----------
    name : str
        Such as ``DM`` or ``ML``, or what was registered. The names that PtyPy 0.9
        had for one backend (``DM_serial``, ``ML_cupy``) mean the same algorithm.

    Returns
    -------
    type[BaseEngine]

    Raises
    ------
    ParameterError
        If no engine has that name; says which one may have been meant.
    """
    if name in ENGINES:
        return ENGINES[name]
    backend = _BACKEND.match(str(name))
    if backend and backend["algorithm"] in ENGINES:
        if name not in _announced:
            _announced.add(name)
            logger.info(
                "engine %s: the compiled kernels for the CPU are used, as for `%s`",
                name,
                backend["algorithm"],
            )
        return ENGINES[backend["algorithm"]]
    raise ParameterError([Fault("engine", repr(name), _suggestion(str(name)))])


def _suggestion(name: str) -> str:
    """Say that there is no such engine, and which one may have been meant."""
    # Long names of a relative, such as `ePIEparallel` or `DM_3dBragg`, are like no other.
    relatives = (known for known in ENGINES if name.lower().startswith(known.lower()))
    close = nearest(name, ENGINES) or next(relatives, None)
    if close is not None:
        return f"is not an engine; did you mean `{close}`?"
    return f"is not an engine; there are {', '.join(sorted(ENGINES))}"
