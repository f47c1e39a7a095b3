"""Small pieces of HTML for notebooks: tables, folds, pictures. Text is escaped, colours are those
of the page, nothing is loaded from anywhere.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping
from html import escape
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy.typing as npt

__all__ = ["card", "escape", "fold", "image", "lines", "picture", "table"]

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


def image(
    pixels: npt.NDArray[Any], description: str, *, colours: str = "gray", edge: int = 200
) -> str:
    """Draw real numbers (H, W) as a picture of about ``edge`` pixels.

    Parameters
    ----------
    pixels : (H, W) real
    description : str
        Stands below.
    colours : str
        Name of a colour map of matplotlib.
    edge : int
        Of the longer side, as it is shown [px].
    """
    import numpy as np
    from matplotlib.image import imsave

    step = max(1, -(-max(pixels.shape) // (2 * edge)))
    part = np.nan_to_num(np.asarray(pixels[::step, ::step], dtype=np.float64))
    store = io.BytesIO()
    # Without the few outliers that would leave the rest black.
    low, high = np.percentile(part, (1, 99))
    imsave(store, part, cmap=colours, vmin=low, vmax=max(high, low + 1e-12), format="png")
    data = base64.b64encode(store.getvalue()).decode("ascii")
    longer = "height" if pixels.shape[0] > pixels.shape[1] else "width"
    return (
        "<figure style='display:inline-block;margin:2px 12px 2px 0;text-align:center'>"
        f"<img alt='{escape(description, quote=True)}' src='data:image/png;base64,{data}' "
        f"style='{longer}:{edge}px;image-rendering:pixelated'>"
        f"<figcaption style='opacity:.65;font-size:90%'>{escape(description)}</figcaption></figure>"
    )
