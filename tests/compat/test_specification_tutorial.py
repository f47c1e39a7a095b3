"""The tutorial's statements: what a class is, what its hooks say, what a chunk looks like."""

import inspect
import re

import numpy as np
import pytest

from ptypy import defaults_tree
from ptypy.core import Ptycho
from ptypy.core.data import MoonFlowerScan, PtyScan
from ptypy.errors import ParameterError
from ptypy.utils import Param
from ptypy.utils.verbose import report

# Each line is a statement of the docstrings that the specification prints; a word of ours for it.
LOAD = {
    "to be overridden": r"Override me",
    "given the indices of this process": r"on every process with the indices of the frames",
    "gives three dictionaries": r"raw : dict.*positions : dict.*weights : dict",
    "their keys are indices": r"Index -> frame.*Index -> position.*Index -> mask or weights",
    "positions may be empty": r"empty if `load_positions` gives them",
    "weights may be empty": r"empty if `load_weight` gives them",
    "the most important one": r"the one hook that every experiment needs",
    "often enough with the constructor": r"enough to override this and the constructor",
}
LOAD_POSITIONS = {
    "to be overridden": r"Override me",
    "called in initialize": r"Called once, by `initialize`",
    "gives all positions": r"the position of every scan point",
    "known to all processes": r"every process then finds the result in ``self\.positions``",
    "of no effect where load gives them": r"not used if `load` gives positions frame by frame",
    "of no effect beside positions_theory": r"nor if the parameter ``positions_theory`` is set",
    "reads long logs once": r"logs and files that take long to read, so that they are read once",
    "need not be there": r"give positions in `load` instead",
    "on the master or on all": r"on the master only unless ``load_parallel`` is ``'common'`` or",
    "N rows of two": r"\(N, 2\) array",
    "num_frames unknown": r"``num_frames`` None becomes N",
    "num_frames too large": r"``num_frames`` larger than N becomes N",
    "num_frames smaller": r"``num_frames`` smaller than N stays",
}


def in_one_line(hook) -> str:
    return " ".join(inspect.getdoc(hook).split())


@pytest.mark.parametrize("statement", LOAD)
def test_who_prints_the_help_of_load_finds_what_it_must_do(statement):
    assert re.search(LOAD[statement], in_one_line(PtyScan.load))


@pytest.mark.parametrize("statement", LOAD_POSITIONS)
def test_who_prints_the_help_of_load_positions_finds_what_it_must_do(statement):
    assert re.search(LOAD_POSITIONS[statement], in_one_line(PtyScan.load_positions))


@pytest.mark.parametrize(
    "hook", ["load_weight", "load_positions", "load_common", "load", "correct", "check"]
)
def test_every_hook_says_who_calls_it_where_and_what_it_is_to_return(hook):
    text = in_one_line(getattr(PtyScan, hook))
    assert re.search(r"Called (once, )?by `(initialize|auto)`", text)
    assert re.search(r"on (every process|the master|the same processes)", text)
    assert "Returns" in text


# ------------------------------------------------------------------------ the simplest class


class UndeclaredScan(PtyScan):
    """A class with a constructor and nothing else, as the tutorial begins."""

    def __init__(self, pars=None, **kwargs):
        super().__init__(pars, **kwargs)


def test_a_class_with_nothing_of_its_own_does_what_its_base_does():
    asked = {"num_frames": 5, "shape": 8}
    own, base = UndeclaredScan(asked).next_chunk(5), PtyScan(asked).next_chunk(5)
    np.testing.assert_array_equal(own.data, base.data)
    np.testing.assert_array_equal(own.positions, base.positions)
    assert own.meta.keys() == base.meta.keys()


@pytest.mark.parametrize("chosen", [{"name": "UndeclaredScan"}, {"source": "undeclared"}])
def test_a_class_that_declared_nothing_cannot_be_chosen_and_the_user_is_told(tmp_path, chosen):
    p = Param(io=Param(home=str(tmp_path)), scans=Param())
    p.scans.mine = Param(name="BlockFull", data=Param(chosen, num_frames=5))
    with pytest.raises(ParameterError, match=r"scans\.mine\.data.*ndeclared.*PtydScan"):
        Ptycho(p, level=2)


def test_all_defaults_of_a_class_are_in_its_variable_of_that_name():
    declared = defaults_tree["scandata.PtyScan"].children
    assert list(PtyScan.DEFAULT) == list(declared)
    for name, node in declared.items():
        assert PtyScan.DEFAULT[name] == node.default, name


def test_a_default_is_printed_with_its_type_and_its_help():
    for node in defaults_tree["scandata.PtyScan"].children.values():
        printed = str(node)
        for option in ("default", "help", "type"):
            assert f"\n{option} = " in printed, node.name


# ------------------------------------------------------------------------ a look at a chunk


def test_a_report_of_a_chunk_says_in_parentheses_how_long_everything_is():
    package = MoonFlowerScan(num_frames=30, shape=32).auto(12)
    lines = [line.strip() for line in report(package).splitlines()]

    def told(name: str) -> str:
        (line,) = [line for line in lines if re.match(rf"\* {name} +:", line)]
        return line.partition(" : ")[2]

    assert told("common") == f"Param({len(package['common'])})"
    assert told("chunk") == f"Param({len(package['chunk'])})"
    assert told("iterable") == "list(12)"
    assert told("indices").startswith("list(12)= [0, 1, 2,")
    assert told("weights") == "dict(12)"
    assert "dict(12)" in [line.partition(" : ")[2] for line in lines if line.startswith("* data ")]


def test_a_report_is_short_however_many_frames_there_are():
    package = MoonFlowerScan(num_frames=100, shape=32).auto(92)
    text = report(package["iterable"])
    assert "list(92)" in text
    assert len(text.splitlines()) < 40
    assert max(len(line) for line in text.splitlines()) <= 80
    assert text.splitlines()[-1].strip().startswith("* ...")
