"""The object that prepares the frames of a scan."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ptypy.core.data import find_scan
from ptypy.errors import Fault, ParameterError

if TYPE_CHECKING:
    from ptypy.core.data import PtyScan

__all__ = ["make_ptyscan"]


def make_ptyscan(data: Any, label: str) -> PtyScan:
    """Make the scan that parameters describe.

    Parameters
    ----------
    data : mapping
        ``scans.<label>.data``: ``name`` chooses the class, what is missing takes the
        defaults of that class.
    label : str
        Of the scan; its frames are labelled so unless the parameters have another label.

    Raises
    ------
    ParameterError
        If no class is named, or none of that name is known.
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
    pars = cls.DEFAULT.copy(99)
    pars.update(data, in_place_depth=99)
    if pars.get("label") is None:
        pars.label = label
    return cls(pars)
