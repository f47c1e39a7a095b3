"""The panels that pictures are put together of, each drawn on axes that are there already."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

from ptypy.diagnose._lengths import round_length, write_length

__all__ = [
    "INK",
    "new_figure",
    "plain_axes",
    "scale_bar",
    "show_amplitude",
    "show_error_curve",
    "show_frame",
    "show_image",
    "show_mode",
    "show_phase",
    "show_phase_colours",
]

INK = "#22303c"
ACCENT = "#d1495b"
PAPER = "#f4f4f2"
ENGINE_COLOURS = ("#2e6f95", "#e09f3e", "#5a8f5c", "#8e5a9e")

Image = npt.NDArray[np.floating]
Complex = npt.NDArray[np.complexfloating]
Seen = npt.NDArray[np.bool_]


def new_figure(width: float, height: float) -> Any:
    """Make a figure [inches] that needs no screen and leaves pyplot's state alone."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    figure = _figure_class()(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


@cache
def _figure_class() -> Any:
    """Make the class of figures that notebooks show, whether pyplot is at work there or not."""
    from matplotlib.figure import Figure

    class ShownFigure(Figure):
        """A figure that a notebook shows."""

        def _repr_png_(self) -> bytes:
            store = io.BytesIO()
            self.savefig(store, dpi=80, format="png")
            return store.getvalue()

    return ShownFigure


def plain_axes(axis: Any, title: str) -> None:
    """Give a picture its title, and no ticks."""
    axis.set_title(title, color=INK, fontsize=11)
    axis.set_xticks([])
    axis.set_yticks([])


def scale_bar(axis: Any, width: int, pixel: float, unit: str = "m") -> None:
    """Draw a bar of a round length, about a fifth of an image that is ``width`` pixels wide."""
    length = round_length(width * pixel / 5)
    x0, y0 = 0.05, 0.05
    fraction = length / pixel / width
    axis.plot([x0, x0 + fraction], [y0, y0], transform=axis.transAxes, color="white", lw=6)
    axis.plot([x0, x0 + fraction], [y0, y0], transform=axis.transAxes, color=INK, lw=3)
    axis.text(
        x0 + fraction / 2, y0 + 0.03, write_length(length, unit), transform=axis.transAxes,
        ha="center", va="bottom", color=INK, fontsize=10,
        bbox={"facecolor": "white", "alpha": 0.75, "lw": 0, "pad": 1.5},
    )  # fmt: skip


def show_image(
    axis: Any,
    image: Image,
    seen: Seen,
    *,
    title: str,
    colours: str,
    limits: tuple[float, float],
    pixel: float | Sequence[float],
    unit: str = "m",
) -> None:
    """Draw an image where it is known, cut to that, with colour bar and scale bar.

    Parameters
    ----------
    axis : matplotlib.axes.Axes
    image : (Y, X) float
    seen : (Y, X) bool
        Where it is known; the rest is left blank.
    title : str
    colours : str
        Name of a colour map.
    limits : (float, float)
        Values at its ends.
    pixel : float or (2,)
        Edge of a pixel, (y, x).
    unit : str
        Of that, ``'m'`` or ``'px'``.
    """
    height, width = np.broadcast_to(np.asarray(pixel, dtype=float), 2)
    if not seen.any():
        seen = np.ones_like(seen)
    rows, columns = (np.flatnonzero(seen.any(axis=axis)) for axis in (1, 0))
    cut = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    known = np.ma.masked_where(~seen, image)[cut]
    low, high = limits
    shown = axis.imshow(
        known, cmap=colours, vmin=low, vmax=high, interpolation="nearest", aspect=height / width
    )
    axis.set_facecolor(PAPER)
    axis.figure.colorbar(shown, ax=axis, shrink=0.85)
    plain_axes(axis, title)
    scale_bar(axis, known.shape[1], width, unit)


def show_phase(
    axis: Any,
    obj: Complex,
    *,
    pixel: float | Sequence[float],
    seen: Seen | None = None,
    unit: str = "m",
    title: str = "Phase [rad]",
) -> None:
    """Draw the phase of an object (Y, X), less its mean; see `show_image`."""
    known = np.ones(obj.shape, bool) if seen is None else seen
    phase = np.angle(obj * np.exp(-1j * np.angle(np.sum(obj[known]))))
    limits = _limits(phase, known)
    show_image(
        axis, phase, known, title=title, colours="bone", limits=limits, pixel=pixel, unit=unit
    )


def show_amplitude(
    axis: Any,
    obj: Complex,
    *,
    pixel: float | Sequence[float],
    seen: Seen | None = None,
    unit: str = "m",
    title: str = "Amplitude",
) -> None:
    """Draw the amplitude of an object (Y, X); see `show_image`."""
    known = np.ones(obj.shape, bool) if seen is None else seen
    amplitude = np.abs(obj)
    limits = _limits(amplitude, known)
    show_image(
        axis, amplitude, known, title=title, colours="gray", limits=limits, pixel=pixel, unit=unit
    )


def _limits(image: Image, seen: Seen) -> tuple[float, float]:
    """Find between which values nearly all of an image is."""
    values = image[seen & np.isfinite(image)]
    if not values.size:
        return 0.0, 1.0
    low, high = np.percentile(values, (0.5, 99.5))
    return float(low), float(high)


def show_mode(
    axis: Any,
    mode: Complex,
    *,
    pixel: float | Sequence[float],
    unit: str = "m",
    title: str = "Probe",
) -> None:
    """Draw one mode of a probe (H, W): brightness is amplitude, colour is phase.

    Parameters
    ----------
    axis : matplotlib.axes.Axes
    mode : (H, W) complex
    pixel : float or (2,)
        Edge of a pixel, (y, x).
    unit : str
        Of that, ``'m'`` or ``'px'``.
    title : str
    """
    from matplotlib.colors import hsv_to_rgb

    height, width = np.broadcast_to(np.asarray(pixel, dtype=float), 2)
    value = np.abs(mode) / max(float(np.abs(mode).max()), 1e-30)
    hue = (np.angle(mode) / (2 * np.pi)) % 1.0
    colours = hsv_to_rgb(np.stack([hue, np.full_like(value, 0.8), value], axis=-1))
    axis.imshow(colours, interpolation="nearest", aspect=height / width)
    plain_axes(axis, title)
    scale_bar(axis, mode.shape[-1], width, unit)


def show_phase_colours(figure: Any, axes: Sequence[Any]) -> None:
    """Put the colours that `show_mode` gives to phases beside some axes."""
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Normalize

    wheel = ScalarMappable(norm=Normalize(-np.pi, np.pi), cmap=_phase_colours())
    bar = figure.colorbar(wheel, ax=list(axes), shrink=0.8, ticks=[-np.pi, 0, np.pi])
    bar.ax.set_yticklabels(["−π", "0", "π"])
    bar.set_label("phase [rad]; amplitude is brightness", color=INK, fontsize=9)


def _phase_colours() -> Any:
    """Make the colours that `show_mode` gives to phases from -pi to pi."""
    from matplotlib.colors import ListedColormap, hsv_to_rgb

    hue = (np.linspace(-0.5, 0.5, 256)) % 1.0
    return ListedColormap(hsv_to_rgb(np.stack([hue, 0.8 + 0 * hue, 1 + 0 * hue], axis=-1)))


def show_error_curve(
    axis: Any, history: Sequence[Mapping[str, Any]], *, floor: float | None = None
) -> None:
    """Draw the residual against the iteration, one colour an engine.

    Parameters
    ----------
    axis : matplotlib.axes.Axes
    history : sequence of mappings
        As for `draw_error_curve`.
    floor : float or None
        Residual that photon noise alone would leave.
    """
    labels = list(dict.fromkeys(entry["engine"] for entry in history))
    iterations = np.array([entry.get("iterations", k + 1) for k, entry in enumerate(history)])
    for label, colour in zip(labels, ENGINE_COLOURS * len(labels), strict=False):
        chosen = [k for k, entry in enumerate(history) if entry["engine"] == label]
        values = [history[k]["residual"] for k in chosen]
        few = len(chosen) < 3
        axis.plot(
            iterations[chosen], values, color=colour, lw=2, label=label, marker="o" if few else ""
        )
    if floor:
        axis.axhline(floor, color=ACCENT, lw=1.2, ls="--", label="photon noise alone")
    _logarithmic(axis.yaxis)
    axis.set_xlabel("iteration")
    axis.set_ylabel("residual")
    axis.grid(visible=True, which="both", alpha=0.25)
    axis.spines[["top", "right"]].set_visible(False)
    if labels or floor:
        axis.legend(frameon=False)


def _logarithmic(axis: Any) -> None:
    """Give an axis a logarithmic scale, with numbers at 1, 2 and 5 times powers of ten."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    axis.axes.set_yscale("log")
    axis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0), numticks=20))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.set_minor_locator(LogLocator(subs=[float(n) for n in range(1, 10)], numticks=20))
    axis.set_minor_formatter(NullFormatter())


def show_frame(
    axis: Any,
    frame: npt.NDArray[np.number],
    *,
    mask: Seen | None = None,
    region: tuple[int, int, int, int] | None = None,
    title: str = "Mean frame",
) -> None:
    """Draw a raw frame with the region that is used and the pixels that are not.

    Parameters
    ----------
    axis : matplotlib.axes.Axes
    frame, mask, region, title
        As for `draw_frame`.
    """
    from matplotlib.colors import ListedColormap, LogNorm
    from matplotlib.patches import Rectangle

    trusted = np.ones(frame.shape, bool) if mask is None else mask
    values = np.maximum(frame, 0)[trusted]
    high = float(values.max()) if values.size else 1.0
    norm = LogNorm(vmin=max(high * 1e-6, 1e-2), vmax=max(high, 1.0))
    shown = axis.imshow(np.clip(frame, norm.vmin, None), norm=norm, cmap="magma")
    axis.figure.colorbar(shown, ax=axis, shrink=0.85, label="counts")
    if not trusted.all():
        marked = np.ma.masked_where(trusted, np.ones(frame.shape))
        axis.imshow(marked, cmap=ListedColormap(["#4cc9f0"]), interpolation="nearest")
    if region is not None:
        top, left, height, width = region
        corner = (left - 0.5, top - 0.5)
        axis.add_patch(Rectangle(corner, width, height, fill=False, color="#90e0ef", lw=1.8))
        middle = ([left + width // 2], [top + height // 2])
        axis.plot(*middle, marker="+", color="#90e0ef", ms=12, mew=1.8)
    plain_axes(axis, title)
    marks = ["masked pixels"] * (not trusted.all()) + ["the region used"] * (region is not None)
    if marks:
        axis.set_xlabel(f"in blue: {', '.join(marks)}", color=INK, fontsize=9)
