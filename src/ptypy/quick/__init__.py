"""From an array of frames and their positions to an image in one call.

For whoever does not want the tree of parameters. `prepare` makes the same `ptypy.core.Ptycho` that
the tree would, so that nothing is lost by beginning here.
"""

from ptypy.quick._first_probe import estimate_probe
from ptypy.quick._run import prepare, reconstruct

__all__ = ["estimate_probe", "prepare", "reconstruct"]
