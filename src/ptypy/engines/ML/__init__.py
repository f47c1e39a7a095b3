"""Maximum likelihood by conjugate gradients."""

from ptypy.engines.ML._engine import ML

__all__ = ["ML"]
