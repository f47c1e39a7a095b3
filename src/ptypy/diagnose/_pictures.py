"""Pictures of frames and results, each one file, drawn without a screen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ptypy.diagnose._compare import Comparison

__all__ = ["draw_comparison", "draw_error_curve", "draw_frame", "draw_object", "draw_probe"]

INK = "#22303c"
ACCENT = "#d1495b"
ENGINE_COLOURS = ("#2e6f95", "#e09f3e", "#5a8f5c", "#8e5a9e")


def _figure(width: float, height: float, columns: int = 1) -> tuple[Any, Any]:
    """Make a figure that needs no screen and leaves pyplot's state alone."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(1, columns, squeeze=False)[0]
    return figure, axes


def _save(figure: Any, path: str | Path) -> Path:
    """Write the file whole or not at all."""
    path = Path(path)
    temporary = path.with_name(f".{path.name}.tmp")
    figure.savefig(temporary, dpi=110, format="png")
    temporary.replace(path)
    return path


def _scale_bar(axis: Any, width: int, pixel: float) -> None:
    """Draw a bar of a round length, about a fifth of the image."""
    target = width * pixel / 5
    exponent = 10.0 ** np.floor(np.log10(target))
    length = max(step * exponent for step in (1, 2, 5) if step * exponent <= target)
    x0, y0 = 0.05, 0.05
    fraction = length / pixel / width
    axis.plot([x0, x0 + fraction], [y0, y0], transform=axis.transAxes, color="white", lw=6)
    axis.plot([x0, x0 + fraction], [y0, y0], transform=axis.transAxes, color=INK, lw=3)
    text = f"{length * 1e9:g} nm" if length < 1e-6 else f"{length * 1e6:g} µm"
    axis.text(
        x0 + fraction / 2, y0 + 0.03, text, transform=axis.transAxes, ha="center", va="bottom",
        color=INK, fontsize=10, bbox={"facecolor": "white", "alpha": 0.75, "lw": 0, "pad": 1.5},
    )  # fmt: skip


def _plain(axis: Any, title: str) -> None:
    axis.set_title(title, color=INK, fontsize=11)
    axis.set_xticks([])
    axis.set_yticks([])


def _panel(
    axis: Any,
    image: npt.NDArray[np.floating],
    seen: npt.NDArray[np.bool_],
    *,
    title: str,
    colours: str,
    limits: tuple[float, ...],
    pixel: float,
) -> None:
    """Draw an image where it is known, cut to that, with colour bar and scale bar."""
    rows, columns = (np.flatnonzero(seen.any(axis=axis)) for axis in (1, 0))
    cut = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    known = np.ma.masked_where(~seen, image)[cut]
    low, high = limits
    shown = axis.imshow(known, cmap=colours, vmin=low, vmax=high, interpolation="nearest")
    axis.figure.colorbar(shown, ax=axis, shrink=0.85)
    _plain(axis, title)
    _scale_bar(axis, known.shape[1], pixel)


def draw_object(
    path: str | Path,
    obj: npt.NDArray[np.complexfloating],
    *,
    resolution: float,
    weight: npt.NDArray[np.floating | np.bool_] | None = None,
) -> Path:
    """Draw phase and amplitude of an object.

    Parameters
    ----------
    path : path
        PNG file to write.
    obj : (Y, X) complex
        Transmission.
    resolution : float
        Edge of a pixel [m].
    weight : (Y, X) or None
        Where the beam was: non-zero where the object is known. The rest is left blank.

    Returns
    -------
    Path
        The file.
    """
    seen = np.ones(obj.shape, bool) if weight is None else np.asarray(weight) > 0
    phase = np.angle(obj * np.exp(-1j * np.angle(np.sum(obj[seen]))))
    figure, axes = _figure(11, 5.2, 2)
    images = ((phase, "Phase [rad]", "bone"), (np.abs(obj), "Amplitude", "gray"))
    for axis, (image, title, colours) in zip(axes, images, strict=True):
        limits = tuple(np.percentile(image[seen], (0.5, 99.5)))
        _panel(axis, image, seen, title=title, colours=colours, limits=limits, pixel=resolution)
    return _save(figure, path)


def draw_probe(
    path: str | Path, probe: npt.NDArray[np.complexfloating], *, resolution: float
) -> Path:
    """Draw the modes of a probe: brightness is amplitude, colour is phase.

    Parameters
    ----------
    path : path
        PNG file to write.
    probe : (M, H, W) complex
        Modes, the strongest first.
    resolution : float
        Edge of a pixel [m].

    Returns
    -------
    Path
        The file.
    """
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Normalize, hsv_to_rgb

    power = (np.abs(probe) ** 2).sum(axis=(1, 2))
    figure, axes = _figure(4.2 * len(probe), 4.4, len(probe))
    for number, (axis, mode) in enumerate(zip(axes, probe, strict=True)):
        share = power[number] / power.sum()
        value = np.abs(mode) / max(float(np.abs(mode).max()), 1e-30)
        hue = (np.angle(mode) / (2 * np.pi)) % 1.0
        axis.imshow(hsv_to_rgb(np.stack([hue, np.full_like(value, 0.8), value], axis=-1)))
        _plain(axis, f"Mode {number + 1}: {share:.1%}")
        _scale_bar(axis, mode.shape[-1], resolution)
    wheel = ScalarMappable(norm=Normalize(-np.pi, np.pi), cmap=_phase_colours())
    bar = figure.colorbar(wheel, ax=list(axes), shrink=0.8, ticks=[-np.pi, 0, np.pi])
    bar.ax.set_yticklabels(["−π", "0", "π"])
    bar.set_label("phase [rad]; amplitude is brightness", color=INK, fontsize=9)
    return _save(figure, path)


def _phase_colours() -> Any:
    """Make the colours that `draw_probe` gives to phases from -pi to pi."""
    from matplotlib.colors import ListedColormap, hsv_to_rgb

    hue = (np.linspace(-0.5, 0.5, 256)) % 1.0
    return ListedColormap(hsv_to_rgb(np.stack([hue, 0.8 + 0 * hue, 1 + 0 * hue], axis=-1)))


def draw_comparison(path: str | Path, found: Comparison, *, resolution: float) -> Path:
    """Draw the phase of an object beside the truth and the difference of the two.

    Parameters
    ----------
    path : path
        PNG file to write.
    found : Comparison
        Of `compare_objects`; only where it compared is shown.
    resolution : float
        Edge of a pixel [m].

    Returns
    -------
    Path
        The file.
    """
    seen = found.compared
    turn = np.exp(-1j * np.angle(np.sum(found.truth[seen])))
    truth, phase = np.angle(found.truth * turn), np.angle(found.aligned * turn)
    difference = np.angle(found.aligned * found.truth.conj())
    low, high = np.percentile(truth[seen], (0.5, 99.5))
    figure, axes = _figure(15, 4.8, 3)
    tenth = (high - low) / 10
    panels = (
        (phase, "Reconstructed phase [rad]", "bone", (low, high)),
        (truth, "True phase [rad]", "bone", (low, high)),
        (difference, "Difference [rad]", "RdBu", (-tenth, tenth)),
    )
    for axis, (image, title, colours, limits) in zip(axes, panels, strict=True):
        _panel(axis, image, seen, title=title, colours=colours, limits=limits, pixel=resolution)
    return _save(figure, path)


def draw_error_curve(
    path: str | Path, history: Sequence[Mapping[str, Any]], *, floor: float | None = None
) -> Path:
    """Draw the residual against the iteration, one colour an engine.

    Parameters
    ----------
    path : path
        PNG file to write.
    history : sequence of mappings
        ``runtime.iter_info``: ``iteration``, ``engine`` and ``residual`` of every iteration.
    floor : float or None
        Residual that photon noise alone would leave.

    Returns
    -------
    Path
        The file.
    """
    figure, (axis,) = _figure(7, 4.4)
    engines = list(dict.fromkeys(entry["engine"] for entry in history))
    iterations = np.arange(1, len(history) + 1)
    for engine, colour in zip(engines, ENGINE_COLOURS * len(engines), strict=False):
        chosen = [k for k, entry in enumerate(history) if entry["engine"] == engine]
        values = [history[k]["residual"] for k in chosen]
        axis.plot(iterations[chosen], values, color=colour, lw=2, label=engine)
    if floor:
        axis.axhline(floor, color=ACCENT, lw=1.2, ls="--", label="photon noise alone")
    axis.set_yscale("log")
    axis.yaxis.set_major_formatter("{x:g}")
    axis.yaxis.set_minor_formatter("{x:g}")
    axis.set_xlabel("iteration")
    axis.set_ylabel("residual")
    axis.grid(visible=True, which="both", alpha=0.25)
    axis.spines[["top", "right"]].set_visible(False)
    axis.legend(frameon=False)
    return _save(figure, path)


def draw_frame(
    path: str | Path,
    frame: npt.NDArray[np.number],
    *,
    mask: npt.NDArray[np.bool_] | None = None,
    region: tuple[int, int, int, int] | None = None,
    title: str = "Mean frame",
) -> Path:
    """Draw a raw frame with the region that is used and the pixels that are not.

    Parameters
    ----------
    path : path
        PNG file to write.
    frame : (H, W)
        Counts, shown on a logarithmic scale.
    mask : (H, W) bool or None
        True where a pixel may be trusted.
    region : (top, left, height, width) or None
        Region that is used [px], see `PtyScan.region_in_raw`; its middle is marked.
    title : str
        What the picture shows.

    Returns
    -------
    Path
        The file.
    """
    from matplotlib.colors import ListedColormap, LogNorm
    from matplotlib.patches import Rectangle

    figure, (axis,) = _figure(6.4, 5.6)
    trusted = np.ones(frame.shape, bool) if mask is None else mask
    values = np.maximum(frame, 0)[trusted]
    high = float(values.max()) if values.size else 1.0
    norm = LogNorm(vmin=max(high * 1e-6, 1e-2), vmax=max(high, 1.0))
    shown = axis.imshow(np.clip(frame, norm.vmin, None), norm=norm, cmap="magma")
    figure.colorbar(shown, ax=axis, shrink=0.85, label="counts")
    if not trusted.all():
        marked = np.ma.masked_where(trusted, np.ones(frame.shape))
        axis.imshow(marked, cmap=ListedColormap(["#4cc9f0"]), interpolation="nearest")
    if region is not None:
        top, left, height, width = region
        corner = (left - 0.5, top - 0.5)
        axis.add_patch(Rectangle(corner, width, height, fill=False, color="#90e0ef", lw=1.8))
        middle = ([left + width // 2], [top + height // 2])
        axis.plot(*middle, marker="+", color="#90e0ef", ms=12, mew=1.8)
    _plain(axis, title)
    marks = ["masked pixels"] * (not trusted.all()) + ["the region used"] * (region is not None)
    if marks:
        axis.set_xlabel(f"in blue: {', '.join(marks)}", color=INK, fontsize=9)
    return _save(figure, path)
