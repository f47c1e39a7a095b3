"""`WASP`, where scripts of PtyPy 0.9 look for it."""

from ptypy.engines.wasp import WASP

__all__ = ["WASP"]
