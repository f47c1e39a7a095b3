"""Where how much light of the probe fell: sum of |P|^2 over the frames, as a plane."""

# ruff: noqa: PLR0917 - compiled functions take no keywords
from __future__ import annotations

from ptypy.accelerate._compile import kernel
from ptypy.accelerate._frame import HEIGHT, STRIPS, corner_place
from ptypy.accelerate._lanes import ROW, VECTOR, load, peek, spread, store
from ptypy.accelerate._patch import give_back, patch_row

__all__ = ["add_powers"]


@kernel
def add_powers(
    first: int,
    last: int,
    spec: int,
    modes: int,
    probe: int,
    corners: int,
    shifts: int,
    sums: int,
    row: int,
    patch: int,
) -> None:
    """Add |P|^2 of all modes where frames ``first`` to ``last`` lie; ``patch``: room for a view.

    It is the same for every frame, so that it is calculated once, and the waves are not needed.
    """
    height, strips, step = peek(spec + HEIGHT), peek(spec + STRIPS), patch_row(spec)
    for s in range(strips):
        for i in range(height):
            power = spread(0.0)
            for m in range(modes):
                p = probe + ((m * strips + s) * height + i) * ROW
                a, b = load(p), load(p + VECTOR)
                power = power + a * a + b * b
            store(patch + i * step + s * VECTOR, power)
    for j in range(first, last):
        corner = sums + corner_place(corners, j, row)
        if shifts != 0:
            give_back(height, strips, 1, shifts, j, patch, step, corner, row, 0)
            continue
        for i in range(height):
            source, target = patch + i * step, corner + i * row
            for at in range(0, strips * VECTOR, VECTOR):
                store(target + at, load(target + at) + load(source + at))
