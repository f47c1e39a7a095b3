"""Tables of numbers, such as positions: text, CSV, NumPy and HDF5 files."""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ptypy.errors import DataError, FormatError
from ptypy.io._hdf5 import open_h5
from ptypy.io._one_file import naming

__all__ = ["HDF5", "Table", "is_hdf5", "read_columns", "read_dataset", "read_table"]

HDF5 = (".h5", ".hdf5", ".hdf", ".nxs", ".cxi", ".nx5", ".ptyd", ".mat")
"""Endings of HDF5 files; a .mat file is one since MATLAB's version 7.3."""

Column = int | str


class Table(NamedTuple):
    """Columns of a table of numbers."""

    numbers: npt.NDArray[np.float64]
    """(N, columns)."""
    heading: str | None = None
    """Line of a text that was taken for names of columns, though no ``#`` stands before it and
    nobody asked for a column by its name."""


def read_columns(
    path: str | Path, columns: Sequence[Column] | None = (0, 1), key: Any = None
) -> npt.NDArray[np.float64]:
    """Read some columns of a table of numbers; as `read_table`, which says more.

    Returns
    -------
    (N, len(columns)) float64
    """
    return read_table(path, columns, key).numbers


def read_table(
    path: str | Path, columns: Sequence[Column] | None = (0, 1), key: Any = None
) -> Table:
    """Read some columns of a table of numbers.

    Parameters
    ----------
    path : path
        Text with one row a line, numbers parted by blanks, tabs, commas or semicolons, lines that
        begin with ``#`` left out; a line before the numbers in which no cell is a number is taken
        for names. Or .npy, .npz, .mat or HDF5.
    columns : sequence of int or str, or None
        Which columns, counted from 0, or by their names in a text file. None: those that a text
        names y and x, or the only two there are.
    key : str or sequence of str, optional
        Dataset in an HDF5, .npz or .mat file; or one dataset for each column. A dataset with two
        axes is a table along its longer one.

    Returns
    -------
    Table

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
        return _text_table(path, columns)
    if key is not None and not isinstance(key, str):
        parts = [np.ravel(read_dataset(path, one)) for one in key]
        sizes = {one: part.size for one, part in zip(key, parts, strict=True)}
        if len(set(sizes.values())) != 1:
            raise DataError(f"{path}: datasets of different length: {sizes}")
        return Table(np.stack([_numbers(path, part) for part in parts], axis=1))
    table = _numbers(path, read_dataset(path, key))
    table = table if table.ndim < 2 else table.reshape(-1, table.shape[-1])
    if table.ndim == 2 and table.shape[0] < table.shape[1]:
        table = table.T
    if columns is None:
        columns = _only_two(path, table.shape[-1] if table.ndim == 2 else 0, None)
    wrong = [c for c in columns if not isinstance(c, int | np.integer)]
    if table.ndim != 2 or wrong or max(int(c) for c in columns) >= table.shape[1]:
        raise DataError(
            f"{path}: a table of shape {table.shape} has no columns {list(columns)}: give their "
            "numbers, counted from 0"
        )
    return Table(table[:, [int(c) for c in columns]])


def read_dataset(path: str | Path, key: str | None = None) -> npt.NDArray[Any]:
    """Read one array from a .npy, .npz, .mat or HDF5 file.

    A .mat file since MATLAB's version 7.3 is HDF5, where axes stand in reverse order.

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
    if path.suffix.lower() == ".mat" and path.is_file() and not is_hdf5(path):
        return _from_matlab(path, key)
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


def is_hdf5(path: Path) -> bool:
    """Say whether a file is HDF5, perhaps with 512 bytes of MATLAB's own before it begins."""
    with path.open("rb") as file:
        head = file.read(520)
    return b"\x89HDF\r\n\x1a\n" in (head[:8], head[512:520])


def _from_matlab(path: Path, key: str | None) -> npt.NDArray[Any]:
    """Read an array of a .mat file of the older kind."""
    import scipy.io

    with naming(path):
        names = [entry[0] for entry in scipy.io.whosmat(path)]
    key = names[0] if key is None and len(names) == 1 else key
    if key not in names:
        raise DataError(_no_dataset(path, key, names))
    with naming(path):
        return np.asarray(scipy.io.loadmat(path, variable_names=[key])[key])


def _no_dataset(path: Path, key: str | None, names: Sequence[str]) -> str:
    shown = ", ".join(sorted(names)[:12]) or "nothing"
    asked = "name the dataset to read" if key is None else f"has no dataset {key!r}"
    return f"{path}: {asked}; it holds {shown}"


def _numbers(path: Path, values: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    if values.dtype.kind not in "biuf":
        raise DataError(f"{path}: holds {values.dtype}, not real numbers")
    return values.astype(np.float64)


def _only_two(path: Path, count: int, names: list[str] | None) -> Sequence[Column]:
    """Choose the columns of y and x where nobody said which: those so named, or the only ones."""
    if names is not None and len(names) == count and names.count("y") == names.count("x") == 1:
        return ("y", "x")
    if count > 2:
        known = (
            f"columns {', '.join(names)}" if names and len(names) == count else f"{count} columns"
        )
        raise DataError(f"{path}: has {known}: say by `columns` which are those of y and of x")
    return (0, 1)


def _text_table(path: Path, columns: Sequence[Column] | None) -> Table:
    names: list[str] | None = None
    heading: str | None = None
    rows: list[list[float]] = []
    for number, line in enumerate(_text(path).splitlines(), start=1):
        is_comment = line.lstrip().startswith("#")
        cells = _cells(line.lstrip().lstrip("#") if is_comment and not rows else line)
        if not cells or (is_comment and rows):
            continue
        # A cell that is a number is one of a position, whatever stands beside it.
        if is_comment or not (rows or any(_is_number(cell) for cell in cells)):
            names = cells
            heading = heading if is_comment else line.strip()
            continue
        if columns is None:
            columns = _only_two(path, sum(bool(cell) for cell in cells), names)
        places = _places(path, columns, names)
        rows.append(_row(f"{path}, line {number}", line, cells, places))
    if not rows:
        raise FormatError(f"{path}: holds no numbers{_hint(' '.join(names or []))}")
    is_used = any(isinstance(column, str) for column in columns or ())
    return Table(np.array(rows), None if is_used else heading)


def _text(path: Path) -> str:
    """Read a text in UTF-8, or in UTF-16 if it begins as such."""
    try:
        content = path.read_bytes()
    except OSError as error:
        reason = "there is no such file; check the path" if not path.exists() else error.strerror
        raise FormatError(f"{path}: {reason}") from error
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        return content.decode("utf-16", errors="replace")
    if b"\0" in content:
        raise FormatError(f"{path}: is no text; save it as UTF-8, or as .npy or HDF5")
    return content.decode("utf-8-sig", errors="replace")


def _cells(line: str) -> list[str]:
    # Where semicolons or tabs part the numbers, a comma is a decimal one.
    for mark in (";", "\t", ","):
        if mark in line:
            return [cell.strip() for cell in next(csv.reader([line], delimiter=mark))]
    return line.split()


def _hint(line: str) -> str:
    """Say what to do about numbers with decimal commas, or with D for the exponent."""
    for part in re.split(r"[;\s]+", line):
        if re.fullmatch(r"[-+]?\d*,\d+(e[-+]?\d+)?", part, re.IGNORECASE):
            return "; write decimal points, not commas"
        if re.fullmatch(r"[-+]?[\d.]+D[-+]?\d+,?", part, re.IGNORECASE):
            return "; write exponents with E, not D"
    return ""


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


def _row(where: str, line: str, cells: Sequence[str], places: Sequence[int]) -> list[float]:
    try:
        return [float(cells[place]) for place in places]
    except (IndexError, ValueError) as error:
        raise DataError(
            f"{where}: {line.strip()!r} has no numbers in columns {list(places)}{_hint(line)}"
        ) from error
