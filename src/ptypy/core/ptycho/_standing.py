"""Going on with an engine: what it knew is used as long as probe and object are those it left."""

from __future__ import annotations

import copy
import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ptypy.core.ptycho._names import listed
from ptypy.core.save_load import describe_run, restore_container, snapshot
from ptypy.errors import ParameterError
from ptypy.utils import parallel
from ptypy.utils.parameters import Param

if TYPE_CHECKING:
    from ptypy.core.ptycho._ptycho import Ptycho
    from ptypy.engines import BaseEngine

__all__ = ["Standing", "State", "copy_state", "leave", "restore_state", "take_up_again"]


@dataclass(slots=True)
class Standing:
    """Where an engine was when the run left it."""

    curiter: int
    numiter: int
    print_: bytes
    """Tells the probe and the object that it left from any others."""
    known: dict[str, Any] = field(default_factory=dict)
    """What it gave as its `engine_state`."""
    is_held: bool = False
    """It was stopped, not finished: exit waves and packed frames are still there."""


@dataclass(slots=True)
class State:
    """What `Ptycho.copy_state` remembers."""

    content: Param
    """``probe``, ``obj``, ``runtime``."""
    standings: dict[str, Standing]
    """Where the engines were, by label."""
    places: list[npt.NDArray[np.float64]]
    """Where the frames of each block lay [m]."""


def leave(run: Ptycho, engine: BaseEngine, *, is_held: bool) -> None:
    """Note where an engine is, so that it can go on from here. Every process must call it."""
    run.standings[engine.label] = Standing(
        curiter=engine.curiter,
        numiter=engine.numiter,
        print_=_print_of(run),
        known=copy.deepcopy(engine.engine_state()),
        is_held=is_held,
    )


def take_up_again(run: Ptycho, engine: BaseEngine) -> Standing | None:
    """Find what an engine may still rely on. Every process must call it.

    Returns
    -------
    Standing or None
        Where it was; None if it never ran, or if somebody has changed probe or object, taken in
        frames or turned back its iterations since: exit waves and directions are stale then.
    """
    standing = run.standings.pop(engine.label, None)
    same = (
        standing is not None
        and standing.curiter == engine.curiter
        and standing.print_ == _print_of(run)
    )
    return standing if parallel.MPImin(int(same)) else None


def copy_state(run: Ptycho, name: str, overwrite: bool) -> None:
    """Remember a state; see `Ptycho.copy_state`."""
    if name in run.state_dict and not overwrite:
        raise ParameterError(f"a state {name!r} is there already: choose overwrite=True")
    content = describe_run(run, "minimal")
    standings = {}
    for label, engine in run.engines.items():
        standing = run.standings.get(label)
        if standing is None:
            standing = Standing(engine.curiter, engine.numiter, b"")
        # What is held belongs to the engine, which may go on meanwhile; its notes do not.
        standings[label] = Standing(
            standing.curiter, standing.numiter, standing.print_, copy.deepcopy(standing.known)
        )
    run.state_dict[name] = State(
        Param({key: content[key] for key in ("probe", "obj", "runtime")}),
        standings,
        [block.object_views.coord.copy() for block in run.model.blocks],
    )


def restore_state(run: Ptycho, name: str) -> None:
    """Go back to a state; see `Ptycho.restore_state`."""
    if name not in run.state_dict:
        raise ParameterError(f"no state {name!r}; there are: {listed(run.state_dict)}")
    state = run.state_dict[name]
    for block, places in zip(run.model.blocks, state.places, strict=False):
        block.move_to(places)
    restore_container(run.probe, state.content["probe"])
    restore_container(run.obj, state.content["obj"])
    run.runtime = snapshot(state.content["runtime"])
    run.standings.clear()
    for label, engine in run.engines.items():
        standing = state.standings.get(label)
        engine.curiter = 0 if standing is None else standing.curiter
        engine.numiter = engine.p.numiter if standing is None else standing.numiter
        if standing is not None:
            run.standings[label] = copy.deepcopy(standing)


def _print_of(run: Ptycho) -> bytes:
    """Tell probe, object and frames of a run from any others."""
    digest = hashlib.blake2b(digest_size=16)
    for container in (run.probe, run.obj):
        for ID, storage in container.storages.items():
            digest.update(f"{ID} {storage.data.shape} {storage.center.tolist()}".encode())
            digest.update(np.ascontiguousarray(storage.data).view(np.uint8).data)
    for block in run.model.blocks:
        digest.update(f"{block.label} {block.number}".encode())
        digest.update(np.ascontiguousarray(block.object_views.coord).view(np.uint8).data)
    return digest.digest()
