"""Declarations written for people and programs: templates, tables, documentation."""

from __future__ import annotations

import csv
import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TextIO

from ptypy.utils.descriptor._text import ORDER

if TYPE_CHECKING:
    from ptypy.utils.descriptor._evaluate import EvalDescriptor

__all__ = ["TemplateOptions", "load_csv", "save_csv", "template", "write_rst"]


@dataclass(frozen=True)
class TemplateOptions:
    """How much a template shows."""

    user_level: int
    doc_level: int
    names: Mapping[str, str]
    footer: str


def save_csv(node: EvalDescriptor, fbuffer: TextIO, **kwargs: Any) -> None:
    """Write a row a parameter: its path from ``node``, then its options."""
    extra = {key: None for child in node.descendants for key in child.options if key not in ORDER}
    writer = csv.DictWriter(fbuffer, ["path", *ORDER, *extra], restval="", **kwargs)
    writer.writeheader()
    for child in node.descendants:
        if not child.implicit:
            writer.writerow({"path": node._relative(child), **child.options})


def load_csv(node: EvalDescriptor, fbuffer: TextIO, **kwargs: Any) -> EvalDescriptor:
    """Read a table with a column ``path`` and a column an option.

    The older form has ``level`` and ``name`` in place of a path (the level is how deep a
    parameter stands) and ``shortdoc`` for the help.
    """
    above: list[str] = []
    for row in csv.DictReader(fbuffer, **kwargs):
        options = {key: value for key, value in row.items() if value}
        path = options.pop("path", "")
        if not path:
            level = int(options.pop("level", 0))
            above = [*above[:level], options.pop("name", "").strip()]
            path = node.separator.join(above)
            options["help"] = options.pop("shortdoc", options.get("help", ""))
        options.setdefault("default", "")
        options.setdefault("help", "")
        node.new_child(path, options)
    return node


def write_rst(node: EvalDescriptor, fp: TextIO) -> None:
    """Write a section for every parameter below ``node``."""
    for child in node.descendants:
        path = child.path
        fp.write(f".. py:data:: {path}\n\n")
        types = ", ".join(child._type_names())
        facts = [f"*({types})*"] if types else []
        if child.help:
            facts.append(child.help)
        if not child.children:
            facts.append(f"Default: ``{child.options.get('default', '') or None}``")
        low, high = ("" if limit is None else f"{limit:g}" for limit in child.limits)
        if low or high:
            facts.append(f"Allowed: {low} ... {high}")
        if child.choices is not None:
            facts.append(f"Choices: {', '.join(f'``{choice!r}``' for choice in child.choices)}")
        if child.doc:
            facts.append(child.doc)
        fp.writelines(textwrap.indent(textwrap.dedent(fact), "   ") + "\n\n" for fact in facts)


def template(node: EvalDescriptor, prefix: str, options: TemplateOptions) -> str:
    """Write a script that sets every parameter below ``node``."""
    lines = [
        f'"""Parameters of {node.path or node.name}: change what differs from your experiment."""',
        "",
        "from ptypy import utils as u",
        "",
        "p = u.Param()",
    ]
    root = "p"
    for name in filter(None, prefix.split(node.separator)):
        root = f"{root}.{name}"
        lines.append(f"{root} = u.Param()")
    lines += _settings(node, root, "", options)
    if options.footer:
        lines += ["", options.footer.rstrip("\n")]
    return "\n".join(lines) + "\n"


def _settings(
    node: EvalDescriptor, code: str, path: str, options: TemplateOptions, named: str = ""
) -> Iterator[str]:
    """Give the lines that set what is in a group; ``named`` is the path of what is set already."""
    for name, child in node.children.items():
        here = f"{path}.{name}" if path else name
        if (child.userlevel or 0) > options.user_level or here == named:
            continue
        label = f"{node.name.rstrip('s')}_00" if name == "*" else name
        yield from _comment(child, options)
        target = _chosen(child, here, options)
        if target is not None:
            yield f"{code}.{label} = u.Param()"
            yield f"{code}.{label}.name = {target.name!r}"
            for group in (target, child):
                yield from _settings(group, f"{code}.{label}", here, options, f"{here}.name")
        elif child.children or "Param" in child.type:
            yield f"{code}.{label} = u.Param()"
            yield from _settings(child, f"{code}.{label}", here, options)
        else:
            # What only holds a place must not look as if somebody had said it.
            mark = "# " if child.placeholder else ""
            default = None if child.is_symlink else child.default
            yield f"{mark}{code}.{label} = {default!r}"


def _chosen(child: EvalDescriptor, path: str, options: TemplateOptions) -> EvalDescriptor | None:
    """Find the class that stands for one of several in a template."""
    targets = child.targets
    wanted = options.names.get(path)
    if not targets or (len(targets) == 1 and wanted is None):
        return None
    return next((target for target in targets if target.name == wanted), targets[0])


def _comment(child: EvalDescriptor, options: TemplateOptions) -> Iterator[str]:
    texts = [
        child.help if options.doc_level > 0 else "",
        child.doc if options.doc_level > 1 else "",
    ]
    texts = [text for text in texts if text.strip()]
    if texts:
        yield ""
    for text in texts:
        for line in textwrap.wrap(" ".join(text.split()), 96):
            yield f"# {line}"
