"""What a file holds, as a picture in a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ptypy.diagnose._draw_file import parts_of
from ptypy.diagnose._frame_sample import FrameSample, sample_frames
from ptypy.diagnose._inspect import kind_of_file
from ptypy.diagnose._lengths import write_length
from ptypy.diagnose._terminal import Depth, curve, fit, half_blocks, resized, side_by_side
from ptypy.io.h5tree import saying

__all__ = ["show_file"]

Colours = npt.NDArray[np.uint8]
MASKED = (0x4C, 0xC9, 0xF0)
LEAST = 24
"""Narrower than this no picture is put beside others [characters]."""


def show_file(
    source: str | Path,
    *,
    columns: int = 80,
    lines: int = 40,
    depth: Depth = "text",
    what: Sequence[str] | None = None,
    place: str | None = None,
    number: int | None = None,
    full: bool = False,
) -> str:
    """Draw what a file holds with characters.

    Parameters
    ----------
    source : path
        A result, a prepared scan, or raw data.
    columns, lines : int
        Size of the terminal [characters].
    depth : {'true', '256', 'text'}
        Colours that it shows; see `colour_depth`.
    what, place, number, full
        As for `draw_file`.

    Returns
    -------
    str

    Raises
    ------
    FormatError, DataError, ParameterError
        As for `draw_file`.
    """
    kind = kind_of_file(source)
    parts = parts_of(kind, what)
    room = max(6, lines - 4)
    if kind == "ptyr":
        with saying(source):
            rows = _show_result(source, parts, columns, room, depth)
    else:
        sample = sample_frames(source, place=place, number=number, full=full)
        rows = _show_data(sample, parts, columns, room, depth)
    return "\n".join(rows)


def _show_data(
    sample: FrameSample, parts: Sequence[str], columns: int, lines: int, depth: Depth
) -> list[str]:
    height, width = sample.frame.shape
    rows = [f"{sample.name}: {sample.count} frames of {height} x {width} px"]
    if "frames" in parts:
        of = len(sample.looked_at)
        single = np.asarray(sample.frame, dtype=np.float64)
        panels = [
            (f"mean of {of}", sample.mean, sample.ever),
            (f"maximum of {of}", sample.maximum, sample.ever),
            (f"frame {sample.number}", single, sample.mask),
        ]
        count = max(1, min(3, (columns + 2) // (LEAST + 2)))
        size = fit((height, width), (columns - 2 * (count - 1)) // count, lines)
        drawn = [
            (f"{title}, up to {_top(image, mask):.4g}", _log_picture(image, mask, size), size[1])
            for title, image, mask in (panels if count > 1 else [panels[0], panels[2]])
        ]
        for first in range(0, len(drawn), count):
            some = [
                (t, half_blocks(picture, depth), w)
                for t, picture, w in drawn[first : first + count]
            ]
            rows += side_by_side(some)
        shade = "bright" if depth == "text" else "blue"
        rows.append(f"logarithmic scale over five decades at most; masked pixels are {shade}")
    if "positions" in parts and sample.positions is not None:
        rows += ["", *_show_positions(sample.positions, columns, lines, depth)]
    return rows


def _top(image: npt.NDArray[np.floating], mask: npt.NDArray[np.bool_]) -> float:
    values = image[mask & np.isfinite(image)]
    return float(values.max()) if values.size else 0.0


def _log_picture(
    image: npt.NDArray[np.floating], mask: npt.NDArray[np.bool_], size: tuple[int, int]
) -> Colours:
    """Colour counts on a logarithmic scale; mostly masked pixels are blue."""
    share = resized(mask.astype(np.float32), size)
    counts = resized(np.where(mask, np.nan_to_num(image), 0), size) / np.maximum(share, 1e-6)
    high = max(float(counts.max()), 1e-12)
    low = max(high * 1e-5, float(np.percentile(counts[counts > 0], 1)) if (counts > 0).any() else 0)
    low = min(low, high / 10)
    scaled = np.log(np.clip(counts, low, high) / low) / np.log(high / low)
    picture = _coloured(scaled, "magma")
    picture[share < 0.5] = MASKED
    return picture


def _coloured(scaled: npt.NDArray[np.floating], name: str) -> Colours:
    """Give the colours (H, W, 3) of values from 0 to 1."""
    from matplotlib import colormaps

    return np.asarray(colormaps[name](np.nan_to_num(scaled), bytes=True)[..., :3])


def _show_positions(
    positions: npt.NDArray[np.float64], columns: int, lines: int, depth: Depth
) -> list[str]:
    """Draw positions as dots, in the shape they have on the sample."""
    known = positions[np.isfinite(positions).all(axis=1)]
    if not len(known):
        return ["positions: none is a finite number"]
    first, extent = known.min(axis=0), np.ptp(known, axis=0)
    shape = np.maximum(extent, max(float(extent.max()), 1e-30) / 20)
    height, width = fit((float(shape[0]), float(shape[1])), min(columns, 60), max(6, lines // 2))  # type: ignore[arg-type]
    points = (known - first) / np.where(extent > 0, extent, 1)
    far = " x ".join(write_length(float(n)) for n in extent)
    title = f"{len(positions)} positions over {far} (y x x)"
    return [title, *curve(points, width, height // 2, braille=depth != "text")]


def _show_result(
    source: str | Path, parts: Sequence[str], columns: int, lines: int, depth: Depth
) -> list[str]:
    from ptypy.diagnose._make import read_result
    from ptypy.diagnose._overview import curve_of, title_of

    result = read_result(source)
    one = result.select(next(iter(result.objects))).without_ramp()
    rows = [title_of(result)]
    pictures: list[tuple[str, Colours]] = []
    count = max(1, min(3, (columns + 2) // (LEAST + 2)))
    room = (columns - 2 * (count - 1)) // count
    if "object" in parts:
        pictures += _object_pictures(one, room, lines, depth)
    if "probe" in parts:
        pictures += _probe_pictures(one, room, lines)
    for first in range(0, len(pictures), count):
        some = [(title, half_blocks(image, depth), image.shape[1])
                for title, image in pictures[first : first + count]]  # fmt: skip
        rows += side_by_side(some)
    if "error" in parts:
        rows += _show_errors(*curve_of(result), columns, depth)
    if "positions" in parts and one.positions is not None:
        rows += _show_positions(one.positions, columns, lines, depth)
    return rows


def _object_pictures(result: Any, room: int, lines: int, depth: Depth) -> list[tuple[str, Colours]]:
    """Colour phase and amplitude of the object, cut to where it is known."""
    ((label, obj),) = result.objects.items()
    seen = result.seen_of(label)
    rows, across = (np.flatnonzero(seen.any(axis=axis)) for axis in (1, 0))
    cut = np.s_[rows[0] : rows[-1] + 1, across[0] : across[-1] + 1] if len(rows) else np.s_[:, :]
    data, known = obj.data[0][cut], seen[cut] if len(rows) else np.ones(obj.data.shape[-2:], bool)
    phase = np.angle(data * np.exp(-1j * np.angle(np.sum(data[known]))))
    size = fit(data.shape, room, lines, float(obj.pixel_size[0] / obj.pixel_size[1]))
    found = []
    # Of 256 colours 24 are greys, and hardly any those of bone.
    shades = "bone" if depth == "true" else "gray"
    for image, name, colours in ((phase, "phase", shades), (np.abs(data), "amplitude", "gray")):
        low, high = (float(n) for n in np.percentile(image[known], (2, 98)))
        scaled = (resized(np.where(known, image, low), size) - low) / max(high - low, 1e-12)
        unit = " rad" if name == "phase" else ""
        found.append(
            (f"{name} {low:.3g} … {high:.3g}{unit}", _coloured(np.clip(scaled, 0, 1), colours))
        )
    return found


def _probe_pictures(result: Any, room: int, lines: int) -> list[tuple[str, Colours]]:
    """Colour the first mode of the probe: brightness is amplitude, hue is phase."""
    from matplotlib.colors import hsv_to_rgb

    (probe,) = result.probes.values()
    field = probe.orthogonal() if len(probe.data) > 1 else probe
    mode = field.data[0]
    size = fit(mode.shape, room, lines, float(probe.pixel_size[0] / probe.pixel_size[1]))
    small = resized(mode.real, size) + 1j * resized(mode.imag, size)
    bright = np.abs(small) / max(float(np.abs(small).max()), 1e-30)
    hue = (np.angle(small) / (2 * np.pi)) % 1.0
    colours = hsv_to_rgb(np.stack([hue, np.full_like(bright, 0.8), bright], axis=-1))
    name = "probe" if len(field.data) == 1 else f"probe mode 1: {field.shares[0]:.1%}"
    return [(name, np.asarray(np.rint(colours * 255), dtype=np.uint8))]


def _show_errors(history: Sequence[Any], name: str, columns: int, depth: Depth) -> list[str]:
    """Draw the residual on a logarithmic scale."""
    values = np.array([float(entry["residual"]) for entry in history])
    known = values[np.isfinite(values) & (values > 0)]
    if len(known) < 2:
        return []
    high, low = float(known.max()), float(known.min())
    heights = np.log(high / np.where(values > 0, values, np.nan)) / max(np.log(high / low), 1e-12)
    width = min(columns - 10, 90)
    # Between iterations too, so that a curve is seen and not dots.
    fine = np.linspace(0, len(values) - 1, 8 * width)
    points = np.stack([np.interp(fine, np.arange(len(values)), heights), fine / fine[-1]], axis=1)
    rows = curve(points, width, 8, braille=depth != "text")
    labels = [f"{high:8.4f}", *[" " * 8] * (len(rows) - 2), f"{low:8.4f}"]
    first, last = history[0].get("iterations", 1), history[-1].get("iterations", len(values))
    axis = f"{'':9}{first}{str(last).rjust(width - len(str(first)))}"
    drawn = [f"{label} {row}" for label, row in zip(labels, rows, strict=True)]
    return ["", f"{name} over iterations", *drawn, axis]
