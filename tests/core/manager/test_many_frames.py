"""A hundred thousand small frames: no Python object is made for each of them."""

from __future__ import annotations

import gc
import sys
from typing import Any

import numpy as np
import pytest

from ptypy.core.data import EOS, Chunk, PtyScan, register
from ptypy.core.ptycho import Ptycho
from ptypy.io import ptyd
from ptypy.utils.parameters import Param

SIZE = 8
PSIZE = 1e-4
SETUP = {"energy": 8.0, "distance": 2.0, "psize": PSIZE}
PIXEL = 1.239841984e-9 / 8.0 * 2.0 / (PSIZE * SIZE)
"""Of the object [m]."""


@register("ScanOfReadyChunks")
class ScanOfReadyChunks(PtyScan):
    """Hands over frames as they are.

    Defaults:

    [name]
    default = ScanOfReadyChunks
    help = Name
    type = str

    [chunks]
    default =
    help = What the test gives
    type = list
    """

    def next_chunk(self, frames: int | None = None) -> Chunk | str:
        return self.info.chunks.pop(0) if self.info.chunks else EOS


def counts_of(number: int) -> Any:
    return np.random.default_rng(1).poisson(9, (number, SIZE, SIZE)).astype(np.float32)


def positions_of(number: int) -> Any:
    """A scan over twenty columns of the object, again and again over the same part of it."""
    k = np.arange(number)
    return np.column_stack([(k // 20) % 20, k % 20]) * 1.3 * PIXEL


def chunk_of(number: int) -> Chunk:
    return Chunk(
        indices=np.arange(number),
        indices_node=np.arange(number),
        positions=positions_of(number),
        data=counts_of(number),
        mask=np.ones((SIZE, SIZE), bool),
        weights=None,
        meta=Param(**SETUP, shape=SIZE, num_frames=number, center=np.array([SIZE // 2] * 2)),
        number=0,
        is_private=True,
    )


def start(data: Param, model: str, engine: str, frames_per_block: int = 100_000) -> Ptycho:
    p = Param(run="many", verbose_level="ERROR", frames_per_block=frames_per_block)
    p.io = Param(autosave=Param(active=False), rfile=None)
    p.scans = Param(s=Param(name=model, data=data))
    p.engines = Param(e=Param(name=engine, numiter=1))
    run = Ptycho(p, level=2)
    started = run.init_engine("e")
    started.initialize()
    started.prepare()
    return run


@pytest.mark.parametrize("engine", ["DM", "EPIE", "ML"])
@pytest.mark.parametrize("model", ["Full", "BlockFull", "Vanilla"])
def test_no_python_object_is_made_for_a_frame(model: str, engine: str) -> None:
    def objects_kept(number: int) -> int:
        data = Param(name="ScanOfReadyChunks", **SETUP, chunks=[chunk_of(number)])
        gc.collect()
        before = sys.getallocatedblocks()
        run = start(data, model, engine)
        gc.collect()
        made = sys.getallocatedblocks() - before
        assert run.num_frames == number
        return made

    objects_kept(1000)  # imports, compiled kernels
    assert objects_kept(5000) - objects_kept(1000) < 400  # a tenth of an object a frame


@pytest.mark.parametrize("model", ["Full", "BlockFull"])
def test_blocks_of_every_size_bring_the_same_frames_to_the_same_places(
    tmp_path: Any, model: str
) -> None:
    path, number = tmp_path / "s.ptyd", 90
    counts, positions = counts_of(number).astype(np.uint16), positions_of(number)
    ptyd.create(path, SETUP, {})
    for k, rows in enumerate(np.array_split(np.arange(number), 4)):
        ptyd.append_chunk(path, k, counts[rows], rows + 7, positions[rows], None)
    data = Param(name="PtydScan", source="file", dfile=str(path))
    found = []
    for size in (1000, 37, 10):
        run = start(data.copy(99), model, "EPIE", size)
        blocks = run.model.blocks
        assert max(len(block) for block in blocks) <= size
        assert np.array_equal(np.concatenate([block.counts for block in blocks]), counts)
        (indices, corners) = (
            np.concatenate([getattr(block, name) for block in blocks])
            for name in ("indices", "corners")
        )
        assert np.array_equal(indices, np.arange(number) + 7)
        found.append(corners - corners.min(axis=0))
    assert np.array_equal(found[0], found[1])
    assert np.array_equal(found[0], found[2])
