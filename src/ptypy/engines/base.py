"""What every engine is: its life, its parameters, its notes about each iteration."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import numpy.typing as npt

from ptypy.engines._gather import bring_together
from ptypy.errors import Fault, ParameterError
from ptypy.utils import parallel
from ptypy.utils.parameters import Param

if TYPE_CHECKING:
    from ptypy.core.classes import Container
    from ptypy.core.manager import Block
    from ptypy.core.ptycho import Ptycho

Errors = npt.NDArray[np.float64]
"""(N, 3): fourier, photons, exit of every frame; NaN where an engine has no such number."""

CONTAINERS = frozenset({"pr", "ob", "ex", "di", "ma"})
"""Names under which an engine finds the containers of the run."""


class BaseEngine:
    """What every engine is. Override the four ``engine_*`` hooks.

    `Ptycho` calls `initialize` once, `prepare` at the start and whenever frames have
    arrived, `iterate` until `finished`, and `finalize` once.

    Parameters
    ----------
    ptycho_parent : Ptycho
        The run that the engine works for.
    pars : Mapping, optional
        Parameters of the engine; what is missing takes its default.

    Attributes
    ----------
    pr, ob, di, ma, ex : Container
        Probe, object, diffraction data, masks, exit waves of the run.
    p : Param
        Parameters, complete.
    curiter, numiter : int
        Iterations done, and to be done, by this engine.
    residual : float
        sqrt(sum (abs(model) - sqrt(I))^2 / sum I) over the trusted pixels, after the latest
        iteration. NaN while an engine has not set it.

    Defaults:

    [numiter]
    default = 20
    type = int
    lowlim = 1
    help = How many iterations to do
    userlevel = 0

    [numiter_contiguous]
    default = 1
    type = int
    lowlim = 1
    help = Iterations done between two looks at arrived frames, at saving and at progress
    userlevel = 2

    [probe_support]
    default = 0.7
    type = float, None
    lowlim = 0.0
    help = Share of the frame's area, as a circle about its centre, in which the probe may live
    doc = Outside of the circle the probe is set to zero after each of its updates. ``None`` lets
      it live everywhere.
    userlevel = 0

    [probe_fourier_support]
    default = None
    type = float, None
    lowlim = 0.0
    help = Share of the area of the probe's far field, as a circle about its centre, that may be lit
    doc = Outside of the circle the Fourier transform of the probe is set to zero after each of its
      updates. ``None`` lets it be lit everywhere.
    userlevel = 2

    [record_local_error]
    default = False
    type = bool
    help = Keep the errors of every single frame
    doc = Appends an array (N, 3) a call to ``runtime.error_local`` on the master, for the frames of
      all processes: scan by scan in the order of labels, within a scan as the frames arrived.
    userlevel = 2
    """

    SUPPORTED_MODELS: ClassVar[list[type]] = []
    """Classes of scan models that the engine can treat; empty: any."""

    CITATION: ClassVar[str] = ""
    """Paper to cite by those who use the engine."""

    DEFAULT: ClassVar[Param]

    def __init__(self, ptycho_parent: Ptycho, pars: Mapping[str, Any] | None = None) -> None:
        self.ptycho = ptycho_parent
        faults = self.list_unsupported(pars or {})
        if faults:
            raise ParameterError(faults)
        self.p: Param = self.DEFAULT.copy(99)
        self.p.update(pars, in_place_depth=99)
        self.label: str = str(self.p.name)
        self.curiter = 0
        self.numiter: int = self.p.numiter
        self.residual = float("nan")
        self._check_models()

    def __setattr__(self, name: str, value: Any) -> None:
        # `self.ob /= weights` divides in place and then assigns what it was all along.
        if name in CONTAINERS and value is getattr(self, name):
            return
        super().__setattr__(name, value)

    @property
    def pr(self) -> Container:
        """Probes."""
        return self.ptycho.probe

    @property
    def ob(self) -> Container:
        """Objects."""
        return self.ptycho.obj

    @property
    def ex(self) -> Container:
        """Exit waves, where a model keeps them."""
        return self.ptycho.exit

    @property
    def di(self) -> Container:
        """Diffraction data."""
        return self.ptycho.diff

    @property
    def ma(self) -> Container:
        """Masks of the diffraction data."""
        return self.ptycho.mask

    @property
    def pods(self) -> dict[str, Any]:
        """What joins a frame with its probe and object, by ID; made when first asked for."""
        return self.ptycho.pods

    @property
    def name(self) -> str:
        """Name that the script gave the engine, such as ``DM`` or ``DM_cupy``."""
        return str(self.p.name)

    @property
    def finished(self) -> bool:
        """All iterations are done."""
        return self.curiter >= self.numiter

    @classmethod
    def list_unsupported(cls, pars: Mapping[str, Any]) -> list[Fault]:
        """List the parameters that ask for something this engine cannot do yet.

        Called before any file is touched, so that a script learns of it at once and not
        after its data was loaded. Paths in the faults are those within the engine.
        """
        del pars
        return []

    def initialize(self) -> None:
        """Get ready, once, before the first frame is looked at."""
        self.engine_initialize()

    def prepare(self) -> None:
        """Take in the frames that have arrived, and changes that others made."""
        self.engine_prepare()

    def iterate(self, num: int | None = None) -> None:
        """Do some iterations and note in ``runtime.iter_info`` how they went.

        Parameters
        ----------
        num : int, optional
            How many; `numiter_contiguous` if not given, never more than are left.
        """
        wanted = self.p.numiter_contiguous if num is None else num
        count = max(0, min(wanted, self.numiter - self.curiter))
        if not count:
            return
        before = self.curiter
        start = time.perf_counter()
        error = self.engine_iterate(count)
        if self.curiter == before:
            self.curiter += count
        self._note(error, self.curiter - before, time.perf_counter() - start)

    def finalize(self) -> None:
        """Let go of memory, hand over what is worth keeping."""
        self.engine_finalize()

    def used_parameters(self) -> Param:
        """Give the parameters, complete with defaults, so that they do the same again."""
        return self.p.copy(99)

    def frames_in_order(self) -> list[Block]:
        """Give the blocks whose frames the rows of errors stand for, one after the other."""
        blocks: list[Block] = self.ptycho.model.blocks
        return blocks

    def engine_state(self) -> dict[str, Any]:
        """Give what a resumed run needs beside probe, object and `curiter`. Override me.

        Called on every process before an automatic save, for which what the master gives is
        saved, and when the engine is stopped or has finished.

        Returns
        -------
        dict
            Numbers, text, arrays, None, and lists and dictionaries of them.
        """
        return {}

    def engine_restore(self, state: Mapping[str, Any]) -> None:
        """Take over what `engine_state` gave. Override me.

        Called on every process, after `engine_prepare`, in a run that goes on from an
        automatic save, and where iterations were added to an engine that had finished or the
        run went back to a state of before. After an automatic save, frames that were there then
        may be missing, and others be there.
        """

    def engine_files(self) -> dict[str, Mapping[str, Any]]:
        """Give what is to be kept in files beside the result. Override me.

        Called on every process after `engine_finalize`; engines write no files themselves.

        Returns
        -------
        dict
            By the name of the file, relative to ``io.home``: a tree as `ptypy.io.h5write` takes
            it. The run writes what the master gives, each file whole or not at all.
        """
        return {}

    def engine_initialize(self) -> None:
        """Prepare what needs no frames. Override me. Called once."""

    def engine_prepare(self) -> None:
        """Prepare what depends on the frames. Override me. Called when frames arrived."""

    def engine_iterate(self, num: int) -> Errors | Mapping[Any, Any] | None:
        """Do `num` iterations. Override me.

        Returns
        -------
        (N, 3) float64, (3,) float64, dict of (3,) float64, or None
            fourier, photons and exit error: of every frame of this process, their mean over
            all frames, or by frame. May raise `curiter` itself, one an iteration.
        """
        raise NotImplementedError(f"{type(self).__name__} lacks engine_iterate(num)")

    def engine_finalize(self) -> None:
        """Clean up. Override me. Called once, after the last iteration."""

    def _note(self, error: Errors | Mapping[Any, Any] | None, count: int, duration: float) -> None:
        """Append to ``runtime.iter_info`` what the latest call of `iterate` did."""
        runtime = self.ptycho.runtime
        rows = _rows(error)
        if self.p.get("record_local_error") and rows.ndim == 2:
            self._note_local(rows)
        history = runtime.setdefault("iter_info", [])
        done = history[-1]["iterations"] if history else 0
        history.append(
            Param(
                iteration=self.curiter,
                iterations=done + count,
                numiter=self.numiter,
                engine=self.name,
                duration=duration,
                error=_mean_over_frames(rows),
                residual=self.residual,
            )
        )

    def _note_local(self, rows: Errors) -> None:
        """Keep the errors of the frames of all processes, on the master."""
        blocks = self.frames_in_order()
        whole: Errors | None = rows.copy()
        # An engine of somebody else may return rows of its own kind, by view for instance.
        fits = sum(len(block) for block in blocks) == len(rows)
        if parallel.MPImin(int(fits)):
            whole = bring_together(blocks, rows)
        if whole is not None:
            self.ptycho.runtime.setdefault("error_local", []).append(whole)

    def _check_models(self) -> None:
        """Refuse scan models that the engine cannot treat."""
        if not self.SUPPORTED_MODELS:
            return
        for label, scan in self.ptycho.model.scans.items():
            if type(scan) not in self.SUPPORTED_MODELS:
                known = ", ".join(model.__name__ for model in self.SUPPORTED_MODELS)
                raise ParameterError(
                    [
                        Fault(
                            f"scans.{label}.name",
                            type(scan).__name__,
                            f"is a model that {self.name} cannot treat; it can treat {known}",
                        )
                    ]
                )


def _rows(error: Errors | Mapping[Any, Any] | None) -> Errors:
    """Bring what `engine_iterate` returned into the form (N, 3) or (3,)."""
    if error is None:
        return np.full(3, np.nan)
    if isinstance(error, Mapping):
        values = [np.asarray(value, np.float64) for value in error.values()]
        return np.stack(values) if values else np.empty((0, 3))
    return np.asarray(error, np.float64)


def _mean_over_frames(rows: Errors) -> npt.NDArray[np.float64]:
    """Average over the frames of all processes; a mean is taken as it is, shape (3,)."""
    if rows.ndim == 1:
        return rows
    total = np.concatenate([rows.sum(axis=0), [float(len(rows))]])
    if parallel.size > 1:
        parallel.allreduce(total)
    mean: npt.NDArray[np.float64] = total[:3] / max(total[3], 1.0)
    return mean
