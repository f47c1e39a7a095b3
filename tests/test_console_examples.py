"""What the documentation tells people to type works, page by page, and prints what it should.

A page's blocks marked ``console`` hold commands behind ``$`` and, if they matter, lines of what
they print (``...`` stands for anything, as in doctests). Blocks marked ``yaml``, ``python`` or
``bash`` whose first line is a comment with a name are files that the page asks for.
"""

import doctest
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
BLOCK = re.compile(r"^```(console|yaml|python|bash)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
NAMED = re.compile(r"# ([\w-]+\.(?:yaml|py|sh|json))\n")
LIKE = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


def pages():
    found = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
    return [path for path in found if "```console\n" in path.read_text(encoding="utf-8")]


def commands(block):
    """Give each command of a block, with the lines it should print."""
    for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
        command, _, printed = part.partition("\n")
        while command.endswith("\\"):
            more, _, printed = printed.partition("\n")
            command = f"{command}\n{more}"
        yield command, printed.strip()


def run(command, where):
    here = {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "NO_COLOR": "1",
        "COLUMNS": "100",
    }
    return subprocess.run(
        ["bash", "-c", command], cwd=where, env={**os.environ, **here}, text=True, check=False,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=280,
    )  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("page", pages(), ids=lambda path: path.stem)
def test_a_page_can_be_typed_as_it_stands(page, tmp_path):
    for kind, text in BLOCK.findall(page.read_text(encoding="utf-8")):
        named = NAMED.match(text)
        if named:
            (tmp_path / named[1]).write_text(text, encoding="utf-8")
        elif kind == "console":
            for command, expected in commands(text):
                done = run(command, tmp_path)
                assert done.returncode == 0, f"{command}\n{done.stdout}"
                if expected:
                    same = doctest.OutputChecker().check_output(
                        f"[...{expected}...]", f"[{done.stdout.strip()}]", LIKE
                    )
                    assert same, f"{command}\nshould print\n{expected}\nand printed\n{done.stdout}"
