"""The simplest models: one round probe, one flat object."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from ptypy import defaults_tree
from ptypy.core.geometry import Geo
from ptypy.core.manager._scan_model import ScanModel
from ptypy.errors import Fault

__all__ = ["BlockVanilla", "Vanilla"]


@defaults_tree.parse_doc("scan.Vanilla")
class Vanilla(ScanModel):
    """One round probe and one flat object to begin with.

    Defaults:

    [name]
    default = Vanilla
    type = str
    help = Name of the model

    [illumination.size]
    default = None
    type = float
    help = Diameter of the probe [m]; a third of the field if None
    userlevel = 0

    [sample.fill]
    default = 1
    type = float, complex
    help = Transmission of the object to begin with
    userlevel = 0
    """

    def list_unsupported(self) -> list[Fault]:
        """List what is not there yet, beside what `ScanModel` lists."""
        faults = super().list_unsupported()
        for part in ("illumination", "sample"):
            value = self.p[part]
            if value is not None and not isinstance(value, Mapping):
                remedy = f"should be a Param; the model Full knows more of an {part}"
                faults.append(Fault(part, repr(value)[:40], remedy))
        return faults

    def draw_probe(self, geometry: Geo, photons: float) -> npt.NDArray[np.complex64]:
        """Give a disk with all photons of the brightest frame in it."""
        from ptypy.core.illumination import probe_from

        opening = {"form": "circ", "size": (self.p.illumination or {}).get("size")}
        return probe_from({"aperture": opening}, geometry, photons)

    def draw_object(self, shape: tuple[int, int], geometry: Geo) -> npt.NDArray[np.complex64]:
        """Give one number everywhere."""
        del geometry
        return np.full(shape, self.fill, np.complex64)


@defaults_tree.parse_doc("scan.BlockVanilla")
class BlockVanilla(Vanilla):
    """As `Vanilla`, with the frames of each chunk in an array of their own."""

    in_blocks = True
