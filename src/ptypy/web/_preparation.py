"""What the page of the preparation asks, and the answers."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from math import gcd
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ptypy.errors import DataError, PtypyError
from ptypy.web._frames import LARGEST_REBIN, Frames, Settings, read_settings
from ptypy.web._open import Named, find_scans
from ptypy.web._pictures import code_real, read_part, reduce
from ptypy.web._sample import Sample
from ptypy.web._save import save_settings
from ptypy.web._server import Answer, Client

__all__ = ["Preparation"]

NEWS = 0.5
"""Time between two pieces of news about the sample [s]."""
PREVIEW = 500
"""Edge of the prepared frame as it is shown, at least [px]."""
TILE = 56
"""Least edge of the small pictures of orientations [px]."""


class Preparation:
    """A scan whose region, centre, orientation, rebinning and mask are chosen.

    All reading happens in one thread, one thing after the other; while the sample is taken,
    questions come in between its frames.

    Parameters
    ----------
    path : path
        A config, a ``.ptyd`` file, or an HDF5 file of frames.
    """

    page = "preparation.html"

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self._scans = find_scans(self.path)
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="ptypy-view-frames")
        self._frames: Frames | None = None
        self._sample: Sample | None = None
        self._mask: npt.NDArray[np.bool_] | None = None
        self._owns_mask = False
        self._sampling: asyncio.Task[None] | None = None
        self._clients: list[Client] = []

    def look(self) -> None:
        """Open the first scan; its errors are better told before a browser opens."""
        self._worker.submit(self._open, self._scans[0]).result()

    def enter(self, client: Client) -> None:
        """Begin with the sample when somebody looks."""
        self._clients.append(client)
        self._go_on()

    def leave(self, client: Client) -> None:
        """Stop with it when nobody does."""
        if client in self._clients:
            self._clients.remove(client)
        if not self._clients:
            self._cancel()

    def close(self) -> None:
        """End."""
        self._cancel()
        self._worker.shutdown(wait=True, cancel_futures=True)

    async def answer(self, client: Client, asked: dict[str, Any], payload: bytes) -> Answer:
        """Answer a question of the page."""
        del client
        what = str(asked.get("ask"))
        if what == "sampling":
            return self._steer_sampling(bool(asked["on"]))
        if what == "scan":
            self._cancel()
        work = getattr(self, f"_answer_{what}", None)
        if work is None:
            raise DataError(f"{what!r} cannot be asked")
        answer: Answer = await self._in_thread(work, asked, payload)
        if what == "scan":
            self._go_on()
        return answer

    async def _in_thread(self, work: Any, *arguments: Any) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self._worker, work, *arguments)

    def _open(self, named: Named) -> None:
        frames = Frames(named)
        self._frames, self._sample = frames, Sample(frames)
        self._mask = frames.trusted.copy()
        self._owns_mask = False

    @property
    def _opened(self) -> tuple[Frames, Sample, npt.NDArray[np.bool_]]:
        if self._frames is None or self._sample is None or self._mask is None:
            raise DataError(f"{self.path}: is not open")
        return self._frames, self._sample, self._mask

    def _steer_sampling(self, on: bool) -> Answer:
        if on:
            self._go_on()
        else:
            self._cancel()
        return {"sampling": on}, b""

    def _go_on(self) -> None:
        if self._sampling is None or self._sampling.done():
            self._sampling = asyncio.get_running_loop().create_task(self._take_sample())

    def _cancel(self) -> None:
        if self._sampling is not None and not self._sampling.done():
            self._sampling.get_loop().call_soon_threadsafe(self._sampling.cancel)
        self._sampling = None

    async def _take_sample(self) -> None:
        """Look at frame after frame, and tell now and then how far it is."""
        loop = asyncio.get_running_loop()
        told = 0.0
        goes_on = True
        while goes_on:
            try:
                goes_on = await self._in_thread(self._step)
            except (PtypyError, OSError) as error:
                self._tell({"event": "sample", "error": str(error)})
                return
            if loop.time() - told > NEWS or not goes_on:
                told = loop.time()
                self._tell({"event": "sample", **self._progress()})

    def _step(self) -> bool:
        return self._opened[1].step()

    def _progress(self) -> dict[str, Any]:
        sample = self._opened[1]
        return {"done": sample.done, "of": len(sample.numbers)}

    def _tell(self, news: Mapping[str, Any]) -> None:
        for client in list(self._clients):
            client.tell(news)

    def _answer_scan(self, asked: dict[str, Any], _: bytes) -> Answer:
        """Open another scan of the file; without a name, tell of the one that is open."""
        wanted = asked.get("label")
        if wanted is not None and wanted != self._opened[0].named.label:
            named = next((n for n in self._scans if n.label == wanted), None)
            if named is None:
                raise DataError(f"{self.path}: there is no scan {wanted!r}")
            self._open(named)
        frames = self._opened[0]
        positions = frames.positions
        head = {
            "path": str(self.path),
            "scans": [named.label for named in self._scans],
            "label": frames.named.label,
            "loader": frames.loader.__name__,
            "shape": frames.shape,
            "count": frames.count,
            "settings": frames.first_settings().describe(),
            "finds_center": frames.must_find_center,
            "positions": 0 if positions is None else len(positions),
            "branch": frames.named.branch,
            "takes_mask": frames.takes_mask,
            "notes": frames.notes,
            **self._progress(),
        }
        found = np.zeros((0, 2)) if positions is None else positions
        return head, np.ascontiguousarray(found, dtype="<f8").tobytes()

    def _answer_image(self, asked: dict[str, Any], _: bytes) -> Answer:
        """Give a part of the mean, the maximum or a frame."""
        frames, sample = self._opened[:2]
        part = read_part(asked.get("part"), frames.shape)
        values, trusted = self._picture(asked["of"])
        cut = part.slices
        seen = trusted[cut]
        how: Any = "mean" if asked["of"] == "mean" else "max"
        small = reduce(np.where(seen, values[cut], 0), part.step, how)
        valid = reduce(seen, part.step, "max")
        head, numbers = code_real(small, valid, gain=self._gain(asked["of"]))
        head |= {"part": part.describe(), "done": sample.done, "of": asked["of"]}
        if isinstance(asked["of"], int):
            head["photons"] = float(values.sum(where=trusted, dtype=np.float64))
        return head, numbers

    def _picture(self, of: Any) -> tuple[Any, npt.NDArray[np.bool_]]:
        frames, sample = self._opened[:2]
        if of in ("mean", "maximum"):
            if not sample.done:
                sample.step()
            return getattr(sample, of), sample.trusted
        if type(of) is not int:
            raise DataError(
                f"picture of {of!r}: ask for 'mean', 'maximum' or the number of a frame"
            )
        return frames.read(of)

    def _gain(self, of: Any) -> float:
        """Give the factor that makes one photon of a picture 1."""
        return float(len(self._opened[1].numbers)) if of == "mean" else 1.0

    def _answer_totals(self, _: dict[str, Any], __: bytes) -> Answer:
        """Give the counts of the frames of the sample."""
        totals = self._opened[1].totals
        numbers = sorted(totals)
        return {"numbers": numbers, "totals": [totals[k] for k in numbers]}, b""

    def _answer_mask(self, _: dict[str, Any], __: bytes) -> Answer:
        """Give the mask as it is, 8 pixels to a byte."""
        mask = self._opened[2]
        return {"shape": mask.shape, "untrusted": int((~mask).sum())}, np.packbits(mask).tobytes()

    def _answer_draw(self, asked: dict[str, Any], payload: bytes) -> Answer:
        """Take over a part of the mask as it was drawn."""
        mask = self._opened[2]
        top, left, height, width = (int(n) for n in asked["part"])
        where = mask[top : top + height, left : left + width]
        if where.shape != (height, width) or min(top, left) < 0 or not where.size:
            raise DataError(f"part {asked['part']!r} of a mask of {mask.shape} px")
        drawn = np.unpackbits(np.frombuffer(payload, np.uint8), count=where.size)
        where[...] = drawn.reshape(where.shape).astype(bool)
        return {"untrusted": int((~mask).sum())}, b""

    def _answer_hot(self, asked: dict[str, Any], _: bytes) -> Answer:
        """Find trusted pixels that count more than a number."""
        frames, mask = self._opened[0], self._opened[2]
        values, seen = self._picture(asked["of"])
        hot = (values > float(asked["above"])) & seen & mask
        return {"count": int(hot.sum()), "shape": frames.shape}, np.packbits(hot).tobytes()

    def _answer_center(self, _: dict[str, Any], __: bytes) -> Answer:
        """Find the optical axis from the mean, as a run would."""
        frames, sample, mask = self._opened
        if not sample.done:
            sample.step()
        return {"center": frames.find_center(sample.mean, mask & sample.trusted)}, b""

    def _answer_preview(self, asked: dict[str, Any], _: bytes) -> Answer:
        """Prepare a frame, the mean or the maximum with the settings of the page."""
        frames, mask = self._opened[0], self._opened[2]
        settings = read_settings(asked["settings"])
        values, trusted = self._picture(asked["of"])
        prepared = frames.prepare(values, mask & trusted, settings)
        step = max(1, max(prepared.counts.shape) // PREVIEW)
        small = reduce(np.where(prepared.mask, prepared.counts, 0), step, "max")
        head, numbers = code_real(
            small, reduce(prepared.mask, step, "max"), gain=self._gain(asked["of"])
        )
        head |= {
            "center": prepared.center, "notes": prepared.notes, "step": step,
            "whole": prepared.counts.shape, "untrusted": int((~prepared.mask).sum()),
        }  # fmt: skip
        return head, numbers

    def _answer_orientations(self, asked: dict[str, Any], _: bytes) -> Answer:
        """Prepare a frame in all eight orientations, binned to small pictures."""
        frames, mask = self._opened[0], self._opened[2]
        settings = read_settings(asked["settings"])
        values, trusted = self._picture(asked["of"])
        rebin = _tile_rebin(settings.shape)
        heads, tiles = [], []
        for turn in range(8):
            asked_for = Settings(settings.shape, settings.center, turn, rebin)
            prepared = frames.prepare(values, mask & trusted, asked_for)
            head, numbers = code_real(prepared.counts, prepared.mask, gain=self._gain(asked["of"]))
            heads.append(head)
            tiles.append(numbers)
        return {"tiles": heads}, b"".join(tiles)

    def _answer_save(self, asked: dict[str, Any], _: bytes) -> Answer:
        """Write the settings into the config, and the mask beside it."""
        frames, mask = self._opened[0], self._opened[2]
        settings = read_settings(asked["settings"])
        values, trusted = self._picture(0)
        # What does not fit is refused before anything is written.
        frames.prepare(values, mask & trusted, settings)
        # Once a mask has been written the config names it, even if it is the scan's own again.
        self._owns_mask |= bool((mask != frames.trusted).any())
        saved = save_settings(self.path, frames, settings, mask if self._owns_mask else None)
        return saved, b""


def _tile_rebin(shape: tuple[int, int]) -> int:
    """Choose a rebinning for small pictures: the largest that leaves as many pixels as needed."""
    common = gcd(*shape)
    fitting = [
        n
        for n in range(1, LARGEST_REBIN + 1)
        if common % n == 0 and (n == 1 or min(shape) // n >= TILE)
    ]
    return max(fitting)
