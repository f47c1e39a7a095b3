"""Pictures of the frames of a scan."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from ptypy.diagnose._lengths import length_scale
from ptypy.diagnose._panels import INK, new_figure, show_frame
from ptypy.diagnose._scan_facts import ScanFacts

__all__ = ["draw_scan"]


def draw_scan(facts: ScanFacts, *, in_pixels: bool = False) -> Any:
    """Draw the mean frame, and over the scan how well frames are explained and how bright they are.

    Parameters
    ----------
    facts : ScanFacts
    in_pixels : bool
        Lengths were made up: count pixels of the object.

    Returns
    -------
    matplotlib.figure.Figure
    """
    figure = new_figure(13.5, 4.3)
    frame, residual, photons = figure.subplots(1, 3)
    show_frame(frame, facts.mean, mask=facts.trusted > 0, title="Mean prepared frame")
    places = facts.positions / facts.pixel if in_pixels else facts.positions
    _show_values(residual, places, facts.residuals, "Residual of each frame", "viridis", in_pixels)
    _show_values(photons, places, facts.photons, "Photons in each frame", "cividis", in_pixels)
    return figure


def _show_values(  # noqa: PLR0917 -- what to draw, where, how
    axis: Any,
    places: npt.NDArray[np.float64],
    values: npt.NDArray[np.float64],
    title: str,
    colours: str,
    in_pixels: bool,
) -> None:
    """Draw a dot a frame, coloured by a value."""
    extent = float(np.ptp(places, axis=0).max()) if len(places) else 0.0
    unit, scale = ("px", 1.0) if in_pixels else length_scale(extent)
    size = float(np.clip(9000 / max(len(places), 1), 3, 60))
    known = np.isfinite(values)
    y, x = places[known].T * scale
    low, high = np.percentile(values[known], (1, 99)) if known.any() else (0.0, 1.0)
    shown = axis.scatter(x, y, c=values[known], s=size, cmap=colours, vmin=low, vmax=high)
    axis.figure.colorbar(shown, ax=axis, shrink=0.85)
    axis.set_title(title, color=INK, fontsize=11)
    axis.set_aspect("equal")
    axis.invert_yaxis()  # rows count downwards, as in the pictures of the object
    axis.set_xlabel(f"x [{unit}]")
    axis.set_ylabel(f"y [{unit}]")
    axis.grid(visible=True, alpha=0.2)
