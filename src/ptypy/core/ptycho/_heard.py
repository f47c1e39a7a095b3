"""Listening to what is logged, instead of printing it."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator

from ptypy.utils.verbose import CITATION, INTERACTIVE, logger

__all__ = ["Heard", "listening"]


class Heard(logging.Filter):
    """Keeps what is logged, each text once, and lets nothing through."""

    def __init__(self) -> None:
        super().__init__()
        self.errors: list[str] = []
        """What is always shown: results may be wrong."""
        self.warnings: list[str] = []
        """What is worth knowing."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Keep a record."""
        if record.levelno >= logging.WARNING and record.levelno not in {CITATION, INTERACTIVE}:
            kept = self.errors if record.levelno >= logging.ERROR else self.warnings
            text = record.getMessage()
            if text not in kept:
                kept.append(text)
        return False


@contextlib.contextmanager
def listening() -> Iterator[Heard]:
    """Keep warnings and errors that are logged meanwhile; nothing of them is printed."""
    heard, level = Heard(), logger.level
    logger.addFilter(heard)
    try:
        yield heard
    finally:
        logger.removeFilter(heard)
        logger.setLevel(level)
