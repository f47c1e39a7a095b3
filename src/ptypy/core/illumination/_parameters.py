"""The parameters ``scans.<label>.illumination``."""

from __future__ import annotations

from ptypy.utils.descriptor import EvalDescriptor
from ptypy.utils.parameters import Param

__all__ = ["DEFAULT", "illumination_desc"]

illumination_desc = EvalDescriptor("illumination")
illumination_desc.from_string(r"""
[aperture]
type = Param
default =
help = The opening that shapes the beam
doc = ``None`` for no opening. Where a `model` is given, the opening acts on it only if a `size` is
  given, too.
userlevel = 1

[aperture.rotate]
type = float
default = 0.
help = Turns the opening about the optical axis [rad]
userlevel = 2

[aperture.central_stop]
type = float
default = None
lowlim = 0.0
uplim = 1.0
help = Size of a stop in the middle, as a fraction of the opening's size
userlevel = 2

[aperture.diffuser]
type = tuple
default = None
help = Noise on the wave in the opening: (rms phase [rad], finest feature [px]), or these followed
  by (rms relative modulus, finest feature [px])
doc = The noise comes from a fixed seed: the same parameters give the same probe.
userlevel = 2

[aperture.edge]
type = float
default = 2.0
help = Width over which the opening's edge fades [px]
userlevel = 2

[aperture.form]
type = None, str
default = circ
choices = [None, 'rect', 'circ']
help = Form of the opening: ellipse, rectangle, or everything open
userlevel = 2

[aperture.offset]
type = float, tuple, list
default = 0.
help = Place of the opening's middle, beside the optical axis [m], (y, x) or one number for both
userlevel = 2

[aperture.size]
type = float, tuple, list
default = None
lowlim = 0.0
help = Diameter of the opening [m], (y, x) or one number for both
doc = ``None`` stands for a third of the field.
userlevel = 0

[diversity]
type = Param, None
default =
help = How probe modes beyond the first differ from it
doc = ``None`` for no such modes. Without effect on a single mode.
userlevel = 1

[diversity.noise]
type = tuple, list
default = (0.5,1.0)
help = Noise that makes another mode of the first: (rms phase [rad], finest feature [px]), or these
  followed by (rms relative modulus, finest feature [px])
userlevel = 1

[diversity.power]
type = tuple, float, list
default = 0.1
uplim = 1.0
lowlim = 0.0
help = Power of each further mode, relative to the first; one number for all, or one each
doc = The last of too few numbers is used for all that remain.
userlevel = 1

[diversity.shift]
type = float
default = None
help = Distance by which each further mode is shifted, in a direction of its own [px]
userlevel = 2

[model]
type = str, ndarray
default = None
help = What the wave is like before the opening
doc = ``None``: a plane wave. An array (H, W) or (modes, H, W): this field; one of another size is
  cropped or padded about its middle. A path ``'<name>.ptyr'``: the probe of an earlier
  reconstruction. ``'recon'``: that of `recon.rfile`. ``'moon'``: an example.
userlevel = 0

[photons]
type = int, float, None
default = None
lowlim = 0
help = Photons in the beam during one frame
doc = ``None``: as many as there are in the brightest frame.
userlevel = 2

[propagation]
type = Param
default =
help = The way from the opening to the sample
userlevel = 1

[propagation.antialiasing]
type = float
default = 1
help = How many times wider than the frame the field is while it propagates
userlevel = 2

[propagation.focussed]
type = None, float
default = None
help = Focal length of a perfect lens in the opening [m]
doc = ``None`` for no lens: the opening then lies in the plane in which the way to the sample
  begins.
userlevel = 0

[propagation.parallel]
type = None, float
default = None
help = Distance to the sample, from the focus if there is a lens, else from the opening [m]
userlevel = 0

[propagation.spot_size]
type = None, float
default = None
lowlim = 0.0
help = Diameter of the focal spot, from first zero to first zero [m]; gives the opening its size
userlevel = 1

[recon]
type = Param
default =
help = Where the model ``'recon'`` comes from

[recon.label]
type = None, str
default = None
help = Label of the scan whose probe is taken; the first one in the file if None
userlevel = 0

[recon.rfile]
type = str
default = \*.ptyr
help = Path of the file, which may hold wildcards; the latest of the files that fit is taken
userlevel = 0
""")

DEFAULT: Param = illumination_desc.make_default(99)
