"""One scan among the messages of a stream: what belongs to it, and what does not."""

from __future__ import annotations

from ptypy.errors import DataError
from ptypy.experiment._live_buffer import Item, LiveBuffer
from ptypy.io.stream import End, Frame, Message, Places, Start
from ptypy.utils.verbose import logger

__all__ = ["Session"]

FOREIGN = "messages of another scan"


class Session:
    """Sorts messages into a buffer. The first scan that is seen, or the one asked for, counts.

    A scan that is taken up again ends with an error when another begins before it goes on: the
    frames of the other do not belong to the file.

    Parameters
    ----------
    buffer : LiveBuffer
    series : str, optional
        Identity of the scan that is wanted; the first that is seen if not given.
    going_on : path, optional
        The file that said so, if it holds frames of this scan.
    """

    def __init__(
        self, buffer: LiveBuffer, series: str | None = None, going_on: str | None = None
    ) -> None:
        self.buffer = buffer
        self.series = series
        self.start: Start | None = None
        """How the scan began; None if that message was missed, or did not come yet."""
        self.has_ended = False
        self._has_frames = False
        self._going_on = going_on

    def take(self, message: Message) -> None:
        """Take a message.

        Raises
        ------
        DataError
            If it belongs to another scan than that which is taken up again.
        """
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
        has_come = self.start is not None or self._has_frames
        if (
            series != self.series
            and self._going_on
            and not has_come
            and isinstance(message, Start | Frame)
        ):
            raise DataError(
                f"scan {series!r} comes, and {self._going_on} holds frames of scan "
                f"{self.series!r}: give another `dfile`, or prepare it anew, without `resume`"
            )
        if series != self.series:
            self.buffer.refuse(FOREIGN, f"scan {series!r} instead of {self.series!r}")
            return False
        return True

    def _is_next(self, series: str) -> bool:
        """Say whether a message starts the scan after ours."""
        begun = self.start is not None or self._has_frames
        return begun and not self.has_ended and series != self.series
