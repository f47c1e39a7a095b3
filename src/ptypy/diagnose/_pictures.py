"""Pictures of frames and results, each one file, drawn without a screen."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ptypy.diagnose._compare import Comparison
from ptypy.diagnose._panels import (
    new_figure,
    show_amplitude,
    show_error_curve,
    show_frame,
    show_image,
    show_mode,
    show_phase,
    show_phase_colours,
)
from ptypy.errors import FormatError

__all__ = [
    "draw_comparison",
    "draw_error_curve",
    "draw_frame",
    "draw_object",
    "draw_probe",
    "save_figure",
]


def save_figure(figure: Any, path: str | Path, form: str = "png") -> Path:
    """Write a figure to a file, PNG or PDF or what else matplotlib knows, whole or not at all.

    Raises
    ------
    FormatError
        If it cannot be written.
    """
    path = Path(path)
    temporary = path.with_name(f".{path.name}.tmp")
    try:
        figure.savefig(temporary, dpi=110, format=form)
        temporary.replace(path)
    except OSError as error:
        reason = error.strerror or error
        raise FormatError(
            f"{path}: the picture cannot be written: {reason}; choose another place"
        ) from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
    return path


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
    seen = None if weight is None else np.asarray(weight) > 0
    figure = new_figure(11, 5.2)
    left, right = figure.subplots(1, 2)
    show_phase(left, obj, pixel=resolution, seen=seen)
    show_amplitude(right, obj, pixel=resolution, seen=seen)
    return save_figure(figure, path)


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
    power = (np.abs(probe) ** 2).sum(axis=(1, 2))
    figure = new_figure(4.2 * len(probe), 4.4)
    axes = figure.subplots(1, len(probe), squeeze=False)[0]
    for number, (axis, mode) in enumerate(zip(axes, probe, strict=True)):
        share = power[number] / max(float(power.sum()), 1e-30)
        show_mode(axis, mode, pixel=resolution, title=f"Mode {number + 1}: {share:.1%}")
    show_phase_colours(figure, axes)
    return save_figure(figure, path)


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
    figure = new_figure(15, 4.8)
    axes = figure.subplots(1, 3)
    tenth = (high - low) / 10
    panels = (
        (phase, "Reconstructed phase [rad]", "bone", (low, high)),
        (truth, "True phase [rad]", "bone", (low, high)),
        (difference, "Difference [rad]", "RdBu", (-tenth, tenth)),
    )
    for axis, (image, title, colours, limits) in zip(axes, panels, strict=True):
        show_image(axis, image, seen, title=title, colours=colours, limits=limits, pixel=resolution)
    return save_figure(figure, path)


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
    figure = new_figure(7, 4.4)
    show_error_curve(figure.subplots(), history, floor=floor)
    return save_figure(figure, path)


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
    figure = new_figure(6.4, 5.6)
    show_frame(figure.subplots(), frame, mask=mask, region=region, title=title)
    return save_figure(figure, path)
