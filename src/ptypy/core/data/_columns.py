"""Columns of the statistics that the loop over raw frames gathers of each of them."""

from __future__ import annotations

from typing import Final

__all__ = ["ACROSS", "BRIGHTEST", "DARKEST", "DOWN", "SUMS", "TOTAL"]

TOTAL: Final = 0
"""Counts of the prepared frame."""
DOWN: Final = 1
"""Counts times row, before the frame is turned."""
ACROSS: Final = 2
"""Counts times column."""
BRIGHTEST: Final = 3
"""Largest raw value, or 0."""
DARKEST: Final = 4
"""Smallest raw value, or 0."""
SUMS: Final = 5
"""How many there are."""
