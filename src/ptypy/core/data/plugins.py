"""Loaders of other packages, found through their entry points.

A package offers a loader in its ``pyproject.toml``::

    [project.entry-points."ptypy.loaders"]
    BeamlineScan = "our_package.loader:BeamlineScan"

The tree of parameters imports this module when a loader is looked up that is not known otherwise,
or all of them are listed; what packages offer is loaded then, and not before. One that cannot be
loaded is named in the log, and keeps nobody from their work.
"""

from __future__ import annotations

from importlib import metadata
from typing import Any

from ptypy.core.data._registry import register, scan_name
from ptypy.core.data._scan import PtyScan
from ptypy.utils.verbose import logger

__all__ = ["FAILED", "GROUP", "load_plugins"]

GROUP = "ptypy.loaders"
"""Group of the entry points."""

FAILED: dict[str, str] = {}
"""Loaders that other packages offer and that cannot be loaded, with the reason."""


def load_plugins() -> dict[str, type[PtyScan]]:
    """Load what other packages offer.

    Returns
    -------
    dict
        Loaders by the name of their entry point. One whose class declares no parameters of its own
        is registered under that name.
    """
    found: dict[str, type[PtyScan]] = {}
    for entry in metadata.entry_points(group=GROUP):
        try:
            found[entry.name] = _checked(entry.name, entry.load())
        # Whatever is wrong with code of others; some modules are programs that end themselves.
        except (Exception, SystemExit) as error:  # noqa: BLE001
            package = getattr(entry.dist, "name", None) or entry.value
            FAILED[entry.name] = (
                f"is offered by the package {package}, which cannot be loaded: "
                f"{type(error).__name__}: {error}"
            )
            logger.warning("loader %s %s", entry.name, FAILED[entry.name])
    return found


def _checked(name: str, cls: Any) -> type[PtyScan]:
    """See that an entry point leads to a loader, and that it can be chosen by its name."""
    if not (isinstance(cls, type) and issubclass(cls, PtyScan)):
        raise TypeError(f"{cls!r} is no class derived from PtyScan")
    if "_descriptor" not in cls.__dict__:
        return register(name)(cls)
    if name not in (scan_name(cls), cls.__name__):
        raise TypeError(f"the class is called {scan_name(cls)}; give its entry point that name")
    return cls


load_plugins()
