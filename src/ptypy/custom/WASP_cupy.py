"""`WASP` under the name of one backend; a script may call it ``WASP_cupy``."""

from ptypy.engines.wasp import WASP

WASP_cupy = WASP

__all__ = ["WASP_cupy"]
