"""What the page of a result asks, and the answers; of a file, or of a run that goes on."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from ptypy.errors import DataError
from ptypy.web._pictures import code_complex, find_level, find_top, read_part, reduce
from ptypy.web._server import Answer, Client

__all__ = ["Layer", "Result", "Source", "plain_history"]

Array = npt.NDArray[Any]
THUMB = 88
"""Edge of the small pictures [px]."""


class Layer(NamedTuple):
    """One picture: a mode of a probe or of an object."""

    kind: str
    """``'obj'`` or ``'probe'``."""
    storage: str
    """ID of the storage."""
    number: int
    """Layer of it."""


class Source(Protocol):
    """Where a result comes from."""

    is_live: bool
    version: int
    """Grows when there is something new."""

    def describe(self) -> dict[str, Any]:
        """Give name, state, and the storages there are."""

    def forms(self) -> dict[tuple[str, str], tuple[int, ...]]:
        """Give the shape of each storage, by kind and ID."""

    def history(self) -> list[Mapping[str, Any]]:
        """Give the entries of ``runtime.iter_info``."""

    async def picture(self, layer: Layer) -> Array:
        """Give a layer (H, W), of one moment, that nobody changes any more."""

    def thumb(self, layer: Layer, step: int) -> Array:
        """Give every ``step``-th pixel of a layer."""

    def frames(self) -> tuple[Array, Array]:
        """Give positions (N, 2) [m] and residuals (N,) of the frames; NaN if not known."""

    async def command(self, name: str) -> dict[str, Any]:
        """Pause, go on, stop or save; what else there is to load."""

    def begin(self, tell: Callable[[Mapping[str, Any]], None]) -> None:
        """Begin to tell news; called when the first page is opened, in the server's thread."""

    def rest(self) -> None:
        """Stop telling: nobody looks on."""

    def close(self) -> None:
        """End."""


class Result:
    """Object and probe, errors, residuals of the frames; and a hand on the run.

    Parameters
    ----------
    source : Source
    """

    page = "result.html"

    def __init__(self, source: Source) -> None:
        self._source = source
        self._clients: list[Client] = []
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="ptypy-view-pictures")
        self._found: dict[str, tuple[tuple[Layer, int], Any]] = {}

    def enter(self, client: Client) -> None:
        """Begin with the news when somebody looks."""
        self._clients.append(client)
        if len(self._clients) == 1:
            self._source.begin(self._tell)

    def leave(self, client: Client) -> None:
        """Stop with them when nobody does."""
        if client in self._clients:
            self._clients.remove(client)
        if not self._clients:
            self._source.rest()

    def close(self) -> None:
        """End."""
        self._source.close()
        self._worker.shutdown(wait=True, cancel_futures=True)

    def _tell(self, news: Mapping[str, Any]) -> None:
        for client in list(self._clients):
            client.tell(news)

    async def answer(self, client: Client, asked: dict[str, Any], payload: bytes) -> Answer:
        """Answer a question of the page."""
        del client, payload
        what = asked.get("ask")
        if what == "run":
            return {**self._source.describe(), "version": self._source.version}, b""
        if what == "history":
            return self._history(int(asked.get("since", 0)))
        if what == "image":
            return await self._image(asked)
        if what == "thumb":
            return self._thumb(asked)
        if what == "frames":
            return self._frames()
        if what == "command":
            return await self._source.command(str(asked["name"])), b""
        raise DataError(f"{what!r} cannot be asked")

    def _history(self, since: int) -> Answer:
        entries = self._source.history()
        return {"since": since, "entries": plain_history(entries[since:])}, b""

    async def _image(self, asked: dict[str, Any]) -> Answer:
        layer = self._read_layer(asked)
        version = self._source.version
        field = await self._source.picture(layer)
        part = read_part(asked.get("part"), field.shape)
        levels = bool(asked.get("level"))

        def code() -> Answer:
            top = self._known("top", layer, version, lambda: _top(layer, field))
            small = reduce(field[part.slices], part.step)
            if levels:
                found = self._known("level", layer, version, lambda: find_level(field))
                small = found.take_from(small, part)
            head, numbers = code_complex(small, top)
            head |= {"part": part.describe(), "whole": field.shape, "version": version}
            return head, numbers

        return await asyncio.get_running_loop().run_in_executor(self._worker, code)

    def _known(self, what: str, layer: Layer, version: int, find: Callable[[], Any]) -> Any:
        """Give what belongs to a version of a layer; found once, whatever parts are asked for."""
        key = (layer, version)
        if what not in self._found or self._found[what][0] != key:
            self._found[what] = key, find()
        return self._found[what][1]

    def _thumb(self, asked: dict[str, Any]) -> Answer:
        layer = self._read_layer(asked)
        step = max(1, -(-max(self._source.forms()[layer[:2]][-2:]) // THUMB))
        small = self._source.thumb(layer, step)
        if layer.kind == "obj":
            whole = read_part(None, (small.shape[0], small.shape[1]))
            small = find_level(small).take_from(small, whole)
        head, numbers = code_complex(small, _top(layer, small))
        return head, numbers

    def _read_layer(self, asked: Mapping[str, Any]) -> Layer:
        layer = Layer(str(asked["kind"]), str(asked["storage"]), int(asked.get("layer", 0)))
        form = self._source.forms().get(layer[:2])
        if form is None or not 0 <= layer.number < form[0]:
            raise DataError(f"there is no layer {layer.number} of {layer.kind} {layer.storage!r}")
        return layer

    def _frames(self) -> Answer:
        positions, residuals = self._source.frames()
        table = np.column_stack([positions, residuals]).astype("<f8")
        return {"count": len(table)}, table.tobytes()


def _top(layer: Layer, field: Array) -> float:
    return find_top(field, ignores_rims=layer.kind == "obj")


def plain_history(entries: list[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Give what curves are drawn of: engine, iterations, errors, residual and duration."""
    plain = []
    for entry in entries:
        errors = np.asarray(entry.get("error", []), dtype=float).reshape(-1)
        plain.append(
            {
                "engine": str(entry.get("engine", "")),
                "iterations": int(entry.get("iterations", entry.get("iteration", 0))),
                "error": [float(n) for n in errors[:3]],
                "residual": float(entry.get("residual", np.nan)),
                "duration": float(entry.get("duration", np.nan)),
            }
        )
    return plain


def describe_storage(
    kind: str, name: str, data: Array, pixel: Any, energy: float | None
) -> dict[str, Any]:
    """Say what a page has to know of a storage.

    ``power`` is the share of each layer in the power of all.
    """
    powers = [float(np.vdot(layer[::4, ::4], layer[::4, ::4]).real) for layer in data]
    total = sum(powers) or 1.0
    return {
        "kind": kind, "id": name, "layers": len(data), "shape": data.shape[-2:],
        "pixel": [float(n) for n in np.broadcast_to(np.asarray(pixel, dtype=float), 2)],
        "energy": energy, "power": [power / total for power in powers],
    }  # fmt: skip
