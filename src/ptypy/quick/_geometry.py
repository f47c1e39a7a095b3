"""Energy, distance and size of a pixel: those that are given, or numbers that fit."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from ptypy.diagnose import IN_PIXELS, NO_ENERGY, PIXEL
from ptypy.errors import Fault
from ptypy.utils.units import m2keV, wavelength

__all__ = ["check_middle", "check_span", "geometry_of"]

MADE_UP_WAVELENGTH = 1e-10
"""Stands for the wavelength where none is given [m]; only its product with the distance, over the
size of a pixel, has a meaning, and that is chosen."""

CLEARLY = 3.0
"""By how much one part of the frames has more light than another where the beam is."""

FARTHEST = 1e6
"""Positions that lie farther apart than this [object px] are in another unit."""

MADE_UP_DISTANCE = 1.0
"""Stands for the distance where none is given [m]."""


def geometry_of(
    given: dict[str, Any], shape: tuple[int, ...] | None, faults: list[Fault]
) -> tuple[dict[str, Any], list[str]]:
    """Complete the geometry of a far-field scan, or note what is wrong with what is given.

    Parameters
    ----------
    given : dict
        ``position_unit``, ``pixel_size`` [m], ``energy`` [keV], ``distance`` [m],
        ``detector_pixel`` [m]; None where not given.
    shape : tuple or None
        Of the frames as they are stored (N, rows, columns); None if it is not known.
    faults : list of Fault
        Receives what is wrong.

    Returns
    -------
    numbers : dict
        ``energy`` [keV], ``distance`` [m], ``psize`` [m], of the detector.
    tags : list of str
        Which of the numbers mean nothing, as `ptypy.diagnose` knows it.
    """
    setup = {name: given[name] for name in ("energy", "distance", "detector_pixel")}
    before = len(faults)
    _look_at_numbers(given, faults)
    known = [name for name, value in setup.items() if value is not None]
    if given["pixel_size"] is not None:
        faults += [
            Fault(name, repr(setup[name]), "says the same as `pixel_size`: leave one of them out")
            for name in ("distance", "detector_pixel")
            if setup[name] is not None
        ]
    elif known and len(known) < 3:
        faults += [
            Fault(name, "None", f"is needed beside {', '.join(known)}; or give `pixel_size` alone")
            for name in setup
            if name not in known
        ]
    elif not known and given["position_unit"] == "m":
        remedy = (
            "is needed for positions in metres: the edge of an object pixel [m], or `energy` "
            "[keV], `distance` [m] and `detector_pixel` [m]"
        )
        faults.append(Fault("pixel_size", "None", remedy))
    if len(faults) > before or shape is None:
        return {}, []
    if len(known) == 3:
        numbers = {"energy": float(setup["energy"]), "distance": float(setup["distance"])}
        return {**numbers, "psize": _pair_or_number(setup["detector_pixel"])}, []
    return _made_up(given["pixel_size"], setup["energy"], np.array(shape[-2:]))


def check_span(
    places: npt.NDArray[Any],
    numbers: dict[str, Any],
    asked: dict[str, Any],
    shape: tuple[int, ...],
    faults: list[Fault],
) -> None:
    """Note that positions cannot be in the unit that is said.

    Parameters
    ----------
    places : (N, 2) float
        In metres or pixels, as ``asked["position_unit"]`` says.
    numbers : dict
        What `geometry_of` gave.
    asked : dict
        Options.
    shape : tuple
        Of the frames as they are stored.
    faults : list of Fault
        Receives what is wrong.
    """
    pixel = wavelength(numbers["energy"]) * numbers["distance"] / np.asarray(numbers["psize"])
    size = pixel / np.array(shape[-2:]) if asked["position_unit"] == "m" else 1.0
    span = float(np.max(np.ptp(np.asarray(places, dtype=np.float64), axis=0) / size))
    if len(places) > 1 and not 1 <= span <= FARTHEST:
        extent = f"{np.max(np.ptp(places, axis=0)):.3g} {asked['position_unit']}"
        remedy = (
            f"is {span:.3g} pixels of the object: are they in metres, or in pixels, as "
            "`position_unit` says, and is the size of a pixel right?"
        )
        faults.append(Fault("positions", f"extent {extent}", remedy))


def check_middle(
    modulus: npt.NDArray[np.float64], asked: dict[str, Any], faults: list[Fault]
) -> None:
    """Note that frames are dark where the beam is said to be, and bright where it could be.

    Parameters
    ----------
    modulus : (rows, columns) float
        Square roots of the counts of some frames, averaged: a hot pixel counts little.
    asked : dict
        Options. With ``center`` nothing is looked at: somebody knows.
    faults : list of Fault
        Receives what is wrong.
    """
    said = asked["zero_frequency"]
    if asked["center"] is not None or said not in {"center", "corner"}:
        return
    height, width = (max(1, n // 4) for n in modulus.shape)
    shifted = np.fft.fftshift(modulus)
    top, left = modulus.shape[0] // 2 - height // 2, modulus.shape[1] // 2 - width // 2
    box = np.s_[top : top + height, left : left + width]
    light = {"center": float(modulus[box].mean()), "corner": float(shifted[box].mean())}
    other = "corner" if said == "center" else "center"
    if light[other] > CLEARLY * light[said]:
        remedy = (
            f"but frames are dark there and bright in the {other}: say {other!r}, or, if it is "
            "right, say so by `center`, the pixel that the beam hits"
        )
        faults.append(Fault("zero_frequency", repr(said), remedy))


def _made_up(
    pixel_size: Any, energy: Any, shape: npt.NDArray[np.intp]
) -> tuple[dict[str, Any], list[str]]:
    """Choose numbers that give a pixel of the object its size."""
    tags = [] if energy is not None else [NO_ENERGY]
    if pixel_size is None:
        tags.append(IN_PIXELS)
    size = np.broadcast_to(PIXEL if pixel_size is None else np.asarray(pixel_size, float), 2)
    keV = float(m2keV(MADE_UP_WAVELENGTH) if energy is None else energy)
    psize = wavelength(keV) * MADE_UP_DISTANCE / (size * shape)
    numbers = {"energy": keV, "distance": MADE_UP_DISTANCE}
    return {**numbers, "psize": tuple(float(edge) for edge in psize)}, tags


def _look_at_numbers(given: dict[str, Any], faults: list[Fault]) -> None:
    for name, unit, sizes in (
        ("pixel_size", "m", (1, 2)),
        ("energy", "keV", (1,)),
        ("distance", "m", (1,)),
        ("detector_pixel", "m", (1, 2)),
    ):
        value = given[name]
        if value is None:
            continue
        try:
            numbers = np.asarray(value, dtype=float)
            right = numbers.size in sizes and bool(np.all(np.isfinite(numbers) & (numbers > 0)))
        except (TypeError, ValueError):
            right = False
        if not right:
            two = ", or two, (y, x)" if 2 in sizes else ""
            faults.append(Fault(name, repr(value), f"should be a number above zero [{unit}]{two}"))
    if given["position_unit"] not in {"m", "px"}:
        remedy = (
            "should be 'm', or 'px' for pixels of the object as whole frames resolve it: nothing "
            "in the numbers tells which"
        )
        faults.append(Fault("position_unit", repr(given["position_unit"]), remedy))


def _pair_or_number(value: Any) -> float | tuple[float, ...]:
    numbers = np.ravel(np.asarray(value, dtype=float))
    return float(numbers[0]) if numbers.size == 1 else tuple(float(n) for n in numbers)
