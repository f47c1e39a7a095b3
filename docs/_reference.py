"""Reference pages, made when pages are built: parameters of the tree, names of docstrings."""

from __future__ import annotations

import importlib
import re
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent

CHAPTERS = {
    "Tutorials": "tutorials/*",
    "When you want to do one thing": "how-to/*",
    "When you want to understand": "explanations/*",
    "When you want to look something up": "reference/*",
    "Parameters": "reference/parameters/*",
    "Names for scripts and loaders": "reference/api/*",
    "Decisions": "explanations/decisions/*",
}
"""Of the table of contents, in this order."""

DOORS = {
    "ptypy.core.ptycho": "A run",
    "ptypy.core.data": "Preparing frames",
    "ptypy.core.classes": "Arrays with coordinates",
    "ptypy.core.manager": "Models: which frame meets which probe and object",
    "ptypy.core.geometry": "Wavelength, pixels, propagators",
    "ptypy.core.xy": "Scan patterns",
    "ptypy.core.illumination": "The first probe",
    "ptypy.core.sample": "The first object",
    "ptypy.core.save_load": "What goes into a result",
    "ptypy.core.paths": "Names of files",
    "ptypy.engines": "Engines",
    "ptypy.experiment": "Loaders",
    "ptypy.simulations": "Simulated beamtimes",
    "ptypy.diagnose": "Judging results",
    "ptypy.io.h5rw": "Trees in HDF5 files",
    "ptypy.io.ptyd": "Prepared scans, .ptyd",
    "ptypy.io.ptyr": "Results, .ptyr",
    "ptypy.io.stored_stack": "Frames read where they lie",
    "ptypy.accelerate": "Compiled kernels",
    "ptypy.utils": "Parameters, messages, processes",
    "ptypy.testing": "Tests for your own loaders and engines",
    "ptypy.errors": "Every error",
}
"""Modules whose public names have a page, and its title."""

BRANCHES = {
    "ptycho": "A run",
    "scan": "Model",
    "scandata": "Loader",
    "engine": "Engine",
}
"""Branches of the tree of parameters."""

BACKENDS = ("serial", "cupy", "pycuda", "stream")
"""Endings of names under which the same engines are known, too."""


def write_pages() -> None:
    """Write all reference pages; those of an earlier build that nobody makes any more go."""
    made = {**_parameter_pages(), **_door_pages()}
    for folder in ("parameters", "api"):
        (HERE / "reference" / folder).mkdir(exist_ok=True)
        for old in (HERE / "reference" / folder).glob("*.md"):
            if old not in made:
                old.unlink()
    for path, text in made.items():
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")


def _door_pages() -> dict[Path, str]:
    pages = {}
    for module, title in DOORS.items():
        members = importlib.import_module(module).__all__
        text = f"""\
# {title}: `{module}`

```{{eval-rst}}
.. automodule:: {module}
   :members: {", ".join(members)}
   :imported-members:
   :show-inheritance:
```
"""
        pages[HERE / "reference" / "api" / f"{module}.md"] = text
    return pages


def _parameter_pages() -> dict[Path, str]:
    import ptypy
    import ptypy.engines

    ptypy.load_all_ptyscan_modules()
    folder = HERE / "reference" / "parameters"
    pages = {folder / "ptycho.md": _page(ptypy.defaults_tree["ptycho"], "A run", "Ptycho")}
    for branch, title in list(BRANCHES.items())[1:]:
        for name, node in sorted(ptypy.defaults_tree[branch].children.items()):
            if name.rpartition("_")[2] not in BACKENDS:
                pages[folder / f"{branch}.{name}.md"] = _page(node, title, name)
    return pages


def _page(node: Any, title: str, name: str) -> str:
    lines = [f"# {title} `{name}`", ""]
    lines += [text + "\n" for text in _about(node)]
    for child in _below(node):
        facts = " · ".join(_facts(child))
        about = "\n\n".join(_about(child))
        body = textwrap.indent(f"{facts}\n\n{about}" if facts else about, "  ")
        lines += [f"`{child.path.removeprefix(node.path + '.')}`", ":" + body[1:], ""]
    return "\n".join(lines)


def _below(node: Any) -> Iterator[Any]:
    for child in node.descendants:
        if not child.implicit and not child.is_symlink and not child.name.startswith("*"):
            yield child


def _facts(node: Any) -> Iterator[str]:
    if node.children:
        yield "a group"
        return
    names = ["None" if name == "NoneType" else name for name in node._type_names()]
    if names:
        yield " or ".join(names)
    yield f"default `{node.options.get('default', '') or None}`"
    low, high = node.limits
    if low is not None or high is not None:
        yield " ".join(
            text
            for text in (
                f"from {low:g}" if low is not None else "",
                f"to {high:g}" if high is not None else "",
            )
            if text
        )
    if node.choices is not None:
        yield "one of " + ", ".join(f"`{choice!r}`" for choice in node.choices)


def _about(node: Any) -> list[str]:
    doc = re.sub(r":py:\w+:(`[^`]*`)", r"\1", textwrap.dedent(node.doc or ""))
    return [text for text in (_sentence(node.help), doc) if text]


def _sentence(text: str | None) -> str:
    text = (text or "").strip()
    return text if not text or text.endswith((".", "?", "!", ":")) else f"{text}."


def add_contents(_app: Any, name: str, source: list[str]) -> None:
    """Put the table of contents under the first page; read on a code host, it has none."""
    if name != "docs/index":
        return
    trees = []
    for title, pages in CHAPTERS.items():
        trees.append(f"```{{toctree}}\n:hidden:\n:glob:\n:caption: {title}\n\n{pages}\n```\n")
    about = "../README\n../ARCHITECTURE\n../CONTRIBUTING\n../CHANGELOG"
    trees.append(f"```{{toctree}}\n:hidden:\n:caption: The project\n\n{about}\n```\n")
    source[0] += "\n" + "\n".join(trees)


def trim_docstring(
    _app: Any, what: str, name: str, _obj: Any, _options: Any, lines: list[str]
) -> None:
    """Let bars be bars, and leave declarations of parameters to the pages of the parameters."""
    lines[:] = [_with_bars(line) for line in lines]
    if what in {"attribute", "data", "property"} and lines:
        # A sentence with a colon is no type with a description: the comment says so to napoleon.
        lines[:0] = ["..", ""]
    start = next((k for k, line in enumerate(lines) if line.strip() == "Defaults:"), None)
    if start is None or what != "class":
        return
    del lines[start:]
    lines += [f"Its parameters: see the page of ``{name.rpartition('.')[2]}``.", ""]


def _with_bars(line: str) -> str:
    """Protect |x|, which is no substitution, outside of code."""
    if line.lstrip().startswith((">>>", "...")):
        return line
    parts = re.split(r"(``.*?``)", line)
    parts[::2] = [part.replace("|", r"\|") for part in parts[::2]]
    return "".join(parts)


def add_front_door(app: Any, error: Exception | None) -> None:
    """Lead from the top of the built folder to the first page."""
    if error is None:
        page = '<!doctype html><meta charset="utf-8"><title>ptypy</title>'
        page += '<meta http-equiv="refresh" content="0; url=docs/index.html">'
        Path(app.outdir, "index.html").write_text(page, encoding="utf-8")


def setup(app: Any) -> dict[str, bool]:
    """Tell Sphinx what to call when."""
    app.connect("builder-inited", lambda _app: write_pages())
    app.connect("source-read", add_contents)
    app.connect("autodoc-process-docstring", trim_docstring, priority=100)
    app.connect("build-finished", add_front_door)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
