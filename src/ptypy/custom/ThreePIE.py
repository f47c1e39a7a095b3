"""`ptypy.engines.ThreePIE`, where scripts of PtyPy 0.9 look for it."""

from ptypy.engines import ThreePIE

__all__ = ["ThreePIE"]
