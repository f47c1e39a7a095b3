"""One scan among the messages of a stream: what belongs to it, and what does not."""

from __future__ import annotations

from ptypy.experiment._live_buffer import Item, LiveBuffer
from ptypy.io.stream import End, Frame, Message, Places, Start
from ptypy.utils.verbose import logger

__all__ = ["Session"]

FOREIGN = "messages of another scan"


class Session:
    """Sorts messages into a buffer. The first scan that is seen, or the one asked for, counts.

    Parameters
    ----------
    buffer : LiveBuffer
    series : str, optional
        Identity of the scan that is wanted; the first that is seen if not given.
    """

    def __init__(self, buffer: LiveBuffer, series: str | None = None) -> None:
        self.buffer = buffer
        self.series = series
        self.start: Start | None = None
        """How the scan began; None if that message was missed, or did not come yet."""
        self.has_ended = False
        self._has_frames = False

    def take(self, message: Message) -> None:
        """Take a message."""
        if not self._is_ours(message):
            return
        if isinstance(message, Frame):
            if self.start is None and not self._has_frames:
                logger.warning(
                    "frame %d came before any message that starts a scan: what such a message "
                    "says of the geometry and of bad pixels is not known",
                    message.index,
                )
            self._has_frames = True
            self.buffer.offer(Item(message.index, message.data, message.position, message.mask))
        elif isinstance(message, Places):
            for index, position in zip(message.indices, message.positions, strict=True):
                self.buffer.place(index, position)
        elif isinstance(message, Start):
            self.start = message
            self.buffer.announce(message.frames)
        else:
            self.has_ended = True
            self.buffer.declare_end(message.frames)

    def _is_ours(self, message: Message) -> bool:
        series = message.series
        if series is None:
            return True
        if isinstance(message, Start) and self._is_next(series):
            logger.error(
                "scan %r began, and the end of scan %r was never declared: it counts as ended",
                series,
                self.series,
            )
            self.has_ended = True
            self.buffer.declare_end()
            return False
        if self.series is None:
            if isinstance(message, End):
                self.buffer.refuse("the end of a scan that had not begun", f"scan {series!r}")
                return False
            self.series = series
        if series != self.series:
            self.buffer.refuse(FOREIGN, f"scan {series!r} instead of {self.series!r}")
            return False
        return True

    def _is_next(self, series: str) -> bool:
        """Say whether a message starts the scan after ours."""
        begun = self.start is not None or self._has_frames
        return begun and not self.has_ended and series != self.series
