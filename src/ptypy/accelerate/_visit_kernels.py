"""Kernels behind ``_epie``: frames visited one after the other."""

# ruff: noqa: PLR0917 - compiled functions take no keywords
from __future__ import annotations

from ptypy.accelerate._compile import kernel
from ptypy.accelerate._detector import measured_at
from ptypy.accelerate._frame import (
    FORWARD_AT,
    HEIGHT,
    PLAN_Y,
    STRIP_BYTES,
    STRIPS,
    WIDTH,
    corner_place,
    product_columns,
    zero,
)
from ptypy.accelerate._lanes import (
    ROW,
    VECTOR,
    call2,
    get64,
    load,
    maximum,
    peak,
    peek,
    put64,
    spread,
)
from ptypy.accelerate._modulus import fit_frame, fit_frame_within
from ptypy.accelerate._moves import give_sums, move_views, update_views
from ptypy.accelerate._patch import give_back, view_of
from ptypy.accelerate._project_kernels import mix_strip

__all__ = ["RULE", "visit_frames"]

RULE = (
    "object_step",
    "object_flat",
    "object_blend",
    "probe_step",
    "probe_flat",
    "probe_blend",
    "pull",
    "b",
    "c",
    "power_bound",
    "scale",
)
"""Numbers that hold for a whole sweep, in this order in a table (float64) of kernels."""

# Places in that table, [bytes].
OBJECT_STEP, OBJECT_FLAT, OBJECT_BLEND, PROBE_STEP, PROBE_FLAT, PROBE_BLEND = range(0, 48, 8)
PULL, B, C, POWER_BOUND, SCALE = range(48, 88, 8)


@kernel
def peak_view(spec: int, obj: int, row: int, plane: int, valid: int) -> float:
    """Give the largest |O|^2 of a view; ``valid`` is 1 in the last strip's lanes that count."""
    strips, largest = peek(spec + STRIPS), spread(0.0)
    for s in range(strips):
        o, strip_largest = obj + s * VECTOR, spread(0.0)
        for i in range(peek(spec + HEIGHT)):
            a, b = load(o + i * row), load(o + i * row + plane)
            strip_largest = maximum(strip_largest, a * a + b * b)
        if s == strips - 1:
            strip_largest = strip_largest * load(valid)
        largest = maximum(largest, strip_largest)
    result: float = peak(largest)
    return result


@kernel
def peak_rows(obj: int, row: int, plane: int, first: int, last: int, peaks: int) -> None:
    """Write the largest |O|^2 of rows ``first`` to ``last`` of the object (float64)."""
    for y in range(first, last):
        largest = spread(0.0)
        for at in range(obj + y * row, obj + (y + 1) * row, VECTOR):
            a, b = load(at), load(at + plane)
            largest = maximum(largest, a * a + b * b)
        put64(peaks + 8 * y, peak(largest))


@kernel
def largest_of(peaks: int, count: int) -> float:
    """Give the largest of some float64."""
    result = 0.0
    for k in range(count):
        result = max(result, get64(peaks + 8 * k))
    return result


@kernel
def mix_columns(
    spec: int,
    frame: int,
    probe: int,
    wave: int,
    obj: int,
    row: int,
    plane: int,
    c: float,
    scale: float,
) -> None:
    """Write c PO + (1 - c) psi as strips and transform their columns."""
    height, step = peek(spec + HEIGHT), peek(spec + STRIP_BYTES)
    plan, forward = peek(spec + PLAN_Y), peek(spec + FORWARD_AT)
    for s in range(peek(spec + STRIPS)):
        tile, o, place = frame + s * step, obj + s * VECTOR, s * height * ROW
        w, p = wave + place, probe + place
        mix_strip(height, tile, w, p, o, row, plane, c, (1.0 - c) * scale)
        call2(forward, tile, plan)


@kernel
def fit_view(
    spec: int,
    modes: int,
    probe: int,
    wave: int,
    obj: int,
    row: int,
    plane: int,
    rule: int,
    measured: int,
    frame: int,
    frame_bytes: int,
    tile: int,
) -> float:
    """Bring PO, or the mixture with a wave that is kept, to the detector; find what it lacks."""
    mode_bytes = peek(spec + STRIPS) * peek(spec + HEIGHT) * ROW
    for m in range(modes):
        t, p = frame + m * frame_bytes, probe + m * mode_bytes
        if wave == 0:
            product_columns(spec, t, p, obj, row, plane)
        else:
            w, scale = wave + m * mode_bytes, get64(rule + SCALE)
            mix_columns(spec, t, p, w, obj, row, plane, get64(rule + C), scale)
    error: float = 0.0
    bound = get64(rule + POWER_BOUND)
    if bound < 0.0:
        error = fit_frame(spec, frame, frame_bytes, tile, modes, measured)
    else:
        error = fit_frame_within(spec, frame, frame_bytes, tile, modes, measured, bound)
    return error


@kernel
def flat_part(flat: float, blend: float, peak_power: float, mean_power: float) -> float:
    """Give what a denominator has in common for all pixels."""
    return flat * mean_power if flat >= 0.0 else (1.0 - blend) * peak_power


@kernel
def visit_frames(
    spec: int,
    modes: int,
    probe: int,
    obj: int,
    row: int,
    plane: int,
    corners: int,
    shifts: int,
    order: int,
    count: int,
    object_rows: int,
    amplitude: int,
    rule: int,
    plain: int,
    waves: int,
    sums: int,
    probe_sums: int,
    peaks: int,
    probe_peak: float,
    light: float,
    frame: int,
    tile: int,
    patch: int,
    valid: int,
    errors: int,
) -> None:
    """Visit frames in order; ``peaks`` is one float64 a row of the object, or 0: local norm.

    ``rule`` is a table of numbers, see `RULE`; ``plain`` says that nothing is asked for but the
    two steps. ``sums`` and ``probe_sums`` (0: none) are what `move_views` adds to.
    """
    height, strips, scale = peek(spec + HEIGHT), peek(spec + STRIPS), get64(rule + SCALE)
    frame_bytes, wave_bytes = strips * peek(spec + STRIP_BYTES), strips * height * ROW
    pixels = height * peek(spec + WIDTH)
    object_step, object_blend = get64(rule + OBJECT_STEP), get64(rule + OBJECT_BLEND)
    probe_step, probe_blend = get64(rule + PROBE_STEP), get64(rule + PROBE_BLEND)
    probe_flat, keep = get64(rule + PROBE_FLAT), 1.0 if shifts == 0 else 0.0
    zero(frame, modes * frame_bytes)
    if peaks != 0:
        peak_rows(obj, row, plane, 0, object_rows, peaks)
    for k in range(count):
        j = peek(order + 8 * k)
        o, step, part = view_of(spec, obj, row, plane, corners, shifts, j, patch)
        wave = 0 if waves == 0 else waves + j * modes * wave_bytes
        measured = measured_at(spec, amplitude, j, 0)
        error = fit_view(
            spec, modes, probe, wave, o, step, part, rule, measured, frame, frame_bytes, tile
        )
        put64(errors + 24 * j, error)
        object_peak = 1.0
        if peaks != 0:
            object_peak = largest_of(peaks, object_rows)
        elif probe_step != 0.0 and probe_flat < 0.0:
            object_peak = peak_view(spec, o, step, part, valid)
        corner = obj + corner_place(corners, j, row)
        if plain != 0:
            change, probe_peak = update_views(
                spec,
                frame,
                frame_bytes,
                modes,
                probe,
                o,
                step,
                part,
                object_step / probe_peak if probe_peak > 0.0 else 0.0,
                probe_step / object_peak if object_peak > 0.0 else 0.0,
                keep,
                scale,
            )
        else:
            corner_sums = 0 if sums == 0 else sums + corner_place(corners, j, row)
            target, target_row, target_plane = corner_sums, row, plane
            if sums != 0 and shifts != 0:
                target, target_row, target_plane = patch + 2 * part, step, part
                zero(target, 3 * part)
            change, probe_peak, light = move_views(
                spec,
                frame,
                frame_bytes,
                modes,
                probe,
                wave,
                o,
                step,
                part,
                object_step,
                flat_part(get64(rule + OBJECT_FLAT), object_blend, probe_peak, light / pixels),
                object_blend,
                probe_step,
                flat_part(probe_flat, probe_blend, object_peak, 1.0),
                probe_blend,
                keep,
                1.0 - get64(rule + PULL),
                get64(rule + B),
                scale,
                target,
                target_row,
                target_plane,
                keep,
                probe_sums,
            )
            if sums != 0 and shifts != 0:
                give_sums(
                    height, strips, shifts, j, target, step, corner, plane, corner_sums, row, plane
                )
        if shifts != 0:
            give_back(height, strips, 2, shifts, j, o, step, corner, row, plane)
        put64(errors + 24 * j + 16, change / (pixels * scale * scale))
        if peaks != 0:
            top = peek(corners + 16 * j)
            last = min(top + height + 1, object_rows)
            peak_rows(obj, row, plane, top, last, peaks)
