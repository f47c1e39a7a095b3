"""Writing a file of parameters to begin with."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from ptypy.errors import FormatError

__all__ = ["DESCRIPTION", "arguments", "run"]

DESCRIPTION = (
    "Write a file of parameters for a loader and engines of your choice: every parameter with its "
    "default and what it means, most of them commented out, and what you must fill in marked "
    "FILL IN. Beside it lies a JSON Schema, so that editors complete and check while you type."
)

KINDS = (("loader", "scandata"), ("model", "scan"), ("engine", "engine"))
SCHEMA = "ptypy.schema.json"
"""Name of the schema that lies beside a file of parameters."""


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``ptypy new``."""
    parser.add_argument(
        "-o", "--output", type=Path, metavar="FILE",
        help="file to write, .yaml, .json or .py (default: YAML, to the terminal)",
    )  # fmt: skip
    parser.add_argument(
        "--loader", default="Hdf5Loader", metavar="NAME",
        help="what reads the frames (default: %(default)s)",
    )  # fmt: skip
    parser.add_argument(
        "--engine", action="append", metavar="NAME",
        help="what reconstructs; give it again for a second one that goes on (default: DM, ML)",
    )  # fmt: skip
    parser.add_argument(
        "--model", metavar="NAME",
        help="how probe and object make a frame (default: BlockFull, or what the engines need)",
    )  # fmt: skip
    parser.add_argument("--format", choices=("yaml", "json", "py"), help="form of the file")
    how_much = parser.add_mutually_exclusive_group()
    how_much.add_argument("--all", action="store_true", help="write out every parameter there is")
    how_much.add_argument(
        "--level", type=int, choices=(0, 1, 2), default=1,
        help="parameters for everybody (0), the experienced (1), experts (2) (default: 1)",
    )  # fmt: skip
    parser.add_argument("--force", action="store_true", help="replace a file that is there")
    parser.add_argument(
        "--list", action="store_true", help="name all loaders, models and engines, and end"
    )
    parser.add_argument(
        "--schema", nargs="?", type=Path, const=Path("-"), metavar="FILE",
        help="write only the JSON Schema (default: to the terminal)",
    )  # fmt: skip


def run(options: argparse.Namespace) -> int:
    """Write a file of parameters, or what was asked for instead; give the exit code."""
    if options.list:
        print(_everything_there_is())
        return 0
    if options.schema is not None:
        _give(_schema(), None if str(options.schema) == "-" else options.schema, force=True)
        return 0
    from ptypy.core.ptycho import new_config

    path: Path | None = options.output
    form = options.format or _form_of(path)
    is_schema_beside = path is not None and form != "py"
    text = new_config(
        options.loader,
        options.engine or ("DM", "ML"),
        options.model,
        form=form,
        level=options.level,
        everything=options.all,
        schema=f"./{SCHEMA}" if is_schema_beside else None,
        name="FILE" if path is None else path.name,
    )
    _give(text, path, options.force)
    if path is not None:
        print(f"{path}: written", end="")
        if is_schema_beside:
            _give(_schema(), path.with_name(SCHEMA), force=True)
            print(f", and {path.with_name(SCHEMA)} for editors", end="")
        print(f"\nwhat is to be filled in, and whether it would run, says: ptypy check {path}")
    return 0


def _form_of(path: Path | None) -> str:
    """Give the form that the ending of a file means."""
    if path is None:
        return "yaml"
    form = {".yaml": "yaml", ".yml": "yaml", ".json": "json", ".py": "py"}.get(path.suffix.lower())
    if form is None:
        raise FormatError(f"{path}: of what form is it to be? End it with .yaml, .json or .py")
    return form


def _give(text: str, path: Path | None, force: bool) -> None:
    """Write a file, or to the terminal."""
    if path is None:
        sys.stdout.write(text)
        return
    try:
        with path.open("w" if force else "x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError as error:
        raise FormatError(
            f"{path}: is there already, and stays as it is; give another name, or --force"
        ) from error


def _schema() -> str:
    """Write the schema, a line each class."""
    import json

    from ptypy.core.ptycho import config_schema

    return json.dumps(config_schema(), ensure_ascii=False, indent=1) + "\n"


def _everything_there_is() -> str:
    """Name loaders, models and engines, with a line each."""
    import textwrap

    from ptypy.core.ptycho import choices_of

    lines: list[str] = []
    for option, kind in KINDS:
        lines.append(f"{'' if not lines else chr(10)}--{option}")
        for name, what in choices_of(kind).items():
            lines += textwrap.wrap(
                f"{name:<18}{what}", 98, initial_indent="  ", subsequent_indent=" " * 20
            )
    return "\n".join(lines)
