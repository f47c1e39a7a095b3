"""What the scans share that listen to ZeroMQ."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from ptypy.core.data import register
from ptypy.errors import Fault, ParameterError
from ptypy.experiment._live import MEGABYTE, LiveScan, Source
from ptypy.experiment._live_buffer import LiveBuffer
from ptypy.experiment._live_receiver import Channel, Receiver
from ptypy.experiment._live_session import Session
from ptypy.io.stream import Message, Start
from ptypy.utils.parameters import Param

__all__ = ["PATTERNS", "WRONG_PATTERN", "StreamScan", "see_address"]

PATTERNS = ("pull", "sub")
WRONG_PATTERN = "must be 'pull' or 'sub'"


@register()
class StreamScan(LiveScan):
    """What loaders share that receive frames through ZeroMQ.

    A thread takes messages as they come. With PUSH and PULL a full buffer makes the sender wait;
    with PUB and SUB messages are then dropped, and counted by the indices that are missing.

    Defaults:

    [address]
    default = None
    help = Where the frames come from, such as tcp://127.0.0.1:5555
    type = str
    userlevel = 0
    needed = yes

    [pattern]
    default = 'pull'
    help = 'pull' for a sender that pushes, 'sub' for one that publishes
    type = str
    doc = Of what is pushed every message goes to one receiver; what is published, to all that
     listen at that time.

    [bind]
    default = False
    help = Whether the sender connects to us, instead of we to it
    type = bool
    doc = ``address`` is then one of this machine; with the port ``*`` a free one is taken, see
     `addresses`. An address other than 127.0.0.1 lets every machine of the network send.

    [series]
    default = None
    help = Which scan to take, as the sender names it
    type = str, int
    doc = The first that is seen, if ``None``. What belongs to others is refused, and counted.

    [high_water]
    default = 100
    help = Number of messages that ZeroMQ keeps while the buffer is full
    type = int
    userlevel = 2
    lowlim = 1

    [largest_message]
    default = 256
    help = Largest size of a part of a message, and of a frame [MB]
    type = int
    doc = What is larger is refused, and counted.
    userlevel = 2
    lowlim = 1
    """

    CHANGES_NO_FRAME: ClassVar[frozenset[str]] = LiveScan.CHANGES_NO_FRAME | {
        "address", "pattern", "bind", "series", "high_water", "largest_message",
    }  # fmt: skip

    _session: Session | None = None

    @property
    def addresses(self) -> list[str]:
        """Addresses in use, on the master, once the scan was initialized."""
        return self._source.addresses if isinstance(self._source, Receiver) else []

    def _reader(self) -> Callable[[list[memoryview]], Message | None]:
        """Give the function that reads messages of frames. Override me.

        It must not refer to the scan, which could not be let go then.
        """
        raise NotImplementedError

    def _channels(self) -> list[Channel]:
        """Give what to listen to."""
        info = self.info
        reader = self._reader()
        return [Channel("address", info.address, info.pattern, bool(info.bind), reader)]

    @property
    def _largest(self) -> int:
        return int(self.info.largest_message) * MEGABYTE

    def _connect(self, buffer: LiveBuffer) -> Source:
        series = None if self.info.series is None else str(self.info.series)
        saved = self._saved
        if series is not None and saved.series is not None and series != saved.series:
            remedy = f"is not the scan that {saved.path} holds frames of, {saved.series!r}"
            raise ParameterError([Fault("series", repr(self.info.series), remedy)])
        going_on = saved.path if series is None and saved.series is not None else None
        self._session = Session(buffer, series or saved.series, going_on)
        return Receiver(
            self._channels(),
            self._session,
            buffer,
            high_water=int(self.info.high_water),
            largest=self._largest,
        )

    def _found(self) -> Start | None:
        return None if self._session is None else self._session.start

    def _series(self) -> str | None:
        return None if self._session is None else self._session.series

    def _validate(self, p: Param) -> None:
        super()._validate(p)
        faults = see_address("address", p.address or "")
        if p.pattern not in PATTERNS:
            faults.append(Fault("pattern", repr(p.pattern), WRONG_PATTERN))
        if faults:
            raise ParameterError(faults)


def see_address(name: str, value: Any) -> list[Fault]:
    """Refuse what is no address."""
    if value is None or (isinstance(value, str) and "://" in value):
        return []
    return [Fault(name, repr(value), "must be an address such as 'tcp://127.0.0.1:5555'")]
