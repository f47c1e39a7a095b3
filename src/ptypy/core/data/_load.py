"""Call a scan's loading hooks and check what they give, frame by frame or as a block."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from ptypy.core.data._hooks import ScanHooks
from ptypy.core.data._prepare import Stack
from ptypy.errors import DataError
from ptypy.io.stored_stack import StoredStack

__all__ = ["Loaded", "correct", "load", "position_array", "take"]

Array = npt.NDArray[Any]


@dataclass(frozen=True, slots=True)
class Loaded:
    """Raw frames of one process."""

    frames: Stack
    """n frames (H, W), one by one or as one array (n, H, W)."""
    positions: dict[int, Any]
    """Position of every frame (y, x) [m], by index; empty if `load` gave none."""
    weights: Array | None
    """(H, W), (n, H, W), or None if `load` gave none."""

    @property
    def shape(self) -> tuple[int, int] | None:
        """Rows and columns of a frame; None without frames."""
        if not len(self.frames):
            return None
        stack = self.frames
        height, width = stack.shape[1:] if isinstance(stack, StoredStack) else stack[0].shape
        return (height, width)

    @property
    def frame_size(self) -> int | None:
        """Size of a frame, all pixels of it [bytes]; None without frames."""
        if self.shape is None:
            return None
        stack = self.frames
        dtype = stack.dtype if isinstance(stack, StoredStack) else stack[0].dtype
        return self.shape[0] * self.shape[1] * dtype.itemsize


def load(scan: ScanHooks, indices: Sequence[int]) -> Loaded:
    """Load raw frames by `load_block` or `load`, whichever the scan means.

    Raises
    ------
    DataError
        If a frame, position or weight is missing, or not of the shape of the others; it names
        the index.
    """
    if not indices:
        return Loaded([], {}, None)
    if _prefers_block(scan):
        return _block(scan.load_block(np.asarray(indices, dtype=np.int64)), indices)
    answer = scan.load(indices=list(indices))
    if not (isinstance(answer, tuple | list) and len(answer) == 3):
        raise DataError(
            "load() must return three dictionaries, (raw, positions, weights); the last two may "
            f"be empty. It returned {_described(answer)}"
        )
    raw, positions, weights = answer
    return Loaded(
        _frames(raw, indices),
        _entries(positions, indices, "position"),
        _weights(weights, indices),
    )


def correct(scan: ScanHooks, loaded: Loaded, indices: Sequence[int], common: Any) -> Loaded:
    """Call the scan's `correct` if it has one of its own."""
    own = "correct" in vars(scan) or type(scan).correct is not ScanHooks.correct
    if not own or not len(loaded.frames):
        return loaded
    raw = dict(zip(indices, loaded.frames, strict=True))
    weights: dict[int, Any] = {}
    if loaded.weights is not None:
        many = loaded.weights.ndim == 3
        weights = {i: loaded.weights[k] if many else loaded.weights for k, i in enumerate(indices)}
    answer = scan.correct(raw, weights, common)
    if not (isinstance(answer, tuple | list) and len(answer) == 2):
        raise DataError(
            "correct() must return two dictionaries, (data, weights); "
            f"it returned {_described(answer)}"
        )
    frames, weights = answer
    return replace(loaded, frames=_frames(frames, indices), weights=_weights(weights, indices))


def take(loaded: Loaded, places: Sequence[int]) -> Loaded:
    """Cut out some of the frames, by their place; positions stay together."""
    weights = loaded.weights
    if isinstance(loaded.frames, StoredStack):
        frames: Stack = loaded.frames.take(np.asarray(places, dtype=np.int64))
    elif isinstance(loaded.frames, np.ndarray):
        frames = loaded.frames[list(places)]
    else:
        frames = [loaded.frames[place] for place in places]
    if weights is not None and weights.ndim == 3:
        weights = weights[list(places)]
    return Loaded(frames, loaded.positions, weights)


def position_array(value: Any, source: str) -> npt.NDArray[np.float64]:
    """Read positions (N, 2).

    Raises
    ------
    DataError
        If they are not of that form; it names ``source``.
    """
    try:
        positions = np.asarray(value, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise DataError(f"{source}: positions are not numbers: {error}") from error
    if positions.ndim != 2 or positions.shape[1] != 2:
        raise DataError(
            f"{source} has shape {positions.shape}: positions must be (y, x) in metres, "
            "shape (N, 2)"
        )
    return positions


def _prefers_block(scan: ScanHooks) -> bool:
    """Say whether `load_block` is meant: the more derived of the two methods wins."""
    if "load" in vars(scan):
        return "load_block" in vars(scan)
    if "load_block" in vars(scan):
        return scan.load_block is not None
    for cls in type(scan).__mro__:
        if "load_block" in vars(cls):
            return vars(cls)["load_block"] is not None
        if "load" in vars(cls):
            return False
    return False


def _block(answer: Any, indices: Sequence[int]) -> Loaded:
    if not (isinstance(answer, tuple | list) and len(answer) == 3):
        raise DataError(
            "load_block() must return (frames, positions, weights), the last two may be None; "
            f"it returned {_described(answer)}"
        )
    frames, positions, weights = answer
    frames = frames if isinstance(frames, StoredStack) else np.asanyarray(frames)
    if len(frames.shape) != 3 or len(frames) != len(indices):
        raise DataError(
            f"load_block() was asked for {len(indices)} frames and returned shape "
            f"{frames.shape}: it must be (frames, rows, columns)"
        )
    by_index: dict[int, Any] = {}
    if positions is not None:
        table = position_array(positions, "load_block()")
        if len(table) != len(indices):
            raise DataError(
                f"load_block() returned {len(table)} positions for {len(indices)} frames"
            )
        by_index = dict(zip(indices, table, strict=True))
    if weights is not None:
        weights = np.asarray(weights)
        if weights.ndim not in (2, 3) or (weights.ndim == 3 and len(weights) != len(indices)):
            raise DataError(
                f"load_block() returned weights of shape {weights.shape} for {len(indices)} "
                "frames: one (rows, columns) for all, or one for every frame"
            )
    return Loaded(frames, by_index, weights)


def _frames(raw: Any, indices: Sequence[int]) -> list[Array]:
    """Put frames in order and see that they have one shape."""
    raw = _entries(raw, indices, "frame")
    frames = [np.asarray(raw[index]) for index in indices] if raw else []
    if not frames:
        raise DataError(f"load() gave no frame for index {indices[0]}")
    for index, frame in zip(indices, frames, strict=True):
        if frame.ndim != 2:
            raise DataError(f"frame {index} has shape {frame.shape}: it must be (rows, columns)")
        if frame.shape != frames[0].shape:
            raise DataError(
                f"frame {index} has {_by(frame.shape)} px, frame {indices[0]} has "
                f"{_by(frames[0].shape)} px: all frames must be of one shape"
            )
    return frames


def _weights(weights: Any, indices: Sequence[int]) -> Array | None:
    entries = _entries(weights, indices, "weight")
    if not entries or np.size(entries[indices[0]]) == 0:
        return None
    masks = [np.asarray(entries[index]) for index in indices]
    if all(mask is masks[0] for mask in masks):
        masks = masks[:1]
    for index, mask in zip(indices, masks, strict=False):
        if mask.ndim != 2 or mask.shape != masks[0].shape:
            raise DataError(
                f"weight {index} has shape {mask.shape}: every weight must be (rows, columns) of "
                "one shape"
            )
    return masks[0] if len(masks) == 1 < len(indices) else np.stack(masks)


def _entries(given: Any, indices: Sequence[int], what: str) -> dict[int, Any]:
    """Read one of the dictionaries that `load` returns; none may be missing from it."""
    if given is None:
        return {}
    if not isinstance(given, Mapping):
        raise DataError(
            f"the {what}s that load() returns must be a dictionary by index, "
            f"not {_described(given)}"
        )
    if not given:
        return {}
    present = set(given)
    missing = [index for index in indices if index not in present]
    if missing:
        listed = ", ".join(str(index) for index in missing[:5])
        raise DataError(
            f"load() gave no {what} for {'index' if len(missing) == 1 else 'indices'} {listed}"
            f"{' ...' if len(missing) > 5 else ''} of the {len(indices)} it was asked for"
        )
    return {index: given[index] for index in indices}


def _described(value: Any) -> str:
    shape = f" of shape {np.shape(value)}" if isinstance(value, np.ndarray) else ""
    return f"{type(value).__name__}{shape}"


def _by(shape: Sequence[int]) -> str:
    return " x ".join(str(n) for n in shape)
