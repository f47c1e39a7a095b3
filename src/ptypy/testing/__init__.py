"""Contracts to inherit in the tests of your own loader, and simulators to rehearse with."""

from __future__ import annotations

import importlib
from typing import Any

__all__: list[str] = []

HOMES: dict[str, str] = {}
"""The private module of this package that each name comes from."""


def __getattr__(name: str) -> Any:
    if name in HOMES:
        return getattr(importlib.import_module(f"{__name__}.{HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
