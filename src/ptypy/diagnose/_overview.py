"""One picture of a whole result."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ptypy.diagnose._lengths import write_length
from ptypy.diagnose._panels import (
    INK,
    new_figure,
    show_amplitude,
    show_error_curve,
    show_mode,
    show_phase,
    show_phase_colours,
)

if TYPE_CHECKING:
    from ptypy.diagnose._field import Field
    from ptypy.diagnose._result import Result

__all__ = ["draw_overview", "draw_strip", "title_of"]

SHOWN = 3
"""Most modes of a probe that are shown."""

MIXED = 64
"""Most modes of which the principal ones are found."""


def draw_overview(result: Result) -> Any:
    """Draw object, probe and error curve of a result with one object.

    Returns
    -------
    matplotlib.figure.Figure
    """
    ((label, obj),) = result.objects.items()
    (probe,) = result.probes.values()
    shown = _principal(probe)
    modes, shares = shown.data[:SHOWN], shown.shares
    seen = result.seen_of(label)
    figure = new_figure(12, 9.2)
    above, below = figure.subfigures(2, 1, height_ratios=(5.2, 4.0))
    left, right = above.subplots(1, 2)
    pixel = [float(n) for n in obj.pixel_size]
    count = "" if len(obj.data) == 1 else f", mode 1 of {len(obj.data)}"
    show_phase(
        left,
        obj.data[0],
        pixel=pixel,
        seen=seen,
        unit=obj.unit,
        title=f"Object{count}: phase [rad]",
    )
    show_amplitude(
        right, obj.data[0], pixel=pixel, seen=seen, unit=obj.unit, title=f"Object{count}: amplitude"
    )
    width = (1.0,) * len(modes)
    beams, curve = below.subfigures(1, 2, width_ratios=(sum(width) + 0.25, 2.2))
    axes = beams.subplots(1, len(modes), squeeze=False)[0]
    pixel = [float(n) for n in probe.pixel_size]
    for number, (axis, mode) in enumerate(zip(axes, modes, strict=True)):
        name = "Probe" if len(probe.data) == 1 else f"Probe mode {number + 1}: {shares[number]:.1%}"
        show_mode(axis, mode, pixel=pixel, unit=probe.unit, title=name)
    show_phase_colours(beams, axes)
    _show_history(curve.subplots(), result)
    figure.suptitle(title_of(result), color=INK, fontsize=12)
    return figure


def draw_strip(result: Result) -> Any:
    """Draw object and first probe mode small, in one row, for a table of results."""
    ((label, obj),) = result.objects.items()
    (probe,) = result.probes.values()
    seen = result.seen_of(label)
    figure = new_figure(10.5, 3.1)
    phase, amplitude, beam = figure.subplots(1, 3)
    pixel = [float(n) for n in obj.pixel_size]
    show_phase(phase, obj.data[0], pixel=pixel, seen=seen, unit=obj.unit)
    show_amplitude(amplitude, obj.data[0], pixel=pixel, seen=seen, unit=obj.unit)
    pixel = [float(n) for n in probe.pixel_size]
    show_mode(beam, _principal(probe).data[0], pixel=pixel, unit=probe.unit, title="Probe")
    return figure


def _principal(probe: Field) -> Field:
    """Give the modes that hold most of the light; of very many, such as one a frame, of some."""
    if len(probe.data) == 1:
        return probe
    some = np.unique(np.linspace(0, len(probe.data) - 1, MIXED).astype(int))
    return replace(probe, data=probe.data[some]).orthogonal()


def title_of(result: Result) -> str:
    """Say in a line what a picture shows."""
    parts = [result.run] if result.run else []
    if result.history:
        parts.append(f"{', '.join(result.engines)}: {result.iterations} iterations")
    if np.isfinite(result.residual):
        parts.append(f"residual {result.residual:.4f}")
    obj = next(iter(result.objects.values()))
    if obj.unit == "m":
        parts.append(f"pixel {write_length(float(obj.pixel_size[1]))}")
    return "   ·   ".join(parts)


def _show_history(axis: Any, result: Result) -> None:
    """Draw the residual, or what error there is in the files of others."""
    history, name = curve_of(result)
    if not history:
        axis.set_axis_off()
        axis.text(0.5, 0.5, "no history", ha="center", color=INK, transform=axis.transAxes)
        return
    show_error_curve(axis, history, floor=result.noise_floor if name == "residual" else None)
    axis.set_ylabel(name)
    axis.set_title("Error", color=INK, fontsize=11)


def curve_of(result: Result) -> tuple[Sequence[Mapping[str, Any]], str]:
    """Choose which error of a history to draw, and say its name."""
    if np.isfinite(result.residuals).any():
        return [entry for entry in result.history if "residual" in entry], "residual"
    for column, name in enumerate(("fourier error", "photon error", "exit error")):
        values = result.errors[:, column]
        if len(values) and (np.isfinite(values) & (values > 0)).any():
            return [
                {**entry, "residual": float(value)}
                for entry, value in zip(result.history, values, strict=True)
            ], name
    return [], ""
