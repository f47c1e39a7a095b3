"""What one frame, brought back from the detector, changes: its view, the probe, its wave, sums."""

# ruff: noqa: PLR0917 - compiled functions take no keywords
from __future__ import annotations

from ptypy.accelerate._compile import kernel
from ptypy.accelerate._frame import HEIGHT, STRIP_BYTES, STRIPS, inverse_columns
from ptypy.accelerate._lanes import (
    ROW,
    VALUE,
    VECTOR,
    Lanes,
    divide,
    get64,
    load,
    maximum,
    peak,
    peek,
    spread,
    store,
    total,
)
from ptypy.accelerate._patch import give_back

__all__ = ["give_sums", "move_views", "update_views"]

DARK = 1.0e-30
"""Added to denominators: where nothing is seen 0 / 0 is to be 0."""


@kernel
def update_views(
    spec: int,
    frame: int,
    frame_bytes: int,
    modes: int,
    probe: int,
    obj: int,
    row: int,
    plane: int,
    object_step: float,
    probe_step: float,
    keep: float,
    scale: float,
) -> tuple[float, float]:
    """Move object and probe; give sum |d|^2 and the largest |P|^2 there is now.

    ``frame`` is what `fit_frame` left. The probe, and so d, is packed times ``scale``. ``obj``
    becomes ``keep`` times what it was plus its move.
    """
    height, strips = peek(spec + HEIGHT), peek(spec + STRIPS)
    step, mode_bytes = peek(spec + STRIP_BYTES), strips * height * ROW
    bare = spread(scale * scale)
    for_object, for_probe, keeps = spread(object_step), spread(probe_step), spread(keep)
    largest, change = spread(0.0), 0.0
    for s in range(strips):
        for m in range(modes):
            inverse_columns(spec, frame + m * frame_bytes + s * step)
        squares = spread(0.0)
        for i in range(height):
            at = obj + s * VECTOR + i * row
            ore, oim = load(at), load(at + plane)
            move_re, move_im, power = spread(0.0), spread(0.0), spread(0.0)
            for m in range(modes):
                t = frame + m * frame_bytes + s * step + i * ROW
                p = probe + m * mode_bytes + (s * height + i) * ROW
                pre, pim = load(p), load(p + VECTOR)
                dre, dim = load(t) * bare, load(t + VECTOR) * bare
                squares = squares + dre * dre + dim * dim
                move_re = move_re + (pre * dre + pim * dim)
                move_im = move_im + (pre * dim - pim * dre)
                pre = pre + for_probe * (ore * dre + oim * dim)
                pim = pim + for_probe * (ore * dim - oim * dre)
                power = power + pre * pre + pim * pim
                store(p, pre)
                store(p + VECTOR, pim)
            largest = maximum(largest, power)
            store(at, keeps * ore + for_object * move_re)
            store(at + plane, keeps * oim + for_object * move_im)
        change += total(squares)
    return change, peak(largest)


@kernel
def add_at(address: int, vector: Lanes) -> None:
    """Add to a vector in memory."""
    store(address, load(address) + vector)


@kernel
def add_conjugate(address: int, a: Lanes, b: Lanes, c: Lanes, d: Lanes) -> None:
    """Add conj(a + ib) (c + id) to one row of a strip."""
    add_at(address, a * c + b * d)
    add_at(address + VECTOR, a * d - b * c)


@kernel
def power_at(probe: int, modes: int, mode_bytes: int) -> Lanes:
    """Give sum |P|^2 over modes of one row of a strip."""
    power = spread(0.0)
    for m in range(modes):
        re, im = load(probe + m * mode_bytes), load(probe + m * mode_bytes + VECTOR)
        power = power + re * re + im * im
    return power


@kernel
def move_views(
    spec: int,
    frame: int,
    frame_bytes: int,
    modes: int,
    probe: int,
    wave: int,
    obj: int,
    row: int,
    plane: int,
    object_step: float,
    object_flat: float,
    object_blend: float,
    probe_step: float,
    probe_flat: float,
    probe_blend: float,
    keep: float,
    lag: float,
    b: float,
    scale: float,
    sums: int,
    sums_row: int,
    sums_plane: int,
    own: float,
    probe_sums: int,
) -> tuple[float, float, float]:
    """Do as `update_views`, with all that a visit may ask for; give sum |P|^2, too.

    d is ``b`` times what the frame lacks plus ``lag`` times (psi - PO), psi being ``wave`` (0:
    PO), which becomes PO + d. Moves are divided by ``flat + blend |.|^2`` of the other partner,
    pixel by pixel. Unless they are 0, three planes at ``sums`` gain conj(P) d + ``own`` |P|^2 O
    and |P|^2, and ``probe_sums`` conj(O) (PO + d) of every mode, then |O|^2.
    """
    height, strips = peek(spec + HEIGHT), peek(spec + STRIPS)
    step, mode_bytes = peek(spec + STRIP_BYTES), strips * height * ROW
    bare, lags, owns, keeps = spread(b * scale * scale), spread(lag), spread(own), spread(keep)
    up, down = spread(scale), spread(1.0 / scale)
    for_object, for_probe = spread(object_step), spread(probe_step)
    flat_o, blend_o = spread(object_flat + DARK), spread(object_blend)
    flat_p, blend_p = spread(probe_flat + DARK), spread(probe_blend)
    largest, change, light = spread(0.0), 0.0, 0.0
    for s in range(strips):
        for m in range(modes):
            inverse_columns(spec, frame + m * frame_bytes + s * step)
        squares, powers = spread(0.0), spread(0.0)
        for i in range(height):
            at, place = obj + s * VECTOR + i * row, (s * height + i) * ROW
            ore, oim = load(at), load(at + plane)
            old, seen = power_at(probe + place, modes, mode_bytes), ore * ore + oim * oim
            to_object = divide(for_object, flat_o + blend_o * old)
            to_probe = divide(for_probe, flat_p + blend_p * seen)
            move_re, move_im, power = spread(0.0), spread(0.0), spread(0.0)
            for m in range(modes):
                t = frame + m * frame_bytes + s * step + i * ROW
                p = probe + m * mode_bytes + place
                pre, pim = load(p), load(p + VECTOR)
                dre, dim = load(t) * bare, load(t + VECTOR) * bare
                xre, xim = ore * pre - oim * pim, ore * pim + oim * pre
                if wave != 0:
                    w = wave + m * mode_bytes + place
                    dre = dre + lags * (up * load(w) - xre)
                    dim = dim + lags * (up * load(w + VECTOR) - xim)
                    store(w, down * (xre + dre))
                    store(w + VECTOR, down * (xim + dim))
                if probe_sums != 0:
                    add_conjugate(
                        probe_sums + m * mode_bytes + place, ore, oim, xre + dre, xim + dim
                    )
                squares = squares + dre * dre + dim * dim
                move_re = move_re + (pre * dre + pim * dim)
                move_im = move_im + (pre * dim - pim * dre)
                pre = pre + to_probe * (ore * dre + oim * dim)
                pim = pim + to_probe * (ore * dim - oim * dre)
                power = power + pre * pre + pim * pim
                store(p, pre)
                store(p + VECTOR, pim)
            if probe_sums != 0:
                add_at(probe_sums + modes * mode_bytes + (s * height + i) * VECTOR, seen)
            if sums != 0:
                q, known = sums + s * VECTOR + i * sums_row, owns * old
                add_at(q, move_re + known * ore)
                add_at(q + sums_plane, move_im + known * oim)
                add_at(q + 2 * sums_plane, old)
            largest, powers = maximum(largest, power), powers + power
            store(at, keeps * ore + to_object * move_re)
            store(at + plane, keeps * oim + to_object * move_im)
        change += total(squares)
        light += total(powers)
    return change, peak(largest), light


@kernel
def add_share(share: Lanes, obj: int, plane: int, sums: int, sums_plane: int) -> None:
    """Add ``share`` times the object to two planes, and ``share`` to the third."""
    add_at(sums, share * load(obj))
    add_at(sums + sums_plane, share * load(obj + plane))
    add_at(sums + 2 * sums_plane, share)


@kernel
def give_sums(
    height: int,
    strips: int,
    shifts: int,
    j: int,
    patch: int,
    patch_row: int,
    obj: int,
    plane: int,
    sums: int,
    row: int,
    sums_plane: int,
) -> None:
    """Add what frame ``j``, between pixels, says of the object to three planes.

    ``patch`` holds conj(P) d, two planes, and |P|^2. Four pixels get their shares of both, and
    the latter counts for the object that is there: where d is 0, the quotient is that object.
    """
    give_back(height, strips, 2, shifts, j, patch, patch_row, sums, row, sums_plane)
    down, right = spread(get64(shifts + 16 * j)), spread(get64(shifts + 16 * j + 8))
    for s in range(strips):
        p, at = patch + 2 * height * patch_row + s * VECTOR, s * VECTOR
        before = spread(0.0)
        for i in range(height + 1):
            here = spread(0.0)
            if i < height:
                here = load(p + i * patch_row)
            share = here + down * (before - here)
            aside = right * share
            o, t = obj + at + i * row, sums + at + i * row
            add_share(share - aside, o, plane, t, sums_plane)
            add_share(aside, o + VALUE, plane, t + VALUE, sums_plane)
            before = here
