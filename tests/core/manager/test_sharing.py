"""Scans that have a probe or an object in common see the same arrays, wherever they went."""

from __future__ import annotations

import numpy as np
import pytest

from ptypy.errors import ParameterError

FRAMES = np.random.default_rng(3).poisson(40, (4, 16, 16)).astype(np.float32)
HERE = np.array([(0, 0), (3, 0), (0, 4), (3, 4)], float)
THERE = HERE + np.array([30, -20])


@pytest.fixture
def start(start_run, array_scan):
    """Start a run of scans `a` and `b`, which takes what it is told from the other."""

    def start(b, a=None, **more):
        first = {"name": "Full", "data": array_scan(FRAMES, HERE), **(a or {})}
        second = {"name": "Full", "data": array_scan(2 * FRAMES, THERE), **b}
        return start_run({"a": first, "b": second, **more})

    return start


def seen(run, block):
    """What pods say the detector sees, shape (frames, H, W)."""
    pods = [pod for pod in run.pods.values() if pod.model is run.model.scans[block.label]]
    return np.array([np.abs(pod.fw(pod.probe * pod.object)) ** 2 for pod in pods])


def test_an_object_in_common_covers_the_positions_of_both_scans(start):
    run = start({"sharing": {"object_share_with": "a"}})
    blocks = run.model.new_data()
    assert list(run.obj.S) == ["SaG00"]
    assert list(run.probe.S) == ["SaG00", "SbG00"]
    obj = run.obj.S["SaG00"]
    assert all(block.obj is obj for block in blocks)
    assert run.model.scans["b"].obj is obj
    obj.data[...] = np.random.default_rng(0).standard_normal(obj.shape)
    for block, positions in zip(blocks, (HERE, THERE), strict=True):
        np.testing.assert_array_equal(block.corners - blocks[0].corners[0], positions - HERE[0])
        probe = block.probe.data[0].astype(complex)
        for (y, x), pattern in zip(block.corners, seen(run, block), strict=True):
            exit_wave = probe * obj.data[0, y : y + 16, x : x + 16]
            assert pattern.sum() == pytest.approx(np.sum(np.abs(exit_wave) ** 2), rel=1e-4)


def test_a_probe_in_common_has_the_photons_of_the_scan_that_came_first(start):
    run = start({"sharing": {"probe_share_with": "a"}})
    first, second = run.model.new_data()
    assert first.probe is second.probe is run.probe.S["SaG00"]
    assert list(run.obj.S) == ["SaG00", "SbG00"]
    power = np.sum(np.abs(first.probe.data) ** 2)
    assert power == pytest.approx(FRAMES.sum(axis=(1, 2)).max(), rel=1e-4)
    assert seen(run, second).shape == (4, 16, 16)
    assert len(run.pods) == 8


def test_whoever_comes_first_has_the_others_probe_and_object_made(start, array_scan):
    available = [0]
    late = array_scan(FRAMES, HERE, available=lambda: available[0])
    sharing = {"probe_share_with": "a", "object_share_with": "a"}
    run = start({"sharing": sharing}, {"data": late, "sample": {"fill": 0.5}})
    assert [block.label for block in run.model.new_data()] == ["b"]
    assert list(run.obj.S) == list(run.probe.S) == ["SaG00"]
    assert (run.obj.S["SaG00"].data == 0.5).all()
    available[0] = 4
    assert [block.label for block in run.model.new_data()] == ["a"]
    one, other = run.model.blocks
    assert one.probe is other.probe
    assert one.obj is other.obj
    for block in run.model.blocks:
        corners = block.corners
        assert (corners >= 0).all()
        assert (corners + 16 <= one.obj.shape[1:]).all()


def test_three_scans_may_share_in_a_row(start, array_scan):
    third = {
        "name": "BlockFull",
        "data": array_scan(FRAMES, -THERE),
        "sharing": {"object_share_with": "b"},
    }
    run = start({"sharing": {"object_share_with": "a"}}, c=third)
    run.model.new_data()
    assert list(run.obj.S) == ["SaG00"]
    assert list(run.probe.S) == ["SaG00", "SbG00", "ScG00"]


def test_several_energies_and_modes_are_shared_one_by_one(start):
    coherence = {"num_probe_modes": 2, "energies": [1.0, 1.1]}
    sharing = {"probe_share_with": "a", "object_share_with": "a"}
    run = start({"sharing": sharing, "coherence": coherence}, {"coherence": coherence})
    first, second = run.model.new_data()
    assert list(run.probe.S) == list(run.obj.S) == ["SaG00", "SaG01"]
    for one, other in zip(first.colours, second.colours, strict=True):
        assert one.probe is other.probe
        assert one.obj is other.obj
    assert len(run.pods) == 2 * 4 * 2 * 2


@pytest.mark.parametrize(
    ("b", "a", "says"),
    [
        ({"probe_share_with": "z"}, {}, r"'z'.*is no scan of this run; there are a, b"),
        ({"object_share_with": "b"}, {}, r"leads back"),
        ({"object_share_with": "a"}, {"sharing": {"object_share_with": "b"}}, r"leads back"),
        ({"probe_share_with": "a"}, {"coherence": {"num_probe_modes": 3}}, r"coherence.*3 modes"),
        ({"object_share_with": "a"}, {"coherence": {"energies": [1, 1.1]}}, r"coherence"),
        ({"probe_share_with": "a"}, {"name": "OPRModel"}, r"probes of their own"),
    ],
)
def test_what_cannot_be_shared_is_said_before_data_is_loaded(start, b, a, says):
    with pytest.raises(ParameterError, match=says) as error:
        start({"sharing": b}, a)
    assert {fault.path.partition("_")[2] for fault in error.value.faults} == {"share_with"}


@pytest.mark.parametrize("part", ["probe", "object"])
def test_pixels_of_another_size_cannot_be_shared_until_one_chooses_the_same(
    start, array_scan, part
):
    data = array_scan(FRAMES[:, :12, :12], HERE)
    sharing = {f"{part}_share_with": "a"}
    run = start({"data": data, "sharing": sharing})
    with pytest.raises(ParameterError, match=rf"scans\.b\.sharing\.{part}_share_with.*pixels of"):
        run.model.new_data()
    resolution = float(run.model.scans["a"].geometry.resolution[0])
    run = start({"data": data, "sharing": sharing, "resolution": resolution})
    assert len(run.model.new_data()) == 2


def test_scans_that_share_nothing_stay_apart(start):
    run = start({"sharing": None})
    run.model.new_data()
    assert list(run.probe.S) == list(run.obj.S) == ["SaG00", "SbG00"]
