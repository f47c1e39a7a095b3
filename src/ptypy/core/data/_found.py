"""What the first frames decided for all frames of a scan, and how it is kept in files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["ENTRIES", "NOTHING", "Found"]

ENTRIES = ("found_center", "found_shape", "found_bad_pixels")
"""Names of the fields of `Found` in `info`."""


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """What was looked for in the first frames; None for what was not."""

    center: tuple[float, float] | None = None
    """Where the optical axis meets the raw frame (y, x) [px]."""
    shape: tuple[int, int] | None = None
    """Rows and columns of the region [px]."""
    bad: npt.NDArray[np.int64] | None = None
    """Rows and columns (n, 2) of raw pixels that are not trusted."""

    def entries(self) -> dict[str, npt.NDArray[Any]]:
        """Give what was found, to be kept in `info`."""
        values = dict(zip(ENTRIES, (self.center, self.shape, self.bad), strict=True))
        return {name: np.array(value) for name, value in values.items() if value is not None}

    @classmethod
    def read(cls, info: Mapping[str, Any]) -> Found:
        """Take up what was kept, see `entries`."""
        center, shape, bad = (info.get(name) for name in ENTRIES)
        return cls(
            None if center is None else (float(center[0]), float(center[1])),
            None if shape is None else (int(shape[0]), int(shape[1])),
            None if bad is None else np.asarray(bad, dtype=np.int64).reshape(-1, 2),
        )


NOTHING = Found()
"""Where the counts decide nothing."""
