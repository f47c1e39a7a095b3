"""What may be said beside frames and positions, and what holds if nothing is said."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, TypedDict, TypeVar

import numpy as np

from ptypy.errors import Fault
from ptypy.utils.text_utils import did_you_mean

__all__ = ["DEFAULTS", "Options", "complete", "shows_options"]

Function = TypeVar("Function", bound=Callable[..., Any])


class Options(TypedDict, total=False):
    """Keywords of `prepare`, which says what they mean, and of `reconstruct`."""

    position_unit: str
    pixel_size: Any
    energy: float | None
    distance: float | None
    detector_pixel: Any
    zero_frequency: str
    center: Any
    mask: Any
    region: Any
    rebin: int
    orientation: Any
    probe: Any
    probe_modes: int
    name: str


DEFAULTS: dict[str, Any] = {
    "position_unit": None,
    "pixel_size": None,
    "energy": None,
    "distance": None,
    "detector_pixel": None,
    "zero_frequency": "center",
    "center": None,
    "mask": None,
    "region": None,
    "rebin": 1,
    "orientation": None,
    "probe": None,
    "probe_modes": 1,
    "name": "reconstruction",
}


def shows_options(function: Function) -> Function:
    """Have help and completion of Python show the options as keywords of a function."""
    signature = inspect.signature(function)
    own = [p for p in signature.parameters.values() if p.kind is not p.VAR_KEYWORD]
    keyword = inspect.Parameter.KEYWORD_ONLY
    options = [inspect.Parameter(name, keyword, default=value) for name, value in DEFAULTS.items()]
    shown = signature.replace(parameters=[*own, *options])
    function.__signature__ = shown  # type: ignore[attr-defined]
    return function


def complete(given: dict[str, Any], faults: list[Fault]) -> dict[str, Any]:
    """Add what is not given, and note what is wrong with single options."""
    faults += [
        Fault(name, repr(given[name])[:40], f"is unknown{did_you_mean(name, DEFAULTS)}")
        for name in given
        if name not in DEFAULTS
    ]
    asked = {**DEFAULTS, **{name: value for name, value in given.items() if name in DEFAULTS}}
    if asked["zero_frequency"] not in {"center", "corner"}:
        remedy = "should be 'center' or 'corner'"
        faults.append(Fault("zero_frequency", repr(asked["zero_frequency"]), remedy))
    for name in ("rebin", "probe_modes"):
        value = asked[name]
        if not isinstance(value, int | np.integer) or isinstance(value, bool) or value < 1:
            faults.append(Fault(name, repr(value), "should be a whole number above zero"))
    center, region = asked["center"], asked["region"]
    if not (center is None or (isinstance(center, str) and center == "auto")):
        _look_at_pixels("center", center, {2}, "two numbers (y, x), or 'auto'", faults)
    if region is not None:
        _look_at_pixels("region", region, {1, 2}, "one number or two, (y, x)", faults)
    return asked


def _look_at_pixels(
    name: str, value: Any, sizes: set[int], words: str, faults: list[Fault]
) -> None:
    try:
        numbers = np.asarray(value, dtype=float)
    except (TypeError, ValueError):
        numbers = np.zeros(0)
    if numbers.size not in sizes or not (numbers >= 0).all():
        faults.append(Fault(name, repr(value), f"should be {words} [px]"))
