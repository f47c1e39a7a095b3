"""Writing what was chosen on the page into the config, and the mask beside it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ptypy.utils.config import as_yaml, change_config
from ptypy.web._frames import Frames, Settings

__all__ = ["save_settings"]


def save_settings(
    path: Path, frames: Frames, settings: Settings, mask: npt.NDArray[np.bool_] | None
) -> dict[str, Any]:
    """Write settings into the config that was opened.

    Parameters
    ----------
    path : Path
        The file that the page shows.
    frames : Frames
    settings : Settings
    mask : (H, W) bool, optional
        True where a pixel may be trusted, if that is not the scan's own mask. It becomes an HDF5
        file beside the config, which then names it.

    Returns
    -------
    dict
        ``saved``, the config, or None; ``lines``, what was written, or is to be written by hand;
        ``mask``, the file of the mask, or None; ``advice``, what is left to do, or None.

    Raises
    ------
    FormatError
        If files cannot be written.
    """
    changes: dict[str, Any] = {
        "shape": list(settings.shape),
        "center": [_short(n) for n in settings.center],
        "orientation": settings.orientation,
        "rebin": settings.rebin,
    }
    if frames.named.data.get("auto_center") is True:
        # Otherwise the frames would decide, whatever the centre.
        changes["auto_center"] = False
    mask_file, advice = None, None
    if mask is not None:
        label = frames.named.label.replace("/", "-")
        mask_file = _write_mask(path.with_name(f"{path.stem}-{label}-mask.h5"), mask, frames)
        if frames.takes_mask:
            changes |= {"mask.file": str(mask_file), "mask.key": "mask", "mask.invert": False}
        else:
            advice = (
                f"{frames.loader.__name__} reads no mask from a file: give the one in {mask_file} "
                "in `load_weight` of a class of your own"
            )
    saved = None
    branch = frames.named.branch
    if branch is None:
        advice = advice or f"{path.name} is no config: these lines are for `data` of your scan"
        lines = [f"{name}: {as_yaml(value).strip()}" for name, value in changes.items()]
    elif path.suffix.lower() == ".py":
        advice = advice or f"{path.name} is a script, which is not changed: copy these lines"
        lines = [f"p.{branch}.{name} = {value!r}" for name, value in changes.items()]
    else:
        change_config(path, {f"{branch}.{name}": value for name, value in changes.items()})
        saved = str(path)
        lines = [f"{branch}.{name}: {as_yaml(value).strip()}" for name, value in changes.items()]
    return {
        "saved": saved, "lines": lines, "advice": advice,
        "mask": None if mask_file is None else str(mask_file),
    }  # fmt: skip


def _write_mask(path: Path, mask: npt.NDArray[np.bool_], frames: Frames) -> Path:
    """Write a mask as the loader wants it: of raw frames, before they are padded."""
    from ptypy.io import h5write

    padding = frames.named.data.get("padding")
    if padding is not None:
        top, bottom, left, right = (int(n) for n in np.broadcast_to(padding, 4))
        height, width = mask.shape
        mask = mask[top : height - bottom, left : width - right]
    h5write(str(path), mask=mask.astype(np.uint8))
    return path


def _short(value: float) -> int | float:
    """Give a number as people write it."""
    rounded = round(value, 2)
    return int(rounded) if rounded == int(rounded) else rounded
