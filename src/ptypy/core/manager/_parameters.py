"""What all scan models can be told."""

from __future__ import annotations

from ptypy.core.manager._loader import DataParameters

__all__ = ["ModelParameters"]


class ModelParameters(DataParameters):
    """How a scan is modelled, whatever the model.

    Defaults:

    [tags]
    type = list
    default = ['dummy']
    help = Words that describe the scan; they have no effect

    [propagation]
    type = str
    default = farfield
    choices = ['farfield', 'nearfield']
    help = How waves get from the sample to the detector
    doc = ``nearfield`` also where frames say so themselves.

    [ffttype]
    type = str, tuple
    default = scipy
    choices = ['numpy', 'scipy', 'fftw']
    help = Fourier transform: the words all mean the fastest, or a pair of functions, (fft2, ifft2)
    doc = Functions transform the last two axes of (..., H, W) complex numbers, scaled as those
     of :py:mod:`numpy.fft`. Engines then cannot use their compiled transforms.

    [illumination]
    type = Param, str
    default =
    help = What the probe is like in the beginning

    [sample]
    type = Param, str
    default =
    help = What the object is like in the beginning

    [resample]
    type = int, None
    default = 1
    help = Edge of a pixel of the data in pixels of the model
    doc = The wave then has ``shape * resample`` pixels, and its intensity is summed over
     ``resample`` x ``resample`` of them. In the far field the probe has room for a field so many
     times larger, for beams that are wider than the detector's pixels allow; in the near field
     it has finer pixels.
    lowlim = 1

    [sharing]
    type = Param, None
    default =
    help = What this scan has in common with others of the run
    userlevel = 1

    [sharing.probe_share_with]
    type = str
    default = None
    help = Label of the scan whose probe this one takes, too
    doc = Both need the same pixels at the sample, and frames of one shape.
    userlevel = 1

    [sharing.object_share_with]
    type = str
    default = None
    help = Label of the scan whose object this one sees, too
    doc = Both need the same pixels at the sample; the object covers the positions of both.
    userlevel = 1
    """
