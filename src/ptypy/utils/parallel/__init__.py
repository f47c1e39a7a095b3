"""One job on several processes, or on one: the calling code does not see the difference.

MPI is used when the job was started by a launcher (``mpiexec -n 4 ...``) and mpi4py is
installed, or when mpi4py.MPI has been imported already; it is looked for on first use.
An exception that nobody catches ends *all* processes, with its message; so does ``sys.exit`` with
a code other than 0, if others go on. (``raise SystemExit`` is not noticed: use ``sys.exit``.)

``size``, ``rank``, ``master``, ``comm``, ``MPI``, ``MPIenabled``, ``hosts_ranks``,
``rank_local`` and ``loadmanager`` are attributes of this module.
"""

from __future__ import annotations

from typing import Any

from ptypy.utils.parallel import _world
from ptypy.utils.parallel._collectives import (
    MPImax,
    MPImin,
    MPIprod,
    MPIsum,
    allgather_dict,
    allreduce,
    allreduceC,
    barrier,
    bcast,
    bcast_dict,
    gather_dict,
    gather_list,
    receive,
    send,
)
from ptypy.utils.parallel._load import LoadManager
from ptypy.utils.parallel._random import MPInoise2d, MPIrand_normal, MPIrand_uniform
from ptypy.utils.parallel._world import abort

__all__ = [
    "MPI",
    "LoadManager",
    "MPIenabled",
    "MPImax",
    "MPImin",
    "MPInoise2d",
    "MPIprod",
    "MPIrand_normal",
    "MPIrand_uniform",
    "MPIsum",
    "abort",
    "allgather_dict",
    "allreduce",
    "allreduceC",
    "barrier",
    "bcast",
    "bcast_dict",
    "comm",
    "gather_dict",
    "gather_list",
    "hosts_ranks",
    "loadmanager",
    "master",
    "rank",
    "rank_local",
    "receive",
    "send",
    "size",
    "useMPI",
]

size: int
rank: int
master: bool
MPIenabled: bool
comm: Any
MPI: Any
hosts_ranks: dict[str, list[int]]
rank_local: int
loadmanager: LoadManager

_loadmanager: LoadManager | None = None


def useMPI(do: bool | None = None) -> bool:
    """Choose between MPI and a single process; see `ptypy.utils.parallel`.

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
    global _loadmanager  # noqa: PLW0603 -- the books of another world would be wrong
    _loadmanager = None
    return _world.useMPI(do)


def __getattr__(name: str) -> Any:
    global _loadmanager  # noqa: PLW0603 -- one set of books a process, made when first asked for
    if name in {"size", "rank", "master", "comm", "MPI"}:
        return getattr(_world.world(), name)
    if name == "MPIenabled":
        return _world.world().MPI is not None
    if name == "loadmanager":
        if _loadmanager is None:
            _loadmanager = LoadManager()
        return _loadmanager
    if name in {"hosts_ranks", "rank_local"}:
        return getattr(_world, name)()
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
