"""Samples so thick that light spreads inside them: `ThreePIE`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ptypy.engines._blocks import Rows, group_that_moves
from ptypy.engines._constraints import find_shift_to_center, move
from ptypy.engines._packed_block import Complex, PackedBlock, is_simple
from ptypy.engines._passage import Passage, Place, Steps
from ptypy.engines._pool import PackedPool, Pool, Scene
from ptypy.engines._registry import register
from ptypy.engines._slices import Slices
from ptypy.engines.base import Errors
from ptypy.engines.stochastic import EPIE
from ptypy.errors import Fault, ParameterError
from ptypy.utils import parallel

if TYPE_CHECKING:
    from ptypy.core.manager import Block

Corners = npt.NDArray[np.int64]


@register()
class ThreePIE(EPIE):
    """The extended ptychographical iterative engine for thick samples, slice by slice.

    Maiden, Humphry & Rodenburg, J. Opt. Soc. Am. A 29 (2012) 1606. The sample is a stack of thin
    slices with free space between. Every iteration visits each frame once, as `EPIE` does:
    light goes through all slices, and what is missing on the detector comes back through them.

    The object of the run is the product of the slices, which light along the axis sees; the
    slices themselves are `slices`. The first slice begins as the object, all others empty. Near
    and far fields, and several modes of the probe, are treated. It runs on one process.

    Defaults:

    [number_of_slices]
    default = 2
    type = int
    lowlim = 1
    help = How many slices the sample is made of; 1 is EPIE

    [slice_thickness]
    default = 1e-6
    type = float, list, tuple
    help = Distance from each slice to the next [m], one for all or a list of number_of_slices - 1
    doc = Slices can be told apart where they are farther from each other than the depth of field,
      which is about wavelength / (largest scattering angle)^2.

    [slice_start_iteration]
    default = 0
    type = int, list, tuple
    help = Iterations before slices after the first are updated
    doc = One number for all, or a list of number_of_slices - 1, or of number_of_slices to let the
      first wait, too.

    [fslices]
    default = slices.h5
    type = str, None
    help = File for the slices at the end, relative to io.home; None writes none
    doc = HDF5, with ``slices/<ID of the object>/data`` of shape (slices, Ho, Wo) and
      ``slice_thickness``. The file appears whole or not at all.

    [name]
    default = ThreePIE
    type = str
    help = Name of the engine
    """

    CITATION = (
        "A. M. Maiden, M. J. Humphry and J. M. Rodenburg, J. Opt. Soc. Am. A 29 (2012) 1606 (3PIE)"
    )

    def __init__(self, ptycho_parent: Any, pars: Mapping[str, Any] | None = None) -> None:
        super().__init__(ptycho_parent, pars)
        self.stacks: dict[str, Slices] = {}
        """Slices of every object, by the ID of its storage."""

    @classmethod
    def list_unsupported(cls, pars: Mapping[str, Any]) -> list[Fault]:
        """Refuse several processes, and lists that do not fit the number of slices."""
        faults = super().list_unsupported(pars)
        told = {fault.path for fault in faults}
        if parallel.size > 1:
            remedy = (
                f"takes one frame after the other and runs on one process, not on {parallel.size}: "
                "start the script without mpiexec"
            )
            faults.append(Fault("name", repr(str(pars.get("name", cls.__name__))), remedy))
        if pars.get("position_refinement") and "position_refinement" not in told:
            remedy = "is not there for slices: leave it out, or set it to False"
            faults.append(Fault("position_refinement", "True", remedy))
        count = pars.get("number_of_slices", cls.DEFAULT["number_of_slices"])
        thickness = pars.get("slice_thickness", cls.DEFAULT["slice_thickness"])
        start = pars.get("slice_start_iteration", cls.DEFAULT["slice_start_iteration"])
        if isinstance(count, int) and count >= 1:
            faults += _check_numbers("slice_thickness", thickness, {count - 1}, positive=True)
            lengths = {count - 1, count}
            faults += _check_numbers("slice_start_iteration", start, lengths, positive=False)
        return faults

    @property
    def slices(self) -> Complex:
        """Slices of the object, (number_of_slices, Ho, Wo) complex64, in the order of the light.

        Of the first object, if scans have several; `stacks` has all. They stay after the last
        iteration.
        """
        if not self.stacks:
            raise ParameterError(f"{self.name} has no slices before it is prepared")
        stack = next(iter(self.stacks.values()))
        return stack.data

    @property
    def distances(self) -> list[float]:
        """Distance from each slice to the next [m]."""
        return [float(n) for n in _spread(self.p.slice_thickness, self.p.number_of_slices - 1)]

    def engine_initialize(self) -> None:
        """Start without frames."""
        super().engine_initialize()
        self._passages: dict[int, Passage] = {}

    def take(self, block: Block) -> PackedBlock:
        """Pack one block in the order of the passage."""
        from ptypy.accelerate import Transform

        if not is_simple(block):
            raise ParameterError(
                f"scan {block.label}: {self.name} reconstructs one object mode of one energy in "
                "slices, in single precision, with the built-in transforms, at the resolution of "
                "the detector, with probes that all frames share: choose the model Full or "
                "BlockFull without more of `coherence`, and leave `data_type`, `ffttype` and "
                "`resample` out"
            )
        geometry = block.geometry if block.geometry.is_plain else None
        illumination = self._find_illumination(block.probe, geometry, block)
        key = id(illumination)
        if key not in self._passages:
            modes = len(illumination.waves)
            self._passages[key] = Passage(block.geometry, modes, self.distances)
        transform = Transform((block.counts.shape[-2], block.counts.shape[-1]))
        measured = self._passages[key].pack(block.counts, block.mask)
        return PackedBlock(block, transform, illumination, self.KIND, measured)

    def engine_prepare(self) -> None:
        """Take in new frames; the slices grow with the object."""
        super().engine_prepare()
        for storage in {id(b.block.obj): b.block.obj for b in self.blocks}.values():
            known = self.stacks.get(storage.ID)
            if known is not None and known.storage is storage:
                known.take_over()
            else:
                self.stacks[storage.ID] = Slices(storage, int(self.p.number_of_slices))

    def engine_state(self) -> dict[str, Any]:
        """Give the slices, and what the length of the next steps depends on."""
        slices = {ID: stack.describe() for ID, stack in self.stacks.items()}
        return {**super().engine_state(), "slices": slices}

    def engine_restore(self, state: Mapping[str, Any]) -> None:
        """Go on with those slices and steps."""
        super().engine_restore(state)
        for ID, saved in state["slices"].items():
            if ID in self.stacks:
                self.stacks[ID].restore(saved["data"], saved["_center"])

    def engine_files(self) -> dict[str, Mapping[str, Any]]:
        """Give the slices, if a file is wanted."""
        if self.p.fslices is None:
            return {}
        slices = {ID: stack.describe() for ID, stack in self.stacks.items()}
        return {str(self.p.fslices): {"slices": slices, "slice_thickness": self.distances}}

    def center_probes(self, tolerance: float | None) -> None:
        """Move probes that have drifted back to the centre, and all slices along.

        A probe moved with the phase of the geometry is tilted a little; by as much as it moved,
        times the share of a slice's thickness in the distance of the detector, it would arrive
        elsewhere in the next slice: by nothing. Probes that meet the same object move together;
        in the near field nothing moves, see `BlockEngine.center_probes`.
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
                self.stacks[storage.ID].move(shift)

    def model_errors(self) -> Rows:
        """Compare model and measurement of every frame; see `BlockEngine.model_errors`."""
        errors = []
        for block in self.blocks:
            assert isinstance(block, PackedBlock)  # noqa: S101 - `take` makes no other
            stack = self.stacks[block.block.obj.ID].data
            passage = self._passages[id(block.illumination)]
            phase = block.illumination.pre_phase.conj()
            probe = np.asarray(block.probe * phase, np.complex64)
            places = block.places(self.looks_between)
            errors += [
                passage.compare(stack, _place(*places, j), probe, block.measured[j])
                for j in range(block.num)
            ]
        return np.asarray(errors) if errors else np.empty((0, 3))

    def visit(
        self, pool: Pool, rows: Corners, scene: Scene | None = None, **options: Any
    ) -> Errors:
        """Visit frames one after the other, and make the product of the slices the object."""
        del options
        assert isinstance(pool, PackedPool)  # noqa: S101 - `take` makes no other blocks
        first, (_, places) = pool.blocks[0], scene or pool.look(self.looks_between)
        stack = self.stacks[first.block.obj.ID]
        passage = self._passages[id(first.illumination)]
        phase = first.illumination.pre_phase
        errors = np.full((pool.num, 3), np.nan)
        for stretch in self._stretches(pool, rows, scene):
            steps = self._steps(stack.data)
            probe = np.asarray(first.probe * phase.conj(), np.complex64)
            for j in stretch:
                errors[j, ::2] = passage.visit(
                    stack.data, _place(*places, j), probe, pool.measured[j], steps
                )
            if self.probe_moves:
                np.multiply(probe, phase, out=first.probe)
                self.confine_probe(first.illumination)
        stack.multiply()
        return errors

    def _steps(self, slices: Complex) -> Steps:
        """Say how far slices and probe go in this iteration."""
        count = int(self.p.number_of_slices)
        starts = _spread(self.p.slice_start_iteration, count - 1)
        starts = [*[0] * (count - len(starts)), *starts]
        step = self.damping * float(self.p.alpha)
        peak = None
        if self.p.object_norm_is_global:
            peak = float((slices[0].real ** 2 + slices[0].imag ** 2).max())
        return Steps(
            [step if self.curiter >= start else 0.0 for start in starts],
            self.damping * float(self.p.beta) if self.probe_moves else 0.0,
            peak,
        )


def _place(corners: Corners, shifts: Rows | None, j: int) -> Place:
    """Give corner and part of a pixel of one frame."""
    down, right = (0.0, 0.0) if shifts is None else (float(n) for n in shifts[j])
    return int(corners[j, 0]), int(corners[j, 1]), down, right


def _spread(value: float | Sequence[float], count: int) -> list[float]:
    """Give a list, of one number for all or as it is."""
    return list(value) if isinstance(value, Sequence) else [value] * count


def _check_numbers(name: str, value: Any, lengths: set[int], *, positive: bool) -> list[Fault]:
    """Find a list that has another length, or numbers that make no sense."""
    given = list(value) if isinstance(value, list | tuple | np.ndarray) else None
    if given is not None and len(given) not in lengths:
        wanted = " or ".join(str(n) for n in sorted(lengths))
        remedy = f"has {len(given)} entries: give one number, or a list of {wanted} for the slices"
        return [Fault(name, repr(value), remedy)]
    wrong = [
        n
        for n in ([value] if given is None else given)
        if not isinstance(n, int | float | np.number)
        or not np.isfinite(n)
        or (n <= 0 if positive else n < 0)
    ]
    if wrong:
        kind = "positive [m]" if positive else "at least 0"
        return [Fault(name, repr(value), f"holds {wrong[0]!r}: numbers must be {kind}")]
    return []
