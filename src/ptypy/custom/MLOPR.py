"""`MLOPR`, which is one of `ptypy.engines`."""

from ptypy.engines import MLOPR

__all__ = ["MLOPR"]
