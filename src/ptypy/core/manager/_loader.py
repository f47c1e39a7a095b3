"""The object that prepares the frames of a scan."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from ptypy.core.data import find_scan
from ptypy.core.xy import from_pars, xy_desc
from ptypy.errors import DataError, Fault, GeometryError, ParameterError
from ptypy.utils.parameters import Param
from ptypy.utils.units import m2keV
from ptypy.utils.verbose import logger

if TYPE_CHECKING:
    from ptypy.core.data import PtyScan

__all__ = ["DataParameters", "make_ptyscan", "naming_scan"]


class DataParameters:
    """Where the frames of a scan come from, and what is known about them beforehand.

    Defaults:

    [data]
    type = @scandata.*
    default =
    help = Where the frames come from

    [data.name]
    type = str
    default =
    help = Name of the class that loads and prepares the frames
    userlevel = 0

    [geometry]
    type = Param
    default =
    help = Older place for numbers of the setup; what ``data`` says of them counts
    userlevel = 2

    [geometry.energy]
    type = float
    default = None
    help = Photon energy [keV]
    lowlim = 0

    [geometry.lam]
    type = float
    default = None
    help = Wavelength [m], instead of the energy
    lowlim = 0

    [geometry.distance]
    type = float
    default = None
    help = Distance from sample to detector [m]
    lowlim = 0

    [geometry.psize]
    type = float, tuple
    default = None
    help = Size of a detector pixel [m]
    lowlim = 0

    [geometry.shape]
    type = int, tuple
    default = None
    help = Size of the region that is cut out of raw frames [px]

    [geometry.center]
    type = list, tuple, str
    default = None
    help = Where the optical axis meets the raw frame [px]

    [geometry.propagation]
    type = str
    default = None
    choices = ['farfield', 'nearfield']
    help = How waves get from the sample to the detector

    [geometry.resolution]
    type = float, tuple
    default = None
    help = Kept for older scripts; the other numbers give it

    [xy]
    type = Param, str, ndarray, list
    default =
    help = Pattern of the scan: its positions are used instead of those that are loaded
    doc = Parameters of :py:func:`ptypy.core.xy.from_pars`, or an array (N, 2) [m], or the name of a
     template. They become :py:data:`positions_theory` of ``data``.
    userlevel = 1
    """


# The pattern is described where it is calculated; here it is a part of a scan.
DataParameters.__doc__ = f"{DataParameters.__doc__}\n" + "\n".join(
    f"    {line}" for line in re.sub(r"(?m)^\[", "[xy.", xy_desc.to_string()).split("\n")
)


def make_ptyscan(pars: Mapping[str, Any], label: str) -> PtyScan:
    """Make the scan that parameters describe.

    Parameters
    ----------
    pars : mapping
        ``scans.<label>``. In ``data``, ``name`` chooses the class, which gets a copy of what is
        there and nothing else but what ``geometry`` and ``xy`` add. It takes its own defaults for
        what is missing, and can tell the two apart.
    label : str
        Of the scan; its frames are labelled so unless the parameters have another label.

    Raises
    ------
    ParameterError
        If no class is named, or none of that name is known, or if it refuses the parameters, or
        if ``geometry`` or ``xy`` do not fit.
    DataError
        If it cannot work with what it found.
    """
    data = pars.get("data")
    path = f"scans.{label}.data.name"
    name = data.get("name") if isinstance(data, Mapping) else None
    if name is None or not isinstance(data, Mapping):
        remedy = "is needed: the name of the class that loads the frames, e.g. 'PtydScan'"
        raise ParameterError([Fault(path, "None", remedy)])
    try:
        cls = find_scan(name)
    except ParameterError as error:
        raise ParameterError([fault._replace(path=path) for fault in error.faults]) from error
    own = Param(_copied(data))
    if own.get("label") is None:
        own.label = label
    _add_geometry(own, pars.get("geometry") or {}, label, cls.DEFAULT)
    _add_positions(own, pars.get("xy"), label)
    with naming_scan(label):
        return cls(own)


def _add_geometry(own: Param, geometry: Mapping[str, Any], label: str, known: Param) -> None:
    """Take numbers of the setup from their older place, where ``data`` does not say them."""
    numbers = {key: value for key, value in geometry.items() if value is not None}
    root = f"scans.{label}.geometry"
    if "resolution" in numbers:
        remedy = "follows from energy, distance, psize and shape: leave it out"
        raise ParameterError([Fault(f"{root}.resolution", repr(numbers["resolution"]), remedy)])
    wavelength = numbers.pop("lam", None)
    if wavelength is not None:
        energy = m2keV(float(wavelength))
        if not _agree(numbers.setdefault("energy", energy), energy, rtol=1e-3):
            remedy = f"is {energy:.6g} keV, but `energy` is {numbers['energy']:g} keV: give one"
            raise ParameterError([Fault(f"{root}.lam", repr(wavelength), remedy)])
    for key, value in numbers.items():
        if own.get(key) is None:
            # Far fields are what a class assumes that does not ask how waves propagate.
            if key in known or value != "farfield":
                own[key] = value
        elif not _agree(own[key], value):
            logger.error(
                "scans.%s: `data.%s`, %s, counts; `geometry.%s`, %s, is not used",
                label, key, own[key], key, value,
            )  # fmt: skip


def _add_positions(own: Param, xy: Any, label: str) -> None:
    """Let the positions of a scan be those of a pattern, if there is one.

    Frames that are read as they were saved (``source='file'``) have their positions with them.
    """
    try:
        positions = from_pars(xy)
    except ParameterError as error:
        faults = [fault._replace(path=f"scans.{label}.{fault.path}") for fault in error.faults]
        raise ParameterError(faults) from error
    if positions is None or own.get("source") == "file":
        return
    given = own.get("positions_theory")
    if given is None:
        own.positions_theory = positions
    elif not _agree(given, positions):
        logger.error(
            "scans.%s: `data.positions_theory`, %d positions, counts; the %d of `xy` are not used",
            label, len(given), len(positions),
        )  # fmt: skip


def _agree(one: Any, other: Any, rtol: float = 1e-9) -> bool:
    """Say whether two values of a parameter mean the same."""
    try:
        pair = np.asarray(one, dtype=np.float64), np.asarray(other, dtype=np.float64)
        return bool(np.allclose(*pair, rtol=rtol, atol=0))
    except (TypeError, ValueError):
        return bool(np.array_equal(one, other))


@contextmanager
def naming_scan(label: str) -> Iterator[None]:
    """Let errors of a loader say which scan of the run they are about.

    Faults get the path ``scans.<label>.data``, other faults of data or setup begin with the scan.
    """
    try:
        yield
    except ParameterError as error:
        root = f"scans.{label}.data"
        if not error.faults:
            raise ParameterError(f"{root}: {error}") from error
        faults = [fault._replace(path=f"{root}.{fault.path}") for fault in error.faults]
        raise ParameterError(faults) from error
    except (DataError, GeometryError) as error:
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
