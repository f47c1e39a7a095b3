"""Prepared scans: the ``.ptyd`` file. docs/reference/ptyd-format.md describes it.

PtyPy 0.9 reads what is written here, and its files, and files written by hand, are read here.
"""

from ptypy.io.ptyd._merge import merge_chunks
from ptypy.io.ptyd._read import Block, PtydReader
from ptypy.io.ptyd._survey import ChunkInfo, validate
from ptypy.io.ptyd._write import append_chunk, check_chunk, create, write_info, write_meta

__all__ = [
    "Block",
    "ChunkInfo",
    "PtydReader",
    "append_chunk",
    "check_chunk",
    "create",
    "merge_chunks",
    "validate",
    "write_info",
    "write_meta",
]
