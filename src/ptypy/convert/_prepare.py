"""Raw data into a prepared scan, through the loaders."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from ptypy.core.data import find_scan
from ptypy.diagnose import FileReport, inspect_file, kind_of_file
from ptypy.errors import DataError, Fault, FormatError, ParameterError
from ptypy.io import ptyd
from ptypy.io.array_file import read_array
from ptypy.io.cxi import cxi_file
from ptypy.io.dectris_files import dectris_files
from ptypy.io.frame_files import frame_files
from ptypy.utils.parameters import Param

__all__ = ["choose_loader", "prepare_file"]

Progress = Callable[[int], None]

CHANGES = ("shape", "center", "auto_center", "rebin", "orientation", "padding")
"""Parameters that change which pixels a frame has. Without them frames stay as they are."""

LAID_OUT = ("Hdf5Loader", "Hdf5LoaderFast", "SwmrLoader", "DiamondNexus")
"""Loaders that look for the centre themselves, unless they are told where it is."""

NUMBERS = ("energy", "distance", "psize", "center")
"""Geometry that .npz files of ours hold."""

LOADERS = {
    "cxi": ("CxiScan", "file"),
    "nexus": ("CxiScan", "file"),
    "dectris": ("DectrisScan", "file"),
    "images": ("ImageStackScan", "files"),
    "ptyd": ("PtydScan", "source"),
}
"""Loaders of files that say how they are laid out, and their parameter that names the file."""

CHUNK_BYTES = 1 << 27
"""So many bytes of frames are prepared at once."""


def choose_loader(path: str | Path) -> tuple[str, dict[str, Any]]:
    """Choose the loader that reads a file of raw data, and what it must be told about it.

    Parameters
    ----------
    path : path
        CXI or NeXus, a Dectris master file, HDF5 with one stack of frames, .npz with ``frames``, an
        .npy or another file of detector images.

    Returns
    -------
    name : str
        Of the loader.
    parameters : dict
        Those that name the file.

    Raises
    ------
    DataError
        If nothing says how the file is laid out.
    FormatError
        If it cannot be opened.
    """
    path = Path(path)
    kind = kind_of_file(path)
    if kind in LOADERS:
        name, parameter = LOADERS[kind]
        return name, {parameter: str(path)}
    found = inspect_file(path)
    names = {entry.path.strip("/"): entry for entry in found.tree if entry.kind == "dataset"}
    if "ptychogram" in names:
        return "ArrayScan", {"file": str(path), "file_layout": "ptylab"} | _own(names, "mask")
    if kind == "arrays" and {"data", "scan"} <= names.keys():
        return "ArrayScan", {"file": str(path), "file_layout": "tike"}
    return "ArrayScan", {"file": str(path), **_arrays(path, kind, names, found)}


def _arrays(path: Path, kind: str, names: Mapping[str, Any], found: FileReport) -> dict[str, Any]:
    """Tell which arrays of a file are the frames, and what belongs to them."""
    if kind == "arrays" and "frames" in names:
        numbers = {name: read_array(path, name).tolist() for name in NUMBERS if name in names}
        own = _own(names, "frames", "positions", "mask")
        return own | numbers
    stacks = [name for name in found.frames if name in names]
    if len(stacks) == 1:
        return {"frames": stacks[0]}
    said = f"several stacks of frames ({', '.join(stacks)})" if stacks else "no stack of frames"
    raise DataError(
        f"{path}: holds {said}, and nothing says how it is laid out: name a loader and its "
        "parameters, such as `--loader Hdf5Loader --set intensities.key=entry/data`. `ptypy "
        "inspect` shows what is in it"
    )


def _own(names: Mapping[str, Any], *wanted: str) -> dict[str, str]:
    return {name: name for name in wanted if name in names}


def prepare_file(
    path: str | Path,
    target: str | Path,
    *,
    loader: str | None = None,
    parameters: Mapping[str, Any] | None = None,
    progress: Progress | None = None,
) -> list[str]:
    """Prepare raw data into a .ptyd file; it is there completely, or not at all.

    Frames are taken as they are, unless the parameters say how they are cropped, turned and binned.

    Parameters
    ----------
    path : path
        Raw data.
    target : path
        The .ptyd file; one that is there is replaced.
    loader : str, optional
        Which loader reads it; chosen by the file if not given.
    parameters : mapping, optional
        Of the loader. Names may have dots: ``{'positions.file': ...}``.
    progress : callable, optional
        Is told how many more frames are prepared.

    Returns
    -------
    list of str
        What the prepared scan lacks.

    Raises
    ------
    ParameterError, DataError, FormatError
        As the loader raises them.
    """
    target = Path(target)
    given = _nested(parameters or {})
    name, own = (loader, {}) if loader else choose_loader(path)
    if loader and not given.keys() & set(FILES):
        own = _naming(loader, str(path))
    cls = find_scan(name)
    center = None
    if name not in ("PtydScan", *LAID_OUT) and not given.keys() & set(CHANGES):
        center = own.get("center") or _recorded_center(path)
        own["center"] = "fftshift"  # moves nothing
    aside = target.with_name(f".{target.stem}.converting.ptyd")
    with _removed(aside):
        pars = cls.DEFAULT.copy(99)
        defaults = Param({"shape": None, "save": "append", "dfile": str(aside)})
        _update(pars, defaults, own, given)
        scan = cls(pars)
        scan.initialize()
        frames = 0
        while isinstance(package := scan.auto(_step(scan)), dict):
            count = len(package["iterable"])
            frames += count
            if progress is not None:
                progress(count)
        if package != scan.EOS:
            raise DataError(
                f"{path}: not all frames are there: the scan is going on, or was interrupted; "
                f"`num_frames={frames}` takes those that are"
            )
        if not frames:
            raise DataError(f"{path}: there are no frames in it")
        reader = ptyd.PtydReader(aside)
        if center is not None:
            ptyd.write_meta(aside, {**reader.meta, "center": tuple(center)})
        info = reader.info
        ptyd.write_info(aside, {**info, "dfile": str(target), "converted_from": str(path)})
        lacking = ptyd.validate(aside)
        aside.replace(target)
    return lacking


def _recorded_center(path: str | Path) -> tuple[float, float] | None:
    """Give where the beam meets a frame (y, x) [px], if the file says so."""
    kind = kind_of_file(path)
    source: Any = None
    if kind in ("cxi", "nexus"):
        source = cxi_file(path)
    elif kind == "dectris":
        source = dectris_files(path)
    elif kind == "images":
        source = frame_files(path)
    found = None if source is None else source.recorded.center
    if found is None or not all(0 <= c < n for c, n in zip(found, source.shape, strict=True)):
        return None
    return (float(found[0]), float(found[1]))


def _step(scan: Any) -> int:
    """Give how many frames are prepared at once."""
    shape = getattr(scan, "raw_shape", None) or (1024, 1024)
    return max(1, CHUNK_BYTES // (4 * int(shape[0]) * int(shape[1])))


@contextlib.contextmanager
def _removed(aside: Path) -> Iterator[None]:
    """See that nothing half-done stays."""
    if not aside.parent.is_dir():
        aside.parent.mkdir(parents=True, exist_ok=True)
    aside.unlink(missing_ok=True)
    try:
        yield
    finally:
        for left in (aside, Path(f"{aside}.old")):
            left.unlink(missing_ok=True)


FILES = ("file", "files", "source", "intensities.file")
"""Parameters that name the raw data, as loaders call them."""


def _naming(loader: str, path: str) -> dict[str, Any]:
    """Tell a loader which file it reads."""
    defaults = find_scan(loader).DEFAULT
    for name in FILES:
        node: Any = defaults
        for step in name.split("."):
            node = node.get(step, _ABSENT) if isinstance(node, Mapping) else _ABSENT
        if node is not _ABSENT:
            return _nested({name: path})
    raise FormatError(
        f"{loader} has no parameter for the file ({', '.join(FILES)}); give it with `--set`"
    )


_ABSENT = object()


def _nested(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Turn names with dots into nested dictionaries."""
    tree: dict[str, Any] = {}
    for name, value in parameters.items():
        node = tree
        *groups, last = str(name).split(".")
        for group in groups:
            node = node.setdefault(group, {})
            if not isinstance(node, dict):
                raise ParameterError(
                    [Fault(name, repr(value), f"`{group}` is set to {node!r}, too")]
                )
        node[last] = _nested(value) if isinstance(value, Mapping) else value
    return tree


def _update(pars: Any, *changes: Mapping[str, Any]) -> None:
    """Set parameters, groups member by member."""
    for change in changes:
        for name, value in change.items():
            if isinstance(value, Mapping) and isinstance(pars.get(name), Mapping):
                _update(pars[name], value)
            else:
                pars[name] = value
