"""Bringing the frames of scans into the form from which they are reconstructed."""

from __future__ import annotations

import argparse
import shlex
import sys

from ptypy.cli._config import again, config_arguments, set_loudness, start_processes

__all__ = ["DESCRIPTION", "arguments", "run"]

DESCRIPTION = (
    "Prepare the frames of the scans in a file of parameters, and save them into .ptyd files: "
    "where `dfile` of their data says, or <run>_<scan>.ptyd. Ctrl-C lets the chunk under way "
    "finish; --continue goes on from there. Exit codes as those of `ptypy run`."
)


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``ptypy prepare``."""
    config_arguments(parser, processes=True)
    parser.add_argument(
        "--continue", action="store_true", dest="goes_on",
        help="go on with files that were left unfinished",
    )  # fmt: skip


def run(options: argparse.Namespace) -> int:
    """Prepare; give the exit code."""
    from ptypy.core.ptycho import check_file, parameters_from

    p = parameters_from(options.config, options.assignments)
    check_file(p, options.config)
    if options.processes is not None:
        return start_processes("prepare", options, ["--continue"] * options.goes_on)
    from ptypy.utils import parallel
    from ptypy.utils.stamped import stamped

    set_loudness(p, options)
    with stamped(parallel.rank if parallel.size > 1 else None):
        try:
            return _prepare_here(p, options)
        except KeyboardInterrupt as error:
            if parallel.master:
                sys.stdout.flush()
                if not str(error).startswith("stopped"):  # the log has said that
                    print(f"ptypy: {error or 'interrupted'}", file=sys.stderr)
                print(f"ptypy: to go on: {again('prepare', options)}", file=sys.stderr)
            return 130


def _prepare_here(p: dict[str, object], options: argparse.Namespace) -> int:
    """Prepare on this process, which may be one of several."""
    from ptypy.core.ptycho import prepare_scans
    from ptypy.errors import ParameterError
    from ptypy.utils import parallel
    from ptypy.utils.config import located

    speaks = parallel.master and not options.quiet
    try:
        for done in prepare_scans(p, goes_on=options.goes_on):
            if not speaks:
                continue
            size = done.path.stat().st_size / 1e6
            print(
                f"scan {done.label}: {done.frames} frames in {done.seconds:.1f} s, "
                f"in {done.path} ({size:.1f} MB)"
            )
            where = f"scans.{done.label}.data"
            words = ["ptypy", "run", str(options.config), "--set", f"{where}.source=file"]
            words += ["--set", f"{where}.dfile={done.path}"]
            print(f"to reconstruct from it: {shlex.join(words)}")
    except ParameterError as error:
        raise located(options.config, error) from error
    return 0
