"""``ptypy plot``: a picture of a result or of data, as a file or in the terminal."""

from __future__ import annotations

import argparse
import shutil
import sys
from pathlib import Path
from typing import Any

from ptypy.cli._commands import at_least

DESCRIPTION = (
    "Draw a result (.ptyr: object, probe, error curve) or data (.ptyd, CXI, NeXus, HDF5, images: "
    "mean, maximum and a single frame with mask and centre, positions) as PNG, PDF or SVG, or with "
    "characters in the terminal."
)

FORMS = ("png", "pdf", "svg")


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.add_argument("file", help="file to draw")
    parser.add_argument(
        "-o", "--output", metavar="PICTURE",
        help="picture to write: .png, .pdf or .svg (default: named after the file, .png)",
    )  # fmt: skip
    parser.add_argument("--terminal", action="store_true", help="draw with characters, here")
    parser.add_argument(
        "-w", "--what", metavar="PARTS",
        help="only these, parted by commas: object, probe, error, positions of a result; frames, "
        "positions of data",
    )  # fmt: skip
    parser.add_argument("-p", "--path", metavar="P", help="dataset of the frames in an HDF5 file")
    parser.add_argument("-n", "--frame", type=int, metavar="N", help="single frame to show")
    parser.add_argument("--full", action="store_true", help="mean and maximum of all frames")
    parser.add_argument(
        "--width", type=at_least(20), metavar="N", help="columns to use in the terminal, 20 or more"
    )
    parser.add_argument(
        "--colors", choices=["auto", "true", "256", "text"], default="auto",
        help="colours of the terminal (default: found out)",
    )  # fmt: skip
    parser.add_argument(
        "-t", "--type", choices=FORMS, help="form of the picture, as PtyPy's program had it"
    )
    parser.add_argument("-l", "--layout", help="accepted for scripts of PtyPy; has no effect")


def run(options: argparse.Namespace) -> int:
    """Draw."""
    what = None if options.what is None else [w.strip() for w in options.what.split(",") if w]
    given: dict[str, Any] = {
        "what": what,
        "place": options.path,
        "number": options.frame,
        "full": options.full,
    }
    if options.terminal:
        _print_picture(options, given)
        return 0
    from ptypy.diagnose import draw_file

    target = options.output or Path(options.file).name
    if options.output is None or options.type:
        form = options.type or "png"
        target = Path(target).with_suffix(f".{form}")
    print(f"{draw_file(options.file, target, **given)}: written")
    return 0


def _print_picture(options: argparse.Namespace, given: dict[str, Any]) -> None:
    from ptypy.diagnose import colour_depth, show_file

    size = shutil.get_terminal_size((100, 40))
    depth = colour_depth(sys.stdout) if options.colors == "auto" else options.colors
    print(
        show_file(
            options.file, columns=options.width or size.columns, lines=size.lines, depth=depth,
            **given,
        )
    )  # fmt: skip
