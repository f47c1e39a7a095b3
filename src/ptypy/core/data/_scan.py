"""The life of a scan: open it, ask for chunks of prepared frames until it ends."""

from __future__ import annotations

import weakref
from collections.abc import Mapping
from typing import Any, ClassVar, Final

import numpy as np

from ptypy.core.data import _distribute as distribute
from ptypy.core.data._chunk import CODES, EOS, WAIT, Chunk
from ptypy.core.data._geometry import Geometry
from ptypy.core.data._load import position_array
from ptypy.core.data._registry import register
from ptypy.core.data._save import Recorder
from ptypy.core.data._settings import unpack, validate
from ptypy.core.data._stages import Stages
from ptypy.errors import ParameterError
from ptypy.utils import parallel
from ptypy.utils.parameters import Param
from ptypy.utils.verbose import logger, report

__all__ = ["METAKEYS", "PtyScan"]

METAKEYS = ["version", "num_frames", "label", "shape", "psize", "energy", "center", "distance"]
"""Parameters of a scan that travel with its prepared frames."""


@register()
class PtyScan(Stages):
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

    Defaults:

    [name]
    default = PtyScan
    help = Class that loads the frames
    type = str

    [dfile]
    default = None
    help = File that receives the prepared frames, in ``ptyd`` format
    type = file
    userlevel = 0

    [chunk_format]
    default = .chunk%02d
    help = Ending of the names of chunk files if save == 'link'
    type = str
    doc = The number of the chunk is put in.
    userlevel = 2

    [save]
    default = None
    help = How prepared frames are saved
    type = str
    doc = One of <newline>
     - ``None``: they are not saved
     - ``'append'``: every chunk is added to the file ``dfile``
     - ``'link'``: every chunk becomes a file beside ``dfile``, which links to it
     - ``'merge'``: as ``'append'``; when the scan has ended, all frames become one chunk <newline>
     An older file of the same name is kept with the ending ``.old``.
    userlevel = 1

    [auto_center]
    default = None
    help = Whether the centre is found from the frames
    type = bool
    doc =
     - ``False``: never
     - ``None``: only if :py:data:`center` is ``None``
     - ``True``: always, whatever :py:data:`center` says
    userlevel = 0

    [load_parallel]
    default = data
    help = What every process loads for itself
    type = str
    doc = ``None`` (the master loads everything), ``'data'`` (frames), ``'common'`` (what all
     frames share) or ``'all'``
    choices = ['data', 'common', 'all']

    [rebin]
    default = None
    help = Edge of the blocks of pixels that are summed
    type = int
    doc = ``None`` and ``1`` leave the pixels as they are. A block with an untrusted pixel is not
     trusted.
    userlevel = 1
    lowlim = 1
    uplim = 32

    [orientation]
    default = None
    help = How frames are turned and mirrored
    type = int, tuple, list
    doc = One of <newline>
     - ``None`` or ``0``: as they are
     - ``1``: invert the order of columns (numpy.fliplr)
     - ``2``: invert the order of rows (numpy.flipud)
     - ``3``: both
     - ``4``: transpose (numpy.transpose)
     - ``4+i``: transpose, then do as ``i`` says <newline>
     or three booleans ``(transpose, flipud, fliplr)``
    choices = [0, 1, 2, 3, 4, 5, 6, 7]
    userlevel = 1

    [min_frames]
    default = 1
    help = Least number of frames for each process in a chunk
    type = int
    doc = The last chunk may hold fewer.
    userlevel = 2
    lowlim = 1

    [positions_theory]
    default = None
    help = Positions to use instead of those that are loaded
    type = ndarray
    doc = Shape (N, 2), (y, x) [m], for instance of :py:func:`ptypy.core.xy.from_pars`. What the
     scan itself says of positions is ignored, and num_frames becomes N.
    userlevel = 2

    [num_frames]
    default = None
    help = Largest number of frames to prepare
    type = int
    doc = All of them if ``None``. Never more than there are positions.
    userlevel = 1

    [label]
    default = None
    help = Name of this scan
    type = str
    doc = Saved with the frames; it should tell this scan from others.
    userlevel = 1

    [experimentID]
    default = None
    help = Name of the experiment
    type = str
    doc = Saved with the frames, for the record.
    userlevel = 2

    [version]
    default = 0.1
    help = Version of the form of the saved data
    type = float
    doc = For the record.
    userlevel = 2

    [shape]
    default = 256
    help = Size of the region that is cut out of raw frames [px]
    type = int, tuple
    doc = One number for a square, (rows, columns), or ``None`` for whole frames. Counted in raw
     pixels, before orientation and rebinning. What lies outside the frame is not trusted.
    userlevel = 1

    [center]
    default = 'fftshift'
    help = Where the optical axis meets the raw frame [px]
    type = list, tuple, str
    doc = (y, x), ``'fftshift'`` for shape // 2, ``'geometric'`` for shape / 2 - 1/2. With
     ``None`` it is found from the frames, see :py:data:`auto_center`.
    userlevel = 1

    [psize]
    default = 0.000172
    help = Size of a detector pixel [m]
    type = float, tuple
    doc = One number, or (y, x) in the raw frame
    userlevel = 0
    lowlim = 0

    [distance]
    default = 7.19
    help = Distance from sample to detector [m]
    type = float
    doc = Along the optical axis
    userlevel = 0
    lowlim = 0

    [energy]
    default = 7.2
    help = Photon energy [keV]
    type = float
    doc = Of the beam that hits the sample
    userlevel = 0
    lowlim = 0

    [add_poisson_noise]
    default = False
    help = Whether simulated frames get photon noise
    type = bool
    """

    DEFAULT: ClassVar[Param]
    _descriptor: ClassVar[weakref.ref[Any]]
    PLACEHOLDERS: ClassVar[tuple[str, ...]] = ("psize", "distance", "energy")
    """Parameters whose defaults stand for a number that neither user nor data gave."""
    METAKEYS: ClassVar[list[str]] = METAKEYS
    WAIT: Final = WAIT
    EOS: Final = EOS
    CODES: ClassVar[dict[str, str]] = CODES
    SIMULATED: ClassVar[bool] = False
    """Whether frames are calculated, so that `add_poisson_noise` has a meaning."""

    def __init__(self, pars: Mapping[str, Any] | None = None, **kwargs: Any) -> None:
        p = self.DEFAULT.copy(99)
        p.update({**(pars or {}), **kwargs}, in_place_depth=99)
        unpack(p)
        self._validate(p)
        self.info: Param = p
        """What was asked for. Subclasses may read it and add to it."""
        self.meta = Param({key: p[key] for key in METAKEYS})
        """What holds for the prepared frames; `common` of a package."""
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
        if p.add_poisson_noise and not self.SIMULATED:
            logger.warning("`add_poisson_noise` is for simulated scans: measured frames stay as is")

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
        self._geometry.warn_of_placeholders(self.PLACEHOLDERS)
        if self.save is not None:
            self.dfile = str(self.info.dfile) if self.dfile is None else self.dfile
            links = self.info.chunk_format if self.save == "link" else None
            self._recorder = Recorder(self.dfile, links, merges=self.save == "merge")
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
        if answer == EOS and not self._finalized:
            self._finalize()
            self._finalized = True
        return answer

    def get_data_chunk(self, chunksize: int, start: int | None = None) -> Chunk | str:
        """Prepare ``chunksize`` frames from ``start`` on (from the next one if not given)."""
        begin = self.framestart if start is None else start
        count, ends = self._ask(chunksize, begin)
        if count < self.min_frames and not ends:
            return WAIT
        if count < 1:
            self.end_of_scan = True
            return EOS
        slots = list(range(begin, begin + count))
        dealt = self._dealer.deal(slots)
        try:
            chunk = self._prepare(slots, dealt)
            if self._recorder is not None:
                self._recorder.add(chunk, self.info, self._geometry.unknown(self.PLACEHOLDERS))
        except BaseException:
            self._dealer.take_back(slots, dealt)
            raise
        self.start, self.framestart = begin, begin + count
        self.chunknum += 1
        self.end_of_scan = ends
        return chunk

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

    def _validate(self, p: Param) -> None:
        """Refuse parameters that do not fit."""
        validate(type(self), p)

    def _finalize(self) -> None:
        """Close the scan; called once, when its end is reported."""
        if not self.framestart:
            logger.error("the scan ended without a single frame: there is nothing to save")
        if self._recorder is not None:
            self.meta.num_frames = self.framestart
            self._recorder.close(self.meta, self.info, self._geometry.unknown(self.PLACEHOLDERS))
