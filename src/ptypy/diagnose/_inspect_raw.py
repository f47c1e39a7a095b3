"""Look into raw data: HDF5 of any layout, CXI and NeXus, arrays of NumPy, images."""

from __future__ import annotations

import zipfile
from typing import Any

import numpy as np
import numpy.typing as npt

from ptypy.diagnose._file_report import FileReport
from ptypy.diagnose._frame_statistics import choose_frames, count_frames
from ptypy.diagnose._inspect_scan import add_frames, add_geometry, add_positions
from ptypy.errors import DataError, FormatError
from ptypy.io import open_h5
from ptypy.io.cxi import CxiFile, cxi_file
from ptypy.io.dectris_files import dectris_files
from ptypy.io.frame_files import frame_files
from ptypy.io.frame_source import FrameSource
from ptypy.io.h5tree import TROUBLE, Entry, shown_size
from ptypy.io.stored_frames import follow, read_numbers

__all__ = ["describe_arrays", "describe_hdf5", "describe_images", "frame_datasets"]

MOST_STACKS = 4
"""Datasets of frames that are looked at; the largest of a file."""

MOST_FRAME = 1 << 30
"""A frame of more than this is not read [byte]: no detector gives it."""


def describe_hdf5(report: FileReport, *, full: bool, place: str | None) -> None:
    """Add what an HDF5 file of raw data holds."""
    source = _source(report)
    if source is not None:
        _add_recorded(report, source)
    stacks = frame_datasets(report.tree)
    if place is None and isinstance(source, CxiFile):
        own = [entry for entry in stacks if entry.path.strip("/") == source.key.strip("/")]
        stacks = own or stacks
    if place is None and source is not None and report.kind == "dectris":
        stacks = []
        _look(report, report.path.name, source, source.count, full=full)
    for entry in stacks[:MOST_STACKS]:
        _look_at_dataset(report, entry, source, full=full)
    if not report.frames and place is None:
        report.remarks.append("no stack of frames was found in it")


def frame_datasets(tree: list[Entry]) -> list[Entry]:
    """Choose datasets that may be stacks of frames, the one with most pixels first.

    Parameters
    ----------
    tree : list of Entry
        From `ptypy.io.h5tree.look_through`.
    """
    found = [
        entry
        for entry in tree
        if entry.kind == "dataset"
        and entry.shape is not None
        and len(entry.shape) in (3, 4)
        and min(entry.shape[-2:]) >= 2
        and entry.dtype not in ("text", "bool")
        and "complex" not in entry.dtype
        and np.prod([float(n) for n in entry.shape]) > 0
    ]
    return sorted(found, key=lambda entry: -np.prod([float(n) for n in entry.shape or ()]))


def _source(report: FileReport) -> Any:
    """Read a file by its conventions, if it follows some."""
    try:
        if report.kind == "dectris":
            return dectris_files(report.path)
        if report.kind in ("cxi", "nexus"):
            return cxi_file(report.path)
    except (FormatError, DataError, *TROUBLE) as error:
        text = str(error).removeprefix(f"{report.path}: ")
        # A NeXus file may be of another kind of experiment; what does not fit together is wrong.
        is_other = report.kind != "dectris" and isinstance(error, FormatError)
        wrong = report.remarks if is_other else report.faults
        wrong.append(
            f"it cannot be read as a {'CXI' if report.kind == 'cxi' else 'NeXus'} scan: {text}"
        )
    return None


def _add_recorded(report: FileReport, source: FrameSource) -> None:
    shape, recorded = source.shape, source.recorded
    report.facts["frames"] = f"{source.count} of {shape[0]} x {shape[1]} px"
    report.values |= {"frames": source.count, "shape": [int(n) for n in shape]}
    add_geometry(
        report, shape, energy=recorded.energy, distance=recorded.distance, psize=recorded.psize,
        center=recorded.center,
    )  # fmt: skip
    if recorded.bad is not None:
        report.facts["mask"] = f"{100 * recorded.bad.mean():.2f} % of the pixels are bad"
    if recorded.positions is not None:
        add_positions(report, recorded.positions, source.count, shape)
    elif isinstance(source, CxiFile):
        report.remarks.append("it holds no positions")


def _look_at_dataset(report: FileReport, entry: Entry, source: Any, *, full: bool) -> None:
    """Look at frames of one dataset."""
    name = entry.path.strip("/")
    shape = entry.shape or ()
    if entry.trouble and "never written" not in entry.trouble:
        return
    count = int(np.prod([int(n) for n in shape[:-2]]))
    size = int(np.prod([int(n) for n in shape[-2:]])) * np.dtype(entry.dtype).itemsize
    if size > MOST_FRAME:
        report.faults.append(f"{name}: a frame would be {size / 1e9:.3g} GB; it was not read")
        return
    is_own = isinstance(source, CxiFile) and source.key.strip("/") == name
    bad = source.recorded.bad if is_own else None
    limit = source.recorded.saturation if is_own else None
    trusted = None if bad is None else ~bad
    with open_h5(report.path) as file:
        dataset = follow(file, name)

        def read(number: int) -> tuple[npt.NDArray[Any], npt.NDArray[Any] | None]:
            return read_numbers(dataset, [number])[0], trusted

        wanted = choose_frames(count, size, full=full)
        found = count_frames(read, count, wanted, limit=limit, trouble=(FormatError, *TROUBLE))
    add_frames(report, name, found, raw=True)
    if "frames" not in report.facts:
        report.facts[name] = f"{count} frames of {shown_size(shape[-2:])} px, {entry.dtype}"


def _look(report: FileReport, name: str, source: FrameSource, count: int, *, full: bool) -> None:
    """Look at frames of a source."""
    shape = source.shape
    recorded = source.recorded
    size = shape[0] * shape[1] * 8
    if size > MOST_FRAME:
        report.faults.append(f"a frame would be {size / 1e9:.3g} GB; it was not read")
        return

    def read(number: int) -> tuple[npt.NDArray[Any], npt.NDArray[Any] | None]:
        return source.read([number])[0], None if recorded.bad is None else ~recorded.bad

    found = count_frames(
        read, count, choose_frames(count, size, full=full), limit=recorded.saturation,
        trouble=(FormatError, *TROUBLE),
    )  # fmt: skip
    add_frames(report, name, found, raw=True)


def describe_images(report: FileReport, *, full: bool, place: str | None) -> None:
    """Add what a file of detector images, or an .npy file, holds."""
    del place
    source = frame_files(report.path)
    first = source.looked[0]
    report.facts["frames"] = (
        f"{source.count} of {shown_size(source.shape)} px, {first.dtype}, {first.form}"
    )
    report.values |= {
        "frames": source.count, "shape": list(source.shape), "dtype": str(first.dtype),
        "format": first.form,
    }  # fmt: skip
    recorded = source.recorded
    add_geometry(
        report, source.shape, energy=recorded.energy, distance=recorded.distance,
        psize=recorded.psize, center=recorded.center,
    )  # fmt: skip
    _look(report, report.path.name, source, source.count, full=full)


def describe_arrays(report: FileReport, *, full: bool, place: str | None) -> None:
    """Add the names, shapes and types of arrays in an .npz or .mat file."""
    del full, place
    if report.path.suffix.lower() == ".mat":
        from scipy.io import whosmat

        try:
            found = [
                (str(name), tuple(shape), str(dtype))
                for name, shape, dtype in whosmat(str(report.path))
            ]
        except NotImplementedError as error:
            raise FormatError(
                "is a .mat file of version 7.3: rename it to .h5 to look in"
            ) from error
    else:
        found = _arrays_of_zip(report)
    report.tree = [
        Entry(f"/{name}", "dataset", tuple(int(n) for n in shape), str(dtype))
        for name, shape, dtype in found
    ]
    report.values["arrays"] = {name: list(shape) for name, shape, _ in found}
    if not found and not report.faults:
        report.faults.append("there are no arrays in it; unpack an archive of other files first")


def _arrays_of_zip(report: FileReport) -> list[tuple[str, tuple[int, ...], str]]:
    """List the arrays of an .npz file from their headers; nothing is unpickled."""
    found = []
    try:
        with zipfile.ZipFile(report.path) as archive:
            for name in archive.namelist():
                if not name.endswith(".npy"):
                    continue
                with archive.open(name) as member:
                    version = np.lib.format.read_magic(member)
                    header = (
                        np.lib.format.read_array_header_1_0
                        if version == (1, 0)
                        else np.lib.format.read_array_header_2_0
                    )
                    shape, _, dtype = header(member)
                label = name.removesuffix(".npy")
                if dtype.hasobject:
                    report.remarks.append(f"{label} holds Python objects, which are not read")
                found.append((label, shape, str(dtype)))
            damaged = archive.testzip()
    except zipfile.BadZipFile as error:
        raise FormatError(f"is cut short or damaged ({error})") from error
    if damaged:
        report.faults.append(f"{damaged} is damaged: its checksum differs")
    return found
