"""A result in a file, which may be written anew while somebody looks."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ptypy.core.save_load import read_content
from ptypy.errors import DataError, PtypyError
from ptypy.utils.parameters import Param
from ptypy.web._residuals import frame_residuals
from ptypy.web._result import Layer, describe_storage

__all__ = ["ResultFile"]

Array = npt.NDArray[Any]
LOOKS = 1.0
"""Time between two looks whether the file has been written anew [s]."""


class ResultFile:
    """Reads a ``.ptyr`` file, and reads it again when it has changed.

    Parameters
    ----------
    path : Path

    Raises
    ------
    FormatError
        If it is missing or is not the result of a run.
    """

    is_live = False

    def __init__(self, path: Path) -> None:
        self.path = path
        self.version = 0
        self._seen = self._stamp()
        self._take(read_content(path))
        self._watching: asyncio.Task[None] | None = None
        self._known: tuple[Array, Array] | None = None

    def _stamp(self) -> tuple[int, ...] | None:
        try:
            found = self.path.stat()
        except OSError:
            return None
        return found.st_mtime_ns, found.st_size, found.st_ino

    def _take(self, content: Param) -> None:
        self._content = content
        self.version += 1
        self._known = None

    @property
    def _storages(self) -> list[tuple[str, str, Mapping[str, Any]]]:
        return [
            (kind, str(name), storage)
            for kind in ("obj", "probe")
            for name, storage in self._content[kind].items()
        ]

    def describe(self) -> dict[str, Any]:
        """Say what is in the file."""
        runtime = self._content.get("runtime") or {}
        storages = [
            describe_storage(
                kind, name, _layers(storage["data"]), storage.get("_psize", 1.0),
                storage.get("_energy"),
            )
            for kind, name, storage in self._storages
        ]  # fmt: skip
        return {
            "name": str(runtime.get("run") or self.path.stem), "path": str(self.path),
            "live": False, "state": "file", "storages": storages,
            "started": runtime.get("start"), "stopped": runtime.get("stop"),
            "can_load": self._can_load(),
        }  # fmt: skip

    def forms(self) -> dict[tuple[str, str], tuple[int, ...]]:
        """Give the shapes of all storages."""
        return {
            (kind, name): _layers(storage["data"]).shape for kind, name, storage in self._storages
        }

    def _can_load(self) -> bool:
        pars = self._content.get("pars")
        return isinstance(pars, Mapping) and bool(pars.get("scans"))

    def history(self) -> list[Mapping[str, Any]]:
        """Give the history of the run."""
        runtime = self._content.get("runtime") or {}
        return list(runtime.get("iter_info") or [])

    async def picture(self, layer: Layer) -> Array:
        """Give a layer."""
        return self._data(layer)

    def _data(self, layer: Layer) -> Array:
        return np.asarray(_layers(self._content[layer.kind][layer.storage]["data"])[layer.number])

    def thumb(self, layer: Layer, step: int) -> Array:
        """Give some pixels of a layer."""
        return self._data(layer)[::step, ::step]

    def frames(self) -> tuple[Array, Array]:
        """Give the positions in the file, if it holds any; residuals once frames were loaded."""
        if self._known is not None:
            return self._known
        saved = self._content.get("positions")
        places = list(saved.values()) if isinstance(saved, Mapping) else []
        positions = np.concatenate([np.zeros((0, 2)), *places])
        return positions, np.full(len(positions), np.nan)

    async def command(self, name: str) -> dict[str, Any]:
        """Load the frames, to compare them with the result."""
        if name != "load":
            raise DataError(f"{name!r}: a file can only be looked at")
        loop = asyncio.get_running_loop()
        self._known = await loop.run_in_executor(None, self._compare)
        return {"loaded": len(self._known[1])}

    def _compare(self) -> tuple[Array, Array]:
        """Load the frames of the run, and find the residual of each."""
        from ptypy.core.ptycho import Ptycho

        run = Ptycho.load_run(self.path)
        positions, residuals = [np.zeros((0, 2))], [np.zeros(0)]
        for block in run.model.blocks:
            positions.append(block.object_views.coord.copy())
            residuals.append(frame_residuals(block, np.arange(len(block))))
        return np.concatenate(positions), np.concatenate(residuals)

    def begin(self, tell: Callable[[Mapping[str, Any]], None]) -> None:
        """Look now and then whether the file is another."""
        self._watching = asyncio.get_running_loop().create_task(self._watch(tell))

    def rest(self) -> None:
        """Look no more."""
        if self._watching is not None:
            self._watching.cancel()
            self._watching = None

    def close(self) -> None:
        """End."""

    async def _watch(self, tell: Callable[[Mapping[str, Any]], None]) -> None:
        while True:
            stamp = self._stamp()
            if stamp is not None and stamp != self._seen:
                self._seen = stamp
                try:
                    loop = asyncio.get_running_loop()
                    self._take(await loop.run_in_executor(None, read_content, self.path))
                    tell({"event": "version", "version": self.version, "state": "file"})
                except (PtypyError, OSError) as error:
                    tell({"event": "trouble", "text": f"{error}"})
            await asyncio.sleep(LOOKS)


def _layers(data: Any) -> Array:
    """Give data as layers (n, H, W)."""
    array = np.asarray(data)
    return array.reshape(-1, *array.shape[-2:])
