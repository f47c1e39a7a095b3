"""Run a simulator from a terminal: ``python -m ptypy.testing NAME parameter=value ...``."""

from __future__ import annotations

import json
import sys
from typing import Any

import ptypy.testing as room
from ptypy.testing._live_simulator import Simulator
from ptypy.utils import parallel


def main(words: list[str]) -> int:
    """Run the simulator that the first word names; give the exit code."""
    names = [name for name, home in room.HOMES.items() if home.startswith("_live")]
    known = {name: getattr(room, name) for name in names}
    kinds = {
        name: kind
        for name, kind in known.items()
        if isinstance(kind, type) and issubclass(kind, Simulator)
    }
    if not words or words[0] not in kinds or any("=" not in word for word in words[1:]):
        sys.stderr.write(
            "usage: python -m ptypy.testing NAME parameter=value ...\n"
            f"NAME is one of {', '.join(kinds)}\n"
        )
        return 2
    # Started by one process of a job: this is none of its processes.
    parallel.useMPI(False)
    given = dict(word.split("=", 1) for word in words[1:])
    try:
        simulator = kinds[words[0]](**{name: _value(text) for name, text in given.items()})
    except TypeError as error:
        sys.stderr.write(f"{words[0]}: {error}\n")
        return 2
    try:
        simulator.run(_say_ready)
    except KeyboardInterrupt:
        return 130
    return 0


def _value(text: str) -> Any:
    """Read a number, a list, true, false or null; everything else is a text."""
    try:
        return json.loads(text)
    except ValueError:
        return text


def _say_ready(address: str) -> None:
    sys.stdout.write(f"ready {address}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
