"""Panels of data: frames on a logarithmic scale with mask and centre, positions over the sample."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from ptypy.diagnose._frame_sample import FrameSample
from ptypy.diagnose._panels import INK, new_figure, show_frame

__all__ = ["draw_frames", "draw_positions", "draw_scan", "show_positions"]

FRAME_COLOUR = "#90e0ef"


def draw_scan(sample: FrameSample) -> Any:
    """Draw mean, maximum, a single frame, and the positions if there are any.

    Returns
    -------
    matplotlib.figure.Figure
    """
    if sample.positions is None:
        return draw_frames(sample)
    figure = new_figure(12, 10)
    axes = figure.subplots(2, 2).ravel()
    _frames_on(axes[:3], sample)
    show_positions(axes[3], sample.positions, number=sample.number)
    figure.suptitle(_title(sample), color=INK, fontsize=12)
    return figure


def draw_frames(sample: FrameSample) -> Any:
    """Draw mean, maximum and a single frame side by side; see `draw_scan`."""
    height, width = sample.frame.shape
    figure = new_figure(15, min(9.0, max(3.4, 1.2 + 4.1 * height / width)))
    _frames_on(figure.subplots(1, 3), sample)
    figure.suptitle(_title(sample), color=INK, fontsize=12)
    return figure


def draw_positions(sample: FrameSample) -> Any:
    """Draw where the frames lie on the sample; see `draw_scan`."""
    figure = new_figure(7.6, 6.6)
    axis = figure.subplots()
    if sample.positions is None:
        axis.set_axis_off()
        axis.text(0.5, 0.5, "no positions in this file", ha="center", color=INK, fontsize=12)
        return figure
    show_positions(axis, sample.positions, number=sample.number)
    figure.suptitle(_title(sample), color=INK, fontsize=12)
    return figure


def _title(sample: FrameSample) -> str:
    height, width = sample.frame.shape
    name = sample.name if len(sample.name) < 70 else f"…{sample.name[-68:]}"
    return f"{name}   ·   {sample.count} frames of {height} x {width} px"


def _frames_on(axes: Any, sample: FrameSample) -> None:
    of = len(sample.looked_at)
    which = f"all {of} frames" if of == sample.count else f"{of} of {sample.count} frames"
    panels = (
        (sample.mean, sample.ever, f"Mean of {which}"),
        (sample.maximum, sample.ever, f"Maximum of {which}"),
        (np.asarray(sample.frame, dtype=np.float64), sample.mask, f"Frame {sample.number}"),
    )
    for axis, (image, mask, title) in zip(axes, panels, strict=True):
        show_frame(axis, np.nan_to_num(image), mask=mask, title=title)
        _use_contrast(axis, np.where(mask, np.nan_to_num(image), 0))
        if sample.center is not None:
            y, x = sample.center
            axis.plot([x], [y], marker="+", color=FRAME_COLOUR, ms=12, mew=1.8)
            said = axis.get_xlabel() or "in blue:"
            mark = f"{said}{'' if said.endswith(':') else ','} the centre"
            axis.set_xlabel(mark, color=INK, fontsize=9)


def _use_contrast(axis: Any, image: npt.NDArray[np.floating]) -> None:
    """Let the scale begin at an offset of the detector, and end where single hot pixels begin."""
    from scipy.ndimage import median_filter

    lit = image[image > 0]
    if not lit.size:
        return
    norm = axis.images[0].norm
    beam = float(median_filter(image, 3).max())
    if beam > 0:
        norm.vmax = min(norm.vmax, max(3 * beam, 1.0))
    norm.vmin = min(max(norm.vmin, 0.7 * float(np.percentile(lit, 0.5))), norm.vmax / 10)


def _is_a_path(points: npt.NDArray[np.float64]) -> bool:
    """Say whether frames that follow one another mostly lie side by side."""
    if not 2 < len(points) <= 5000:
        return False
    steps = np.linalg.norm(np.diff(points, axis=0), axis=1)
    spacing = np.sqrt(np.prod(np.maximum(np.ptp(points, axis=0), 1e-30)) / len(points))
    return bool(np.median(steps) < 2 * spacing)


def show_positions(
    axis: Any, positions: npt.NDArray[np.floating], *, number: int | None = None
) -> None:
    """Draw positions over the sample, coloured by their order.

    Parameters
    ----------
    axis : matplotlib.axes.Axes
    positions : (N, 2)
        (y, x) [m]; y points down, as rows of the frames do.
    number : int, optional
        A frame to mark.
    """
    points = np.asarray(positions, dtype=np.float64)
    known = points[np.isfinite(points).all(axis=1)]
    reach = float(np.ptp(known, axis=0).max()) if len(known) else 0.0
    factor, unit = next(
        ((f, u) for f, u in ((1e9, "nm"), (1e6, "µm"), (1e3, "mm")) if reach * f < 1000), (1.0, "m")
    )
    y, x = (known * factor).T if len(known) else (np.empty(0), np.empty(0))
    if _is_a_path(known):
        axis.plot(x, y, color=INK, lw=0.5, alpha=0.25, zorder=1)
    size = float(np.clip(4000 / max(1, len(known)), 2, 40))
    shown = axis.scatter(x, y, c=np.arange(len(known)), s=size, cmap="viridis", zorder=2)
    if number is not None and number < len(points) and np.isfinite(points[number]).all():
        axis.scatter(
            [points[number, 1] * factor], [points[number, 0] * factor], s=90, facecolors="none",
            edgecolors="#d1495b", linewidths=1.8, zorder=3, label=f"frame {number}",
        )  # fmt: skip
        axis.legend(frameon=True, loc="upper right", fontsize=9)
    axis.set_aspect("equal", adjustable="datalim")
    axis.invert_yaxis()
    axis.set_xlabel(f"x [{unit}]")
    axis.set_ylabel(f"y [{unit}]")
    axis.grid(visible=True, alpha=0.25)
    axis.set_title(f"{len(points)} positions of the beam on the sample", color=INK, fontsize=11)
    if len(known) > 1:
        axis.figure.colorbar(shown, ax=axis, shrink=0.85, label="frame")
