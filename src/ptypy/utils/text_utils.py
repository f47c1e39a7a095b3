"""Small things that loaders ask of strings and file names, and that messages say about names."""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

__all__ = ["clean_path", "did_you_mean", "isstr", "listed_names", "nearest"]

SHOWN = 12
"""How many names are listed: more than that, nobody reads."""


def isstr(s: Any) -> bool:
    """Say whether something is a string."""
    return isinstance(s, str)


def clean_path(filename: str | Path) -> str:
    """Write a path in full: absolute, ``~`` and variables replaced, no ``..`` left."""
    # Path.resolve() would follow links, and the data behind a link may move.
    return os.path.abspath(os.path.expandvars(Path(filename).expanduser()))  # noqa: PTH100


def nearest(wrong: Any, known: Iterable[str], *, cutoff: float = 0.6) -> str | None:
    """Find the known name most like a wrong one, whatever the case of its letters.

    Parameters
    ----------
    wrong : str
        What was written; anything else is taken as it prints.
    known : iterable of str
    cutoff : float
        How alike they must be: 1 is the same, 0 nothing in common.

    Returns
    -------
    str or None
        None if none is alike.

    Examples
    --------
    >>> nearest("Enery", ["energy", "distance"])
    'energy'
    """
    names = {name.lower(): name for name in known}
    close = difflib.get_close_matches(str(wrong).lower(), names, n=1, cutoff=cutoff)
    return names[close[0]] if close else None


def did_you_mean(
    wrong: Any, known: Iterable[str], *, listing: bool = True, cutoff: float = 0.6
) -> str:
    """Go on after "... is unknown": suggest a known name, or list those there are.

    Parameters
    ----------
    wrong, known, cutoff
        As for `nearest`.
    listing : bool
        False: say nothing if no name is alike.

    Returns
    -------
    str
        It begins with a semicolon, or is empty.

    Examples
    --------
    >>> did_you_mean("enery", ["energy", "distance"])
    '; did you mean `energy`?'
    >>> did_you_mean("qqq", ["energy", "distance"])
    '; known: energy, distance'
    """
    names = list(known)
    close = nearest(wrong, names, cutoff=cutoff)
    if close is not None:
        return f"; did you mean `{close}`?"
    listed = listed_names(names)
    return f"; known: {listed}" if listed and listing else ""


def listed_names(known: Iterable[str]) -> str:
    """List names, but not more than a reader would read; ``*`` is no name."""
    names = [name for name in known if name != "*"]
    return ", ".join(names[:SHOWN]) + (", ..." if len(names) > SHOWN else "")
