"""How one frame gets from the object to the detector, and the layouts that belong to it."""

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
    pair_factors,
    prefers_rader,
    primitive_powers,
    rader_kernel,
    twiddle_factors,
)
from ptypy.accelerate._stages import FORWARD, GATHER, INVERSE, PLAN_WORDS, SCATTER, stage
from ptypy.accelerate._threads import count_threads, run_ranges
from ptypy.errors import DataError

__all__ = ["Transform"]

_ROUNDING = 1e-5


class Transform:
    """How the wave behind the object becomes the wave on the detector, for frames of one shape.

    In the far field it is the orthonormal Fourier transform, f = F(psi). In the near field it is
    f = F^-1[H F(psi)] with a transfer function H, and both planes have the same pixels.

    Any shape will do, square or not; shapes whose edges are products of 2, 3, 5 and 7 are the
    fastest. A transform holds tables only: it may be shared between threads and never changes.

    Exit waves and measured frames are kept in layouts that suit the kernels:

    * *waves*, float32 of shape (N, M, S, H, 2, L): strips of L columns, real and imaginary
      parts apart; S = ceil(W / L). Columns beyond W are zero.
    * *packed* measured frames, float32: in the order in which the wave arrives in the detector
      plane. For a far field of shape (N, B, W, L), B = ceil(H / L), frequencies as the
      transform leaves them; for a near field of shape (N, S, H, L), strips. Untrusted pixels
      are negative.

    L is 16 on processors with AVX-512, else 8.

    Parameters
    ----------
    shape : (int, int)
        Height H and width W of a frame [px].
    transfer : (H, W) complex, optional
        Transfer function of a near field, zero frequency at pixel (0, 0) as `numpy.fft` has it;
        of modulus at most 1. The adjoint of the transform uses its conjugate, which is the
        inverse where the modulus is 1. A far field if not given.

    Raises
    ------
    DataError
        If a frame has no pixel, or ``transfer`` has another shape, is not finite, or amplifies.

    Examples
    --------
    >>> Transform((48, 80)).shape
    (48, 80)
    """

    __slots__ = ("_factors", "_orders", "_plans", "_shape", "_spec", "_tables", "_transfer")

    def __init__(
        self,
        shape: tuple[int, int],
        transfer: npt.NDArray[np.complexfloating[Any, Any]] | None = None,
    ) -> None:
        if len(shape) != 2 or min(shape) < 1:
            raise DataError(f"a frame has a height and a width of at least 1 px, not {shape}")
        height, width = int(shape[0]), int(shape[1])
        self._shape = (height, width)
        plans = [_make_plan(n) for n in self._shape]
        self._plans = [words for words, _, _ in plans]
        self._tables = [tables for _, tables, _ in plans]
        self._orders = [order for _, _, order in plans]
        self._transfer = None if transfer is None else _check_transfer(transfer, self._shape)
        self._factors = None if self._transfer is None else self._order_factors(self._transfer)
        strips, blocks = self.strips, self.blocks
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
                *self.measured_shape(0)[1:3],
                0 if self._factors is None else self._factors.ctypes.data,
            ],
            np.int64,
        )
        self._spec.flags.writeable = False

    def __repr__(self) -> str:
        return f"Transform({self._shape}{'' if self._transfer is None else ', transfer'})"

    def __reduce__(self) -> tuple[Any, ...]:
        # The tables hold addresses of this process: make them anew elsewhere.
        return Transform, (self._shape, self._transfer)

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width of a frame [px]."""
        return self._shape

    @property
    def transfer(self) -> npt.NDArray[np.complex64] | None:
        """Transfer function of a near field, shape (H, W); None for a far field."""
        return self._transfer

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
        """Factor that makes one sweep of the bare transform conserve the sum of |psi|^2.

        1 for a near field, whose two sweeps are normalised by its table of factors.
        """
        if self._factors is not None:
            return 1.0
        return float((self._shape[0] * self._shape[1]) ** -0.5)

    def scratch_size(self, blocks: int) -> int:
        """How many float32 a kernel needs for one mode: the frame, ``blocks`` pieces beside it.

        A near field works on its pieces in place and needs one at most.
        """
        frame = self.strips * self.blocks * LANES
        if self._factors is not None:
            blocks = min(blocks, 1)
        return (frame + blocks * self.strips * LANES) * 2 * LANES

    def wave_shape(self, n: int, modes: int) -> tuple[int, ...]:
        """Give the shape of ``n`` packed exit waves of ``modes`` modes each."""
        return (n, modes, self.strips, self._shape[0], 2, LANES)

    def measured_shape(self, n: int) -> tuple[int, ...]:
        """Give the shape of ``n`` packed measured frames."""
        height, width = self._shape
        if self._factors is not None:
            return (n, self.strips, height, LANES)
        return (n, self.blocks, width, LANES)

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
        """Bring measured frames (counts or amplitudes) into the order of the detector plane.

        Parameters
        ----------
        values : (N, H, W) real
            In the far field, zero frequency at pixel (H // 2, W // 2). Negative values of
            trusted pixels (a dark image too large) become 0; values that are not finite make
            their pixel untrusted.
        mask : (H, W) or (N, H, W) bool
            True where a pixel may be trusted.
        threads : int, optional
            See `default_threads`.

        Returns
        -------
        packed measured frames, float32
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
        across, along = self._find_pixels()

        def work(_: int, first: int, last: int) -> None:
            step = max(1, 2**22 // (height * width))
            for start in range(first, last, step):
                stop = min(start + step, last)
                chunk = np.ascontiguousarray(values[start:stop], np.float32)
                trusted = mask[None] if common else mask[start:stop]
                pack_frames(
                    stop - start,
                    len(across),
                    len(along),
                    chunk.ctypes.data,
                    trusted.ctypes.data,
                    0 if common else height * width,
                    across.ctypes.data,
                    along.ctypes.data,
                    packed[start:stop].ctypes.data,
                )

        run_ranges(work, len(values), count_threads(threads, len(values)))
        return packed

    def _find_pixels(self) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """Say which pixels of a frame stand in the detector plane, as offsets [px] to be added.

        Returns
        -------
        across, along : int64
            One offset for each lane of all pieces; one for each row of a piece.
        """
        height, width = self._shape
        if self._factors is not None:
            return np.arange(width), np.arange(height) * width
        rows = (self._orders[0] + height // 2) % height
        return rows * width, (self._orders[1] + width // 2) % width

    def _order_factors(self, transfer: npt.NDArray[np.complex64]) -> npt.NDArray[np.float32]:
        """Give H / (height width) as the transform leaves a frame: row blocks of (W, 2, L)."""
        height, width = self._shape
        factors = aligned_zeros((self.blocks, width, 2, LANES))
        ordered = transfer[np.ix_(*self._orders)] / np.float32(height * width)
        for block in range(self.blocks):
            rows = ordered[block * LANES : (block + 1) * LANES].T
            factors[block, :, 0, : rows.shape[1]] = rows.real
            factors[block, :, 1, : rows.shape[1]] = rows.imag
        return factors


def _check_transfer(transfer: Any, shape: tuple[int, int]) -> npt.NDArray[np.complex64]:
    """Give a transfer function as a complex64 array of its own, read only."""
    given = np.asarray(transfer)
    if given.shape != shape or given.dtype.kind not in "fc":
        raise DataError(
            f"transfer is {given.dtype} of shape {given.shape}; it must be complex of shape {shape}"
        )
    largest = float(np.abs(given).max())
    if not largest <= 1 + _ROUNDING:
        raise DataError(
            f"transfer has a modulus of {largest:.6g}; it must be finite and at most 1: "
            f"no wave gains intensity on its way to the detector"
        )
    own = given.astype(np.complex64)
    own.flags.writeable = False
    return own


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
        twiddles, factors = twiddle_factors(length, radix), _make_factors(radix)
        tables += [twiddles, *factors]
        addresses = [stage(radix, inverse=False).address, stage(radix, inverse=True).address]
        words += [*addresses, length, radix, twiddles.ctypes.data, factors[0].ctypes.data]
        length //= radix
    assert len(words) == 2 + PLAN_WORDS * len(radices)  # noqa: S101
    return np.array(words, np.int64), tables, output_order(radices)


def _make_factors(radix: int) -> list[npt.NDArray[Any]]:
    """Give the factors of one stage, then what they point to."""
    if not prefers_rader(radix):
        return [pair_factors(radix)]
    words, tables, _ = _make_plan(radix - 1)
    powers, kernel = primitive_powers(radix), rader_kernel(radix)
    addresses = [FORWARD.address, INVERSE.address]
    addresses += [table.ctypes.data for table in (words, powers, kernel)]
    return [np.array(addresses, np.int64), words, powers, kernel, *tables]
