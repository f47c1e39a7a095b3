"""Looking at frames and results in the browser."""

from __future__ import annotations

import argparse
from pathlib import Path

__all__ = ["DESCRIPTION", "arguments", "run"]

DESCRIPTION = (
    "Show a file in the browser, on this machine's loopback address. Of a config, or of frames in "
    "HDF5 or .ptyd files: mean, maximum and single frames, on which region, centre, orientation, "
    "rebinning and mask are chosen, and written into the config. Of a result (.ptyr): object and "
    "probe, errors, and the residual of each frame. Ctrl-C ends it."
)


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``ptypy view``."""
    parser.add_argument(
        "file", type=Path, help="a config, frames (HDF5, .ptyd) or a result (.ptyr)"
    )
    parser.add_argument(
        "--port", type=_port, default=0, metavar="N",
        help="port of 127.0.0.1 to listen at (default: one that is free)",
    )  # fmt: skip
    parser.add_argument(
        "--no-browser", action="store_true", help="print the address, and open no browser"
    )


def _port(text: str) -> int:
    value = int(text)
    if not 0 <= value <= 65535:
        raise argparse.ArgumentTypeError(f"{value} is no port; give one from 1 to 65535, or 0")
    return value


def run(options: argparse.Namespace) -> int:
    """Serve until Ctrl-C; give the exit code."""
    from ptypy.web import view

    def tell(line: str) -> None:
        print(line, flush=True)

    view(options.file, port=options.port, open_browser=not options.no_browser, tell=tell)
    return 0
