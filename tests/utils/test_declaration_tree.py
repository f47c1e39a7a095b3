"""A tree of declarations: where a parameter lives, what its options mean."""

import sys
from types import ModuleType

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ptypy.errors import ParameterError
from ptypy.utils.descriptor import Descriptor, EvalDescriptor
from ptypy.utils.parameters import Param


@pytest.fixture
def tree():
    return EvalDescriptor("root")


@pytest.fixture
def camera(tree):
    @tree.parse_doc("scandata.Camera")
    class Camera:
        """A detector.

        Defaults:

        [shape]
        type = int, tuple
        default = 256
        help = Shape of the region

        [mask]
        default =
        type = Param
        help = Pixels that cannot be trusted

        [mask.file]
        default = None
        type = file
        help = Where the mask is
        """

    return Camera


@pytest.mark.parametrize(
    ("types", "text", "value"),
    [
        ("int", "5", 5),
        ("int", "1e5", 100000),
        ("float", "5", 5),
        ("float", "172e-6", 172e-6),
        ("float, tuple", "(1, 2.5)", (1, 2.5)),
        ("complex", "1+2j", 1 + 2j),
        ("list", "['a', 1]", ["a", 1]),
        ("list, tuple, str", "'fftshift'", "fftshift"),
        ("str, int", "ERROR", "ERROR"),
        ("str", ".chunk%02d", ".chunk%02d"),
        ("str", '"./"', "./"),
        ("str", "7", "7"),
        ("bool", "True", True),
        ("bool", "false", False),
        ("str", "None", None),
        ("str", "", None),
        ("str", "''", None),
        ("Param", "", {}),
        ("dict", "None", {}),
        ("Param, bool", "False", {}),
        ("", "x", "x"),
    ],
)
def test_a_default_is_read_according_to_its_type(types, text, value):
    node = EvalDescriptor("root").new_child("x", {"default": text, "help": "", "type": types})
    assert node.default == value
    assert type(node.default) is type(value) or isinstance(node.default, Param)


@pytest.mark.parametrize(
    ("text", "choices"),
    [
        ("['data', 'common', 'all']", ["data", "common", "all"]),
        ('["fourier", "photon"]', ["fourier", "photon"]),
        ("'minimal','dls','used_params'", ["minimal", "dls", "used_params"]),
        ("None,'rect','circ'", [None, "rect", "circ"]),
        ("[0,1,2]", [0, 1, 2]),
        ("minimal, dls", ["minimal", "dls"]),
        ("7", [7]),
        ("", None),
    ],
)
def test_choices_are_read_however_they_are_written(text, choices):
    options = {"default": "", "help": "", "choices": text}
    assert EvalDescriptor("root").new_child("x", options).choices == choices


def test_limits_are_numbers_of_the_parameters_kind():
    root = EvalDescriptor("root")
    options = {"default": "1", "help": "", "lowlim": "1", "uplim": "32"}
    whole = root.new_child("rebin", {**options, "type": "int"}).limits
    assert whole == (1, 32)
    assert [type(limit) for limit in whole] == [int, int]
    real = root.new_child("energy", {**options, "uplim": "", "type": "float, tuple"}).limits
    assert real == (1.0, None)
    assert type(real[0]) is float
    with pytest.raises(ParameterError, match="lowlim = 'low' is not a number"):
        _ = root.new_child("bad", {**options, "lowlim": "low"}).limits


def test_type_names_are_those_of_python():
    node = EvalDescriptor("root").new_child(
        "x", {"default": "", "help": "", "type": "file, array, None, dict"}
    )
    assert node.type == ["str", "ndarray", "NoneType", "Param"]


def test_a_path_leads_to_a_node_and_a_wrong_one_says_which_was_meant(tree, camera):
    node = tree["scandata.Camera.mask.file"]
    assert node.path == "scandata.Camera.mask.file"
    assert node.root is tree
    assert node.is_child
    assert not tree.is_child
    assert "scandata.Camera.mask" in tree
    assert "scandata.Camera.musk" not in tree
    assert node.get("scandata.Camera") is tree["scandata.Camera"]
    assert node.get("scandata.Kamera") is None
    with pytest.raises(KeyError, match="did you mean `Camera`"):
        tree["scandata.Camra.mask"]


def test_nodes_can_be_added_copied_and_taken_away(tree, camera):
    mask = tree["scandata.Camera.mask"]
    tree["scan.Full.mask"] = EvalDescriptor("x").add_child(mask, copy=True)
    assert tree["scan.Full.mask.file"].path == "scan.Full.mask.file"
    tree["scan.Full.mask"].new_child("key", {"default": "", "help": ""})
    assert "key" not in mask.children
    pruned = tree["scandata.Camera"].prune_child("mask")
    assert pruned is mask
    assert "mask" not in tree["scandata.Camera"].children
    assert not mask.is_child


def test_a_link_shows_everything_there_is_now(tree, camera):
    link = tree.new_child("scan.data", {"default": "", "help": "", "type": "@scandata.*"})
    assert link.is_symlink
    assert link.type == ["@scandata.Camera"]
    tree.parse_doc("scandata.Later")(type("Later", (), {"__doc__": ""}))
    assert link.type == ["@scandata.Camera", "@scandata.Later"]
    assert tree["scandata.Later"].is_target
    assert not link.is_target


def test_the_default_of_a_link_may_be_what_it_links_to(tree, camera):
    tree.new_child(
        "scan.data", {"default": "@scandata.Camera", "help": "", "type": "@scandata.Camera"}
    )
    assert tree["scan.data"].default is tree["scandata.Camera"]
    assert tree["scan"].make_default(99).data == camera.DEFAULT


def test_options_nobody_knows_are_kept(tree):
    tree.from_string("[x]\ndefault = 1\nhelp = X\ncolour = blue\n")
    assert tree["x"].options["colour"] == "blue"
    assert tree["x"].to_string().endswith("colour = blue\n")


def test_a_section_that_occurs_twice_is_merged_unless_that_is_forbidden(tree):
    text = "[x]\ndefault = 1\nhelp = X\n[x]\ntype = int\n"
    assert tree.from_string(text)["x"].type == ["int"]
    with pytest.raises(ParameterError, match="already exists"):
        EvalDescriptor("root").from_string(text, strict=True)


def test_modules_that_declare_are_imported_when_their_names_are_needed(tree, tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "detectors_of_mine.py").write_text(
        "declared = []\n"
        "def declare(tree):\n"
        "    tree.new_child('scandata.Mine', {'default': '', 'help': ''})\n"
    )
    (tmp_path / "declares_mine.py").write_text(
        "import detectors_of_mine, tree_under_test\n"
        "detectors_of_mine.declare(tree_under_test.tree)\n"
        "assert 'scandata.Other' not in tree_under_test.tree\n"
    )
    holder = ModuleType("tree_under_test")
    holder.tree = tree
    monkeypatch.setitem(sys.modules, "tree_under_test", holder)
    tree.declare_source("scandata", "declares_mine", "does_not_exist_anywhere")
    assert "declares_mine" not in sys.modules
    assert list(tree["scandata"].children) == ["Mine"]


def test_declaring_a_link_imports_nothing_of_what_it_links_to(tree):
    tree.declare_source("scandata", "this")  # prints a poem when it is imported

    @tree.parse_doc("scan.Model")
    class Model:
        """A model.

        Defaults:

        [data]
        default = None
        type = @scandata.*
        help = Its data

        [data.name]
        default = None
        type = str
        help = Which loader
        """

    assert Model.DEFAULT == {"data": {"name": None}}
    assert "this" not in sys.modules


def test_a_module_that_lacks_something_is_not_passed_over_in_silence(tree, tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "needs_what_is_not_there.py").write_text("import does_not_exist_anywhere\n")
    tree.declare_source("scandata", "needs_what_is_not_there")
    for _ in range(2):
        with pytest.raises(ModuleNotFoundError, match="does_not_exist_anywhere"):
            _ = tree["scandata.Mine"]


TEXTS = st.text("abc XYZ.,;:=%[]'`0123456789", max_size=30).map(lambda text: " ".join(text.split()))


@given(st.dictionaries(st.sampled_from(["a", "b", "c.d", "c.e"]), TEXTS, min_size=1))
@settings(deadline=None, max_examples=50)
def test_any_declaration_survives_its_own_printed_form(helps):
    root = EvalDescriptor("root")
    for path, text in helps.items():
        root.new_child(path, {"default": "1", "help": text, "type": "int"})
    twin = EvalDescriptor("root").from_string(root.to_string())
    assert {n.path: n.options for n in twin.descendants} == {
        n.path: n.options for n in root.descendants
    }


def test_a_plain_descriptor_is_a_tree_of_text():
    root = Descriptor("root").from_string("[a.b]\ndefault = 1\nhelp = x\n")
    assert [node.path for node in root.descendants] == ["a", "a.b"]
    assert repr(root["a.b"]) == "<Descriptor a.b>"


def test_a_text_of_several_paragraphs_survives_its_own_printed_form():
    doc = "\n- one\n\n- two\n  more of it"
    root = EvalDescriptor("root")
    root.new_child("x", {"default": "1", "help": "X", "doc": doc})
    twin = EvalDescriptor("root").from_string(root.to_string())
    assert twin["x"].doc.split() == doc.split()
    assert twin.to_string() == EvalDescriptor("r").from_string(twin.to_string()).to_string()
    assert not any(line.endswith((" ", "\t")) for line in root.to_string().splitlines())
