"""Contracts to inherit in the tests of your own loader or engine; simulators to rehearse with."""

from __future__ import annotations

import importlib
from typing import Any

__all__: list[str] = [
    "DectrisSender",
    "EngineContract",
    "FolderWriter",
    "PlainSender",
    "ScanContract",
    "ScanExample",
    "SwmrWriter",
    "pack",
]

HOMES: dict[str, str] = {
    "DectrisSender": "_live_senders",
    "EngineContract": "_engine_contract",
    "FolderWriter": "_live_writers",
    "PlainSender": "_live_senders",
    "ScanContract": "_scan_contract",
    "ScanExample": "_scan_example",
    "SwmrWriter": "_live_writers",
    "pack": "_live_senders",
}
"""The private module of this package that each name comes from."""


def __getattr__(name: str) -> Any:
    if name in HOMES:
        return getattr(importlib.import_module(f"{__name__}.{HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
