"""How well single frames are explained."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from ptypy.diagnose import model_intensity

if TYPE_CHECKING:
    from ptypy.core.manager import Block

__all__ = ["frame_residuals"]

TOGETHER = 16


def frame_residuals(block: Block, frames: npt.NDArray[np.intp]) -> npt.NDArray[np.float64]:
    """Give ``sqrt(sum (|model| - sqrt(counts))**2 / sum counts)`` of each of some frames.

    Parameters
    ----------
    block : Block
    frames : (n,) int
        Which of its frames.

    Returns
    -------
    (n,) float64
        Over trusted pixels; NaN where a frame has no counts.
    """
    found = np.full(len(frames), np.nan)
    for first in range(0, len(frames), TOGETHER):
        some = frames[first : first + TOGETHER]
        counts = np.maximum(block.counts[some], 0)
        mask = block.mask if block.mask.ndim == 2 else block.mask[some]
        misfit = (np.sqrt(model_intensity(block, some)) - np.sqrt(counts)) ** 2
        sums = np.sum(misfit * mask, axis=(1, 2)), np.sum(counts * mask, axis=(1, 2), dtype=float)
        lit = sums[1] > 0
        found[first : first + len(some)][lit] = np.sqrt(sums[0][lit] / sums[1][lit])
    return found
