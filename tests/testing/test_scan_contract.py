"""The contract for loaders passes good ones, and each of its tests catches what it is there for."""

import subprocess
import sys
import xml.etree.ElementTree as ET

import pytest

GOOD = '''
import numpy as np
from pathlib import Path
from ptypy import defaults_tree
from ptypy.core.data import PtyScan, register
from ptypy.errors import FormatError
from ptypy.testing import ScanContract, ScanExample


def read(path):
    try:
        return np.load(path)
    except (OSError, ValueError) as error:
        raise FormatError(f"{path}: {error}") from error


@register()
class FolderScan(PtyScan):
    """Read a folder.

    Defaults:

    [name]
    default = FolderScan
    type = str
    help = Read a folder

    [base_path]
    default = None
    type = str
    help = The folder
    """

    given = {"energy": 8.0, "psize": 75e-6}

    def __init__(self, pars=None, **kwargs):
        p = self.DEFAULT.copy(99)
        p.update(pars)
        p.update(kwargs)
        if p.get("distance") is None:
            p.distance = float(read(Path(p.base_path) / "distance.npy"))
        super().__init__(p)

    @property
    def folder(self):
        return Path(self.info.base_path)

    def load_positions(self):
        return read(self.folder / "positions.npy")

    def load_weight(self):
        return read(self.folder / "bad.npy") == 0

    def load(self, indices):
        frames = read(self.folder / "frames.npy")
        return {i: frames[i] for i in indices}, {}, {}


class FolderContract(ScanContract):
    loader = FolderScan

    def make_example(self, folder):
        rng = np.random.default_rng(7)
        frames = rng.poisson(40, (10, 16, 20)).astype(np.uint16)
        positions = rng.uniform(-1e-6, 1e-6, (10, 2))
        bad = np.zeros((16, 20), np.uint8)
        bad[9, 4] = 1
        names = {"frames": frames, "positions": positions, "bad": bad, "distance": np.array(1.5)}
        for name, content in names.items():
            np.save(folder / f"{name}.npy", content)
        return ScanExample(
            self.loader,
            {"base_path": str(folder), **self.loader.given},
            frames=frames, positions=positions, mask=bad == 0, geometry={"distance": 1.5},
            files=[folder / f"{name}.npy" for name in names],
        )


class TestGood(FolderContract):
    pass


@register()
class BlockScan(FolderScan):
    """As a block."""

    def load_block(self, indices):
        return read(self.folder / "frames.npy")[indices], None, None


class TestGoodBlock(FolderContract):
    loader = BlockScan


class TestNothingSaid(ScanContract):
    pass
'''

BROKEN = [
    (
        "test_the_parameters_handed_over_are_not_changed",
        "changed `energy`",
        """
    def __init__(self, pars=None, **kwargs):
        pars["energy"] = 9.0
        super().__init__(pars, **kwargs)
""",
    ),
    (
        "test_a_misspelt_parameter_is_refused_with_a_suggestion",
        "was accepted",
        """
    def __init__(self, pars=None, **kwargs):
        known = {k: v for k, v in (pars or {}).items() if k in self.DEFAULT}
        super().__init__(known, **kwargs)
""",
    ),
    (
        "test_a_package_has_the_documented_form",
        "mask: float64",
        """
    def auto(self, frames=None):
        package = super().auto(frames)
        if package != self.EOS:
            for entry in package["iterable"]:
                entry["mask"] = entry["mask"].astype(float)
        return package
""",
    ),
    (
        "test_every_frame_comes_once_and_in_order",
        "scan points came as [9, 8",
        """
    def _label_frames(self, slots):
        return [9 - slot for slot in slots]
""",
    ),
    (
        "test_parameters_may_be_handed_over_within_all_defaults",
        "`center` left at its default",
        """
    def __init__(self, pars=None, **kwargs):
        super().__init__({"center": (5, 6), **(pars or {}), **kwargs})
""",
    ),
    (
        "test_frames_masks_and_positions_are_the_true_ones",
        "(y and x are exchanged)",
        """
    def load_positions(self):
        return super().load_positions()[:, ::-1]
""",
    ),
    (
        "test_frames_masks_and_positions_are_the_true_ones",
        "(y reversed)",
        """
    def load_positions(self):
        return super().load_positions() * (-1, 1)
""",
    ),
    (
        "test_frames_masks_and_positions_are_the_true_ones",
        "rows and columns are exchanged",
        """
    def load(self, indices):
        raw, _, _ = super().load(indices)
        return {i: frame.T for i, frame in raw.items()}, {}, {}

    def load_weight(self):
        return super().load_weight().T
""",
    ),
    (
        "test_positions_are_finite_and_in_metres",
        "are they in another unit",
        """
    def load_positions(self):
        return super().load_positions() * 1e6
""",
    ),
    (
        "test_most_pixels_are_trusted_and_finite",
        "is the mask inverted",
        """
    def load_weight(self):
        return ~super().load_weight()
""",
    ),
    (
        "test_the_geometry_is_told_or_announced_as_a_placeholder",
        "energy = 8000.0 keV is not",
        """
    def __init__(self, pars=None, **kwargs):
        super().__init__({**pars, "energy": 8000.0}, **kwargs)

    given = {"psize": 75e-6}
""",
    ),
    (
        "test_the_size_of_packages_does_not_matter",
        "auto(1): ",
        """
    def load(self, indices):
        raw, _, _ = super().load(indices)
        brightest = max(frame.max() for frame in raw.values())
        return {i: frame // brightest for i, frame in raw.items()}, {}, {}
""",
    ),
    (
        "test_any_stretch_of_frames_can_be_loaded_alone",
        "alone differ from the same within the scan",
        """
    def load(self, indices):
        raw, _, _ = super().load(list(range(10)))
        return {i: raw[i - indices[0]] for i in indices}, {}, {}
""",
    ),
    (
        "test_load_and_load_block_agree",
        "give different frames",
        """
    def load_block(self, indices):
        return read(self.folder / "frames.npy")[indices] + 1, None, None
""",
    ),
    (
        "test_region_orientation_and_binning_are_left_to_ptyscan",
        "orientation 5, rebin 2: ",
        """
    def load(self, indices):
        raw, _, _ = super().load(indices)
        return {i: np.rot90(raw[i], 2) if self.orientation else raw[i] for i in indices}, {}, {}
""",
    ),
    (
        "test_fewer_frames_can_be_asked_for",
        "num_frames=5 gave scan points",
        """
    def check(self, frames=None, start=None):
        self.num_frames = 10
        return min(frames, 10 - start), start + frames >= 10
""",
    ),
    (
        "test_saved_frames_are_read_back_the_same",
        "while saving",
        """
    def correct(self, raw, weights, common):
        if self.save:
            raw = {i: frame * 2 for i, frame in raw.items()}
        return raw, weights
""",
    ),
    (
        "test_a_missing_file_is_named",
        "bad.npy is missing, and nobody noticed",
        """
    def load_weight(self):
        path = self.folder / "bad.npy"
        return np.load(path) == 0 if path.exists() else None
""",
    ),
    (
        "test_a_file_cut_short_is_named",
        "positions.npy is cut short",
        """
    def load_positions(self):
        return np.load(self.folder / "positions.npy")
""",
    ),
    (
        "test_a_scan_can_be_pickled",
        "pickle",
        """
    def post_initialize(self):
        self.handle = open(self.folder / "frames.npy", "rb")
        self.addCleanup = lambda: None

    def __init__(self, pars=None, **kwargs):
        super().__init__(pars, **kwargs)
        self.choose = lambda: None
""",
    ),
    (
        "test_two_processes_load_what_one_loads",
        "on two processes: ",
        """
    def load(self, indices):
        from ptypy.utils import parallel
        raw, _, _ = super().load(indices)
        return {i: raw[i] + parallel.rank for i in indices}, {}, {}
""",
    ),
    (
        "test_the_geometry_is_told_or_announced_as_a_placeholder",
        "common.psize is a placeholder, and nobody was told",
        """
    PLACEHOLDERS = ()
    given = {"energy": 8.0}
""",
    ),
    (
        "test_frames_masks_and_positions_are_the_true_ones",
        "the mask is wrong for 3200 pixels (it is inverted)",
        """
    def load_weight(self):
        return ~super().load_weight()
""",
    ),
    (
        "test_frames_masks_and_positions_are_the_true_ones",
        "frames: ",
        """
    def load(self, indices):
        raw, _, _ = super().load(indices)
        return {i: raw[9 - i] for i in indices}, {}, {}
""",
    ),
]
"""A test of the contract, what it says, and a loader that it is there to catch."""


def case(number, body, base="FolderScan"):
    return f'''

@register()
class Broken{number}({base}):
    """Broken."""
{body}

class TestBroken{number}(FolderContract):
    loader = Broken{number}
'''


def name_of(test):
    return test.partition("[")[0]


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory):
    """Run pytest once over all these loaders: class -> test -> passed, failed or skipped."""
    folder = tmp_path_factory.mktemp("contract")
    text = GOOD + "".join(case(k, body) for k, (_, _, body) in enumerate(BROKEN))
    (folder / "test_loaders.py").write_text(text)
    (folder / "pytest.ini").write_text("[pytest]\naddopts = --strict-markers\n")
    report = folder / "report.xml"
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--junitxml", report]
    wanted = ["TestGood", "TestGoodBlock", "TestNothingSaid"]
    wanted += [f"TestBroken{number}::{test}" for number, (test, _, _) in enumerate(BROKEN)]
    command += [f"test_loaders.py::{name}" for name in wanted]
    subprocess.run(command, capture_output=True, cwd=folder, check=False)
    found = {}
    for entry in ET.parse(report).iter("testcase"):  # noqa: S314 -- pytest's own report
        tag = entry[0].tag if len(entry) else "passed"
        text = entry[0].get("message") if len(entry) else ""
        tests = found.setdefault(entry.get("classname").rpartition(".")[2], {})
        tests[entry.get("name")] = (tag, text)
    return found


@pytest.mark.parametrize("which", ["TestGood", "TestGoodBlock"])
def test_a_good_loader_passes_all_of_it(outcomes, which):
    wrong = {name: text for name, (tag, text) in outcomes[which].items() if tag == "failure"}
    assert wrong == {}
    assert {name_of(name) for name in outcomes[which]} == {test for test, _, _ in BROKEN}
    skipped = {name for name, (tag, _) in outcomes[which].items() if tag == "skipped"}
    expected = {"test_load_and_load_block_agree"} if which == "TestGood" else set()
    assert skipped - {"test_two_processes_load_what_one_loads"} == expected


@pytest.mark.parametrize("number", range(len(BROKEN)))
def test_a_loader_that_breaks_a_rule_is_caught_and_told_what_is_wrong(outcomes, number):
    test, words, _ = BROKEN[number]
    found = [
        result
        for name, result in outcomes[f"TestBroken{number}"].items()
        if name_of(name) == test and result[0] != "passed"
    ]
    if test.startswith("test_two_processes") and "skipped" in dict(found):
        pytest.skip("needs mpi4py and mpiexec: pip install 'ptypy[mpi]'")
    assert "failure" in dict(found)
    said = [text for _, text in found]
    assert any(words in text for text in said), said


def test_a_contract_without_an_example_says_what_it_needs(outcomes):
    tags = {tag for tag, _ in outcomes["TestNothingSaid"].values()}
    assert tags == {"error"}
    assert all("make_example" in text for _, text in outcomes["TestNothingSaid"].values())
