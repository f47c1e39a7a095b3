"""Where the optical axis meets the detector, judged by the counts themselves."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from ptypy.core.data._prepare import Correction, Stack, as_native

__all__ = ["sum_centers"]


def sum_centers(
    frames: Stack, usable: npt.NDArray[np.bool_], fix: Correction | None = None
) -> npt.NDArray[np.float64]:
    """Add up the centres of mass of frames.

    Every frame counts the same, however bright: the direct beam is in the same place in all of
    them, what a bright frame scatters is not.

    Parameters
    ----------
    frames : (N, H, W) array, or sequence of N (H, W)
        Raw counts.
    usable : (H, W) or (N, H, W) bool
        False for pixels that must not be looked at.
    fix : Correction, optional
        Its dark is subtracted and the flat field divided by first.

    Returns
    -------
    (3,) float64
        Sum of the centres' y, of their x [px], and the number of frames that have one: a frame
        without counts has none.
    """
    from ptypy.core.data._kernel import mass_block

    dark, gain = (None, None) if fix is None else fix.arrays(np.float64)
    masks = usable.reshape(-1, *usable.shape[-2:])
    sums = np.zeros((len(frames), 3))
    if isinstance(frames, np.ndarray):
        mass_block(as_native(frames), dark, gain, masks, sums)
    else:
        for k, frame in enumerate(frames):
            mask = masks[k % len(masks)][None]
            mass_block(as_native(frame[None]), dark, gain, mask, sums[k : k + 1])
    lit = sums[sums[:, 0] > 0]
    total: Any = (lit[:, 1:] / lit[:, :1]).sum(axis=0)
    return np.array([*total, len(lit)], dtype=np.float64)
