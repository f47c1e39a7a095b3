"""A picture of whatever a file holds, as PNG, PDF or SVG."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from ptypy.diagnose._data_panels import draw_frames, draw_positions, draw_scan
from ptypy.diagnose._frame_sample import FrameSample, sample_frames
from ptypy.diagnose._inspect import kind_of_file
from ptypy.diagnose._make import read_result
from ptypy.diagnose._overview import curve_of
from ptypy.diagnose._panels import (
    new_figure,
    show_amplitude,
    show_error_curve,
    show_mode,
    show_phase,
    show_phase_colours,
)
from ptypy.diagnose._pictures import save_figure
from ptypy.diagnose._result import Result
from ptypy.errors import DataError, ParameterError
from ptypy.io.h5tree import saying

__all__ = ["FORMS", "WHAT", "draw_file", "parts_of"]

FORMS = (".png", ".pdf", ".svg")

RESULT = ("object", "probe", "error", "positions")
DATA = ("frames", "positions")
WHAT = tuple(dict.fromkeys([*RESULT, *DATA]))
"""What can be drawn."""


def draw_file(
    source: str | Path,
    target: str | Path,
    *,
    what: Sequence[str] | None = None,
    place: str | None = None,
    number: int | None = None,
    full: bool = False,
) -> Path:
    """Draw what a file holds.

    Of a result: object, probe and error curve; of data: mean, maximum and a single frame on a
    logarithmic scale with mask and centre, and the positions.

    Parameters
    ----------
    source : path
        A result, a prepared scan, or raw data.
    target : path
        Picture: .png, .pdf or .svg. It is there completely, or not at all.
    what : sequence of str, optional
        Only these, of `WHAT`; one below the other if there are several.
    place, number, full
        Of data, as for `sample_frames`.

    Returns
    -------
    Path
        The picture.

    Raises
    ------
    ParameterError
        If the picture is to be of another form, or the file holds nothing of the kind.
    FormatError, DataError
        If the file cannot be read, or has no such frame.
    """
    target = Path(target)
    form = target.suffix.lower()
    if form not in FORMS:
        raise ParameterError(f"{target}: pictures are files that end in {', '.join(FORMS)}")
    kind = kind_of_file(source)
    parts = parts_of(kind, what)
    if kind == "ptyr":
        with saying(source):
            figure = _draw_result(read_result(source), parts, is_chosen=what is not None)
    else:
        sample = sample_frames(source, place=place, number=number, full=full)
        figure = _draw_data(sample, parts)
    target.parent.mkdir(parents=True, exist_ok=True)
    return save_figure(figure, target, form[1:])


def parts_of(kind: str, what: Sequence[str] | None) -> list[str]:
    """Say what is drawn of a kind of file; all it has if nobody chose.

    Raises
    ------
    ParameterError
        If it does not have it.
    """
    known = RESULT if kind == "ptyr" else DATA
    if what is None:
        return [name for name in known if kind != "ptyr" or name != "positions"]
    wrong = [name for name in what if name not in known]
    if wrong or not what:
        holder = "a result" if kind == "ptyr" else "data"
        raise ParameterError(f"{', '.join(wrong) or 'nothing'}: {holder} has {', '.join(known)}")
    return list(dict.fromkeys(what))


def _draw_data(sample: FrameSample, parts: list[str]) -> Any:
    if len(parts) == 2:
        return draw_scan(sample)
    return draw_frames(sample) if parts == ["frames"] else draw_positions(sample)


def _draw_result(result: Result, parts: list[str], *, is_chosen: bool) -> Any:
    """Draw parts of a result, one below the other; all of them as the result draws itself."""
    if not is_chosen:
        return result.plot()
    one = result.select(next(iter(result.objects))).without_ramp()
    drawn: dict[str, Callable[[Any, Result], None]] = {
        "object": _object, "probe": _probe, "error": _error, "positions": _positions,
    }  # fmt: skip
    figure = new_figure(11, 4.9 * len(parts))
    below = figure.subfigures(len(parts), 1, squeeze=False).ravel()
    for panel, name in zip(below, parts, strict=True):
        drawn[name](panel, one)
    return figure


def _object(panel: Any, result: Result) -> None:
    ((label, obj),) = result.objects.items()
    left, right = panel.subplots(1, 2)
    pixel = [float(n) for n in obj.pixel_size]
    seen = result.seen_of(label)
    show_phase(left, obj.data[0], pixel=pixel, seen=seen, unit=obj.unit)
    show_amplitude(right, obj.data[0], pixel=pixel, seen=seen, unit=obj.unit)


def _probe(panel: Any, result: Result) -> None:
    (probe,) = result.probes.values()
    modes = probe.orthogonal() if len(probe.data) > 1 else probe
    count = min(4, len(modes.data))
    axes = panel.subplots(1, count, squeeze=False)[0]
    pixel = [float(n) for n in probe.pixel_size]
    for number, axis in enumerate(axes):
        name = "Probe" if len(modes.data) == 1 else f"Mode {number + 1}: {modes.shares[number]:.1%}"
        show_mode(axis, modes.data[number], pixel=pixel, unit=probe.unit, title=name)
    show_phase_colours(panel, axes)


def _error(panel: Any, result: Result) -> None:
    history, name = curve_of(result)
    if not history:
        raise DataError("there is no error in this result")
    axis = panel.subplots()
    show_error_curve(axis, history, floor=result.noise_floor if name == "residual" else None)
    axis.set_ylabel(name)


def _positions(panel: Any, result: Result) -> None:
    from ptypy.diagnose._data_panels import show_positions

    if result.positions is None:
        raise DataError("this result does not say where its frames lay")
    show_positions(panel.subplots(), result.positions)
