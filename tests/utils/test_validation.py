"""A tree that does not fit is refused with every fault and what would be right."""

from contextlib import suppress
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ptypy.errors import ParameterError
from ptypy.utils.descriptor import CODE_LABEL, CODES, EvalDescriptor
from ptypy.utils.parameters import Param, Placeholder

DECLARATION = """
[scandata.Camera.name]
default = Camera
type = str
help =

[scandata.Camera.energy]
default = 7.2
type = float
help = Photon energy
lowlim = 0

[scandata.Camera.shape]
default = 256
type = int, tuple
help = Region

[scandata.Camera.psize]
default = 1e-6
type = float, tuple
help = Pixel
lowlim = 0

[scandata.Camera.center]
default = 'fftshift'
type = list, tuple, str
help = Centre

[scandata.Camera.rebin]
default = None
type = int
help = Binning
lowlim = 1
uplim = 32

[scandata.Camera.orientation]
default = None
type = int, tuple, list
help = Orientation
choices = [0, 1, 2, 3, 4, 5, 6, 7]

[scandata.Camera.load_parallel]
default = data
type = str
help = What is loaded where
choices = ['data', 'common', 'all']

[scandata.Camera.noise]
default = (0.5, 1.0)
type = tuple, list
help = Noise

[scandata.Camera.positions]
default = None
type = ndarray
help = Positions

[scandata.Camera.dfile]
default = None
type = file
help = File

[scandata.Camera.flip]
default = False
type = bool
help = Upside down

[scandata.Camera.anything]
default = None
help = Without a type

[scandata.Scope.name]
default = Scope
type = str
help =

[engine.DM.numiter]
default = 20
type = int
help = Iterations
lowlim = 1

[ptycho.scans]
default =
type = Param
help = Scans

[ptycho.scans.*]
default =
type = Param
help = One scan

[ptycho.scans.*.data]
default =
type = @scandata.*
help = Its data

[ptycho.scans.*.illumination]
default =
type = Param, str
help = Free

[ptycho.engines]
default =
type = Param
help = Engines

[ptycho.engines.*]
default =
type = @engine.*
help = One engine
"""


@pytest.fixture(scope="module")
def tree():
    root = EvalDescriptor("root").from_string(DECLARATION)
    root.declare_source("scandata", hint="a class of your own must be imported first")
    return root


@pytest.fixture(scope="module")
def camera(tree):
    return tree["scandata.Camera"]


def faults(node, **values):
    with pytest.raises(ParameterError) as info:
        node.validate(Param(values))
    return {fault.path: fault.remedy for fault in info.value.faults}


@pytest.mark.parametrize(
    "values",
    [
        {"energy": 7.2},
        {"energy": 7},
        {"energy": 0},
        {"energy": np.float32(7)},
        {"energy": np.int64(7)},
        {"energy": np.array(7.2)},
        {"energy": Placeholder(7.2)},
        {"energy": Fraction(72, 10)},
        {"energy": None},
        {"shape": 128},
        {"shape": np.int32(128)},
        {"shape": (128, 64)},
        {"shape": [128, 64]},
        {"shape": np.array([128, 64])},
        {"psize": np.array([1e-6, 2e-6])},
        {"center": (64, 64)},
        {"center": np.array([64.5, 64])},
        {"center": 64},
        {"center": "geometric"},
        {"rebin": 1},
        {"rebin": 32},
        {"orientation": 7},
        {"orientation": (True, False, True)},
        {"orientation": np.array([1, 0, 0])},
        {"load_parallel": "all"},
        {"load_parallel": None},
        {"positions": np.zeros((3, 2))},
        {"dfile": "x.ptyd"},
        {"dfile": Path("x.ptyd")},
        {"flip": np.True_},
        {"anything": object()},
        {},
    ],
)
def test_what_a_user_would_write_fits(camera, values):
    camera.validate(Param(values))
    camera.validate(values)


@pytest.mark.parametrize(
    ("name", "value", "remedy"),
    [
        ("energy", "7.2", "should be float, not str"),
        ("energy", -1, "is below the lower limit, 0"),
        ("energy", float("nan"), "is below the lower limit, 0"),
        ("energy", True, "should be float, not bool"),
        ("shape", 128.0, "should be int or tuple, not float; write 128"),
        ("shape", 128.5, "should be int or tuple, not float"),
        ("shape", float("nan"), "should be int or tuple, not float"),
        ("shape", float("inf"), "should be int or tuple, not float"),
        ("psize", (1e-6, -1e-6), "is below the lower limit, 0"),
        ("psize", np.array([1e-6, -1e-6]), "is below the lower limit, 0"),
        ("rebin", 33, "is above the upper limit, 32"),
        ("rebin", 0, "is below the lower limit, 1"),
        ("orientation", 99, "is not one of 0 … 7, nor a list or tuple"),
        ("orientation", np.int64(8), "is not one of 0 … 7, nor a list or tuple"),
        ("load_parallel", "date", "is not one of 'data', 'common', 'all'; did you mean `data`?"),
        ("load_parallel", "xyz", "is not one of 'data', 'common', 'all'"),
        ("noise", 0.5, "should be tuple or list, not float"),
        ("name", Path("x"), f"should be str, not {type(Path('x')).__name__}; write str(...)"),
        ("flip", 1, "should be bool, not int"),
        ("positions", [["y", "x"]], "should be ndarray, not list"),
        ("enery", 7.2, "is unknown; did you mean `energy`?"),
    ],
)
def test_what_does_not_fit_is_told_with_what_would(camera, name, value, remedy):
    assert faults(camera, **{name: value}) == {name: remedy}


def test_a_name_like_no_other_lists_those_there_are(camera):
    remedy = faults(camera, qqq=1)["qqq"]
    assert remedy.startswith("is unknown; known: name, energy, shape")


def test_all_faults_are_told_at_once_and_in_columns(tree):
    with pytest.raises(ParameterError) as info:
        tree["ptycho"].validate(
            Param(scans=Param(mf={"data": {"name": "Camera", "orientation": 99, "enery": 7.2}}))
        )
    assert str(info.value).splitlines() == [
        "2 parameters do not fit",
        "  scans.mf.data.orientation  99   is not one of 0 … 7, nor a list or tuple",
        "  scans.mf.data.enery        7.2  is unknown; did you mean `energy`?",
    ]


def test_the_error_is_one_that_scripts_catch_already(camera):
    with pytest.raises(RuntimeError):
        camera.validate({"rebin": 0})
    with pytest.raises(ValueError, match="rebin"):
        camera.validate({"rebin": 0})


def test_plain_dictionaries_are_as_good_as_params(tree):
    tree["ptycho"].validate(
        {"scans": {"mf": {"data": {"name": "Camera", "shape": 64}}}, "engines": {"e0": {}}}
    )


def test_an_unknown_class_says_which_was_meant_and_that_it_may_need_importing(tree):
    wrong = faults(tree["ptycho"], scans={"mf": {"data": {"name": "camra"}}})
    assert wrong == {
        "scans.mf.data.name": "is unknown; did you mean `Camera`? There are Camera, Scope; "
        "a class of your own must be imported first"
    }
    other = faults(tree["ptycho"], scans={"mf": {"data": {"name": "Zzz"}}})
    assert other["scans.mf.data.name"].startswith("is unknown; there are Camera, Scope; a class")


def test_several_classes_need_a_name_to_choose_by(tree):
    remedy = faults(tree["ptycho"], scans={"mf": {"data": {"shape": 64}}})["scans.mf.data.name"]
    assert remedy == "is needed; known: Camera, Scope"


def test_a_single_class_needs_no_name(tree):
    assert faults(tree["ptycho"], engines={"e0": {"numiter": 0}}) == {
        "engines.e0.numiter": "is below the lower limit, 1"
    }


def test_a_link_is_not_satisfied_by_anything_but_a_tree(tree):
    assert faults(tree["ptycho"], scans={"mf": {"data": "Camera"}}) == {
        "scans.mf.data": "should be Param, not str"
    }


def test_a_class_declared_later_is_known_at_once(tree):
    values = {"scans": {"mf": {"data": {"name": "Late", "gain": 2.0}}}}
    late = tree.new_child("scandata.Late", implicit=True)
    late.new_child("gain", {"default": "1.", "help": "", "type": "float"})
    tree["ptycho"].validate(values)
    tree["scandata"].prune_child("Late")
    assert list(faults(tree["ptycho"], **values)) == ["scans.mf.data.name"]


def test_a_group_that_declares_nothing_takes_anything(tree):
    tree["ptycho"].validate({"scans": {"mf": {"illumination": {"aperture": {"size": 1}}}}})
    tree["ptycho"].validate({"scans": {"mf": {"illumination": "old.ptyr"}}})


def test_a_link_to_what_is_not_there_cannot_be_checked(tree):
    node = EvalDescriptor("root").new_child(
        "server", {"default": "", "help": "", "type": "@io.interaction.server"}
    )
    node.validate({"port": 5560})
    assert node.check({"port": 5560})[""]["name"] == CODES["UNKNOWN"]


def test_a_check_tells_what_it_found_of_everything(camera):
    found = camera.check({"rebin": 99, "energy": 7.2, "enery": 1})
    labels = {path: {k: CODE_LABEL[v] for k, v in one.items()} for path, one in found.items()}
    assert labels["rebin"] == {"type": "PASS", "lowlim": "PASS", "uplim": "FAIL"}
    assert labels["energy"] == {"type": "PASS", "lowlim": "PASS"}
    assert labels["enery"] == {"name": "INVALID"}
    assert labels["shape"] == {"name": "MISSING"}


def test_what_counts_as_an_error_can_be_chosen(camera):
    camera.validate({"enery": 1}, raisecodes=[CODES["FAIL"]])
    with pytest.raises(ParameterError):
        camera.validate({}, raisecodes=[CODES["MISSING"]])


def test_a_check_can_stop_at_a_depth(tree):
    assert set(tree["ptycho"].check({"scans": {"mf": {"x": 1}}}, depth=2)) >= {"scans.mf"}
    assert "scans.mf.x" not in tree["ptycho"].check({"scans": {"mf": {"x": 1}}}, depth=2)


def test_long_values_are_shortened_in_messages(camera):
    with pytest.raises(ParameterError) as info:
        camera.validate({"energy": np.zeros((100, 100)), "flip": "x" * 1000})
    values = {fault.path: fault.value for fault in info.value.faults}
    assert values["energy"] == "[100 x 100 float64 array]"
    assert len(values["flip"]) <= 40


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.complex_numbers()
    | st.text(max_size=5)
    | st.binary(max_size=3)
    | st.sampled_from([np.zeros(3), np.array(1), np.array("x"), np.bool_(1), print, object()]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=5,
)


@given(st.dictionaries(st.sampled_from(["energy", "shape", "center", "rebin", "x"]), VALUES))
@settings(deadline=None, max_examples=100)
def test_nothing_a_user_may_write_makes_the_check_itself_fail(camera, values):
    with suppress(ParameterError):
        camera.validate(values)


# ------------------------------------------------------------------------ numbers of every kind


@pytest.mark.parametrize(
    ("name", "value", "meant"),
    [
        ("energy", np.float32(7.5), 7.5),
        ("energy", np.array(7.5), 7.5),
        ("energy", np.array([[7.5]]), 7.5),
        ("energy", np.int64(7), 7),
        ("energy", "None", None),
        ("rebin", np.array([2]), 2),
        ("rebin", " none ", None),
        ("shape", np.array([8]), 8),
        ("shape", (np.int64(8), np.array([6])), (8, 6)),
        ("shape", [np.uint8(8), 6], [8, 6]),
        ("center", np.array([3.5]), 3.5),
        ("orientation", (np.True_, np.array(False), np.array([1])), (True, False, 1)),
        ("flip", np.array([True]), True),
        ("load_parallel", "None", None),
        ("load_parallel", np.str_("all"), "all"),
        ("dfile", np.array("x.ptyd"), "x.ptyd"),
    ],
)
def test_a_number_is_a_number_however_it_is_packed(camera, name, value, meant):
    camera.validate({name: value})
    plain = camera.plain({name: value})[name]
    assert plain == meant
    assert type(plain) is type(meant)
    if isinstance(plain, (list, tuple)):
        assert [type(member) for member in plain] == [type(member) for member in meant]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("positions", np.zeros((1, 1))),
        ("shape", np.array([8, 6])),
        ("noise", (0.5, 1.0)),
        ("anything", np.array([1])),
        ("label", np.array([1])),
        ("energy", np.array([7.2, 7.3])),
        ("energy", Placeholder(7.2)),
    ],
)
def test_what_is_more_than_a_number_and_what_nobody_declared_is_left_as_it_is(camera, name, value):
    assert camera.plain({name: value})[name] is value


@pytest.mark.parametrize(
    ("name", "value", "remedy"),
    [
        ("rebin", np.array([33]), "is above the upper limit, 32"),
        ("rebin", np.array([2.0]), "should be int, not float; write 2"),
        ("energy", np.array([7.2, 7.3]), "should be float, not ndarray"),
        ("orientation", np.array([9]), "is not one of 0 … 7, nor a list or tuple"),
        ("flip", np.array([1]), "should be bool, not int"),
    ],
)
def test_limits_and_choices_hold_for_numbers_of_every_kind(camera, name, value, remedy):
    assert faults(camera, **{name: value}) == {name: remedy}


def test_a_tree_is_made_plain_down_to_its_leaves_and_the_one_given_stays(tree):
    data = {"name": "Camera", "rebin": np.array([2]), "unknown": np.array([3])}
    given = Param(scans=Param(mf=Param(data=data)), engines={"e0": Param(numiter=np.int64(5))})
    plain = tree["ptycho"].plain(given)
    assert plain.scans.mf.data == {"name": "Camera", "rebin": 2, "unknown": np.array([3])}
    assert type(plain.scans.mf.data["rebin"]) is type(plain["engines"]["e0"].numiter) is int
    assert isinstance(data["rebin"], np.ndarray)
    assert type(plain) is type(plain.scans.mf) is Param
    assert type(plain.scans.mf.data) is type(plain.engines) is dict
