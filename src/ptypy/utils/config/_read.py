"""From a file to a tree of parameters."""

from __future__ import annotations

import ast
import runpy
import sys
import traceback
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ptypy.errors import FormatError
from ptypy.utils.config._yaml import read_json_text, read_yaml_text
from ptypy.utils.parameters import Param, asParam
from ptypy.utils.text_utils import listed_names

__all__ = [
    "ENDINGS",
    "parameters_of",
    "read_config",
    "read_mapping",
    "read_python",
    "text_of",
    "tree_of",
]

ENDINGS = (".yaml", ".yml", ".json", ".py")
"""Endings of files of parameters."""
RUN_NAME = "ptypy_config"
"""What ``__name__`` is in a file of parameters in Python: what a script does is not done."""
DECORATION = ("$schema",)
"""Names at the top of a file that are for editors."""


def read_config(path: str | Path) -> Param:
    """Read a tree of parameters from a file; its ending says what it is.

    YAML (``.yaml``, ``.yml``) is that of version 1.2, in which ``1e-6`` is a number. A file in
    Python (``.py``) is executed; it defines ``p``. The form in which PtyPy 0.9 wrote JSON is read
    too: ``{"base_file": ..., "parameter_tree": ...}``, where the file, relative to this one, has
    the parameters that the tree then changes.

    Parameters
    ----------
    path : path

    Returns
    -------
    Param
        Everything in it is a Param, too, if it has names.

    Raises
    ------
    FormatError
        If the file is missing or not what its ending says; names line and column.
    """
    return _read(Path(path), ())


def _read(path: Path, above: tuple[Path, ...]) -> Param:
    if path.resolve() in above:
        raise FormatError(f"{path}: is its own `base_file`; a tree needs a beginning")
    if path.suffix.lower() == ".py":
        return parameters_of(read_python(path), path)
    content = read_mapping(path)
    for name in DECORATION:
        content.pop(name, None)
    if "parameter_tree" not in content:
        return asParam(content)
    tree, base = content["parameter_tree"], content.get("base_file")
    if not isinstance(tree, Mapping):
        raise FormatError(f"{path}: `parameter_tree` holds a {type(tree).__name__}, not names")
    p = Param()
    if base:
        beside = path.parent / str(base)
        p = _read(beside if beside.exists() else Path(str(base)), (*above, path.resolve()))
    p.update(asParam(tree), in_place_depth=99)
    return p


def read_mapping(path: Path) -> dict[str, Any]:
    """Read what a file in YAML or JSON holds, as it stands.

    Raises
    ------
    FormatError
        If it cannot be read, or has no names at its top.
    """
    suffix = path.suffix.lower()
    if suffix not in ENDINGS:
        raise FormatError(
            f"cannot read parameters from {path}: use {', '.join(ENDINGS[:-1])} or {ENDINGS[-1]}"
        )
    text = text_of(path)
    content = (read_json_text if suffix == ".json" else read_yaml_text)(text, str(path))
    return tree_of(content, str(path))


def text_of(path: Path) -> str:
    """Give the text of a file.

    Raises
    ------
    FormatError
        If there is none.
    """
    try:
        # Ends of lines stay as they are: who changes the file writes them back.
        with path.open(encoding="utf-8-sig", newline="") as file:
            return file.read()
    except FileNotFoundError as error:
        raise FormatError(f"no parameter file {str(path)!r}") from error
    except UnicodeDecodeError as error:
        raise FormatError(f"{path}: is not text in UTF-8 (byte {error.start})") from error
    except OSError as error:
        raise FormatError(f"{path}: {error.strerror or error}") from error


def tree_of(content: Any, name: str) -> dict[str, Any]:
    """Refuse what has no names at its top."""
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise FormatError(
            f"{name} holds a {type(content).__name__} at its top; it should be a mapping "
            "of parameters to values"
        )
    return content


def read_python(path: str | Path) -> dict[str, Any]:
    """Execute a file in Python; give what it defines.

    ``__name__`` is not ``'__main__'`` in it, so that a script whose run stands below
    ``if __name__ == '__main__':`` only says its parameters.

    Raises
    ------
    FormatError
        If it is missing, or cannot be compiled, or fails; names the line. Errors of ptypy are
        raised as they are, and so are Ctrl-C and `sys.exit`.
    """
    path = Path(path)
    text = text_of(path)
    try:
        ast.parse(text, str(path))
    except SyntaxError as error:
        column = f", column {error.offset}" if error.offset else ""
        raise FormatError(
            f"{path}, line {error.lineno}{column}: not valid Python: {error.msg}"
        ) from error
    # Modules that lie beside a script are found, as if it were the program.
    sys.path.insert(0, str(path.resolve().parent))
    try:
        return runpy.run_path(str(path), run_name=RUN_NAME)
    except Exception as error:
        from ptypy.errors import PtypyError

        if isinstance(error, PtypyError):
            raise
        lines = [f.lineno for f in traceback.extract_tb(error.__traceback__) if _is(f, path)]
        where = f", line {lines[-1]}" if lines else ""
        raise FormatError(f"{path}{where}: {type(error).__name__}: {error}") from error
    finally:
        sys.path.remove(str(path.resolve().parent))


def _is(frame: traceback.FrameSummary, path: Path) -> bool:
    return Path(frame.filename) == path


def parameters_of(names: Mapping[str, Any], path: str | Path) -> Param:
    """Give the parameters among what a file in Python defines.

    Raises
    ------
    FormatError
        If there are none.
    """
    p = names.get("p")
    if isinstance(p, Mapping):
        return asParam(p)
    defined = [name for name in names if not name.startswith("_")]
    found = "no `p`" if p is None else f"a `p` that is a {type(p).__name__}"
    raise FormatError(
        f"{path}: defines {found}; a file of parameters defines `p`, a Param or a dictionary. "
        f"It defines {listed_names(defined) or 'nothing'}; what stands below "
        "`if __name__ == '__main__':` is left out"
    )
