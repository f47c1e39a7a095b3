"""Small pieces of HTML for notebooks: tables, folds, pictures. Text is escaped, colours are those
of the page, nothing is loaded from anywhere.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from html import escape

__all__ = ["card", "escape", "fold", "lines", "picture", "table"]

_LINE = "border-top:1px solid rgba(128,128,128,.25)"
_CELL = f"padding:2px 14px 2px 0;text-align:left;vertical-align:top;{_LINE}"


def card(title: str, body: str, *, note: str = "") -> str:
    """Put HTML under a title.

    Parameters
    ----------
    title, note : str
        Text; the note stands behind the title, paler.
    body : str
        HTML.
    """
    behind = f" <span style='opacity:.65'>{escape(note)}</span>" if note else ""
    return (
        "<div style='font-family:system-ui,sans-serif;font-size:13px;line-height:1.45;"
        "max-width:900px'>"
        f"<div style='font-weight:600;padding-bottom:3px'>{escape(title)}{behind}</div>"
        f"{body}</div>"
    )


def table(rows: Mapping[str, str]) -> str:
    """Write names and what belongs to them, a row each; all of it is text."""
    lines = "".join(
        f"<tr style='background:none'><td style='{_CELL};opacity:.65;white-space:nowrap'>"
        f"{escape(name)}</td><td style='{_CELL}'>{escape(text)}</td></tr>"
        for name, text in rows.items()
    )
    return (
        f"<table style='border-collapse:collapse;margin:0 0 6px 0;font-size:13px'>{lines}</table>"
    )


def lines(title: str, rows: Mapping[str, str]) -> str:
    """Write a title, and names and what belongs to them, a line each: the same as plain text."""
    width = max(map(len, rows), default=0)
    return "\n".join([title, *(f"  {name:<{width}}  {text}" for name, text in rows.items())])


def fold(summary: str, body: str, *, is_open: bool = False) -> str:
    """Put HTML behind a line of text that opens and closes it."""
    return (
        f"<details{' open' if is_open else ''} style='margin:1px 0'>"
        f"<summary style='cursor:pointer'>{escape(summary)}</summary>"
        f"<div style='padding-left:18px'>{body}</div></details>"
    )


def picture(png: bytes, description: str) -> str:
    """Embed a PNG picture."""
    data = base64.b64encode(png).decode("ascii")
    return (
        f"<img alt='{escape(description, quote=True)}' src='data:image/png;base64,{data}' "
        "style='max-width:100%;background:white;border-radius:4px'>"
    )
