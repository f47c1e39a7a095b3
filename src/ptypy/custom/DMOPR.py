"""`DMOPR`, which is one of `ptypy.engines`."""

from ptypy.engines import DMOPR

__all__ = ["DMOPR"]
