"""The contract for engines passes good ones, and each of its tests catches what it is for."""

import os
import subprocess
import sys
import xml.etree.ElementTree as ET

import pytest

pytestmark = pytest.mark.slow

GOOD = '''
import numpy as np
from ptypy.engines import BaseEngine, register
from ptypy.testing import EngineContract


@register()
class Plain(BaseEngine):
    """Frame after frame, in NumPy.

    Defaults:

    [name]
    default = Plain
    type = str
    help = Name of the engine
    """

    SIGN = 1
    KEEP = 1e-20

    def order(self, total):
        return np.random.default_rng([7, self.curiter]).permutation(total)

    def trusted(self, block):
        return np.broadcast_to(block.mask, block.counts.shape)

    def counts(self, block):
        return np.maximum(block.counts, 0)

    def step(self):
        return 1 / (1 + self.curiter / 10)

    def engine_iterate(self, num):
        for _ in range(num):
            errors = self.sweep()
            self.curiter += 1
        return errors

    def sweep(self):
        blocks = self.ptycho.model.blocks
        frames = [(b, k) for b in blocks for k in range(len(b))]
        errors = np.zeros((len(frames), 3))
        kept = [(self.counts(b), self.trusted(b)) for b in blocks]
        for which in self.order(len(frames)):
            block, row = frames[which]
            counts, mask = kept[blocks.index(block)]
            errors[which, 0] = self.visit(block, row, counts[row], mask[row])
        return errors

    def visit(self, block, row, counts, mask):
        probe = block.probe.data[0]
        y, x = block.corners[row]
        view = block.obj.data[0][y : y + probe.shape[0], x : x + probe.shape[1]]
        propagator = block.geometry.propagator
        wave = probe * view
        field = propagator.fw(wave)
        modulus, wanted = np.abs(field), np.sqrt(counts)
        right = np.where(mask, field * wanted / (modulus + self.KEEP), field)
        change = self.SIGN * self.step() * (propagator.bw(right) - wave)
        old = view.copy()
        view += probe.conj() * change / (np.abs(probe) ** 2).max()
        probe += old.conj() * change / (np.abs(old) ** 2).max()
        return ((modulus - wanted) ** 2)[mask].mean() if mask.any() else 0.0


class TestGood(EngineContract):
    engine = Plain
    numiter = 40


class TestNothingSaid(EngineContract):
    pass
'''

BROKEN = [
    ("test_it_finds_the_object_to_near_the_noise", "times as far apart", "SIGN = -0.02"),
    (
        "test_the_error_does_not_rise_at_the_end",
        "the misfit rose",
        "step = lambda self: 1.0 if self.curiter < 10 else 1.95",
    ),
    (
        "test_the_same_run_gives_the_same_result",
        "seed what is drawn",
        "order = lambda self, total: np.random.default_rng().permutation(total)",
    ),
    (
        "test_how_frames_are_split_into_blocks_does_not_matter",
        "sum over all of",
        (
            "order = lambda self, total: self.by_block()\n"
            "    def by_block(self):\n"
            "        n = [len(b) for b in self.ptycho.model.blocks]\n"
            "        s = np.cumsum([0, *n])\n"
            "        parts = [a + np.random.default_rng(3).permutation(k) for a, k in zip(s, n)]\n"
            "        return np.concatenate(parts)"
        ),
    ),
    (
        "test_untrusted_pixels_are_not_looked_at",
        "use `block.mask`",
        "trusted = lambda self, block: np.ones(block.counts.shape, bool)",
    ),
    (
        "test_a_frame_without_trusted_pixels_moves_nothing",
        "are all untrusted changed the object",
        "trusted = lambda self, block: np.ones(block.counts.shape, bool)",
    ),
    (
        "test_what_no_detector_gives_leaves_finite_numbers",
        "finite",
        "KEEP = 0.0\n    counts = lambda self, block: block.counts",
    ),
    (
        "test_it_does_as_many_iterations_as_it_is_told",
        "iter_info tells iterations",
        (
            "def engine_iterate(self, num):\n"
            "        self.curiter += num\n"
            "        return super().engine_iterate(num)"
        ),
    ),
    (
        "test_errors_of_single_frames_have_a_row_a_frame",
        "of every frame",
        "def engine_iterate(self, num):\n        return super().engine_iterate(num).mean(axis=0)",
    ),
    (
        "test_it_goes_on_from_an_automatic_save",
        "what must not be lost",
        (
            "def engine_prepare(self):\n        self.ptycho.obj.fill(1.0)\n        self.left = 0\n"
            "    def step(self):\n"
            "        return 0.001 if self.curiter > 25 else 1.0"
        ),
    ),
    (
        "test_it_goes_on_where_it_was_stopped",
        "it found something else",
        (
            "count = 0\n"
            "    def order(self, total):\n"
            "        self.count += 1 if len(self.ptycho.runtime.iter_info) else 5\n"
            "        if self.ptycho.runtime.get('stop'): self.count += 3\n"
            "        return np.random.default_rng(self.count).permutation(total)"
        ),
    ),
    (
        "test_a_misspelt_parameter_is_refused_with_a_suggestion",
        "was accepted",
        (
            '"""Takes anything.\n\n'
            "    Defaults:\n\n    [*]\n    default = None\n    type =\n    help = Anything\n"
            '    """'
        ),
    ),
]
"""A test of the contract, what it says, and an engine that it is there to catch."""


def case(number, body):
    documented = "" if body.startswith('"') else "'A broken one.'"
    return f"""

@register()
class Broken{number}(Plain):
    {documented}
    {body}


class TestBroken{number}(EngineContract):
    engine = Broken{number}
    numiter = 40
"""


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory):
    """Run pytest once over all these engines: class -> test -> passed or failed, and why."""
    folder = tmp_path_factory.mktemp("contract")
    text = GOOD + "".join(case(k, body) for k, (_, _, body) in enumerate(BROKEN))
    (folder / "test_engines.py").write_text(text)
    (folder / "pytest.ini").write_text("[pytest]\naddopts = --strict-markers\n")
    report = folder / "report.xml"
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--junitxml", report]
    wanted = ["TestGood", "TestNothingSaid"]
    wanted += [f"TestBroken{number}::{test}" for number, (test, _, _) in enumerate(BROKEN)]
    command += [f"test_engines.py::{name}" for name in wanted]
    environment = {**os.environ, "PTYPY_NUM_THREADS": "1"}
    done = subprocess.run(
        command, capture_output=True, text=True, cwd=folder, env=environment, check=False
    )
    assert report.exists(), done.stdout + done.stderr
    found = {}
    for entry in ET.parse(report).iter("testcase"):  # noqa: S314 -- pytest's own report
        tag = entry[0].tag if len(entry) else "passed"
        text = entry[0].get("message") if len(entry) else ""
        tests = found.setdefault(entry.get("classname").rpartition(".")[2], {})
        tests[entry.get("name")] = (tag, text)
    return found


def name_of(test):
    return test.partition("[")[0]


def test_a_good_engine_passes_all_of_it(outcomes):
    wrong = {name: text for name, (tag, text) in outcomes["TestGood"].items() if tag != "passed"}
    assert wrong == {}
    assert {name_of(name) for name in outcomes["TestGood"]} == {test for test, _, _ in BROKEN}


@pytest.mark.parametrize("number", range(len(BROKEN)), ids=[test for test, _, _ in BROKEN])
def test_an_engine_that_breaks_a_rule_is_caught_and_told_what_is_wrong(outcomes, number):
    test, words, _ = BROKEN[number]
    said = [
        text
        for name, (tag, text) in outcomes[f"TestBroken{number}"].items()
        if name_of(name) == test and tag == "failure"
    ]
    assert any(words in text for text in said), said


def test_a_contract_without_an_engine_says_what_it_needs(outcomes):
    tags = {tag for tag, _ in outcomes["TestNothingSaid"].values()}
    assert tags == {"failure"}
    assert all("engine = MyEngine" in text for _, text in outcomes["TestNothingSaid"].values())
