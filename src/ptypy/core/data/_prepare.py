"""Raw frames and masks in, prepared frames and masks out.

Every frame passes one compiled loop (`_kernel`), several frames at a time on several threads.
Counts stay integers, in a type wide enough for the sum of a block, until a dark frame or a flat
field makes them real. Frames that lie in a file (`StoredStack`) are read by that very loop.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from ptypy.core.data._plan import Plan
from ptypy.core.data._sums import SUMS, FrameSums, frame_sums
from ptypy.errors import DataError, FormatError
from ptypy.io.stored_stack import StoredStack
from ptypy.utils.buffers import empty
from ptypy.utils.processors import count_processors

__all__ = [
    "Correction",
    "Stack",
    "as_native",
    "correction",
    "cut_out",
    "prepare_and_sum",
    "prepare_frames",
    "prepare_weights",
    "widen",
]

Array = npt.NDArray[Any]
Mask = npt.NDArray[np.bool_]
Pair = tuple[int, int]
Stack = Array | Sequence[Array]
"""Frames as one array (N, H, W) or one by one, N of (H, W)."""

SLAB = 1 << 28
"""How much of a block is prepared before a word is said of how far it is [bytes]."""


class Correction:
    """Dark and flat in the form the loop wants, and where they cannot be trusted.

    Parameters
    ----------
    dark, flat : (H, W) or None
        A raw pixel counts ``max(raw - dark, 0) / flat``. Where ``flat`` is not a positive
        number the pixel counts zero and is not usable.
    """

    def __init__(self, dark: Any, flat: Any) -> None:
        self._dark, self._flat = (
            None if each is None else _real_numbers(each) for each in (dark, flat)
        )
        self.shape = np.shape(dark if dark is not None else flat)
        self.usable: Mask = np.ones(self.shape, dtype=bool)
        if self._dark is not None:
            np.isfinite(self._dark, out=self.usable)
        if self._flat is not None:
            self.usable &= np.isfinite(self._flat) & (self._flat > 0)
        self._made: dict[Any, tuple[Array, Array]] = {}

    def arrays(
        self, dtype: npt.DTypeLike, place: Pair = (0, 0), shape: Pair | None = None
    ) -> tuple[Array, Array]:
        """Give dark, and one over flat, of that part of the raw frame that is stored, of a type."""
        key = (np.dtype(dtype), place, shape)
        if key not in self._made:
            size = self.shape if shape is None else shape
            usable: Any = cut_out(self.usable, place, size)
            usable = True if usable.all() else usable  # a third of the time
            dark, gain = np.zeros(size, dtype), np.zeros(size, dtype)
            if self._dark is not None:
                np.copyto(dark, cut_out(self._dark, place, size), "same_kind", where=usable)
            flat = 1.0 if self._flat is None else cut_out(self._flat, place, size)
            np.divide(1.0, flat, out=gain, where=usable, casting="same_kind")
            self._made[key] = dark, gain
        return self._made[key]


def _real_numbers(given: Any) -> Array:
    array = np.asarray(given)
    return array if array.dtype.kind == "f" and array.itemsize >= 4 else array.astype(np.float64)


def correction(dark: Any, flat: Any, raw: tuple[int, int]) -> Correction | None:
    """Read what `PtyScan.correct_with` was given; None if it is neither dark nor flat.

    Raises
    ------
    DataError
        If one has not the shape ``raw`` of a raw frame.
    """
    given = {"dark": dark, "flat": flat}
    shapes = {name: np.shape(value) for name, value in given.items() if value is not None}
    if not shapes:
        return None
    wrong = [f"{name} has shape {shape}" for name, shape in shapes.items() if shape != raw]
    if wrong:
        raise DataError(f"{', '.join(wrong)}: it must be that of a raw frame, {raw}")
    return Correction(dark, flat)


def widen(dtype: np.dtype[Any], rebin: int) -> np.dtype[Any]:
    """Choose a type that holds the sum of ``rebin * rebin`` pixels of a type without overflow."""
    if dtype.kind == "b":
        dtype = np.dtype(np.uint8)
    if dtype.kind == "f":
        return np.dtype(np.float32) if dtype.itemsize < 4 else dtype.newbyteorder("=")
    if rebin == 1:
        return dtype.newbyteorder("=")
    largest = rebin**2 * max(int(np.iinfo(dtype).max), -int(np.iinfo(dtype).min))
    unsigned = dtype.kind == "u"
    if largest <= np.iinfo(np.uint32 if unsigned else np.int32).max:
        return np.dtype(np.uint32 if unsigned else np.int32)
    return np.dtype(np.uint64 if unsigned else np.int64)


def as_native(frames: Array) -> Array:
    """Give frames in a form that compiled code can read: machine byte order, plain type."""
    _see_counts(frames.dtype)
    if frames.dtype.kind == "b":
        frames = frames.view(np.uint8)
    if frames.dtype == np.float16:
        frames = frames.astype(np.float32)
    frames = np.ascontiguousarray(frames, dtype=frames.dtype.newbyteorder("="))
    # Read-only and writable arrays are two types to numba: offer one, compile once.
    frames = frames.view(np.ndarray)
    frames.flags.writeable = False
    return frames


def prepare_frames(
    frames: Stack, plan: Plan, fix: Correction | None = None, *, threads: int | None = None
) -> Array:
    """Correct, cut, orient and rebin frames; the first of what `prepare_and_sum` gives."""
    return prepare_and_sum(frames, plan, fix, threads=threads)[0]


def prepare_and_sum(
    frames: Stack,
    plan: Plan,
    fix: Correction | None = None,
    *,
    usable: Mask | None = None,
    trusted: Mask | None = None,
    threads: int | None = None,
    tell: Callable[[float], None] | None = None,
    always: bool = False,
) -> tuple[Array, FrameSums | None]:
    """Correct, cut, orient and rebin frames, and see what is in them on the way.

    The total over a frame is that of its region: neither turning nor binning makes or loses a
    photon.

    Parameters
    ----------
    frames : (N, H, W) array, or sequence of N (H, W)
        Raw counts; a memory-mapped array, or a `StoredStack`, is read as it is needed.
    plan : Plan
    fix : Correction, optional
        Dark and flat; (H, W).
    usable : (H, W) bool, optional
        Raw pixels that are looked at for the brightest and the darkest.
    trusted : (h, w) or (N, h, w) bool, optional
        Prepared pixels that are added up for the photons and their centre.
    threads : int, optional
        As many as there are processors for this process, if not given.
    tell : callable, optional
        Called now and then with the share of the frames that are done.
    always : bool
        Whether frames are looked at, and copied, even if there is nothing to do.

    Returns
    -------
    prepared : (N, h, w)
        The very array if there is nothing to do. Integers stay integers of a type wide enough;
        with ``fix`` the result is float32, or float64 where float32 cannot hold the raw counts.
    sums : FrameSums or None
        None if there was nothing to do, so that nobody has looked.

    Raises
    ------
    DataError
        If frames are complex, or of another type that is no count.
    FormatError
        If stored frames cannot be unpacked.
    """
    dtype = _common_type(frames)
    if plan.is_identity and fix is None and not (always or isinstance(frames, StoredStack)):
        return (frames if isinstance(frames, np.ndarray) else np.stack(list(frames))), None
    out_type = widen(dtype, plan.rebin) if fix is None else _real(dtype)
    out = empty((len(frames), *plan.shape), out_type)
    loop = _Loop(plan, out_type, fix, usable, trusted)
    found = np.zeros((len(frames), SUMS))

    def work(where: slice) -> None:
        for part, to in _runs(frames[where], where.start):
            loop.run(part, to, out[to], found[to])

    slab = max(SLAB // max(dtype.itemsize * plan.raw[0] * plan.raw[1], 1), 64)
    for first in range(0, len(frames), slab):
        stop = min(first + slab, len(frames))
        _spread(work, first, stop, threads)
        if tell is not None:
            tell(stop / len(frames))
    return out, frame_sums(found, plan)


class _Loop:
    """The compiled loop, with all that is the same for every frame."""

    def __init__(
        self,
        plan: Plan,
        out_type: np.dtype[Any],
        fix: Correction | None,
        usable: Mask | None,
        trusted: Mask | None,
    ) -> None:
        self._plan, self._type, self._fix, self._usable = plan, out_type, fix, usable
        masks = np.ones(plan.shape, bool) if trusted is None else trusted
        self._trusted = np.ascontiguousarray(plan.unturned(masks.reshape(-1, *plan.shape)))

    def run(self, frames: Array | StoredStack, to: slice, out: Array, sums: Array) -> None:
        """Prepare some frames of one type."""
        from ptypy.core.data._kernel import count_frames

        plan, place = self._plan, (0, 0)
        if isinstance(frames, StoredStack):
            place, stored, dtype = frames.window.place, frames.stored, frames.dtype
            addresses, packing = frames.addresses, (frames.decoder, frames.sizes)
        else:
            frames = as_native(frames)
            (_, *size), dtype = frames.shape, frames.dtype
            stored = (size[0], size[1])
            addresses = frames.ctypes.data + np.arange(len(frames)) * frames.strides[0]
            packing = (0, np.empty(0, np.int64))
        dark = gain = np.empty((0, 0), self._type)
        if self._fix is not None:
            dark, gain = self._fix.arrays(self._type, place, stored)
        usable = np.empty((0, 0), bool)
        if self._usable is not None:
            usable = cut_out(self._usable, place, stored)
        trusted = self._trusted if len(self._trusted) == 1 else self._trusted[to]
        broken = count_frames(
            addresses,
            packing,
            np.zeros(1, dtype),
            stored,
            (dark, gain, dtype.kind in "biu"),
            (usable, trusted),
            out,
            sums,
            (plan.top - place[0], plan.left - place[1], plan.rebin, *plan.orientation),
        )
        if broken >= 0 and isinstance(frames, StoredStack):
            frames[int(broken)]  # says what is wrong with it
            raise FormatError(f"{frames.label}: frame {frames.numbers[broken]} cannot be read")


def cut_out(frame: Array, place: Pair, shape: Pair) -> Array:
    """Cut a stored frame out of a raw one, which may be padded."""
    (top, left), (rows, columns) = place, shape
    return np.ascontiguousarray(frame[top : top + rows, left : left + columns])


def prepare_weights(
    weights: Array | None, plan: Plan, usable: Mask | None = None
) -> tuple[Mask, npt.NDArray[np.float32] | None]:
    """Cut, orient and rebin a mask or weights.

    A binned pixel is trusted only if every pixel in its block was: half a block of counts would
    look like a weak signal, not like a gap. What lies outside the raw frame is not trusted.

    Parameters
    ----------
    weights : (H, W) or (N, H, W), or None
        Larger than zero where a pixel may be trusted. Either as large as a raw frame, or as its
        region (before it is turned and binned). None trusts everything.
    plan : Plan
    usable : (H, W) bool, optional
        More raw pixels that must not be trusted, where False.

    Returns
    -------
    mask : (h, w) or (N, h, w) bool
        True where a pixel may be trusted.
    weights : same shape float32, or None
        Weights, averaged over a block and zero where not trusted. None if all of them are 0 or 1.

    Raises
    ------
    DataError
        If the shape of ``weights`` is neither that of a raw frame nor that of the region.
    """
    inside = np.ones(plan.raw, dtype=bool) if usable is None else usable
    mask = _all_trusted(inside[None], plan)[0]
    if weights is None:
        return mask, None
    if weights.shape[-2:] == plan.raw:
        where = plan
    elif weights.shape[-2:] == plan.region:
        where = plan.of_region()
    else:
        raise DataError(
            f"the mask has {_by(weights.shape[-2:])} px: give one as large as a raw frame, "
            f"{_by(plan.raw)}, or as its region `shape`, {_by(plan.region)}, both before "
            "orientation and rebinning"
        )
    stack = weights.reshape(-1, *weights.shape[-2:])
    # NaN is not larger than zero, so it is not trusted.
    mask = (mask & _all_trusted(stack > 0, where)).reshape(weights.shape[:-2] + plan.shape)
    if _is_binary(weights):
        return mask, None
    kept = np.where(stack > 0, stack, 0).astype(np.float32)
    mean = prepare_frames(kept, where) / np.float32(plan.rebin**2)
    return mask, np.where(mask, mean.reshape(mask.shape), np.float32(0))


def _all_trusted(stack: Mask, plan: Plan) -> Mask:
    if plan.is_identity:
        return stack
    return np.asarray(prepare_frames(stack, plan) == plan.rebin**2)


def _is_binary(weights: Array) -> bool:
    return bool(weights.dtype.kind == "b" or ((weights == 0) | (weights == 1)).all())


def _real(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """Choose the real type for corrected counts: float32 holds 16-bit counts exactly."""
    return np.dtype(np.float64 if dtype.itemsize > 4 else np.float32)


def _see_counts(dtype: np.dtype[Any]) -> None:
    """Refuse what no detector counts."""
    if dtype.kind not in "buif" or dtype.itemsize > 8:
        raise DataError(
            f"frames of type {dtype} are not counts: give integers or real numbers of at most 64 "
            "bits"
        )


def _common_type(frames: Stack) -> np.dtype[Any]:
    """Choose a type for frames, each of which holds counts."""
    if isinstance(frames, np.ndarray | StoredStack):
        types = {frames.dtype}
    else:
        types = {frame.dtype for frame in frames}
    for dtype in types:
        _see_counts(dtype)
    return np.result_type(*types) if types else np.dtype(float)


def _runs(part: Stack, start: int) -> list[tuple[Array | StoredStack, slice]]:
    """Pair frames with where they go: one block, or one frame after the other."""
    if isinstance(part, np.ndarray | StoredStack):
        return [(part, slice(start, start + len(part)))]
    return [(frame[None], slice(k, k + 1)) for k, frame in enumerate(part, start)]


def _spread(work: Callable[[slice], None], first: int, stop: int, threads: int | None) -> None:
    """Let threads work on contiguous parts of the frames."""
    count = stop - first
    workers = max(1, min(count_processors() if threads is None else threads, count))
    edges = [first + count * k // workers for k in range(workers + 1)]
    parts = [slice(begin, end) for begin, end in pairwise(edges)]
    if workers == 1:
        work(parts[0])
        return
    with ThreadPoolExecutor(workers) as pool:
        for job in [pool.submit(work, part) for part in parts]:
            job.result()


def _by(shape: Sequence[int]) -> str:
    return " x ".join(str(n) for n in shape)
