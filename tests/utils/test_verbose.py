"""What ptypy says, to whom, and that saying it never stops a run."""

import logging
import subprocess
import sys
from collections import deque
from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from ptypy.errors import ParameterError
from ptypy.utils import verbose
from ptypy.utils.parameters import Param
from ptypy.utils.verbose import Progress, get_level, headerline, log, logger, report, set_level


def lines(thing, **kwargs):
    return [" ".join(line.split()) for line in report(thing, noheader=True, **kwargs).splitlines()]


def test_a_report_shows_names_sizes_and_small_values():
    text = lines(Param(a=1, b={"c": "x"}, h=np.zeros((3, 4)), e=np.arange(3), f=[1, 2], g=None))
    assert text[0].endswith(": Param(6)")
    assert text[1:] == [
        "* a : 1",
        "* b : dict(1)",
        "* c : x",
        "* h : [3x4 float64 array]",
        "* e : [array = [0 1 2]]",
        "* f : list(2)= [1, 2]",
        "* g : None",
    ]


def test_a_report_is_headed_by_process_and_time():
    assert report(1).splitlines()[0].startswith("---- Process #0 ---- ")
    assert len(report(1).splitlines()) == len(lines(1)) + 1


def test_long_lists_show_their_length_and_first_members():
    text = lines(list(range(1000)))
    assert text[0].endswith(": list(1000)")
    assert [line.split(" : ")[1] for line in text[1:]] == ["0", "1", "2", "3", "4", "...."]


def test_a_report_opens_as_many_levels_as_asked():
    nested = {"a": {"b": {"c": 1}}}
    assert len(lines(nested, depth=1)) == 2
    assert len(lines(nested, depth=3)) == 4


def test_names_and_lines_have_a_width():
    text = report({"n" * 100: "v" * 100}, noheader=True)
    assert max(len(line) for line in text.splitlines()) == 80
    assert "n" * 25 in text
    assert "n" * 26 not in text


class Broken:
    def __str__(self):
        raise RuntimeError("no")

    __repr__ = __str__

    def __len__(self):
        raise RuntimeError("no")


@pytest.mark.parametrize(
    "thing",
    [
        np.array(7.2),
        np.array("text"),
        set(range(1000)),
        Broken(),
        [Broken()],
        Param,
        b"\xff",
        np.ma.masked_all(3),
        np.zeros(3, dtype=[("a", int)]),
        range(10),
        "two\nlines",
        (),
        {},
        {Broken(): Broken()},
        sparse.eye(3, format="csr"),
        sparse.coo_array(np.ones(4)),
        set(),
        frozenset({(1, 2)}),
        {"a": {"b": {"c": {"d": {"e": {}}}}}},
        np.array([], dtype=object),
        np.array([{}, "two\nlines"], dtype=object),
        np.array("two\nlines"),
        {"two\nlines": 1},
        np.float64(1),
        np.void(b"ab"),
        deque([1]),
        ...,
    ],
)
def test_a_report_never_fails(thing):
    for whole in (thing, {"x": thing}, [thing]):
        text = report(whole, noheader=True)
        assert all(line.lstrip().startswith("*") for line in text.splitlines())


def test_what_has_a_shape_but_no_length_is_shown_as_an_array():
    text = lines({"s": sparse.eye(3, format="csr", dtype=np.float32)})
    assert text[1] == "* s : [3x3 float32 csr_matrix]"


def test_a_set_of_thousands_shows_its_size_and_a_few_members():
    assert lines(set(range(100_000)))[0].endswith(": set(100000)")
    assert len(lines(set(range(100_000)))) == 7


def test_a_report_of_what_contains_itself_ends():
    endless = {}
    endless["again"] = endless
    assert len(lines(endless)) == 5


@given(
    st.recursive(
        st.none() | st.integers() | st.floats() | st.text(),
        lambda inner: (
            st.lists(inner) | st.dictionaries(st.integers() | st.text(), inner) | st.tuples(inner)
        ),
    )
)
@settings(deadline=None, max_examples=50)
def test_any_content_is_reported_within_the_width(thing):
    assert all(len(line) <= 80 for line in report(thing, noheader=True).splitlines())
    assert len(report(thing, noheader=True).splitlines()) == len(lines(thing))


@pytest.mark.parametrize(
    ("level", "value"),
    [
        (0, logging.CRITICAL),
        (1, logging.ERROR),
        (2, logging.WARNING),
        (3, logging.INFO),
        (4, verbose.INSPECT),
        (5, logging.DEBUG),
        ("interactive", verbose.INTERACTIVE),
        ("CITATION", verbose.CITATION),
        ("WARN", logging.WARNING),
        ("3", logging.INFO),
        (logging.INFO, logging.INFO),
    ],
)
def test_a_level_has_a_number_and_a_name(level, value):
    set_level(level)
    assert logger.level == value


def test_the_level_can_be_asked_for():
    set_level("INSPECT")
    assert get_level() == 4
    assert get_level("string") == "INSPECT"


def test_a_level_that_is_none_says_which_there_are():
    with pytest.raises(ParameterError, match=r"'loud'.*INTERACTIVE"):
        set_level("loud")


def test_what_is_said_depends_on_the_level(capsys):
    set_level("INFO")
    log(3, "prepared")
    log("DEBUG", "detail")
    logger.warning("careful")
    assert capsys.readouterr().out == "prepared\nWARNING ptypy: careful\n"


def test_setting_the_level_twice_does_not_say_things_twice(capsys):
    set_level(3)
    set_level(3)
    log(3, "once")
    assert capsys.readouterr().out == "once\n"


def test_nothing_speaks_before_somebody_asks_for_it():
    script = "import ptypy.utils as u, logging; print(logging.getLogger('ptypy').handlers)"
    result = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert result.stdout.strip() == "[]"


def test_headers_are_as_wide_as_a_line():
    assert headerline("DM", fill="=").startswith("=" * 38 + " DM ")
    assert headerline("DM", "l").startswith("---- DM -----")
    assert {len(headerline("DM")), len(headerline()), len(headerline("DM", "l"))} == {80}


def test_progress_is_silent_unless_somebody_watches(capsys):
    for level, expected in (("ERROR", ""), ("WARNING", ""), ("INFO", "preparing: 4/4 frames")):
        set_level(level)
        with Progress(4, "preparing", "frames") as progress:
            progress.update(4)
        assert capsys.readouterr().out.startswith(expected)
        assert bool(expected) == progress.active


def test_progress_in_a_log_file_is_a_plain_line_now_and_then(capsys, monkeypatch):
    monkeypatch.setattr(Progress, "EVERY", 0.0)
    with Progress(None, force=True) as progress:
        progress.update(note="error 0.1")
        progress.update()
    out = capsys.readouterr().out.splitlines()
    assert len(out) == 3
    assert out[0].startswith("1 ")
    assert all(line.endswith("error 0.1") for line in out)
    assert not any("\r" in line for line in out)


class Terminal:
    def __init__(self):
        self.text = ""

    def write(self, text):
        self.text += text

    def flush(self):
        pass

    def isatty(self):
        return True


def test_progress_on_a_terminal_writes_over_one_line(monkeypatch):
    terminal = Terminal()
    monkeypatch.setattr(sys, "stdout", terminal)
    monkeypatch.setattr(Progress, "TERMINAL_EVERY", 0.0)
    with Progress(3, "loading", force=True) as progress:
        for _ in range(3):
            progress.update()
    assert terminal.text.count("\r") == 4
    assert terminal.text.count("\n") == 1


def test_progress_ends_its_line_when_the_work_fails(monkeypatch):
    terminal = Terminal()
    monkeypatch.setattr(sys, "stdout", terminal)
    with suppress(RuntimeError), Progress(3, force=True) as progress:
        progress.update()
        raise RuntimeError("the disk is full")
    assert terminal.text.endswith("\n")


def test_what_is_logged_takes_the_place_of_a_line_that_is_written_over(monkeypatch):
    terminal = Terminal()
    monkeypatch.setattr(sys, "stdout", terminal)
    set_level("INTERACTIVE")
    verbose.ilog_message("half of it")
    logger.error("the disk is full")
    logger.error("again")
    said = "ERROR ptypy: the disk is full\nERROR ptypy: again\n"
    assert terminal.text == "\r\033[2Khalf of it\r\033[2K" + said


def test_a_line_that_nobody_ended_is_ended_when_the_program_is_left():
    script = (
        "import sys, ptypy.utils as u\n"
        "sys.stdout.isatty = lambda: True\n"
        "u.verbose.set_level('INFO')\n"
        "u.verbose.ilog_message('half of it')\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True)
    assert done.stdout == b"\r\033[2Khalf of it\n"


def test_interactive_messages_write_over_one_line_on_a_terminal(monkeypatch, capsys):
    set_level("INTERACTIVE")
    verbose.ilog_message("one")
    verbose.ilog_newline()
    assert capsys.readouterr().out == "one\n"
    terminal = Terminal()
    monkeypatch.setattr(sys, "stdout", terminal)
    verbose.ilog_streamer("two")
    verbose.ilog_newline()
    assert terminal.text == "\r\033[2Ktwo\n"
    set_level("ERROR")
    verbose.ilog_message("three")
    assert "three" not in terminal.text


def test_the_time_a_block_takes_can_be_logged(capsys):
    set_level("DEBUG")
    with verbose.LogTime("sleeping") as clock:
        pass
    assert clock.seconds >= 0
    assert capsys.readouterr().out.startswith("sleeping: 0.0")
