"""Preconditioned conjugate gradients with an analytic step that never climbs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from ptypy.engines.ML._unknowns import Unknowns

HALVINGS = 8
"""How often a step that raised the cost is halved before it is taken back."""

ROUNDING = 1e-6
"""Relative rise of the cost that single precision explains."""


class Problem(Protocol):
    """What is minimised."""

    def unknowns(self) -> Unknowns:
        """Give the arrays that are changed, as they are now."""

    def evaluate(self, gradient: Unknowns) -> float:
        """Calculate the cost and write its gradient; dL = 2 <gradient, d>."""

    def precondition(self, gradient: Unknowns, out: Unknowns) -> None:
        """Write what to go along instead of the gradient: a positive matrix times it."""

    def expand(self, direction: Unknowns) -> tuple[float, float, float]:
        """Expand the cost along a direction up to the second order."""


class ConjugateGradients:
    """Directions of Polak and Ribière, restarted where they would not lead downhill.

    Nocedal & Wright, Numerical Optimization (2006), section 5.2; the analytic step is that
    of Thibault & Guizar-Sicairos, New Journal of Physics 14 (2012) 063004, section 2.4.
    """

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        like = problem.unknowns()
        self._gradient, self._earlier = like.like(), like.like()
        self._downhill, self._direction = like.like(), like.like()
        self._steepness: float | None = None
        self._length = 1.0
        self.cost = problem.evaluate(self._gradient)
        """Cost at the present point."""

    def step(self) -> bool:
        """Go one step.

        Returns
        -------
        bool
            The cost fell; False at the bottom, as deep as the precision reaches.
        """
        self._turn()
        unknowns = self.problem.unknowns()
        length = self._choose_length()
        if not length:
            return False
        self._gradient, self._earlier = self._earlier, self._gradient
        unknowns.add(length, self._direction)
        cost = self.problem.evaluate(self._gradient)
        for _ in range(HALVINGS):
            if cost <= self.cost * (1.0 + ROUNDING):
                self.cost, self._length = cost, length
                return True
            length /= 2.0
            unknowns.add(-length, self._direction)
            cost = self.problem.evaluate(self._gradient)
        unknowns.add(-length, self._direction)
        self.cost = self.problem.evaluate(self._gradient)
        self._steepness = None
        return False

    def remember(self) -> dict[str, Any]:
        """Give what makes the next direction conjugate to the latest, to be saved."""
        return {
            "earlier": self._earlier.as_lists(),
            "direction": self._direction.as_lists(),
            "steepness": self._steepness,
            "length": self._length,
        }

    def restore(self, saved: Mapping[str, Any]) -> bool:
        """Take over what `remember` gave; False, to start downhill, if it does not fit."""
        fits = self._earlier.take_lists(saved["earlier"])
        fits = fits and self._direction.take_lists(saved["direction"])
        if fits:
            self._steepness, self._length = saved["steepness"], float(saved["length"])
        return fits

    def _turn(self) -> None:
        """Choose the direction."""
        gradient, downhill = self._gradient, self._downhill
        self.problem.precondition(gradient, downhill)
        steepness = downhill.inner(gradient)
        beta = 0.0
        if self._steepness:
            beta = max(0.0, (steepness - downhill.inner(self._earlier)) / self._steepness)
        self._direction.scale(beta)
        self._direction.add(-1.0, downhill)
        if beta and self._direction.inner(gradient) >= 0.0:
            self._direction.fill(0)
            self._direction.add(-1.0, downhill)
        self._steepness = steepness

    def _choose_length(self) -> float:
        """Find the step to the bottom of the parabola; 0 if there is nowhere to go."""
        _, linear, quadratic = self.problem.expand(self._direction)
        if linear >= 0.0:
            return 0.0
        if quadratic > 0.0:
            return -linear / (2.0 * quadratic)
        # Far from the bottom the parabola may open downwards: as far as last time, and
        # halved if that is too far.
        return self._length
