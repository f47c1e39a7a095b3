"""Pictures and detector images as arrays."""

from __future__ import annotations

from collections.abc import Container, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ptypy.errors import FormatError
from ptypy.io._image_forms import form_of, open_picture, open_tiff
from ptypy.io._one_file import look_into, naming, need
from ptypy.io.frame_files import find_files

__all__ = ["edfread", "image_read"]

Image = tuple[npt.NDArray[Any], dict[str, Any]]
Files = str | Path | Sequence[str | Path]


def image_read(filename: Files, doglob: bool | None = None) -> tuple[Any, Any]:
    """Read one image, or several.

    TIFF through tifffile where it is installed; EDF and .npy without further libraries; CBF,
    MarCCD and many more detector formats through fabio; PNG, JPEG and the like through Pillow.

    Parameters
    ----------
    filename : path, or sequence of paths
        One path may hold wildcards; what it finds is sorted by the numbers in the names.
    doglob : bool, optional
        Whether wildcards are to be looked for. If not given, they are where no file has the very
        name.

    Returns
    -------
    image : (H, W), (N, H, W) or (H, W, channels) array, or list of these
        Pixels as they are stored, with as many axes as the file has. A list if ``filename`` is
        one or holds wildcards.
    meta : dict, or list of dict
        What each file says about itself.

    Raises
    ------
    FormatError
        If a file is missing, cut short, or no image.
    ImportError
        If a library that is needed is not installed; it names the command that does it.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     for k in range(3):
    ...         np.save(f"{folder}/frame{k}.npy", np.full((4, 5), k))
    ...     image, meta = image_read(f"{folder}/frame1.npy")
    ...     images, metas = image_read(f"{folder}/frame*.npy")
    >>> image.shape, len(images), int(images[2].max())
    ((4, 5), 3, 2)
    """
    return _read_all(filename, doglob, None)


def edfread(filename: Files, doglob: bool | None = None) -> tuple[Any, Any]:
    """Read EDF files; as `image_read`, whatever the names end with."""
    return _read_all(filename, doglob, "edf")


def _read_all(filename: Files, doglob: bool | None, form: str | None) -> tuple[Any, Any]:
    if isinstance(filename, str | Path):
        path = Path(filename)
        marked = any(mark in str(path) for mark in "*?[")
        if doglob is False or (doglob is None and (path.exists() or not marked)):
            return _read(path, form)
    read = [_read(path, form) for path in find_files(filename)]
    return [image for image, _ in read], [meta for _, meta in read]


def _read(path: Path, form: str | None) -> Image:
    ending = path.suffix.lower()
    form = form_of(path) if form is None else form
    if form == "picture":
        return _picture(path)
    if form == "npy":
        with naming(path):
            return np.load(path), {}
    if form == "tiff":
        return _tiff(path)
    if form == "fabio" and ending in _pillow_endings():
        return _picture(path)
    file = look_into(path, form)
    frames = np.array(file.read())
    return (frames if file.count > 1 else frames[0]), dict(file.header)


def _tiff(path: Path) -> Image:
    try:
        need("tifffile", path)
    except ImportError:
        return _picture(path)
    with naming(path), open_tiff(path) as tiff:
        described = {"description": tiff.pages[0].description}
        forms = {(page.shape, page.dtype) for page in tiff.pages}
        if len(tiff.series) > 1 and len(forms) == 1:
            # Pages that were written one by one.
            return np.stack([page.asarray() for page in tiff.pages]), described
        return np.asarray(tiff.series[0].asarray()), described


def _pillow_endings() -> Container[str]:
    from PIL import Image as Pillow  # comes with matplotlib

    return Pillow.registered_extensions()


def _picture(path: Path) -> Image:
    from PIL import UnidentifiedImageError  # comes with matplotlib

    try:
        return open_picture(path)
    except FileNotFoundError as error:
        raise FormatError(f"{path}: there is no such file; check the path") from error
    except UnidentifiedImageError as error:
        raise FormatError(f"{path}: is not a picture of a kind that Pillow reads") from error
    except (OSError, SyntaxError, ValueError) as error:
        raise FormatError(f"{path}: the picture cannot be read: {error}") from error
