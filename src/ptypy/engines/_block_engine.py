"""What engines that work on packed blocks of frames have in common."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
import numpy.typing as npt

from ptypy.engines._blocks import (
    BATCH,
    Illumination,
    PackedBlock,
    Real,
    Rows,
    add_up,
    group_by_probe,
    pack,
)
from ptypy.engines._constraints import find_shift_to_center, move
from ptypy.engines._position_refinement import PositionCorrectionEngine
from ptypy.engines._position_search import PositionSearch
from ptypy.errors import Fault, ParameterError

if TYPE_CHECKING:
    from ptypy.core.manager import Block


class BlockEngine(PositionCorrectionEngine):
    """An engine that sweeps over packed blocks of frames with compiled kernels.

    Defaults:

    [subpix]
    default = linear
    type = str
    choices = ['fourier', 'linear', None]
    help = How frames see the object between its pixels
    doc = ``'linear'`` interpolates, ``None`` moves every frame to the nearest pixel; ``'fourier'``
      is not there yet.
    userlevel = 2

    [subpix_start]
    default = 0
    type = int
    lowlim = 0
    help = Iterations before the first that looks between pixels
    userlevel = 2
    """

    KIND: ClassVar[Literal["amplitude", "counts"]] = "amplitude"
    """What the frames are packed as."""

    @classmethod
    def list_unsupported(cls, pars: Mapping[str, Any]) -> list[Fault]:
        """Refuse what the kernels do not calculate."""
        faults = super().list_unsupported(pars)
        if pars.get("subpix") == "fourier":
            faults.append(Fault("subpix", "'fourier'", "is not there yet: use 'linear' or None"))
        return faults

    @property
    def looks_between(self) -> bool:
        """Whether frames see the object between its pixels in this iteration."""
        return self.p.subpix is not None and self.curiter >= self.p.subpix_start

    def engine_initialize(self) -> None:
        """Start without frames."""
        self.blocks: list[PackedBlock] = []
        self._illuminations: dict[int, Illumination] = {}
        self._known: set[tuple[int, int]] = set()
        pars = self.refinement
        self._search = None if pars is None else PositionSearch(pars, self.label)

    def frames_in_order(self) -> list[Block]:
        """Give the blocks in the order in which they were packed."""
        return [block.block for block in self.blocks]

    def engine_prepare(self) -> None:
        """Pack the blocks that are new."""
        if self._search is not None:
            self.ptycho.record_positions = True
            self._search.make_room(self.ptycho.model.blocks)
        for block in self.ptycho.model.blocks:
            key = (id(block), len(block.counts))
            if key not in self._known:
                self._known.add(key)
                self.blocks.append(self.take(block))

    def engine_finalize(self) -> None:
        """Let go of what was packed."""
        if self._search is not None:
            self._search.report(self.blocks)
        self.engine_initialize()

    def take(self, block: Block) -> PackedBlock:
        """Pack one block; engines that keep more for a block add it here."""
        from ptypy.accelerate import Transform

        shape = (block.counts.shape[-2], block.counts.shape[-1])
        illumination = self._find_illumination(block)
        return pack(block, Transform(shape), illumination, kind=self.KIND)

    def _find_illumination(self, block: Block) -> Illumination:
        """Give the probe of a block in the kernels' form; blocks that share it share it here."""
        key = id(block.probe)
        pre_phase = block.geometry.pre_phase
        if key not in self._illuminations:
            self._illuminations[key] = Illumination(block.probe, pre_phase)
        known = self._illuminations[key]
        if known.pre_phase.shape != pre_phase.shape or not np.allclose(known.pre_phase, pre_phase):
            raise ParameterError(
                f"scan {block.label}: scans that share a probe must share their geometry"
            )
        return known

    def load_probes(self) -> None:
        """Take the probes from their storages; others may have changed them."""
        for illumination in self._illuminations.values():
            illumination.load()

    def store_probes(self) -> None:
        """Give the probes back, physical."""
        for illumination in self._illuminations.values():
            illumination.store()

    def confine_probe(self, illumination: Illumination) -> None:
        """Impose the supports that the parameters ask for."""
        illumination.confine(illumination.waves, self.p.probe_support, self.p.probe_fourier_support)

    def center_probes(self, tolerance: float | None) -> None:
        """Move probes that have drifted back to the centre, and everything else along.

        A probe, the object and the exit waves moved together give the same frames: nothing
        in the data holds them in place. That is exact for a probe times the phase of the
        geometry; the physical probe gains the faint ramp that keeps the frames in place.
        """
        if tolerance is None:
            return
        for illumination, blocks in group_by_probe(self.blocks):
            shift = find_shift_to_center(illumination.waves, tolerance)
            if shift is None:
                continue
            move(illumination.waves, shift)
            illumination.store()
            for storage in {id(b.block.obj): b.block.obj for b in blocks}.values():
                move(storage.data, shift, fill=storage.fill_value)
            for block in blocks:
                _move_waves(block, shift)

    def model_errors(self) -> Rows:
        """Compare model and measurement of every frame.

        Returns
        -------
        (N, 3) float64
            Sums over the trusted pixels: (abs(model) - sqrt(I))^2, (model - I)^2 / (I + 1), I.
        """
        from ptypy.accelerate import model_error

        rows = []
        for block in self.blocks:
            corners, shifts = block.places(self.looks_between)
            rows += [
                model_error(
                    block.transform,
                    block.probe,
                    block.obj,
                    corners[part],
                    amplitude,
                    shifts=None if shifts is None else shifts[part],
                )
                for part, amplitude in self._amplitudes(block)
            ]
        if not rows:
            return np.empty((0, 3))
        errors = np.concatenate(rows)
        if self.blocks[0].scale is not None:
            scales = np.concatenate([block.scale for block in self.blocks])
            errors[:, 0] *= scales
            errors[:, 2] *= scales
        return errors

    def _amplitudes(self, block: PackedBlock) -> Iterator[tuple[slice, Real]]:
        """Give the packed amplitudes of a block, all at once or in parts.

        Where the model of a frame is to be scaled, the measurement is scaled the other way.
        """
        if self.KIND == "amplitude":
            yield slice(None), block.measured
            return
        buffer = np.empty_like(block.measured[:BATCH])
        for start in range(0, block.num, BATCH):
            part = slice(start, min(start + BATCH, block.num))
            counts = block.measured[part]
            amplitude = buffer[: len(counts)]
            np.sqrt(np.abs(counts, out=amplitude), out=amplitude)
            if block.scale is not None:
                factor = 1.0 / np.sqrt(block.scale[part])
                amplitude *= factor.reshape(-1, *[1] * (counts.ndim - 1)).astype(np.float32)
            np.copysign(amplitude, counts, out=amplitude)
            yield part, amplitude

    def refine_positions(self) -> None:
        """Move frames to better positions, in the iterations in which that is asked for.

        To be called once an iteration, before `curiter` is raised; see `PositionSearch.refine`.
        """
        search, iteration = self._search, self.curiter
        amplitude = None if search is None else search.amplitude(iteration, self.numiter)
        if search is None or amplitude is None or not self.blocks:
            return
        between = self.looks_between
        moved = search.refine(
            self.blocks, self._amplitudes, iteration=iteration, amplitude=amplitude, between=between
        )
        if search.records:
            search.note(self.blocks, iteration, self.ptycho.runtime)
        self.positions_moved(moved)

    def positions_moved(self, moved: list[npt.NDArray[np.bool_]]) -> None:
        """Look again at what depends on where frames lie. Override me.

        Parameters
        ----------
        moved : list of (N,) bool
            For each block, whether a better position was found for a frame.
        """

    def judge(self, errors: Rows) -> None:
        """Set `residual`, and the column of `errors` that speaks of photons, from the model."""
        measured = self.model_errors()
        trusted = np.concatenate([block.trusted for block in self.blocks])
        errors[:, 1] = measured[:, 1] / trusted
        self.residual = residual(measured)


def residual(measured: Rows) -> float:
    """Compare the amplitudes of all frames of all processes, relative to the measured ones.

    Parameters
    ----------
    measured : (N, 3) float64
        As `BlockEngine.model_errors` gives it.

    Returns
    -------
    float
        sqrt(sum (abs(model) - sqrt(I))^2 / sum I); photon noise alone gives about
        sqrt(1/4 / mean counts a pixel).
    """
    sums = measured.sum(axis=0)
    add_up(sums)
    return float(np.sqrt(sums[0] / sums[2])) if sums[2] > 0 else float("nan")


def _move_waves(block: PackedBlock, shift: tuple[int, int]) -> None:
    """Move the exit waves of a block, some frames at a time."""
    if block.waves is None:
        return
    for start in range(0, block.num, BATCH):
        part = slice(start, start + BATCH)
        waves = block.transform.unpack_waves(block.waves[part])
        move(waves, shift)
        block.waves[part] = block.transform.pack_waves(waves)
