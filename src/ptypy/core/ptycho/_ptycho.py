"""A run: from parameters to results."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ptypy import defaults_tree
from ptypy.core.classes import Base, Container
from ptypy.core.manager import ModelManager
from ptypy.core.paths import Paths
from ptypy.core.ptycho import _interaction  # noqa: F401  (declares the parameters of that name)
from ptypy.core.ptycho._check import check, check_engine
from ptypy.core.ptycho._citations import Citations
from ptypy.core.ptycho._controls import Controls
from ptypy.core.ptycho._dry import describe_plan
from ptypy.core.ptycho._iterate import iterate_until_done
from ptypy.core.ptycho._listening import Listeners
from ptypy.core.ptycho._names import free_label, listed, now, script_name
from ptypy.core.ptycho._parameters import PtychoParameters
from ptypy.core.ptycho._positions import restore_positions
from ptypy.core.ptycho._resume import Resumption, resume
from ptypy.core.ptycho._saving import save, save_files
from ptypy.core.ptycho._shown import Shown
from ptypy.core.ptycho._sources import spell_out_sources
from ptypy.core.ptycho._standing import Standing, State
from ptypy.core.ptycho._timing import begin_benchmark, timed
from ptypy.core.ptycho._waiting import wait_for_frames
from ptypy.core.save_load import read_content, restore_container, restore_runtime
from ptypy.engines import find_engine
from ptypy.errors import ParameterError
from ptypy.utils import parallel, verbose
from ptypy.utils.parameters import Param, asParam
from ptypy.utils.verbose import logger

if TYPE_CHECKING:
    from ptypy.core.manager import Block
    from ptypy.engines import BaseEngine


@defaults_tree.parse_doc("ptycho")
class Ptycho(Shown, Base, Controls, PtychoParameters):
    """A run: scans, probes and objects, and the engines that reconstruct them.

    Parameters
    ----------
    pars : Param or dict, optional
        The tree of parameters; what is missing takes its default. All of it is checked
        before a file is touched.
    level : int
        How far to go: 0 nothing but parameters; 1 empty containers; 2 the frames that have
        arrived are loaded; 3 the same; 4 engines are made; 5 engines are run, and the
        results saved.
    **kwargs
        Further entries for the top of `pars`.

    Attributes
    ----------
    p : Param
        Parameters, complete.
    probe, obj, exit, diff, mask : Container
        What is reconstructed, and what from.
    model : ModelManager
        Scans; ``model.blocks`` are the frames.
    engines : OrderedDict of BaseEngine
        Engines by label.
    runtime : Param
        ``run``; ``start``, ``stop`` (of the latest engine), ``allstart``, ``allstop``;
        ``iter_info``, a list with an entry for each call of an engine: ``iteration`` (of the
        engine), ``iterations`` (of all), ``numiter``, ``engine``, ``duration`` [s],
        ``error`` (mean over the frames of fourier, photons, exit; NaN where an engine has no
        such number), ``residual``; ``last_save``.
    benchmark : Param or None
        Seconds that ``p.io.benchmark`` has asked for, by part of the run.

    Raises
    ------
    ParameterError
        If parameters do not fit; lists every fault.
    DataError
        If a scan ended without a single frame.

    Examples
    --------
    ::

        p = u.Param(run="moon", scans=u.Param(), engines=u.Param())
        p.scans.MF = u.Param(name="BlockFull", data=u.Param(name="MoonFlowerScan"))
        p.engines.engine00 = u.Param(name="DM", numiter=80)
        P = Ptycho(p, level=5)
    """

    def __init__(
        self, pars: Mapping[str, Any] | None = None, level: int = 2, **kwargs: Any
    ) -> None:
        super().__init__(None, "Ptycho")
        self.p: Param = self.DEFAULT.copy(99)
        self.p.update(asParam(pars or {}), in_place_depth=99)
        self.p.update(asParam(kwargs), in_place_depth=99)
        faults = spell_out_sources(self.p)
        self.p = defaults_tree["ptycho"].plain(self.p)
        check(self.p, needs_scans=level >= 2, found=faults)
        verbose.set_level(self.p.verbose_level)
        self.data_type: str = self.p.data_type
        double = self.data_type == "double"
        self.CType = np.complex128 if double else np.complex64
        self.FType = np.float64 if double else np.float32
        self.frames_per_block: int = self.p.frames_per_block
        self.paths = Paths(self.p.io)
        self.engines: OrderedDict[str, BaseEngine] = OrderedDict()
        self.runtime = Param(run=self.p.run or script_name(), allstart=now(), iter_info=[])
        self.new_data: list[Block] | None = None
        self.state_dict: dict[str, State] = {}
        self.standings: dict[str, Standing] = {}
        """Where engines were when the run left them, by label."""
        self.doubted: set[str] = set()
        """Scans whose frames have been looked at for what cannot be right."""
        self.listeners = Listeners()
        self.record_positions = False
        """Saved files hold the positions of the frames; engines that move them see to that."""
        self.at_work: str | None = None
        """Label of the engine that iterates, or did last."""
        self._resumption: Resumption | None = None
        self.autosaves: list[Path] = []
        """Automatic saves that this run made and did not remove."""
        self.interactor = self.plotter = None
        self.benchmark: Param | None = begin_benchmark(self.p.io.get("benchmark"))
        if self.benchmark is not None:
            self.runtime["benchmark"] = self.benchmark
        self.citations = Citations()
        self._go(level)

    def _go(self, level: int) -> None:
        """Do what each level up to this one asks for."""
        if level >= 1:
            self.init_structures()
        if level >= 2:
            self.init_data()
        if level >= 3:
            self.init_communication()
        if level >= 4:
            self.init_engine()
        if level >= 5:
            self.run()
            self.finalize()

    def init_structures(self) -> None:
        """Make empty containers and the scans (level 1)."""
        self.probe = Container(self, "Cprobe", data_type="complex")
        self.obj = Container(self, "Cobj", data_type="complex")
        self.exit = Container(self, "Cexit", data_type="complex")
        self.diff = Container(self, "Cdiff", data_type="real")
        self.mask = Container(self, "Cmask", data_type="bool")
        self.model = ModelManager(self, self.p.scans)

    def init_data(self, print_stats: bool = True) -> None:
        """Load the frames that have arrived, waiting for the first (level 2).

        Raises
        ------
        DataError
            If all scans ended without a single frame.
        """
        wait_for_frames(self, 1)
        if print_stats:
            self.print_stats()

    def load_new_data(self) -> list[Block] | None:
        """Load what has arrived since the last time; None if that is nothing."""
        with timed(self, "loading"):
            self.new_data = self.model.new_data() or None
        return self.new_data

    def init_communication(self) -> None:
        """Would start the interaction server and the plotter (level 3)."""
        if (self.p.io.get("autoplot") or {}).get("active"):
            logger.info("pictures are not drawn while engines run: `io.autoplot` has no effect")

    def init_engine(
        self, label: str | None = None, epars: Mapping[str, Any] | None = None
    ) -> BaseEngine | None:
        """Make an engine, or all that the parameters ask for (level 4).

        Parameters
        ----------
        label : str, optional
            Which of ``p.engines``; all if not given.
        epars : Mapping, optional
            Parameters of an engine that is not in ``p.engines``, or others for one that is.

        Returns
        -------
        BaseEngine or None
            The engine; None if all were made.
        """
        if label is None and epars is None:
            for name in sorted(self.p.engines or {}):
                self.init_engine(name)
            return None
        label = label if label is not None else free_label(self.engines)
        if epars is None and label not in (self.p.engines or {}):
            raise ParameterError(
                f"there is no engine {label!r} among `p.engines` ({listed(self.p.engines or {})}), "
                f"and no parameters for it are given"
            )
        pars = asParam(epars) if epars is not None else self.p.engines[label]
        check_engine(label, pars)
        with timed(self, "engine_init"):
            engine = find_engine(pars.name)(self, pars)
        engine.label = label
        self.standings.pop(label, None)
        self.p.engines[label] = pars
        self.engines[label] = engine
        self.citations.add(engine.CITATION)
        return engine

    def run(
        self,
        label: str | None = None,
        epars: Mapping[str, Any] | None = None,
        engine: BaseEngine | None = None,
    ) -> None:
        """Run one engine, or all there are in the order of their labels (level 5).

        Without arguments, the engines of the parameters are made if there are none yet, and
        those that have finished are passed over. Frames are waited for if none have arrived.
        With ``p.io.autosave.resume`` the run goes on from its latest automatic save.

        An engine begins from probe and object as they are. One that was stopped, or whose
        ``numiter`` was raised after it had finished, goes on from where it was, with all that
        it knew if nobody has changed probe and object since, and as if it were new otherwise.

        Ctrl-C, or the request to end (SIGTERM), lets the iteration under way finish, saves what
        has been reached where automatic saves go (or where results go, if there are none), and
        raises KeyboardInterrupt, or SystemExit of code 143. After `stop` it returns.

        Parameters
        ----------
        label : str, optional
            Engine to run; all if nothing is given.
        epars : Mapping, optional
            Parameters of a new engine to make and run.
        engine : BaseEngine, optional
            Engine to run.

        Raises
        ------
        DataError
            If probe, object or error are no longer finite; nothing of that is saved.
        """
        self.listeners.stop.clear()
        if engine is None and (label is not None or epars is not None):
            known = epars is None and label in self.engines
            engine = self.engines[str(label)] if known else self.init_engine(label, epars)
        if engine is not None:
            self._run_engine(engine)
            return
        if not self.engines:
            self.init_engine()
        for name in sorted(self.engines):
            if parallel.MPImax(int(self.listeners.stop.is_set())):
                return
            if not self.engines[name].finished:
                self._run_engine(self.engines[name])

    def _run_engine(self, engine: BaseEngine) -> None:
        """Run one engine, and save what it has reached if it has finished."""
        self._begin()
        if self._resumption is not None and not self._resumption.take_up(engine):
            logger.info("engine %s had finished before the automatic save", engine.label)
            return
        if self.p.dry_run:
            describe_plan(self, engine)
            return
        self.runtime["start"] = now()
        self.at_work = engine.label
        try:
            finished = iterate_until_done(self, engine, self._resumption)
        finally:
            self.runtime["stop"] = now()
        if finished:
            save_files(self, engine)
        if finished and self.p.io.get("rfile"):
            self.save_run(kind=self.p.io.rformat or "minimal")

    def _begin(self) -> None:
        """Make sure that there are frames, and go on from an automatic save if that is asked."""
        if not hasattr(self, "model"):
            self.init_structures()
        if not self.model.blocks:
            self.init_data()
        if self.at_work is not None or self.runtime.iter_info:
            return
        if (self.p.io.get("autosave") or {}).get("resume"):
            self._resumption = resume(self)

    def finalize(self) -> None:
        """End the run."""
        self.runtime["allstop"] = now()
        for citation in self.citations:
            verbose.log("CITATION", f"please cite: {citation}")

    @property
    def num_frames(self) -> int:
        """Frames that have arrived, on all processes."""
        local = sum(len(block.counts) for block in self.model.blocks)
        return int(parallel.allreduce(local))

    def save_run(
        self,
        alt_file: str | Path | None = None,
        kind: str = "minimal",
        force_overwrite: bool = True,
    ) -> Path | None:
        """Save probes, objects, parameters and history.

        The file appears complete or not at all: an interrupted write leaves what was there.

        Parameters
        ----------
        alt_file : path, optional
            Where to; the name that ``p.io.rfile`` makes if not given.
        kind : {'minimal', 'dls', 'used_params', 'dump'}
            What to save; see `ptypy.core.save_load.describe_run`.
        force_overwrite : bool
            Replace a file that is there.

        Returns
        -------
        Path or None
            The file; None on processes other than the master.

        Raises
        ------
        ParameterError
            If there is no such kind or no name.
        FormatError
            If the file is there and is not to be replaced.
        """
        return save(self, alt_file, kind, force_overwrite)

    @classmethod
    def load_run(cls, file: str | Path, load_data: bool = True) -> Ptycho:
        """Make a run from a file that `save_run` wrote, to look at or to continue.

        Parameters
        ----------
        file : path
            A ``.ptyr`` file of any kind.
        load_data : bool
            Load the frames again, so that engines can go on.

        Returns
        -------
        Ptycho
            At level 2 with data, at level 1 without.

        Raises
        ------
        FormatError
            If the file is missing or is not the result of a run.
        """
        content = read_content(file)
        pars = asParam(content.get("pars") or {})
        if load_data:
            run = cls(pars, level=2)
        else:
            try:
                run = cls(pars, level=1)
            except ParameterError as error:
                logger.warning("%s: parameters of another version, not used: %s", file, error)
                run = cls(level=1)
                run.p = pars
        restore_container(run.probe, content["probe"])
        restore_container(run.obj, content["obj"])
        restore_positions(run, content)
        restore_runtime(run, content)
        return run

    def print_stats(self) -> None:
        """Log what is in memory."""
        lines = [verbose.headerline(f"{self.num_frames} frames", "l")]
        lines += [
            container.formatted_report()
            for container in (self.probe, self.obj, self.exit, self.diff, self.mask)
            if container.storages
        ]
        logger.info("\n".join(lines))
