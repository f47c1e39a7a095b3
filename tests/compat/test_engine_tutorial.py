"""The tutorial on engines and its script say the same, whatever the number of processes."""

import ast
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "tutorials" / "writing-an-engine.md"
SCRIPT = ROOT / "examples" / "own_engine.py"
CONTRACT = ROOT / "examples" / "test_own_engine.py"


def prompted():
    """Give the code that the page types at the prompt, without its output."""
    lines = [line for line in PAGE.read_text().splitlines() if re.match(r"(>>>|\.\.\.)( |$)", line)]
    return "\n".join(line[4:] for line in lines)


def methods(text):
    """Give the methods of all classes of a text, without docstrings."""
    found = {}
    for cls in ast.walk(ast.parse(text)):
        for node in cls.body if isinstance(cls, ast.ClassDef) else []:
            if isinstance(node, ast.FunctionDef):
                skipped = ast.get_docstring(node) is not None
                found[cls.name, node.name] = ast.dump(ast.Module(node.body[skipped:], []))
    return found


def test_the_engines_of_the_script_are_those_that_the_page_writes():
    assert methods(prompted()) == methods(SCRIPT.read_text())


def test_their_parameters_are_those_that_the_page_declares():
    declared = re.compile(r"Defaults:\n(.*?)\"\"\"", re.DOTALL)
    of_page, of_script = (declared.findall(text) for text in (prompted(), SCRIPT.read_text()))
    assert [text.split() for text in of_page] == [text.split() for text in of_script]


@pytest.mark.slow
def test_its_engine_does_what_every_engine_owes(tmp_path):
    for path in (SCRIPT, CONTRACT):
        shutil.copy(path, tmp_path)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", CONTRACT.name]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=250, check=False, cwd=tmp_path
    )
    assert done.returncode == 0, done.stdout
    assert re.search(r"\d\d passed", done.stdout)


def test_all_that_the_page_links_to_is_there():
    for link, heading in re.findall(r"\]\(([^)#]+)#?([^)]*)\)", PAGE.read_text()):
        target = PAGE.parent / link
        assert target.exists(), link
        titles = re.findall(r"^#+ (.*)$", target.read_text(), re.MULTILINE)
        anchors = {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}
        assert not heading or heading in anchors, heading


@pytest.mark.mpi
@pytest.mark.slow
def test_the_engines_need_no_change_for_several_processes(mpirun, tmp_path):
    shutil.copy(SCRIPT, tmp_path)
    text = (
        "import own_engine\n"
        "for name in ('PodProjections', 'BlockProjections'):\n"
        "    run = own_engine.reconstruct(name, '.', numiter=5)\n"
        "    if own_engine.u.parallel.master:\n"
        "        print(*(entry.error[0] for entry in run.runtime.iter_info))\n"
    )
    errors = []
    for processes in (1, 2):
        done = mpirun(text, processes)
        assert done.returncode == 0, done.stderr
        errors += [[float(n) for n in line.split()] for line in done.stdout.splitlines()]
    assert len(errors) == 4
    for found in errors[1:]:
        assert found == pytest.approx(errors[0], rel=1e-3)
