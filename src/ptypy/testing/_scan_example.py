"""A small scan to judge a loader by, and what comes out of it."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ptypy.core.data import EOS, WAIT, PtyScan
from ptypy.utils.parameters import Param
from ptypy.utils.verbose import logger

__all__ = [
    "WHOLE",
    "Delivered",
    "ScanExample",
    "agree",
    "build",
    "by_numpy",
    "deliver",
    "first_difference",
    "loud_messages",
    "next_package",
    "require",
    "same_mask",
    "same_positions",
    "same_scan",
]

Array = npt.NDArray[Any]

WHOLE: Mapping[str, Any] = {
    "shape": None, "center": "fftshift", "auto_center": False, "orientation": None, "rebin": None,
    "save": None,
}  # fmt: skip
"""Parameters with which prepared frames are the raw ones."""

PATIENCE = 10.0
"""How long a scan may answer WAIT [s]."""

MANY = 10**6
"""More frames than any example has."""


@dataclass(frozen=True, slots=True, eq=False)
class ScanExample:
    """A loader, parameters that make it read a small scan, and what should come out.

    Three frames of 8 x 8 px are enough; ten of 16 x 20 px show more. Rows and columns of
    different number, a frame number in the counts and a bad pixel off the middle tell mistakes
    apart.
    """

    loader: type[PtyScan]
    """The class."""
    parameters: Mapping[str, Any]
    """What a user would give it."""
    frames: Array | None = None
    """Counts (N, H, W) that the loader is to give, after the corrections it makes, or None."""
    positions: Array | None = None
    """Positions (N, 2), (y, x) [m], or None."""
    mask: Array | None = None
    """True where a pixel may be trusted: (H, W) or (N, H, W), or None."""
    geometry: Mapping[str, Any] = field(default_factory=dict)
    """Any of energy [keV], distance [m], psize [m] that the loader finds in its files."""
    files: Sequence[str | Path] = ()
    """Files without which the scan is not whole. Each is taken away, and cut short, in turn."""


@dataclass(frozen=True, slots=True, eq=False)
class Delivered:
    """All that one scan gave, on one process."""

    frames: Array
    """(N, h, w)."""
    mask: npt.NDArray[np.bool_]
    """(N, h, w)."""
    positions: npt.NDArray[np.float64]
    """(N, 2) [m]."""
    indices: list[int]
    """Scan points, in the order they came."""
    meta: Param
    """What `common` of the last package said."""


def require(holds: Any, text: str) -> None:
    """Fail a test, in words, unless something holds."""
    if not holds:
        raise AssertionError(text)


def build(example: ScanExample, **changed: Any) -> PtyScan:
    """Make a scan of the example, some of its parameters changed."""
    parameters = Param()
    parameters.update(example.parameters)
    parameters.update(changed)
    return example.loader(parameters)


def next_package(scan: PtyScan, frames: int = MANY) -> Any:
    """Ask for the next package; a scan that answers WAIT is asked again for a while."""
    give_up = time.monotonic() + PATIENCE
    while isinstance(package := scan.auto(frames), str) and package == WAIT:
        require(
            time.monotonic() < give_up,
            f"the scan has answered WAIT for {PATIENCE:g} s: an example must be a scan that ends",
        )
        time.sleep(0.02)
    return package


def deliver(scan: PtyScan, frames: int = MANY) -> Delivered:
    """Ask for packages of ``frames`` frames until the scan ends."""
    data, masks, positions, indices = [], [], [], []
    meta = Param()
    while not isinstance(package := next_package(scan, frames), str):
        for entry in package["iterable"]:
            data.append(np.asarray(entry["data"]))
            masks.append(np.asarray(entry["mask"]))
            positions.append(entry["position"])
            indices.append(int(entry["index"]))
        meta = package["common"]
    require(package == EOS, f"auto() answered {package!r}, neither a package, nor WAIT, nor EOS")
    require(data, "the scan gave no frame at all")
    return Delivered(
        np.stack(data), np.stack(masks), np.array(positions, np.float64), indices, meta
    )


def agree(found: Array, expected: Array, trusted: Array, what: str) -> None:
    """See that two stacks (N, h, w) are the same where they are trusted."""
    require(
        found.shape == expected.shape, f"{what}: shape {found.shape} instead of {expected.shape}"
    )
    exact = found.dtype.kind in "bui" and expected.dtype.kind in "bui"
    largest = np.abs(np.where(trusted, expected, 0).astype(np.float64)).max(initial=0.0)
    allowed = 0.0 if exact else 1e-5 * float(largest)
    difference = np.abs(found.astype(np.float64) - expected.astype(np.float64))
    wrong = trusted & ~(difference <= allowed)
    if wrong.any():
        place = tuple(int(n) for n in np.argwhere(wrong)[0])
        raise AssertionError(
            f"{what}: {int(wrong.sum())} of {wrong.size} pixels differ, the first is pixel "
            f"{place[-2:]} of frame {place[0]}: {found[place]} instead of {expected[place]}"
        )


def same_mask(found: Array, true: Array) -> None:
    """See that masks (N, h, w) are those that an example names, (h, w) or (N, h, w)."""
    if true.shape not in (found.shape, found.shape[1:]):
        exchanged = true.shape[-2:] == found.shape[:-3:-1]
        hint = ": rows and columns are exchanged" if exchanged else ""
        raise AssertionError(f"masks {found.shape} instead of {true.shape}{hint}")
    mask = np.broadcast_to(true, found.shape)
    wrong = int((mask != found).sum())
    hint = ""
    if np.array_equal(mask, ~found):
        hint = " (it is inverted)"
    elif found.shape[-1] == found.shape[-2] and np.array_equal(mask, found.swapaxes(-2, -1)):
        hint = " (rows and columns are exchanged)"
    require(wrong == 0, f"the mask is wrong for {wrong} pixels{hint}")


def same_positions(found: Array, true: Array) -> None:
    """See that positions (N, 2) [m] are those that an example names; say how they differ."""
    slack = 1e-6 * float(np.ptp(true)) + 1e-15

    def agrees(positions: Array) -> bool:
        same = positions.shape == true.shape
        return same and bool(np.allclose(positions, true, atol=slack, rtol=0))

    if agrees(found):
        return
    if found.shape != true.shape:
        raise AssertionError(f"positions {found.shape} instead of {true.shape}")
    mirrored = {"y": (-1, 1), "x": (1, -1), "y and x": (-1, -1)}
    reasons = [f" ({axes} reversed)" for axes, sign in mirrored.items() if agrees(found * sign)]
    if agrees(found[:, ::-1]):
        reasons = [" (y and x are exchanged)"]
    worst = int(np.abs(found - true).max(axis=1).argmax())
    raise AssertionError(
        f"positions differ from the true ones{reasons[0] if reasons else ''}: that of frame "
        f"{worst} is {found[worst].tolist()} instead of {true[worst].tolist()} m"
    )


def same_scan(found: Delivered, expected: Delivered, what: str) -> None:
    """See that two scans gave the same."""
    require(
        found.indices == expected.indices,
        f"{what}: scan points {found.indices} instead of {expected.indices}",
    )
    same = np.array_equal(found.mask, expected.mask)
    require(same, f"{what}: the masks differ")
    agree(found.frames, expected.frames, expected.mask, what)
    np.testing.assert_allclose(
        found.positions, expected.positions, rtol=1e-9, atol=1e-15, err_msg=f"{what}: positions"
    )
    for key in ("shape", "center", "psize", "energy", "distance"):
        np.testing.assert_allclose(
            np.asarray(found.meta[key], np.float64),
            np.asarray(expected.meta[key], np.float64),
            err_msg=f"{what}: common.{key}",
        )


def by_numpy(
    frames: Array,
    mask: Array,
    start: Sequence[int],
    shape: Sequence[int],
    *,
    turn: int,
    rebin: int,
) -> tuple[Array, Array]:
    """Cut, turn and bin frames and masks (N, H, W) in the plainest way."""
    top, left = start
    rows, columns = shape
    prepared = []
    for stack in (frames, mask):
        cut = stack[:, top : top + rows, left : left + columns]
        cut = cut.transpose(0, 2, 1) if turn & 4 else cut
        cut = cut[:, ::-1] if turn & 2 else cut
        cut = cut[:, :, ::-1] if turn & 1 else cut
        count, height, width = cut.shape
        prepared.append(cut.reshape(count, height // rebin, rebin, width // rebin, rebin))
    return prepared[0].sum(axis=(2, 4)), np.asarray(prepared[1].all(axis=(2, 4)))


def first_difference(one: Any, other: Any, path: str = "") -> str | None:
    """Name the first entry in which two trees differ; None if there is none."""
    if isinstance(one, dict) and isinstance(other, dict):
        for key in [*one, *(key for key in other if key not in one)]:
            here = f"{path}.{key}" if path else str(key)
            if key not in one or key not in other:
                return here
            if (below := first_difference(one[key], other[key], here)) is not None:
                return below
        return None
    same = type(one) is type(other) and np.array_equal(np.asarray(one), np.asarray(other))
    return None if same else path


@contextmanager
def loud_messages() -> Iterator[list[str]]:
    """Collect what is said at a level that everybody sees."""
    said: list[str] = []

    class _Listener(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            said.append(record.getMessage())

    listener = _Listener(logging.ERROR)
    level = logger.level
    logger.addHandler(listener)
    logger.setLevel(min(level or logging.ERROR, logging.ERROR))
    try:
        yield said
    finally:
        logger.removeHandler(listener)
        logger.setLevel(level)
