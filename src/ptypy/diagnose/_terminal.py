"""Pictures in a terminal: half blocks of Unicode, two pixels to a character.

A character is about twice as high as wide, so the pixels are square. Where there are no colours,
shades of text stand for them, one character for two pixels above one another.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any, Literal, TextIO

import numpy as np
import numpy.typing as npt

__all__ = ["Depth", "colour_depth", "curve", "fit", "half_blocks", "resized", "side_by_side"]

Depth = Literal["true", "256", "text"]
Image = npt.NDArray[np.uint8]

SHADES = " .:-=+*#%@"
UPPER = "\u2580"
RESET = "\x1b[0m"
STEPS = np.array([0, 95, 135, 175, 215, 255])
"""Values of the colour cube of 256-colour terminals."""


def colour_depth(stream: TextIO) -> Depth:
    """Tell which colours a stream shows.

    Returns
    -------
    {'true', '256', 'text'}
        ``'text'`` for what is no terminal, or where ``NO_COLOR`` asks for none.
    """
    term = os.environ.get("TERM", "")
    if not stream.isatty() or os.environ.get("NO_COLOR") or term in ("", "dumb"):
        return "text"
    try:
        UPPER.encode(stream.encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return "text"
    if os.environ.get("COLORTERM", "").lower() in ("truecolor", "24bit"):
        return "true"
    return "256"


def fit(shape: tuple[int, int], columns: int, lines: int, aspect: float = 1.0) -> tuple[int, int]:
    """Give rows and columns [px] that a picture has in a part of a terminal.

    Parameters
    ----------
    shape : (height, width)
        Of the picture [px].
    columns, lines : int
        Room [characters].
    aspect : float
        Height of a pixel over its width.
    """
    high = shape[0] * aspect / shape[1]
    width = min(columns, max(1, int(2 * lines / high)))
    height = max(2, round(width * high))
    return height + height % 2, max(1, width)


def resized(image: npt.NDArray[np.floating], size: tuple[int, int]) -> npt.NDArray[np.float32]:
    """Bring an image (H, W) to another size: the mean of what becomes one pixel."""
    from PIL import Image as Pictures  # comes with matplotlib

    picture = Pictures.fromarray(np.ascontiguousarray(image, dtype=np.float32))
    grows = size[0] > image.shape[0] or size[1] > image.shape[1]
    how = Pictures.Resampling.NEAREST if grows else Pictures.Resampling.BOX
    return np.asarray(picture.resize((size[1], size[0]), how), dtype=np.float32)


def half_blocks(image: Image, depth: Depth) -> list[str]:
    """Write a picture in characters.

    Parameters
    ----------
    image : (H, W, 3) uint8
        H is even.
    depth : {'true', '256', 'text'}

    Returns
    -------
    list of str
        H / 2 lines of W characters each, colours not counted.
    """
    if depth == "text":
        bright = image.astype(np.float64) @ (0.299, 0.587, 0.114) / 255
        pairs = (bright[0::2] + bright[1::2]) / 2
        index = np.minimum((pairs * len(SHADES)).astype(int), len(SHADES) - 1)
        return ["".join(SHADES[k] for k in row) for row in index]
    lines = []
    for upper, lower in zip(image[0::2], image[1::2], strict=True):
        parts, last = [], ""
        for above, below in zip(upper, lower, strict=True):
            colour = f"\x1b[{_code(above, depth, 38)};{_code(below, depth, 48)}m"
            # Neighbours are often of one colour: it is not said again.
            parts.append(UPPER if colour == last else colour + UPPER)
            last = colour
        lines.append("".join(parts) + RESET)
    return lines


def _code(pixel: Any, depth: Depth, ground: int) -> str:
    red, green, blue = (int(n) for n in pixel)
    if depth == "true":
        return f"{ground};2;{red};{green};{blue}"
    return f"{ground};5;{_nearest(red, green, blue)}"


def _nearest(red: int, green: int, blue: int) -> int:
    """Find the nearest of 256 colours: in the cube of 6 x 6 x 6, or among 24 greys."""
    colour = np.array([red, green, blue])
    cube = np.abs(STEPS[None, :] - colour[:, None]).argmin(axis=1)
    grey = int(np.clip(round((colour.mean() - 8) / 10), 0, 23))
    away = np.abs(STEPS[cube] - colour).sum()
    if np.abs(8 + 10 * grey - colour).sum() < away:
        return 232 + grey
    return int(16 + 36 * cube[0] + 6 * cube[1] + cube[2])


def side_by_side(pictures: Sequence[tuple[str, Sequence[str], int]], gap: int = 2) -> list[str]:
    """Put pictures beside one another, each under its title.

    Parameters
    ----------
    pictures : sequence of (title, lines, width)
        Width in characters, without what colours take.
    """
    height = max(len(lines) for _, lines, _ in pictures)
    between = " " * gap
    titles = between.join(title[:width].ljust(width) for title, _, width in pictures)
    rows = [titles.rstrip()]
    for number in range(height):
        parts = [
            lines[number] if number < len(lines) else " " * width for _, lines, width in pictures
        ]
        rows.append(between.join(parts))
    return rows


def curve(
    points: npt.NDArray[np.floating], columns: int, lines: int, *, braille: bool = True
) -> list[str]:
    """Draw points into characters, eight dots of Braille in each; or stars.

    Parameters
    ----------
    points : (n, 2)
        (y, x) from 0, the upper and left edge, to 1.
    columns, lines : int
        Size [characters].
    braille : bool
        Use dots of Braille.
    """
    rows, width = (4 * lines, 2 * columns) if braille else (lines, columns)
    grid = np.zeros((rows, width), bool)
    known = points[np.isfinite(points).all(axis=1)]
    y, x = (np.clip(np.rint(known[:, k] * (n - 1)), 0, n - 1).astype(int)
            for k, n in ((0, rows), (1, width)))  # fmt: skip
    grid[y, x] = True
    if not braille:
        return ["".join("*" if dot else " " for dot in row) for row in grid]
    bits = np.array([[0x01, 0x08], [0x02, 0x10], [0x04, 0x20], [0x40, 0x80]])
    cells = grid.reshape(lines, 4, columns, 2).transpose(0, 2, 1, 3)
    codes = 0x2800 + (cells * bits).sum(axis=(2, 3))
    return ["".join(chr(code) for code in row) for row in codes]
