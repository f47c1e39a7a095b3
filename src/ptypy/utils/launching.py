"""Starting one job on several processes, and ending it as whoever started it wants."""

from __future__ import annotations

import importlib.util
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from types import FrameType
from typing import Any

from ptypy.errors import ParallelError

__all__ = ["find_launcher", "launch", "were_launched"]

LAUNCHED = (
    "PMI_RANK", "PMI_FD", "PMIX_RANK", "OMPI_COMM_WORLD_SIZE", "MPI_LOCALRANKID"
)  # fmt: skip
"""Variables that mpiexec and its relatives set for every process that they start."""
FORWARDED = (signal.SIGINT, signal.SIGTERM)
"""Ctrl-C, and what ``kill`` and batch systems send."""


def were_launched() -> bool:
    """Say whether this process is one of a job that mpiexec or a relative has started."""
    return any(name in os.environ for name in LAUNCHED)


def find_launcher() -> Path:
    """Find ``mpiexec``: the one beside this Python, which belongs to it, or one on the path.

    Raises
    ------
    ParallelError
        If there is none, or mpi4py is not installed.
    """
    beside = shutil.which("mpiexec", path=str(Path(sys.executable).parent))
    found = beside or shutil.which("mpiexec")
    missing = []
    if importlib.util.find_spec("mpi4py") is None:
        missing.append("mpi4py")
    if found is None:
        missing.append("an mpiexec")
    if missing or found is None:
        raise ParallelError(
            f"several processes need {' and '.join(missing)}: `pip install 'ptypy[mpi]'` brings "
            "both; on a cluster, load its MPI and install mpi4py for it"
        )
    return Path(found)


def launch(words: Sequence[str], processes: int) -> int:
    """Run a Python program on several processes; wait for it.

    Ctrl-C and the request to end (SIGTERM) are passed on, once each time: the processes finish
    their iteration, save and leave. Asked a second time they end at once.

    Parameters
    ----------
    words : sequence of str
        What follows ``python``: ``-m``, the program, its arguments.
    processes : int
        At least 1.

    Returns
    -------
    int
        Exit code: that of the program; 130 after Ctrl-C, 143 after SIGTERM.

    Raises
    ------
    ParallelError
        If there is nothing to start them with, or this is such a process itself.
    """
    if were_launched():
        raise ParallelError(
            "this process was started by mpiexec or srun, with as many others as that was asked "
            "for: leave out -n here"
        )
    command = [str(find_launcher()), "-n", str(processes), sys.executable, *words]
    # A session of its own: Ctrl-C at a terminal reaches all that is in the one there, and the
    # processes would take it, together with what is passed on, for asking twice.
    job = subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True)  # noqa: S603
    asked: list[int] = []

    def pass_on(number: int, frame: FrameType | None) -> None:
        del frame
        asked.append(number)
        if len(asked) > 2:
            os.killpg(job.pid, signal.SIGKILL)
        else:
            job.send_signal(number)

    before: dict[int, Any] = {number: signal.signal(number, pass_on) for number in FORWARDED}
    try:
        code = job.wait()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        if job.poll() is None:
            os.killpg(job.pid, signal.SIGKILL)
    if code and asked:
        return 128 + asked[0]
    return code if code >= 0 else 128 - code
