"""Which scan classes there are, and how one is found by its name."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, TypeVar

from ptypy import defaults_tree
from ptypy.errors import Fault, ParameterError
from ptypy.utils.text_utils import nearest

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
    close = nearest(name, known)
    # All of them: whoever wrote a class looks for it in this list.
    hint = f"did you mean `{close}`?" if close else f"known: {', '.join(sorted(known))}"
    remedy = _why_not(name) or f"is no scan class that has been imported; {hint}"
    raise ParameterError([Fault("data.name", repr(name), remedy)])


def _why_not(name: str) -> str:
    """Say what is wrong with the package that offers a loader; nothing if none does."""
    from ptypy.core.data.plugins import FAILED

    return FAILED.get(name, "")


def known_scans(wanted: str | None = None) -> dict[str, type[PtyScan]]:
    """Give all scan classes by name: those registered, and those that declared their parameters.

    Parameters
    ----------
    wanted : str, optional
        If it is not among them, all of ours are imported first.
    """
    known = _known()
    if wanted is not None and wanted not in known:
        # The tree knows which modules of ours declare loaders, and imports them when asked.
        defaults_tree.get(f"scandata.{wanted}")
        known = _known()
    return known


def _known() -> dict[str, type[PtyScan]]:
    """Collect classes that are registered or declared their parameters, the latest defined last.

    Of two with the same label the later one is meant: somebody typed it in once more. That a
    class may be called by its own name, too, is of no consequence where that is another's label.
    """
    from ptypy.core.data._scan import PtyScan

    declared = [(str(node.name), cls) for cls, node in _declared(PtyScan)]
    labelled = sorted([*PTYSCANS.items(), *declared], key=lambda pair: pair[1]._order)
    known = {cls.__name__: cls for _, cls in sorted(declared, key=lambda pair: pair[1]._order)}
    known |= dict(labelled)
    return dict(sorted(known.items(), key=lambda pair: pair[1]._order))


def scan_name(cls: type[PtyScan]) -> str:
    """Give the name under which a class declares its parameters below ``scandata``."""
    node = _own_node(cls)
    return cls.__name__ if node is None else str(node.name)


def _declared(cls: type[PtyScan]) -> Iterator[tuple[type[PtyScan], Any]]:
    """Give a class and all derived from it that declared parameters, each with its node."""
    node = _own_node(cls)
    if node is not None and node.path.startswith("scandata."):
        yield cls, node
    for child in cls.__subclasses__():
        yield from _declared(child)


def _own_node(cls: type) -> Any:
    """Give the node of the tree that describes this very class; None if there is none."""
    reference = cls.__dict__.get("_descriptor")
    return None if reference is None else reference()
