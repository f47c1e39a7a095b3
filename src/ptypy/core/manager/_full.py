"""Models with all that is known about beam and sample."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from ptypy import defaults_tree
from ptypy.core.geometry import Geo
from ptypy.core.illumination import illumination_desc
from ptypy.core.manager._scan_model import ScanModel
from ptypy.core.manager._setups import Light, light_faults
from ptypy.core.sample import sample_desc
from ptypy.errors import Fault, ParameterError
from ptypy.utils.modes import stay_alike

__all__ = [
    "BlockFull",
    "BlockGradFull",
    "BlockOPRModel",
    "Full",
    "GradFull",
    "OPRModel",
]

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
    help = Number of modes of the object, whose waves do not interfere
    doc = How they differ to begin with is said by ``sample.diversity``.
    lowlim = 0
    userlevel = 0

    [coherence.energies]
    default = [1.0]
    type = list
    help = Photon energies, relative to that of the scan
    userlevel = 2

    [coherence.spectrum]
    default = [1.0]
    type = list
    help = Power at each energy; one number stands for equal powers
    doc = In units of one's choice: only ratios count.
    lowlim = 0.0
    userlevel = 2

    [coherence.object_dispersion]
    default = None
    type = str
    choices = ['achromatic', 'linear', 'irregular']
    help = How the object changes with energy; without effect with one energy
    doc = ``None``, ``'irregular'``: each energy has its own. ``'achromatic'``: the same for all,
     in pixels of one size, those of the first energy. ``'linear'`` is not supported.
    userlevel = 2

    [coherence.probe_dispersion]
    default = None
    type = str
    choices = ['achromatic', 'linear', 'irregular']
    help = How the probe changes with energy; without effect with one energy
    doc = As `object_dispersion`.
    userlevel = 2

    [resolution]
    default = None
    type = None, float
    help = Size of an object pixel [m], if not that which the setup gives
    doc = In the far field, frames are given a margin in which nothing is trusted, or cut, so that
     their transform has pixels of this size, as nearly as whole pixels of the detector allow.
    lowlim = 0.0
    userlevel = 2
    """

    suffix = "G00"

    def list_unsupported(self) -> list[Fault]:
        """List what is not there, beside what `ScanModel` lists."""
        faults = super().list_unsupported()
        coherence = self.p.coherence
        for name in ("num_probe_modes", "num_object_modes"):
            if coherence[name] < 1:
                faults.append(
                    Fault(f"coherence.{name}", repr(coherence[name]), "should be at least 1")
                )
        faults += light_faults(coherence)
        if self.resolution is not None and not self.resolution > 0:
            faults.append(Fault("resolution", repr(self.resolution), "should be above zero [m]"))
        for part, modes in (("illumination", "probe"), ("sample", "object")):
            count, pars = self.count_modes(modes), self.p[part]
            how = pars.get("diversity") if isinstance(pars, Mapping) else None
            if stay_alike(how) and not _may_bring_modes(pars) and count > 1:
                remedy = (
                    f"leaves {count} {modes} modes alike, and equal modes never part: give "
                    "`noise`, e.g. (0.5, 1.0), or `shift`"
                )
                faults.append(Fault(f"{part}.diversity", repr(how and dict(how)), remedy))
        return faults

    @property
    def light(self) -> Light:
        """Wavelengths of the light."""
        return Light.of(self.p.coherence)

    @property
    def resolution(self) -> float | None:
        """Size of an object pixel that is asked for [m]."""
        return None if self.p.resolution is None else float(self.p.resolution)

    def count_modes(self, part: str) -> int:
        """Say how many modes the ``'probe'`` or the ``'object'`` begins with."""
        return int(self.p.coherence[f"num_{part}_modes"])

    def draw_probe(self, geometry: Geo, photons: float) -> npt.NDArray[np.complex64]:
        """Give the modes that `illumination` and `coherence` describe."""
        from ptypy.core.illumination import probe_from

        return probe_from(self.p.illumination, geometry, photons, self.count_modes("probe"))

    def draw_object(self, shape: tuple[int, int], geometry: Geo) -> npt.NDArray[np.complex64]:
        """Give the modes that `sample` and `coherence` describe."""
        from ptypy.core.sample import object_modes_from

        pars, region = self.p.sample, self.region
        model = _model_of(pars)
        if region is not None and isinstance(model, str) and model == "stxm":
            label = (pars.get("stxm") or {}).get("label") if isinstance(pars, Mapping) else None
            positions, photons = self._find_seen(label).gather_photons()
            region = replace(region, positions=positions, photons=photons)
        return object_modes_from(pars, shape, geometry.lam, self.count_modes("object"), region)

    def _find_seen(self, label: str | None) -> ScanModel:
        """Find the scan whose frames make a transmission picture."""
        scan = self if label is None else self.siblings.get(str(label))
        if scan is not None and scan.statistics is not None:
            return scan
        if scan is None:
            remedy = f"is no scan of this run; there are {', '.join(self.siblings)}"
        else:
            remedy = "has no frames yet: name it before this one in `scans`"
        raise ParameterError([Fault(f"scans.{self.label}.sample.stxm.label", repr(label), remedy)])


def _model_of(pars: Any) -> Any:
    """Give the model of an illumination or a sample, for which it may stand itself."""
    return pars.get("model") if isinstance(pars, Mapping) else pars


def _may_bring_modes(pars: Any) -> bool:
    """Say whether a model may hold several modes: an array of them, or a reconstruction."""
    model = _model_of(pars)
    if isinstance(model, str):
        return model not in {"", "None", "stxm", "moon", "flower", "tree"}
    return model is not None and np.ndim(model) > 2


@_with_optics
@defaults_tree.parse_doc("scan.BlockFull")
class BlockFull(Full):
    """As `Full`, with the frames of each chunk in an array of their own."""

    in_blocks = True


@_with_optics
@defaults_tree.parse_doc("scan.GradFull")
class GradFull(Full):
    """As `Full`; a name that scripts of PtyPy 0.9 give to scans of engines like EPIE.

    Exit waves belong to engines, and those keep none.

    Defaults:

    [name]
    default = GradFull
    type = str
    help = Name of the model
    """


@_with_optics
@defaults_tree.parse_doc("scan.BlockGradFull")
class BlockGradFull(GradFull):
    """As `GradFull`, with the frames of each chunk in an array of their own."""

    in_blocks = True


@_with_optics
@defaults_tree.parse_doc("scan.OPRModel")
class OPRModel(Full):
    """As `Full`, with a probe of its own for every frame, all alike to begin with.

    Made for orthogonal probe relaxation (Odstrcil et al., Opt. Express 24 (2016) 8360), whose
    engines confine these probes to few dimensions. The layers of the probe's storage are the
    modes of the first frame that arrived, then those of the second, on whatever process they
    are; every process holds all of them.

    Defaults:

    [name]
    default = OPRModel
    type = str
    help = Name of the model
    """

    has_probe_per_frame = True


@_with_optics
@defaults_tree.parse_doc("scan.BlockOPRModel")
class BlockOPRModel(OPRModel):
    """As `OPRModel`, with the frames of each chunk in an array of their own."""

    in_blocks = True
