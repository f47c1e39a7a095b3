"""Tables of numbers, such as positions: text, CSV, NumPy and HDF5 files."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ptypy.errors import DataError, FormatError
from ptypy.io._hdf5 import open_h5

__all__ = ["read_columns", "read_dataset"]

HDF5 = (".h5", ".hdf5", ".hdf", ".nxs", ".cxi", ".nx5", ".ptyd", ".mat")
"""Endings of HDF5 files; a .mat file is one since MATLAB's version 7.3."""

Column = int | str


def read_columns(
    path: str | Path, columns: Sequence[Column] = (0, 1), key: Any = None
) -> npt.NDArray[np.float64]:
    """Read some columns of a table of numbers.

    Parameters
    ----------
    path : path
        Text with one row a line, numbers parted by blanks, tabs, commas or semicolons, lines that
        begin with ``#`` left out, a line of names allowed before the numbers; or .npy, .npz or
        HDF5.
    columns : sequence of int or str
        Which columns, counted from 0, or by their names in a text file.
    key : str or sequence of str, optional
        Dataset in an HDF5 or .npz file; or one dataset for each column. A dataset with two axes
        is a table along its longer one.

    Returns
    -------
    (N, len(columns)) float64

    Raises
    ------
    DataError
        If columns or datasets are missing, or not numbers.
    FormatError
        If the file is missing, cut short, or of another format.
    """
    path = Path(path)
    ending = path.suffix.lower()
    if ending not in (*HDF5, ".npy", ".npz"):
        return _text_columns(path, columns)
    if key is not None and not isinstance(key, str):
        parts = [np.ravel(read_dataset(path, one)) for one in key]
        sizes = {one: part.size for one, part in zip(key, parts, strict=True)}
        if len(set(sizes.values())) != 1:
            raise DataError(f"{path}: datasets of different length: {sizes}")
        return np.stack([_numbers(path, part) for part in parts], axis=1)
    table = _numbers(path, read_dataset(path, key))
    table = table if table.ndim < 2 else table.reshape(-1, table.shape[-1])
    if table.ndim == 2 and table.shape[0] < table.shape[1]:
        table = table.T
    wrong = [c for c in columns if not isinstance(c, int | np.integer)]
    if table.ndim != 2 or wrong or max(int(c) for c in columns) >= table.shape[1]:
        raise DataError(
            f"{path}: a table of shape {table.shape} has no columns {list(columns)}: give their "
            "numbers, counted from 0"
        )
    return table[:, [int(c) for c in columns]]


def read_dataset(path: str | Path, key: str | None = None) -> npt.NDArray[Any]:
    """Read one array from a .npy, .npz or HDF5 file.

    Parameters
    ----------
    path : path
    key : str, optional
        Its name; not needed where there is only one.

    Raises
    ------
    DataError
        If there is no such array; it lists those that there are.
    FormatError
        If the file is missing, cut short, or of another format.
    """
    path = Path(path)
    if path.suffix.lower() in (".npy", ".npz"):
        return _from_numpy(path, key)
    with open_h5(path) as file:
        names: list[str] = []
        file.visititems(lambda name, item: names.append(name) if hasattr(item, "shape") else None)
        if key is None and len(names) == 1:
            key = names[0]
        found = None if key is None else file.get(key)
        if found is None or not hasattr(found, "shape"):
            raise DataError(_no_dataset(path, key, names))
        return np.asarray(found[()])


def _from_numpy(path: Path, key: str | None) -> npt.NDArray[Any]:
    try:
        with path.open("rb") as file:
            content = np.load(file, allow_pickle=False)
            if isinstance(content, np.ndarray):
                return content
            names = list(content.files)
            if key is None and len(names) == 1:
                key = names[0]
            if key not in names:
                raise DataError(_no_dataset(path, key, names))
            return np.asarray(content[key])
    except FileNotFoundError as error:
        raise FormatError(f"{path}: there is no such file; check the path") from error
    except DataError:
        raise
    except Exception as error:
        # A damaged archive raises whatever zlib, zipfile or numpy do.
        raise FormatError(
            f"{path}: cannot be read ({error}); it may be cut short: copy it again"
        ) from error


def _no_dataset(path: Path, key: str | None, names: Sequence[str]) -> str:
    shown = ", ".join(sorted(names)[:12]) or "nothing"
    asked = "name the dataset to read" if key is None else f"has no dataset {key!r}"
    return f"{path}: {asked}; it holds {shown}"


def _numbers(path: Path, values: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    if values.dtype.kind not in "biuf":
        raise DataError(f"{path}: holds {values.dtype}, not real numbers")
    return values.astype(np.float64)


def _text_columns(path: Path, columns: Sequence[Column]) -> npt.NDArray[np.float64]:
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        reason = "there is no such file; check the path" if not path.exists() else error.strerror
        raise FormatError(f"{path}: {reason}") from error
    names: list[str] | None = None
    rows: list[list[float]] = []
    for number, line in enumerate(text.splitlines(), start=1):
        is_comment = line.lstrip().startswith("#")
        cells = _cells(line.lstrip().lstrip("#") if is_comment and not rows else line)
        if not cells or (is_comment and rows):
            continue
        if is_comment or (not rows and not all(_is_number(cell) for cell in _some(cells, columns))):
            names = cells
            continue
        rows.append(_row(path, number, cells, _places(path, columns, names)))
    if not rows:
        raise FormatError(f"{path}: holds no numbers")
    return np.array(rows)


def _cells(line: str) -> list[str]:
    for mark in (",", ";", "\t"):
        if mark in line:
            return [cell.strip() for cell in next(csv.reader([line], delimiter=mark))]
    return line.split()


def _some(cells: Sequence[str], columns: Sequence[Column]) -> list[str]:
    """Give the cells of columns that are numbers, all cells if columns are names."""
    places = [c for c in columns if isinstance(c, int)]
    return [cells[c] for c in places if c < len(cells)] or list(cells)


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _places(path: Path, columns: Sequence[Column], names: list[str] | None) -> list[int]:
    unknown = [c for c in columns if isinstance(c, str) and c not in (names or [])]
    if unknown:
        shown = "no line of names" if names is None else f"columns {', '.join(names)}"
        raise DataError(f"{path}: has no column {unknown[0]!r}, but {shown}")
    return [(names or []).index(c) if isinstance(c, str) else int(c) for c in columns]


def _row(path: Path, number: int, cells: Sequence[str], places: Sequence[int]) -> list[float]:
    try:
        return [float(cells[place]) for place in places]
    except (IndexError, ValueError) as error:
        raise DataError(
            f"{path}, line {number}: {' '.join(cells)!r} has no numbers in columns {list(places)}"
        ) from error
