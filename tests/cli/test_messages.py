"""What a command says where it cannot do what was asked: in any terminal, and never a traceback."""

import io
import sys
from argparse import Namespace
from pathlib import Path

import pytest

from ptypy import defaults_tree
from ptypy.cli import main
from ptypy.cli._config import again
from ptypy.utils.config import set_values


def said_of(capsys, *words):
    assert main(words) == 1
    return capsys.readouterr().err


def test_a_terminal_without_the_letters_of_units_shows_the_rest(config, monkeypatch):
    shown = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(shown, encoding="ascii"))
    assert main(["check", str(config)]) == 0
    assert b"to the next" in shown.getvalue()


@pytest.mark.parametrize("value", ["3", "null"])
def test_a_group_and_a_part_of_it_cannot_both_be_set(config, capsys, value):
    said = said_of(
        capsys, "check", "moon.yaml", "--set", "engines.engine00.numiter=4",
        "--set", f"engines={value}",
    )  # fmt: skip
    assert "engines.engine00.numiter" in said
    assert "`engines` is set to" in said


def test_a_file_of_parameters_is_not_taken_for_a_damaged_picture(config, capsys):
    assert main(["inspect", "moon.yaml"]) == 1
    assert "file of parameters" in capsys.readouterr().out
    assert "ptypy check" in said_of(capsys, "plot", "moon.yaml")


def test_a_comma_behind_the_last_name_is_called_by_its_name(config, capsys):
    Path("moon.json").write_text('{"run": "a",\n "scans": {},\n}')
    said = said_of(capsys, "check", "moon.json")
    assert "moon.json, line " in said
    assert "comma" in said


def test_a_picture_too_narrow_to_be_drawn_is_refused_before_the_file_is_blamed(capsys):
    with pytest.raises(SystemExit):
        main(["plot", "any.ptyr", "--terminal", "--width", "3"])
    assert "give 20 or more" in capsys.readouterr().err


def test_the_command_that_goes_on_can_be_pasted_and_is_the_same_run():
    options = Namespace(config=Path("my scan.yaml"), assignments=["run=short", "io.home=a b"])
    words = "ptypy run 'my scan.yaml' --set run=short --set 'io.home=a b' --continue"
    assert again("run", options) == words


def test_convert_reads_values_as_all_commands_do(config, capsys):
    assert main(["prepare", "moon.yaml", "-q", "--set", "scans.moon.data.dfile=a.ptyd"]) == 0
    words = ["convert", "a.ptyd", "b.ptyd", "--set", "auto_center=false", "--set", "center=null"]
    assert main(words) == 0
    assert Path("b.ptyd").exists()
    both = ["--set", "positions=3", "--set", "positions.file=x"]
    assert "`positions` is set to 3" in said_of(capsys, "convert", "a.ptyd", "c.ptyd", *both)


def test_a_place_where_nothing_can_be_written_is_named_as_the_user_did(config, capsys):
    Path("file").write_text("")
    new = said_of(capsys, "new", "-o", "file/new.yaml")
    assert new == "ptypy: file/new.yaml: Not a directory\n"
    Path("busy.png").mkdir()
    assert main(["prepare", "moon.yaml", "-q", "--set", "scans.moon.data.dfile=a.ptyd"]) == 0
    assert "busy.png: the picture cannot be written" in said_of(
        capsys, "plot", "a.ptyd", "-o", "busy.png"
    )
    assert not list(Path().glob(".busy*"))


def test_a_name_with_a_hash_is_not_cut_there():
    assert set_values({}, ["run=scan #3"], defaults_tree["ptycho"]).run == "scan #3"
