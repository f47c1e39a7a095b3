"""Reconstructing from a file of parameters."""

from __future__ import annotations

import argparse
import shlex
import sys
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

from ptypy.cli._config import again, config_arguments, set_loudness, start_processes, words_of

if TYPE_CHECKING:
    from ptypy.core import Ptycho
    from ptypy.web import Viewer

__all__ = ["DESCRIPTION", "arguments", "run"]

DESCRIPTION = (
    "Reconstruct as a file of parameters says. Ctrl-C lets the iteration under way finish and "
    "keeps what has been reached, --continue goes on from there. A script in Python that makes a "
    "Ptycho itself simply runs. Exit codes: 0 done, 1 the message says why not, 2 wrong "
    "arguments, 130 ended by Ctrl-C, 143 ended by a batch system."
)


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``ptypy run``."""
    config_arguments(parser, processes=True)
    parser.add_argument(
        "--continue", action="store_true", dest="goes_on",
        help="go on from the latest automatic save of a run of this name, if there is one",
    )  # fmt: skip
    parser.add_argument(
        "--view", action="store_true",
        help="show the run in the browser while it goes on: look, pause, stop, save",
    )  # fmt: skip
    page = parser.add_mutually_exclusive_group()
    page.add_argument(
        "--report", type=Path, metavar="FILE",
        help="where the report goes, one HTML page (default: beside the result)",
    )  # fmt: skip
    page.add_argument("--no-report", action="store_true", help="leave no report")


def run(options: argparse.Namespace) -> int:
    """Reconstruct; give the exit code."""
    from ptypy.core.ptycho import check_file, parameters_from, runs_itself

    is_script = runs_itself(options.config) is not None
    if is_script and (options.assignments or options.goes_on):
        print(
            f"ptypy: {options.config} makes its run itself: --set and --continue do not reach it",
            file=sys.stderr,
        )
        return 2
    if options.processes is not None:
        if not is_script:
            # Said once here, and not by every process.
            check_file(parameters_from(options.config, options.assignments), options.config)
        more = ["--continue"] * options.goes_on + ["--view"] * options.view
        more += ["--no-report"] * options.no_report
        more += [] if options.report is None else ["--report", str(options.report)]
        return start_processes("run", options, more)
    from ptypy.utils import parallel
    from ptypy.utils.stamped import stamped

    with stamped(parallel.rank if parallel.size > 1 else None):
        return _run_here(options, is_script)


def _run_here(options: argparse.Namespace, is_script: bool) -> int:
    """Reconstruct on this process, which may be one of several."""
    from ptypy.core.ptycho import run_script

    if is_script:
        finished = run_script(options.config)
        if finished is not None:
            finish(finished, options)
        return 0
    ptycho = _make(options)
    with _watching(ptycho) if options.view else nullcontext() as viewer:
        try:
            ptycho.run()
        except KeyboardInterrupt as error:
            _say_how_to_go_on(options, ptycho, str(error))
            return 130
        if viewer is not None:
            viewer.finish()
        ptycho.finalize()
        if not ptycho.p.dry_run:
            finish(ptycho, options)
        if viewer is not None:
            viewer.wait()
    return 0


def _watching(ptycho: Ptycho) -> Viewer:
    """Show the run in the browser; after it the page stays until it is closed, or Ctrl-C."""
    from ptypy.web import watch

    viewer = watch(ptycho)
    for line in viewer.describe():
        print(line, flush=True)
    viewer.open()
    return viewer


def _make(options: argparse.Namespace) -> Ptycho:
    """Make the run: parameters are checked, frames loaded, engines made."""
    from ptypy.core import Ptycho
    from ptypy.core.ptycho import check_file, parameters_from

    p = parameters_from(options.config, options.assignments)
    set_loudness(p, options)
    if options.goes_on:
        p["io.autosave.resume"] = True
    check_file(p, options.config)
    return Ptycho(p, level=4)


def finish(ptycho: Ptycho, options: argparse.Namespace) -> None:
    """Say what was reached and written; called on every process when a run has finished."""
    from ptypy.core.ptycho import describe_result, files_of
    from ptypy.utils import parallel

    lines = describe_result(ptycho)
    report = _report(ptycho, options)
    if not parallel.master or options.quiet:
        return
    print("\n" + "\n".join(lines))
    files = files_of(ptycho)
    if not files:
        print("no file was written: `io.rfile` names none")
        return
    if report is not None:
        files.append((report, "the report: open it in a browser"))
    print("written:")
    width = max(len(str(path)) for path, _ in files)
    for path, what in files:
        print(f"  {path!s:<{width}}  {what}")
    result = _result_among(files)
    if result is not None:
        print(f"look at it: {shlex.join(['ptypy', 'plot', str(result)])}")


def _result_among(files: list[tuple[Path, str]]) -> Path | None:
    """Pick the file of the result out of those that `files_of` lists."""
    return next((path for path, what in files if what.startswith("the result")), None)


def _report(ptycho: Ptycho, options: argparse.Namespace) -> Path | None:
    """Leave a report beside the result, or where it was asked for; every process calls this."""
    from ptypy.core.ptycho import files_of
    from ptypy.diagnose import write_report

    files = files_of(ptycho)
    result = _result_among(files)
    path = options.report or (None if result is None else result.with_suffix(".html"))
    if path is None or options.no_report or not ptycho.runtime.iter_info:
        return None
    command = shlex.join(words_of("run", options))
    return write_report(ptycho, path, files=[name for name, _ in files], command=command)


def _say_how_to_go_on(options: argparse.Namespace, ptycho: Ptycho, text: str) -> None:
    """Say where the latest iteration is, and how to go on from there."""
    from ptypy.utils import parallel

    if not parallel.master:
        return
    sys.stdout.flush()
    if not text.startswith("stopped"):  # the log has said that
        print(f"ptypy: {text or 'interrupted'}", file=sys.stderr)
    autosave = ptycho.p.io.get("autosave") or {}
    if autosave.get("active") and ptycho.runtime.iter_info:
        print(f"ptypy: to go on: {again('run', options)}", file=sys.stderr)
