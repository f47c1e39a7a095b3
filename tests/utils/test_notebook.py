"""In a notebook, progress is one line with a bar; the kernel's own code does the displaying."""

import subprocess
import sys
import types

import numpy as np
import pytest

from ptypy.utils import verbose
from ptypy.utils.markup import card, fold, lines, table
from ptypy.utils.parameters import Param
from ptypy.utils.thumbnail import image


class Display:
    """Keeps what would be shown, as ``IPython.display.display(..., display_id=True)`` does."""

    def __init__(self):
        self.shown = []

    def display(self, thing, display_id):
        assert display_id is True
        self.shown.append([thing])
        place = self.shown[-1]
        return types.SimpleNamespace(update=place.append)


@pytest.fixture
def notebook(monkeypatch):
    """Stand in for the parts of IPython that a kernel brings."""
    held = Display()
    shell = types.SimpleNamespace(kernel=object())
    ipython = types.ModuleType("IPython")
    ipython.get_ipython = lambda: shell
    module = types.ModuleType("IPython.display")
    module.display = held.display
    monkeypatch.setitem(sys.modules, "IPython", ipython)
    monkeypatch.setitem(sys.modules, "IPython.display", module)
    return held


def test_progress_in_a_notebook_is_one_line_that_ends_full(notebook, capsys):
    with verbose.Progress(4, "reconstructing", "iterations", force=True) as progress:
        progress.TERMINAL_EVERY = 0.0
        for _ in range(4):
            progress.update(1, "residual <0.1>")
    (line,) = notebook.shown
    assert "reconstructing: 4/4 iterations" in repr(line[-1])
    assert len(line) >= 4
    html = line[-1]._repr_html_()
    assert "width:100.0%" in html
    assert "&lt;0.1&gt;" in html
    assert capsys.readouterr().out == ""


def test_messages_that_are_written_over_take_one_line_in_a_notebook(notebook):
    verbose.set_level("INFO")
    verbose.ilog_message("10 frames")
    verbose.ilog_message("20 frames")
    verbose.ilog_newline()
    verbose.ilog_message("another scan")
    verbose.ilog_newline()
    assert [[repr(text) for text in line] for line in notebook.shown] == [
        ["10 frames", "20 frames"],
        ["another scan"],
    ]


def test_a_shell_in_a_terminal_is_no_notebook(notebook, capsys):
    sys.modules["IPython"].get_ipython = types.SimpleNamespace
    with verbose.Progress(1, "work", force=True) as progress:
        progress.update(1)
    assert notebook.shown == []
    assert "work: 1/1" in capsys.readouterr().out


def test_a_tree_of_parameters_folds_and_says_what_it_holds():
    tree = Param(run="<b>moon</b>", scans=Param(a=Param(data=Param(shape=128))))
    tree.big = np.zeros((1000, 1000), np.float32)
    tree.itself = tree
    html = tree._repr_html_()
    assert html.count("<details") == 4
    assert "&lt;b&gt;moon" in html
    assert "<b>moon" not in html
    assert "1000 x 1000, float32" in html
    # What scripts rely on stays.
    assert repr(Param(a=1)) == "Param({'a': 1})"
    assert str(Param(a=1)).count("\n") == 1


def test_a_tree_is_shown_without_loading_anything_heavy():
    script = (
        "import sys; from ptypy.utils.parameters import Param; Param(a=Param(b=1))._repr_html_(); "
        "print([m for m in ('matplotlib', 'IPython', 'h5py', 'scipy') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


def test_markup_escapes_text_and_embeds_pictures():
    evil = "<script>alert(1)</script>"
    html = card(evil, table({evil: evil}) + fold(evil, "inside"), note=evil)
    assert "<script" not in html
    picture = image(np.eye(64), f"'{evil}'")
    assert "data:image/png;base64," in picture
    assert "<script" not in picture
    assert lines("Title", {"a": "1", "long": "2"}) == "Title\n  a     1\n  long  2"
