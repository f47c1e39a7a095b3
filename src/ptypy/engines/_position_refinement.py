"""The parameters of position refinement, which engines with frames on a map share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from ptypy.engines.base import BaseEngine
from ptypy.errors import Fault
from ptypy.utils.parameters import Param


class PositionCorrectionEngine(BaseEngine):
    """An engine whose frames lie on a map, and which may correct that map.

    The parameters are those of PtyPy 0.9; see `ptypy.engines._position_search` for what is done.

    Defaults:

    [position_refinement]
    default = False
    type = Param, bool
    help = Correct the positions of the frames while reconstructing
    doc = ``False`` uses the positions as they are. ``True`` refines them with the defaults below, a
      Param with any of the entries below with those.
    userlevel = 1

    [position_refinement.method]
    default = Annealing
    type = str
    choices = ['Annealing', 'GridSearch']
    help = How better positions are searched for
    doc = ``Annealing``: one random step after the other, each kept if the frame then fits better.
      Directions are as likely as each other, and so are lengths up to the amplitude.
      ``GridSearch``: the points of a square lattice about the present position, from minus to plus
      the amplitude in both directions; the best is kept if the frame then fits better.

    [position_refinement.start]
    default = None
    type = int
    lowlim = 0
    help = First iteration with refinement, counted from 0; None: the first of all
    doc = Better after some iterations: frames are compared with what object and probe are by then.

    [position_refinement.stop]
    default = None
    type = int
    lowlim = 1
    help = First iteration without refinement again, counted from 0; None: up to the last

    [position_refinement.interval]
    default = 1
    type = int
    lowlim = 1
    help = Refine in every such iteration

    [position_refinement.nshifts]
    default = 4
    type = int
    lowlim = 1
    help = Positions tried for a frame in one refinement
    doc = Each costs a Fourier transform of the frame. ``GridSearch`` takes the smallest
      lattice with at least so many points beside the present one: 8 (an amplitude apart), 24
      (half of it), 48 and so on.

    [position_refinement.amplitude]
    default = 0.000001
    type = float
    lowlim = 0.0
    help = Largest shift tried at once [m]

    [position_refinement.amplitude_decay]
    default = True
    type = bool
    help = Let the tried shifts become smaller with the iterations
    doc = In proportion to the iterations that are left until `stop`.

    [position_refinement.max_shift]
    default = 0.000002
    type = float
    lowlim = 0.0
    help = Largest distance between refined and recorded position [m]
    doc = The object grows by this much on all sides.

    [position_refinement.metric]
    default = fourier
    type = str
    choices = ['fourier', 'photon']
    help = Error that judges a position: of amplitudes (fourier) or of counts (photon)
    doc = ``fourier`` sums (abs(model) - sqrt(I))^2 over trusted pixels, ``photon``
      (model - I)^2 / (I + 1).

    [position_refinement.record]
    default = False
    type = bool
    help = Keep the positions of every refinement
    doc = In ``runtime.position_history``: `iteration` and `positions` (N, 2) [m] of all frames,
      scan by scan in the order of labels, within a scan as the frames arrived. The last
      positions are in the result in any case.
    """

    REFINEMENT: ClassVar[Param] = Param()
    """Defaults of ``position_refinement``; filled in when an engine is registered."""

    @property
    def refinement(self) -> Param | None:
        """What ``position_refinement`` asks for, complete; None if positions are to stay."""
        asked = self.p.position_refinement
        if asked is False or asked is None:
            return None
        pars: Param = self.REFINEMENT.copy(99)
        if isinstance(asked, Mapping):
            pars.update(asked)
        return pars

    @classmethod
    def list_unsupported(cls, pars: Mapping[str, Any]) -> list[Fault]:
        """Refuse a refinement that ends before it begins, beside what `BaseEngine` refuses."""
        faults = super().list_unsupported(pars)
        asked = pars.get("position_refinement")
        if not isinstance(asked, Mapping):
            return faults
        start, stop = asked.get("start") or 0, asked.get("stop")
        if isinstance(start, int) and isinstance(stop, int) and stop <= start:
            remedy = f"should be later than `start`, which is {start}"
            faults.append(Fault("position_refinement.stop", repr(stop), remedy))
        return faults
