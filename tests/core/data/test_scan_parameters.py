"""What a user writes into the data parameters, and what they are told if it does not fit."""

import numpy as np
import pytest

from ptypy import defaults_tree
from ptypy.core.data import PTYSCANS, PtyScan, find_scan, register
from ptypy.errors import ParameterError
from ptypy.utils.parameters import Param, Placeholder


def test_all_faults_are_told_at_once():
    with pytest.raises(ParameterError) as caught:
        PtyScan(orientation=99, save="append", rebin=33, enery=7.2, min_frames=0, shape=(1, 2, 3))
    assert sorted(fault.path for fault in caught.value.faults) == [
        "dfile", "enery", "min_frames", "orientation", "rebin", "shape",
    ]  # fmt: skip
    assert "did you mean `energy`?" in str(caught.value)
    assert "0 … 7, None, or three booleans" in str(caught.value)


@pytest.mark.parametrize(
    "good",
    [
        {"shape": 64},
        {"shape": np.int64(64)},
        {"shape": (64, 32)},
        {"shape": [64, 32]},
        {"shape": np.array([64, 32])},
        {"shape": None},
        {"center": (3.5, 4)},
        {"center": [3, 4]},
        {"center": np.array([3, 4])},
        {"center": 7},
        {"center": None},
        {"center": "geometric"},
        {"psize": (1e-4, 2e-4)},
        {"psize": np.array([1e-4, 2e-4])},
        {"orientation": (True, False, True)},
        {"orientation": [1, 0, 1]},
        {"orientation": np.int64(7)},
        {"orientation": None},
        {"rebin": np.int64(4)},
        {"rebin": None},
        {"energy": 7},
        {"energy": np.array([7.1])},
        {"load_parallel": None},
        {"positions_theory": np.zeros((3, 2))},
    ],
)
def test_plausible_values_are_accepted(good):
    PtyScan(**good)


@pytest.mark.parametrize(
    ("bad", "advice"),
    [
        ({"save": "apend", "dfile": "x.ptyd"}, "did you mean `append`"),
        ({"save": "extlink", "dfile": "x.ptyd"}, "'append'"),
        ({"save": "link", "dfile": "x.ptyd", "chunk_format": ".chunk"}, "chunk_format"),
        ({"save": "append"}, "dfile"),
        ({"load_parallel": "dat"}, "did you mean `data`"),
        ({"orientation": 8}, "0 … 7"),
        ({"orientation": (True, False)}, "three booleans"),
        ({"shape": 0}, "number of pixels"),
        ({"shape": 12.5}, "shape"),
        ({"rebin": 0}, "rebin"),
        ({"shape": 130, "rebin": 4}, "128 x 128"),
        ({"shape": (64, 30), "rebin": 4}, "64 x 28"),
        ({"auto_center": "yes"}, "auto_center"),
        ({"energy": -1.0}, "energy"),
        ({"min_frames": 0}, "min_frames"),
        ({"rebin": np.array([40])}, "upper limit, 32"),
        ({"rebin": (2, 2)}, "should be int"),
        ({"orientation": np.array([9])}, "0 … 7"),
        ({"orientation": (2, 0, 1)}, "three booleans"),
        ({"psize": (1e-4, 1e-4, 1e-4)}, r"one number or two, \(y, x\), in metres"),
        ({"psize": np.array([1e-4, np.nan])}, "psize"),
        ({"propagation": "near"}, "'farfield', 'nearfield'"),
        ({"compression": "lzf"}, "'gzip', 'bitshuffle', 'auto'"),
        ({"timeout": -1}, "timeout"),
        ({"resume": 1}, "resume"),
        ({"resume": True}, "needs `save`"),
        ({"positions": 3, "postions_theory": None}, "did you mean `positions_theory`"),
    ],
)
def test_a_value_that_does_not_fit_comes_with_advice(bad, advice):
    with pytest.raises(ParameterError, match=advice):
        PtyScan(**bad)


def test_a_scan_class_may_keep_what_it_found_beside_its_parameters(caplog):
    scan = PtyScan({"wavelength_in_file": 1e-10})
    assert scan.info.wavelength_in_file == 1e-10
    assert "`wavelength_in_file`" in caplog.text


def test_keywords_win_over_parameters_and_both_over_defaults():
    scan = PtyScan({"energy": 8.0, "distance": 3.0}, energy=9.0)
    assert (scan.info.energy, scan.info.distance, scan.info.shape) == (9.0, 3.0, 256)


def test_the_users_parameters_are_not_changed():
    given = Param(energy=8.0)
    PtyScan(given, distance=2.0)
    assert given == {"energy": 8.0}


def test_a_default_that_nobody_gave_can_be_told_from_a_value():
    assert isinstance(PtyScan.DEFAULT["energy"], Placeholder)
    assert PtyScan.DEFAULT.get("energy") is None
    assert PtyScan.DEFAULT.energy == 7.2
    assert PtyScan.DEFAULT.get("shape") == 256


def test_every_parameter_of_the_tree_is_described():
    for name in ("PtyScan", "PtydScan", "MoonFlowerScan", "QuickScan"):
        for node in defaults_tree[f"scandata.{name}"].descendants:
            assert node.options["help"], (name, node.name)


def test_registered_classes_are_found_by_name():
    assert find_scan("PtyScan") is PtyScan
    for name in ("PtyScan", "PtydScan", "MoonFlowerScan", "QuickScan"):
        assert find_scan(name) is PTYSCANS[name]


def test_register_declares_and_remembers():
    @register("shelf_scan")
    class ShelfScan(PtyScan):
        """Reads from a shelf.

        Defaults:

        [shelf]
        default = 3
        type = int
        help = Number of the shelf
        """

    assert find_scan("shelf_scan") is ShelfScan
    assert ShelfScan.DEFAULT.shelf == 3
    assert defaults_tree["scandata.shelf_scan.shelf"].help == "Number of the shelf"


def test_a_class_that_only_declared_its_parameters_is_found_too():
    @defaults_tree.parse_doc("scandata.drawer_scan")
    class DrawerScan(PtyScan):
        """Reads from a drawer."""

    assert find_scan("drawer_scan") is DrawerScan
    assert find_scan("DrawerScan") is DrawerScan


def test_a_misspelt_scan_gets_the_name_it_resembles():
    with pytest.raises(ParameterError, match="did you mean `MoonFlowerScan`"):
        find_scan("MoonflowrScan")


def test_an_unknown_scan_gets_the_list_of_known_ones():
    with pytest.raises(ParameterError, match="PtydScan"):
        find_scan("zzz")


def test_the_experiment_room_offers_the_same_names():
    from ptypy import experiment

    assert experiment.register is register
    assert experiment.PTYSCANS is PTYSCANS
    assert issubclass(experiment.Hdf5Loader, PtyScan)
    assert find_scan("Hdf5Loader") is experiment.Hdf5Loader


@pytest.mark.parametrize(
    ("unusual", "plain"),
    [
        ({"rebin": "None"}, {"rebin": None}),
        ({"rebin": np.array(2), "shape": 8}, {"rebin": 2, "shape": 8}),
        ({"orientation": np.array(5)}, {"orientation": 5}),
        ({"auto_center": np.array([False])}, {"auto_center": False}),
        ({"num_frames": np.array([4])}, {"num_frames": 4}),
        ({"min_frames": None}, {"min_frames": 1}),
        ({"shape": (np.array(6), np.array([8]))}, {"shape": (6, 8)}),
        ({"center": [np.array([3.0]), np.int8(4)]}, {"center": (3, 4)}),
        ({"save": "None", "dfile": "None"}, {}),
        ({"add_poisson_noise": np.array([True])}, {"add_poisson_noise": True}),
    ],
)
def test_numbers_as_files_hold_them_mean_what_they_say(unusual, plain):
    packages = [PtyScan({"num_frames": 4, "shape": 8, **pars}).auto(2) for pars in (unusual, plain)]
    first, second = ([frame["data"] for frame in package["iterable"]] for package in packages)
    np.testing.assert_array_equal(first, second)


def test_a_class_may_change_the_limits_of_a_parameter():
    @register("CoarseScanForThisTest")
    class CoarseScan(PtyScan):
        """Binned more than others.

        Defaults:

        [rebin]
        default = 1
        uplim = 64
        """

    scan = CoarseScan(num_frames=2, shape=128, rebin=64)
    assert scan.auto(2)["iterable"][0]["data"].shape == (2, 2)
    with pytest.raises(ParameterError, match="upper limit, 64"):
        CoarseScan(num_frames=2, shape=130, rebin=65)


def test_what_a_class_changes_later_is_read_as_what_the_user_wrote():
    """Subclasses of PtyPy 0.9 set what they find in their files, as the files have it."""

    class Found(PtyScan):
        def load_common(self):
            self.info.shape = np.array([8, 6])
            self.rebin = np.array([2])
            self.orientation = np.array(4)
            return {}

    assert Found(num_frames=2).auto(2)["iterable"][0]["data"].shape == (3, 4)
