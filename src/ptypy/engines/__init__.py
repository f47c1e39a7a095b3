"""Algorithms: how object and probe are found from the frames.

One file a family of algorithms: `projectional` (DM, RAAR), `stochastic` (EPIE, SDR), `wasp`
(WASP), `multislice` (ThreePIE), `ML`, `opr` (DMOPR, MLOPR). The mathematics of each is in
``docs/explanations/engines.md`` and ``engines-sequential.md``.
"""

from ptypy.engines._gather import bring_together
from ptypy.engines._position_refinement import PositionCorrectionEngine
from ptypy.engines._registry import ENGINES, find_engine, register, register_backend_names
from ptypy.engines.base import BaseEngine
from ptypy.engines.ML import ML
from ptypy.engines.multislice import ThreePIE
from ptypy.engines.opr import DMOPR, MLOPR
from ptypy.engines.projectional import DM, RAAR
from ptypy.engines.stochastic import EPIE, SDR
from ptypy.engines.wasp import WASP

__all__ = [
    "DM",
    "DMOPR",
    "ENGINES",
    "EPIE",
    "ML",
    "MLOPR",
    "RAAR",
    "SDR",
    "WASP",
    "BaseEngine",
    "PositionCorrectionEngine",
    "ThreePIE",
    "bring_together",
    "find_engine",
    "register",
]

for _engine in (DM, RAAR, EPIE, SDR, WASP, ML, ThreePIE, DMOPR, MLOPR):
    register_backend_names(_engine)
