"""Timing on a machine that others use, too: works take turns, disturbed samples are set aside.

Linux counts for every thread how long it was ready to run and had no processor. A sample during
which the threads of this process waited for more than a few per cent of its time is not clean:
somebody else had our processors. Where the system does not tell, every sample counts as clean.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

TASKS = Path("/proc/self/task")


class Timing(NamedTuple):
    """What a work took."""

    seconds: float
    """Median of the clean samples; of all if none was clean."""
    clean: int
    """Number of clean samples."""
    samples: int
    """Number of all."""

    @property
    def mark(self) -> str:
        """Say in print that no sample was clean."""
        return "" if self.clean else "?"


def waited() -> float:
    """Give how long the threads of this process have waited for a processor [s]."""
    total = 0
    for task in TASKS.glob("*/schedstat"):
        try:
            total += int(task.read_text().split()[1])
        except (OSError, IndexError):  # the thread has ended, or the system does not count
            continue
    return total * 1e-9


def take_turns(
    works: Mapping[str, Callable[[], object]],
    *,
    clean: int = 5,
    budget: float = 60.0,
    shortest: float = 0.03,
    tolerance: float = 0.03,
    processor_time: bool = False,
) -> dict[str, Timing]:
    """Time works in turns until each has enough clean samples or the time is over.

    Parameters
    ----------
    works : mapping of callables
        Each is called twice before it is measured.
    clean : int
        How many clean samples are enough.
    budget : float
        When to stop all the same [s]; every work is measured once at least.
    shortest : float
        Time that one sample takes at least [s]: short works are repeated.
    tolerance : float
        Share of a sample's time that may be spent waiting.
    processor_time : bool
        Count the time that the processors worked for us instead of the time on the wall: on a busy
        machine it is all there is, and for one thread a fair guess. All samples are clean then.

    Returns
    -------
    dict of Timing
    """
    clock = time.process_time if processor_time else time.perf_counter
    repeats = {}
    for name, work in works.items():
        work()
        start = time.perf_counter()
        work()
        repeats[name] = max(1, round(shortest / max(time.perf_counter() - start, 1e-7)))
    samples: dict[str, list[tuple[float, bool]]] = {name: [] for name in works}
    start = time.perf_counter()
    while True:
        for name, work in works.items():
            waited_before, before = waited(), clock()
            for _ in range(repeats[name]):
                work()
            took = clock() - before
            is_clean = processor_time or waited() - waited_before <= tolerance * took
            samples[name].append((took / repeats[name], is_clean))
        enough = all(sum(ok for _, ok in taken) >= clean for taken in samples.values())
        if enough or time.perf_counter() - start > budget:
            return {name: _summarise(taken) for name, taken in samples.items()}


def _summarise(taken: list[tuple[float, bool]]) -> Timing:
    quiet = [seconds for seconds, ok in taken if ok]
    every = [seconds for seconds, _ in taken]
    return Timing(statistics.median(quiet or every), len(quiet), len(every))
