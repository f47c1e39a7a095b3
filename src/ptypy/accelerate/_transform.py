"""The 2-D Fourier transform of one frame, and the layouts that belong to it."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import numpy.typing as npt

from ptypy.accelerate._buffers import aligned_zeros
from ptypy.accelerate._compile import LANES
from ptypy.accelerate._lanes import ROW
from ptypy.accelerate._pack import join_strips, pack_frames, split_strips
from ptypy.accelerate._plan import (
    choose_radices,
    output_order,
    roots_of_unity,
    twiddle_factors,
)
from ptypy.accelerate._stages import FORWARD, GATHER, INVERSE, PLAN_WORDS, SCATTER, stage
from ptypy.accelerate._threads import count_threads, run_ranges
from ptypy.errors import DataError

__all__ = ["Transform"]


class Transform:
    """The orthonormal 2-D Fourier transform of frames of one shape.

    Any shape will do, square or not; shapes whose edges are products of 2, 3, 5 and 7 are
    fast. A transform holds tables only: it may be shared between threads and never changes.

    Exit waves and measured frames are kept in layouts that suit the kernels:

    * *waves*, float32 of shape (N, M, S, H, 2, L): strips of L columns, real and imaginary
      parts apart; S = ceil(W / L). Columns beyond W are zero.
    * *packed* measured frames, float32 of shape (N, B, W, L): in the order in which the
      forward transform leaves its result; B = ceil(H / L). Untrusted pixels are negative.

    L is 16 on processors with AVX-512, else 8.

    Parameters
    ----------
    shape : (int, int)
        Height H and width W of a frame [px].

    Examples
    --------
    >>> Transform((48, 80)).shape
    (48, 80)
    """

    __slots__ = ("_orders", "_plans", "_shape", "_spec", "_tables")

    def __init__(self, shape: tuple[int, int]) -> None:
        if len(shape) != 2 or min(shape) < 1:
            raise DataError(f"a frame has a height and a width of at least 1 px, not {shape}")
        height, width = int(shape[0]), int(shape[1])
        self._shape = (height, width)
        plans = [_make_plan(n) for n in self._shape]
        self._plans = [words for words, _, _ in plans]
        self._tables = [tables for _, tables, _ in plans]
        self._orders = [order for _, _, order in plans]
        strips, blocks = -(-width // LANES), -(-height // LANES)
        self._spec = np.array(
            [
                height,
                width,
                strips,
                blocks,
                blocks * LANES * ROW,  # one strip of a frame in scratch memory
                strips * LANES * ROW,  # one row block in scratch memory
                self._plans[0].ctypes.data,
                self._plans[1].ctypes.data,
                FORWARD.address,
                INVERSE.address,
                GATHER.address,
                SCATTER.address,
            ],
            np.int64,
        )
        self._spec.flags.writeable = False

    def __repr__(self) -> str:
        return f"Transform({self._shape})"

    def __reduce__(self) -> tuple[Any, ...]:
        # The tables hold addresses of this process: make them anew elsewhere.
        return Transform, (self._shape,)

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width of a frame [px]."""
        return self._shape

    @property
    def spec(self) -> npt.NDArray[np.int64]:
        """What kernels need to know of the transform: sizes, then addresses (see ``_frame``)."""
        return self._spec

    @property
    def strips(self) -> int:
        """How many strips of L columns cover a frame."""
        return -(-self._shape[1] // LANES)

    @property
    def blocks(self) -> int:
        """How many blocks of L rows cover a frame."""
        return -(-self._shape[0] // LANES)

    @property
    def scale(self) -> float:
        """Factor that makes one sweep of the bare transform orthonormal."""
        return float((self._shape[0] * self._shape[1]) ** -0.5)

    def scratch_size(self, blocks: int) -> int:
        """How many float32 a kernel needs for one mode: the frame and ``blocks`` row blocks."""
        frame = self.strips * self.blocks * LANES
        return (frame + blocks * self.strips * LANES) * 2 * LANES

    def wave_shape(self, n: int, modes: int) -> tuple[int, ...]:
        """Give the shape of ``n`` packed exit waves of ``modes`` modes each."""
        return (n, modes, self.strips, self._shape[0], 2, LANES)

    def measured_shape(self, n: int) -> tuple[int, ...]:
        """Give the shape of ``n`` packed measured frames."""
        return (n, self.blocks, self._shape[1], LANES)

    def empty_waves(self, n: int, modes: int) -> npt.NDArray[np.float32]:
        """Give room for ``n`` exit waves of ``modes`` modes, all zero."""
        return aligned_zeros(self.wave_shape(n, modes))

    def pack_waves(self, waves: npt.NDArray[np.complex64]) -> npt.NDArray[np.float32]:
        """Bring exit waves into the kernels' layout.

        Parameters
        ----------
        waves : (N, M, H, W) complex64

        Returns
        -------
        (N, M, S, H, 2, L) float32
        """
        if waves.ndim != 4 or waves.shape[2:] != self._shape:
            raise DataError(
                f"waves have the shape {waves.shape}; "
                f"this transform takes (N, M, {self._shape[0]}, {self._shape[1]})"
            )
        packed = self.empty_waves(*waves.shape[:2])
        frames = waves.shape[0] * waves.shape[1]
        pairs = np.ascontiguousarray(waves, np.complex64)
        split_strips(pairs.ctypes.data, frames, *self._shape, 1.0, packed.ctypes.data)
        return packed

    def unpack_waves(self, packed: npt.NDArray[np.float32]) -> npt.NDArray[np.complex64]:
        """Bring exit waves back into natural order: undo `pack_waves`.

        Parameters
        ----------
        packed : (N, M, S, H, 2, L) float32

        Returns
        -------
        (N, M, H, W) complex64
        """
        if packed.ndim != 6 or packed.shape != self.wave_shape(*packed.shape[:2]):
            raise DataError(
                f"packed waves have the shape {packed.shape}; "
                f"this transform takes {('N', 'M', *self.wave_shape(0, 0)[2:])}"
            )
        packed = np.ascontiguousarray(packed, np.float32)
        waves = np.empty((*packed.shape[:2], *self._shape), np.complex64)
        frames = packed.shape[0] * packed.shape[1]
        join_strips(packed.ctypes.data, frames, *self._shape, 1.0, waves.ctypes.data)
        return waves

    def pack_measured(
        self,
        values: npt.NDArray[Any],
        mask: npt.NDArray[np.bool_],
        *,
        threads: int | None = None,
    ) -> npt.NDArray[np.float32]:
        """Bring measured frames (counts or amplitudes) into the transform's order.

        Parameters
        ----------
        values : (N, H, W) real
            Zero frequency at pixel (H // 2, W // 2). Negative values of trusted pixels (a dark
            image too large) become 0; values that are not finite make their pixel untrusted.
        mask : (H, W) or (N, H, W) bool
            True where a pixel may be trusted.
        threads : int, optional
            See `default_threads`.

        Returns
        -------
        (N, B, W, L) float32
            Untrusted pixels, and those beyond the frame, are -1.
        """
        values, mask = np.asarray(values), np.asarray(mask)
        if values.ndim != 3 or values.shape[1:] != self._shape or values.dtype.kind not in "fiub":
            height, width = self._shape
            raise DataError(
                f"frames are {values.dtype} of shape {values.shape}; "
                f"this transform takes real numbers of shape (N, {height}, {width})"
            )
        if mask.shape not in {self._shape, values.shape} or mask.dtype != np.bool_:
            raise DataError(
                f"mask is {mask.dtype} of shape {mask.shape}; it must be bool "
                f"of shape {self._shape} or {values.shape}"
            )
        mask = np.ascontiguousarray(mask)
        common = mask.ndim == 2
        packed = aligned_zeros(self.measured_shape(len(values)))
        height, width = self._shape
        rows = (self._orders[0] + height // 2) % height
        columns = (self._orders[1] + width // 2) % width

        def work(_: int, first: int, last: int) -> None:
            step = max(1, 2**22 // (height * width))
            for start in range(first, last, step):
                stop = min(start + step, last)
                chunk = np.ascontiguousarray(values[start:stop], np.float32)
                trusted = mask[None] if common else mask[start:stop]
                pack_frames(
                    stop - start,
                    height,
                    width,
                    chunk.ctypes.data,
                    trusted.ctypes.data,
                    0 if common else height * width,
                    rows.ctypes.data,
                    columns.ctypes.data,
                    packed[start:stop].ctypes.data,
                )

        run_ranges(work, len(values), count_threads(threads, len(values)))
        return packed


@functools.cache
def _make_plan(n: int) -> tuple[npt.NDArray[np.int64], list[npt.NDArray[np.float32]], Any]:
    """Lay out the stages of a transform of ``n`` points for ``_stages``.

    Returns
    -------
    words : (2 + 6 * stages,) int64
        n, number of stages; for every stage the addresses and sizes of ``PLAN_WORDS``.
    tables : list
        What the addresses point to; to be kept alive.
    order : (n,) int64
        Frequency at every place of the result.
    """
    radices = choose_radices(n)
    words, tables, length = [n, len(radices)], [], n
    for radix in radices:
        twiddles, roots = twiddle_factors(length, radix), roots_of_unity(radix)
        tables += [twiddles, roots]
        addresses = [stage(radix, inverse=False).address, stage(radix, inverse=True).address]
        words += [*addresses, length, radix, twiddles.ctypes.data, roots.ctypes.data]
        length //= radix
    assert len(words) == 2 + PLAN_WORDS * len(radices)  # noqa: S101
    return np.array(words, np.int64), tables, output_order(radices)
