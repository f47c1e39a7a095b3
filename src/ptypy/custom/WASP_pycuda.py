"""`WASP` under the name of one backend; a script may call it ``WASP_pycuda``."""

from ptypy.engines.wasp import WASP

WASP_pycuda = WASP

__all__ = ["WASP_pycuda"]
