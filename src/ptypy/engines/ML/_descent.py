"""Preconditioned conjugate gradients with an analytic step that never climbs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from ptypy.engines.ML._line import lowest, walk
from ptypy.engines.ML._unknowns import Unknowns

HALVINGS = 8
"""How often a step that raised the cost is halved before it is taken back."""

ROUNDING = 1e-6
"""Relative rise of the cost that single precision explains."""


class Problem(Protocol):
    """What is minimised."""

    exact: bool
    """Go to the bottom along each direction, not to that of the parabola."""

    def unknowns(self) -> Unknowns:
        """Give the arrays that are changed, as they are now."""

    def evaluate(self, gradient: Unknowns) -> float:
        """Calculate the cost and write its gradient; dL = 2 <gradient, d>."""

    def precondition(self, gradient: Unknowns, out: Unknowns) -> None:
        """Write what to go along instead of the gradient: a positive matrix times it."""

    def expand(self, direction: Unknowns) -> Sequence[float]:
        """Give coefficients of 1, t, t^2 of the cost along a direction, or all if it has some."""


class ConjugateGradients:
    """Directions of Hestenes and Stiefel or of Dai and Yuan, restarted where they would climb.

    The hybrid of Dai & Yuan, Annals of Operations Research 103 (2001) 33: as fast as Hestenes
    and Stiefel (or Polak and Ribière, the same where steps are exact), without their detours
    where steps are not. Preconditioned as in Nocedal & Wright, Numerical Optimization (2006),
    section 5.2. The analytic step is that of Thibault & Guizar-Sicairos, New Journal of Physics
    14 (2012) 063004, section 2.4.

    Parameters
    ----------
    problem : Problem
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
        length = self._choose_length()
        if not length:
            # At the bottom, or somebody has moved the point: the gradient is that of another.
            self.cost, self._steepness = self.problem.evaluate(self._gradient), None
            return False
        self._gradient, self._earlier = self._earlier, self._gradient
        self._move(0.0, length)
        cost = self.problem.evaluate(self._gradient)
        for _ in range(HALVINGS):
            if cost <= self.cost * (1.0 + ROUNDING):
                self.cost, self._length = cost, length
                return True
            self._move(length, length / 2.0)
            length /= 2.0
            cost = self.problem.evaluate(self._gradient)
        self._move(length, 0.0)
        self.cost = self.problem.evaluate(self._gradient)
        self._steepness = None
        return False

    def magnify_object(self, which: int, factor: float) -> None:
        """Go on after an object was multiplied by a factor that does not change the cost."""
        self._direction.objects[which] *= float(factor)
        for gradient in (self._gradient, self._earlier):
            gradient.objects[which] /= float(factor)

    def look_again(self) -> None:
        """Evaluate the cost anew, which somebody else has changed."""
        self.cost = self.problem.evaluate(self._gradient)

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

    def _move(self, at: float, to: float) -> None:
        """Go from one length of the step to another, 0 being where it started."""
        self.problem.unknowns().add(to - at, self._direction)

    def _turn(self) -> None:
        """Choose the direction."""
        gradient, downhill = self._gradient, self._downhill
        self.problem.precondition(gradient, downhill)
        steepness = downhill.inner(gradient)
        beta = self._conjugate(steepness) if self._steepness else 0.0
        self._direction.scale(beta)
        self._direction.add(-1.0, downhill)
        if beta and self._direction.inner(gradient) >= 0.0:
            self._direction.fill(0)
            self._direction.add(-1.0, downhill)
        self._steepness = steepness

    def _conjugate(self, steepness: float) -> float:
        """Give the share of the latest direction in the next."""
        gained = self._direction.inner(self._gradient) - self._direction.inner(self._earlier)
        if gained <= 0.0:  # the cost does not curve upwards there
            return 0.0
        turned = steepness - self._downhill.inner(self._earlier)
        return max(0.0, min(turned, steepness) / gained)

    def _choose_length(self) -> float:
        """Find the step to the bottom; 0 if there is nowhere to go."""
        coefficients = self.problem.expand(self._direction)
        slope = coefficients[1]
        if slope >= 0.0:
            return 0.0
        # Far from the bottom the parabola may open downwards: as far as last time, and
        # halved if that is too far.
        length = lowest(coefficients) or self._length
        if self.problem.exact and len(coefficients) == 3:
            length = self._walk(slope, length)
        return length

    def _walk(self, slope: float, length: float) -> float:
        """Look for the bottom along the direction itself, and come back."""
        unknowns, at = self.problem.unknowns(), 0.0

        def expand(t: float) -> Sequence[float]:
            nonlocal at
            unknowns.add(t - at, self._direction)
            at = t
            return self.problem.expand(self._direction)

        length = walk(expand, slope, length)
        unknowns.add(-at, self._direction)
        return length
