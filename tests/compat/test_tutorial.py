"""The tutorial's page and its script say the same, and the script does what the page promises."""

import ast
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from ptypy.io import h5read

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "tutorials" / "subclassing-ptyscan.md"
SCRIPT = ROOT / "examples" / "subclassing_ptyscan.py"
CONTRACT = ROOT / "examples" / "test_subclassing_ptyscan.py"


def prompted() -> str:
    """Give the code that the page types at the prompt, without its output."""
    lines = [line for line in PAGE.read_text().splitlines() if re.match(r"(>>>|\.\.\.)( |$)", line)]
    return "\n".join(line[4:] for line in lines)


def methods(text: str) -> dict[str, str]:
    """Give the methods of all classes of a text, without docstrings; the last of a name counts."""
    found = {}
    for cls in ast.walk(ast.parse(text)):
        for node in cls.body if isinstance(cls, ast.ClassDef) else []:
            if isinstance(node, ast.FunctionDef):
                skipped = ast.get_docstring(node) is not None
                found[node.name] = ast.dump(ast.Module(node.body[skipped:], []))
    return found


def test_the_class_of_the_script_is_the_one_that_the_page_builds():
    of_page, of_script = methods(prompted()), methods(SCRIPT.read_text())
    of_page.pop("load_block")  # of another class, for another form of files
    assert of_page == of_script


def test_its_parameters_are_those_that_the_page_declares():
    declared = re.compile(r"Defaults:\n(.*?)\"\"\"", re.DOTALL)
    texts = [prompted(), SCRIPT.read_text()]
    last = [[line.strip() for line in declared.findall(text)[-1].splitlines()] for text in texts]
    assert last[0] == last[1]


def test_the_tests_that_the_page_shows_are_those_that_are_run():
    blocks = re.findall(r"```python\n(class .*?)```", PAGE.read_text(), re.DOTALL)
    assert len(blocks) == 1
    assert blocks[0].strip() in CONTRACT.read_text()


def check_results(folder: Path, printed: str) -> None:
    residuals = [float(number) for number in re.findall(r"residual ([\d.]+)", printed)]
    floor = float(re.search(r"photon noise alone leaves ([\d.]+)", printed)[1])
    assert len(residuals) == 2
    assert max(residuals) < 1.2 * floor
    assert len(list((folder / "recons").rglob("*.ptyr"))) == 4
    meta = h5read(str(folder / "prepared.ptyd"), "meta")["meta"]
    assert (meta["energy"], meta["distance"], meta["num_frames"]) == (6.2, 0.5, 60)
    assert (folder / "look.png").read_bytes()[:4] == b"\x89PNG"


def test_the_script_reconstructs_from_raw_files_and_from_what_it_saved(tmp_path):
    command = [sys.executable, str(SCRIPT), str(tmp_path / "scan")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=250, check=False)
    assert done.returncode == 0, done.stderr
    check_results(tmp_path / "scan", done.stdout)


@pytest.mark.mpi
def test_the_script_needs_no_change_for_several_processes(mpirun, tmp_path):
    shutil.copy(SCRIPT, tmp_path)
    done = mpirun(
        "import pathlib, subclassing_ptyscan\nsubclassing_ptyscan.main(pathlib.Path('scan'))\n"
    )
    assert done.returncode == 0, done.stderr
    check_results(tmp_path / "scan", done.stdout)


@pytest.mark.slow
def test_its_loader_does_what_every_loader_owes(tmp_path):
    for path in (SCRIPT, CONTRACT):
        shutil.copy(path, tmp_path)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", CONTRACT.name]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=250, check=False, cwd=tmp_path
    )
    assert done.returncode == 0, done.stdout
    assert re.search(r"\d\d passed", done.stdout)


def test_the_picture_on_the_page_is_there():
    (name,) = re.findall(r"\]\(\.\./pictures/(\S+)\)", PAGE.read_text())
    assert (ROOT / "docs" / "pictures" / name).stat().st_size < 150_000


def test_all_that_the_page_links_to_is_there():
    for link in re.findall(r"\]\(([^)#]+)[^)]*\)", PAGE.read_text()):
        assert (PAGE.parent / link).exists(), link
