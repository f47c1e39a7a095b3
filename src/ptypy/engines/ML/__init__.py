"""Maximum likelihood by conjugate gradients."""

from ptypy.engines.ML._curved_descent import CurvedDescent
from ptypy.engines.ML._engine import ML
from ptypy.engines.ML._unknowns import Unknowns

__all__ = ["ML", "CurvedDescent", "Unknowns"]
