"""What processes do together; with one process, each of these does nothing or gives it back.

Arrays travel as bytes, in buffers that are made once. Only small descriptions (names, shapes,
settings) are pickled, and only between the processes of one job.
"""

from __future__ import annotations

from collections.abc import Container as Collection
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeVar

import numpy as np

from ptypy.errors import ParallelError
from ptypy.utils.parallel._world import world

__all__ = [
    "MPImax",
    "MPImin",
    "MPIprod",
    "MPIsum",
    "allgather_dict",
    "allreduce",
    "allreduceC",
    "barrier",
    "bcast",
    "bcast_dict",
    "gather_dict",
    "gather_list",
    "receive",
    "send",
]

Key = TypeVar("Key")

Form = tuple[tuple[int, ...], str]
"""Shape and dtype of an array that travels as bytes."""


def barrier() -> None:
    """Wait until every process is here."""
    here = world()
    if here.size > 1:
        here.comm.Barrier()


def allreduce(a: Any, op: Any = None) -> Any:
    """Sum ``a`` (or combine it by ``op``) over all processes.

    Parameters
    ----------
    a : ndarray or number
        An array is replaced in place, and must have the same shape everywhere. In an array of
        bool a sum is True where any process has True.
    op : mpi4py.MPI.Op, optional
        Sum if not given.

    Returns
    -------
    ndarray or number
        The total, the same on every process; for an array, ``a`` itself.
    """
    here = world()
    if here.size == 1:
        return a
    op = here.MPI.SUM if op is None else op
    if not isinstance(a, np.ndarray):
        return here.comm.allreduce(a, op=op)
    # MPI neither calculates with truth values nor with bytes in the other order.
    dtype = np.dtype(np.int32) if a.dtype == bool else a.dtype.newbyteorder("=")
    buffer = np.ascontiguousarray(a, dtype)
    here.comm.Allreduce(here.MPI.IN_PLACE, buffer, op=op)
    if buffer is not a:
        a[...] = buffer.reshape(a.shape)
    return a


def allreduceC(container: Any) -> None:
    """Sum every storage of a container over all processes, in place."""
    for name in sorted(container.storages):
        allreduce(container.storages[name].data)


def MPIsum(a: Any, axis: int | tuple[int, ...] | None = None) -> Any:
    """Sum over ``axis`` of ``a`` and over all processes."""
    return _reduced(np.sum, "SUM", a, axis)


def MPIprod(a: Any, axis: int | tuple[int, ...] | None = None) -> Any:
    """Multiply over ``axis`` of ``a`` and over all processes."""
    return _reduced(np.prod, "PROD", a, axis)


def MPImax(a: Any, axis: int | tuple[int, ...] | None = None) -> Any:
    """Find the largest over ``axis`` of ``a`` and over all processes."""
    return _reduced(np.max, "MAX", a, axis)


def MPImin(a: Any, axis: int | tuple[int, ...] | None = None) -> Any:
    """Find the smallest over ``axis`` of ``a`` and over all processes."""
    return _reduced(np.min, "MIN", a, axis)


def _reduced(function: Any, op: str, a: Any, axis: int | tuple[int, ...] | None) -> Any:
    here = world()
    local = function(np.asarray(a), axis=axis)
    if here.size == 1:
        return local
    if np.ndim(local) == 0:
        return here.comm.allreduce(local.item(), op=getattr(here.MPI, op))
    return allreduce(np.array(local), op=getattr(here.MPI, op))


def send(data: Any, dest: int = 0, tag: int = 0) -> None:
    """Send an array, or anything picklable, to one process, which must `receive` it."""
    here = world()
    if here.size == 1:
        raise ParallelError("there is no other process to send to")
    form = _form(data)
    here.comm.send((form, data if form is None else None), dest=dest, tag=tag)
    if form is not None:
        here.comm.Send(_bytes(here, data), dest=dest, tag=tag)


def receive(source: int | None = None, tag: int = 0) -> Any:
    """Receive what another process sends; from any process if ``source`` is not given."""
    here = world()
    if here.size == 1:
        raise ParallelError("there is no other process to receive from")
    status = here.MPI.Status()
    origin = here.MPI.ANY_SOURCE if source is None else source
    form, data = here.comm.recv(source=origin, tag=tag, status=status)
    if form is None:
        return data
    array = _empty(form)
    here.comm.Recv(_bytes(here, array), source=status.Get_source(), tag=tag)
    return array


def bcast(data: Any, source: int = 0) -> Any:
    """Give every process what ``source`` holds.

    Parameters
    ----------
    data : ndarray or anything picklable
        Looked at on ``source`` only.

    Returns
    -------
    Same as ``data``
        On ``source`` the very object.
    """
    here = world()
    if here.size == 1:
        return data
    form = _form(data) if here.rank == source else None
    form, other = here.comm.bcast((form, None if form is not None else data), root=source)
    if form is None:
        return data if here.rank == source else other
    array = np.ascontiguousarray(data) if here.rank == source else _empty(form)
    here.comm.Bcast(_bytes(here, array), root=source)
    return data if here.rank == source else array


def bcast_dict(
    dct: Mapping[Key, Any], keys: Collection[Key] | str = "all", source: int = 0
) -> dict[Key, Any]:
    """Give every process the entries of a dictionary that it wants.

    Parameters
    ----------
    dct : dict
        Looked at on ``source`` only.
    keys : collection or 'all'
        The names that *this* process keeps.

    Returns
    -------
    dict
        The entries that were wanted and are there.
    """
    here = world()
    kept: dict[Key, Any] = {}
    for key in bcast(list(dct) if here.rank == source else None, source):
        value = bcast(dct[key] if here.rank == source else None, source)
        if isinstance(keys, str) or key in keys:
            kept[key] = value
    return kept


def gather_dict(dct: Mapping[Key, Any], target: int = 0) -> dict[Key, Any]:
    """Bring the dictionaries of all processes together on one; elsewhere the result is empty.

    Arrays are sent one by one into arrays of their size: nothing is limited to 2 GiB and the
    largest extra memory is one array. A name that several processes hold comes from the
    highest rank.
    """
    here = world()
    if here.size == 1:
        return dict(dct)
    if here.rank != target:
        _send_items(dct.items(), target)
        return {}
    gathered: dict[Key, Any] = {}
    for rank in range(here.size):
        gathered.update(dct if rank == target else _receive_items(rank))
    return gathered


def allgather_dict(dct: Mapping[Key, Any]) -> dict[Key, Any]:
    """Bring the dictionaries of all processes together on every process."""
    return bcast_dict(gather_dict(dct))


def gather_list(lst: Sequence[Any], length: int, indices: Sequence[int]) -> list[Any]:
    """Put the lists of all processes together into one, the same on every process.

    Parameters
    ----------
    lst : sequence
        What this process holds.
    length : int
        Length of the whole.
    indices : sequence of int
        Where in the whole each member of ``lst`` belongs.

    Returns
    -------
    list
        ``length`` members; None where no process had one.
    """
    if len(lst) != len(indices):
        raise ParallelError(f"{len(lst)} members cannot be put at {len(indices)} places")
    whole: list[Any] = [None] * length
    for index, value in allgather_dict(dict(zip(indices, lst, strict=True))).items():
        whole[index] = value
    return whole


def _send_items(items: Iterable[tuple[Any, Any]], target: int) -> None:
    here = world()
    items = list(items)
    forms = [(key, _form(value)) for key, value in items]
    others = [value for (_, form), (_, value) in zip(forms, items, strict=True) if form is None]
    here.comm.send((forms, others), dest=target)
    for (_, form), (_, value) in zip(forms, items, strict=True):
        if form is not None:
            here.comm.Send(_bytes(here, value), dest=target)


def _receive_items(source: int) -> dict[Any, Any]:
    here = world()
    forms, others = here.comm.recv(source=source)
    left = iter(others)
    received = {}
    for key, form in forms:
        if form is None:
            received[key] = next(left)
        else:
            received[key] = _empty(form)
            here.comm.Recv(_bytes(here, received[key]), source=source)
    return received


def _form(data: Any) -> Form | None:
    """Describe an array that can travel as bytes; None for everything else."""
    if type(data) is not np.ndarray or data.dtype.hasobject or data.dtype.names is not None:
        return None
    return data.shape, data.dtype.str


def _empty(form: Form) -> np.ndarray[Any, Any]:
    shape, dtype = form
    return np.empty(shape, dtype)


def _bytes(here: Any, array: np.ndarray[Any, Any]) -> list[Any]:
    """View an array as the bytes that MPI moves."""
    flat = np.ascontiguousarray(array).reshape(-1)
    return [flat.view(np.uint8), here.MPI.BYTE]
