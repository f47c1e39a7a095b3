"""Arguments and exit codes."""

from __future__ import annotations

import argparse
import io
import os
import sys
from collections.abc import Sequence

from ptypy.cli._commands import COMMANDS, command
from ptypy.errors import FormatError, ParallelError, ParameterError, PtypyError

__all__ = ["main"]

INTERRUPTED = 130
"""Exit code of a program that Ctrl-C ended, as shells count."""


def _parser(asked: str | None) -> argparse.ArgumentParser:
    """Make the parser; only the command that is asked for brings its arguments."""
    parser = argparse.ArgumentParser(
        prog="ptypy",
        description="Ptychography from raw detector frames to the reconstructed image.",
    )
    parser.add_argument("--version", action=_Version, nargs=0, help="show the version and end")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, line in COMMANDS.items():
        one = commands.add_parser(name, help=line)
        if name == asked:
            module = command(name)
            one.description = module.DESCRIPTION
            module.arguments(one)
    return parser


class _Version(argparse.Action):
    """Looks the version up only when it is asked for."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        from ptypy import __version__

        print(f"ptypy {__version__}")
        parser.exit()


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
    words = list(sys.argv[1:] if arguments is None else arguments)
    if isinstance(sys.stdout, io.TextIOWrapper):
        # A terminal that knows no µ shows another character in its place; nothing ends for it.
        sys.stdout.reconfigure(errors="replace")
    asked = next((word for word in words if not word.startswith("-")), None)
    options = _parser(asked).parse_args(words)
    try:
        code = command(options.command).run(options)
        sys.stdout.flush()
        return code
    except BrokenPipeError:
        # Whoever read along has gone, as `head` does; what is still to be written must not fail.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except KeyboardInterrupt:
        print("\nptypy: interrupted", file=sys.stderr)
        return INTERRUPTED
    except (PtypyError, OSError, ImportError) as error:
        _tell(error)
        return 1


def _tell(error: Exception) -> None:
    """Say what went wrong; of several processes that all know it, one says it."""
    from ptypy.utils import parallel

    if parallel.size > 1 and not parallel.master:
        if isinstance(error, ParameterError | ParallelError):
            return
        sys.stderr.write(f"ptypy: [{parallel.rank}] {error}\n")
        return
    if isinstance(error, OSError) and not isinstance(error, PtypyError) and error.filename:
        error = FormatError(f"{error.filename}: {error.strerror}")
    # One call: lines of several processes must not be mixed.
    sys.stderr.write(f"ptypy: {error}\n")
