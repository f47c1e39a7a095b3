"""ptypy: ptychography from raw detector frames to the reconstructed image.

Importing it does nothing but make names available: sub-packages, MPI, graphics and compiled
kernels are loaded when they are first used.
"""

from __future__ import annotations

import importlib
import pkgutil
from types import ModuleType
from typing import TYPE_CHECKING, Any

from ptypy.errors import ParameterError
from ptypy.utils.descriptor import EvalDescriptor

if TYPE_CHECKING:
    from ptypy import (
        accelerate,
        core,
        diagnose,
        engines,
        errors,
        experiment,
        io,
        quick,
        resources,
        simulations,
        utils,
    )
    from ptypy.diagnose import read_result
    from ptypy.quick import prepare, reconstruct

__all__ = [
    "__version__",
    "accelerate",
    "core",
    "defaults_tree",
    "diagnose",
    "engines",
    "errors",
    "experiment",
    "io",
    "load_all_ptyscan_modules",
    "load_gpu_engines",
    "load_ptyscan_module",
    "prepare",
    "quick",
    "read_result",
    "reconstruct",
    "resources",
    "simulations",
    "utils",
]

__version__: str

_FUNCTIONS = {
    "prepare": "ptypy.quick",
    "read_result": "ptypy.diagnose",
    "reconstruct": "ptypy.quick",
}
"""Functions that can be called as ``ptypy.name``, and the rooms where they are."""

defaults_tree = EvalDescriptor("root")
"""Every parameter there is; the modules that declare them are imported as they are needed."""

defaults_tree.declare_source("io", "ptypy.io.interaction")
defaults_tree.declare_source(
    "scandata",
    "ptypy.core.data",
    "ptypy.simulations",
    "ptypy.experiment",
    "ptypy.core.data.plugins",
    hint="a class of your own must be imported first, one of ours in a module of its own with "
    "`ptypy.load_ptyscan_module`",
)
defaults_tree.declare_source(
    "scan", "ptypy.core.manager", hint="a model of your own must be imported first"
)
defaults_tree.declare_source(
    "engine", "ptypy.engines", hint="an engine of your own must be imported first"
)
defaults_tree.declare_source("ptycho", "ptypy.core.ptycho")

ARCHITECTURES = ("serial", "cupy", "pycuda")
"""Suffixes of engine names that PtyPy 0.9 used for its accelerated engines."""


def load_gpu_engines(arch: str = "serial") -> None:
    """Accept what scripts for PtyPy 0.9 say before they use accelerated engines.

    There is nothing to load: an engine named ``DM_serial`` is the algorithm ``DM``, and its
    inner loops are compiled whichever name is used.

    Parameters
    ----------
    arch : {'serial', 'cupy', 'pycuda'}

    Raises
    ------
    ParameterError
        If there is no such architecture.
    """
    if arch not in ARCHITECTURES:
        raise ParameterError(f"no engines for {arch!r}: use one of {', '.join(ARCHITECTURES)}")
    from ptypy.utils.verbose import logger

    logger.info("engines named X_%s are the same algorithms as X; nothing needs loading", arch)


def load_ptyscan_module(name: str) -> ModuleType:
    """Import ``ptypy.experiment.<name>``, so that the loaders it declares can be used.

    Raises
    ------
    ParameterError
        If there is no such module.
    ImportError
        If it needs something that is not installed.
    """
    module = f"ptypy.experiment.{name}"
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{module}.".startswith(f"{error.name}."):
            raise
        raise ParameterError(
            f"no module {name!r} in ptypy.experiment; there are {', '.join(_experiments())}"
        ) from error


def load_all_ptyscan_modules() -> None:
    """Import every module of ``ptypy.experiment``; one that cannot be is logged as a warning."""
    from ptypy.utils.verbose import logger

    for name in _experiments():
        try:
            load_ptyscan_module(name)
        except ImportError as error:
            logger.warning("ptypy.experiment.%s is not available: %s", name, error)


def _experiments() -> list[str]:
    package = importlib.import_module("ptypy.experiment")
    return sorted(m.name for m in pkgutil.iter_modules(package.__path__) if m.name[0] != "_")


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version

        return version("ptypy")
    if name in _FUNCTIONS:
        return getattr(importlib.import_module(_FUNCTIONS[name]), name)
    if name in __all__:
        return importlib.import_module(f"ptypy.{name}")
    raise AttributeError(f"module 'ptypy' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
