"""The first guess of the object: flat, an array, an example, or what was seen before.

`object_from` makes the transmission of the sample from ``scans.<label>.sample``,
`object_modes_from` several of them.
"""

from ptypy.core.sample._object import object_from, object_modes_from
from ptypy.core.sample._parameters import DEFAULT, sample_desc
from ptypy.core.sample._seen import Region

__all__ = ["DEFAULT", "Region", "object_from", "object_modes_from", "sample_desc"]
