"""Limits that engines with projections keep to: of the noise, and of the object."""

from __future__ import annotations

import numbers
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ptypy.engines._block_engine import BlockEngine
from ptypy.engines._blocks import FrameBlock, largest
from ptypy.errors import Fault

__all__ = ["BoundedEngine"]


class BoundedEngine(BlockEngine):
    """An engine that leaves noise alone and keeps its object within limits.

    Defaults:

    [fourier_power_bound]
    default = None
    type = float
    help = Error of a frame that is taken for noise and left alone [photons]
    doc = Mean over the trusted pixels of (abs(model) - sqrt(I))^2. None lets
      `fourier_relax_factor` decide.
    userlevel = 2

    [fourier_relax_factor]
    default = 0.05
    type = float
    lowlim = 0.0
    help = Relative error of a frame that is taken for noise and left alone
    doc = Sets the bound to (factor/2)^2 times the mean counts a pixel of the brightest frame.
      0 imposes the measured modulus exactly. Photon noise alone leaves 1/4: with more than some
      hundred counts a pixel, smaller factors come closer to frames that hold no other errors.
    userlevel = 2

    [obj_smooth_std]
    default = None
    type = float
    lowlim = 0.0
    help = Smooth the present object by this much before it enters its own update [px]
    doc = Tames pixels at the border that few frames have seen; see `object_inertia`.
    userlevel = 2

    [clip_object]
    default = None
    type = tuple
    help = Smallest and largest modulus that the object may have
    userlevel = 2
    """

    @classmethod
    def list_unsupported(cls, pars: Mapping[str, Any]) -> list[Fault]:
        """Refuse limits that are none, beside what `BaseEngine` refuses."""
        faults = super().list_unsupported(pars)
        limits, bound = pars.get("clip_object"), pars.get("fourier_power_bound")
        if limits is not None and not _is_range(limits):
            remedy = "is to be (smallest, largest) modulus, the first not above the second"
            faults.append(Fault("clip_object", repr(limits), remedy))
        if isinstance(bound, int | float) and bound < 0:
            faults.append(Fault("fourier_power_bound", repr(bound), "is below zero"))
        return faults

    def choose_power_bound(self, blocks: list[FrameBlock]) -> float | None:
        """Find the error that counts as noise; the same however the frames are split."""
        if self.p.fourier_power_bound is not None:
            return float(self.p.fourier_power_bound)
        if not self.p.fourier_relax_factor:
            return None
        brightest = largest(max(block.block.max_power for block in blocks))
        pixels = float(np.prod(blocks[0].block.counts.shape[1:]))
        bound = 0.25 * float(self.p.fourier_relax_factor) ** 2 * brightest / pixels
        # The last digits of a sum of photons depend on how the frames are split.
        return float(f"{bound:.4g}")


def _is_range(limits: Any) -> bool:
    """Say whether something is a pair of numbers, neither negative, in ascending order."""
    if not isinstance(limits, Sequence | np.ndarray) or len(limits) != 2:
        return False
    low, high = limits
    return all(isinstance(n, numbers.Real) for n in limits) and 0 <= low <= high
