"""`WASP` under the name of one backend; a script may call it ``WASP_serial``."""

from ptypy.engines.wasp import WASP

WASP_serial = WASP

__all__ = ["WASP_serial"]
