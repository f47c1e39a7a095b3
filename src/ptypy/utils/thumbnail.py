"""Arrays as small pictures in HTML. Needs matplotlib when it is asked, and nothing else does."""

from __future__ import annotations

import base64
import io
from html import escape
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["image"]


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
