"""From raw detector frames to prepared ones: one scan at a time.

`PtyScan` is the class to subclass for an experiment; `PtydScan` reads what was prepared before;
`MoonFlowerScan` simulates. ``scan.auto(n)`` gives the next prepared frames.
"""

from typing import Any, Final

from ptypy.core.data._chunk import CODES, EOS, WAIT, Chunk
from ptypy.core.data._plausible import implausible_numbers, implausible_positions
from ptypy.core.data._ptyd import PtydScan
from ptypy.core.data._registry import PTYSCANS, find_scan, known_scans, register
from ptypy.core.data._scan import PtyScan
from ptypy.core.data._source import spell_out
from ptypy.core.data._synthetic import MoonFlowerScan, QuickScan

__all__ = [
    "CODES",
    "EOS",
    "PTYD",
    "PTYSCANS",
    "WAIT",
    "Chunk",
    "MoonFlowerScan",
    "PtyScan",
    "PtydScan",
    "QuickScan",
    "find_scan",
    "implausible_numbers",
    "implausible_positions",
    "known_scans",
    "register",
    "spell_out",
]

PTYD: Final[dict[str, dict[str, Any]]] = {"chunks": {}, "meta": {}, "info": {}}
"""The tree of an empty ``.ptyd`` file."""
