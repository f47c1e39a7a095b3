"""What was counted while frames came in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

__all__ = ["LiveReport", "list_ranges"]


@dataclass(slots=True)
class LiveReport:
    """What became of every frame of a live scan."""

    received: int = 0
    """Frames that came and could be read, each counted once."""
    released: int = 0
    """Frames that were or can be delivered, with their positions."""
    reordered: int = 0
    """Frames that came after one of a larger index."""
    late: int = 0
    """Frames that came when those after them had been delivered; they were delivered then."""
    duplicates: int = 0
    """Frames that came once more; the first of them counts."""
    surplus: int = 0
    """Frames beyond the number of frames of the scan; they were not used."""
    refused: dict[str, int] = field(default_factory=dict)
    """What could not be used: the reason, and how often."""
    missing: list[tuple[int, int]] = field(default_factory=list)
    """Frames that were not delivered, as ranges (first, last + 1) of their indices."""
    peak_bytes: int = 0
    """Most memory that waiting frames took."""
    blocked: int = 0
    """How often the buffer was full, so that the sender had to wait."""
    ended_by: str = ""
    """Why the scan counts as ended; empty while it goes on."""

    @property
    def num_missing(self) -> int:
        """How many frames were not delivered."""
        return sum(last - first for first, last in self.missing)

    @property
    def has_losses(self) -> bool:
        """Whether anything is not as it should be: also if nothing came but what was there."""
        return bool(self.missing or self.refused or (self.duplicates and not self.received))

    def __str__(self) -> str:
        counted = [
            f"{self.released} frames",
            f"{self.num_missing} missing{list_ranges(self.missing)}",
            f"{sum(self.refused.values())} messages or files refused",
        ]
        names = ("reordered", "late", "duplicates", "surplus")
        counted += [f"{getattr(self, name)} {name}" for name in names if getattr(self, name)]
        if self.blocked:
            counted.append(f"the buffer was full {self.blocked} times")
        lines = [", ".join(counted) + (f" ({self.ended_by})" if self.ended_by else "")]
        return "\n".join(lines + [f"  {n} x {why}" for why, n in self.refused.items()])


def list_ranges(ranges: Sequence[tuple[int, int]], most: int = 8) -> str:
    """Write the first of some ranges of indices: ' (3, 7-9, ...)'."""
    if not ranges:
        return ""
    texts = [str(a) if b == a + 1 else f"{a}-{b - 1}" for a, b in ranges[:most]]
    return f" ({', '.join(texts + (['...'] if len(ranges) > most else []))})"
