"""What engines that work on packed blocks of frames have in common."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
import numpy.typing as npt

from ptypy.engines._blocks import (
    FrameBlock,
    Illumination,
    Rows,
    add_up,
    group_that_moves,
)
from ptypy.engines._constraints import find_shift_to_center, move
from ptypy.engines._packed_block import PackedBlock, is_simple
from ptypy.engines._plain_block import PlainBlock
from ptypy.engines._position_refinement import PositionCorrectionEngine
from ptypy.engines._position_search import PositionSearch
from ptypy.errors import Fault, ParameterError
from ptypy.utils.parameters import Param

if TYPE_CHECKING:
    from ptypy.core.classes import Storage
    from ptypy.core.geometry import Geo
    from ptypy.core.manager import Block
    from ptypy.core.ptycho import Ptycho


class BlockEngine(PositionCorrectionEngine):
    """An engine that sweeps over blocks of frames, with compiled kernels wherever they reach.

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

    def __init__(self, ptycho_parent: Ptycho, pars: Mapping[str, Any] | None = None) -> None:
        super().__init__(ptycho_parent, pars)
        self._support_was_asked = "probe_support" in (pars or {})

    def used_parameters(self) -> Param:
        """Give the parameters; a support that did not act, as nobody asked for it, is None."""
        used = super().used_parameters()
        blocks = self.ptycho.model.blocks
        if blocks and not self._support_was_asked and not any(map(_has_dark_rim, blocks)):
            used.probe_support = None
        return used

    def engine_initialize(self) -> None:
        """Start without frames."""
        self.blocks: list[FrameBlock] = []
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
            self._search.make_room(self.ptycho.model)
        blocks = [(id(block), len(block.counts), block) for block in self.ptycho.model.blocks]
        new = [
            (number, count, block)
            for number, count, block in blocks
            if (number, count) not in self._known
        ]
        missing = sum(count for _, count, _ in new)
        for number, count, block in new:
            self._known.add((number, count))
            missing -= count
            self.keep(self.take(block), missing)

    def engine_finalize(self) -> None:
        """Let go of what was packed."""
        if self._search is not None:
            self._search.report(self.blocks)
        self.engine_initialize()

    def keep(self, block: FrameBlock, missing: int) -> None:
        """Add a packed block to the others; so many frames will follow at once."""
        del missing
        self.blocks.append(block)

    def take(self, block: Block) -> FrameBlock:
        """Pack one block; engines that keep more for a block add it here."""
        phased = all(colour.geometry.is_plain for colour in block.colours)
        illuminations = [
            self._find_illumination(colour.probe, colour.geometry if phased else None, block)
            for colour in block.colours
        ]
        if not is_simple(block):
            return PlainBlock(block, illuminations, self.KIND)
        from ptypy.accelerate import Transform

        shape = (block.counts.shape[-2], block.counts.shape[-1])
        transfer = getattr(block.geometry.propagator, "transfer", None)
        return PackedBlock(block, Transform(shape, transfer), illuminations[0], self.KIND)

    def _find_illumination(
        self, probe: Storage, geometry: Geo | None, block: Block
    ) -> Illumination:
        """Give a probe in the kernels' form; blocks that share it share it here."""
        key = id(probe)
        phase = None if geometry is None else geometry.exact_pre_phase
        if key not in self._illuminations:
            rows = block.probe_rows
            modes = None if rows is None else rows.shape[1]
            self._illuminations[key] = Illumination(probe, phase, modes)
            self._illuminations[key].fills_frame = not _has_dark_rim(block)
        known = self._illuminations[key]
        same = known.is_phased == (phase is not None)
        if not same or (phase is not None and not np.allclose(known.pre_phase, phase)):
            raise ParameterError(
                f"probe {probe.ID}: scans that share a probe must share their geometry, their "
                "`ffttype` and their energies, for the probe carries one phase for all of them"
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
        illumination.confine(illumination.waves, *self.areas_of(illumination))

    def areas_of(self, illumination: Illumination) -> tuple[float | None, float | None]:
        """Say what shares of the frame a probe may light, in the sample and in its far field.

        A near field lights the whole frame: there the first acts only if it was asked for.
        """
        area = self.p.probe_support
        if illumination.fills_frame and not self._support_was_asked:
            area = None
        return area, self.p.probe_fourier_support

    def center_probes(self, tolerance: float | None) -> None:
        """Move probes that have drifted back to the centre, and everything else along.

        A probe, the object and the exit waves moved together give the same far fields: nothing
        in the data holds them in place. That is exact for a probe times the phase of the
        geometry; the physical probe gains the faint ramp that keeps the frames in place.
        Probes that meet the same object move together. In the near field the detector sees
        where the beam is: there nothing moves.
        """
        if tolerance is None:
            return
        for illuminations, objects in group_that_moves(self.blocks):
            shift = find_shift_to_center([known.waves for known in illuminations], tolerance)
            if shift is None:
                continue
            for illumination in illuminations:
                move(illumination.waves, shift)
                illumination.store()
            for storage in objects:
                move(storage.data, shift, fill=storage.fill_value)
            for block in self.blocks:
                block.move_waves(shift, illuminations)

    def model_errors(self) -> Rows:
        """Compare model and measurement of every frame.

        Returns
        -------
        (N, 3) float64
            Sums over the trusted pixels: (abs(model) - sqrt(I))^2, (model - I)^2 / (I + 1), I.
        """
        rows = [block.compare(self.looks_between) for block in self.blocks]
        return np.concatenate(rows) if rows else np.empty((0, 3))

    def refine_positions(self) -> None:
        """Move frames to better positions, in the iterations in which that is asked for.

        To be called once an iteration, before `curiter` is raised; see `PositionSearch.refine`.
        """
        search, iteration = self._search, self.curiter
        amplitude = None if search is None else search.amplitude(iteration, self.numiter)
        if search is None or amplitude is None or not self.blocks:
            return
        moved = search.refine(
            self.blocks, iteration=iteration, amplitude=amplitude, between=self.looks_between
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


def _has_dark_rim(block: Block) -> bool:
    """Say whether the light of a block leaves the rim of the frame dark: that of a far field."""
    return block.geometry.is_farfield


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
