"""A survey as a page to read, and as a dictionary for programs."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from typing import Any

from ptypy.core.ptycho._survey import Survey
from ptypy.core.ptycho._survey_scan import Number, ScanSurvey
from ptypy.errors import Fault

__all__ = ["as_dictionary", "as_page"]

WIDTH = 100
INDENT = 14
SOURCES = {
    "given": "given",
    "data": "from the data",
    "default": "the loader's own",
    "nobody": "NOBODY GAVE IT: a placeholder",
}
"""Who says a number."""
SIZES = ((1e-3, "mm", 1e3), (1e-6, "µm", 1e6), (0.0, "nm", 1e9))
FAULT_TITLE = "What does not fit"


def as_page(found: Survey, name: str, faults: Sequence[Fault] | None = None) -> str:
    """Write a survey for a reader.

    Parameters
    ----------
    found : Survey
    name : str
        Of the file of parameters.
    faults : sequence of Fault, optional
        Those of the survey, with the lines of the file that they stand in.
    """
    lines = [_headline(found, name), ""]
    for scan in found.scans:
        lines += [*_scan(scan), ""]
    if found.engines:
        lines += [*_engines(found), ""]
    if found.scans and found.verdict != "fails" and all(scan.seen for scan in found.scans):
        lines += [*_memory(found), ""]
    lines += _faults(found.faults if faults is None else faults)
    for title, texts in (
        ("Why it would not run", found.problems),
        ("What is doubtful", found.doubts),
        ("Worth knowing", found.notes),
    ):
        if texts:
            lines += [title, *(line for text in texts for line in _item(text)), ""]
    return "\n".join(lines).rstrip() + "\n"


def _headline(found: Survey, name: str) -> str:
    """Say the outcome in a line."""
    wrong = len(found.faults) + len(found.problems)
    if found.verdict == "fails":
        return f"{name}: would NOT run; {wrong} thing{'s' * (wrong > 1)} to put right"
    if found.verdict == "doubtful":
        many = len(found.doubts)
        return f"{name}: would run, but {many} thing{'s are' if many > 1 else ' is'} doubtful"
    return f"{name}: would run"


def _row(label: str, text: str) -> list[str]:
    start = f"  {label:<{INDENT - 2}}"
    return textwrap.wrap(text, WIDTH, initial_indent=start, subsequent_indent=" " * INDENT) or []


def _scan(scan: ScanSurvey) -> Iterator[str]:
    """Give the lines of one scan."""
    yield f"Scan {scan.label}: {scan.model}, frames from {scan.loader}"
    frames = "not known beforehand" if scan.frames is None else str(scan.frames)
    looked = f"; the first {scan.seen} were looked at" if scan.seen else "; none has come yet"
    yield from _row("frames", f"{frames}{looked}")
    if scan.shape is not None:
        yield from _row("region", _region(scan))
        yield from _row("mask", f"{100 * (scan.trusted or 0):.2f} % of the pixels are trusted")
    if scan.photons is not None:
        mean, most = scan.photons
        yield from _row("photons", f"{mean:.3g} in a frame on average, {most:.3g} in the brightest")
    if scan.positions is not None and len(scan.positions):
        height, width = (float(extent) for extent in _extent(scan))
        step = f"; to the next {_length(scan.step)} (median)" if scan.step else ""
        count = len(scan.positions)
        yield from _row("positions", f"{count} over {_length(height)} x {_length(width)}{step}")
    elif scan.positions is None:
        yield from _row("positions", "come with the frames")
    for name, number in scan.numbers.items():
        yield from _row(name, f"{_number(number)}, {SOURCES[number.source]}")
    if scan.resolution is not None:
        yield from _row("probe", _probe(scan))
        yield from _row("object", _object(scan))


def _region(scan: ScanSurvey) -> str:
    rows, columns = scan.shape or (0, 0)
    prepared = f"{rows} x {columns} px"
    if scan.region is None or scan.center is None:
        return f"frames are taken as they are, {prepared}"
    top, left, height, width = scan.region
    how = "found from the frames" if scan.center_is_found else "as asked for"
    steps = [
        f"{height} x {width} px from row {top}, column {left}",
        f"centre at ({scan.center[0]:.1f}, {scan.center[1]:.1f}), {how}",
    ]
    if scan.orientation not in {None, 0}:
        steps.append(f"orientation {scan.orientation}")
    if scan.rebin > 1:
        steps.append(f"{scan.rebin} x {scan.rebin} px summed")
    return f"{'; '.join(steps)} → {prepared}"


def _extent(scan: ScanSurvey) -> Any:
    return (
        (0.0, 0.0)
        if scan.positions is None
        else (scan.positions.max(axis=0) - scan.positions.min(axis=0))
    )


def _object(scan: ScanSurvey) -> str:
    y, x = scan.resolution or (0.0, 0.0)
    field = scan.field
    pixel = _length(y) if abs(y - x) < 1e-3 * y else f"{_length(y)} x {_length(x)}"
    shown = "" if field is None else f"; a frame shows {_length(field[0])} x {_length(field[1])}"
    rows, columns = scan.object_shape
    return f"about {rows} x {columns} px of {pixel} ({scan.propagation}){shown}"


def _probe(scan: ScanSurvey) -> str:
    modes, rows, columns = scan.probe_shape or (1, *(scan.shape or (0, 0)))
    return f"{modes} mode{'s' * (modes > 1)} of {rows} x {columns} px"


def _engines(found: Survey) -> Iterator[str]:
    yield f"Run {found.run}"
    for engine in found.engines:
        result = f" → {engine.result}" if engine.result is not None else ", saves no result"
        yield from _row(engine.label, f"{engine.name}, {engine.iterations} iterations{result}")


def _memory(found: Survey) -> Iterator[str]:
    parts = found.memory
    total = sum(parts.values())
    listed = ", ".join(f"{name} {_size(size)}" for name, size in parts.items())
    yield "Memory"
    yield from _row("about", f"{_size(total)} on one process: {listed}")


def _faults(faults: Sequence[Fault]) -> Iterator[str]:
    """Lay faults out as columns; what is wrong, below each other."""
    if not faults:
        return
    yield FAULT_TITLE
    for fault in faults:
        value = f" = {fault.value}" if fault.value else ""
        yield f"  {fault.path}{value}"
        yield from textwrap.wrap(
            fault.remedy, WIDTH, initial_indent=" " * 6, subsequent_indent=" " * 6
        )
    yield ""


def _item(text: str) -> list[str]:
    one = " ".join(text.split())
    return textwrap.wrap(one, WIDTH, initial_indent="  - ", subsequent_indent="    ")


def _number(number: Number) -> str:
    if number.value is None:
        return "unknown"
    values = number.value if isinstance(number.value, tuple) else (number.value,)
    if number.unit != "m":
        return " x ".join(f"{value:.6g}" for value in values) + f" {number.unit}"
    return " x ".join(_length(value) for value in values)


def _length(metres: float | None) -> str:
    """Write a length with a unit that suits it."""
    if metres is None:
        return "unknown"
    if abs(metres) >= 0.1:
        return f"{metres:.4g} m"
    for least, unit, factor in SIZES:
        if abs(metres) >= least:
            return f"{metres * factor:.4g} {unit}"
    return f"{metres:.4g} m"


def _size(size: float) -> str:
    return f"{size / 2**30:.2f} GiB" if size >= 2**29 else f"{size / 2**20:.0f} MiB"


def as_dictionary(found: Survey, faults: Sequence[Fault] | None = None) -> dict[str, Any]:
    """Give a survey as numbers, text, lists and dictionaries, for programs.

    Lengths are in metres, energies in keV, memory in bytes.
    """
    return {
        "verdict": found.verdict,
        "run": found.run,
        "faults": [fault._asdict() for fault in (faults or found.faults)],
        "problems": found.problems,
        "doubts": found.doubts,
        "notes": found.notes,
        "scans": [_scan_dictionary(scan) for scan in found.scans],
        "engines": [
            {
                "label": engine.label,
                "name": engine.name,
                "iterations": engine.iterations,
                "result": None if engine.result is None else str(engine.result),
            }
            for engine in found.engines
        ],
        "memory": found.memory if found.verdict != "fails" else None,
    }


def _scan_dictionary(scan: ScanSurvey) -> dict[str, Any]:
    plain = (
        "label", "model", "loader", "frames", "seen", "region", "center", "center_is_found",
        "rebin", "shape", "trusted", "photons", "step", "propagation", "resolution",
        "probe_shape", "object_shape",
    )  # fmt: skip
    content = {name: getattr(scan, name) for name in plain}
    content["positions"] = None if scan.positions is None else len(scan.positions)
    content["extent"] = None if scan.positions is None else [float(e) for e in _extent(scan)]
    for name, number in scan.numbers.items():
        content[name] = {"value": number.value, "unit": number.unit, "source": number.source}
    return content
