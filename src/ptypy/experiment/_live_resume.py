"""What a run before has saved of a live scan, beside its frames."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["Saved", "kept", "read_saved"]


@dataclass(frozen=True, slots=True)
class Saved:
    """What is known of a scan that is taken up again."""

    path: str = ""
    indices: tuple[int, ...] = ()
    """Of the frames that need not come again."""
    series: str | None = None
    """Identity of the scan; None if the source said none."""
    mask: npt.NDArray[np.bool_] | None = None
    """The mask that the source sent when the scan began, (rows, columns) of a raw frame."""


def kept(series: str | None, mask: npt.NDArray[np.bool_] | None) -> dict[str, Any]:
    """Give what is to be saved with the parameters, for who goes on with the file.

    Examples
    --------
    >>> kept("s7", None)
    {'found_series': 's7'}
    """
    entries: dict[str, Any] = {}
    if series is not None:
        entries["found_series"] = series
    if mask is not None:
        entries["found_mask"] = {"shape": list(mask.shape), "bits": np.packbits(mask)}
    return entries


def read_saved(path: str) -> Saved:
    """Read what a run before has saved.

    Raises
    ------
    FormatError
        If the file cannot be read.
    """
    from ptypy.io.ptyd import PtydReader

    reader = PtydReader(path)
    series = reader.info.get("found_series")
    return Saved(
        path,
        tuple(int(index) for chunk in reader.chunks for index in chunk.indices),
        None if series is None else str(series),
        _unpacked(reader.info.get("found_mask")),
    )


def _unpacked(stored: Any) -> npt.NDArray[np.bool_] | None:
    if not isinstance(stored, Mapping):
        return None
    rows, columns = (int(n) for n in stored["shape"])
    bits = np.asarray(stored["bits"], dtype=np.uint8)
    return np.unpackbits(bits, count=rows * columns).reshape(rows, columns).astype(bool)
