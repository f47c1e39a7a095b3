"""The parameters ``scans.<label>.sample``."""

from __future__ import annotations

from ptypy.utils.descriptor import EvalDescriptor
from ptypy.utils.parameters import Param

__all__ = ["DEFAULT", "sample_desc"]

sample_desc = EvalDescriptor("sample")
sample_desc.from_string(r"""
[model]
type = str, ndarray
default = None
help = What is known of the sample
doc = ``None``: nothing, it is flat. An array (H, W) or (modes, H, W), complex: its transmission,
  the middle of the array in the middle of the scanned region. A path ``'<name>.ptyr'``: the object
  of an earlier reconstruction, at its coordinates. ``'recon'``: that of `recon.rfile`. ``'stxm'``:
  the transmission picture, the root of the photons of each frame over those of the brightest, at
  its position. ``'flower'`` and ``'tree'``: examples.
userlevel = 0

[fill]
type = float, complex
default = 1
help = Transmission wherever nothing is known
userlevel = 1

[recon]
type = Param
default =
help = Where the model ``'recon'`` comes from

[recon.rfile]
type = str
default = \*.ptyr
help = Path of the file, which may hold wildcards; the latest of the files that fit is taken
doc = The object of the same name is taken, or the only one that the file holds.
userlevel = 0

[stxm]
type = Param
default =
help = Settings of the model ``'stxm'``

[stxm.label]
type = str
default = None
help = Label of the scan that the picture comes from; its own if None
userlevel = 1

[process]
type = Param, None
default =
help = What is done with the model; ``None`` for nothing
userlevel = 1

[process.offset]
type = tuple, list
default = (0,0)
help = Shift of the model [px], (y, x), towards larger coordinates
userlevel = 2

[process.zoom]
type = list, tuple, float
default = None
lowlim = 0.0
help = Magnification of the model, (y, x) or one number for both
userlevel = 2

[process.formula]
type = str
default = None
help = Chemical formula that gives the index of refraction; not supported yet
userlevel = 2

[process.density]
type = float
default = 1
help = Density that goes with `formula` [g/ccm]; not supported yet
userlevel = 2

[process.thickness]
type = float
default = 1e-06
help = Thickness of the sample where a real model is one [m]
userlevel = 2

[process.ref_index]
type = list, tuple
default = (0.5, 0.0)
lowlim = 0.0
help = (delta, beta): the index of refraction is 1 - delta + i beta
doc = A real model is a map of thickness, in units of `thickness`, if this or `thickness` is given
  other values than by default; else it is a transmission, as a complex model always is.
userlevel = 2

[process.smoothing]
type = int
default = 2
lowlim = 0
help = Width by which a map of thickness is smoothed [px]
userlevel = 2

[diversity]
type = Param
default =
help = How object modes beyond the first differ from it
doc = Without effect on a single mode, or where the model brings all modes. All modes together let
  through as much light as the first alone would.

[diversity.noise]
type = tuple
default = None
help = Noise that makes another mode of the first: (rms phase [rad], finest feature [px]), or these
  followed by (rms relative modulus, finest feature [px])
userlevel = 1

[diversity.power]
type = tuple, float
default = 0.1
help = Power of each further mode, relative to the first
userlevel = 1

[diversity.shift]
type = float
default = None
help = Distance by which each further mode is shifted [px]
userlevel = 2
""")

DEFAULT: Param = sample_desc.make_default(99)
