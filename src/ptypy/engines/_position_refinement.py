"""The parameters of position refinement, which engines with frames on a map share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ptypy.engines.base import BaseEngine
from ptypy.errors import Fault


class PositionCorrectionEngine(BaseEngine):
    """An engine whose frames lie on a map, and which may one day correct that map.

    The parameters are those of PtyPy 0.9. The refinement itself is not part of this
    version: switching it on is an error, not a silent nothing.

    Defaults:

    [position_refinement]
    default = False
    type = Param, bool
    help = Correct the positions of the frames while reconstructing; not supported yet
    doc = ``False`` uses the positions as they were recorded. ``True``, or a Param with any of the
      entries below, asks for refinement and is refused by this version.
    userlevel = 1

    [position_refinement.method]
    default = Annealing
    type = str
    help = How better positions are searched for: ``Annealing`` or ``GridSearch``

    [position_refinement.start]
    default = None
    type = int
    help = First iteration with refinement; None: the first of all

    [position_refinement.stop]
    default = None
    type = int
    help = Last iteration with refinement; None: the last of all

    [position_refinement.interval]
    default = 1
    type = int
    help = Refine in every such iteration

    [position_refinement.nshifts]
    default = 4
    type = int
    help = Positions tried for a frame in one refinement

    [position_refinement.amplitude]
    default = 0.000001
    type = float
    help = Largest shift tried at once [m]

    [position_refinement.amplitude_decay]
    default = True
    type = bool
    help = Let the tried shifts become smaller with the iterations

    [position_refinement.max_shift]
    default = 0.000002
    type = float
    help = Largest distance between refined and recorded position [m]

    [position_refinement.metric]
    default = fourier
    type = str
    choices = ['fourier', 'photon']
    help = Error that judges a position: of amplitudes (fourier) or of counts (photon)

    [position_refinement.record]
    default = False
    type = bool
    help = Keep the positions of every refinement
    """

    @classmethod
    def list_unsupported(cls, pars: Mapping[str, Any]) -> list[Fault]:
        """Refuse position refinement, beside what `BaseEngine` refuses."""
        faults = super().list_unsupported(pars)
        wanted = pars.get("position_refinement")
        if wanted is True or isinstance(wanted, Mapping):
            faults.append(
                Fault(
                    "position_refinement",
                    "True" if wanted is True else "Param(...)",
                    "is not supported yet: leave it out, or set it to False",
                )
            )
        return faults
