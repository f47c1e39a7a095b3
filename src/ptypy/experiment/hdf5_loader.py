"""Scans whose frames and positions lie in HDF5 files: the loader most beamlines need."""

from __future__ import annotations

from ptypy import defaults_tree
from ptypy.core.data import register
from ptypy.experiment._hdf5_scan import Hdf5Scan

__all__ = ["Hdf5Loader", "Hdf5LoaderFast"]


@register()
@defaults_tree.parse_doc("scandata.Hdf5Loader")
class Hdf5Loader(Hdf5Scan):
    """Read frames, positions, masks and corrections from HDF5 files.

    Every group of parameters names a ``file`` and, inside it, the ``key`` of a dataset.

    Frames are ``(K, rows, columns)``, or ``(A, B, rows, columns)`` for a raster. Positions are
    one a frame, or one a line (slow) and one a column (fast). They are multiplied to metres and
    become ``(slow, fast) = (y, x)``; where a multiplier is 1 or -1, units that the dataset names
    (``@units``) are converted. Corrections follow one another: dark, flat, normalisation, mask,
    padding.

    Defaults:

    [name]
    default = 'Hdf5Loader'
    type = str
    help = Read frames and positions from HDF5 files

    [intensities.file]
    default = None
    type = str
    help = File that holds the frames
    needed = yes

    [intensities.key]
    default = None
    type = str
    help = Dataset of the frames, shape (K, rows, columns) or (A, B, rows, columns)
    needed = yes

    [positions.file]
    default = None
    type = str
    help = File that holds the motor positions
    needed = positions_theory

    [positions.slow_key]
    default = None
    type = str
    help = Dataset of the slow motor, which becomes y
    needed = positions_theory

    [positions.slow_multiplier]
    default = 1.0
    type = float
    help = Factor that turns slow positions into metres, 1e-6 for micrometres

    [positions.slow_index]
    default = None
    type = int
    help = Entry along the first axis of the slow dataset, where several motors share one

    [positions.fast_key]
    default = None
    type = str
    help = Dataset of the fast motor, which becomes x
    needed = positions_theory

    [positions.fast_multiplier]
    default = 1.0
    type = float
    help = Factor that turns fast positions into metres, 1e-6 for micrometres

    [positions.fast_index]
    default = None
    type = int
    help = Entry along the first axis of the fast dataset, where several motors share one

    [positions.bounding_box.fast_axis_bounds]
    default = None
    type = None, int, tuple, list
    help = Use only these columns of the scan: first and last + 1, or the first alone

    [positions.bounding_box.slow_axis_bounds]
    default = None
    type = None, int, tuple, list
    help = Use only these lines of the scan: first and last + 1, or the first alone

    [positions.skip]
    default = 1
    type = int
    lowlim = 1
    help = Use every n-th line and column of the scan

    [mask.file]
    default = None
    type = str
    help = File that holds the mask

    [mask.key]
    default = None
    type = str
    help = Dataset of the mask, non-zero where a pixel may be trusted

    [mask.invert]
    default = False
    type = bool
    help = Set if non-zero marks bad pixels instead, as detectors and CXI files do

    [flatfield.file]
    default = None
    type = str
    help = File that holds the flat field

    [flatfield.key]
    default = None
    type = str
    help = Dataset of the flat field, by which frames are divided

    [darkfield.file]
    default = None
    type = str
    help = File that holds the dark frame

    [darkfield.key]
    default = None
    type = str
    help = Dataset of the dark frame, which is subtracted; what falls below zero becomes zero

    [normalisation.file]
    default = None
    type = str
    help = File that holds a beam monitor

    [normalisation.key]
    default = None
    type = str
    help = Dataset of the beam monitor, one reading a frame

    [normalisation.sigma]
    default = 3
    type = int
    help = Readings further from their mean than this many standard deviations are not believed

    [framefilter.file]
    default = None
    type = str
    help = File that holds a choice of frames

    [framefilter.key]
    default = None
    type = str
    help = Dataset with one entry a frame, non-zero for frames to use

    [recorded_energy.file]
    default = None
    type = str
    help = File that holds the photon energy

    [recorded_energy.key]
    default = None
    type = str
    help = Dataset of the photon energy

    [recorded_energy.multiplier]
    default = 1.0
    type = float
    help = Factor that turns the recorded energy into keV, 1e-3 for eV

    [recorded_energy.offset]
    default = 0.0
    type = float
    help = Added after multiplying [keV]

    [recorded_distance.file]
    default = None
    type = str
    help = File that holds the distance from sample to detector

    [recorded_distance.key]
    default = None
    type = str
    help = Dataset of the distance

    [recorded_distance.multiplier]
    default = 1.0
    type = float
    help = Factor that turns the recorded distance into metres

    [recorded_distance.offset]
    default = 0.0
    type = float
    help = Added after multiplying [m]

    [recorded_psize.file]
    default = None
    type = str
    help = File that holds the size of a detector pixel

    [recorded_psize.key]
    default = None
    type = str
    help = Dataset of the pixel size: one number, or (y, x)

    [recorded_psize.multiplier]
    default = 1.0
    type = float
    help = Factor that turns the recorded pixel size into metres

    [shape]
    default = None

    [outer_index]
    default = None
    type = int
    help = Scan to read, where one dataset holds several along its first axis

    [padding]
    default = None
    type = int, tuple, list
    help = Pixels to add at the top, bottom, left and right of every frame; they are not trusted

    [electron_data]
    default = False
    type = bool
    help = Take the energy for that of electrons, whose wavelength is another than that of photons
    doc = The energy of prepared frames is that of photons with this wavelength.

    [saturation]
    default = None
    type = float
    help = Counts from which on a pixel is not trusted
    doc = If ``None``, the largest value that unsigned integers of the dataset can have. Negative
     integers are never trusted.

    [frameorder.indices]
    default = None
    type = list, ndarray
    help = Frames to use, in this order
    """


@register()
@defaults_tree.parse_doc("scandata.Hdf5LoaderFast")
class Hdf5LoaderFast(Hdf5Loader):
    """`Hdf5Loader` by its other name; there is one way to read, and it is the fast one.

    Defaults:

    [name]
    default = 'Hdf5LoaderFast'
    type = str
    help = Read frames and positions from HDF5 files
    """
