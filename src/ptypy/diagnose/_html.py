"""A result as a notebook shows it."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from ptypy.utils.markup import card, picture, table

if TYPE_CHECKING:
    from ptypy.diagnose._result import Result

__all__ = ["result_as_html"]


def result_as_html(result: Result) -> str:
    """Give a table and a small picture, all in one piece of HTML."""
    from ptypy.diagnose._overview import draw_strip

    shown = result.select(next(iter(result.objects))).without_ramp()
    store = io.BytesIO()
    draw_strip(shown).savefig(store, dpi=80, format="png")
    words = table(result.describe())
    image = picture(store.getvalue(), "phase, amplitude and probe")
    return card("Result of a reconstruction", words + image, note="larger: .plot()")
