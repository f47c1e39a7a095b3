"""Which frame meets which probe and which part of the object.

A scan model takes the chunks that a `PtyScan` prepares and makes `Block`s of them: frames,
masks, and where in the object each frame lies. `ModelManager` does so for all scans of a run.
Nothing here makes a Python object for a frame or a view, until `ModelManager.make_pods` is
asked to.
"""

from ptypy.core.manager._block import FINEST, Block, Colour
from ptypy.core.manager._full import (
    BlockFull,
    BlockGradFull,
    BlockOPRModel,
    Full,
    GradFull,
    OPRModel,
)
from ptypy.core.manager._manager import ModelManager
from ptypy.core.manager._scan_model import BlockScanModel, ScanModel
from ptypy.core.manager._statistics import Statistics
from ptypy.core.manager._vanilla import BlockVanilla, Vanilla

__all__ = [
    "FINEST",
    "Block",
    "BlockFull",
    "BlockGradFull",
    "BlockOPRModel",
    "BlockScanModel",
    "BlockVanilla",
    "Colour",
    "Full",
    "GradFull",
    "ModelManager",
    "OPRModel",
    "ScanModel",
    "Statistics",
    "Vanilla",
]
