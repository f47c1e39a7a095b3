"""``ptypy convert``: from one form of file to another."""

from __future__ import annotations

import argparse
import ast
import sys
from typing import Any

DESCRIPTION = (
    "Make a file of another form, told by the ending of its name. Raw data (HDF5, NeXus, CXI, "
    "Dectris, .npy, .npz, images) becomes a prepared scan (.ptyd), .cxi, .npz, .npy or .h5; so "
    "does a prepared scan. A result (.ptyr) becomes .cxi, .npz, .npy, .h5, .tif (two of them)."
)


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.add_argument("source", nargs="+", help="file to convert, or several images")
    parser.add_argument("target", help="file to make")
    parser.add_argument("--force", action="store_true", help="replace a file that is there")
    parser.add_argument("--loader", metavar="NAME", help="loader that reads raw data")
    parser.add_argument(
        "--set", dest="parameters", metavar="NAME=VALUE", action="append", default=[],
        help="parameter of the loader, such as energy=8.8 or positions.file=stage.h5",
    )  # fmt: skip
    parser.add_argument("--layout", choices=["tike"], help="names and conventions of a program")
    parser.add_argument("-q", "--quiet", action="store_true", help="say nothing but faults")


def run(options: argparse.Namespace) -> int:
    """Convert, and say what has no place in the new file."""
    from ptypy.convert import convert_file, files_of_target

    given = dict(_setting(text) for text in options.parameters)
    source = options.source[0] if len(options.source) == 1 else options.source
    counter = None if options.quiet else _Counter()
    said = convert_file(
        source, options.target, force=options.force, loader=options.loader,
        layout=options.layout, parameters=given, progress=counter,
    )  # fmt: skip
    if counter is not None:
        counter.end()
    if not options.quiet:
        for name in files_of_target(options.target):
            print(f"{name}: written")
        for text in said:
            print(f"  {text}")
    return 0


def _setting(text: str) -> tuple[str, Any]:
    """Read ``NAME=VALUE``, a value as in YAML or as Python writes it; else it is text."""
    from ptypy.errors import ParameterError
    from ptypy.utils.config import read_value

    name, equals, value = text.partition("=")
    if not equals or not name.strip():
        raise ParameterError(f"--set {text}: should be NAME=VALUE, such as energy=8.8")
    try:
        return name.strip(), ast.literal_eval(value.strip())
    except (ValueError, SyntaxError):
        return name.strip(), read_value(value.strip())


class _Counter:
    """Shows how many frames are done, where somebody looks."""

    def __init__(self) -> None:
        self.done = 0

    def __call__(self, more: int) -> None:
        self.done += more
        if sys.stderr.isatty():
            print(f"\r{self.done} frames", end="", file=sys.stderr, flush=True)

    def end(self) -> None:
        """Begin a new line."""
        if self.done and sys.stderr.isatty():
            print(file=sys.stderr)
