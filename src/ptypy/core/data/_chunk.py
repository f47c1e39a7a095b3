"""What `auto` hands over: prepared frames with their positions and masks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from ptypy.utils.markup import lines
from ptypy.utils.parameters import Param

__all__ = ["CODES", "EOS", "WAIT", "Chunk"]

WAIT: Final = "msg1"
"""Answer of `PtyScan.auto`: not enough frames yet; ask again later."""
EOS: Final = "msgEOS"
"""Answer of `PtyScan.auto`: there are no more frames."""
CODES: Final = {
    WAIT: "The scan goes on: more frames will be there after a pause",
    EOS: "The end of the scan is reached",
}


@dataclass(frozen=True, slots=True)
class Chunk:
    """Frames prepared together, ready to be stored."""

    indices: npt.NDArray[np.int64]
    """Scan-point index of every frame of the chunk, on whatever process, shape (M,)."""
    indices_node: npt.NDArray[np.int64]
    """Scan-point index of the frames that this process holds, shape (n,), n <= M."""
    positions: npt.NDArray[np.float64] | None
    """Where the beam hit the sample [m], (y, x), shape (M, 2)."""
    data: npt.NDArray[Any]
    """Photon counts of the frames this process holds, shape (n, h, w)."""
    mask: npt.NDArray[np.bool_]
    """True where a pixel may be trusted: (h, w) for all frames, or (n, h, w)."""
    weights: npt.NDArray[np.float32] | None
    """Weights of the shape of `mask`, zero where it is False; None if all are 0 or 1."""
    meta: Param
    """What holds for all chunks: the geometry of a prepared frame, as it was prepared."""
    number: int
    """How many chunks came before."""

    is_private: bool = False
    """Whether `data` is nobody else's; otherwise it may be an array that the loader keeps."""

    photons: npt.NDArray[np.float64] | None = None
    """Counts of each frame this process holds, where it is trusted, (n,); None if nobody counted:
    frames that need no preparation are not looked at."""
    centers: npt.NDArray[np.float64] | None = None
    """Centre of mass (y, x) of these counts in the raw frame [px], (n, 2)."""

    def __repr__(self) -> str:
        from ptypy.core.data._shown import describe_chunk

        return lines(f"Chunk {self.number}", describe_chunk(self))

    def _repr_html_(self) -> str:
        from ptypy.core.data._shown import chunk_as_html

        return chunk_as_html(self)

    @property
    def num(self) -> int:
        """Same as `number`, as PtyPy calls it."""
        return self.number

    def as_package(self) -> Param:
        """Arrange the chunk as scripts know it.

        Nothing is copied: frames and masks are views.

        Returns
        -------
        Param
            ``common``, the geometry; ``chunk``, a Param of ``indices``, ``indices_node``,
            ``num``, ``data`` and ``weights`` (dictionaries by index), ``positions``;
            ``iterable``, one dictionary ``index, data, position, mask`` a frame, with None
            for data and mask where another process holds them.
        """
        weights = self.mask if self.weights is None else self.weights
        indices = [int(index) for index in self.indices]
        rows = {int(index): row for row, index in enumerate(self.indices_node)}
        chunk = Param(
            indices=indices,
            indices_node=list(rows),
            num=self.number,
            data={index: self.data[row] for index, row in rows.items()},
            weights={index: self._of(weights, row) for index, row in rows.items()},
            positions=[None] * len(indices) if self.positions is None else self.positions,
        )
        iterable = []
        for index, position in zip(indices, chunk.positions, strict=True):
            row = rows.get(index)
            iterable.append(
                {
                    "index": index,
                    "data": None if row is None else self.data[row],
                    "position": position,
                    "mask": None if row is None else self._of(self.mask, row),
                }
            )
        return Param(common=self.meta, chunk=chunk, iterable=iterable)

    @staticmethod
    def _of(masks: npt.NDArray[Any], row: int) -> npt.NDArray[Any]:
        return masks if masks.ndim == 2 else masks[row]
