"""Conjugate gradients on a curved surface."""

from __future__ import annotations

from typing import Protocol

from ptypy.engines.ML._descent import ConjugateGradients, Problem
from ptypy.engines.ML._unknowns import Unknowns


class CurvedProblem(Problem, Protocol):
    """What is minimised on a surface; gradients that it gives lie along the surface."""

    def return_to_surface(self) -> None:
        """Move the unknowns to a near point of the surface."""

    def flatten(self, vector: Unknowns) -> None:
        """Project a vector onto the directions along the surface, where the unknowns are now."""


class CurvedDescent(ConjugateGradients):
    """Conjugate gradients whose every step comes back to a surface before the cost is judged.

    Absil, Mahony & Sepulchre, Optimization Algorithms on Matrix Manifolds (2008), sections 4 and
    8.3: a step leaves the surface along a straight line and comes back by a projection. That
    changes the cost only to the second order of the step, but it does change it; so a step whose
    cost has risen after its way back is halved, like any other. The latest direction is projected
    onto those along the surface before it enters the next.

    Parameters
    ----------
    problem : CurvedProblem
    """

    problem: CurvedProblem

    def __init__(self, problem: CurvedProblem) -> None:
        problem.return_to_surface()
        self._start = problem.unknowns().like()
        super().__init__(problem)

    def _move(self, at: float, to: float) -> None:
        """Go from the start of the step, which is kept, and back to the surface."""
        unknowns = self.problem.unknowns()
        if not at:
            self._start.assign(unknowns)
        unknowns.assign(self._start)
        unknowns.add(to, self._direction)
        self.problem.return_to_surface()

    def _turn(self) -> None:
        """Choose the direction, along the surface."""
        self.problem.flatten(self._direction)
        super()._turn()
