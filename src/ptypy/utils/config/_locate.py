"""In which line of a file a parameter stands."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ptypy.errors import Fault, FormatError, ParameterError
from ptypy.utils.config._read import text_of
from ptypy.utils.config._yaml import compose

__all__ = ["find", "locate", "located"]


def locate(path: str | Path, name: str) -> tuple[int, int] | None:
    """Say where a parameter stands in a file of YAML or JSON.

    Parameters
    ----------
    path : path
    name : str
        Dotted, such as ``scans.s1.data.rebin``.

    Returns
    -------
    (int, int) or None
        Line and column of its name, counted from 1. If it is not there, those of the group that it
        would stand in; None if there is none either, or for a file in Python.
    """
    root = _composed(Path(path))
    return None if root is None else _place(root, name)


def located(path: str | Path, error: ParameterError) -> ParameterError:
    """Let the faults of a tree say in which line of a file they stand.

    The paths of the faults begin with the line then; nothing changes for files in Python.
    """
    root = _composed(Path(path))
    if root is None or not error.faults:
        return error
    places = [_place(root, fault.path) for fault in error.faults]
    wide = max(len(str(place[0])) for place in places if place) if any(places) else 0
    faults = [
        Fault(
            f"line {place[0]:>{wide}}  {fault.path}" if place else f"{'':{wide + 5}}  {fault.path}",
            *fault[1:],
        )
        for fault, place in zip(error.faults, places, strict=True)
    ]
    return ParameterError(faults) if wide else error


def find(root: Any, name: str) -> tuple[Any, Any, list[str]]:
    """Follow a dotted name down from a node.

    Returns
    -------
    key, value : node
        The last that is there; key is None for the root itself.
    missing : list of str
        What of the name is not there.
    """
    key, node, rest = None, root, name.split(".")
    while rest and node is not None and node.id == "mapping":
        # A name may have dots in it.
        for count in range(len(rest), 0, -1):
            label = ".".join(rest[:count])
            found = [pair for pair in node.value if pair[0].value == label]
            if found:
                (key, node), rest = found[-1], rest[count:]
                break
        else:
            break
    return key, node, rest


def _composed(path: Path) -> Any:
    """Give the nodes of a file; None if it has none, or is none."""
    from ruamel.yaml.error import YAMLError

    if path.suffix.lower() == ".py":
        return None
    try:
        return compose(text_of(path))
    except (YAMLError, FormatError):
        return None


def _place(root: Any, name: str) -> tuple[int, int] | None:
    key, _, missing = find(root, name)
    if key is None and missing:
        tree = find(root, f"parameter_tree.{name}")
        key = tree[0] if tree[2] != missing else None
    if key is None:
        return None
    return key.start_mark.line + 1, key.start_mark.column + 1
