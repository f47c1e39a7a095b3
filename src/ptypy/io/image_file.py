"""Pictures as arrays."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ptypy.errors import FormatError

__all__ = ["image_read"]


def image_read(filename: str | Path) -> tuple[npt.NDArray[Any], dict[str, Any]]:
    """Read a picture: PNG, TIFF, JPEG and whatever else Pillow knows.

    Parameters
    ----------
    filename : path

    Returns
    -------
    image : (H, W) or (H, W, channels) array
        Pixels as they are stored; for a file with several pictures, the first.
    meta : dict
        What the file says about itself.

    Raises
    ------
    FormatError
        If the file is missing or not a picture.
    """
    from PIL import Image, UnidentifiedImageError  # comes with matplotlib

    path = Path(filename)
    try:
        with Image.open(path) as picture:
            return np.array(picture), {str(key): value for key, value in picture.info.items()}
    except FileNotFoundError as error:
        raise FormatError(f"{path}: there is no such file; check the path") from error
    except UnidentifiedImageError as error:
        raise FormatError(f"{path}: is not a picture of a kind that Pillow reads") from error
    except (OSError, SyntaxError, ValueError) as error:
        raise FormatError(f"{path}: the picture cannot be read: {error}") from error
