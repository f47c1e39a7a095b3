"""The first guess of the probe: an aperture, a lens, a way to go, a number of photons.

`probe_from` makes the field at the sample from the parameters ``scans.<label>.illumination``;
`aperture` draws the opening alone, for scripts.
"""

from ptypy.core.illumination._aperture import aperture
from ptypy.core.illumination._parameters import DEFAULT, illumination_desc
from ptypy.core.illumination._probe import init_storage, probe_from

__all__ = ["DEFAULT", "aperture", "illumination_desc", "init_storage", "probe_from"]
