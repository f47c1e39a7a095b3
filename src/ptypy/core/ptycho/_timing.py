"""How long the parts of a run take, and a word for whoever waits for a compiler."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

from ptypy.utils import verbose
from ptypy.utils.parameters import Param
from ptypy.utils.verbose import logger

if TYPE_CHECKING:
    from ptypy.core.ptycho._ptycho import Ptycho

__all__ = ["PARTS", "begin_benchmark", "saying_that_it_compiles", "timed"]

PARTS = ("loading", "engine_init", "engine_prepare", "engine_iterate", "engine_finalize")
"""What ``io.benchmark`` can ask for, beside ``all``."""

COMPILING = (
    "compiling kernels, once for this machine and this version: about half a minute for an "
    "engine. Later runs begin at once."
)


def begin_benchmark(asked: str | None) -> Param | None:
    """Give a table of the times that were asked for [s], all zero; None if none were."""
    if asked is None:
        return None
    return Param(dict.fromkeys(PARTS if asked == "all" else (asked,), 0.0))


@contextlib.contextmanager
def timed(run: Ptycho, part: str) -> Iterator[None]:
    """Add the time that something takes to the run's ``benchmark``, if it is asked for."""
    start = time.perf_counter()
    try:
        yield
    finally:
        if run.benchmark is not None and part in run.benchmark:
            run.benchmark[part] += time.perf_counter() - start


@contextlib.contextmanager
def saying_that_it_compiles() -> Iterator[None]:
    """Say so when a kernel has to be compiled; nothing if all of them are in the store.

    It is said whatever the level: a run that seems to hang is stopped by whoever waits for it.
    """
    from ptypy.accelerate import watch_compiling

    with watch_compiling(lambda: verbose.log("CITATION", COMPILING)) as watch:
        yield
    if watch.seconds:
        logger.info("kernels were compiled in %.0f s", watch.seconds)
