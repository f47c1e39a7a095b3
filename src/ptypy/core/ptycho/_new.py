"""A file of parameters for a chosen loader, model and engines."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ptypy import defaults_tree
from ptypy.errors import Fault, ParameterError
from ptypy.utils.config import (
    FILL_IN,
    as_json_file,
    as_python_file,
    as_yaml_file,
    is_to_fill_in,
)
from ptypy.utils.descriptor import Wanted, outline, schema_of
from ptypy.utils.text_utils import did_you_mean, listed_names

__all__ = ["FORMATS", "choices_of", "config_schema", "new_config"]

FORMATS = ("yaml", "json", "py")
"""Forms of a file of parameters."""
SHOWN = (
    "run", "io.home", "*.data.shape", "*.data.center", "*.data.orientation", "*.data.rebin",
    "*.data.num_frames", "*.data.source", "*.positions.slow_multiplier",
    "*.positions.fast_multiplier", "*.illumination.aperture.size",
    "*.coherence.num_probe_modes", "engines.*.numiter",
)  # fmt: skip
"""What most users change: not commented out."""
BASES = frozenset({"ScanModel", "BlockScanModel", "LiveScan", "StreamScan", "PtyScan", "QuickScan"})
"""Classes that others are made from."""


def choices_of(kind: str, *, everything: bool = False) -> dict[str, str]:
    """List the classes that parameters can choose by name.

    Parameters
    ----------
    kind : {'scandata', 'scan', 'engine'}
        Loaders, models, engines.
    everything : bool
        Classes that others are made from, too, and names that PtyPy 0.9 had for the same engine.

    Returns
    -------
    dict
        Name -> what it is, in a line.
    """
    nodes = defaults_tree[kind].children
    return {
        name: node.help.replace("``", "").replace("`", "")
        for name, node in nodes.items()
        if everything or not (name in BASES or "a name of PtyPy 0.9" in node.help)
    }


def new_config(
    loader: str = "Hdf5Loader",
    engines: Sequence[str] = ("DM", "ML"),
    model: str | None = None,
    *,
    form: str = "yaml",
    level: int = 1,
    everything: bool = False,
    schema: str | None = None,
    name: str = "FILE",
) -> str:
    """Write a file of parameters: complete, documented, with what must be filled in marked.

    What most users need not change is commented out, with its default.

    Parameters
    ----------
    loader, model : str
        Classes of the scan's data and of the scan; ``model`` None is one that the engines treat.
    engines : sequence of str
        In the order in which they run.
    form : {'yaml', 'json', 'py'}
    level : int
        Parameters for the more experienced (1) and for experts (2), or for everybody only (0).
    everything : bool
        All parameters there are, also those that have no effect in this version.
    schema : str, optional
        Path of the JSON Schema, as the file is to name it.
    name : str
        Of the file, for the comments in it.

    Raises
    ------
    ParameterError
        If there is no such loader, model or engine; all faults at once.
    """
    model = _model_for(engines) if model is None else model
    faults = [_unknown("scandata", "loader", loader), _unknown("scan", "model", model)]
    faults += [_unknown("engine", "engine", engine) for engine in engines]
    if form not in FORMATS:
        faults.append(Fault("format", repr(form), f"is not one of {', '.join(FORMATS)}"))
    if found := [fault for fault in faults if fault is not None]:
        raise ParameterError(found)
    names = {"scans.scan00": model, "scans.scan00.data": loader}
    names |= {f"engines.engine{n:02d}": engine for n, engine in enumerate(engines)}
    level = 2 if everything else level
    wanted = Wanted(names, level, SHOWN, everything)
    entries = outline(defaults_tree["ptycho"], wanted)
    if form == "json":
        return as_json_file(entries, everything=everything, schema=schema)
    header = _header(loader, engines, model, name, level)
    if not is_to_fill_in(entries):
        header[2:4] = [header[2].split(". ", 1)[1], header[3]]
    if form == "py":
        return as_python_file(entries, header)
    editors = [f"yaml-language-server: $schema={schema}"] if schema else []
    return as_yaml_file(entries, [*editors, *header])


def _header(loader: str, engines: Sequence[str], model: str, name: str, level: int) -> list[str]:
    more = "" if level >= 2 else ", but for those of experts (`ptypy new --all`)"
    return [
        f"A scan read by {loader}, seen as {model}, reconstructed by {', then '.join(engines)}.",
        "",
        f"Fill in what is marked {FILL_IN}. Lines that are commented out hold all other",
        f"parameters with their defaults{more}.",
        "",
        f"    ptypy check {name}      would it run? what is doubtful?",
        f"    ptypy run {name}        reconstruct",
        "",
    ]


def _model_for(engines: Sequence[str]) -> str:
    """Choose a model that all engines treat: the usual one, if they do not ask for another."""
    from ptypy.engines import find_engine

    model = "BlockFull"
    for engine in engines:
        try:
            supported = [cls.__name__ for cls in find_engine(engine).SUPPORTED_MODELS]
        except ParameterError:
            continue  # told with all else that is unknown
        if supported and model not in supported:
            model = next((m for m in supported if m.startswith("Block")), supported[0])
    return model


def _unknown(kind: str, what: str, name: str) -> Fault | None:
    known = choices_of(kind, everything=True)
    if name in known:
        return None
    meant = did_you_mean(name, known, listing=False)
    there = "" if meant else f"; there are {listed_names(choices_of(kind))}"
    return Fault(what, repr(name), f"is unknown{meant}{there}")


def config_schema() -> dict[str, Any]:
    """Give the JSON Schema, draft 2020-12, of files of parameters, from the tree as it is now."""
    schema = schema_of(
        defaults_tree["ptycho"],
        title="Parameters of a ptychographic reconstruction (ptypy)",
        instead_of_name={"scandata": ("source",)},
    )
    schema["properties"]["$schema"] = {"type": "string"}
    return schema
