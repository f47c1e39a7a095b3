"""The life of a scan: open it, ask for chunks of prepared frames until it ends."""

from __future__ import annotations

import weakref
from collections.abc import Mapping
from typing import Any, ClassVar, Final

import numpy as np

import ptypy
from ptypy.core.data import _distribute as distribute
from ptypy.core.data._ahead import NextFrames
from ptypy.core.data._chunk import CODES, EOS, WAIT, Chunk
from ptypy.core.data._found import ENTRIES, Found
from ptypy.core.data._geometry import Geometry
from ptypy.core.data._load import position_array
from ptypy.core.data._parameters import ScanParameters
from ptypy.core.data._patience import Patience
from ptypy.core.data._progress import ScanProgress
from ptypy.core.data._registry import register
from ptypy.core.data._resume import FOUND
from ptypy.core.data._save import Recorder
from ptypy.core.data._settings import validate
from ptypy.core.data._shown import Shown
from ptypy.core.data._stages import Stages
from ptypy.core.data._trust import Strange
from ptypy.errors import Fault, ParameterError
from ptypy.utils import buffers, parallel
from ptypy.utils.descriptor import EvalDescriptor
from ptypy.utils.parameters import Param, Placeholder
from ptypy.utils.verbose import logger, report

__all__ = ["METAKEYS", "PtyScan"]

METAKEYS = [
    "version", "num_frames", "label", "shape", "psize", "energy", "center", "distance",
    "propagation",
]  # fmt: skip
"""Parameters of a scan that travel with its prepared frames."""


@register()
class PtyScan(Shown, Stages, ScanParameters):
    """Loads the raw frames of a scan and prepares them for reconstruction. Subclass it.

    A subclass overrides `load`, usually `load_positions` and the constructor, and perhaps other
    hooks; everything else, such as region, orientation, rebinning, masks, saving and several
    processes, happens here.

    Parameters
    ----------
    pars : Param or dict, optional
        Parameters as described below.
    **kwargs
        Single parameters; they win over ``pars``.

    Raises
    ------
    ParameterError
        If parameters do not fit; it lists all that do not.

    Examples
    --------
    >>> from ptypy.core.data import MoonFlowerScan
    >>> scan = MoonFlowerScan(num_frames=20, shape=32)
    >>> package = scan.auto(10)
    >>> len(package["iterable"]), package["common"].shape
    (10, array([32, 32]))
    """

    DEFAULT: ClassVar[Param]
    _descriptor: ClassVar[weakref.ref[Any]]
    PLACEHOLDERS: ClassVar[tuple[str, ...]] = ("psize", "distance", "energy")
    """Parameters whose defaults stand for a number that neither user nor data gave."""
    CHANGES_NO_FRAME: ClassVar[frozenset[str]] = frozenset()
    """Parameters of the class that may differ when a file is gone on with (``resume``)."""
    METAKEYS: ClassVar[list[str]] = METAKEYS
    WAIT: Final = WAIT
    EOS: Final = EOS
    CODES: ClassVar[dict[str, str]] = CODES
    OWN_NOISE: ClassVar[bool] = False
    """Whether the class itself sees to `add_poisson_noise`; otherwise prepared counts get it."""

    def __init__(self, pars: Mapping[str, Any] | None = None, **kwargs: Any) -> None:
        p = self.DEFAULT.copy(99)
        p.update({**(pars or {}), **kwargs}, in_place_depth=99)
        p.update(self._node().plain(p))
        for name in ENTRIES:  # who gives the `info` of another scan does not mean what that found
            p.pop(name, None)
        _fill_sections(p, self.DEFAULT, self._node())
        self._validate(p)
        self.info: Param = p
        """What was asked for. Subclasses may read it and add to it."""
        self.meta = Param({key: p[key] for key in METAKEYS})
        """What holds for the prepared frames; `common` of a package."""
        if p.version in {None, PtyScan.DEFAULT.version}:
            self.meta.version = ptypy.__version__
        self._geometry = Geometry(self.info, self.meta)
        self.num_frames = p.num_frames
        self.min_frames = (p.min_frames or 1) * parallel.size
        self.load_common_in_parallel = p.load_parallel in ("all", "common")
        self.load_in_parallel = p.load_parallel in ("all", "data")
        self.orientation = p.orientation
        self.rebin = 1 if p.rebin is None else p.rebin
        self.save = p.save
        self.dfile: str | None = None
        self.framestart = self.chunknum = self.start = 0
        """Counted as they are loaded: the next frame, the next chunk, the latest one's first."""
        self.chunk: Chunk | None = None
        """Always None: a chunk belongs to who asked for it. Kept for scripts of PtyPy 0.9."""
        self.indices = Param(chunk=[], node=[], lm=[])
        self.common = Param()
        self.positions = self.weight2d = None
        self.has_weight2d: bool | None = None
        self.has_positions: bool | None = None
        self.is_initialized = self._finalized = False
        self._flags = np.zeros(3, dtype=int)
        self._theory = None
        if p.positions_theory is not None:
            self._theory = position_array(p.positions_theory, "positions_theory")
            self.num_frames = len(self._theory)
        # A region as large as the frame moves with the centre; of frames that were prepared
        # before, the file says where it is, and they stay.
        self._may_move = True
        self._dealer = distribute.Dealer()
        self._pipeline = None
        self._recorder: Recorder | None = None
        self._next = NextFrames()
        self._adds_noise = bool(p.add_poisson_noise) and not self.OWN_NOISE
        self._decided = None
        self._strange = Strange()
        self._patience = Patience(p.timeout)
        self._progress = ScanProgress(p.label)

    def initialize(self) -> None:
        """Open the scan: call the hooks that run once, and share what they found.

        The order is `load_positions`, `load_weight`, `load_common` (on the master, or on every
        process; see ``load_parallel``), then `post_initialize` on every process. A second call
        does nothing.

        Raises
        ------
        DataError
            If positions or the mask are of no usable form.
        """
        if self.is_initialized:
            return
        found = distribute.on_master(self._call_hooks, everywhere=self.load_common_in_parallel)
        self.common = Param(found["common"])
        self.weight2d = found["weight2d"]
        self.has_weight2d = self.weight2d is not None
        if self.has_weight2d:
            self.info.weight2d = True
        self.positions = found["positions"]
        self.has_positions = self.positions is not None
        if self._theory is None and self.positions is not None:
            self.info.positions_scan = self.positions
            self._limit_frames(len(self.positions))
        if not self.load_common_in_parallel:
            self._geometry.adopt(found["geometry"])
        self.meta.num_frames = self.num_frames
        distribute.agree(self.post_initialize)
        self._geometry.settle()
        if self.save is not None:
            self._recorder = self._open_file()
        self._geometry.warn_of_placeholders(self.PLACEHOLDERS)
        self._geometry.warn_of_implausible()
        distribute.agree(self._begin)
        self.is_initialized = True

    def auto(self, frames: int | None = None) -> Param | str:
        """Prepare the next frames.

        Parameters
        ----------
        frames : int, optional
            How many; taken as ``min_frames`` if not given or smaller. The last package of a
            scan may hold fewer.

        Returns
        -------
        Param or str
            The package: ``common``, ``chunk`` and ``iterable`` (see `Chunk.as_package`); or
            `WAIT` if too few frames are there yet; or `EOS` if all were delivered.

        Raises
        ------
        ParameterError
            If ``frames`` is less than 1.
        DataError
            If what was loaded does not fit together. Frames count as delivered only after they
            were: after any exception the same frames are tried again by the next call.
        """
        answer = self.next_chunk(frames)
        return answer.as_package() if isinstance(answer, Chunk) else answer

    def next_chunk(self, frames: int | None = None) -> Chunk | str:
        """Prepare the next frames; as `auto`, but give them as a `Chunk`, `WAIT` or `EOS`."""
        if frames is not None and frames < 1:
            raise ParameterError(f"auto({frames}): ask for at least one frame")
        self.initialize()
        if self.end_of_scan:
            answer: Chunk | str = EOS
        else:
            answer = self.get_data_chunk(max(frames or 1, self.min_frames))
        if self.end_of_scan:
            self._progress.end()
        if answer == EOS and not self._finalized:
            self._finalize()
            self._finalized = True
        return answer

    def get_data_chunk(self, chunksize: int, start: int | None = None) -> Chunk | str:
        """Prepare ``chunksize`` frames from ``start`` on (from the next one if not given)."""
        begin = self.framestart if start is None else start
        self._progress.ask()
        count, ends = self._ask(chunksize, begin)
        if count < self.min_frames and not ends:
            if not self._gives_up(begin + count):
                self._progress.wait()
                return WAIT
            ends = True
        if count < 1:
            self.end_of_scan = True
            return EOS
        slots = list(range(begin, begin + count))
        dealt = [list(places) for places in self._dealer.deal(slots)]
        self._progress.begin(count, begin + count, self.num_frames)
        try:
            chunk = self._prepare(slots, dealt)
            if self._recorder is not None:
                self._prepare_ahead(begin + count, count)
                self._recorder.add(chunk, self.info, self._geometry.unknown(self.PLACEHOLDERS))
        except BaseException:
            self._dealer.take_back(dealt)
            self._progress.break_off()
            raise
        self.start, self.framestart = begin, begin + count
        self.chunknum += 1
        self.end_of_scan = ends
        self._progress.add(count, self._frame_size, begin + count, self.num_frames)
        return chunk

    def _prepare_ahead(self, begin: int, count: int) -> None:
        """Begin to prepare the frames that will probably be asked for next, if that is safe."""
        last, pipeline = self.num_frames, self._pipeline
        stop = begin if last is None or not self._lay_in_place else min(begin + count, last)
        if begin >= stop or pipeline is None or not self.LOADS_AHEAD or self._overrides("check"):
            return
        if parallel.size > 1 and not self.load_in_parallel:  # one process loads for all
            return
        slots = range(begin, stop)
        dealt = self._dealer.deal(slots)
        self._dealer.take_back(dealt)
        self._next.begin(self, [slots[place] for place in dealt[parallel.rank]], pipeline)

    def report(self, what: Any = None, shout: bool = True) -> str | None:
        """Describe ``what`` (the scan's attributes if not given) in a few lines.

        Parameters
        ----------
        what : object, optional
        shout : bool
            True: log it, on every process. False: return it.
        """
        text = report(vars(self) if what is None else what)
        if shout:
            logger.info(text, extra={"allprocesses": True})
        return None if shout else text

    def _begin(self) -> None:
        """Called last when the scan is opened, on every process: now its first frame is known."""

    def _open_file(self) -> Recorder:
        """Prepare to save, and go on with an unfinished file if that was asked for."""
        self.dfile = str(self.info.dfile) if self.dfile is None else self.dfile
        recorder = Recorder(
            self.dfile,
            self.info.chunk_format if self.save == "link" else None,
            merges=self.save == "merge",
            compression=self.info.compression,
        )
        if not self.info.resume:
            return recorder
        has_a_say = {k: v for k, v in self.info.items() if k not in self.CHANGES_NO_FRAME}
        self.framestart, self.chunknum = recorder.resume_from(Param(has_a_say))
        if self.framestart:
            self._take_up(self.dfile)
        return recorder

    def _take_up(self, path: str) -> None:
        """Go on where an unfinished file ends: with its geometry, and its optical axis."""

        def look() -> dict[str, Any]:
            from ptypy.io.ptyd import PtydReader

            reader = PtydReader(path)
            known: dict[str, Any] = {"found": Found.read(reader.info).entries()}
            known["numbers"] = {key: reader.info.get(key) for key in FOUND}
            known |= {key: reader.meta[key] for key in ("shape", "center") if key in reader.meta}
            return known

        known = distribute.on_master(look, everywhere=False)
        found, settings = Found.read(known.pop("found")), self._read_settings()
        if found.center is None and settings.must_find_center:
            remedy = f"is needed: {path} does not say where the frames in it were cut"
            raise ParameterError([Fault("center", repr(self.info.center), remedy)])
        self._decided = found
        for key, value in known.pop("numbers").items():
            if value is not None and isinstance(self.info[key], Placeholder):
                self.info[key] = value
        self.meta.update(known)
        self._geometry.settle()
        logger.warning(
            "%s holds %d frames already: this scan goes on with the next one, and does not deliver "
            "those again; read the file to use all of them",
            path,
            self.framestart,
        )

    def _gives_up(self, frames: int) -> bool:
        """Say, the same on all processes, that there will be no more than so many frames."""
        if self._patience.limit is None:
            return False
        answer = distribute.on_master(
            lambda: {"is_over": self._patience.is_over(frames)}, everywhere=False
        )
        if answer["is_over"]:
            self._gave_up = True
            logger.error(
                "no new frame has come for %g s (`timeout`): the scan counts as ended, with %d "
                "frames%s",
                self._patience.limit,
                frames,
                "" if self.num_frames is None else f" of {self.num_frames}",
            )
        return bool(answer["is_over"])

    def _validate(self, p: Param) -> None:
        """Refuse parameters that do not fit."""
        validate(type(self), p)

    def _finalize(self) -> None:
        """Close the scan; called once, when its end is reported."""
        buffers.release()
        if not self.framestart:
            logger.error("the scan ended without a single frame: there is nothing to save")
        self._warn_of_few_frames(self.framestart)
        if self._strange.frames:
            logger.warning(
                "%d pixel(s) in %d frame(s) of the whole scan were not finite numbers",
                self._strange.pixels,
                self._strange.frames,
            )
        if self._recorder is not None:
            self.meta.num_frames = self.framestart
            self._recorder.close(self.meta, self.info, self._geometry.unknown(self.PLACEHOLDERS))


def _fill_sections(p: Param, defaults: Param, node: EvalDescriptor) -> None:
    """Give every section of parameters that is None, which says nothing, its defaults."""
    for name, member in node.children.items():
        if set(member.own_types) != {"Param"} or not isinstance(defaults.get(name), Param):
            continue
        if p.get(name) is None:
            p[name] = defaults[name].copy(99)
        elif isinstance(p[name], Param):
            _fill_sections(p[name], defaults[name], member)
