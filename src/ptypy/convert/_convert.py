"""Which file becomes which, and by what."""

from __future__ import annotations

import contextlib
import glob
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from ptypy.convert._prepare import prepare_file
from ptypy.diagnose import kind_of_file
from ptypy.errors import DataError, FormatError, ParameterError
from ptypy.io import ptyr
from ptypy.io.export_arrays import (
    write_npy_result,
    write_npy_scan,
    write_npz_result,
    write_npz_scan,
)
from ptypy.io.export_cxi import write_cxi_result, write_cxi_scan
from ptypy.io.export_hdf5 import write_hdf5_result
from ptypy.io.export_ptylab import write_ptylab_scan
from ptypy.io.export_tiff import tiff_names, write_tiff_result
from ptypy.io.frame_files import find_files
from ptypy.io.h5tree import saying
from ptypy.io.ptyd import PtydReader

__all__ = ["TARGETS", "convert_file", "files_of_target"]

Progress = Callable[[int], None]

SCANS: dict[str, Callable[..., list[str]]] = {
    ".cxi": write_cxi_scan, ".npy": write_npy_scan, ".npz": write_npz_scan,
    ".h5": write_ptylab_scan, ".hdf5": write_ptylab_scan,
}  # fmt: skip
"""What writes a prepared scan, by the ending of the name."""

RESULTS: dict[str, Callable[..., list[str]]] = {
    ".cxi": write_cxi_result, ".npy": write_npy_result, ".npz": write_npz_result,
    ".h5": write_hdf5_result, ".hdf5": write_hdf5_result,
    ".tif": write_tiff_result, ".tiff": write_tiff_result,
}  # fmt: skip
"""What writes a result, by the ending of the name."""

LAYOUTS = {".npz": ("tike",)}
"""Forms of other programs that an ending may have beside its own."""

TARGETS = {
    "raw data": (".ptyd", *SCANS),
    "a prepared scan": (".ptyd", *SCANS),
    "a result": tuple(RESULTS),
}
"""Endings of the files that each kind of file can become."""


def convert_file(
    source: str | Path | Sequence[str | Path],
    target: str | Path,
    *,
    force: bool = False,
    loader: str | None = None,
    layout: str | None = None,
    parameters: Mapping[str, Any] | None = None,
    progress: Progress | None = None,
) -> list[str]:
    """Make a file of another form from one.

    What is written is there completely, or not at all; large scans pass through memory in parts.

    Parameters
    ----------
    source : path, or sequence of paths
        Raw data, a prepared scan (.ptyd), or a result (.ptyr). Frames may be in several images: a
        list of them, or a pattern such as ``'scan_*.tif'``.
    target : path
        What it becomes is told by the ending: see `TARGETS`.
    force : bool
        Replace a file that is there.
    loader : str, optional
        Which loader reads raw data; chosen by the file if not given.
    layout : {'tike'}, optional
        Write as another program does.
    parameters : mapping, optional
        Of the loader. Names may have dots.
    progress : callable, optional
        Is told how many more frames are done.

    Returns
    -------
    list of str
        Sentences that say what of the source has no place in the target, or what it lacks.

    Raises
    ------
    FormatError
        If a file cannot be read or written, or is there and ``force`` is not set.
    ParameterError
        If a conversion of these kinds does not exist.
    DataError
        If what is there does not suffice.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> import numpy as np
    >>> with TemporaryDirectory() as directory:
    ...     raw, prepared = f"{directory}/raw.npz", f"{directory}/scan.ptyd"
    ...     np.savez(raw, frames=np.ones((4, 16, 16), np.uint16), positions=np.eye(4, 2) * 1e-6)
    ...     known = {"energy": 8.0, "distance": 1.0, "psize": 75e-6}
    ...     convert_file(raw, prepared, parameters=known)
    ...     convert_file(prepared, f"{directory}/scan.cxi")
    []
    ['it has no place for: parameters of the preparation']
    """
    target = Path(target)
    ending = target.suffix.lower()
    given = dict(parameters or {})
    if not isinstance(source, str | Path) or (
        glob.has_magic(str(source)) and not Path(source).exists()
    ):
        loader = loader or "ImageStackScan"
        files = find_files(source)
        given.setdefault("files", [str(file) for file in files])
        source, kind = files[0], "images"
    else:
        source = Path(source)
        kind = kind_of_file(source)
    _see_target(kind, source, target, ending, layout)
    _see_free(source, target, force=force)
    if kind == "ptyr":
        _see_unused(source, loader, given)
        with saying(source):
            content = ptyr.read_run(source)
            return _without(RESULTS[ending](target, content))
    with saying(source):
        return _convert_scan(
            source, target, kind, loader=loader, layout=layout, given=given, progress=progress
        )


def files_of_target(target: str | Path) -> tuple[Path, ...]:
    """Name the files that a target becomes: one, but for ``.tif`` of phase and of amplitude."""
    target = Path(target)
    return tiff_names(target) if target.suffix.lower() in (".tif", ".tiff") else (target,)


def _convert_scan(
    source: Path, target: Path, kind: str, *, loader: str | None, layout: str | None,
    given: Mapping[str, Any], progress: Progress | None,
) -> list[str]:  # fmt: skip
    """Prepare raw data, and write a prepared scan in another form."""
    ending = target.suffix.lower()
    if kind != "ptyd" or ending == ".ptyd" or loader or given:
        with _prepared(target, ending) as (prepared, is_target):
            lacking = prepare_file(
                source, prepared, loader=loader, parameters=given, progress=progress
            )
            return lacking if is_target else _export(prepared, target, ending, layout, None)
    return _export(source, target, ending, layout, progress)


def _export(
    source: Path, target: Path, ending: str, layout: str | None, progress: Progress | None
) -> list[str]:
    """Write a prepared scan in another form."""
    reader = PtydReader(source)
    if not reader.num_frames:
        raise DataError(f"{source}: there are no frames in it")
    more = {"layout": layout} if layout else {}
    return _without(SCANS[ending](target, reader, progress, **more))


def _without(lost: list[str]) -> list[str]:
    return [f"it has no place for: {', '.join(lost)}"] if lost else []


@contextlib.contextmanager
def _prepared(target: Path, ending: str) -> Iterator[tuple[Path, bool]]:
    """Say where raw data is prepared: into the target, or beside it and then removed."""
    if ending == ".ptyd":
        yield target, True
        return
    between = target.with_name(f".{target.stem}.between.ptyd")
    try:
        yield between, False
    finally:
        between.unlink(missing_ok=True)


def _see_target(kind: str, source: Path, target: Path, ending: str, layout: str | None) -> None:
    """Refuse what cannot become of a file, and say what can."""
    what = {"ptyd": "a prepared scan", "ptyr": "a result"}.get(kind, "raw data")
    known = TARGETS[what]
    pictures = ", and pictures (.png, .pdf) by `ptypy plot`"
    if ending not in known or (kind == "ptyd" and ending == ".ptyd" and source == target):
        raise ParameterError(
            f"{source} is {what}; it cannot become {target.name!r}, but {', '.join(known)}"
            f"{pictures}"
        )
    if layout is not None and (layout not in LAYOUTS.get(ending, ()) or kind == "ptyr"):
        known_layouts = "; ".join(f"{end}: {', '.join(names)}" for end, names in LAYOUTS.items())
        raise ParameterError(f"{layout!r} is no layout of {ending} files; known: {known_layouts}")


def _see_unused(source: Path, loader: str | None, given: Mapping[str, Any]) -> None:
    """Refuse parameters of a loader where none reads."""
    names = [*given, *([loader] if loader else [])]
    if names:
        raise ParameterError(
            f"{source} is a result, which no loader reads: it is converted as it is, without "
            f"{', '.join(names)}"
        )


def _see_free(source: Path, target: Path, *, force: bool) -> None:
    """Refuse to write over a file that nobody gave up."""
    for one in files_of_target(target):
        if one.exists() and one.samefile(source):
            raise FormatError(f"{one}: is the file to be converted; give another name")
        if one.exists() and not force:
            raise FormatError(f"{one}: is there already; `--force` replaces it")
