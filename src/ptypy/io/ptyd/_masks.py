"""Whether a chunk needs weights of its own, or the mask that all chunks share."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import numpy.typing as npt

from ptypy.io._direct import names_in
from ptypy.io._encode import encode_tree
from ptypy.io._nodes import write_node
from ptypy.io.ptyd._amend import Draft, amended
from ptypy.io.ptyd._arrays import GZIP, write_array
from ptypy.io.ptyd._entries import COMMON_KEY, common_mask, entry, resolve_link
from ptypy.io.ptyd._form import ChunkForm
from ptypy.io.ptyd._open import reading

__all__ = ["weights_to_store"]


def weights_to_store(draft: Draft, form: ChunkForm) -> npt.NDArray[Any]:
    """Choose between an empty array, with the mask stored once, and weights for every frame.

    All chunks of a file are of one kind: PtyPy 0.9 asks the first frame of a package whether
    there are weights, and takes the answer for all its frames.

    Parameters
    ----------
    draft : Draft
        With a fresh group ``chunks``.
    form : ChunkForm
        The chunk that is to be added.
    """
    common = common_mask(draft.before)
    present = sorted(
        (name for name in names_in(draft.before["chunks"]) if name.isdecimal()), key=int
    )
    if not present and form.weights is not None and form.weights.ndim == 2:
        common = _set_common_mask(draft, form.weights)
    spelled_out = bool(present) and _has_weights(draft, present[0])
    if not spelled_out:
        if form.weights is None or (common is not None and _same(form.weights, common)):
            return np.zeros(0, dtype=bool)
        # The first one last: it tells whether all have been spelled out.
        for name in reversed(present):
            if not _has_weights(draft, name):
                _spell_out(draft, name, common)
    if form.weights is not None:
        mask = form.weights
    else:
        mask = np.ones(form.shape[1:], dtype=bool) if common is None else common
    return np.broadcast_to(mask, form.shape)


def _same(weights: npt.NDArray[Any], common: npt.NDArray[Any]) -> bool:
    return weights.dtype == common.dtype and np.array_equal(weights, common)


def _set_common_mask(draft: Draft, mask: npt.NDArray[Any]) -> npt.NDArray[Any]:
    if "meta" in draft.before:
        meta = draft.fresh("meta")
        meta.pop(COMMON_KEY, None)
    else:
        meta = draft.root.create_group("meta")
        meta.attrs["type"] = "dict"
    write_node(meta, COMMON_KEY, encode_tree({"mask": mask})["mask"])
    return mask


def _part_of(draft: Draft, name: str) -> tuple[Path, list[str]] | None:
    """Give the file that a chunk is in, and the way to it; None if it is in the file itself."""
    link = draft.before["chunks"].get(name, getlink=True)
    if not isinstance(link, h5py.ExternalLink):
        return None
    return resolve_link(draft.path, link), [step for step in link.path.split("/") if step]


def _has_weights(draft: Draft, name: str) -> bool:
    part = _part_of(draft, name)
    if part is None:
        return entry(draft.before["chunks"][name], "weights") is not None
    with reading(part[0]) as file:
        return entry(file["/".join(part[1]) or "/"], "weights") is not None


def _spell_out(draft: Draft, name: str, common: npt.NDArray[Any] | None) -> None:
    """Give an earlier chunk the weights it stood for, frame by frame."""
    part = _part_of(draft, name)
    if part is None:
        _replace_weights(draft, ["chunks", name], common)
        return
    with amended(part[0]) as inner:
        for depth in range(1, len(part[1])):
            inner.fresh(*part[1][:depth])
        _replace_weights(inner, part[1], common)


def _replace_weights(draft: Draft, steps: list[str], common: npt.NDArray[Any] | None) -> None:
    group = draft.fresh(*steps) if steps else draft.root
    shape = group["data"].shape
    mask = np.ones(shape[1:], dtype=bool) if common is None else common
    group.pop("weights", None)
    write_array(group, "weights", np.broadcast_to(mask, shape), GZIP)
