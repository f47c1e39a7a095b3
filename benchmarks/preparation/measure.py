"""One process of `compare_preparation.py`: it measures everything with one number of threads.

It reads a plan, JSON, from standard input and writes what it measured to the file that the plan
names. ``PTYPY_NUM_THREADS`` is set before it starts.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from our_side import Memory, collect, deliver, open_scan, save_and_forget
from raw_files import FRAMES, RawFile
from straightforward import (
    Recipe,
    Straightforward,
    prepare_file,
    read_like_ptypy,
    save_plainly,
    write_like_ptypy,
)

from ptypy.core.data import PtydScan, PtyScan

sys.path.insert(0, str(Path(__file__).parents[1]))

from quiet import take_turns

Work = Callable[[], object]


def recipe_for(region: str, size: int, rebin: int) -> Recipe:
    """Give the recipe of a task: the full frame, or a region of a quarter of its width."""
    middle = (size / 2, size / 2)
    shape = None if region == "full" else (size // 4, size // 4)
    return Recipe(shape=shape, center=middle, rebin=rebin)


class Task:
    """One file, prepared in one way, by both sides."""

    def __init__(self, raw: RawFile, region: str, corrects: bool, plan: dict[str, Any]) -> None:
        self.raw, self.region, self.corrects, self.plan = raw, region, corrects, plan
        self.recipe = recipe_for(region, raw.size, plan["rebin"])
        self.block = min(plan["blocks"][str(raw.size)], raw.frames)
        self.home = raw.path.parent
        with h5py.File(raw.fields) as file:
            self.fields = {name: file[name][()] for name in ("dark", "flat", "mask")}
            self.positions = np.stack([file["y"][()], file["x"][()]], axis=1)

    def steps(self, *, careful: bool) -> Straightforward:
        used = ("dark", "flat", "mask") if self.corrects else ("mask",)
        given = {name: self.fields[name] for name in used}
        size = self.raw.size
        return Straightforward((size, size), self.recipe, **given, careful=careful)

    def scan(self, **more: Any) -> PtyScan:
        return open_scan(self.raw, self.recipe, corrects=self.corrects, **more)

    def plainly(self, *, careful: bool) -> Work:
        """Prepare with NumPy, into one block of memory that is used again and again."""
        first = self.steps(careful=careful)
        out = np.zeros((self.block, *first.shape), first.dtype(np.dtype(np.uint16)))

        def work() -> None:
            steps = self.steps(careful=careful)
            prepare_file(self.raw.path, FRAMES, steps, statistics=self.plan["statistics"], out=out)

        return work

    def save(self, mode: str) -> None:
        path = self.home / f"{mode}.ptyd"
        way = {"save": "append", "compression": mode} if mode == "bitshuffle" else {"save": mode}
        save_and_forget(path, self.scan(**way, dfile=str(path)), self.block)

    def h5py(self, blocks: list[np.ndarray], *, sync: bool) -> None:
        path = self.home / "plain.h5"
        path.unlink(missing_ok=True)
        save_plainly(path, blocks, self.positions, sync=sync)

    def see_that_sides_agree(self) -> list[np.ndarray]:
        """Compare results; give our blocks."""
        blocks, mask = collect(self.scan(), self.block)
        mine, where = np.concatenate(blocks), f"{self.raw.path}, {self.region}"
        for careful in (False, True):
            theirs = prepare_file(self.raw.path, FRAMES, self.steps(careful=careful))
            tolerance = 1e-5 if self.corrects else 0
            np.testing.assert_allclose(mine, theirs.data, rtol=tolerance, err_msg=where)
            np.testing.assert_array_equal(mask, theirs.mask, err_msg=where)
        if self.raw.layout != "npy":
            old, _ = collect(self.scan(old_style=True), self.block)
            np.testing.assert_array_equal(mine, np.concatenate(old), err_msg=where)
        return blocks

    def works(self, blocks: list[np.ndarray]) -> dict[str, Work]:
        works: dict[str, Work] = {"straightforward": self.plainly(careful=False)}
        works["careful"] = self.plainly(careful=True)
        works["ours"] = lambda: deliver(self.scan(), self.block)
        if self.raw.layout != "npy":
            works["old style"] = lambda: deliver(self.scan(old_style=True), self.block)
        if self.plan["saves"]:
            works |= {mode: partial(self.save, mode) for mode in self.plan["saves"]}
            works["h5py"] = partial(self.h5py, blocks, sync=False)
            works["h5py, synchronised"] = partial(self.h5py, blocks, sync=True)
        source, target = (np.ones(self.raw.nbytes, np.uint8) for _ in range(2))
        works["copy"] = partial(np.copyto, target, source)
        return works

    def measure(self) -> dict[str, Any]:
        blocks = self.see_that_sides_agree()
        timings = take_turns(
            self.works(blocks), clean=self.plan["clean"], budget=self.plan["budget"]
        )
        for made in ("*.ptyd*", "plain.h5"):
            for path in self.home.glob(made):
                path.unlink()
        return {
            "layout": self.raw.layout, "size": self.raw.size, "frames": self.raw.frames,
            "block": self.block, "region": self.region, "rebin": self.plan["rebin"],
            "corrected": self.corrects, "raw_bytes": self.raw.nbytes,
            "stored_bytes": self.raw.stored, "prepared_bytes": sum(b.nbytes for b in blocks),
            "timings": {name: timing._asdict() for name, timing in timings.items()},
        }  # fmt: skip


def measure_ptyd(plan: dict[str, Any]) -> dict[str, Any]:
    """Read prepared frames: what we write by default, and the layout of PtyPy 0.9."""
    count, size = plan["prepared"]["frames"], plan["prepared"]["size"]
    per_chunk = max(count // 10, 1)
    count = per_chunk * 10
    rng = np.random.default_rng(0)
    y, x = np.indices((size, size)) - size // 2
    mean = 2e3 / (1 + (np.hypot(y, x) / (size / 20)) ** 3)
    frames = rng.poisson(mean, (count, size, size)).astype(np.uint16)
    places, mask = rng.random((count, 2)) * 1e-6, np.ones((size, size), bool)
    home = Path(plan["folder"])
    ours, packed, theirs = (home / f"{name}.ptyd" for name in ("ours", "packed", "theirs"))
    for path, way in ((ours, None), (packed, "bitshuffle")):
        asked = {"save": "append", "dfile": str(path), "compression": way}
        save_and_forget(path, Memory(frames, places, **asked), per_chunk)
    # Binned frames of PtyPy 0.9 are means, float64.
    blocks = list(frames.astype(np.float64).reshape(10, per_chunk, size, size))
    write_like_ptypy(theirs, blocks, places, mask)
    target = np.zeros((per_chunk, size, size), np.float32)

    def read(path: Path) -> None:
        scan = PtydScan(dfile=str(path))
        while (package := scan.auto(per_chunk)) != scan.EOS:
            # A file that is mapped is read when somebody looks: as the models do, into float32.
            for row, entry in zip(target, package["iterable"], strict=True):
                np.copyto(row, entry["data"])

    def read_theirs_one_by_one() -> None:
        found = read_like_ptypy(theirs, range(per_chunk), per_chunk)
        for row, frame in zip(target, found["data"].values(), strict=True):
            np.copyto(row, frame)

    for path in (ours, packed, theirs):
        found, _ = collect(PtydScan(dfile=str(path)), per_chunk)
        np.testing.assert_array_equal(np.concatenate(found), frames)
    works: dict[str, Work] = {
        "ours": partial(read, ours), "ours, packed": partial(read, packed),
        "theirs": partial(read, theirs),
        "theirs, one by one": read_theirs_one_by_one,
    }  # fmt: skip
    timings = take_turns(works, clean=plan["clean"], budget=plan["budget"])
    counts = {**dict.fromkeys(works, count), "theirs, one by one": per_chunk}
    return {
        "frames": count, "size": size, "raw_bytes": frames.nbytes,
        "ours_bytes": ours.stat().st_size, "packed_bytes": packed.stat().st_size,
        "theirs_bytes": theirs.stat().st_size,
        "timings": {n: t._asdict() | {"frames": counts[n]} for n, t in timings.items()},
    }  # fmt: skip


def main() -> None:
    plan = json.load(sys.stdin)
    lines = []
    for made in plan["files"]:
        paths = {name: Path(made[name]) for name in ("path", "fields")}
        raw = RawFile(**{**made, **paths})
        for region in plan["regions"]:
            for corrects in plan["corrected"]:
                if plan["is_talkative"]:
                    print(f"... {raw.layout} {raw.size} {region} {corrects}", file=sys.stderr)
                lines.append(Task(raw, region, corrects, plan).measure())
    found = {"lines": lines, "prepared": measure_ptyd(plan) if plan["prepared"] else None}
    Path(plan["result"]).write_text(json.dumps(found))


if __name__ == "__main__":
    main()
