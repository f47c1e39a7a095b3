"""Arguments that all commands have which take a file of parameters."""

from __future__ import annotations

import argparse
import shlex
from pathlib import Path
from typing import Any

__all__ = ["again", "config_arguments", "set_loudness", "start_processes", "words_of"]

LEVELS = ("INTERACTIVE", "INFO", "DEBUG")
"""How much is said, by the number of -v."""


def config_arguments(parser: argparse.ArgumentParser, *, processes: bool) -> None:
    """Add the file of parameters, ``--set`` and, if the work can be shared, ``-n``."""
    parser.add_argument(
        "config", type=Path, metavar="CONFIG",
        help="file of parameters: .yaml, .json or .py (see: ptypy new)",
    )  # fmt: skip
    parser.add_argument(
        "--set", action="append", default=[], metavar="NAME=VALUE", dest="assignments",
        help="change a parameter, e.g. --set scans.scan00.data.rebin=2; as often as you like",
    )  # fmt: skip
    if processes:
        from ptypy.cli._commands import at_least

        parser.add_argument(
            "-n", "--processes", type=at_least(1), metavar="N",
            help="share the work between N processes; this starts MPI itself",
        )  # fmt: skip
        loudness = parser.add_mutually_exclusive_group()
        loudness.add_argument(
            "-q", "--quiet", action="store_true", help="say only what is wrong, and whom to cite"
        )
        loudness.add_argument(
            "-v", "--verbose", action="count", default=0,
            help="say more; -vv says what only helps to find mistakes",
        )  # fmt: skip


def set_loudness(p: dict[str, Any], options: argparse.Namespace) -> None:
    """Let the arguments decide how much is said; a file decides where they say nothing."""
    if options.quiet:
        p["verbose_level"] = "ERROR"
    elif options.verbose or "verbose_level" not in p:
        p["verbose_level"] = LEVELS[min(options.verbose, len(LEVELS) - 1)]


def words_of(name: str, options: argparse.Namespace) -> list[str]:
    """Give a command with its file and all changes, word by word."""
    changes = [word for text in options.assignments for word in ("--set", text)]
    return ["ptypy", name, str(options.config), *changes]


def again(name: str, options: argparse.Namespace) -> str:
    """Write the command that goes on with what this one has left, for a shell.

    The changes stand in it: without them it would be another run, under another name perhaps.
    """
    return shlex.join([*words_of(name, options), "--continue"])


def start_processes(name: str, options: argparse.Namespace, more: list[str]) -> int:
    """Run a command on several processes; give the exit code.

    Parameters
    ----------
    name : str
        Of the command.
    options : Namespace
        Of `config_arguments`.
    more : list of str
        What else the command was told.
    """
    from ptypy.utils.launching import launch

    # -P: a folder of that name in the working directory is not meant.
    words = ["-P", "-m", *words_of(name, options), *more]
    words += ["--quiet"] * options.quiet + ["-v"] * options.verbose
    return launch(words, options.processes)
