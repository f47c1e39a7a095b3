"""Parameter trees and small results as JSON."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ptypy.errors import DataError, FormatError
from ptypy.utils.parameters import Param
from ptypy.utils.text_utils import did_you_mean, listed_names

__all__ = ["jread", "jwrite"]


def jwrite(filename: str | Path, *args: Mapping[str, Any], **kwargs: Any) -> None:
    """Write a tree as JSON: the whole file or nothing.

    Arrays become lists, tuples too; Params become objects.

    Parameters
    ----------
    filename : path
        Missing directories are made; a file that is there is replaced.
    *args : dict, optional
        Names and values.
    **kwargs
        More names and values; they win.

    Raises
    ------
    DataError
        If there is a value that JSON has no form for.
    FormatError
        If the file cannot be written.
    """
    content: dict[str, Any] = {}
    for given in args:
        content.update(given)
    content.update(kwargs)
    try:
        text = json.dumps(content, default=_plain, indent=2, ensure_ascii=False)
    except (TypeError, ValueError) as error:
        raise DataError(f"{filename}: not written: {error}") from error
    from ptypy.io._hdf5 import cannot_write, settled, temporary

    target = Path(os.path.realpath(filename))
    with temporary(target) as aside:
        try:
            aside.write_text(f"{text}\n", encoding="utf-8")
            settled(aside)
            aside.replace(target)
        except OSError as error:
            raise cannot_write(target, error) from error


def jread(filename: str | Path, *args: str) -> Param:
    """Read a JSON file, or entries of it.

    Parameters
    ----------
    filename : path
    *args : str
        Names at the top of the file; everything if not given.

    Returns
    -------
    Param
        Objects, at any depth, are Params.

    Raises
    ------
    FormatError
        If the file is missing, is not JSON with an object at its top, or lacks an entry.
    """
    path = Path(filename)
    try:
        content = json.loads(path.read_text(encoding="utf-8"), object_hook=_param)
    except FileNotFoundError as error:
        raise FormatError(f"{path}: there is no such file; check the path") from error
    except OSError as error:
        raise FormatError(f"{path}: {error.strerror or error}") from error
    except ValueError as error:
        raise FormatError(f"{path}: is not JSON: {error}") from error
    if not isinstance(content, Param):
        raise FormatError(f"{path}: holds a {type(content).__name__} at its top, not an object")
    missing = [name for name in args if name not in content]
    if missing:
        meant = did_you_mean(missing[0], content, listing=False)
        here = f"it holds {listed_names(content) or 'nothing'}"
        raise FormatError(f"{path}: there is no {missing[0]!r}{meant or ';'} {here}")
    return _param({name: content[name] for name in args}) if args else content


def _param(content: dict[str, Any]) -> Param:
    param = Param()
    # Not `update`: a name with a dot in it would become a path.
    dict.update(param, content)
    return param


def _plain(value: Any) -> Any:
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    raise TypeError(
        f"a {type(value).__name__} has no form in JSON; use numbers, strings, lists, dictionaries"
    )
