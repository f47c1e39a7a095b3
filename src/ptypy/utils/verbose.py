"""What ptypy says: log records, one-line progress, and reports of nested content.

Nothing is attached to Python's logging until the first `set_level` or `log`. With several
processes, only the master speaks, unless a record carries ``extra={'allprocesses': True}``.
"""

from __future__ import annotations

import atexit
import logging
import sys
import time
from types import TracebackType
from typing import Any, TextIO

from ptypy.errors import ParameterError
from ptypy.utils import parallel
from ptypy.utils._notebook import NotebookLine, is_in_notebook
from ptypy.utils._report import report_lines

__all__ = [
    "CITATION",
    "INSPECT",
    "INTERACTIVE",
    "LogTime",
    "Progress",
    "get_level",
    "headerline",
    "ilog_message",
    "ilog_newline",
    "ilog_streamer",
    "is_on_terminal",
    "is_written_over",
    "log",
    "logger",
    "report",
    "set_level",
]

CITATION = 45
"""Log level of papers that a run asks to be cited: shown even when little else is."""
INTERACTIVE = 35
"""Log level of somebody who sits in front of it: progress, warnings, errors."""
INSPECT = 15
"""Log level of reports of parameters and arrays."""

for _value, _name in ((CITATION, "CITATION"), (INTERACTIVE, "INTERACTIVE"), (INSPECT, "INSPECT")):
    logging.addLevelName(_value, _name)

LEVEL_NUMBERS = {
    0: logging.CRITICAL,
    1: logging.ERROR,
    2: logging.WARNING,
    3: logging.INFO,
    4: INSPECT,
    5: logging.DEBUG,
}
LEVEL_NAMES = {
    "CITATION": CITATION,
    "CRITICAL": logging.CRITICAL,
    "ERROR": logging.ERROR,
    "INTERACTIVE": INTERACTIVE,
    "WARN": logging.WARNING,
    "WARNING": logging.WARNING,
    "INFO": logging.INFO,
    "INSPECT": INSPECT,
    "DEBUG": logging.DEBUG,
}

LINE = 80
"""Width of headers and reports [characters]."""

logger = logging.getLogger("ptypy")


class _MasterSpeaks(logging.Filter):
    """Lets records through on the master, and those for all processes everywhere."""

    def filter(self, record: logging.LogRecord) -> bool:
        return bool(getattr(record, "allprocesses", False)) or parallel.master


class _Formatter(logging.Formatter):
    """Plain text for what the user follows; levels and places for what needs attention."""

    def format(self, record: logging.LogRecord) -> str:
        text = super().format(record)
        if record.levelno >= logging.WARNING and record.levelno not in {CITATION, INTERACTIVE}:
            text = f"{record.levelname} {record.name}: {text}"
        if parallel.size > 1 and getattr(record, "allprocesses", False):
            text = f"[{parallel.rank}] {text}"
        return text


class _Handler(logging.Handler):
    """Writes to whatever ``sys.stdout`` is when it speaks, so that it can be redirected."""

    def emit(self, record: logging.LogRecord) -> None:
        sys.stdout.write(_line.erasing() + self.format(record) + "\n")
        sys.stdout.flush()


class _Line:
    """The line of a terminal that is written over: what is said meanwhile does not end up in it."""

    ERASE = "\r\033[2K"

    def __init__(self) -> None:
        self._terminal: TextIO | None = None
        """Where the line stands, if it has not ended."""
        self._ends_at_exit = False

    def write(self, text: str, *, last: bool = False) -> None:
        """Write over the line; with the ``last`` text it ends."""
        sys.stdout.write(self.ERASE + text + ("\n" if last else ""))
        sys.stdout.flush()
        self._terminal = None if last else sys.stdout
        if not self._ends_at_exit:
            atexit.register(self.end)
            self._ends_at_exit = True

    def erasing(self) -> str:
        """Give the characters that remove the line, for what is to stand there; '' if none is."""
        is_there, self._terminal = self._terminal is sys.stdout, None
        return self.ERASE if is_there else ""

    def end(self) -> None:
        """Leave the line as it is: what comes, perhaps the prompt of a shell, begins a new one."""
        is_there, self._terminal = self._terminal is sys.stdout, None
        if is_there:
            sys.stdout.write("\n")
            sys.stdout.flush()


_line = _Line()
_notebook_line = NotebookLine()


def _attach() -> None:
    if any(isinstance(handler, _Handler) for handler in logger.handlers):
        return
    handler = _Handler()
    handler.setFormatter(_Formatter("%(message)s"))
    handler.addFilter(_MasterSpeaks())
    logger.addHandler(handler)
    if logger.level == logging.NOTSET:
        logger.setLevel(logging.ERROR)


def _level(level: int | str) -> int:
    """Translate 0 ... 5, a name, or a number of Python's logging into the latter."""
    if isinstance(level, str):
        name = level.strip().upper()
        if name.isdigit():
            return _level(int(name))
        if name in LEVEL_NAMES:
            return LEVEL_NAMES[name]
        raise ParameterError(
            f"no verbosity {level!r}: use 0 ... 5 or one of {', '.join(LEVEL_NAMES)}"
        )
    return LEVEL_NUMBERS.get(int(level), int(level))


def set_level(level: int | str) -> None:
    """Choose how much is said.

    Parameters
    ----------
    level : int or str
        0 to 5 for CRITICAL, ERROR, WARNING, INFO, INSPECT, DEBUG, or one of these names, or
        INTERACTIVE or CITATION.

    Raises
    ------
    ParameterError
        If there is no such level.
    """
    value = _level(level)
    _attach()
    logger.setLevel(value)


def get_level(num_or_string: str = "num") -> int | str:
    """Tell how much is said: as 0 ... 5 (``'num'``), else as a name."""
    effective = logger.getEffectiveLevel()
    if num_or_string == "num":
        return min((n for n, v in LEVEL_NUMBERS.items() if v <= effective), default=5)
    return logging.getLevelName(effective)


def log(level: int | str, msg: str, parallel: bool = False) -> None:
    """Say something.

    Parameters
    ----------
    level : int or str
        As for `set_level`.
    msg : str
    parallel : bool
        True: every process says it, not the master alone.
    """
    _attach()
    logger.log(_level(level), msg, extra={"allprocesses": parallel})


def headerline(info: str = "", align: str = "c", fill: str = "-") -> str:
    """Write ``info`` in a line of ``fill``, centred (``align='c'``) or at the left (``'l'``)."""
    text = f" {info} " if info else ""
    if align == "l":
        return (fill * 4 + text).ljust(LINE, fill)
    return text.center(LINE, fill)


def report(thing: Any, depth: int = 4, noheader: bool = False) -> str:
    """Describe nested content, one line an entry, without writing it all out.

    Parameters
    ----------
    thing : object
        Dictionaries, lists, arrays and what holds them.
    depth : int
        How many levels are opened.
    noheader : bool
        Leave out the line that names the process and the time.

    Returns
    -------
    str
    """
    lines = report_lines(thing, depth)
    if not noheader:
        lines.insert(0, f"---- Process #{parallel.rank} ---- {time.asctime()} -----")
    return "\n".join(lines)


def _somebody_watches() -> bool:
    level = logger.getEffectiveLevel()
    return level == INTERACTIVE or level <= logging.INFO


def is_on_terminal() -> bool:
    """Say whether what is said appears on a terminal, where a line can be written over."""
    isatty = getattr(sys.stdout, "isatty", None)
    return isatty is not None and bool(isatty())


def is_written_over() -> bool:
    """Say whether what `ilog_message` says takes the place of what it said before."""
    return is_on_terminal() or is_in_notebook()


def ilog_message(msg: str) -> None:
    """Write over the current line of the terminal or notebook (elsewhere, a log record)."""
    if not (parallel.master and _somebody_watches()):
        return
    if is_on_terminal():
        _line.write(msg)
    elif is_in_notebook():
        _notebook_line.write(msg)
    else:
        log(INTERACTIVE, msg)


ilog_streamer = ilog_message


def ilog_newline() -> None:
    """End the line that `ilog_message` writes over."""
    if parallel.master and _somebody_watches() and is_on_terminal():
        _line.end()
    _notebook_line.end()


class LogTime:
    """Says how long the ``with`` block it stands in took."""

    def __init__(self, label: str = "", level: int | str = "DEBUG") -> None:
        self.label = label
        self.level = level
        self.seconds = 0.0

    def __enter__(self) -> LogTime:
        self._start = time.perf_counter()
        return self

    def __exit__(self, *_: object) -> None:
        self.seconds = time.perf_counter() - self._start
        log(self.level, f"{self.label}: {self.seconds:.3f} s")


class Progress:
    """Shows how far a piece of work has come, while it goes on.

    On a terminal one line is written over, in a notebook one with a bar; elsewhere (a log file, a
    batch job) a plain line appears every few seconds. Only the master speaks, and only at the log
    levels INTERACTIVE, INFO, INSPECT and DEBUG, unless ``force``.

    >>> with Progress(100, "preparing", "frames") as progress:
    ...     for _ in range(100):
    ...         progress.update(1)

    Parameters
    ----------
    total : int or None
        Units of work there are; None if nobody knows.
    label : str
        What is being done.
    unit : str
        What is counted.
    force : bool
        Speak at any log level.
    """

    EVERY = 5.0
    """Seconds between two plain lines."""
    TERMINAL_EVERY = 0.1
    """Seconds between two refreshes of the terminal's line."""

    def __init__(
        self, total: int | None, label: str = "", unit: str = "", *, force: bool = False
    ) -> None:
        self.total = total
        self.label = label
        self.unit = unit
        self.done = 0
        self.note = ""
        self.active = parallel.master and (force or _somebody_watches())
        self._terminal = is_on_terminal()
        self._notebook = NotebookLine() if not self._terminal and is_in_notebook() else None
        self._start = self._spoken = time.perf_counter()

    def __enter__(self) -> Progress:
        self._start = self._spoken = time.perf_counter()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if not self.active:
            return
        self._write(last=True)

    def update(self, n: int = 1, note: str = "") -> None:
        """Count ``n`` more units as done; ``note`` stands at the end of the line."""
        self.done += n
        self.note = note or self.note
        if not self.active:
            return
        now = time.perf_counter()
        over = self._terminal or self._notebook is not None
        if now - self._spoken >= (self.TERMINAL_EVERY if over else self.EVERY):
            self._spoken = now
            self._write(last=False)

    def _write(self, last: bool) -> None:
        line = self._line()
        if self._terminal:
            _line.write(line[: LINE - 1], last=last)
        elif self._notebook is not None:
            self._notebook.write(line, self.done / self.total if self.total else None, last=last)
        else:
            sys.stdout.write(line + "\n")
            sys.stdout.flush()

    def _line(self) -> str:
        seconds = time.perf_counter() - self._start
        rate = self.done / seconds if seconds > 0 else 0.0
        parts = [f"{self.label}:" if self.label else "", str(self.done)]
        if self.total:
            parts += ["/", str(self.total)]
        parts.append(self.unit)
        if rate > 0:
            parts.append(f"({rate:.0f}/s)" if rate >= 100 else f"({rate:.3g}/s)")
        if self.total and 0 < self.done < self.total:
            parts.append(f"{(self.total - self.done) / rate:.0f} s left")
        parts.append(self.note)
        return " ".join(part for part in parts if part).replace(" / ", "/")
