"""Writers of files that grow or appear while a scan goes on."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ptypy.errors import Fault, ParameterError
from ptypy.testing._live_simulator import Simulator

__all__ = ["FolderWriter", "SwmrWriter"]

LARGEST = 2**31 - 1
"""Largest count in formats that only know signed numbers."""


@dataclass
class FolderWriter(Simulator):
    """Writes files with frames into a folder, as detectors do: ``frame_00000.npy`` and so on.

    Parameters
    ----------
    folder : path
    suffix : {'.npy', '.tif', '.cbf', '.edf', '.h5'}
        Kind of the files. HDF5 files hold the frames in ``entry/data/data``.
    first : int
        Number of the first file.
    frames_per_file : int
        Of HDF5 and npy files.
    renames : bool
        True: files get their names when they are whole. False: they appear in two pieces, with
        ``interval`` between them.
    end_file : str
        File in the folder that says that all are there. Positions are always written first, to
        ``positions.txt``.
    """

    folder: str = "."
    suffix: str = ".npy"
    first: int = 0
    frames_per_file: int = 1
    renames: bool = True
    end_file: str = "finished"

    def run(self, ready: Callable[[str], object] = str) -> None:
        """Write the scan; see `Simulator.run`."""
        scan = self.recording
        folder = Path(self.folder)
        folder.mkdir(parents=True, exist_ok=True)
        np.savetxt(folder / "positions.txt", scan.positions, header="y x [m]")
        ready(str(folder))
        n = self.frames_per_file
        numbers = dict.fromkeys(index // n for index in self._order())
        for count, number in enumerate(numbers):
            if count and self.interval:
                time.sleep(self.interval)
            self._write(folder / f"frame_{self.first + number:05d}{self.suffix}",
                        scan.frames[number * n : (number + 1) * n])  # fmt: skip
        if self.ends:
            (folder / self.end_file).touch()

    def _order(self) -> list[int]:
        return list(range(len(self.recording.frames))) if self.order is None else self.order

    def _write(self, path: Path, frames: npt.NDArray[Any]) -> None:
        hidden = path.with_name(f".{path.name}")
        write_frames(hidden, frames)
        if self.renames:
            hidden.rename(path)
            return
        content = hidden.read_bytes()
        hidden.unlink()
        with path.open("wb") as file:
            file.write(content[: len(content) // 2])
            file.flush()
            time.sleep(self.interval)
            file.write(content[len(content) // 2 :])


def write_frames(path: Path, frames: npt.NDArray[Any]) -> None:
    """Write frames (n, H, W) to a file of the kind that its ending says.

    Raises
    ------
    ParameterError
        If the kind is unknown, or holds one frame only and there are more.
    """
    kind = path.suffix
    if kind not in (".npy", ".tif", ".cbf", ".edf", ".h5"):
        remedy = "must be .npy, .tif, .cbf, .edf or .h5"
        raise ParameterError([Fault("suffix", repr(kind), remedy)])
    if kind == ".h5":
        import h5py

        with h5py.File(path, "w") as file:
            file["entry/data/data"] = frames
        return
    if kind != ".npy" and len(frames) > 1:
        remedy = f"files of kind {kind} are written with one frame each"
        raise ParameterError([Fault("frames_per_file", str(len(frames)), remedy)])
    if kind == ".npy":
        np.save(path, frames if len(frames) > 1 else frames[0], allow_pickle=False)
    elif kind == ".tif":
        import tifffile

        tifffile.imwrite(path, frames[0])
    else:
        import fabio

        image = np.minimum(frames[0], LARGEST).astype(np.int32)
        form = fabio.cbfimage.CbfImage if kind == ".cbf" else fabio.edfimage.EdfImage
        form(data=image).write(str(path))


@dataclass
class SwmrWriter(Simulator):
    """Writes one HDF5 file that others may read meanwhile (SWMR).

    It holds ``entry/data`` (N, H, W), ``entry/y`` and ``entry/x`` [m], and ``entry/key``, which is
    larger than zero for points that are written; when all is there, ``entry/finished`` is 1.

    Parameters
    ----------
    path : path
    grows : bool
        True: the datasets grow frame by frame. False: they have their full size from the start.
    """

    path: str = "scan.h5"
    grows: bool = False

    def run(self, ready: Callable[[str], object] = str) -> None:
        """Write the scan; see `Simulator.run`."""
        import h5py

        scan = self.recording
        count, *frame = scan.frames.shape
        with h5py.File(self.path, "w", libver="latest") as file:
            entry = file.create_group("entry")
            begun = 0 if self.grows else count
            limit = None if self.grows else count
            forms = {"data": (frame, scan.frames.dtype), "key": ([], "i4")}
            forms |= {"y": ([], "f8"), "x": ([], "f8")}
            sets = {
                name: entry.create_dataset(
                    name, (begun, *rest), dtype, maxshape=(limit, *rest),
                    chunks=(1, *rest) if rest else (64 if limit is None else count,),
                )
                for name, (rest, dtype) in forms.items()
            }  # fmt: skip
            finished = entry.create_dataset("finished", data=np.int32(0))
            file.swmr_mode = True
            file.flush()
            ready(self.path)
            for index in self._indices():
                self._write(sets, index)
            if self.ends:
                finished[()] = 1
                finished.flush()

    def _write(self, sets: dict[str, Any], index: int) -> None:
        """Write one point; its key last, when the rest is there for everybody."""
        scan = self.recording
        values = {
            "data": scan.frames[index],
            "y": scan.positions[index, 0],
            "x": scan.positions[index, 1],
            "key": index + 1,
        }
        for name, value in values.items():
            if self.grows and len(sets[name]) <= index:
                sets[name].resize(index + 1, axis=0)
            sets[name][index] = value
            sets[name].flush()
