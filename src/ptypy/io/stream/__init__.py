"""Messages of live streams: bytes in, frames and positions out. No sockets here.

Three forms are read: the plain one of ptypy (``docs/reference/live-messages.md``), and Stream V1
and V2 of Dectris detectors. What a message holds is checked, never unpickled or evaluated.
"""

from __future__ import annotations

from ptypy.io.stream._cbor import Tag, read_cbor
from ptypy.io.stream._dectris import read_dectris
from ptypy.io.stream._messages import End, Frame, Message, Places, Start
from ptypy.io.stream._payload import unpack
from ptypy.io.stream._plain import read_plain

__all__ = [
    "End",
    "Frame",
    "Message",
    "Places",
    "Start",
    "Tag",
    "read_cbor",
    "read_dectris",
    "read_plain",
    "unpack",
]
