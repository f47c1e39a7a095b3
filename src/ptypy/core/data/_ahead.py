"""Prepare the next frames while the last ones are saved.

A chunk is handed over only once it is saved, so that whoever has it may rely on the file. Saving
waits for the disk twice. Meanwhile the frames that will be asked for next can pass the loop of
`prepare_and_sum` in a thread, if all that is to be done for it is to read a file that is
complete.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy.typing as npt

from ptypy.core.data._hooks import ScanHooks
from ptypy.core.data._load import Loaded, load
from ptypy.core.data._pipeline import Pipeline
from ptypy.core.data._sums import FrameSums
from ptypy.io.stored_stack import StoredStack
from ptypy.utils.ahead import Ahead

__all__ = ["NextFrames", "Passed", "lie_in_place"]


class Passed(NamedTuple):
    """Frames that went through the loop before they were asked for."""

    loaded: Loaded
    data: npt.NDArray[Any]
    sums: FrameSums | None


def lie_in_place(loaded: Loaded) -> bool:
    """Say whether frames are still in their file, and share one mask."""
    return isinstance(loaded.frames, StoredStack) and loaded.weights is None


class NextFrames:
    """The frames of this process that will probably be asked for next."""

    def __init__(self) -> None:
        self._ahead: Ahead[Passed] = Ahead()

    def begin(self, scan: ScanHooks, indices: Sequence[int], pipeline: Pipeline) -> None:
        """Begin to prepare frames, if they lie in place; no error is raised here.

        Parameters
        ----------
        scan : ScanHooks
            One whose `load_block` may be called at any time, for any frames; see
            `ScanHooks.LOADS_AHEAD`.
        indices : sequence of int
        pipeline : Pipeline
        """
        with contextlib.suppress(Exception):  # it comes again when the frames are asked for
            loaded = load(scan, indices)
            if lie_in_place(loaded):
                key = (tuple(indices), id(pipeline))
                self._ahead.start(key, lambda: Passed(loaded, *pipeline.sweep(loaded)))

    def take(self, indices: Sequence[int], pipeline: Pipeline | None) -> Passed | None:
        """Give frames if they are those that were begun, and nobody has changed their file since.

        Waits for them.
        """
        passed = self._ahead.take((tuple(indices), id(pipeline)))
        stack = None if passed is None else passed.loaded.frames
        return passed if isinstance(stack, StoredStack) and stack.is_as_it_was else None
