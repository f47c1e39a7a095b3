"""Noticing that a reconstruction goes astray: what is not finite ends it, what rises is said."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ptypy.errors import DataError
from ptypy.utils import parallel
from ptypy.utils.verbose import logger

if TYPE_CHECKING:
    from ptypy.core.ptycho._ptycho import Ptycho
    from ptypy.engines import BaseEngine

__all__ = ["Watch"]

RISE = 1.1
"""How far above its best an error must be to count as risen: beyond what iterations that take
frames in random order, or that search, wander by."""

PATIENCE = 20
"""For more than so many iterations it must stay there, and for more than a quarter of all."""


class Watch:
    """Looks at an engine's result after each of its calls.

    Parameters
    ----------
    run : Ptycho
    engine : BaseEngine
    """

    def __init__(self, run: Ptycho, engine: BaseEngine) -> None:
        self._run, self._engine = run, engine
        self._finite = engine.curiter
        self._told = False
        self.begin_anew()

    def begin_anew(self) -> None:
        """Forget the best error: there are more frames now, whose error is another."""
        self._best, self._best_at = np.inf, self._engine.curiter
        self._risen_at: int | None = None

    def look(self) -> None:
        """See how the latest call went. Every process must call it.

        Raises
        ------
        DataError
            If probe, object or error are not finite numbers.
        """
        wrong = self._not_finite()
        # A number that only one process sees would leave the others waiting for it.
        if parallel.MPImax(int(bool(wrong))):
            raise DataError(self._describe(wrong or "what another process holds"))
        self._finite = self._engine.curiter
        if not self._told:
            self._compare()

    def _not_finite(self) -> str:
        """Name what is not finite; nothing if all is."""
        for container, name in ((self._run.probe, "probe"), (self._run.obj, "object")):
            for ID, storage in container.storages.items():
                # One number that is not finite makes the sum so: quicker than to look at each.
                with np.errstate(all="ignore"):
                    suspect = not np.isfinite(storage.data.sum(dtype=np.complex128))
                if suspect and not np.isfinite(storage.data).all():
                    return f"the {name} {ID}"
        latest = self._run.runtime.iter_info[-1]
        # NaN is an engine's way to say that it has no such number, and no other's.
        if np.isinf([latest["residual"], *np.ravel(latest["error"])]).any():
            return "the error"
        if self._best < np.inf and not np.isfinite(_error(latest)):
            return "the error"
        return ""

    def _describe(self, wrong: str) -> str:
        """Say what happened, what is left, and what helps."""
        engine = self._engine
        saved = self._run.autosaves[-1] if self._run.autosaves else None
        left = f"the latest automatic save is {saved}" if saved else "no automatic save was made"
        return (
            f"engine {engine.label} ({engine.name}): {wrong} is not finite after iteration "
            f"{engine.curiter}; after iteration {self._finite} all was. The run ends here, "
            f"nothing of this is saved; {left}. Look for frames with wild numbers, for a "
            "probe of the wrong power, and for steps that are too long; or begin with DM"
        )

    def _compare(self) -> None:
        """Say, once, that the error has been well above its best for long."""
        engine = self._engine
        error = _error(self._run.runtime.iter_info[-1])
        if not np.isfinite(error):
            return
        if error < self._best:
            self._best, self._best_at = error, engine.curiter
        if error <= RISE * self._best:
            self._risen_at = None
            return
        if self._risen_at is None:
            self._risen_at = engine.curiter
        if engine.curiter - self._risen_at < max(PATIENCE, engine.numiter / 4):
            return
        self._told = True
        logger.error(
            "engine %s (%s): its error, %.4g, has been over %.0f %% above its best, %.4g after "
            "iteration %d, since iteration %d: it diverges. Shorter steps help, or fewer "
            "iterations, or a later update of the probe (`probe_update_start`); and look at "
            "positions, mask and first probe.",
            engine.label,
            engine.name,
            error,
            100 * (RISE - 1),
            self._best,
            self._best_at,
            self._risen_at,
        )


def _error(latest: dict[str, object]) -> float:
    """Give the number that tells how far model and measurement are apart, NaN if none does."""
    residual = float(latest["residual"])  # type: ignore[arg-type]
    return residual if np.isfinite(residual) else float(np.ravel(latest["error"])[0])  # type: ignore[call-overload]
