"""`DMOPR`, which is one of `ptypy.engines`."""

# ruff: noqa: N999  (scripts import a module of this name)

from ptypy.engines import DMOPR

__all__ = ["DMOPR"]
