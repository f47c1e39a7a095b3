"""The numbers that travel with prepared frames: which were asked for, which hold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ptypy.core.data._plan import Plan
from ptypy.core.data._plausible import implausible_numbers
from ptypy.utils.parameters import Param, Placeholder
from ptypy.utils.verbose import logger

__all__ = ["Geometry"]

FOLLOWING = ("energy", "distance", "psize", "label", "version", "propagation")
"""Entries of `meta` that follow a change in `info`."""
UNITS = {"energy": "keV", "distance": "m", "psize": "m"}


class Geometry:
    """Keeps ``meta`` (what holds) in step with ``info`` (what was asked), without mixing them.

    A subclass finds energy, distance or pixel size in a file and writes it to either; whichever
    it changed counts, ``info`` first.
    """

    def __init__(self, info: Param, meta: Param) -> None:
        self.info = info
        self.meta = meta
        self._asked = {key: info[key] for key in FOLLOWING}
        self._first = {key: meta[key] for key in FOLLOWING}
        self._psize: Any = None

    def settle(self) -> None:
        """Let `meta` follow what was changed in `info`; the pixel size is that of raw frames."""
        for key in FOLLOWING:
            value = self.info[key]
            if not _same(value, self._asked[key]):
                self.meta[key] = value
            if key in ("energy", "distance") and isinstance(self.meta[key], np.ndarray):
                self.meta[key] = self.meta[key].item()
        self._psize = self.meta["psize"]

    def found(self) -> dict[str, Any]:
        """Give the numbers as they are on this process, to `adopt` on another."""
        self.settle()
        return dict(self.meta)

    def adopt(self, numbers: Mapping[str, Any]) -> None:
        """Take over what another process found."""
        self.meta.update(numbers)
        for key in FOLLOWING:
            was_found = not _same(numbers[key], self._first[key])
            if was_found and _same(self.info[key], self._asked[key]):
                self.info[key] = self._asked[key] = numbers[key]

    def apply(self, plan: Plan) -> None:
        """Write to `meta` what prepared frames have: shape, centre and pixel size."""
        self.meta.shape = np.array(plan.shape)
        self.meta.center = np.array(plan.center, dtype=np.float64)
        if self._psize is not None:
            psize = np.broadcast_to(np.asarray(self._psize, dtype=np.float64), 2) * plan.rebin
            self.meta.psize = psize[::-1].copy() if plan.orientation[0] else psize

    def unknown(self, names: Sequence[str]) -> list[str]:
        """Give those of ``names`` that neither the user nor the data gave a value."""
        values = {"psize": self._psize}
        return [key for key in names if isinstance(values.get(key, self.meta[key]), Placeholder)]

    def warn_of_placeholders(self, names: Sequence[str]) -> None:
        """Say loudly which numbers nobody gave."""
        missing = self.unknown(names)
        if missing:
            listed = ", ".join(
                f"{key} = {self.meta[key]:g} {UNITS.get(key, '')}" for key in missing
            )
            logger.error(
                "NOBODY GAVE %s: neither you nor the data. These are placeholders, and every "
                "length in the result rests on them. Set %s in the data parameters of this scan.",
                listed,
                " and ".join(f"`{key}`" for key in missing),
            )

    def warn_of_implausible(self) -> None:
        """Say loudly which numbers no experiment has."""
        faults = implausible_numbers({**self.meta, "psize": self._psize})
        if faults:
            logger.error("%s", "; ".join(faults))


def _same(one: Any, other: Any) -> bool:
    if one is other:
        return True
    if isinstance(one, Placeholder) != isinstance(other, Placeholder):
        return False
    return bool(np.array_equal(one, other))
