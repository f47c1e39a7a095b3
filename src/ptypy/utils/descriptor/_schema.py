"""JSON Schema of a tree of declarations: editors complete and check while one types."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ptypy.utils.descriptor._check import NUMBERS

if TYPE_CHECKING:
    from ptypy.utils.descriptor._evaluate import EvalDescriptor

__all__ = ["schema_of"]

DRAFT = "https://json-schema.org/draft/2020-12/schema"
NOTHING = {"$ref": "#/$defs/nothing"}
DEFINED = {"anyOf": [{"type": "null"}, {"type": "string", "pattern": "^ *[Nn][Oo][Nn][Ee] *$"}]}
"""What means nothing: null, and the text None."""

Schema = dict[str, Any]


def schema_of(
    node: EvalDescriptor,
    *,
    title: str = "",
    instead_of_name: Mapping[str, Sequence[str]] | None = None,
) -> Schema:
    """Write what is declared below a node as JSON Schema, draft 2020-12.

    It refuses what `EvalDescriptor.validate` refuses, but for what JSON cannot tell: 2.0 is an
    integer there.

    Parameters
    ----------
    node : EvalDescriptor
        A group.
    title : str
    instead_of_name : mapping, optional
        By the path of a group of classes: parameters that may choose one of them in place of
        ``name``. What stands beside them is not checked.

    Returns
    -------
    dict
        To be written as JSON. Classes that are chosen by name are below ``$defs``.
    """
    maker = _Maker(instead_of_name or {})
    content = maker.group(node.children)
    content.pop("type")
    head: Schema = {"$schema": DRAFT, "title": title, "type": "object"}
    return {**head, **content, "$defs": {"nothing": DEFINED, **maker.definitions}}


class _Maker:
    """Makes schemas; what is chosen by name is defined once."""

    def __init__(self, instead_of_name: Mapping[str, Sequence[str]]) -> None:
        self.definitions: dict[str, Schema] = {}
        self._same: dict[str, str] = {}
        self._instead = instead_of_name

    def of(self, node: EvalDescriptor) -> Schema:
        """Give the schema of one parameter, or of a group of them."""
        schema: Schema = {}
        if text := _description(node):
            schema["description"] = text
        kinds = [*self._kinds(node), NOTHING]
        types = node.own_types | set(node._type_names())
        if not types:
            return schema
        if not node.children and not node.is_symlink and "Param" not in node.own_types:
            default = node.default
            # What only holds a place must not be put in by an editor.
            if not node.placeholder and isinstance(
                default, bool | int | float | str | list | tuple
            ):
                schema["default"] = list(default) if isinstance(default, tuple) else default
        return {**schema, "anyOf": kinds}

    def _kinds(self, node: EvalDescriptor) -> list[Schema]:
        """Give the schema of each type that a value may have."""
        types = node.own_types
        kinds: list[Schema] = []
        if node.is_symlink:
            kinds.append(self._chosen(node))
        elif "Param" in types:
            kinds.append(self.group(node.children))
        if "bool" in types:
            kinds.append({"type": "boolean"})
        if {"str"} & types or "file" in node._type_names():
            kinds.append(_texts(node))
        numbers = types & set(NUMBERS)
        # As in the check: one number for all axes.
        one = {"list", "tuple"} <= types and not isinstance(node.default, list | tuple | np.ndarray)
        if numbers or one:
            name = "integer" if numbers == {"int"} and not one else "number"
            kinds.append({"type": name, **_limits(node), **_choices(node, (int, float))})
        if "complex" in types and "str" not in types:
            kinds.append({"type": "string", "pattern": r"^[-+0-9.eE]*[-+]?[0-9.eE]*[ij]$"})
        if {"list", "tuple", "ndarray"} & types:
            kinds.append(_lists(node))
        return kinds

    def group(self, members: Mapping[str, EvalDescriptor]) -> Schema:
        """Give the schema of a group of parameters."""
        schema: Schema = {"type": "object"}
        named = {name: self.of(child) for name, child in members.items() if name != "*"}
        if named:
            schema["properties"] = named
        if "*" in members:
            schema["additionalProperties"] = self.of(members["*"])
        elif members:
            schema["additionalProperties"] = False
        return schema

    def _chosen(self, node: EvalDescriptor) -> Schema:
        """Give the schema of a group whose class is chosen by its name."""
        targets = node.targets
        refs = {target.name: self._define(node, target) for target in targets}
        if not targets:
            return {"type": "object"}
        if len(targets) == 1:
            return {"$ref": next(iter(refs.values()))}
        parent = targets[0].parent
        others = self._instead.get(parent.path if parent is not None else "", ())
        by_name = [
            {
                "if": {"properties": {"name": {"const": name}}, "required": ["name"]},
                "then": {"$ref": ref},
            }
            for name, ref in refs.items()
        ]
        lines = [f"{target.name}: {_plain(target.help)}" for target in targets]
        name: Schema = {
            "description": "\n".join(["One of", *lines]),
            "enum": list(refs),
        }
        schema: Schema = {"type": "object", "properties": {"name": name}}
        if others:
            schema["anyOf"] = [{"required": [key]} for key in ("name", *others)]
            schema["if"] = {"not": {"anyOf": [{"required": [key]} for key in others]}}
            schema["then"] = {"allOf": by_name}
            # A class that has such a parameter itself is checked as any other.
            schema["else"] = {"allOf": _owning(by_name, targets, others)}
        else:
            schema["required"] = ["name"]
            schema["allOf"] = by_name
        return schema

    def _define(self, node: EvalDescriptor, target: EvalDescriptor) -> str:
        """Define the class that a name chooses, once for all with the same parameters."""
        where = f"#/$defs/{target.path}"
        if target.path in self.definitions:
            return where
        self.definitions[target.path] = {}  # it may lead to itself
        own = {name: child for name, child in node.children.items() if name != "*"}
        members = {**own, **target.children}
        schema = self.group(members)
        schema["properties"]["name"] = True
        text = json.dumps(schema, sort_keys=True)
        if text in self._same:
            del self.definitions[target.path]
            return self._same[text]
        self._same[text] = where
        self.definitions[target.path] = {"title": _plain(target.help), **schema}
        return where


def _owning(
    by_name: list[Schema], targets: Sequence[EvalDescriptor], others: Sequence[str]
) -> list[Schema]:
    """Keep the conditions of classes that have one of these parameters themselves."""
    own = [bool(set(others) & set(target.children)) for target in targets]
    return [one for one, has in zip(by_name, own, strict=True) if has] or [{}]


def _plain(text: str) -> str:
    return " ".join(text.split()).replace("``", "").replace("`", "")


def _description(node: EvalDescriptor) -> str:
    """Say what a parameter is: its help, then its doc."""
    doc = node.doc.replace("<newline>", "\n").replace(":py:data:", "").replace(":py:func:", "")
    doc = "\n".join(line.strip() for line in doc.replace("`", "").splitlines() if line.strip())
    return "\n\n".join(text for text in (_plain(node.help), doc) if text)


def _choices(node: EvalDescriptor, kind: type | tuple[type, ...]) -> Schema:
    """Give the choices of one kind; a value of a kind without choices may be any."""
    choices = [choice for choice in node.choices or () if isinstance(choice, kind)]
    return {"enum": choices} if choices else {}


def _texts(node: EvalDescriptor) -> Schema:
    return {"type": "string", **_choices(node, str)}


def _limits(node: EvalDescriptor) -> Schema:
    if not {"int", "float"} & node.own_types:
        return {}
    low, high = node.limits
    limits = {"minimum": low, "maximum": high}
    return {name: limit for name, limit in limits.items() if limit is not None}


def _lists(node: EvalDescriptor) -> Schema:
    schema: Schema = {"type": "array"}
    lists = [list(c) for c in node.choices or () if isinstance(c, list | tuple)]
    if lists:
        schema["enum"] = lists
    if limits := _limits(node):
        schema["items"] = limits
    return schema
