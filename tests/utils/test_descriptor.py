"""Parameters declared in docstrings: inheritance, defaults, the printed form."""

import pickle

import pytest

from ptypy.errors import ParameterError
from ptypy.utils.descriptor import EvalDescriptor
from ptypy.utils.parameters import Param, Placeholder


@pytest.fixture
def tree():
    return EvalDescriptor("root")


@pytest.fixture
def camera(tree):
    @tree.parse_doc("scandata.Camera")
    class Camera:
        """A detector.

        Prose may stand here.

        Defaults:

        [name]
        default = Camera
        type = str
        help =

        [energy]
        default = 7.2
        type = float
        help = Photon energy [keV]
        doc =
        userlevel = 0
        lowlim = 0

        [shape]
        type = int, tuple
        default = 256
        help = Shape of the region
        doc = One number for a square,
            two for a rectangle.

            None for the whole frame.
        userlevel = 1

        [mask]
        default =
        type = Param
        help = Pixels that cannot be trusted

        [mask.file]
        default = None
        type = file
        help = Where the mask is
        """

        PLACEHOLDERS = ("energy",)

    return Camera


def test_the_defaults_of_a_class_are_those_of_its_docstring(camera):
    assert camera.DEFAULT == {
        "name": "Camera",
        "energy": 7.2,
        "shape": 256,
        "mask": {"file": None},
    }
    assert isinstance(camera.DEFAULT.mask, Param)
    assert camera._descriptor().path == "scandata.Camera"


def test_a_parameter_prints_as_it_was_declared_in_one_fixed_order(tree, camera):
    assert str(tree["scandata.Camera.shape"]) == (
        "[shape]\n"
        "default = 256\n"
        "help = Shape of the region\n"
        "type = int, tuple\n"
        "doc = One number for a square,\n"
        "\ttwo for a rectangle.\n"
        "\n"
        "\tNone for the whole frame.\n"
        "userlevel = 1\n"
    )


def test_a_class_prints_all_its_parameters_in_the_order_they_were_declared(tree, camera):
    text = tree["scandata.Camera"].to_string()
    assert text.startswith("[name]\ndefault = Camera\nhelp =\ntype = str\n\n[energy]\n")
    assert "help = Photon energy [keV]\ntype = float\ndoc =\nuserlevel = 0\nlowlim = 0\n" in text
    assert [line for line in text.splitlines() if line.startswith("[")] == [
        "[name]",
        "[energy]",
        "[shape]",
        "[mask]",
        "[mask.file]",
    ]


def test_the_printed_form_can_be_read_again(tree, camera):
    text = tree["scandata.Camera"].to_string()
    twin = EvalDescriptor("twin").from_string(text)
    assert twin.to_string() == text
    assert twin.make_default(99) == camera.DEFAULT


def test_a_derived_class_has_the_parameters_of_its_base_and_may_override_any_option(tree, camera):
    @tree.parse_doc("scandata.Small")
    class Small(camera):
        """A smaller one.

        Defaults:

        [shape]
        default = None

        [base_path]
        type=str
        default='./'
        help=Where the frames are.
        """

    assert Small.DEFAULT == {**camera.DEFAULT, "shape": None, "base_path": "./"}
    assert tree["scandata.Small.shape"].help == "Shape of the region"
    assert tree["scandata.Camera.shape"].default == 256
    assert str(tree["scandata.Small.base_path"]) == (
        "[base_path]\ndefault = './'\nhelp = Where the frames are.\ntype = str\n"
    )


def test_a_class_without_a_declaration_has_that_of_its_base(tree, camera):
    @tree.parse_doc("scandata.Plain")
    class Plain(camera):
        """Nothing but prose."""

    assert Plain.DEFAULT == camera.DEFAULT


def test_an_optimised_interpreter_without_docstrings_still_works(tree):
    class Bare:
        pass

    Bare.__doc__ = None
    assert tree.parse_doc("scandata.Bare")(Bare).DEFAULT == {}


def test_bases_can_be_left_out(tree, camera):
    class Alone(camera):
        """Alone.

        Defaults:

        [gain]
        default = 1.
        type = float
        help = Photons a count
        """

    assert tree.parse_doc("scandata.Alone", recursive=False)(Alone).DEFAULT == {"gain": 1.0}


def test_an_override_holds_although_another_base_shares_the_overridden_one(tree):
    def doc(text):
        return f"Class.\n\nDefaults:\n\n[step]\n{text}\n"

    base = type("Base", (), {"__doc__": doc("default = 1\ntype = int\nhelp = Step")})
    changed = type("Changed", (base,), {"__doc__": doc("default = 2")})
    other = type("Other", (base,), {"__doc__": "Nothing."})
    both = type("Both", (changed, other), {"__doc__": "Nothing."})
    assert tree.parse_doc("x.Both")(both).DEFAULT.step == 2


def test_declaring_a_class_again_adds_to_what_is_there(tree, camera):
    @tree.parse_doc("scandata.Camera")
    class Camera:
        """Again.

        Defaults:

        [gain]
        default = 1.
        type = float
        help = Photons a count
        """

    assert {"gain", "energy"} <= set(Camera.DEFAULT)


def test_a_new_parameter_needs_a_default_and_a_help(tree):
    class Camera:
        """A detector.

        Defaults:

        [gain]
        type = float
        default = 1.
        """

    with pytest.raises(ValueError, match=r"Camera.*Missing required option.*<help>.*gain"):
        tree.parse_doc("scandata.Camera")(Camera)


def test_a_default_that_is_not_of_its_type_is_found_when_it_is_declared(tree):
    class Camera:
        """A detector.

        Defaults:

        [gain]
        type = float
        default = much
        help = Photons a count
        """

    with pytest.raises(ValueError, match=r"gain.*'much' cannot be read as float"):
        tree.parse_doc("scandata.Camera")(Camera)


def test_prose_below_a_declaration_is_refused_by_name_of_the_class(tree):
    class Camera:
        """A detector.

        Defaults:

        [gain]
        type = float
        default = 1
        help = Photons a count

        And that was all.
        """

    with pytest.raises(ParameterError, match=r"docstring of .*Camera.*prose belongs above"):
        tree.parse_doc("scandata.Camera")(Camera)


def test_a_number_that_stands_for_nobody_said_does_so_until_a_class_says(tree, camera):
    assert isinstance(camera.DEFAULT.energy, Placeholder)
    assert camera.DEFAULT.energy == 7.2
    assert camera.DEFAULT.get("energy") is None

    @tree.parse_doc("scandata.Derived")
    class Derived(camera):
        """Says nothing about the energy."""

    @tree.parse_doc("scandata.Fixed")
    class Fixed(camera):
        """At one energy.

        Defaults:

        [energy]
        default = 8.
        """

    @tree.parse_doc("scandata.Later")
    class Later(Fixed):
        """Derived from one that says."""

    assert Derived.DEFAULT.get("energy") is None
    assert Fixed.DEFAULT.get("energy") == 8.0
    assert Later.DEFAULT.get("energy") == 8.0
    assert pickle.loads(pickle.dumps(Derived.DEFAULT)).get("energy") is None  # noqa: S301


def test_the_pattern_that_fills_in_what_is_missing_does_fill_it_in(camera):
    p = camera.DEFAULT.copy(depth=2)
    p.update({"shape": 64})
    for key, value in (("energy", 6.2), ("shape", 128)):
        if p.get(key) is None:
            p[key] = value
    assert (p.energy, p.shape) == (6.2, 64)


def test_defaults_can_be_built_to_a_depth(tree, camera):
    assert tree["scandata.Camera"].make_default().mask == {}
    assert tree["scandata.Camera"].make_default(1).mask == {"file": None}
    assert tree["scandata.Camera.shape"].make_default() == 256


def test_a_declaration_whose_default_breaks_its_own_limits_is_found(tree, camera):
    tree["scandata.Camera"].sanity_check()
    tree["scandata.Camera.energy"].options["uplim"] = "5"
    with pytest.raises(ParameterError, match=r"Camera.energy *7.2 *is the default, but is above"):
        tree["scandata.Camera"].sanity_check()
