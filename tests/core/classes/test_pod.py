"""A pod put together by hand does one step of ptychography."""

from __future__ import annotations

import numpy as np
import pytest

from ptypy.core.classes import POD, Base, Container, View
from ptypy.core.geometry import Geo
from ptypy.errors import DataError


@pytest.fixture
def bench():
    """A run with one probe, one object and two frames, and the pods of both."""
    run = Base()
    geometry = Geo(run, energy=6.2, distance=1.0, psize=1e-4, shape=(16, 12))
    names = {"probe": "complex", "obj": "complex", "diff": "real", "mask": bool}
    box = {name: Container(run, f"C{name}", kind) for name, kind in names.items()}
    psize = geometry.resolution
    box["probe"].new_storage("S0", shape=(16, 12), psize=psize, fill=2)
    box["obj"].new_storage("S0", shape=(1, 1), psize=psize, fill=1j)
    box["diff"].new_storage("S0", shape=(2, 16, 12))
    box["mask"].new_storage("S0", shape=(1, 16, 12), fill=True)
    pods = []
    for frame, coord in enumerate([(0.0, 0.0), (5 * psize[0], -3 * psize[1])]):
        views = {
            "probe": View(box["probe"], storageID="S0"),
            "obj": View(box["obj"], storageID="S0", shape=(16, 12), coord=coord),
            "diff": View(box["diff"], storageID="S0", layer=frame),
            "mask": View(box["mask"], storageID="S0"),
        }
        pods.append(POD(run, None, None, views, geometry))
    box["obj"].reformat()
    return run, box, pods


def test_the_object_has_room_for_all_positions(bench):
    _, box, _ = bench
    assert box["obj"].S["S0"].shape == (1, 21, 15)


def test_the_exit_wave_is_probe_times_object_until_it_is_set(bench):
    _, _, (first, second) = bench
    np.testing.assert_allclose(first.exit, 2j)
    first.exit = np.zeros((16, 12))
    assert not first.exit.any()
    np.testing.assert_allclose(second.exit, 2j)


def test_a_simulated_frame_holds_the_photons_of_the_exit_wave(bench):
    _, box, pods = bench
    for pod in pods:
        pod.diff = np.abs(pod.fw(pod.exit)) ** 2
        np.testing.assert_allclose(pod.bw(pod.fw(pod.exit)), pod.exit, atol=1e-5)
    np.testing.assert_allclose(box["diff"].S["S0"].data.sum(axis=(1, 2)), 4 * 16 * 12, rtol=1e-5)


def test_pods_of_a_run_are_found_by_name_and_from_their_views(bench):
    run, _, (first, second) = bench
    assert run.pods == {"P0000": first, "P0001": second}
    assert second.ob_view.pod is second


def test_switching_a_pod_off_switches_its_frame_off(bench):
    _, _, (first, second) = bench
    first.active = False
    assert not first.di_view.active
    assert second.active


def test_a_pod_without_a_view_says_which_one_it_needs():
    with pytest.raises(DataError, match="no view for 'probe'"):
        _ = POD().probe
    with pytest.raises(DataError, match="geometry"):
        POD().fw(np.ones((2, 2)))
