"""``ptypy info``: versions, MPI, processor and memory, for a report of a fault."""

from __future__ import annotations

import argparse
import json

DESCRIPTION = (
    "Show versions, MPI, processor, memory, where compiled code is kept, and what could be "
    "installed beside it: what one pastes into a report of a fault."
)


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.add_argument("--json", action="store_true", help="for programs: one JSON object")


def run(options: argparse.Namespace) -> int:
    """Print what ptypy runs on."""
    from ptypy.diagnose import describe_system, system_text

    found = describe_system()
    print(json.dumps(found, indent=1) if options.json else system_text(found))
    return 0
