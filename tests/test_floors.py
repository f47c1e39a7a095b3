"""Every module stands on a floor, and private files are imported in their own room only."""

import ast
import configparser
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
SOURCE = ROOT / "src"

BESIDE_THE_FLOORS = {
    "ptypy",  # the door of the house: resolves names lazily
    "ptypy.core",  # likewise
    "ptypy.__main__",  # two lines that call ptypy.cli
}


def name_of(path):
    parts = list(path.relative_to(SOURCE).with_suffix("").parts)
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {name_of(path): path for path in sorted((SOURCE / "ptypy").rglob("*.py"))}


def floors():
    contracts = configparser.ConfigParser()
    contracts.read(ROOT / ".importlinter")
    text = contracts["importlinter:contract:floors"]["layers"]
    return [name.strip(" ()") for line in text.split() for name in line.split("|") if name.strip()]


def imported(path, module):
    """List the modules, or names in modules, that a file imports."""
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: len(package.split(".")) - node.level + 1]
            base = ".".join(above) if node.level else ""
            base = ".".join(filter(None, [base, node.module]))
            yield from (f"{base}.{alias.name}" for alias in node.names)


def test_there_are_floors_and_modules_to_check():
    assert len(floors()) > 10
    assert len(MODULES) > 30


def test_every_module_stands_on_a_floor():
    homeless = [
        module
        for module in sorted(set(MODULES) - BESIDE_THE_FLOORS)
        if not any(f"{module}.".startswith(f"{floor}.") for floor in floors())
    ]
    assert homeless == []


@pytest.mark.parametrize("module", sorted(MODULES))
def test_private_files_are_imported_in_their_own_room_only(module):
    for name in imported(MODULES[module], module):
        parts = name.split(".")
        private = [k for k, part in enumerate(parts) if part.startswith("_") and part[1:2] != "_"]
        if parts[0] == "ptypy" and private:
            room = ".".join(parts[: private[0]])
            assert f"{module}.".startswith(f"{room}."), f"{module} imports {name}"
