"""Which scan classes there are, and how one is found by its name."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, TypeVar

from ptypy import defaults_tree
from ptypy.errors import Fault, ParameterError

if TYPE_CHECKING:
    from ptypy.core.data._scan import PtyScan

__all__ = ["PTYSCANS", "find_scan", "known_scans", "register", "scan_name"]

Class = TypeVar("Class", bound=type)

PTYSCANS: dict[str, type[PtyScan]] = {}
"""Scan classes by the name that ``data.name`` chooses them by."""


def register(name: str | None = None) -> Callable[[Class], Class]:
    """Decorate a `PtyScan` subclass so that parameters can choose it by name.

    Its docstring is read into ``defaults_tree['scandata.<name>']``, unless
    ``@defaults_tree.parse_doc`` has done so already.

    Parameters
    ----------
    name : str, optional
        The name of the class itself if not given.
    """

    def decorate(cls: Class) -> Class:
        label = cls.__name__ if name is None else name
        node = _own_node(cls)
        if node is None or node.path != f"scandata.{label}":
            defaults_tree.parse_doc(f"scandata.{label}")(cls)
        PTYSCANS[label] = cls
        return cls

    return decorate


def find_scan(name: str) -> type[PtyScan]:
    """Find a scan class by its name.

    Parameters
    ----------
    name : str
        As given to `register` or to ``@defaults_tree.parse_doc('scandata.<name>')``, or the
        name of the class.

    Raises
    ------
    ParameterError
        If there is none; it names the one most like it.
    """
    known = known_scans(name)
    if name in known:
        return known[name]
    lowered = {label.lower(): label for label in known}
    close = difflib.get_close_matches(str(name).lower(), lowered, n=1)
    hint = f"did you mean `{lowered[close[0]]}`?" if close else f"known: {', '.join(sorted(known))}"
    remedy = f"is no scan class that has been imported; {hint}"
    raise ParameterError([Fault("data.name", repr(name), remedy)])


def known_scans(wanted: str) -> dict[str, type[PtyScan]]:
    """Give all scan classes by name; if ``wanted`` is not among them, import all of ours first."""
    known = _known()
    if wanted not in known:
        # The tree knows which modules of ours declare loaders, and imports them when asked.
        defaults_tree.get(f"scandata.{wanted}")
        known = _known()
    return known


def _known() -> dict[str, type[PtyScan]]:
    """Collect registered classes, then those that only declared their parameters."""
    from ptypy.core.data._scan import PtyScan

    known = dict(PTYSCANS)
    for cls in _descendants(PtyScan):
        node = _own_node(cls)
        if node is not None and node.path.startswith("scandata."):
            known.setdefault(node.name, cls)
            known.setdefault(cls.__name__, cls)
    return known


def scan_name(cls: type[PtyScan]) -> str:
    """Give the name under which a class declares its parameters below ``scandata``."""
    node = _own_node(cls)
    return cls.__name__ if node is None else str(node.name)


def _descendants(cls: type[PtyScan]) -> Iterator[type[PtyScan]]:
    """Give all classes derived from one, the latest defined first: it is the one in use."""
    for child in reversed(cls.__subclasses__()):
        yield child
        yield from _descendants(child)


def _own_node(cls: type) -> Any:
    """Give the node of the tree that describes this very class; None if there is none."""
    reference = cls.__dict__.get("_descriptor")
    return None if reference is None else reference()
