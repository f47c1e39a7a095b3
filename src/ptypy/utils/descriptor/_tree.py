"""A tree of named declarations: where a parameter lives, and the text that declares it."""

from __future__ import annotations

import copy as copying
import importlib
from collections.abc import Iterator, Mapping
from typing import Any, Self, TextIO

from ptypy.errors import ParameterError
from ptypy.utils.descriptor import _text
from ptypy.utils.text_utils import did_you_mean

__all__ = ["Descriptor"]

REQUIRED = ("default", "help")
"""Options that a new parameter must have."""


class Descriptor:
    """A parameter, or a group of parameters, and what is declared about it.

    Parameters
    ----------
    name : str
        Its name in the group it belongs to.
    parent : Descriptor, optional
        The group it belongs to; None for the root of a tree.
    separator : str
        Splits the names of a path.

    Attributes
    ----------
    options : dict of str
        What is declared, as it was written: ``default``, ``help``, ``type`` and so on.
    implicit : bool
        True for a group that nobody declared: it is there because something is in it.
    """

    def __init__(self, name: str, parent: Self | None = None, separator: str = ".") -> None:
        self.name = name
        self.parent = parent
        self.separator = separator
        self.options: dict[str, str] = {}
        self.implicit = True
        self._children: dict[str, Self] = {}
        self._sources: tuple[str, ...] = ()
        self._hint = ""

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.path or self.name}>"

    @property
    def children(self) -> dict[str, Self]:
        """What is in this group: name -> node. Imports the modules that declare it, if any."""
        self._import_sources()
        return self._children

    @property
    def is_child(self) -> bool:
        """Whether this belongs to a group."""
        return self.parent is not None

    @property
    def root(self) -> Self:
        """The top of the tree."""
        return self if self.parent is None else self.parent.root

    @property
    def path(self) -> str:
        """Where this stands in its tree; the root's own name is left out."""
        if self.parent is None:
            return ""
        above = self.parent.path
        return f"{above}{self.separator}{self.name}" if above else self.name

    @property
    def descendants(self) -> Iterator[Self]:
        """Everything below, depth first, in the order of declaration."""
        for child in list(self.children.values()):
            yield child
            yield from child.descendants

    def __contains__(self, path: str) -> bool:
        return self._find(path) is not None

    def __getitem__(self, path: str) -> Self:
        node = self._find(path)
        if node is not None:
            return node
        nearest, missing = self, path
        for name in path.split(self.separator):
            deeper = nearest._child(name)
            if deeper is None:
                missing = name
                break
            nearest = deeper
        hint = did_you_mean(missing, nearest.children)
        raise KeyError(f"no parameter {path!r} in {self.path or self.name!r}{hint}")

    def __setitem__(self, path: str, node: Self) -> None:
        parent, _, name = path.rpartition(self.separator)
        node.name = name
        group = self.new_child(parent, implicit=True) if parent else self
        group.add_child(node)

    def get(self, path: str) -> Self | None:
        """Find a node by its path from the root; None if there is none."""
        return self.root._find(path)

    def _find(self, path: str) -> Self | None:
        node: Self | None = self
        for name in path.split(self.separator):
            node = node._child(name) if node is not None else None
        return node

    def _child(self, name: str) -> Self | None:
        """Find a direct child; what may declare it is imported only if it is not there yet."""
        if name not in self._children:
            self._import_sources()
        return self._children.get(name)

    def new_child(
        self, name: str, options: Mapping[str, str] | None = None, implicit: bool = False
    ) -> Self:
        """Declare a parameter below this one, or more about one that is there.

        Parameters
        ----------
        name : str
            Its path from here. Groups on the way are made as they are needed.
        options : mapping, optional
            What to declare; added to what is declared already, option by option.
        implicit : bool
            This is a group that needs no options of its own.

        Raises
        ------
        ParameterError
            If a new parameter lacks its default or its help.
        """
        first, _, rest = name.partition(self.separator)
        if rest:
            group = self._children.get(first) or self._attach(first)
            return group.new_child(rest, options, implicit)
        node = self._children.get(first)
        declared = {**(node.options if node else {}), **(options or {})}
        if not implicit:
            missing = [key for key in REQUIRED if key not in declared]
            if missing:
                raise ParameterError(
                    f"Missing required option(s) <{', '.join(missing)}> for parameter {name}."
                )
        node = node or self._attach(first)
        node.options = declared
        node.implicit = node.implicit and implicit
        return node

    def _attach(self, name: str) -> Self:
        node = type(self)(name, parent=self, separator=self.separator)
        self._children[name] = node
        return node

    def add_child(self, desc: Self, copy: bool = False) -> Self:
        """Put a node, with all below it, into this group; ``copy`` leaves the original alone."""
        node = desc._twin() if copy else desc
        node.parent = self
        self._children[node.name] = node
        return node

    def prune_child(self, name: str) -> Self:
        """Take a node, with all below it, out of the tree and give it back."""
        node = self[name]
        if node.parent is not None:
            del node.parent._children[node.name]
        node.parent = None
        return node

    def _twin(self) -> Self:
        parent, self.parent = self.parent, None
        try:
            return copying.deepcopy(self)
        finally:
            self.parent = parent

    def declare_source(self, prefix: str, *modules: str, hint: str = "") -> None:
        """Say which modules declare what is below ``prefix``.

        They are imported when something below ``prefix`` is looked up that is not there, or
        when all of it is asked for. A module that does not exist is passed over.

        Parameters
        ----------
        prefix : str
            Path of a group.
        *modules : str
            Names of modules.
        hint : str
            What a user may do when a name below ``prefix`` is still unknown then.
        """
        node = self.new_child(prefix, implicit=True)
        node._sources += modules
        node._hint = hint or node._hint

    def _import_sources(self) -> None:
        # Taken out before the import: these modules declare into this very node meanwhile.
        while self._sources:
            module, *rest = self._sources
            self._sources = tuple(rest)
            try:
                importlib.import_module(module)
            except ModuleNotFoundError as error:
                if error.name is None or not f"{module}.".startswith(f"{error.name}."):
                    self._sources = (module, *self._sources)
                    raise
            except BaseException:
                self._sources = (module, *self._sources)
                raise

    def from_string(self, s: str, strict: bool = False) -> Self:
        """Declare everything that a text in the form of `to_string` says.

        Parameters
        ----------
        s : str
            Sections ``[path]`` of lines ``option = value``.
        strict : bool
            A section or option that occurs twice is an error.
        """
        for name, options in _text.parse(s, strict).items():
            self.new_child(name, options)
        return self

    def to_string(self) -> str:
        """Write what is declared below this node (of a leaf: about itself)."""
        if not self.children:
            return "" if self.implicit else _text.section(self.name, self.options)
        return "\n".join(
            _text.section(self._relative(node), node.options)
            for node in self.descendants
            if not node.implicit
        )

    def __str__(self) -> str:
        return self.to_string()

    def _relative(self, node: Descriptor) -> str:
        """Give the path of a node below this one, seen from here."""
        names = []
        step: Descriptor | None = node
        while step is not None and step is not self:
            names.append(step.name)
            step = step.parent
        return self.separator.join(reversed(names))

    def load_conf_parser(self, fbuffer: TextIO | str, **kwargs: Any) -> Self:
        """Declare what a file in the form of `to_string` says; see `from_string`."""
        text = fbuffer if isinstance(fbuffer, str) else fbuffer.read()
        return self.from_string(text, **kwargs)

    def save_conf_parser(self, fbuffer: TextIO, print_optional: bool = True) -> None:
        """Write what is declared below this node into an open file.

        Parameters
        ----------
        fbuffer : file open for text
        print_optional : bool
            False: write only what every parameter must have, its default and help.
        """
        for node in self.descendants:
            if not node.implicit:
                kept = {k: v for k, v in node.options.items() if print_optional or k in REQUIRED}
                fbuffer.write(_text.section(self._relative(node), kept) + "\n")
