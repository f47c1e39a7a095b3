"""Frames straight from a Dectris detector: Stream V1 and V2."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import ClassVar

from ptypy.core.data import register
from ptypy.errors import Fault, ParameterError
from ptypy.experiment._live_receiver import Channel
from ptypy.experiment._live_stream import PATTERNS, WRONG_PATTERN, StreamScan, see_address
from ptypy.io.stream import Message, Places, read_dectris, read_plain
from ptypy.utils.parameters import Param

__all__ = ["DectrisStream"]


@register()
class DectrisStream(StreamScan):
    """Receive frames from a Dectris detector, by Stream V1 (JSON) or V2 (CBOR).

    Which of the two it is, messages show. Energy, distance, pixel size and pixel mask come with
    the start message, in V1 if the detector's ``header_detail`` is ``basic`` (no mask) or ``all``.
    Pixels with the largest count of their type hold nothing, and are not trusted.

    The detector knows no positions: give `positions_theory` or `positions.file`, or let who moves
    the stage send them in the plain form (``docs/reference/live-messages.md``) to
    `position_address`.

    Examples
    --------
    >>> from ptypy.experiment import DectrisStream
    >>> scan = DectrisStream(address="tcp://127.0.0.1:31001", shape=256)

    Defaults:

    [name]
    default = 'DectrisStream'
    help = Receive frames from a Dectris detector
    type = str

    [channel]
    default = None
    help = Which image to use where there are several, one for each threshold
    type = str
    doc = Of Stream V2, such as ``'threshold_1'``. The first if ``None``.

    [position_address]
    default = None
    help = Where positions come from, in the plain form, such as tcp://127.0.0.1:5556
    type = str

    [position_pattern]
    default = 'pull'
    help = 'pull' for a sender that pushes, 'sub' for one that publishes
    type = str

    [position_bind]
    default = False
    help = Whether the sender of positions connects to us, instead of we to it
    type = bool
    """

    CHANGES_NO_FRAME: ClassVar[frozenset[str]] = StreamScan.CHANGES_NO_FRAME | {
        "position_address", "position_pattern", "position_bind",
    }  # fmt: skip
    MARKS_PIXELS: ClassVar[bool] = True

    def _reader(self) -> Callable[[list[memoryview]], Message | None]:
        return partial(read_dectris, largest=self._largest, channel=self.info.channel)

    def _channels(self) -> list[Channel]:
        channels = super()._channels()
        info = self.info
        if info.position_address is not None:
            channels.append(
                Channel(
                    "position_address",
                    info.position_address,
                    info.position_pattern,
                    bool(info.position_bind),
                    partial(_only_places, largest=self._largest),
                    carries_frames=False,
                )
            )
        return channels

    def _validate(self, p: Param) -> None:
        super()._validate(p)
        faults = see_address("position_address", p.position_address)
        if p.position_pattern not in PATTERNS:
            faults.append(Fault("position_pattern", repr(p.position_pattern), WRONG_PATTERN))
        if faults:
            raise ParameterError(faults)


def _only_places(parts: list[memoryview], largest: int) -> Message | None:
    """Read positions; who moves the stage knows other names for the scan than the detector."""
    message = read_plain(parts, largest)
    return replace(message, series=None) if isinstance(message, Places) else None
