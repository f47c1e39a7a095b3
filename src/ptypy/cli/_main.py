"""Arguments and exit codes."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from ptypy.errors import PtypyError

__all__ = ["main"]

INTERRUPTED = 130
"""Exit code of a program that Ctrl-C ended, as shells count."""


def _parser() -> argparse.ArgumentParser:
    from ptypy import __version__

    parser = argparse.ArgumentParser(
        prog="ptypy",
        description="Ptychography from raw detector frames to the reconstructed image.",
    )
    parser.add_argument("--version", action="version", version=f"ptypy {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    demo = commands.add_parser(
        "demo",
        help="simulate a scan, write it as raw data, prepare and reconstruct it",
        description=(
            "Draw a sample and a beam, simulate a scan with photon noise, write it as raw data "
            "as a beamline would, prepare those files into a .ptyd file, reconstruct from that "
            "with DM, then ML, and leave results, pictures and a summary."
        ),
    )
    demo.add_argument(
        "directory", nargs="?", type=Path, default=Path("ptypy-demo"),
        help="where the files go; made if it is not there (default: %(default)s)",
    )  # fmt: skip
    demo.add_argument(
        "--frames", type=_at_least(20), default=600, metavar="N",
        help="scan points to simulate, 20 or more (default: %(default)s)",
    )  # fmt: skip
    demo.add_argument(
        "--iterations", type=_at_least(1), default=60, metavar="N",
        help="iterations of each of the two engines (default: %(default)s)",
    )  # fmt: skip
    demo.add_argument(
        "--seed",
        type=_at_least(0),
        default=1,
        metavar="N",
        help="seed of the photon noise (default: %(default)s)",
    )
    return parser


def _at_least(least: int) -> type[int]:
    """Make an argument type that refuses smaller numbers."""

    def number(text: str) -> int:
        value = int(text)
        if value < least:
            raise argparse.ArgumentTypeError(f"{value} is too few; give {least} or more")
        return value

    number.__name__ = "number"
    return number  # type: ignore[return-value]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line.

    Parameters
    ----------
    arguments : sequence of str or None
        Words after ``ptypy``; None takes those of the process.

    Returns
    -------
    int
        Exit code: 0 success, 1 failure that the message explains, 2 wrong arguments
        (raised as `SystemExit` by argparse), 130 interrupted.
    """
    options = _parser().parse_args(arguments)
    from ptypy.cli._demo import run_demo
    from ptypy.utils import parallel

    if parallel.size > 1:
        if parallel.master:
            print("ptypy: the demo runs on one process; start it without mpiexec", file=sys.stderr)
        return 2
    try:
        run_demo(
            options.directory,
            frames=options.frames,
            iterations=options.iterations,
            seed=options.seed,
        )
    except KeyboardInterrupt:
        print("\nptypy: interrupted", file=sys.stderr)
        return INTERRUPTED
    except (PtypyError, OSError) as error:
        print(f"ptypy: {error}", file=sys.stderr)
        return 1
    return 0
