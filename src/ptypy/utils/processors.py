"""How many processors this process may keep busy."""

from __future__ import annotations

import os

from ptypy.errors import ParameterError

__all__ = ["count_processors"]

LOCAL_PROCESSES = ("MPI_LOCALNRANKS", "OMPI_COMM_WORLD_LOCAL_SIZE")
"""Where mpiexec says how many processes of the job run on this machine (MPICH, Open MPI)."""


def count_processors() -> int:
    """Count the processors for the threads of this process.

    The environment variable ``PTYPY_NUM_THREADS`` decides. Without it, the processes that
    mpiexec started on this machine share those they may run on.

    Returns
    -------
    int
        At least 1.

    Raises
    ------
    ParameterError
        If ``PTYPY_NUM_THREADS`` is not a positive integer.
    """
    asked = os.environ.get("PTYPY_NUM_THREADS", "").strip()
    if asked:
        if asked.isdecimal() and int(asked) > 0:
            return int(asked)
        raise ParameterError(f"PTYPY_NUM_THREADS is {asked!r}; it must be a positive integer")
    try:
        available = len(os.sched_getaffinity(0))
    except AttributeError:  # not on this operating system
        available = os.cpu_count() or 1
    sharing = [os.environ.get(name, "") for name in LOCAL_PROCESSES]
    processes = max([int(text) for text in sharing if text.isdecimal()], default=1)
    return max(1, available // max(1, processes))
