"""`Param`: the parameter tree that a user writes, a dictionary with attribute access.

What may stand in such a tree is declared by the classes that read it (`ptypy.utils.descriptor`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from ptypy.errors import FormatError, ParameterError
from ptypy.utils._report import report_lines

__all__ = [
    "PARAM_PREFIX",
    "Param",
    "Placeholder",
    "asParam",
    "format_standard_param",
    "load",
    "param_from_json",
    "param_from_yaml",
    "validate_standard_param",
]

PARAM_PREFIX = "pars"
"""Name under which a tree is printed when nobody gave it one."""

SEPARATOR = "."
"""Splits the names of a path: ``p['scans.mf.data']``."""


class Placeholder(float):
    """A number that nobody gave: it holds a place until a file or the user says better.

    It calculates, prints and pickles as the number it is, so that ``p.energy`` can be used
    unasked; but ``p.get('energy')`` answers None, so that code which fills in "only what is
    missing" does fill it in (decision 0004).

    >>> p = Param(energy=Placeholder(7.2))
    >>> p.energy, p.get("energy")
    (7.2, None)
    """

    __slots__ = ()


class Param(dict[str, Any]):
    """A dictionary whose entries are attributes too, and whose keys may be dotted paths.

    >>> p = Param(energy=7.2)
    >>> p["scan.shape"] = 128
    >>> p.scan.shape, "scan.shape" in p
    (128, True)

    Parameters
    ----------
    d : mapping or iterable of pairs, optional
        Initial content. Dictionaries inside stay what they are; see `update` for converting.
    **kwargs
        More content; wins over ``d``.
    """

    def __init__(
        self, d: Mapping[str, Any] | Iterable[tuple[str, Any]] | None = None, **kwargs: Any
    ) -> None:
        super().__init__()
        self.update(d, **kwargs)

    def __getitem__(self, key: str) -> Any:
        if not self._is_path(key):
            return super().__getitem__(key)
        node: Any = self
        for name in key.split(SEPARATOR):
            if not isinstance(node, Param) or not dict.__contains__(node, name):
                raise KeyError(key)
            node = dict.__getitem__(node, name)
        return node

    def _is_path(self, key: Any) -> bool:
        """Say whether a key leads into the tree; a name of a file may have a dot in it, too."""
        return isinstance(key, str) and SEPARATOR in key and not dict.__contains__(self, key)

    def __setitem__(self, key: str, value: Any) -> None:
        if not self._is_path(key):
            super().__setitem__(key, value)
            return
        first, rest = key.split(SEPARATOR, 1)
        branch = self.setdefault(first, type(self)())
        if not isinstance(branch, Param):
            raise TypeError(
                f"cannot set {key!r}: {first!r} holds a {type(branch).__name__}, not a Param"
            )
        branch[rest] = value

    def __delitem__(self, key: str) -> None:
        if not self._is_path(key):
            super().__delitem__(key)
            return
        parent, _, name = key.rpartition(SEPARATOR)
        branch = self[parent]
        if not isinstance(branch, Param):
            raise KeyError(key)
        del branch[name]

    def __contains__(self, key: object) -> bool:
        if not isinstance(key, str):
            raise TypeError(f"names of parameters are strings, not {type(key).__name__}")
        try:
            self[key]
        except KeyError:
            return False
        return True

    def __getattr__(self, name: str) -> Any:
        # Only reached when dict has no such attribute, so methods win over entries.
        try:
            return super().__getitem__(name)
        except KeyError:
            raise AttributeError(f"no parameter {name!r} here") from None

    def __setattr__(self, name: str, value: Any) -> None:
        self[name] = value

    def __delattr__(self, name: str) -> None:
        try:
            del self[name]
        except KeyError:
            raise AttributeError(f"no parameter {name!r} here") from None

    def __dir__(self) -> list[str]:
        return [key for key in self if isinstance(key, str)]

    def __repr__(self) -> str:
        return f"{type(self).__name__}({super().__repr__()})"

    def __reduce__(self) -> tuple[Any, ...]:
        # The entries as state, not one by one: a name with a dot in it would become a path.
        return type(self), (), dict(self)

    def __setstate__(self, entries: Mapping[str, Any]) -> None:
        dict.update(self, entries)

    def __str__(self) -> str:
        return "\n".join(report_lines(self, depth=7))

    def _repr_html_(self) -> str:
        from ptypy.utils._param_html import param_as_html

        return param_as_html(self)

    def get(self, key: str, default: Any = None) -> Any:
        """Look up one name; ``default`` also for a value that nobody gave (`Placeholder`)."""
        value = super().get(key, default)
        return default if isinstance(value, Placeholder) else value

    def copy(self, depth: int = 0) -> Param:
        """Copy this Param, and the Params within it down to ``depth`` levels.

        Everything that is not a Param (arrays, lists, plain dictionaries) is shared.
        """
        twin = type(self)()
        for key, value in self.items():
            deeper = depth > 0 and isinstance(value, Param)
            dict.__setitem__(twin, key, value.copy(depth - 1) if deeper else value)
        return twin

    def update(  # type: ignore[override]
        self,
        d: Mapping[str, Any] | Iterable[tuple[str, Any]] | None = None,
        in_place_depth: int = 0,
        Convert: bool = False,
        **kwargs: Any,
    ) -> None:
        """Take over the entries of ``d``, then of ``kwargs``.

        Parameters
        ----------
        d : mapping, iterable of pairs, or None
        in_place_depth : int
            How many levels of Params are merged entry by entry; below, they are replaced.
        Convert : bool
            Turn dictionaries, at any depth, into Params.
        """
        given = dict(d) if d is not None else {}
        for key, value in {**given, **kwargs}.items():
            merging = in_place_depth > 0 and isinstance(key, str) and key in self
            present = self[key] if merging else None
            if isinstance(present, Param) and isinstance(value, Mapping):
                present.update(value, in_place_depth - 1, Convert)
            elif Convert and isinstance(value, Mapping):
                self[key] = asParam(value)
            else:
                self[key] = value

    def _to_dict(self, Recursive: bool = False) -> dict[str, Any]:
        """Make a plain dictionary; with ``Recursive`` of the Params within, too."""
        if not Recursive:
            return dict(self)
        return {k: v._to_dict(True) if isinstance(v, Param) else v for k, v in self.items()}

    @classmethod
    def _from_dict(cls, dct: Mapping[str, Any]) -> Param:
        """Make a Param of a dictionary, without converting what is inside."""
        return cls(dct)


def asParam(dct: Mapping[str, Any]) -> Param:
    """Make a Param of a dictionary and of every dictionary in it; lists are looked into."""
    return Param({key: _converted(value) for key, value in dct.items()})


def _converted(value: Any) -> Any:
    if isinstance(value, Mapping):
        return asParam(value)
    if isinstance(value, list):
        return [_converted(item) for item in value]
    return value


def param_from_json(filename: str | Path) -> Param:
    """Read a parameter tree from a JSON file, whatever its ending.

    Raises
    ------
    FormatError
        If the file is missing, is not JSON, or does not hold an object at its top.
    """
    from ptypy.utils.config import read_json_text, text_of, tree_of

    name = str(filename)
    return asParam(tree_of(read_json_text(text_of(Path(filename)), name), name))


def param_from_yaml(filename: str | Path) -> Param:
    """Read a parameter tree from a YAML file, of version 1.2, whatever its ending.

    Raises
    ------
    FormatError
        If the file is missing, is not YAML, or does not hold a mapping at its top.
    """
    from ptypy.utils.config import read_yaml_text, text_of, tree_of

    name = str(filename)
    return asParam(tree_of(read_yaml_text(text_of(Path(filename)), name), name))


def load(filename: str | Path) -> Param:
    """Read a parameter tree from a file; its suffix says whether it is JSON or YAML."""
    suffix = Path(filename).suffix.lower()
    if suffix == ".json":
        return param_from_json(filename)
    if suffix in {".yaml", ".yml"}:
        return param_from_yaml(filename)
    raise FormatError(f"cannot read parameters from {filename}: use .json, .yaml or .yml")


def validate_standard_param(
    sp: Mapping[str, Any], p: Mapping[str, Any] | None = None, prefix: str | None = None
) -> bool:
    """Check the form of a simple table of parameters, and a tree against it.

    New code declares its parameters in a docstring instead (`ptypy.utils.descriptor`).

    Parameters
    ----------
    sp : mapping
        name -> (default, help), or name -> such a table.
    p : mapping, optional
        A tree whose names must all be in the table.
    prefix : str, optional
        Where the table hangs; it stands in messages.

    Returns
    -------
    bool
        True: everything fits.

    Raises
    ------
    ParameterError
        If an entry of the table is not of this form or ``p`` holds an unknown name.
    """
    prefix = PARAM_PREFIX if prefix is None else prefix
    for name, entry in sp.items():
        path = f"{prefix}.{name}"
        if isinstance(entry, Mapping):
            validate_standard_param(entry, (p or {}).get(name), path)
        elif not (isinstance(entry, tuple) and len(entry) == 2 and isinstance(entry[1], str)):
            raise ParameterError(f"{path}: should be (default, help)")
    for name in p or {}:
        if name not in sp:
            raise ParameterError(f"{prefix}.{name} is unknown; known here: {', '.join(sp)}")
    return True


def format_standard_param(sp: Mapping[str, Any], prefix: str | None = None) -> str:
    """Write a table as of `validate_standard_param` as lines of code that set its defaults."""
    prefix = PARAM_PREFIX if prefix is None else prefix
    lines = []
    for name, entry in sp.items():
        path = f"{prefix}.{name}"
        if isinstance(entry, Mapping):
            lines += [f"{path} = Param()", format_standard_param(entry, path)]
        else:
            lines.append(f"{path} = {entry[0]!r}  # {entry[1]}")
    return "\n".join(lines)
