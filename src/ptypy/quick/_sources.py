"""Arrays that a script holds or names: frames, positions, mask, probe."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ptypy.errors import Fault, PtypyError
from ptypy.io.array_file import ArrayFile, read_array

__all__ = ["Frames", "array_of", "frames_of"]

NUMBERS = "buif"
ENDINGS = (".h5", ".hdf5", ".nxs", ".cxi", ".ptyd", ".mat", ".npz", ".npy")


class Frames:
    """Frames in memory or in a file, and how the loader for arrays is told of them.

    Parameters
    ----------
    given : array, h5py.Dataset or str
    """

    def __init__(self, given: Any) -> None:
        self.pars: dict[str, Any]
        self.shape: tuple[int, ...]
        self._file: ArrayFile | None = None
        if isinstance(given, str | os.PathLike):
            path, name = _split(os.fspath(given))
            self._take_file(path, name)
        elif hasattr(given, "file") and hasattr(given, "name") and hasattr(given, "dtype"):
            # An open dataset is read where it lies, but only if nobody may be writing to it.
            if given.file.mode == "r":
                self._take_file(given.file.filename, given.name)
            else:
                self._take_array(given[()])
        else:
            self._take_array(np.asarray(given))

    def mean_modulus(self, count: int = 8) -> npt.NDArray[np.float64]:
        """Average the square roots of some frames, spread evenly (rows, columns)."""
        some = np.unique(np.linspace(0, self.shape[0] - 1, count).astype(np.int64))
        frames = self._file.read(some) if self._file is not None else self.pars["frames"][some]
        counts = np.nan_to_num(np.asarray(frames, np.float64), nan=0.0, posinf=0.0, neginf=0.0)
        return np.asarray(np.sqrt(np.maximum(counts, 0)).mean(axis=0))

    def _take_file(self, path: str, name: str | None) -> None:
        self._file = ArrayFile(path, name)
        self.shape = self._file.shape
        # A file of one array has no name for it.
        self.pars = {"file": path, "frames": "frames" if name is None else name}

    def _take_array(self, frames: npt.NDArray[Any]) -> None:
        if frames.dtype.kind not in NUMBERS:
            raise TypeError(f"holds {frames.dtype}: counts are real numbers")
        if frames.ndim < 3:
            raise TypeError(f"has shape {frames.shape}: frames are (N, rows, columns)")
        self.shape = (int(np.prod(frames.shape[:-2])), *frames.shape[-2:])
        self.pars = {"frames": frames.reshape(self.shape)}


def frames_of(given: Any, faults: list[Fault]) -> Frames | None:
    """Find frames, or note what is wrong with them."""
    try:
        frames = Frames(given)
    except (PtypyError, OSError, TypeError, ValueError) as error:
        faults.append(Fault("frames", _short(given), _remedy(error)))
        return None
    if not all(frames.shape):
        faults.append(Fault("frames", f"shape {frames.shape}", "is empty: give frames"))
        return None
    return frames


def array_of(
    given: Any, name: str, faults: list[Fault], kinds: str = NUMBERS
) -> npt.NDArray[Any] | None:
    """Give an array that is held or named, or note what is wrong with it; None if not given."""
    if given is None:
        return None
    try:
        if isinstance(given, str | os.PathLike):
            path, key = _split(os.fspath(given))
            found = read_array(path, key)
        else:
            found = np.asarray(given)
        if found.dtype.kind not in kinds:
            raise TypeError(f"holds {found.dtype}, which are no numbers of this kind")
    except (PtypyError, OSError, TypeError, ValueError) as error:
        faults.append(Fault(name, _short(given), _remedy(error)))
        return None
    return found


def _split(text: str) -> tuple[str, str | None]:
    """Split ``'file.h5:/entry/data'``; a colon of a drive is no such colon."""
    path, colon, name = text.rpartition(":")
    if colon and Path(path).suffix.lower() in ENDINGS:
        return path, name
    if colon and Path(path).is_file():
        return path, name
    return text, None


def _remedy(error: Exception) -> str:
    return str(error) or type(error).__name__


def _short(given: Any) -> str:
    shape = getattr(given, "shape", None)
    return repr(given)[:40] if shape is None else f"shape {tuple(shape)}"
