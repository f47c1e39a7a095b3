"""A file of parameters says the same in YAML, JSON and Python, and stays the user's own."""

import json
import stat

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ptypy import defaults_tree
from ptypy.errors import FormatError, ParameterError
from ptypy.utils import Param
from ptypy.utils.config import (
    as_yaml,
    change_config,
    locate,
    located,
    read_config,
    read_yaml_text,
    set_values,
)

YAML = """\
run: first                      # what the results are called

scans:
  s1:
    name: BlockFull
    data:                       # where the frames come from
      name: MoonFlowerScan
      # rebin: null             # edge of the blocks
      #                         # that are summed
      # mask:                   # bad pixels
      #   file: null            # where they are
      #   key: null
      shape: [128, 64]          # rows, columns
      photons: 1e6
    # sharing: null
  s2: {name: BlockFull, data: {name: MoonFlowerScan}}
engines:
  e0:
    name: DM
"""

PYTHON = """
from ptypy import utils as u
p = u.Param(run="first", scans=u.Param(), engines=u.Param(e0=u.Param(name="DM")))
p.scans.s1 = u.Param(name="BlockFull")
p.scans.s1.data = u.Param(name="MoonFlowerScan", shape=[128, 64], photons=1e6)
p.scans.s2 = dict(name="BlockFull", data=dict(name="MoonFlowerScan"))
if __name__ == "__main__":
    raise RuntimeError("this is the run itself")
"""

TREE = defaults_tree["ptycho"]


TREE = defaults_tree["ptycho"]


def write(folder, name, text):
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


@pytest.fixture
def config(tmp_path):
    return write(tmp_path, "scan.yaml", YAML)


def test_yaml_json_and_python_say_the_same(tmp_path, config):
    p = read_config(config)
    as_json = write(tmp_path, "scan.json", json.dumps({"$schema": "./s.json", **p}))
    assert read_config(as_json) == p
    assert read_config(write(tmp_path, "scan.py", PYTHON)) == p
    assert isinstance(p.scans.s2.data, Param)


def test_numbers_are_numbers_and_words_are_words(tmp_path):
    text = "a: 1e-6\nb: 010\nc: yes\nd: 2024-05-01\ne: null\nf: [true, .5]\n"
    assert read_config(write(tmp_path, "a.yml", text)) == {
        "a": 1e-6, "b": 10, "c": "yes", "d": "2024-05-01", "e": None, "f": [True, 0.5],
    }  # fmt: skip


def test_json_of_ptypy_changes_the_file_that_it_is_based_on(tmp_path, config):
    tree = {"scans": {"s1": {"data": {"rebin": 2}}}}
    text = json.dumps({"base_file": config.name, "parameter_tree": tree})
    p = read_config(write(tmp_path, "changed.json", text))
    assert (p.scans.s1.data.rebin, p.scans.s1.data.shape, p.run) == (2, [128, 64], "first")
    alone = write(tmp_path, "alone.json", json.dumps({"base_file": None, "parameter_tree": tree}))
    assert read_config(alone) == tree
    loop = write(tmp_path, "loop.json", '{"base_file": "loop.json", "parameter_tree": {}}')
    with pytest.raises(FormatError, match="is its own `base_file`"):
        read_config(loop)


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.yaml", "a: [", r"a\.yaml, line 1, column 5: not valid YAML"),
        ("a.yaml", "a:\n  b: 1\n  b: 2\n", r"line 3, column 3: .*duplicate key \"b\""),
        ("a.yaml", "a:\n\tb: 1\n", r"line 2, column 1: .*indent with spaces"),
        ("a.yaml", "a: b: c", r"line 1, column 5: .*put text with a colon in quotes"),
        ("a.yaml", "scans:\n  1: 2\n", r'line 2, column 3: 1 is no name; write "1" in quotes'),
        ("a.yaml", "a: !!python/object/apply:os.getcwd []", "line 1, column 4: .*only numbers"),
        ("a.yaml", "- 1\n", "holds a list at its top"),
        ("a.json", '{\n "a": 1,\n}', r"a\.json, line \d, column \d+: not valid JSON"),
        ("a.json", '{"a": 1, "a": 2}', "'a' stands there twice"),
        ("a.py", "p = {\n", r"a\.py, line \d, column \d+: not valid Python"),
        ("a.py", "x = 1\np = y\n", r"a\.py, line 2: NameError: name 'y'"),
        ("a.py", "q = {}\n", "defines no `p`; .*It defines q"),
        ("a.py", "p = 3\n", "a `p` that is a int"),
        ("a.txt", "", r"use \.yaml, \.yml, \.json or \.py"),
        ("a.yaml", None, "no parameter file"),
    ],
)
def test_a_file_that_cannot_be_read_says_in_which_line_and_why(tmp_path, name, text, message):
    path = tmp_path / name
    if text is not None:
        path.write_text(text)
    with pytest.raises(FormatError, match=message):
        read_config(path)


def test_a_fault_says_in_which_line_it_stands(config):
    assert locate(config, "scans.s1.data.shape") == (13, 7)
    assert locate(config, "scans.s1.data.energy") == (6, 5)
    assert locate(config, "io.home") is None
    error = ParameterError("no faults")
    assert located(config, error) is error
    with pytest.raises(ParameterError) as caught:
        set_values(read_config(config), ["scans.s1.data.shape=true", "engines.e0.numite=3"], TREE)
    text = str(located(config, caught.value))
    assert "line 13  scans.s1.data.shape" in text
    assert "line 18  engines.e0.numite" in text


def test_values_of_a_command_line_are_what_the_tree_expects(config):
    p = read_config(config)
    changed = set_values(
        p,
        [
            "scans.s1.data.rebin=2", "scans.s1.data.center=[3.5, 4]", "run=2024",
            "io.rfile=%(run)s.ptyr", "scans.s1.data.photons=1e8", "scans.s1.data.save=null",
            "engines.e1.numiter=5", "engines.e1.name=ML", "p.verbose_level=3",
        ],
        TREE,
    )  # fmt: skip
    data = changed.scans.s1.data
    assert (data.rebin, data.center, data.photons, data.save) == (2, [3.5, 4], 1e8, None)
    assert (changed.run, changed.io.rfile, changed.verbose_level) == ("2024", "%(run)s.ptyr", 3)
    assert changed.engines.e1 == {"numiter": 5, "name": "ML"}
    assert "rebin" not in p.scans.s1.data


def test_all_that_is_wrong_on_a_command_line_is_said_at_once(config):
    with pytest.raises(ParameterError) as caught:
        set_values(
            read_config(config),
            ["scans.s1.data.rebn=2", "scans.s1.data.rebin=two", "engins.e0.numiter=3", "rebin",
             "engines.e9.numiter=3", "run.name=x", "scans.s1.data.rebin.x=1"],
            TREE,
        )  # fmt: skip
    said = {fault.path: fault.remedy for fault in caught.value.faults}
    assert "did you mean `rebin`" in said["scans.s1.data.rebn"]
    assert said["scans.s1.data.rebin"] == "should be int, not str"
    assert "did you mean `engines`" in said["engins"]
    assert "there are: e0. A new one" in said["engines.e9"]
    assert "NAME=VALUE" in said["rebin"]
    assert "`run` is a str, not a group" in said["run.name"]


def test_a_change_leaves_comments_and_layout_as_they_are(config):
    change_config(
        config,
        {
            "scans.s1.data.rebin": 2,
            "scans.s1.data.mask.key": "bad: pixels",
            "scans.s1.data.shape": (64, 64),
            "scans.s1.data.center": np.array([31.5, 32.0]),
            "scans.s2.data.rebin": 4,
            "engines.e0.numiter": 100,
            "engines.e1.name": "ML",
            "run": None,
        },
    )
    assert config.read_text() == YAML.replace(
        "run: first   ", "run: null    "
    ).replace(
        "      # rebin: null             #", "      rebin: 2                  #"
    ).replace(
        "      # mask:                   #", "      mask:                     #"
    ).replace(
        "      #   key: null\n", '        key: "bad: pixels"\n'
    ).replace(
        "[128, 64]  ", "[64, 64]   "
    ).replace(
        "      photons: 1e6\n", "      photons: 1e6\n      center: [31.5, 32.0]\n"
    ).replace(
        "name: MoonFlowerScan}}", "name: MoonFlowerScan, rebin: 4}}"
    ).replace(
        "    name: DM\n", "    name: DM\n    numiter: 100\n  e1:\n    name: ML\n"
    )  # fmt: skip


def test_a_change_of_json_keeps_its_lines(tmp_path):
    path = write(tmp_path, "a.json", '{\n  "s": {"name": "x"},\n\t"e": null\n}\n')
    change_config(path, {"s.rebin": 2})
    assert json.loads(path.read_text()) == {"s": {"name": "x", "rebin": 2}, "e": None}
    path.write_text('{\n  "s": {\n    "name": "x"\n  },\n  "e": null\n}\n')
    change_config(path, {"s.rebin": 2, "e.f": [1, None]})
    assert path.read_text() == (
        '{\n  "s": {\n    "name": "x",\n    "rebin": 2\n  },\n  "e": {"f": [1, null]}\n}\n'
    )


@pytest.mark.parametrize(
    ("text", "name", "result"),
    [
        ("", "a.b", "a:\n  b: 1\n"),
        ("# nothing yet", "a", "# nothing yet\na: 1\n"),
        ("a:\n", "a.b", "a:\n  b: 1\n"),
        ("a: null  # group\nc: 2", "a.b.d", "a:       # group\n  b:\n    d: 1\nc: 2"),
        ("a: {}\n", "a.b", "a: {b: 1}\n"),
        ("a:\n  - 1\n  - 2\nc: 3\n", "a", "a: 1\nc: 3\n"),
        ("a: |\n  text\n  more\nc: 3\n", "a", "a: 1\nc: 3\n"),
        ("a: 2\r\nc: 3\r\n", "b", "a: 2\r\nc: 3\r\nb: 1\r\n"),
        ("a: &x {k: 1}\nb: *x\n", "c", "a: &x {k: 1}\nb: *x\nc: 1\n"),
    ],
)
def test_a_parameter_finds_its_place_whatever_is_there(tmp_path, text, name, result):
    path = tmp_path / "a.yaml"
    path.write_bytes(text.encode())
    change_config(path, {name: 1})
    assert path.read_bytes().decode() == result


@pytest.mark.parametrize(
    ("name", "text", "key", "message"),
    [
        ("a.py", "p = {}", "a", r"write into it: p\.a = 1"),
        ("a.yaml", "a: x\n", "a.b", "`a` is not a group"),
        ("a.yaml", "a: &x {k: 2}\nb: *x\n", "b.k", "write by hand: b.k: 1"),
    ],
)
def test_a_change_that_cannot_be_made_leaves_the_file_alone(tmp_path, name, text, key, message):
    path = write(tmp_path, name, text)
    with pytest.raises(FormatError, match=message):
        change_config(path, {key: 1})
    assert path.read_text() == text


def test_a_changed_file_keeps_its_rights_and_its_link(tmp_path, config):
    config.chmod(0o640)
    link = tmp_path / "link.yaml"
    link.symlink_to(config)
    change_config(link, {"run": "second"})
    assert link.is_symlink()
    assert read_config(config).run == "second"
    assert stat.S_IMODE(config.stat().st_mode) == 0o640
    assert sorted(path.name for path in tmp_path.iterdir()) == ["link.yaml", "scan.yaml"]


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=6,
)


@settings(max_examples=60, deadline=None)
@given(VALUES)
def test_whatever_is_written_is_read_back(value):
    assert read_yaml_text(f"a: {as_yaml(value)}\n", "")["a"] == value
