"""What an engine can ask of a block of frames, whichever kernels answer."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt

from ptypy.engines._illumination import Illumination
from ptypy.utils import parallel

if TYPE_CHECKING:
    from ptypy.core.classes import Storage
    from ptypy.core.manager import Block

__all__ = [
    "BATCH",
    "Coefficients",
    "Complex",
    "FrameBlock",
    "Illumination",
    "Noise",
    "Real",
    "Rows",
    "Sums",
    "add_up",
    "group_by_object",
    "group_by_probe",
    "group_that_meets",
    "group_that_moves",
    "largest",
]

Complex = npt.NDArray[np.complexfloating[Any, Any]]
Real = npt.NDArray[np.floating[Any]]
Rows = npt.NDArray[np.float64]
Sums = tuple[Complex, Real]
"""Numerator and denominator of what fits the exit waves best."""

BATCH = 256
"""Frames converted at once: enough to keep threads busy, few enough to add no memory."""

Member = TypeVar("Member", bound="FrameBlock")


class Coefficients(NamedTuple):
    """A row of the table of projection algorithms.

    ``psi <- (1 - a - b) psi + a PO + b M(c PO + (1 - c) psi)`` where PO is probe times
    object and M makes the modulus of the far field that of the measurement.
    """

    a: float
    b: float
    c: float


class Noise(NamedTuple):
    """A model of the noise, as `ptypy.accelerate.likelihood_gradient` is told of it."""

    noise: str
    factor: float
    floor: float


class FrameBlock(ABC):
    """Frames that an engine holds at once, with the operations that engines are made of.

    Two kinds exist: `PackedBlock`, on compiled kernels, for frames that are one transform of
    one object under a common probe; `PlainBlock` for everything else that a model may ask for.

    ``between`` says whether frames see the object between its pixels, or at the nearest ones.
    Arrays for an object have the shape (L, Ho, Wo) of its storage, arrays for a probe that of
    `Illumination.waves`; what is summed over object modes or probe modes lacks the first axis.

    Parameters
    ----------
    block : Block
        As the scan model hands it over.
    """

    def __init__(self, block: Block) -> None:
        self.block = block
        num = len(block.counts)
        trusted = np.broadcast_to(block.mask.sum(axis=(-2, -1), dtype=np.float64), (num,))
        self.trusted: Rows = np.maximum(trusted, 1.0)
        """Number of trusted pixels of each frame, at least 1, shape (N,)."""
        self.blind: npt.NDArray[np.bool_] = trusted == 0
        """Frames without a trusted pixel; see `renew_blind_waves`."""
        self.scale: Rows | None = None
        """Factor from the model's to the measured intensity of each frame, shape (N,)."""

    @property
    def num(self) -> int:
        """Number of frames."""
        return len(self.trusted)

    @property
    @abstractmethod
    def meetings(self) -> tuple[tuple[Storage, Illumination], ...]:
        """Objects and the probes that these frames see them in."""

    @property
    def illuminations(self) -> tuple[Illumination, ...]:
        """Probes that meet these frames, each once."""
        return tuple({id(probe): probe for _, probe in self.meetings}.values())

    @property
    def objects(self) -> tuple[Storage, ...]:
        """Objects that these frames see, each once."""
        return tuple({id(obj): obj for obj, _ in self.meetings}.values())

    @abstractmethod
    def corners_on(self, obj: Storage) -> npt.NDArray[np.int64]:
        """Give the upper left pixel of every frame in one of `objects`, shape (N, 2)."""

    @abstractmethod
    def renew_places(self) -> None:
        """Take over coordinates of the frames that somebody changed in the block's views."""

    @abstractmethod
    def begin_waves(self, between: bool, which: npt.NDArray[np.bool_] | None = None) -> None:
        """Set the exit waves to probe times object; of all frames, or of some, (N,) bool."""

    def renew_blind_waves(self, between: bool) -> None:
        """Let the exit waves of frames without a trusted pixel be probe times object, as they are.

        Such a frame tells nothing. Waves of an earlier probe would pull at the object.
        """
        if self.blind.any():
            self.begin_waves(between, self.blind)

    @abstractmethod
    def move_waves(self, shift: tuple[int, int], probes: Sequence[Illumination]) -> None:
        """Move exit waves behind some probes by whole pixels (y, x); nothing if there are none."""

    @abstractmethod
    def project(
        self,
        between: bool,
        coefficients: Coefficients,
        power_bound: float | None,
        sums: Mapping[int, Sums] | None = None,
    ) -> Rows:
        """Move the exit waves; see `ptypy.accelerate.project`.

        With ``sums``, by ``id`` of an object's storage, add to them as `add_object_sums` does
        from the new waves and the present probe.
        """

    @abstractmethod
    def add_object_sums(self, obj: Storage, sums: Sums, between: bool) -> None:
        """Add conj(P) psi and |P|^2 of every frame at its place in the object.

        Between pixels that is a step of steepest descent, no longer than it may be, on top of
        |P|^2 times the present object.
        """

    @abstractmethod
    def add_probe_sums(self, illumination: Illumination, sums: Sums, between: bool) -> None:
        """Add conj(O) psi and |O|^2 of every frame."""

    @abstractmethod
    def compare(self, between: bool) -> Rows:
        """Compare model and measurement.

        Returns
        -------
        (N, 3) float64
            Sums over the trusted pixels of each frame: (abs(model) - sqrt(I))^2,
            (model - I)^2 / (I + 1), I.
        """

    @abstractmethod
    def compare_at(self, coord: Rows, between: bool) -> Rows:
        """Compare model and measurement, as `compare` does, were the frames elsewhere.

        Parameters
        ----------
        coord : (N, 2) float64
            Where the centre of the probe falls on the object [m], (y, x).
        """

    @abstractmethod
    def add_gradient(
        self,
        between: bool,
        noise: Noise,
        of_object: Mapping[int, Complex],
        of_probe: Mapping[int, Complex],
        errors: Rows,
    ) -> Rows:
        """Add gradients, by ``id`` of storage and illumination; give the misfit of each frame.

        See `ptypy.accelerate.likelihood_gradient`. ``errors`` (N, 2) gets the sums of
        (sqrt(model) - sqrt(I))^2 and of I. If frames have a factor, `scale`, it is renewed.
        """

    @abstractmethod
    def expand(
        self,
        between: bool,
        noise: Noise,
        of_object: Mapping[int, Complex],
        of_probe: Mapping[int, Complex],
        order: int,
    ) -> Rows:
        """Expand the misfit along a direction; see `ptypy.accelerate.line_coefficients`."""


def group_by_object(blocks: Iterable[Member]) -> list[tuple[Storage, list[Member]]]:
    """Gather the blocks that look at the same object."""
    groups: dict[int, tuple[Storage, list[Member]]] = {}
    for block in blocks:
        for storage in block.objects:
            groups.setdefault(id(storage), (storage, []))[1].append(block)
    return list(groups.values())


def group_by_probe(blocks: Iterable[Member]) -> list[tuple[Illumination, list[Member]]]:
    """Gather the blocks that share a probe."""
    groups: dict[int, tuple[Illumination, list[Member]]] = {}
    for block in blocks:
        for illumination in block.illuminations:
            groups.setdefault(id(illumination), (illumination, []))[1].append(block)
    return list(groups.values())


def group_that_meets(
    blocks: Iterable[FrameBlock],
) -> list[tuple[list[Illumination], list[Storage]]]:
    """Gather the probes and objects that frames tie together.

    One meets another, or the same block sees both.
    """
    return [(probes, objects) for probes, objects, _ in _groups(blocks, by_block=True)]


def group_that_moves(
    blocks: Iterable[FrameBlock],
) -> list[tuple[list[Illumination], list[Storage]]]:
    """Gather the probes and objects that can only be moved together, one meeting another.

    Those that frames in the near field see are left out: they cannot be moved at all.
    """
    groups = _groups(blocks, by_block=False)
    return [(probes, objects) for probes, objects, can_move in groups if can_move]


def _groups(
    blocks: Iterable[FrameBlock], *, by_block: bool
) -> list[tuple[list[Illumination], list[Storage], bool]]:
    """Gather probes and objects that meet, or that a block holds; and whether they can move."""
    groups: list[tuple[list[Illumination], list[Storage], bool]] = []
    for block in blocks:
        far = block.block.geometry.is_farfield
        ties = [([probe], [obj]) for obj, probe in block.meetings]
        if by_block:
            ties = [(list(block.illuminations), list(block.objects))]
        for probes, objects in ties:
            met = [
                group
                for group in groups
                if any(probe in group[0] for probe in probes)
                or any(_holds(group[1], obj) for obj in objects)
            ]
            all_probes = [probe for group in met for probe in group[0]] + probes
            all_objects = [obj for group in met for obj in group[1]] + objects
            groups = [group for group in groups if group not in met]
            groups.append(
                (
                    list({id(probe): probe for probe in all_probes}.values()),
                    list({id(obj): obj for obj in all_objects}.values()),
                    far and all(group[2] for group in met),
                )
            )
    return groups


def _holds(storages: Iterable[Storage], wanted: Storage) -> bool:
    """Say whether it is that very storage that is among others."""
    return any(storage is wanted for storage in storages)


def add_up(*arrays: npt.NDArray[np.generic]) -> None:
    """Sum arrays over all processes, in place."""
    if parallel.size > 1:
        for array in arrays:
            parallel.allreduce(array)


def largest(value: float) -> float:
    """Find the largest of a number over all processes."""
    if parallel.size == 1:
        return value
    values = np.zeros(parallel.size)
    values[parallel.rank] = value
    parallel.allreduce(values)
    return float(values.max())
