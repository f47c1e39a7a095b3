"""Scripts that call the programs of PtyPy 0.9 find them, or hear what to use instead."""

import json
import tomllib
from importlib import import_module
from pathlib import Path

import pytest

from ptypy.cli import _aliases
from ptypy.cli._commands import COMMANDS
from ptypy.utils.config import read_config

PROJECT = Path(__file__).resolve().parents[2] / "pyproject.toml"


def test_every_program_of_ptypy_has_an_entry_that_can_be_called():
    scripts = tomllib.loads(PROJECT.read_text())["project"]["scripts"]
    names = {"run", "new", "inspect", "plot", "cli", "csv2cp", "plotclient"}
    assert {f"ptypy.{name}" for name in names} | {"ptypy"} == set(scripts)
    for target in scripts.values():
        module, name = target.split(":")
        assert callable(getattr(import_module(module), name))


def test_run_and_cli_reconstruct(config):
    assert _aliases.run(["moon.yaml", "-q"]) == 0
    result = Path("out/recons/moon/moon_EPIE_0006.ptyr")
    assert result.exists()
    result.unlink()
    assert _aliases.cli(["-f", "moon.yaml", "-q"]) == 0
    assert result.exists()
    text = json.dumps({"base_file": str(config), "parameter_tree": {"run": "json"}})
    assert _aliases.cli(["-j", text, "-q"]) == 0
    assert Path("out/recons/json/json_EPIE_0006.ptyr").exists()


def test_new_writes_a_script_that_can_be_read(config):
    assert _aliases.new(["template.py", "-u", "2", "--loader", "MoonFlowerScan"]) == 0
    assert read_config("template.py").scans.scan00.data.name == "MoonFlowerScan"


@pytest.mark.parametrize("name", ["inspect", "plot"])
def test_inspect_and_plot_are_commands_or_say_what_there_is(name, capsys):
    if name in COMMANDS:
        with pytest.raises(SystemExit) as left:
            getattr(_aliases, name)(["--help"])
        assert left.value.code == 0
    else:
        assert getattr(_aliases, name)(["x.ptyr"]) == 2
        assert "see ptypy --help" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "instead"), [("csv2cp", "load_csv"), ("plotclient", "ptypy view")]
)
def test_programs_that_are_not_there_say_what_to_use(name, instead, capsys):
    assert getattr(_aliases, name)([]) == 2
    assert instead in capsys.readouterr().err
