"""Declarations that become values: defaults, the check of a tree, the class decorator."""

from __future__ import annotations

import ast
import weakref
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TextIO, TypeVar

from ptypy.errors import Fault, ParameterError
from ptypy.utils.descriptor import _render
from ptypy.utils.descriptor._arguments import ArgParseDescriptor
from ptypy.utils.descriptor._check import FAIL, INVALID, findings, shortened
from ptypy.utils.descriptor._plain import plain_tree
from ptypy.utils.descriptor._text import inherited
from ptypy.utils.parameters import Param, Placeholder

__all__ = ["EvalDescriptor"]

Class = TypeVar("Class", bound=type)

Declarations = list[tuple[type, dict[str, dict[str, str]]]]
"""What each class of a family declares, bases first: (class, section -> option -> value)."""

WORDS = {"": None, "''": None, '""': None, "none": None, "true": True, "false": False}
"""Defaults that mean a value whatever the type."""

LITERAL = {"int", "float", "tuple", "list", "complex"}
"""Types whose defaults are written as Python writes them."""


class EvalDescriptor(ArgParseDescriptor):
    """A declaration that gives defaults, checks values, and reads the docstrings of classes.

    >>> tree = EvalDescriptor("root")
    >>> @tree.parse_doc("camera")
    ... class Camera:
    ...     '''A detector.
    ...
    ...     Defaults:
    ...
    ...     [exposure]
    ...     default = 0.1
    ...     type = float
    ...     help = Exposure of a frame [s]
    ...     lowlim = 0
    ...     '''
    >>> Camera.DEFAULT.exposure
    0.1
    >>> print(tree["camera.exposure"])
    [exposure]
    default = 0.1
    help = Exposure of a frame [s]
    type = float
    lowlim = 0
    <BLANKLINE>
    """

    placeholder = False
    """Whether the default only holds a place: it stands for "nobody said"."""

    @property
    def targets(self) -> list[EvalDescriptor]:
        """The nodes that describe a value of this parameter (types ``@path``)."""
        nodes = [self.get(name[1:]) for name in self.type if name.startswith("@")]
        return [node for node in nodes if node is not None]

    @property
    def is_target(self) -> bool:
        """Whether another parameter of the tree is described by this node."""
        return any(self in node.targets for node in self.root.descendants if node.is_symlink)

    @property
    def default(self) -> Any:
        """The value that holds if nothing else is given.

        An empty Param for a group, None for an empty text, another node for ``@path``.

        Raises
        ------
        ParameterError
            If the text cannot be read as any of the declared types.
        """
        text = self.options.get("default", "").strip()
        if "Param" in self.own_types:
            return Param()
        if text.startswith("@"):
            return self.get(text[1:])
        if text.lower() in WORDS:
            return WORDS[text.lower()]
        return self._literal(text) if LITERAL & self.own_types else _unquoted(text)

    def _literal(self, text: str) -> Any:
        """Read a default as Python would, or as plain text if it may be one."""
        types = self.own_types
        try:
            value = ast.literal_eval(text)
        except (ValueError, SyntaxError):
            if "str" in types:
                return _unquoted(text)
            raise ParameterError(
                f"{self.path}: default = {text!r} cannot be read as {' or '.join(sorted(types))}"
            ) from None
        whole = isinstance(value, float) and value.is_integer()
        return int(value) if whole and "int" in types and "float" not in types else value

    def make_default(self, depth: int = 0) -> Any:
        """Build the value that this node has if nothing is given.

        Parameters
        ----------
        depth : int
            How many levels of groups below this one are filled; deeper ones stay empty.

        Returns
        -------
        Param
            The defaults of everything in this group. Of a single parameter, its default.
        """
        default = self.default
        if isinstance(default, EvalDescriptor):
            return default.make_default(depth)
        members = {name: child for name, child in self.children.items() if name != "*"}
        if not members:
            return default
        filled = Param()
        for name, child in members.items():
            value = child.default
            if child._children or isinstance(value, EvalDescriptor):
                value = child.make_default(depth - 1) if depth > 0 else Param()
            elif child.placeholder and isinstance(value, (int, float)):
                value = Placeholder(value)
            filled[name] = value
        return filled

    def check(self, pars: Mapping[str, Any], depth: int = 99) -> dict[str, dict[str, int]]:
        """Compare a tree with the declarations.

        Parameters
        ----------
        pars : Param or mapping
        depth : int
            How many levels are looked at.

        Returns
        -------
        dict
            Path -> aspect ('type', 'choices', 'lowlim', 'uplim', 'name') -> one of `CODES`.
        """
        result: dict[str, dict[str, int]] = {}
        for finding in findings(self, pars, depth):
            result.setdefault(finding.path, {})[finding.aspect] = finding.code
        return result

    def validate(
        self, pars: Mapping[str, Any], raisecodes: Sequence[int] = (FAIL, INVALID)
    ) -> None:
        """Refuse a tree that does not fit the declarations.

        Raises
        ------
        ParameterError
            With a line for every fault: where, what is there, what would be right.
        """
        faults = [
            Fault(
                finding.path or self.name,
                shortened(finding.value),
                finding.remedy or f"{finding.aspect} does not fit",
            )
            for finding in findings(self, pars, 99)
            if finding.code in raisecodes
        ]
        if faults:
            raise ParameterError(faults)

    def plain(self, pars: Mapping[str, Any]) -> Any:
        """Give a tree as plain Python has it: what `validate` compares, for those who use it.

        A scalar of NumPy and, where a number can be meant, an array of one number become that
        number; the text ``'None'`` becomes None. What is not declared stays as it is.

        Parameters
        ----------
        pars : Param or mapping

        Returns
        -------
        Param or dict
            A copy down to the values; a Param where there was one.

        Examples
        --------
        >>> import numpy as np
        >>> tree = EvalDescriptor("root")
        >>> options = {"default": "None", "help": "Binning", "type": "int"}
        >>> rebin = tree.new_child("camera.rebin", options)
        >>> tree["camera"].plain({"rebin": np.array([2])})
        {'rebin': 2}
        >>> tree["camera"].plain({"rebin": "None"})
        {'rebin': None}
        """
        return plain_tree(self, pars)

    def sanity_check(self, depth: int = 10) -> None:
        """Refuse declarations that contradict themselves: every default must fit.

        Raises
        ------
        ParameterError
            If a default is not of the declared type, choices and limits.
        """
        faults = []
        for node in self.descendants:
            default = node.default
            if self._relative(node).count(self.separator) >= depth or not isinstance(
                default, (str, int, float, complex, list, tuple)
            ):
                continue
            faults += [
                Fault(node.path, shortened(default), f"is the default, but {finding.remedy}")
                for finding in findings(node, default, 0)
                if finding.code in {FAIL, INVALID}
            ]
        if faults:
            raise ParameterError(faults)

    def parse_doc(
        self, name: str | None = None, recursive: bool = True
    ) -> Callable[[Class], Class]:
        """Decorate a class: read the declaration in its docstring into this tree.

        The class gains ``DEFAULT``, a Param of all its defaults, and ``_descriptor``, a weak
        reference to its node. A class attribute ``PLACEHOLDERS`` names parameters whose
        default stands for "nobody said": they are a `Placeholder` in ``DEFAULT`` until the
        docstring of a derived class gives a default of its own.

        Parameters
        ----------
        name : str, optional
            Path of the class's node, made or added to. This node itself if not given.
        recursive : bool
            Take over the declarations of the base classes.

        Raises
        ------
        ParameterError
            If the declaration cannot be read, lacks a default or a help, or has a default
            that is not of its type.
        """

        def register(cls: Class) -> Class:
            node = self if name is None else self.new_child(name, implicit=True)
            node.options.setdefault("help", _first_line(cls))
            declarations = inherited(cls, recursive)
            for owner, sections in declarations:
                for path, options in sections.items():
                    try:
                        node.new_child(path, options)
                    except ParameterError as error:
                        raise ParameterError(
                            f"docstring of {owner.__qualname__}: {error}"
                        ) from error
            open_numbers = _placeholders(cls, declarations)
            for path, child in node.children.items():
                child.placeholder = path in open_numbers
            cls._descriptor = weakref.ref(node)  # type: ignore[attr-defined]
            cls.DEFAULT = node.make_default(99)  # type: ignore[attr-defined]
            return cls

        return register

    def load_csv(self, fbuffer: TextIO, **kwargs: Any) -> EvalDescriptor:
        """Declare what a table of comma-separated values says: a row a parameter."""
        return _render.load_csv(self, fbuffer, **kwargs)

    def save_csv(self, fbuffer: TextIO, **kwargs: Any) -> None:
        """Write what is declared below this node as comma-separated values."""
        _render.save_csv(self, fbuffer, **kwargs)

    def load_json(self, fbuffer: TextIO) -> EvalDescriptor:
        """Not there: declarations are written in docstrings."""
        raise NotImplementedError("declarations are not kept as JSON; use load_conf_parser")

    def save_json(self, fbuffer: TextIO) -> None:
        """Not there: declarations are written in docstrings."""
        raise NotImplementedError("declarations are not kept as JSON; use save_conf_parser")

    def make_doc_rst(self, fp: TextIO) -> None:
        """Write what is declared below this node as reStructuredText."""
        _render.write_rst(self, fp)

    def create_template(
        self,
        filename: str | Path | None = None,
        start_at_root: bool = False,
        user_level: int = 0,
        doc_level: int = 2,
        *,
        names: Mapping[str, str] | None = None,
        footer: str = "",
    ) -> str:
        """Write a Python script that sets what is declared below this node to its defaults.

        Parameters
        ----------
        filename : path, optional
            Where to write it. Nothing is written if it is not given.
        start_at_root : bool
            Name parameters by their path from the root (``p.ptycho.run``), not from here.
        user_level : int
            Leave out parameters of a higher `userlevel`.
        doc_level : int
            0: code only; 1: the help of each parameter; 2: its doc, too.
        names : mapping, optional
            Path, from here -> which of several classes to write out there, as in
            ``{'scans.*': 'Full', 'scans.*.data': 'MoonFlowerScan'}``. The first there is
            if not given.
        footer : str
            Code that the script ends with.

        Returns
        -------
        str
            The script.
        """
        options = _render.TemplateOptions(user_level, doc_level, names or {}, footer)
        script = _render.template(self, self.path if start_at_root else "", options)
        if filename is not None:
            Path(filename).write_text(script, encoding="utf-8")
        return script


def _unquoted(text: str) -> str:
    if len(text) > 1 and text[0] == text[-1] and text[0] in "'\"":
        return text[1:-1]
    return text


def _first_line(cls: type) -> str:
    return next((line.strip() for line in (cls.__doc__ or "").splitlines() if line.strip()), "")


def _placeholders(cls: type, declarations: Declarations) -> list[str]:
    """Name the parameters of a class whose default says that nobody gave a value."""
    names: list[str] = []
    overridden: set[str] = set()
    for owner, sections in declarations:
        own = owner.__dict__.get("PLACEHOLDERS")
        if own is not None:
            names, overridden = list(own), set()
        else:
            overridden |= {path for path, options in sections.items() if "default" in options}
    inherited_names = getattr(cls, "PLACEHOLDERS", ())
    return [name for name in names if name in inherited_names and name not in overridden]
