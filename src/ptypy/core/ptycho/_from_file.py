"""Runs that a file describes."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from ptypy import defaults_tree
from ptypy.core.ptycho._needed import needed_faults
from ptypy.core.ptycho._ptycho import Ptycho
from ptypy.errors import FormatError, ParameterError
from ptypy.utils.config import located, read_config, set_values
from ptypy.utils.parameters import Param

__all__ = ["check_file", "parameters_from", "run_script", "runs_itself"]


def parameters_from(path: str | Path, assignments: Sequence[str] = ()) -> Param:
    """Read the parameters of a run, and change them as a command line says.

    Parameters
    ----------
    path : path
        YAML, JSON, or a script that defines ``p``.
    assignments : sequence of str
        As for `ptypy.utils.config.set_values`.

    Returns
    -------
    Param
        A run that has no name has that of the file. Scans and engines that are null are left out.

    Raises
    ------
    FormatError
        If the file cannot be read, or is a script that runs by itself.
    ParameterError
        If an assignment does not fit.
    """
    path = Path(path)
    line = runs_itself(path)
    if line is not None:
        raise FormatError(
            f"{path}, line {line}: makes its run itself, so that its parameters cannot be looked "
            "at without it. Put that line below `if __name__ == '__main__':`"
        )
    p = set_values(read_config(path), assignments, defaults_tree["ptycho"])
    if p.get("run") is None:
        p["run"] = path.stem
    for group in ("scans", "engines"):
        if isinstance(members := p.get(group), Param):
            p[group] = Param({key: one for key, one in members.items() if one is not None})
    return p


def check_file(p: Param, path: str | Path) -> None:
    """Check parameters that came from a file, without making anything.

    Raises
    ------
    ParameterError
        With every fault, and the line of the file that it stands in.
    """
    try:
        if faults := list(needed_faults(Ptycho(p, level=0).p)):
            raise ParameterError(faults)
    except ParameterError as error:
        raise located(path, error) from error


def runs_itself(path: str | Path) -> int | None:
    """Find where a script makes a `Ptycho` when it is executed.

    Returns
    -------
    int or None
        Number of the line; None if it does not, or only as the program itself, or the file is no
        script.
    """
    path = Path(path)
    if path.suffix.lower() != ".py":
        return None
    try:
        tree = ast.parse(path.read_text(encoding="utf-8"))
    except (OSError, SyntaxError, ValueError):
        return None  # told when it is executed
    return next((call.lineno for call in _executed(tree) if _makes_a_run(call)), None)


def _executed(node: ast.AST) -> Iterator[ast.Call]:
    """Go through the calls that an import of a script executes."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda):
            continue
        if isinstance(child, ast.If) and "__main__" in ast.dump(child.test):
            yield from _executed(ast.Module(child.orelse, []))
            continue
        if isinstance(child, ast.Call):
            yield child
        yield from _executed(child)


def _makes_a_run(call: ast.Call) -> bool:
    name = call.func.attr if isinstance(call.func, ast.Attribute) else None
    return "Ptycho" in {name, getattr(call.func, "id", None)}


def run_script(path: str | Path) -> Ptycho | None:
    """Execute a script that makes its run itself; give the run, if it keeps it."""
    from ptypy.utils.config import read_python

    names: dict[str, Any] = read_python(path)
    runs = [value for value in names.values() if isinstance(value, Ptycho)]
    return runs[-1] if runs else None
