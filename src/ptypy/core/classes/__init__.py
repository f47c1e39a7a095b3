"""Arrays that know where they lie: containers of storages, seen through views and pods.

A `Storage` is a stack of layers with a pixel size and an origin; a `Container` holds the
storages of one kind (all probes, all objects, all frames); a `View` is a window on one layer
of a storage, and a `POD` ties the views together that one diffraction pattern needs.

Reconstructions work on whole arrays of `Addresses`; views and pods are made when somebody
asks for them, to look at or to write an algorithm with.
"""

from ptypy.core.classes._addresses import Addresses
from ptypy.core.classes._base import Base
from ptypy.core.classes._container import Container
from ptypy.core.classes._pod import POD
from ptypy.core.classes._storage import Storage
from ptypy.core.classes._view import DEFAULT_ACCESSRULE, View

__all__ = ["DEFAULT_ACCESSRULE", "POD", "Addresses", "Base", "Container", "Storage", "View"]
