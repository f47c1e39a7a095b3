"""Reading configs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ptypy.errors import FormatError

__all__ = ["read_config"]


def read_config(path: Path) -> Mapping[str, Any]:
    """Read a config."""
    text = path.read_text()
    if path.suffix == ".json":
        tree = json.loads(text)
    else:
        import yaml

        tree = yaml.safe_load(text)
    if not isinstance(tree, Mapping):
        raise FormatError(f"{path}: is no config: it must be a tree of parameters")
    return tree


def change_config(path: Path, changes: Mapping[str, Any]) -> None:
    """Change entries of a config."""
    import yaml

    tree: Any = read_config(path)
    for name, value in changes.items():
        node = tree
        *parents, last = name.split(".")
        for parent in parents:
            node = node.setdefault(parent, {})
        node[last] = value
    if path.suffix == ".json":
        path.write_text(json.dumps(tree, indent=2))
    else:
        path.write_text(yaml.safe_dump(tree, sort_keys=False))
