"""``ptypy inspect``: what a file is, what it holds, and what is wrong with it."""

from __future__ import annotations

import argparse
import json

DESCRIPTION = (
    "Say what a file is, what it holds and what is wrong with it: prepared scans (.ptyd), results "
    "(.ptyr), CXI, NeXus and other HDF5 files, .npy and .npz, detector images. Ends with 1 if "
    "something is wrong."
)


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.add_argument("file", nargs="+", help="file to look into")
    parser.add_argument(
        "-p", "--path", metavar="P", help="show the tree from this entry on, such as entry/data"
    )
    parser.add_argument(
        "--full", action="store_true", help="look at all frames, compare all checksums, show all"
    )
    parser.add_argument("--json", action="store_true", help="for programs: one JSON object a file")
    parser.add_argument(
        "--report", action="store_true", help="show parameters and values as PtyPy reports them"
    )


def run(options: argparse.Namespace) -> int:
    """Print what each file holds; give 1 if something is wrong with one of them."""
    from ptypy.diagnose import inspect_file

    wrong = 0
    for number, name in enumerate(options.file):
        report = inspect_file(name, place=options.path, full=options.full)
        wrong += not report.is_sound
        if options.json:
            print(json.dumps(report.as_dict()))
        else:
            print(("\n" if number else "") + report.text(full=options.full))
            if options.report:
                _print_content(name, options.path)
    return 1 if wrong else 0


def _print_content(name: str, path: str | None) -> None:
    """Print values as `ptypy.utils.verbose.report` lays them out."""
    from ptypy.io import h5read
    from ptypy.utils.verbose import report

    content = h5read(name, *([path] if path else []))
    print(f"\n{report(content, noheader=True)}")
