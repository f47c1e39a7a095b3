"""The object that prepares the frames of a scan."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from ptypy.core.data import find_scan
from ptypy.errors import DataError, Fault, ParameterError
from ptypy.utils.parameters import Param

if TYPE_CHECKING:
    from ptypy.core.data import PtyScan

__all__ = ["make_ptyscan", "naming_scan"]


def make_ptyscan(data: Any, label: str) -> PtyScan:
    """Make the scan that parameters describe.

    Parameters
    ----------
    data : mapping
        ``scans.<label>.data``: ``name`` chooses the class, which gets a copy of what is here
        and nothing else. It takes its own defaults for what is missing, and can tell the two
        apart.
    label : str
        Of the scan; its frames are labelled so unless the parameters have another label.

    Raises
    ------
    ParameterError
        If no class is named, or none of that name is known, or if it refuses the parameters.
    DataError
        If it cannot work with what it found.
    """
    path = f"scans.{label}.data.name"
    name = data.get("name") if isinstance(data, Mapping) else None
    if name is None:
        remedy = "is needed: the name of the class that loads the frames, e.g. 'PtydScan'"
        raise ParameterError([Fault(path, "None", remedy)])
    try:
        cls = find_scan(name)
    except ParameterError as error:
        raise ParameterError([fault._replace(path=path) for fault in error.faults]) from error
    pars = Param(_copied(data))
    if pars.get("label") is None:
        pars.label = label
    with naming_scan(label):
        return cls(pars)


@contextmanager
def naming_scan(label: str) -> Iterator[None]:
    """Let errors of a loader say which scan of the run they are about.

    Faults get the path ``scans.<label>.data``, other faults of data begin with the scan.
    """
    try:
        yield
    except ParameterError as error:
        root = f"scans.{label}.data"
        if not error.faults:
            raise ParameterError(f"{root}: {error}") from error
        faults = [fault._replace(path=f"{root}.{fault.path}") for fault in error.faults]
        raise ParameterError(faults) from error
    except DataError as error:
        start = f"scan {label!r}: "
        if str(error).startswith(start):
            raise
        raise type(error)(f"{start}{error}") from error


def _copied(value: Any) -> Any:
    """Copy parameters down to their values; arrays are shared, they may be a whole scan."""
    if isinstance(value, Mapping):
        members = {key: _copied(member) for key, member in value.items()}
        return Param(members) if isinstance(value, Param) else members
    return [_copied(member) for member in value] if isinstance(value, list) else value
