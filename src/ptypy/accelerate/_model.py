"""How well probe times object explains what was measured."""

# ruff: noqa: PLR0917 - the arrays come first, by place; compiled functions take no keywords
from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ptypy.accelerate._arrays import (
    Planes,
    Strips,
    check_measured,
    check_probe_and_object,
)
from ptypy.accelerate._buffers import lend
from ptypy.accelerate._compile import kernel
from ptypy.accelerate._frame import (
    BLOCK_BYTES,
    BLOCKS,
    HEIGHT,
    STRIP_BYTES,
    STRIPS,
    WIDTH,
    gather_rows,
    product_columns,
    sum_intensity,
    zero,
)
from ptypy.accelerate._lanes import (
    ROW,
    VECTOR,
    divide,
    inverse_root,
    keep_trusted,
    load,
    peek,
    put64,
    spread,
    total,
)
from ptypy.accelerate._patch import Places, patch_size, view_of
from ptypy.accelerate._threads import count_threads, run_ranges
from ptypy.accelerate._transform import Transform

__all__ = ["model_error"]


@kernel
def compare_rows(
    tile: int, width: int, modes: int, tile_bytes: int, amplitude: int
) -> tuple[float, float, float]:
    """Give the three sums of `model_error` for one row block."""
    nothing, one = spread(0.0), spread(1.0)
    distances, misfits, counts = nothing, nothing, nothing
    for i in range(width):
        measured = load(amplitude + i * VECTOR)
        intensity = sum_intensity(tile + i * ROW, modes, tile_bytes)
        count = keep_trusted(measured, measured * measured, nothing)
        distance = keep_trusted(measured, intensity * inverse_root(intensity) - measured, nothing)
        misfit = keep_trusted(measured, intensity - count, nothing)
        distances = distances + distance * distance
        misfits = misfits + divide(misfit * misfit, count + one)
        counts = counts + count
    return total(distances), total(misfits), total(counts)


@kernel
def model_range(
    first: int,
    last: int,
    spec: int,
    modes: int,
    probe: int,
    obj: int,
    row: int,
    plane: int,
    corners: int,
    shifts: int,
    amplitude: int,
    frame: int,
    patch: int,
    errors: int,
) -> None:
    """Compare model and measurement of frames ``first`` to ``last``."""
    height, width = peek(spec + HEIGHT), peek(spec + WIDTH)
    strips, blocks = peek(spec + STRIPS), peek(spec + BLOCKS)
    frame_bytes = strips * peek(spec + STRIP_BYTES)
    tile = frame + modes * frame_bytes
    zero(frame, modes * frame_bytes)
    for j in range(first, last):
        o, step, part = view_of(spec, obj, row, plane, corners, shifts, j, patch)
        for m in range(modes):
            p = probe + m * strips * height * ROW
            product_columns(spec, frame + m * frame_bytes, p, o, step, part)
        sums = (0.0, 0.0, 0.0)
        for block in range(blocks):
            gather_rows(spec, frame, frame_bytes, modes, block, tile)
            measured = amplitude + (j * blocks + block) * width * VECTOR
            more = compare_rows(tile, width, modes, peek(spec + BLOCK_BYTES), measured)
            sums = (sums[0] + more[0], sums[1] + more[1], sums[2] + more[2])
        put64(errors + 24 * j, sums[0])
        put64(errors + 24 * j + 8, sums[1])
        put64(errors + 24 * j + 16, sums[2])


def model_error(
    transform: Transform,
    probe: npt.NDArray[np.complex64],
    obj: npt.NDArray[np.complex64],
    corners: npt.NDArray[np.int64],
    amplitude: npt.NDArray[np.float32],
    *,
    shifts: npt.NDArray[np.float64] | None = None,
    threads: int | None = None,
) -> npt.NDArray[np.float64]:
    """Compare the model f = F(P O) of every frame with the measurement, I counts a pixel.

    Parameters
    ----------
    transform : Transform
    probe : (M, H, W) complex64
        Illumination, times the geometry's ``pre_phase``.
    obj : (Ho, Wo) complex64
        Transmission of the object.
    corners : (N, 2) int
        Row and column of the object's pixel under each frame's upper left pixel.
    shifts : (N, 2) float64, optional
        Part of a pixel, from 0 to below 1, by which each frame lies below and to the right of
        its corner; views are interpolated linearly. All on whole pixels if not given.
    amplitude : packed measured frames
        sqrt(I); see `Transform.pack_measured`.
    threads : int, optional
        See `default_threads`.

    Returns
    -------
    (N, 3) float64
        Sums over the trusted pixels of every frame: (|f| - sqrt(I))^2;
        (|f|^2 - I)^2 / (I + 1); I. |f|^2 is the sum over modes.

    Raises
    ------
    DataError
        If shapes or types do not fit, or a frame reaches beyond the object.
    """
    check_probe_and_object(transform, probe, obj)
    places = Places.of(transform, corners, shifts, obj.shape)
    check_measured("amplitude", transform, amplitude, len(corners))
    planes, strips = Planes.of(obj), Strips(transform, probe, transform.scale)
    errors = np.zeros((len(corners), 3))
    parts = count_threads(threads, len(corners))
    size = len(probe) * transform.scratch_size(1)
    with lend(parts, size + patch_size(transform, 2)) as scratch:

        def work(part: int, first: int, last: int) -> None:
            model_range(
                first,
                last,
                transform.spec.ctypes.data,
                len(probe),
                strips.address,
                planes.address,
                planes.row,
                planes.plane,
                *places.addresses,
                amplitude.ctypes.data,
                scratch[part].ctypes.data,
                scratch[part][size:].ctypes.data,
                errors.ctypes.data,
            )

        run_ranges(work, len(corners), parts)
    return errors
