"""Tables of the reference claim no test that is not there."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TABLE = ROOT / "docs" / "reference" / "specification.md"
DIFFERENCES = ROOT / "docs" / "reference" / "differences-from-ptypy-0.9.md"
SECTIONS = [
    "Features",
    "Parallelization",
    "Preparation",
    "Packaging",
    "Storage",
    "Use at the beamline",
    "Use after preparation",
    "Use on the fly",
    "The .ptyd file",
    "The tutorial",
]


def read_table(page: Path = TABLE) -> dict[str, list[tuple[str, str]]]:
    """Give the rows of every section: (statement, what shows it)."""
    sections: dict[str, list[tuple[str, str]]] = {}
    for line in page.read_text().splitlines():
        if line.startswith("## "):
            rows = sections[line[3:]] = []
        elif line.startswith("|") and not line.startswith(("|---", "| statement |", "| PtyPy")):
            statement, *_, shown = line.strip("|").split("|")
            rows.append((statement.strip(), shown.strip()))
    return sections


ROWS = [row for page in (TABLE, DIFFERENCES) for rows in read_table(page).values() for row in rows]


def functions_in(path: Path) -> set[str]:
    """Give the names of the functions of a module, without importing it."""
    nodes = ast.parse(path.read_text()).body
    return {node.name for node in nodes if isinstance(node, ast.FunctionDef)}


def test_the_table_has_the_sections_of_the_text_in_their_order():
    assert list(read_table()) == SECTIONS


def test_every_statement_is_shown_or_says_what_is_missing():
    for statement, shown in ROWS:
        named = re.search(r"`[\w/]+\.py::\w+`|`docs/[\w/-]+\.md`", shown)
        missing = re.search(r"\*\*not yet\*\*.*\w", shown)
        assert named or missing, statement


@pytest.mark.parametrize(
    "name", sorted({n for _, s in ROWS for n in re.findall(r"`(\S+::\S+)`", s)})
)
def test_a_test_that_is_named_exists(name):
    path, _, function = name.partition("::")
    assert function.startswith("test_")
    assert function in functions_in(ROOT / "tests" / path)


@pytest.mark.parametrize(
    "page", sorted({p for _, s in ROWS for p in re.findall(r"`(docs/\S+)`", s)})
)
def test_a_page_that_is_named_is_run_by_the_tests(page):
    assert "\n>>> " in (ROOT / page).read_text()
