"""The commands there are. Each is a module of this room; it is imported when it is asked for.

A module of a command has

``DESCRIPTION`` : str
    What the command does, for ``ptypy COMMAND --help``.
``arguments(parser)``
    Adds its arguments to an `argparse.ArgumentParser`.
``run(options)``
    Does the work and gives the exit code. Errors of `ptypy.errors`, `OSError` and Ctrl-C are told
    to the user by `ptypy.cli.main`.
"""

from __future__ import annotations

import argparse
import importlib
from typing import Protocol, cast

__all__ = ["COMMANDS", "Command", "at_least", "command"]

COMMANDS = {
    "new": "write a file of parameters to begin with, every one documented",
    "check": "would it run? look at parameters and data, without reconstructing",
    "prepare": "bring the frames of the scans into .ptyd files",
    "run": "reconstruct",
    "demo": "simulate a scan, write it as raw data, prepare and reconstruct it",
    "convert": "make a file of another form: raw data, prepared scans, results",
    "info": "show versions, MPI, processor, memory: for a report of a fault",
    "inspect": "say what a file holds, and what is wrong with it",
    "plot": "draw a result or data, as a picture or in the terminal",
    "view": "look at frames and results in the browser, and choose how frames are prepared",
}
"""One line about each command. ``ptypy.cli._NAME`` is its module."""


class Command(Protocol):
    """What the module of a command has."""

    DESCRIPTION: str

    def arguments(self, parser: argparse.ArgumentParser) -> None:
        """Add the arguments of the command."""

    def run(self, options: argparse.Namespace) -> int:
        """Do the work; give the exit code."""


def command(name: str) -> Command:
    """Import the module of a command."""
    return cast("Command", importlib.import_module(f"ptypy.cli._{name}"))


def at_least(least: int) -> type[int]:
    """Make an argument type that refuses smaller numbers."""

    def number(text: str) -> int:
        value = int(text)
        if value < least:
            raise argparse.ArgumentTypeError(f"{value} is too few; give {least} or more")
        return value

    number.__name__ = "number"
    return number  # type: ignore[return-value]
