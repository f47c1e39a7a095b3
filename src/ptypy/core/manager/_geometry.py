"""The setup of a scan, from what its chunks say."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from ptypy.core.geometry import Geo
from ptypy.errors import DataError, GeometryError

__all__ = ["geometry_of"]

_NEEDED = {"energy": "keV", "distance": "m", "psize": "m"}
_SAME = 1e-6


def geometry_of(
    meta: Mapping[str, Any],
    frame_shape: tuple[int, int] | None,
    label: str,
    *,
    propagation: str,
    known: Geo | None,
    complete: Callable[[Mapping[str, Any]], Mapping[str, Any]],
    owner: Any = None,
) -> Geo:
    """Build the setup that a chunk was taken in, or check that it is the known one.

    Parameters
    ----------
    meta : mapping
        What the chunk says of itself: energy [keV], distance [m], psize [m], center [px],
        shape [px], propagation.
    frame_shape : (int, int), optional
        Of the frames of the chunk, if this process holds any [px].
    label : str
        Of the scan.
    propagation : str
        What the scan's parameters say; frames that say ``'nearfield'`` count more.
    known : Geo, optional
        Setup of the chunks before.
    complete : callable
        May change the numbers first.
    owner : object
        Of the new setup.

    Raises
    ------
    GeometryError
        If numbers are missing or impossible.
    DataError
        If frames do not have the shape they are said to have, or the setup is another one
        than before.
    """
    # Not `Param.get`, which hides placeholders: the chunk was prepared with them all the same.
    plain = dict(meta)
    numbers = {key: plain.get(key) for key in ("energy", "distance", "psize", "center", "shape")}
    if numbers["shape"] is None:
        numbers["shape"] = frame_shape
    own = plain.get("propagation")
    if own not in (None, "farfield", "nearfield"):
        raise GeometryError(
            f"scan {label!r} says that its propagation is {own!r}: choose 'farfield' or 'nearfield'"
        )
    numbers["propagation"] = "nearfield" if own == "nearfield" else propagation
    missing = [f"{key} [{unit}]" for key, unit in _NEEDED.items() if numbers[key] is None]
    if missing:
        raise GeometryError(
            f"scan {label!r} does not say its {', '.join(missing)}: give them as "
            f"scans.{label}.data.{missing[0].split()[0]} and so on"
        )
    try:
        geometry = Geo(owner, pars=complete(numbers))
    except GeometryError as error:
        raise GeometryError(f"scan {label!r}: {error}") from error
    height, width = (int(n) for n in geometry.shape)
    if frame_shape is not None and frame_shape != (height, width):
        raise DataError(
            f"scan {label!r}: frames of {frame_shape[0]} x {frame_shape[1]} px are said to have "
            f"{height} x {width} px"
        )
    if known is None:
        return geometry
    _check_same(geometry, known, label)
    return known


def _check_same(new: Geo, known: Geo, label: str) -> None:
    """Refuse a chunk that was taken in another setup."""
    differences = [
        f"{key} is {getattr(new, key)}, before it was {getattr(known, key)}"
        for key in ("shape", "energy", "distance", "psize", "center")
        if not np.allclose(getattr(new, key), getattr(known, key), rtol=_SAME, atol=0)
    ]
    if differences:
        raise DataError(
            f"scan {label!r} changes its setup from one chunk to the next: "
            f"{'; '.join(differences)}; make a scan of its own of each setup"
        )
