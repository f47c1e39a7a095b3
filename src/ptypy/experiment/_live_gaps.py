"""Which frames were passed over."""

from __future__ import annotations

__all__ = ["Gaps"]


class Gaps:
    """Ranges of indices; a frame that comes after all is taken out of them."""

    def __init__(self) -> None:
        self.ranges: list[tuple[int, int]] = []
        """(first, last + 1), in ascending order."""

    def __bool__(self) -> bool:
        return bool(self.ranges)

    def __contains__(self, index: int) -> bool:
        return self._place(index) is not None

    def add(self, first: int, last: int) -> None:
        """Add a range that lies after all others."""
        if last <= first:
            return
        if self.ranges and self.ranges[-1][1] == first:
            first = self.ranges.pop()[0]
        self.ranges.append((first, last))

    def discard(self, index: int) -> None:
        """Take one index out, if it is in."""
        place = self._place(index)
        if place is not None:
            first, last = self.ranges.pop(place)
            rest = [(first, index), (index + 1, last)]
            self.ranges[place:place] = [(a, b) for a, b in rest if a < b]

    def _place(self, index: int) -> int | None:
        for place, (first, last) in enumerate(self.ranges):
            if first <= index < last:
                return place
        return None
