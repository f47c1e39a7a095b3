"""One engine of ptypy beside the same in plain numpy: do they agree, and what do they cost?"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import plain_engines
from our_engines import Run, Transforms, first_order, threads_of_kernels
from plain_engines import Problem

sys.path.insert(0, str(Path(__file__).parents[1]))

from quiet import take_turns

NOISES = {"gaussian": (1.0, 1.0), "poisson": (2.0, 1e-3)}
"""Factor and floor that the engine ML chooses for counts that are photons."""

Arrays = list[np.ndarray]


@dataclass
class Side:
    """Something that can be done again and again, and what came of it."""

    work: Callable[[], object]
    result: Callable[[], Arrays]


@dataclass
class Cost:
    """A line of the table."""

    task: str
    frames: int
    size: int
    modes: int
    threads: int
    ours: float
    """Median [s]."""
    plain: float
    """Median of the fastest plain variant [s]."""
    variant: str
    """Which it was."""
    clean: tuple[int, int]
    """Number of undisturbed samples of ours and of the plain one."""
    difference: float
    """Largest distance of any result of any plain variant from ours, as a share of its norm."""

    @property
    def ratio(self) -> float:
        """How many times faster ours is."""
        return self.plain / self.ours

    def as_dict(self) -> dict[str, Any]:
        """Give all numbers, for JSON."""
        return {**asdict(self), "ratio": self.ratio}


class Task:
    """An engine and its plain twin. Override me."""

    variants = ("threads", "workers")
    """How the plain side can use several processors."""

    @contextmanager
    def ours(self, run: Run) -> Iterator[Side]:
        """Make our side ready; everything is at its start then."""
        raise NotImplementedError

    def plain(self, problem: Problem, **shared: int) -> Side:
        """Make the plain side ready."""
        raise NotImplementedError


class Engine(Task):
    """An iteration of an engine of ptypy, as `Ptycho` has it done."""

    def __init__(self, name: str, **pars: Any) -> None:
        self.name, self.pars = name, {"compute_log_likelihood": False, **pars}

    @contextmanager
    def ours(self, run: Run) -> Iterator[Side]:
        engine = run.engine(self.name, **self.pars)
        try:
            yield Side(
                partial(engine.iterate, 1), lambda: [run.obj.data[0].copy(), run.probe_waves()]
            )
        finally:
            engine.finalize()


class DifferenceMap(Engine):
    """DM with one turn of the overlap."""

    def __init__(self, relax_factor: float) -> None:
        super().__init__("DM", fourier_relax_factor=relax_factor, overlap_max_iterations=1)
        self.relax_factor = relax_factor

    def plain(self, problem: Problem, **shared: int) -> Side:
        twin = plain_engines.DifferenceMap(problem, relax_factor=self.relax_factor, **shared)
        return Side(twin.iterate, lambda: [twin.obj.copy(), twin.probe.copy()])


class Epie(Engine):
    """EPIE; nothing but the rows of a transform can be shared between processors."""

    variants = ("workers",)

    def __init__(self) -> None:
        super().__init__("EPIE")

    def plain(self, problem: Problem, **shared: int) -> Side:
        twin = plain_engines.Epie(problem, workers=shared.get("workers", 1))
        order = first_order("EPIE", len(problem.counts))
        return Side(partial(twin.iterate, order), lambda: [twin.obj.copy(), twin.probe.copy()])


class Gradient(Task):
    """Cost and gradient of ML."""

    def __init__(self, noise: str) -> None:
        self.noise = noise

    @contextmanager
    def ours(self, run: Run) -> Iterator[Side]:
        # The plain side knows no support: let the probe live where it will.
        engine = run.engine("ML", ML_type=self.noise, probe_support=None)
        gradient = engine.unknowns().like()
        try:
            yield Side(
                partial(engine.evaluate, gradient),
                lambda: [gradient.objects[0].copy(), gradient.probes[0].copy()],
            )
        finally:
            engine.finalize()

    def plain(self, problem: Problem, **shared: int) -> Side:
        factor, floor = NOISES[self.noise]
        twin = plain_engines.Likelihood(
            problem, noise=self.noise, factor=factor, floor=floor, **shared
        )
        found: Arrays = []

        def work() -> None:
            found[:] = twin.gradient()[:2]

        return Side(work, lambda: found)


class TransformsAlone(Task):
    """Every exit wave to the detector and back."""

    @contextmanager
    def ours(self, run: Run) -> Iterator[Side]:
        run.reset()
        ours = Transforms(self._waves(run.problem()))
        yield Side(ours.iterate, lambda: [ours.waves])

    def plain(self, problem: Problem, **shared: int) -> Side:
        twin = plain_engines.Transforms(problem, self._waves(problem), **shared)
        return Side(twin.iterate, lambda: [twin.waves])

    @staticmethod
    def _waves(problem: Problem) -> np.ndarray:
        size = problem.probe.shape[-1]
        views = [problem.obj[y : y + size, x : x + size] for y, x in problem.corners]
        return np.stack([problem.probe * view for view in views])


TRANSFORMS = "transforms alone"

TASKS: dict[str, Task] = {
    TRANSFORMS: TransformsAlone(),
    "DM": DifferenceMap(0.0),
    "DM, power bound": DifferenceMap(0.05),
    "EPIE": Epie(),
    "ML gradient, gaussian": Gradient("gaussian"),
    "ML gradient, poisson": Gradient("poisson"),
}


def compare(run: Run, name: str, threads: int, **timing: float) -> Cost:
    """Let one iteration of both sides begin at the same place, compare, and time what follows.

    Parameters
    ----------
    run : Run
    name : str
        One of `TASKS`.
    threads : int
        For either side.
    **timing
        For `quiet.take_turns`.
    """
    task = TASKS[name]
    kinds = task.variants if threads > 1 else ("one thread",)
    with task.ours(run) as ours, threads_of_kernels(threads):
        problem = run.problem()
        plain = {
            kind: task.plain(problem, **({} if threads == 1 else {kind: threads})) for kind in kinds
        }
        sides = {"ours": ours, **plain}
        for side in sides.values():
            side.work()
        difference = max(_distance(ours.result(), side.result()) for side in plain.values())
        times = take_turns({kind: side.work for kind, side in sides.items()}, **timing)
    variant = min(kinds, key=lambda kind: times[kind].seconds)
    modes, size = problem.probe.shape[:2]
    return Cost(
        task=name,
        frames=len(problem.counts),
        size=size,
        modes=modes,
        threads=threads,
        ours=times["ours"].seconds,
        plain=times[variant].seconds,
        variant=variant,
        clean=(times["ours"].clean, times[variant].clean),
        difference=difference,
    )


def _distance(ours: Arrays, plain: Arrays) -> float:
    """Give the largest of the distances of some arrays from others, as a share of the norm."""
    pairs = zip(ours, plain, strict=True)
    return max(float(np.linalg.norm(a - b) / np.linalg.norm(b)) for a, b in pairs)
