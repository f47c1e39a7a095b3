"""Orthogonal probe relaxation: `DMOPR` and `MLOPR`.

Odstrcil, Baksh, Boden, Card, Chad, Frey & Brocklesby, Optics Express 24 (2016) 8360. Every frame
has a probe of its own, but all of them are mixtures of a few: a beam that wanders or changes its
shape is described by a few modes and by each frame's shares of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ptypy.core.manager import BlockOPRModel, OPRModel
from ptypy.engines._block_engine import BlockEngine
from ptypy.engines._blocks import Complex, Illumination
from ptypy.engines._registry import register
from ptypy.engines._subspace import Subspace
from ptypy.engines.ML import ML, CurvedDescent, Unknowns
from ptypy.engines.projectional import DM
from ptypy.errors import Fault

_PAPER = "M. Odstrcil et al., Opt. Express 24 (2016) 8360 (orthogonal probe relaxation)"


class RelaxationEngine(BlockEngine):
    """Probes of single frames that lie in one space of few dimensions.

    Defaults:

    [subspace_dim]
    default = 1
    type = int
    lowlim = 1
    help = Number of orthogonal modes that the probes of all frames are mixtures of
    doc = For each of the modes that do not interfere (``coherence.num_probe_modes``) on its own.
      With 1, probes of frames differ by a factor.
    userlevel = 0

    [subspace_start]
    default = 0
    type = int
    lowlim = 0
    help = Iterations before the first in which that is asked of the probes
    doc = Before, the probe of every frame is free.
    """

    SUPPORTED_MODELS = [OPRModel, BlockOPRModel]  # noqa: RUF012  (scripts may add a model)

    @property
    def is_confining(self) -> bool:
        """Whether probes are to lie in a space of few dimensions in this iteration."""
        return bool(self.curiter >= self.p.subspace_start)

    def engine_prepare(self) -> None:
        """Let probes of frames that have arrived begin as the mean of those that were known."""
        for illumination in self._illuminations.values():
            known = len(illumination.waves) // (illumination.modes or 1)
            if not known:
                continue
            for probes in self.matrices(illumination, illumination.storage.data):
                probes[known:] = probes[:known].mean(axis=0)
        super().engine_prepare()

    @staticmethod
    def matrices(illumination: Illumination, layers: Complex) -> Iterator[Complex]:
        """Give, for each mode of a frame, a matrix with a row a frame and a column a pixel.

        Parameters
        ----------
        illumination : Illumination
        layers : (frames * modes, H, W) complex
            Its waves, or an array that belongs to them.

        Yields
        ------
        (frames, H * W) complex
            A view.
        """
        modes = illumination.modes or 1
        each = layers.reshape(-1, modes, layers.shape[-2] * layers.shape[-1])
        for mode in range(modes):
            yield each[:, mode]


@register()
class DMOPR(RelaxationEngine, DM):
    """The difference map with orthogonal probe relaxation.

    As `DM`, for a probe of its own for each frame. After each of their updates the probes are
    replaced by their parts within the space of the strongest `subspace_dim` orthogonal modes.

    Defaults:

    [name]
    default = DMOPR
    type = str
    help = Name of the engine

    [IP_metric]
    default = 1.0
    type = float
    lowlim = 0.0
    uplim = 1.0
    help = How much the power of a frame's probe counts where the strongest modes are sought
    doc = Frame j enters the inner products times its norm to the power of IP_metric - 1. 1: the
      probes as they are, so that bright frames count more. 0: as if all had the same power.
    userlevel = 2
    """

    CITATION = _PAPER

    @classmethod
    def list_unsupported(cls, pars: Mapping[str, Any]) -> list[Fault]:
        """Refuse a metric that is none, beside what `DM` refuses."""
        faults = super().list_unsupported(pars)
        metric = pars.get("IP_metric")
        if isinstance(metric, int | float) and not 0.0 <= metric <= 1.0:
            remedy = "is to be between 0 (frames count alike) and 1 (frames count by their power)"
            faults.append(Fault("IP_metric", repr(metric), remedy))
        return faults

    def confine_probe(self, illumination: Illumination) -> None:
        """Impose the supports, and the number of dimensions."""
        super().confine_probe(illumination)
        if not self.is_confining:
            return
        for probes in self.matrices(illumination, illumination.waves):
            Subspace(probes, self.p.subspace_dim, self.p.IP_metric).impose(probes)


@register()
class MLOPR(RelaxationEngine, ML):
    """Maximum likelihood with orthogonal probe relaxation.

    As `ML`, for a probe of its own for each frame; the unknowns are all probes within spaces of
    `subspace_dim` dimensions. The gradient is projected onto changes that leave the number of
    dimensions as it is, to the first order, and after each step the probes are replaced by their
    parts within the space of their strongest modes. The cost is judged after that: it never rises.

    Defaults:

    [name]
    default = MLOPR
    type = str
    help = Name of the engine
    """

    CITATION = _PAPER
    DESCENT = CurvedDescent

    def engine_initialize(self) -> None:
        """Start without frames, and without spaces for their probes."""
        super().engine_initialize()
        self._subspaces: list[list[Subspace]] = []

    @property
    def turning_points(self) -> tuple[int, ...]:
        """Iterations in which the cost, or the set of probes, becomes another one."""
        return *super().turning_points, int(self.p.subspace_start)

    def _begin(self) -> None:
        """Begin with probes within spaces of few dimensions; these are seen from outside, too."""
        super()._begin()
        self.store_probes()

    def return_to_surface(self) -> None:
        """Replace probes by their parts within the space of their strongest modes."""
        self._subspaces = []
        if not self.is_confining:
            return
        for illumination in self._probes:
            spaces = []
            for probes in self.matrices(illumination, illumination.waves):
                spaces.append(Subspace(probes, self.p.subspace_dim))
                spaces[-1].impose(probes)
            self._subspaces.append(spaces)

    def flatten(self, vector: Unknowns) -> None:
        """Keep changes of probes that leave the number of dimensions as it is."""
        for spaces, illumination, layers in self._each_space(vector):
            for space, changes in zip(spaces, self.matrices(illumination, layers), strict=True):
                space.flatten(changes)

    def evaluate(self, gradient: Unknowns) -> float:
        """Calculate the cost, and its gradient among probes within spaces of few dimensions."""
        cost = super().evaluate(gradient)
        for spaces, illumination, layers in self._each_space(gradient):
            if any(space.lacking for space in spaces):
                within = layers.copy()
                illumination.confine(within, *self.areas_of(illumination))
                for space, changes in zip(spaces, self.matrices(illumination, within), strict=True):
                    space.complete(changes)
        self.flatten(gradient)
        return cost

    def precondition(self, gradient: Unknowns, out: Unknowns) -> None:
        """Do what `ML` does between two projections, so that the matrix is symmetric.

        The first projection is that of `evaluate`.
        """
        super().precondition(gradient, out)
        self.flatten(out)

    def _each_space(
        self, vector: Unknowns
    ) -> Iterator[tuple[list[Subspace], Illumination, Complex]]:
        """Go through the probes that are confined, with a vector's part for each."""
        if self._subspaces:
            yield from zip(self._subspaces, self._probes, vector.probes, strict=True)
