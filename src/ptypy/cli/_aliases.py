"""The programs that PtyPy 0.9 had, under the names and with the arguments that they had there."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from ptypy.cli._commands import COMMANDS
from ptypy.cli._main import main

__all__ = ["cli", "csv2cp", "inspect", "new", "plot", "plotclient", "run"]

WRONG = 2
"""Exit code of arguments that are not understood, and of programs that are not there."""


def run(arguments: Sequence[str] | None = None) -> int:
    """Do as ``ptypy.run CONFIG``: `ptypy run` by its other name."""
    return main(["run", *_words(arguments)])


def new(arguments: Sequence[str] | None = None) -> int:
    """Do as ``ptypy.new FILE.py [-u LEVEL]``; what else stands there goes to `ptypy new`."""
    parser = argparse.ArgumentParser(
        prog="ptypy.new", description="Write a script with all parameters; see: ptypy new --help"
    )
    parser.add_argument("file", help="script to write, .py (or .yaml, .json)")
    parser.add_argument(
        "-u", type=int, default=1, metavar="LEVEL", help="level of the user, 0 to 2"
    )
    known, others = parser.parse_known_args(_words(arguments))
    level = str(min(max(known.u, 0), 2))
    ending = [] if Path(known.file).suffix else ["--format", "py"]
    return main(["new", "-o", known.file, "--level", level, *ending, *others])


def inspect(arguments: Sequence[str] | None = None) -> int:
    """Do as ``ptypy.inspect FILE``: `ptypy inspect` by its other name."""
    return _command("inspect", _words(arguments))


def plot(arguments: Sequence[str] | None = None) -> int:
    """Do as ``ptypy.plot FILE``: `ptypy plot` by its other name."""
    return _command("plot", _words(arguments))


def cli(arguments: Sequence[str] | None = None) -> int:
    """Do as ``ptypy.cli -f FILE`` and ``ptypy.cli -j TEXT``, as far as `ptypy run` does it."""
    parser = argparse.ArgumentParser(
        prog="ptypy.cli", description="Reconstruct from a file of parameters; see: ptypy run --help"
    )
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("-f", "--file", help="file of parameters")
    what.add_argument("-j", "--json", help="the same, as a text of JSON")
    known, others = parser.parse_known_args(_words(arguments))
    if known.file is not None:
        return main(["run", known.file, *others])
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "ptypy.json"
        path.write_text(known.json, encoding="utf-8")
        return main(["run", str(path), *others])


def csv2cp(arguments: Sequence[str] | None = None) -> int:
    """Say what to do in place of ``ptypy.csv2cp``."""
    del arguments
    return _not_there(
        "ptypy.csv2cp",
        "parameters are declared in docstrings, below `Defaults:`. To turn a table into such a "
        "declaration: EvalDescriptor('root').load_csv(file).to_string() "
        "(ptypy.utils.descriptor)",
    )


def plotclient(arguments: Sequence[str] | None = None) -> int:
    """Say what to do in place of ``ptypy.plotclient``."""
    del arguments
    return _not_there(
        "ptypy.plotclient", "to look at a run while it goes on, use `ptypy view` or `run --view`"
    )


def _words(arguments: Sequence[str] | None) -> list[str]:
    return list(sys.argv[1:] if arguments is None else arguments)


def _command(name: str, words: list[str]) -> int:
    if name in COMMANDS:
        return main([name, *words])
    return _not_there(f"ptypy.{name}", f"there are {', '.join(COMMANDS)}: see ptypy --help")


def _not_there(program: str, remedy: str) -> int:
    print(f"{program}: is not part of this package; {remedy}", file=sys.stderr)
    return WRONG
