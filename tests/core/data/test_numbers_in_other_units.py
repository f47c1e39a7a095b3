"""Numbers that no experiment has, and masks that trust almost nothing, are told loudly."""

import numpy as np
import pytest

from ptypy.core.data import implausible_numbers, implausible_positions

GEOMETRY = {"energy": 8.0, "distance": 2.0, "psize": 75e-6}


def told(caplog):
    return [record.message for record in caplog.records if record.levelname == "ERROR"]


def frames(n=4):
    return np.random.default_rng(2).poisson(20, (n, 8, 12))


@pytest.mark.parametrize(
    "odd",
    [
        {"energy": 8000.0},
        {"energy": 0.008},
        {"energy": 1e-15},
        {"distance": 2e9},
        {"psize": 75.0},
        {"psize": (75e-6, 75.0)},
    ],
)
def test_a_number_in_another_unit_is_told_once_and_loudly(memory_scan, caplog, odd):
    scan = memory_scan(frames(), np.arange(8.0).reshape(4, 2) * 1e-6, **(GEOMETRY | odd))
    scan.auto(2)
    scan.auto(2)
    (said,) = told(caplog)
    assert said.startswith(f"{next(iter(odd))} = ")
    assert "is it in another unit" in said


def test_numbers_that_experiments_have_need_no_word(memory_scan, caplog):
    for energy in (0.00196, 0.092, 8.0, 1422.0):
        scan = memory_scan(frames(), np.eye(4, 2) * 1e-6, **(GEOMETRY | {"energy": energy}))
        scan.auto(2)
    assert told(caplog) == []
    assert implausible_numbers({"psize": (75e-6, 172e-6), "distance": None}) == []


def test_positions_in_micrometres_are_told_once_and_loudly(memory_scan, caplog):
    scan = memory_scan(frames(), np.arange(8.0).reshape(4, 2), **GEOMETRY)
    scan.auto(1)
    scan.auto(3)
    assert told(caplog) == [
        "positions extend over 6 m: are they in another unit? They must be in metres"
    ]


def test_positions_that_come_with_the_frames_are_looked_at_too(memory_scan, caplog):
    class WithFrames(memory_scan):
        def load_positions(self):
            return None

        def load(self, indices):
            raw, _, _ = super().load(indices)
            return raw, {i: np.array([i, 0.0]) for i in indices}, {}

    WithFrames(frames(), num_frames=4, **GEOMETRY).auto(4)
    assert any("positions extend over 3 m" in said for said in told(caplog))
    assert implausible_positions(np.empty((0, 2))) is None


def test_a_mask_that_trusts_almost_nothing_is_told_as_perhaps_inverted(memory_scan, caplog):
    bad = np.zeros((8, 12), bool)
    bad[3, 4] = True
    scan = memory_scan(frames(), np.eye(4, 2) * 1e-6, mask=bad, **GEOMETRY)
    scan.auto(2)
    scan.auto(2)
    (said,) = told(caplog)
    assert said.startswith("only 1 % of the pixels are trusted: is the mask inverted?")


def test_what_lies_outside_the_frames_does_not_count_as_not_trusted(memory_scan, caplog):
    mask = np.ones((8, 12), bool)
    mask[:, :4] = False
    scan = memory_scan(frames(), np.eye(4, 2) * 1e-6, mask=mask, shape=(32, 32), **GEOMETRY)
    package = scan.auto(4)
    assert package["iterable"][0]["mask"].mean() < 0.1
    assert not [said for said in told(caplog) if "inverted" in said]
