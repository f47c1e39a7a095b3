"""How well probe times object explains what was measured."""

# ruff: noqa: PLR0917 - the arrays come first, by place; compiled functions take no keywords
from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ptypy.accelerate._arrays import check_measured
from ptypy.accelerate._buffers import lend
from ptypy.accelerate._compile import kernel
from ptypy.accelerate._detector import arrive, measured_at, take_piece
from ptypy.accelerate._frame import (
    HEIGHT,
    PIECE_ROWS,
    PIECES,
    STRIP_BYTES,
    STRIPS,
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
from ptypy.accelerate._patch import patch_size, view_of
from ptypy.accelerate._scene import Scene
from ptypy.accelerate._threads import count_threads, run_ranges
from ptypy.accelerate._transform import Transform

__all__ = ["model_error"]


@kernel
def compare_rows(
    tile: int, rows: int, modes: int, tile_bytes: int, amplitude: int
) -> tuple[float, float, float]:
    """Give the three sums of `model_error` for one piece."""
    nothing, one = spread(0.0), spread(1.0)
    distances, misfits, counts = nothing, nothing, nothing
    for i in range(rows):
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
    height, strips = peek(spec + HEIGHT), peek(spec + STRIPS)
    frame_bytes = strips * peek(spec + STRIP_BYTES)
    tile = frame + modes * frame_bytes
    zero(frame, modes * frame_bytes)
    for j in range(first, last):
        o, step, part = view_of(spec, obj, row, plane, corners, shifts, j, patch)
        for m in range(modes):
            p = probe + m * strips * height * ROW
            product_columns(spec, frame + m * frame_bytes, p, o, step, part)
        arrive(spec, frame, frame_bytes, modes, tile)
        sums = (0.0, 0.0, 0.0)
        for k in range(peek(spec + PIECES)):
            at, size = take_piece(spec, frame, frame_bytes, modes, k, tile)
            measured = measured_at(spec, amplitude, j, k)
            more = compare_rows(at, peek(spec + PIECE_ROWS), modes, size, measured)
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
    """Compare the model f = A(P O) of every frame with the measurement, I counts a pixel.

    A is the transform.

    Parameters
    ----------
    transform : Transform
    probe, obj, corners, shifts, threads
        As for `initial_waves`.
    amplitude : packed measured frames
        sqrt(I); see `Transform.pack_measured`.

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
    scene = Scene.of(transform, probe, obj, corners, shifts)
    check_measured("amplitude", transform, amplitude, scene.frames)
    errors = np.zeros((scene.frames, 3))
    parts = count_threads(threads, scene.frames)
    size = scene.modes * transform.scratch_size(1)
    with lend(parts, size + patch_size(transform, 2)) as scratch:

        def work(part: int, first: int, last: int) -> None:
            model_range(
                first,
                last,
                *scene.arguments,
                amplitude.ctypes.data,
                scratch[part].ctypes.data,
                scratch[part][size:].ctypes.data,
                errors.ctypes.data,
            )

        run_ranges(work, scene.frames, parts)
    return errors
