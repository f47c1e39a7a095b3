"""Numbers that experiments have: what lies outside was probably given in another unit."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from ptypy.utils.parameters import Placeholder

__all__ = ["implausible_numbers", "implausible_positions"]

PLAUSIBLE = {
    # No photon of 7 to 20 eV passes a sample: it will be keV that somebody took for eV.
    "energy": ((1e-3, 7e-3), (2e-2, 2e3)),
    "distance": ((1e-6, 1e3),),
    "psize": ((1e-9, 1e-2),),
}
"""Photon energies [keV], distances [m] and detector pixels [m] that experiments have."""

WIDEST = 0.1
"""No scan is wider [m]."""


def implausible_numbers(meta: Mapping[str, Any]) -> list[str]:
    """Say which numbers of a geometry no experiment has; placeholders say nothing.

    Parameters
    ----------
    meta : mapping
        Any of ``energy`` [keV], ``distance`` [m] and ``psize`` [m], one number or two.

    Examples
    --------
    >>> implausible_numbers({"energy": 8000.0, "distance": 2.0})
    ['energy = 8000.0 keV is not plausible: is it in another unit? It must be in keV']
    """
    faults = []
    for name, ranges in PLAUSIBLE.items():
        value = meta.get(name)
        if value is None or isinstance(value, Placeholder):
            continue
        try:
            numbers = np.atleast_1d(np.asarray(value, dtype=np.float64))
        except (TypeError, ValueError):
            continue
        inside = [(numbers >= least) & (numbers <= most) for least, most in ranges]
        if not np.logical_or.reduce(inside).all():
            unit = "keV" if name == "energy" else "m"
            faults.append(
                f"{name} = {value} {unit} is not plausible: is it in another unit? "
                f"It must be in {unit}"
            )
    return faults


def implausible_positions(positions: npt.NDArray[np.float64]) -> str | None:
    """Say that positions (N, 2) [m] reach farther than any scan does; None if they do not."""
    if not len(positions) or not np.isfinite(positions).all():
        return None
    widest = float(np.ptp(positions, axis=0).max())
    if widest < WIDEST:
        return None
    return f"positions extend over {widest:g} m: are they in another unit? They must be in metres"
