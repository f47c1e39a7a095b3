"""Models with all that is known about beam and sample."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from ptypy import defaults_tree
from ptypy.core.geometry import Geo
from ptypy.core.illumination import illumination_desc
from ptypy.core.manager._scan_model import ScanModel
from ptypy.core.sample import sample_desc
from ptypy.errors import Fault

__all__ = ["BlockFull", "Full"]

Model = TypeVar("Model", bound=type[ScanModel])


def _with_optics(cls: Model) -> Model:
    """Declare all that can be said of illumination and sample below a model's node."""
    node = defaults_tree[f"scan.{cls.__name__}"]
    for part in (illumination_desc, sample_desc):
        for entry in part.descendants:
            node.new_child(f"{part.name}.{entry.path}", entry.options)
    cls.DEFAULT = node.make_default(99)
    return cls


@_with_optics
@defaults_tree.parse_doc("scan.Full")
class Full(ScanModel):
    """A probe of one or several modes, made from what is known about the beam.

    Defaults:

    [name]
    default = Full
    type = str
    help = Name of the model

    [coherence]
    default =
    type = Param
    help = How coherent beam and sample are
    lowlim = 0.0

    [coherence.num_probe_modes]
    default = 1
    type = int
    help = Number of modes of the probe, which do not interfere
    lowlim = 0
    userlevel = 0

    [coherence.num_object_modes]
    default = 1
    type = int
    help = Number of modes of the object; only 1 is supported yet
    lowlim = 0
    userlevel = 0

    [coherence.energies]
    default = [1.0]
    type = list
    help = Photon energies, relative to that of the scan; only one is supported yet
    userlevel = 2

    [coherence.spectrum]
    default = [1.0]
    type = list
    help = Weight of each energy
    lowlim = 0.0
    userlevel = 2

    [coherence.object_dispersion]
    default = None
    type = str
    choices = ['achromatic', 'linear', 'irregular']
    help = How the object changes with energy; without effect with one energy
    userlevel = 2

    [coherence.probe_dispersion]
    default = None
    type = str
    choices = ['achromatic', 'linear', 'irregular']
    help = How the probe changes with energy; without effect with one energy
    userlevel = 2

    [resolution]
    default = None
    type = None, float
    help = Size of an object pixel [m], if not that which the setup gives; not supported yet
    lowlim = 0.0
    userlevel = 2
    """

    suffix = "G00"

    def list_unsupported(self) -> list[Fault]:
        """List what is not there yet, beside what `ScanModel` lists."""
        faults = super().list_unsupported()
        coherence = self.p.coherence
        modes = coherence.num_probe_modes
        if modes < 1:
            faults.append(Fault("coherence.num_probe_modes", repr(modes), "should be at least 1"))
        if coherence.num_object_modes != 1:
            value = repr(coherence.num_object_modes)
            faults.append(Fault("coherence.num_object_modes", value, "is not supported yet; 1 is"))
        if np.size(coherence.energies) != 1:
            value = repr(coherence.energies)
            remedy = "several energies are not supported yet; give one"
            faults.append(Fault("coherence.energies", value, remedy))
        if self.p.resolution is not None:
            remedy = "is not supported yet; the setup gives the resolution"
            faults.append(Fault("resolution", repr(self.p.resolution), remedy))
        return faults

    def complete(self, geometry: Mapping[str, Any]) -> dict[str, Any]:
        """Take the one relative energy into account."""
        factor = float(np.ravel(self.p.coherence.energies)[0])
        return {**geometry, "energy": geometry["energy"] * factor}

    def draw_probe(self, geometry: Geo, photons: float) -> npt.NDArray[np.complex64]:
        """Give the modes that `illumination` and `coherence` describe."""
        from ptypy.core.illumination import probe_from

        modes = self.p.coherence.num_probe_modes
        return probe_from(self.p.illumination, geometry, photons, modes)


@_with_optics
@defaults_tree.parse_doc("scan.BlockFull")
class BlockFull(Full):
    """As `Full`, with the frames of each chunk in an array of their own."""

    in_blocks = True
