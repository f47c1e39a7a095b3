"""Prepared scans: the ``.ptyd`` file. docs/reference/ptyd-format.md describes it.

PtyPy 0.9 reads what is written here, and its files, and files written by hand, are read here.
"""

from ptypy.io.ptyd._aside import tidy_up
from ptypy.io.ptyd._chunk import NewChunk, Place, new_chunk, pack_frames, write_frames
from ptypy.io.ptyd._counts import may_shrink, range_of, smallest_type
from ptypy.io.ptyd._filters import measure_packed
from ptypy.io.ptyd._form import ChunkForm, checked
from ptypy.io.ptyd._merge import merge_chunks
from ptypy.io.ptyd._read import Block, PtydReader
from ptypy.io.ptyd._survey import ChunkInfo
from ptypy.io.ptyd._validate import validate
from ptypy.io.ptyd._write import append_chunk, create, finish, write_info, write_meta

__all__ = [
    "Block",
    "ChunkForm",
    "ChunkInfo",
    "NewChunk",
    "Place",
    "PtydReader",
    "append_chunk",
    "checked",
    "create",
    "finish",
    "may_shrink",
    "measure_packed",
    "merge_chunks",
    "new_chunk",
    "pack_frames",
    "range_of",
    "smallest_type",
    "tidy_up",
    "validate",
    "write_frames",
    "write_info",
    "write_meta",
]
