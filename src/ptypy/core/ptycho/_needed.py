"""What a user must fill in, and has not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ptypy import defaults_tree
from ptypy.errors import Fault
from ptypy.utils.descriptor import EvalDescriptor

__all__ = ["needed_faults"]


def needed_faults(p: Mapping[str, Any]) -> Iterator[Fault]:
    """Find parameters of the loaders that nobody gave, and without which none can do.

    Parameters
    ----------
    p : mapping
        Parameters of a run, sources spelled out.
    """
    for label, scan in (p.get("scans") or {}).items():
        data = scan.get("data") if isinstance(scan, Mapping) else None
        if not isinstance(data, Mapping):
            continue
        node = defaults_tree.get(f"scandata.{data.get('name')}")
        if node is None:
            continue  # told as an unknown name
        pattern = scan.get("xy")
        is_pattern = isinstance(pattern, Mapping) and pattern.get("model") is not None
        for child in node.descendants:
            path = child.path.split(".", 2)[2]
            if child.needed is None or _is_given(data, path, child):
                continue
            others = {name: node[name] for name in child.needed}
            if any(_is_given(data, name, other) for name, other in others.items()):
                continue
            if is_pattern and "positions_theory" in others:
                continue
            instead = "".join(f", or `{name}`" for name in others)
            remedy = f"is to be filled in{instead}: {' '.join(child.help.split())}"
            yield Fault(f"scans.{label}.data.{path}", "null", remedy)


def _is_given(data: Mapping[str, Any], path: str, node: EvalDescriptor) -> bool:
    """Say whether a parameter has a value that somebody gave."""
    value: Any = data
    for name in path.split("."):
        value = value.get(name) if isinstance(value, Mapping) else None
    if value is None:
        return False
    default = node.default
    return not isinstance(default, str) or value != default
