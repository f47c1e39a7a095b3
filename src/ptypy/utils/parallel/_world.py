"""The processes of this job: found on first use, never at import."""

from __future__ import annotations

import atexit
import importlib.util
import os
import sys
import time
import traceback
from dataclasses import dataclass
from types import TracebackType
from typing import Any, NoReturn

from ptypy.errors import ParallelError

__all__ = ["World", "abort", "useMPI", "world"]

LAUNCHERS = ("PMI_RANK", "PMI_FD", "PMIX_RANK", "OMPI_COMM_WORLD_SIZE", "MPI_LOCALRANKID")
"""Variables that mpiexec and its relatives set for every process that they start."""

SIZES = ("PMI_SIZE", "OMPI_COMM_WORLD_SIZE", "MPI_LOCALNRANKS")
"""Those that tell how many processes were started."""

FORWARDING = 0.3
"""Time for the launcher to pass on what was written before it ends everything [s]."""

PRECEDENCE = 3.0
"""How long a process that fails because another one did leaves the word to that one [s]."""

LEAVING = 32767
"""Tag of the message that a process leaves; MPI knows tags up to this one everywhere."""


@dataclass(frozen=True)
class World:
    """Who else works on this job. The default is a job of one process."""

    size: int = 1
    """Number of processes."""
    rank: int = 0
    """Number of this process, 0 ... size - 1."""
    comm: Any = None
    """The MPI communicator, None without MPI."""
    MPI: Any = None
    """The module ``mpi4py.MPI``, None without MPI."""

    @property
    def master(self) -> bool:
        """True on the process that reads, writes and speaks for all."""
        return self.rank == 0


_world: World | None = None
_hosts: dict[str, list[int]] | None = None
_left_with = 0
"""The code with which this process leaves, as far as it came from `sys.exit`."""


def world() -> World:
    """Give the processes of this job; MPI is looked for when this is called first."""
    global _world  # noqa: PLW0603 -- there is one world, and finding it twice would split it
    if _world is None:
        _world = _with_mpi() if _mpi_is_wanted() else World()
    return _world


def useMPI(do: bool | None = None) -> bool:
    """Choose between MPI and a single process. Call it before anything else of this room.

    Parameters
    ----------
    do : bool, optional
        True starts MPI (ParallelError if mpi4py is missing), False works alone even under
        a launcher, None looks again.

    Returns
    -------
    bool
        Whether MPI is in use now.
    """
    global _world, _hosts  # noqa: PLW0603
    _hosts = None
    _world = None
    if do is not None:
        _world = _with_mpi() if do else World()
    return world().MPI is not None


def hosts_ranks() -> dict[str, list[int]]:
    """Name every machine of the job and the ranks on it. All processes must call this."""
    global _hosts  # noqa: PLW0603
    if _hosts is None:
        here = world()
        if here.MPI is None:
            _hosts = {"localhost": [0]}
        else:
            _hosts = {}
            for rank, host in enumerate(here.comm.allgather(here.MPI.Get_processor_name())):
                _hosts.setdefault(host, []).append(rank)
    return _hosts


def rank_local() -> int:
    """Give the number of this process among those of its machine. All processes must call."""
    rank = world().rank
    return next(ranks.index(rank) for ranks in hosts_ranks().values() if rank in ranks)


def abort(code: int = 1) -> None:
    """End every process of the job now; a process alone just leaves.

    ``sys.exit`` with a code other than 0 does the same after some seconds, unless all processes
    leave by it.
    """
    here = world()
    if here.size > 1:
        sys.stdout.flush()
        sys.stderr.flush()
        here.comm.Abort(code)
    sys.exit(code)


def _mpi_is_wanted() -> bool:
    if "mpi4py.MPI" in sys.modules:
        return True
    slurm = "SLURM_PROCID" in os.environ and _number("SLURM_STEP_NUM_TASKS") > 1
    launched = any(name in os.environ for name in LAUNCHERS)
    if not (launched or slurm):
        return False
    if importlib.util.find_spec("mpi4py") is not None:
        return True
    started = max(_number(name) for name in SIZES)
    if started > 1:
        raise ParallelError(
            f"{started} processes were started, but mpi4py is not installed, so they cannot "
            "share the work: `pip install 'ptypy[mpi]'`, or start one process"
        )
    return False


def _number(variable: str) -> int:
    value = os.environ.get(variable, "")
    return int(value) if value.isdigit() else 0


def _with_mpi() -> World:
    try:
        from mpi4py import MPI
    except ImportError as error:
        raise ParallelError(
            f"MPI is asked for, but mpi4py does not load ({error}): `pip install 'ptypy[mpi]'`"
        ) from error
    comm = MPI.COMM_WORLD
    if comm.size > 1:
        sys.excepthook = _end_the_job
        sys.exit = _leave
        atexit.register(_end_what_waits)
    return World(comm.size, comm.rank, comm, MPI)


def _end_the_job(
    kind: type[BaseException], error: BaseException, trace: TracebackType | None
) -> None:
    """Print what went wrong and where, then end all processes: the others would wait for ever.

    The exit code is 1, or 130, as a shell would say, if it was Ctrl-C.
    """
    here = world()
    if issubclass(kind, ParallelError):
        # Another process has failed, and this one has been told: let that one speak first.
        time.sleep(PRECEDENCE)
    text = "".join(traceback.format_exception(kind, error, trace))
    sys.stdout.flush()
    sys.stderr.write(f"process {here.rank} of {here.size} failed and ends the job:\n{text}")
    sys.stderr.flush()
    time.sleep(FORWARDING)
    here.comm.Abort(130 if issubclass(kind, KeyboardInterrupt) else 1)


class _Leaving(SystemExit):
    """Notes that the process ends by it, and was not caught: who catches it goes on."""

    @property
    def code(self) -> Any:  # type: ignore[override]
        global _left_with  # noqa: PLW0603 -- a process leaves once
        code = self.args[0] if self.args else None
        if sys._getframe().f_back is None:  # the interpreter asks, when nothing else runs any more
            _left_with = code if isinstance(code, int) else int(code is not None)
        return code


def _leave(code: Any = None, /) -> NoReturn:
    """End this process, as ``sys.exit``; with a code other than 0, the others end, too."""
    raise _Leaving(code)


def _end_what_waits() -> None:
    """End the job if this process leaves with an error and others go on: they would wait for it.

    Processes that all leave in this way, for the same reason, end without more words.
    """
    here = world()
    if not _left_with or here.size < 2 or here.MPI.Is_finalized():
        return
    others = set(range(here.size)) - {here.rank}
    sent = [here.comm.Isend([b"", here.MPI.BYTE], dest=other, tag=LEAVING) for other in others]
    give_up = time.monotonic() + PRECEDENCE
    while others and time.monotonic() < give_up:
        for other in list(others):
            if here.comm.Iprobe(source=other, tag=LEAVING):
                here.comm.Recv([bytearray(0), here.MPI.BYTE], source=other, tag=LEAVING)
                others.discard(other)
        time.sleep(0.01)
    if others:
        sys.stdout.flush()
        sys.stderr.write(
            f"process {here.rank} of {here.size} left with exit code {_left_with} while others "
            "went on, and ends the job\n"
        )
        sys.stderr.flush()
        here.comm.Abort(_left_with)
    here.MPI.Request.Waitall(sent)
