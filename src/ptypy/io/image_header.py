"""Geometry in the headers of image files: Pilatus (CBF, TIFF) and EDF."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ptypy.io.frame_source import Recorded
from ptypy.utils.units import METRES, m2keV

__all__ = ["read_header"]

NUMBER = r"([-+]?\d[\d.]*(?:[eE][-+]?\d+)?)"


def read_header(header: Mapping[str, Any]) -> Recorded:
    """Read what the header of an image says about the experiment.

    Known are the lines that Pilatus detectors write, ``# Detector_distance 2.19 m``, in CBF and
    TIFF files, and the entries ``PSize_1``, ``PSize_2``, ``SampleDistance`` and ``WaveLength``
    [m] of EDF files. Of two numbers the first belongs to the columns (x). Zeros stand for what
    was not set, and are ignored.

    Parameters
    ----------
    header : mapping
        Names and texts. Pilatus lines may stand in any of the texts.
    """
    entries = {str(name).lower(): str(value) for name, value in header.items()}
    text = "\n".join(entries.values())
    wavelength = _length(text, "Wavelength") or _entry(entries, "wavelength")
    return Recorded(
        energy=None if wavelength is None else m2keV(wavelength),
        distance=_length(text, "Detector_distance") or _entry(entries, "sampledistance"),
        psize=_pixels(text) or _both(_entry(entries, "psize_2"), _entry(entries, "psize_1")),
        center=_beam(text),
        saturation=_positive(_search(rf"Count_cutoff[:=\s]+{NUMBER}", text)),
    )


def _search(pattern: str, text: str) -> list[str]:
    found = re.search(pattern, text, re.IGNORECASE)
    return [] if found is None else list(found.groups())


def _positive(found: list[str]) -> float | None:
    value = float(found[0]) if found else 0.0
    return value if value > 0 else None


def _length(text: str, name: str) -> float | None:
    """Find a length, with its unit, after its name [m]."""
    found = _search(rf"\b{name}[:=\s]+{NUMBER}\s*([^\s\d,;)]+)", text)
    factor = METRES.get(found[1].lower()) if found else None
    value = _positive(found)
    return None if value is None or factor is None else value * factor


def _entry(entries: Mapping[str, str], name: str) -> float | None:
    """Read an entry of an EDF header, metres if it names no unit [m]."""
    found = _search(rf"^\s*{NUMBER}[\s_]*([^\s\d]*)", entries.get(name, ""))
    factor = METRES.get(found[1].lower() or "m") if found else None
    value = _positive(found)
    return None if value is None or factor is None else value * factor


def _pixels(text: str) -> tuple[float, float] | None:
    unit = r"\s*([^\s\d]+)"
    found = _search(rf"Pixel_size[:=\s]+{NUMBER}{unit}\s*x\s*{NUMBER}{unit}", text)
    if not found or found[1].lower() not in METRES or found[3].lower() not in METRES:
        return None
    x, y = (float(found[k]) * METRES[found[k + 1].lower()] for k in (0, 2))
    return (y, x) if x > 0 and y > 0 else None


def _beam(text: str) -> tuple[float, float] | None:
    found = _search(rf"Beam_xy[:=\s]+\(?\s*{NUMBER}\s*,\s*{NUMBER}", text)
    if not found or not any(float(number) for number in found):
        return None
    return (float(found[1]), float(found[0]))


def _both(y: float | None, x: float | None) -> tuple[float, float] | None:
    return None if x is None or y is None else (y, x)
