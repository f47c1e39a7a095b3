"""Parameter trees keep what a user wrote, under the name it was written."""

import copy
import json
import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ptypy import utils as u
from ptypy.errors import FormatError, ParameterError
from ptypy.utils.parameters import Param, Placeholder

NAMES = st.text("abcdefg_", min_size=1, max_size=5)
TREES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=12,
)


def test_an_entry_is_an_attribute_and_an_attribute_an_entry():
    p = Param(energy=7.2)
    p.distance = 2.0
    p["shape"] = 128
    assert (p.energy, p["distance"], p.shape) == (7.2, 2.0, 128)
    del p.energy
    assert "energy" not in p


def test_a_dotted_name_reaches_into_the_tree_and_grows_it():
    p = Param()
    p["scans.mf.data"] = 1
    assert isinstance(p.scans.mf, Param)
    assert p["scans.mf.data"] == p.scans.mf.data == 1
    assert "scans.mf.data" in p
    assert "scans.mf.energy" not in p
    del p["scans.mf.data"]
    assert "data" not in p.scans.mf


def test_a_dotted_name_does_not_reach_into_anything_but_a_param():
    p = Param(shape=128)
    with pytest.raises(KeyError):
        p["shape.height"]
    with pytest.raises(TypeError, match="'shape' holds a int"):
        p["shape.height"] = 1
    assert p == {"shape": 128}


def test_what_is_missing_is_an_error_and_not_an_empty_value():
    p = Param()
    with pytest.raises(KeyError):
        p["a.b"]
    with pytest.raises(AttributeError):
        _ = p.energy
    with pytest.raises(AttributeError):
        del p.energy
    assert p.get("energy") is None
    assert p.get("energy", 5) == 5


def test_a_path_is_looked_up_in_brackets_and_not_by_get():
    p = Param(a=Param(b=1))
    assert p["a.b"] == 1
    assert p.get("a.b") is None
    assert p.get("a").b == 1


def test_a_name_that_a_file_gave_may_have_a_dot_in_it():
    p = Param(a=Param(b=1))
    dict.update(p, {"run.h5": 2})
    assert p["run.h5"] == 2
    assert "run.h5" in p
    p["run.h5"] = 3
    for twin in (pickle.loads(pickle.dumps(p)), copy.deepcopy(p), copy.copy(p), p.copy(9)):  # noqa: S301
        assert dict(twin) == {"a": {"b": 1}, "run.h5": 3}
    del p["run.h5"]
    del p["a.b"]
    assert p == {"a": {}}


@pytest.mark.parametrize("key", ["b", "a.x", "a.b.c", "x.y", 3])
def test_taking_away_what_is_not_there_is_a_key_error(key):
    p = Param(a=Param(b=1))
    with pytest.raises(KeyError):
        del p[key]
    assert p == {"a": {"b": 1}}


def test_only_names_can_be_looked_for():
    with pytest.raises(TypeError):
        _ = 3 in Param()


def test_methods_win_over_entries_of_the_same_name():
    p = Param()
    p.update = 5
    assert p["update"] == 5
    assert callable(p.update)


def test_tab_completion_shows_what_is_there():
    assert dir(Param(energy=1, distance=2)) == ["distance", "energy"]


def test_dictionaries_inside_stay_dictionaries_unless_conversion_is_asked_for():
    tree = {"a": {"b": {"c": 1}}}
    assert type(Param(tree).a) is dict
    p = Param()
    p.update(tree, Convert=True)
    assert isinstance(p.a.b, Param)
    assert isinstance(u.asParam(tree).a.b, Param)


def test_update_replaces_a_branch_unless_merging_is_asked_for():
    def fresh():
        return Param(io=Param(home="./", save=Param(interval=10, active=True)))

    p = fresh()
    p.update({"io": Param(home="/data")})
    assert p.io == {"home": "/data"}

    p = fresh()
    p.update({"io": {"save": {"interval": 1}}}, in_place_depth=1)
    assert p.io == {"home": "./", "save": {"interval": 1}}

    p = fresh()
    assert p.update({"io": {"save": {"interval": 1}}}, in_place_depth=99) is None
    assert p.io == {"home": "./", "save": {"interval": 1, "active": True}}


def test_update_takes_nothing_pairs_and_keywords():
    p = Param(a=1)
    p.update(None)
    p.update([("b", 2)], c=3)
    assert p == {"a": 1, "b": 2, "c": 3}


def test_a_shallow_copy_shares_branches_and_a_deep_one_does_not():
    array = np.zeros(3)
    p = Param(io=Param(home="./", data=array))
    assert p.copy().io is p.io
    one = Param(a=Param(b=Param(c=1)))
    assert one.copy(1).a is not one.a
    assert one.copy(1).a.b is one.a.b
    deep = p.copy(99)
    deep.io.home = "/data"
    assert p.io.home == "./"
    assert deep.io.data is array


@given(TREES)
@settings(deadline=None, max_examples=30)
def test_a_tree_survives_pickling_copying_and_its_own_repr(tree):
    p = u.asParam({"top": tree})
    for twin in (pickle.loads(pickle.dumps(p)), copy.deepcopy(p), p.copy(99)):  # noqa: S301
        assert twin == p
        assert type(twin) is Param
    assert eval(repr(p)) == p  # noqa: S307


@given(st.dictionaries(NAMES, TREES, max_size=4))
@settings(deadline=None, max_examples=30)
def test_converting_to_dictionaries_and_back_loses_nothing(tree):
    p = u.asParam(tree)
    plain = p._to_dict(Recursive=True)
    assert plain == tree
    assert Param._from_dict(plain) == p


def test_printing_a_tree_shows_every_entry_and_no_header():
    text = str(Param(io=Param(home="./"), shape=(128, 128)))
    assert [line.split(":")[0].strip("* ") for line in text.splitlines()][1:] == [
        "io",
        "home",
        "shape",
    ]


def test_a_number_that_nobody_gave_counts_as_missing_until_somebody_does():
    p = Param(energy=Placeholder(7.2), distance=2.0)
    assert p.energy == p["energy"] == 7.2
    assert p.get("energy") is None
    assert p.get("energy", 8.0) == 8.0
    assert p.get("distance") == 2.0
    p.energy = 6.2
    assert p.get("energy") == 6.2


def test_a_number_that_nobody_gave_calculates_like_any_other():
    wave = 1.24e-9 / Placeholder(7.2)
    assert type(wave) is float
    assert wave == 1.24e-9 / 7.2
    assert np.asarray(Placeholder(7.2)).dtype == np.float64
    assert repr(Placeholder(7.2)) == "7.2"


@pytest.mark.parametrize(
    "twin",
    [
        copy.copy,
        copy.deepcopy,
        lambda p: p.copy(99),
        lambda p: pickle.loads(pickle.dumps(p)),  # noqa: S301
    ],
)
def test_copies_still_know_that_nobody_gave_the_number(twin):
    p = twin(Param(data=Param(energy=Placeholder(7.2))))
    assert p.data.get("energy") is None
    assert p.data.energy == 7.2


def test_json_takes_a_number_that_nobody_gave_for_a_number():
    assert json.loads(json.dumps(Param(energy=Placeholder(7.2)))) == {"energy": 7.2}


def test_a_json_file_becomes_a_tree(tmp_path):
    path = tmp_path / "pars.json"
    path.write_text('{"scans": {"mf": {"data": {"shape": [1, 2]}}}}')
    assert u.param_from_json(path).scans.mf.data.shape == [1, 2]
    assert u.parameters.load(path).scans.mf.data.shape == [1, 2]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("pars.json", "{", "not valid JSON"),
        ("pars.json", "[1]", "holds a list at its top"),
        ("pars.json", None, "no parameter file"),
        ("pars.txt", "", "use .json, .yaml or .yml"),
    ],
)
def test_a_parameter_file_that_is_none_says_why(tmp_path, name, content, message):
    path = tmp_path / name
    if content is not None:
        path.write_text(content)
    with pytest.raises(FormatError, match=message):
        u.parameters.load(path)


def test_a_yaml_file_becomes_a_tree(tmp_path):
    path = tmp_path / "pars.yaml"
    path.write_text("scans:\n  mf:\n    data: {shape: 128}\n")
    assert u.param_from_yaml(path).scans.mf.data.shape == 128
    path.write_text("a: [")
    with pytest.raises(FormatError, match="not valid YAML"):
        u.parameters.load(path)


def test_a_simple_table_of_parameters_is_checked_and_written_as_code():
    table = {"energy": (7.2, "Photon energy"), "scan": {"shape": (128, "Frame")}}
    assert u.validate_standard_param(table, {"energy": 6.2, "scan": {"shape": 64}})
    with pytest.raises(ParameterError, match=r"pars\.scan\.shap is unknown"):
        u.validate_standard_param(table, {"scan": {"shap": 64}})
    with pytest.raises(ParameterError, match=r"pars\.a: should be \(default, help\)"):
        u.validate_standard_param({"a": 1})
    assert u.format_standard_param(table).splitlines() == [
        "pars.energy = 7.2  # Photon energy",
        "pars.scan = Param()",
        "pars.scan.shape = 128  # Frame",
    ]
