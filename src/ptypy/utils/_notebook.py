"""One line of a notebook that is written over; IPython is used where it is at work already."""

from __future__ import annotations

import sys
from html import escape
from typing import Any

__all__ = ["NotebookLine", "is_in_notebook"]


def is_in_notebook() -> bool:
    """Say whether what is displayed appears in a notebook."""
    ipython = sys.modules.get("IPython")
    shell = None if ipython is None else getattr(ipython, "get_ipython", lambda: None)()
    # A shell in a terminal has no kernel.
    return getattr(shell, "kernel", None) is not None


class NotebookLine:
    """A line of text in the output of a cell, with a bar if a share of the work is known."""

    def __init__(self) -> None:
        self._handle: Any = None

    def write(self, text: str, share: float | None = None, *, last: bool = False) -> None:
        """Write over the line; with the ``last`` text it ends, and the next one is another."""
        shown = _Shown(text, share)
        if self._handle is None:
            from IPython.display import display  # type: ignore[import-not-found, unused-ignore]

            self._handle = display(shown, display_id=True)
        else:
            self._handle.update(shown)
        if last:
            self.end()

    def end(self) -> None:
        """Leave the line as it is."""
        self._handle = None


class _Shown:
    """What stands in the line."""

    def __init__(self, text: str, share: float | None) -> None:
        self._text = text
        self._share = share

    def __repr__(self) -> str:
        return self._text

    def _repr_html_(self) -> str:
        bar = ""
        if self._share is not None:
            part = 100 * min(max(self._share, 0.0), 1.0)
            bar = (
                "<span style='display:inline-block;width:180px;height:9px;border-radius:5px;"
                "background:rgba(128,128,128,.25);margin-right:10px;overflow:hidden'>"
                f"<span style='display:block;width:{part:.1f}%;height:100%;background:#2e6f95'>"
                "</span></span>"
            )
        return (
            "<div style='font-family:system-ui,sans-serif;font-size:13px;white-space:nowrap'>"
            f"{bar}{escape(self._text)}</div>"
        )
