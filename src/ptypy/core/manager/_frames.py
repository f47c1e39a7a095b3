"""How frames and masks are kept: a storage for each chunk, or one that grows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ptypy.core.manager._block import Frames

if TYPE_CHECKING:
    from ptypy.core.classes import Container, Storage

__all__ = ["FrameStore", "Growing"]

Stack = npt.NDArray[Any]


class FrameStore:
    """Keeps the counts and masks of one scan where ``P.diff`` and ``P.mask`` find them.

    Parameters
    ----------
    diff, mask : Container
        Get the storages.
    in_blocks : bool
        A storage for each chunk, which holds the chunk's own array. Otherwise one storage a
        scan, into which each chunk is copied once.
    psize : (2,) float64
        Of the detector's pixels [m].
    """

    def __init__(
        self,
        diff: Container,
        mask: Container,
        *,
        in_blocks: bool,
        psize: npt.NDArray[np.float64],
    ) -> None:
        self._containers = diff, mask
        self._in_blocks = in_blocks
        self._psize = psize
        self._growing: tuple[Growing, Growing] | None = None
        self._shared_mask: tuple[int, npt.NDArray[np.bool_]] | None = None

    def add(
        self, counts: npt.NDArray[np.float32], mask: npt.NDArray[np.bool_], expected: int
    ) -> Frames:
        """Keep the frames of a chunk.

        Parameters
        ----------
        counts : (N, H, W) float32
            Taken over, not copied, where the storage is the chunk's own.
        mask : (H, W) or (N, H, W) bool
        expected : int
            How many frames the scan will have, if that is known, else 0.
        """
        shared = mask.ndim == 2
        layers = mask[None] if shared else mask
        if self._in_blocks or self._growing is None:
            diff, masks = self._new(counts, layers)
            rows, mask_rows = slice(0, len(counts)), slice(0, len(layers))
            if not self._in_blocks:
                self._growing = Growing(diff), Growing(masks)
                self._shared_mask = (0, mask) if shared else None
        else:
            diff, masks = (growing.storage for growing in self._growing)
            rows = self._growing[0].append(counts, expected)
            mask_rows = self._append_mask(layers, shared, expected)
        frame_shape = (counts.shape[1], counts.shape[2])
        nowhere = np.zeros((len(counts), 2))
        layer = np.arange(rows.start, rows.stop)
        mask_layer = mask_rows.start if shared else np.arange(mask_rows.start, mask_rows.stop)
        return Frames(
            diff=diff,
            rows=rows,
            diff_views=diff.add_views(nowhere, frame_shape, layer),
            mask=masks,
            mask_rows=mask_rows.start if shared else mask_rows,
            mask_views=masks.add_views(nowhere, frame_shape, mask_layer),
        )

    def _append_mask(self, layers: Stack, shared: bool, expected: int) -> slice:
        """Keep masks behind those that are there; a common mask only if it is another one."""
        assert self._growing is not None  # noqa: S101 - add() makes it with the first chunk
        if not shared:
            return self._growing[1].append(layers, expected)
        if self._shared_mask is not None:
            row, known = self._shared_mask
            if np.array_equal(known, layers[0]):
                return slice(row, row + 1)
        rows = self._growing[1].append(layers, 0)
        self._shared_mask = rows.start, layers[0]
        return rows

    def _new(self, counts: Stack, layers: Stack) -> tuple[Storage, Storage]:
        diff, mask = self._containers
        storage = diff.new_storage(data=counts, psize=self._psize, padonly=True)
        masks = mask.new_storage(storage.ID, data=layers, psize=self._psize, padonly=True)
        return storage, masks


class Growing:
    """A storage whose layers grow in number without being copied each time."""

    def __init__(self, storage: Storage) -> None:
        self.storage = storage
        self._room: Stack = storage.data

    def append(self, layers: Stack, expected: int) -> slice:
        """Add layers; ``expected`` is how many there may be in the end.

        Whoever replaced the storage's array meanwhile finds it continued.
        """
        used = len(self.storage.data)
        needed = used + len(layers)
        if needed > len(self._room) or not np.may_share_memory(self.storage.data, self._room):
            # Memory that is never written costs nothing, so asking for double is free.
            room = np.empty((max(2 * used, needed, expected), *layers.shape[1:]), self._room.dtype)
            room[:used] = self.storage.data
            self._room = room
        self._room[used:needed] = layers
        self.storage.data = self._room[:needed]
        return slice(used, needed)
