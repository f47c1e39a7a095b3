"""Would it run? What is doubtful?"""

from __future__ import annotations

import argparse

from ptypy.cli._config import config_arguments

__all__ = ["DESCRIPTION", "arguments", "run"]

DOUBTFUL = 3

DESCRIPTION = (
    "Check a file of parameters, all faults at once with the lines they stand in; then open the "
    "scans and look at their first frames: how many there are, region, centre, mask, positions, "
    "energy and distance and who says so, memory, what is doubtful. Nothing is reconstructed or "
    "saved. Exit codes: 0 it would run, 1 it would not, 2 wrong arguments, 3 it would run but "
    "something is doubtful."
)


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``ptypy check``."""
    config_arguments(parser, processes=False)
    parser.add_argument("--json", action="store_true", help="for programs, not for readers")


def run(options: argparse.Namespace) -> int:
    """Look, and say what was seen; give the exit code."""
    from ptypy.core.ptycho import as_dictionary, as_page, parameters_from, survey
    from ptypy.errors import ParameterError
    from ptypy.utils.config import located

    found = survey(parameters_from(options.config, options.assignments))
    faults = located(options.config, ParameterError(found.faults)).faults
    if options.json:
        import json

        print(json.dumps(as_dictionary(found), indent=2, ensure_ascii=False))
    else:
        print(as_page(found, str(options.config), faults), end="")
    return {"runs": 0, "doubtful": DOUBTFUL, "fails": 1}[found.verdict]
