"""Trees of Python values in HDF5 files.

>>> from pathlib import Path
>>> from tempfile import TemporaryDirectory
>>> with TemporaryDirectory() as directory:
...     file = Path(directory) / "tree.h5"
...     h5write(file, {"scan": {"energy": 8.8, "steps": [1, 2, 3]}, "label": "star"})
...     h5read(file, "scan.energy", "label")
{'energy': 8.8, 'label': 'star'}

Files are written whole or not at all. Nothing that stands in a file is executed.
"""

from __future__ import annotations

import glob
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py

from ptypy.errors import DataError, FormatError, ParameterError
from ptypy.io._change import changing, creating
from ptypy.io._decode import Decoder, kind_of
from ptypy.io._encode import SLASH, Node, encode_tree, size_of
from ptypy.io._h5path import find, parse_index, parse_name, read_part
from ptypy.io._hdf5 import ASIDE, arriving, open_h5, stamp
from ptypy.io._nodes import write_node

__all__ = ["h5append", "h5info", "h5options", "h5read", "h5write"]

h5options: dict[str, str] = {
    "H5RW_VERSION": "0.1",
    "H5PY_VERSION": h5py.version.version,
    "UNSUPPORTED": "fail",
    "SLASH_ESCAPE": SLASH,
}
"""What holds for this module. ``UNSUPPORTED`` may be set: it says what `h5write` and `h5append`
do with a value that HDF5 has no form for. ``'fail'`` refuses to write any of it, ``'ignore'``
leaves that value out, ``'pickle'`` stores a pickle, to be read with ``allow_pickle=True``."""

UNSUPPORTED = ("fail", "ignore", "pickle")


def h5write(filename: str | Path, *args: Mapping[str, Any], **kwargs: Any) -> None:
    """Write a tree to a new file.

    The file is written beside its place and then renamed: a reader sees the old one or the new
    one, and an error leaves the old one as it was.

    Parameters
    ----------
    filename : path
        Missing directories are made; a file that is there is replaced.
    *args : dict, optional
        Names and values. A '/' in a name addresses a path: ``{'chunks/0': {...}}``.
    **kwargs
        More names and values; they win.

    Raises
    ------
    DataError
        If there are values that cannot be stored; it names every one.
    FormatError
        If the file cannot be written.
    """
    nodes = _encode(args, kwargs)
    with creating(filename, _size(nodes)) as file:
        stamp(file, h5options["H5RW_VERSION"])
        for name, node in nodes.items():
            _check_way(filename, file, name)
            write_node(file, _make_room(file, name), node)


def h5append(filename: str | Path, *args: Mapping[str, Any], **kwargs: Any) -> None:
    """Write a tree into a file; entries of the same name at its top are replaced, others stay.

    An error, or the death of the process, leaves the file as it was: a copy is changed and then
    takes its place. A file of more than 64 MiB is not copied but changed in place; there, what
    is new is written under another name first, but a process that is killed while HDF5 updates
    its tables can spoil the file.

    Parameters
    ----------
    filename : path
        Made if it is not there.
    *args, **kwargs
        As for `h5write`.

    Raises
    ------
    DataError
        If there are values that cannot be stored; it names every one.
    FormatError
        If the file cannot be opened or written.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as directory:
    ...     file = Path(directory) / "tree.h5"
    ...     h5append(file, {"a": 1, "b": {"c": 2}})
    ...     h5append(file, {"a": 3, "b/d": 4})
    ...     h5read(file)
    {'a': 3, 'b': {'c': 2, 'd': 4}}
    """
    nodes = _encode(args, kwargs)
    if not Path(filename).exists():
        h5write(filename, *args, **kwargs)
        return
    with changing(filename, _size(nodes)) as file:
        for name in nodes:
            _check_way(filename, file, name)
        with arriving(file) as aside:
            for number, node in enumerate(nodes.values()):
                write_node(aside, str(number), node)
            for number, name in enumerate(nodes):
                _check_way(filename, file, name)
                _make_room(file, name)
                file.move(f"{ASIDE}/{number}", name)
        stamp(file, h5options["H5RW_VERSION"])


def _encode(args: Sequence[Any], kwargs: Mapping[str, Any]) -> dict[str, Node]:
    content: dict[str, Any] = {}
    for given in args:
        if not isinstance(given, Mapping):
            raise DataError(
                f"a {type(given).__name__} has no name to store it under; "
                "give a dictionary, or name it: `h5write(file, name=value)`"
            )
        content.update(given)
    content.update(kwargs)
    if h5options["UNSUPPORTED"] not in UNSUPPORTED:
        raise ParameterError(
            f"h5options['UNSUPPORTED'] is {h5options['UNSUPPORTED']!r}; it may be "
            f"{', '.join(repr(word) for word in UNSUPPORTED)}"
        )
    _check_names(content)
    nodes = encode_tree(content, h5options["UNSUPPORTED"])
    # What goes into a group comes after the group, which would replace it.
    return dict(sorted(nodes.items(), key=lambda item: len(_steps(item[0]))))


def _check_names(content: Mapping[Any, Any]) -> None:
    """Refuse names that are none, and two of which one would replace the other."""
    ways: dict[tuple[str, ...], str] = {}
    for name in content:
        if not isinstance(name, str):
            continue
        steps = tuple(_steps(name))
        if not steps:
            raise DataError(f"{name!r} is not a name to store something under")
        if steps in ways:
            raise DataError(f"{name!r} and {ways[steps]!r} are one place in the file")
        ways[steps] = name


def _check_way(filename: str | Path, file: Any, name: str) -> None:
    """Refuse a path that leads through something that is not a group of this file."""
    node = file
    for step in _steps(name)[:-1]:
        link = node.get(step, getlink=True)
        if link is None:
            return
        if isinstance(link, h5py.ExternalLink):
            raise DataError(
                f"{filename}: {name!r} leads through {node.name.rstrip('/')}/{step}, a link to "
                f"{link.filename}; write into that file"
            )
        node = node.get(step)
        if not isinstance(node, h5py.Group):
            raise DataError(f"{filename}: {name!r} leads through {step!r}, which is no dictionary")


def _size(nodes: Mapping[str, Node]) -> int:
    return sum(size_of(node) for node in nodes.values())


def _steps(name: str) -> list[str]:
    return [step for step in name.split("/") if step]


def _make_room(file: Any, name: str) -> str:
    """Make the groups on the way to an entry, and remove an entry of this name."""
    steps = _steps(name)
    group = file
    for step in steps[:-1]:
        if step not in group:
            group.create_group(step).attrs["type"] = "dict"
        group = group[step]
    if group.get(steps[-1], getlink=True) is not None:
        del group[steps[-1]]
    return "/".join(steps)


def h5read(
    filename: str | Path | Sequence[str | Path],
    *args: str | Sequence[str],
    doglob: bool | None = None,
    depth: int | None = None,
    slice: Any = None,  # noqa: A002  -- the name scripts use
    allow_pickle: bool = False,
) -> Any:
    """Read a file, or entries of it, into Python values.

    Parameters
    ----------
    filename : path, pattern with wildcards, or list of these
        A pattern or a list gives a list of results, one for each file.
    *args : str, or list or tuple of str
        Names of entries: ``'a'``, ``'a/b'``, ``'a.b'`` (filed under ``'b'``), with the part to
        read in brackets: ``'frames[0:10]'``. Everything if not given.
    doglob : bool, optional
        Whether ``filename`` is a pattern; found out if None.
    depth : int, optional
        How many levels of groups to read; a group below them comes back empty. All if None.
    slice : slice, int, tuple of these, or str, optional
        Part to read of the last of the names.
    allow_pickle : bool
        Load pickles (entries of the types ``pickle`` and ``record_array``). This runs whatever
        code is in them: for files of people you trust.

    Returns
    -------
    dict, or list of dict

    Raises
    ------
    FormatError
        If a file is missing or damaged, has no such entry (this is a KeyError, too), or holds a
        pickle; if no file matches a pattern.
    ParameterError
        If what stands in brackets is not numbers, slices and ellipses.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as name:
    ...     for n in (0, 1):
    ...         h5write(f"{name}/scan{n}.h5", run={"label": f"star {n}"}, steps=(1, 2, 3))
    ...     h5read(f"{name}/scan1.h5", "run.label", "steps[1:]")
    ...     h5read(f"{name}/scan*.h5", "run/label")
    {'label': 'star 1', 'steps': (2, 3)}
    [{'run/label': 'star 0'}, {'run/label': 'star 1'}]
    """
    files = _files(filename, doglob)
    names = [name for given in args for name in ([given] if isinstance(given, str) else given)]
    results = []
    for path in files if isinstance(files, list) else [files]:
        decoder = Decoder(path, "load" if allow_pickle else "refuse", depth)
        with open_h5(path) as file:
            results.append(_read(file, names, slice, decoder))
    return results if isinstance(files, list) else results[0]


def _files(filename: str | Path | Sequence[str | Path], doglob: bool | None) -> Any:
    """Give one path, or a list of them where the answer is to be a list."""
    if not isinstance(filename, str | Path):
        found = [_files(one, doglob) for one in filename]
        return [path for one in found for path in (one if isinstance(one, list) else [one])]
    text = str(filename)
    if doglob is False or (doglob is None and (Path(text).exists() or not glob.has_magic(text))):
        return text
    found = sorted(glob.glob(text))  # noqa: PTH207  -- patterns may be absolute
    if not found:
        raise FormatError(f"no match for {text!r}; check the path (in {Path.cwd()})")
    return found


def _read(file: Any, names: list[str], part: Any, decoder: Decoder) -> dict[str, Any]:
    if not names:
        content: dict[str, Any] = dict(decoder.decode(file))
        return content
    results = {}
    for number, text in enumerate(names):
        name, index = parse_name(text)
        if part is not None and number == len(names) - 1:
            index = parse_index(part)
        key, node = find(file, name, decoder)
        results[key] = decoder.decode(node) if index is None else read_part(node, index, decoder)
    return results


def h5info(
    filename: str | Path,
    path: str = "",
    output: Callable[[str], Any] | None = None,
    depth: int = 8,
) -> None:
    """Show what a file holds, without reading its arrays.

    Parameters
    ----------
    filename : path
    path : str
        Where to start; at the top if empty.
    output : callable, optional
        Receives every line; None prints them.
    depth : int
        How many levels of groups to show.

    Raises
    ------
    FormatError
        If the file cannot be opened or there is no such path in it.
    """
    show = output or (lambda line: sys.stdout.write(f"{line}\n"))
    decoder = Decoder(filename, "skip")
    with open_h5(filename) as file:
        node = find(file, path, decoder)[1] if path else file
        show(f"{filename}:{node.name}")
        for line in _outline(node, "  ", depth, replace(decoder, depth=0)):
            show(line)


def _outline(node: Any, indent: str, depth: int, decoder: Decoder) -> Iterator[str]:
    if not isinstance(node, h5py.Group):
        yield indent + _describe(node, decoder)
        return
    for name in node:
        link = node.get(name, getlink=True)
        arrow = f" -> {link.filename}" if isinstance(link, h5py.ExternalLink) else ""
        try:
            member = node[name]
        except (KeyError, OSError):
            yield f"{indent}{name}{arrow}  (leads nowhere)"
            continue
        if isinstance(member, h5py.Group):
            yield f"{indent}{name}{arrow}  {kind_of(member) or 'group'}({len(member)})"
            if depth > 1:
                yield from _outline(member, f"{indent}  ", depth - 1, decoder)
        else:
            yield f"{indent}{name}{arrow}  {_describe(member, decoder)}"


def _describe(dataset: Any, decoder: Decoder) -> str:
    kind = kind_of(dataset)
    if kind in ("pickle", "record_array"):
        return f"{kind} (not read)"
    if kind == "None" or dataset.shape in ((), None):
        text = repr(decoder.decode(dataset))
        return text if len(text) < 60 else f"{text[:57]}..."
    size = " x ".join(str(n) for n in dataset.shape)
    packed = f", {dataset.compression}" if dataset.compression else ""
    return f"[{size} {dataset.dtype}{packed}]"
