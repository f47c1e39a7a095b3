"""Frames from whoever can send a header and bytes through ZeroMQ."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from ptypy.core.data import register
from ptypy.experiment._live_stream import StreamScan
from ptypy.io.stream import Message, read_plain

__all__ = ["ZmqStream"]


@register()
class ZmqStream(StreamScan):
    """Receive frames in the plain form: a header in JSON, then the bytes of the frame.

    The form is described in ``docs/reference/live-messages.md``; in Python a frame is sent by

    ``socket.send_multipart([json.dumps(header).encode(), frame.tobytes()])``

    Examples
    --------
    >>> from ptypy.experiment import ZmqStream
    >>> scan = ZmqStream(address="tcp://127.0.0.1:5555", shape=128, timeout=60)

    Defaults:

    [name]
    default = 'ZmqStream'
    help = Receive frames in the plain form through ZeroMQ
    type = str
    """

    def _reader(self) -> Callable[[list[memoryview]], Message | None]:
        return partial(read_plain, largest=self._largest)
