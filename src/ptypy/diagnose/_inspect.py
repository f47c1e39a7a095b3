"""Look into a file: what it is, what it holds, and what is wrong with it."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ptypy.diagnose._file_report import FileReport
from ptypy.diagnose._inspect_raw import describe_arrays, describe_hdf5, describe_images
from ptypy.diagnose._inspect_run import describe_run
from ptypy.diagnose._inspect_scan import describe_scan
from ptypy.errors import FormatError
from ptypy.io import open_h5
from ptypy.io.h5tree import TROUBLE, look_through, printable, saying
from ptypy.utils.config import ENDINGS

__all__ = ["inspect_file", "kind_of_file"]

SIGNATURE = b"\x89HDF\r\n\x1a\n"
ZIP = b"PK\x03\x04"


def inspect_file(path: str | Path, *, place: str | None = None, full: bool = False) -> FileReport:
    """Look into a file of any kind that is read here.

    Parameters
    ----------
    path : path
        A prepared scan (.ptyd), the result of a run (.ptyr), CXI, NeXus or any other HDF5 file,
        .npy or .npz, or images: TIFF, EDF, CBF, .mib and others.
    place : str, optional
        Show the tree of an HDF5 file from here on, and look at the frames there.
    full : bool
        Look at all frames, and not at a choice of them that is spread evenly.

    Returns
    -------
    FileReport
        Always: also of a file that is damaged, made to do harm, or not there. Then its
        ``faults`` say so.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> import numpy as np
    >>> with TemporaryDirectory() as directory:
    ...     np.save(f"{directory}/frames.npy", np.zeros((3, 8, 8), np.uint16))
    ...     report = inspect_file(f"{directory}/frames.npy")
    >>> report.kind, report.frames["frames.npy"].empty
    ('images', [0, 1, 2])
    """
    path = Path(path)
    report = FileReport(path, "unreadable")
    try:
        report.kind = kind_of_file(path)
    except (FormatError, *TROUBLE) as error:
        report.faults.append(_without_name(path, error))
        return report
    describe = DESCRIPTIONS[report.kind]
    try:
        if report.kind not in ("images", "arrays"):
            _add_tree(report, place, full=full)
        describe(report, full=full, place=place)
    except (FormatError, ImportError, *TROUBLE) as error:
        report.faults.append(_without_name(path, error))
    return report


DESCRIPTIONS: dict[str, Callable[..., None]] = {
    "ptyd": describe_scan,
    "ptyr": describe_run,
    "cxi": describe_hdf5,
    "nexus": describe_hdf5,
    "dectris": describe_hdf5,
    "hdf5": describe_hdf5,
    "images": describe_images,
    "arrays": describe_arrays,
}


def kind_of_file(path: str | Path) -> str:
    """Tell what a file is, by what stands in it.

    Returns
    -------
    str
        ``'ptyd'``, ``'ptyr'``, ``'cxi'``, ``'nexus'``, ``'dectris'``, ``'hdf5'``, ``'arrays'``
        (.npz, .mat) or ``'images'`` (whatever else).

    Raises
    ------
    FormatError
        If it is missing, no file, empty, a file of parameters, or an HDF5 file that cannot be
        opened.
    """
    path = Path(path)
    if not path.exists():
        raise FormatError(f"{path}: there is no such file; check the path")
    if not path.is_file():
        what = "directory" if path.is_dir() else "pipe or a device"
        raise FormatError(f"{path}: is a {what}; give the path of a file")
    if path.suffix.lower() in ENDINGS:
        raise FormatError(
            f"{path}: is a file of parameters, and no data; `ptypy check` says what is in it"
        )
    with path.open("rb") as opened:
        begin = opened.read(8)
    if not begin:
        raise FormatError(f"{path}: the file is empty: a copy or a writer was interrupted")
    is_hdf5 = begin == SIGNATURE or path.suffix.lower() in HDF5_NAMES
    if not is_hdf5:
        return "arrays" if begin[:4] == ZIP or path.suffix.lower() == ".mat" else "images"
    with saying(path), open_h5(path, patience=1.0) as file:
        return _kind_of_tree(file)


HDF5_NAMES = (".h5", ".hdf5", ".hdf", ".nxs", ".cxi", ".nx5", ".ptyd", ".ptyr", ".pty")


def _kind_of_tree(file: Any) -> str:
    names = set(file)
    if "chunks" in names and ("meta" in names or "info" in names or len(names) == 1):
        return "ptyd"
    if {"content", "header"} <= names or Path(file.filename).suffix in (".ptyr", ".pty"):
        return "ptyr"
    for group in ("entry_1", "entry"):
        with contextlib.suppress(*TROUBLE):
            if f"{group}/instrument/detector/detectorSpecific" in file:
                return "dectris"
    if "cxi_version" in names:
        return "cxi"
    for name in names:
        with contextlib.suppress(*TROUBLE):
            if file[name].attrs.get("NX_class") in ("NXentry", b"NXentry"):
                return "nexus"
    return "hdf5"


def _add_tree(report: FileReport, place: str | None, *, full: bool) -> None:
    try:
        report.tree = look_through(report.path, place or "/", full=full)
    except KeyError:
        report.faults.append(f"{place}: there is no such entry in it")
    for entry in report.tree:
        if entry.trouble:
            arrow = f" (link to {printable(entry.target)})" if entry.kind == "link" else ""
            report.faults.append(f"{printable(entry.path)}{arrow}: {entry.trouble}")


def _without_name(path: Path, error: Exception) -> str:
    """Say what is wrong; the name of the file stands above already."""
    text = str(error) or type(error).__name__
    if isinstance(error, TROUBLE) and not isinstance(error, FormatError | ImportError):
        text = f"cannot be read to its end: {type(error).__name__}: {text}"
    return text.removeprefix(f"{path}: ").removeprefix(f"{path} ")
