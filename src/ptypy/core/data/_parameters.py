"""The parameters that all scans have."""

from __future__ import annotations

from typing import ClassVar

from ptypy.utils.parameters import Param

__all__ = ["ScanParameters"]


class ScanParameters:
    """Parameters of a scan.

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
    help = Number of your own that tells one way of preparing from another
    type = float
    doc = Saved with the frames, for the record. As long as nobody gives another than the default,
     the version of ptypy that prepared them is saved instead, a text.
    userlevel = 2

    [shape]
    default = 256
    help = Size of the region that is cut out of raw frames [px]
    type = int, tuple, str
    doc = One number for a square, (rows, columns), or ``None`` for whole frames. Counted in raw
     pixels, before orientation and rebinning. What lies outside the frame is not trusted. With
     ``'auto'`` the first frames decide: the smallest square about the optical axis that holds all
     but 0.01 % of the counts above background, of a size that can be transformed fast. What was
     chosen is told, and kept as ``found_shape``.
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
    help = Whether the scan gets photon noise: counts become the means of random counts
    type = bool

    [propagation]
    default = None
    help = How waves get from the sample to the detector
    type = str
    doc = ``'farfield'`` or ``'nearfield'``; ``None`` if nobody said, which means the far field.
     Saved with the frames.
    choices = ['farfield', 'nearfield']
    userlevel = 1

    [compression]
    default = None
    help = How saved frames are compressed
    type = str
    doc = ``None``: not at all; frames are mapped when they are read, and any program opens the
     file. ``'bitshuffle'``: bitshuffle and LZ4, fast to write and to read; counts shrink to a half
     or a tenth. Other programs need the filter (in Python: hdf5plugin). ``'gzip'``: smaller still,
     ten times as slow, and any program opens it. ``'auto'``: ``'bitshuffle'`` if it halves the
     first frames at least, else not at all; a run that resumes goes on as the file began.
    choices = ['gzip', 'bitshuffle', 'auto']
    userlevel = 2

    [resume]
    default = False
    help = Go on with the file that a run before left unfinished
    type = bool
    doc = Frames that ``dfile`` holds already are not loaded again: the first chunk begins with the
     next one. The file must have been prepared with the same parameters. Without such a file the
     scan begins at its first frame.
    userlevel = 1

    [timeout]
    default = None
    help = Longest time without a new frame [s]
    type = float
    doc = A scan that goes on counts as ended, loudly, when no frame has come for so long. Frames
     that came before are delivered. ``None`` waits for ever.
    userlevel = 1
    lowlim = 0

    [find_bad_pixels]
    default = False
    help = Whether pixels that do not count as others do are looked for, and not trusted
    type = bool
    doc = Dead, hot, stuck and saturated pixels are found by what the first frames, 32 at most,
     have in common, before any is prepared, and are not trusted in any frame. Rows and columns
     of the raw frame are kept as ``found_bad_pixels``.
    userlevel = 1
    """

    DEFAULT: ClassVar[Param]
