"""Where scan patterns put their points."""

import numpy as np
import pytest

from ptypy.core import xy
from ptypy.errors import ParameterError
from ptypy.utils.parameters import Param


def distances(positions):
    """Distance of every point to its nearest neighbour."""
    d = np.hypot(*(positions[:, None] - positions[None]).transpose(2, 0, 1))
    return np.where(np.eye(len(d), dtype=bool), np.inf, d).min(axis=1)


def test_nothing_gives_no_positions():
    assert xy.from_pars(None) is None
    assert xy.from_pars({}) is None


def test_positions_are_taken_as_they_are():
    given = [(0, 1), (2, 3)]
    np.testing.assert_array_equal(xy.from_pars(given), given)
    np.testing.assert_array_equal(xy.from_pars({"override": np.array(given)}), given)
    np.testing.assert_array_equal(
        xy.from_pars({"model": np.array(given), "offset": 1.0})[1], (3, 4)
    )


@pytest.mark.parametrize("wrong", [5, "template", {"model": "circle"}, [1, 2, 3], object()])
def test_what_is_no_scan_is_refused(wrong):
    with pytest.raises(ParameterError):
        xy.from_pars(wrong)


def test_faults_of_a_scan_are_told_together():
    with pytest.raises(ParameterError, match=r"(?s)xy.model.*xy.count.*xy.spacing"):
        xy.from_pars({"model": "rund", "count": 0, "spacing": -1.0})


def test_a_template_is_found_by_its_name(monkeypatch):
    monkeypatch.setitem(xy.TEMPLATES, "mine", Param(model="raster", steps=3))
    assert len(xy.from_pars("mine")) == 9


def test_rows_of_a_raster_are_dy_apart_and_columns_dx():
    positions = xy.raster_scan(2.0, 3.0, 4, 5).reshape(4, 5, 2)
    np.testing.assert_allclose(positions[1, 0] - positions[0, 0], (2, 0))
    np.testing.assert_allclose(positions[0, 1] - positions[0, 0], (0, 3))


def test_a_turned_raster_keeps_its_distances():
    straight, turned = xy.raster_scan(1, 2, 3, 4), xy.raster_scan(1, 2, 3, 4, ang=0.3)
    np.testing.assert_allclose(distances(turned), distances(straight))
    np.testing.assert_allclose(turned[1], (2 * np.sin(0.3), 2 * np.cos(0.3)))


def test_circles_of_a_round_scan_are_evenly_spaced():
    positions = xy.round_scan(dr=2.0, nr=3, nth=5)
    radii, counts = np.unique(np.hypot(*positions.T).round(9), return_counts=True)
    np.testing.assert_allclose(radii, [0, 2, 4, 6, 8])
    assert counts.tolist() == [1, 5, 10, 15, 20]


def test_points_of_a_spiral_are_evenly_spaced_out_to_its_radius():
    positions = xy.spiral_scan(dr=1.0, r=10.0)
    assert len(positions) == pytest.approx(np.pi * 10**2, rel=0.02)
    assert np.hypot(*positions.T).max() == pytest.approx(10, abs=0.1)
    near = distances(positions)
    assert near.min() > 0.55  # the first turn is tighter
    assert near.max() < 1.2


def test_a_spiral_stops_at_its_limit():
    assert len(xy.spiral_scan(1.0, 1000.0, maxpts=50)) == 50


@pytest.mark.parametrize("model", ["round", "raster", "spiral"])
def test_a_scan_is_centred_and_stays_in_its_area(model):
    positions = xy.from_pars(
        {"model": model, "extent": (8e-6, 12e-6), "spacing": 1e-6, "steps": 16}
    )
    assert (np.abs(positions) <= np.array([4e-6, 6e-6]) * 1.0001).all()
    np.testing.assert_allclose(positions.mean(axis=0), 0, atol=3e-7)


@pytest.mark.parametrize(
    "two",
    [
        {"extent": 10e-6, "spacing": 1e-6, "steps": None},
        {"extent": 10e-6, "spacing": None, "steps": 10},
        {"extent": None, "spacing": 1e-6, "steps": 10},
    ],
)
def test_any_two_of_extent_spacing_and_steps_are_enough(two):
    positions = xy.from_pars({"model": "raster", **two})
    assert len(positions) == 100
    np.testing.assert_allclose(distances(positions), 1e-6)


def test_one_of_extent_spacing_and_steps_is_not_enough():
    with pytest.raises(ParameterError, match="two of extent, spacing and steps"):
        xy.from_pars({"model": "raster", "extent": 1e-6, "steps": None, "spacing": None})


def test_an_offset_moves_every_point():
    here = xy.from_pars({"model": "round"})
    there = xy.from_pars({"model": "round", "offset": (1e-6, -2e-6)})
    np.testing.assert_allclose(there - here, np.broadcast_to([1e-6, -2e-6], here.shape))


def test_a_count_keeps_the_first_points():
    all_points = xy.from_pars({"model": "round"})
    np.testing.assert_array_equal(xy.from_pars({"model": "round", "count": 7}), all_points[:7])


def test_jitter_is_random_of_the_given_size_and_repeatable():
    regular = xy.from_pars({"model": "raster", "steps": 60, "extent": 1e-3})
    shaken = xy.from_pars({"model": "raster", "steps": 60, "extent": 1e-3, "jitter": 1e-7}, seed=4)
    assert (shaken - regular).std() == pytest.approx(1e-7, rel=0.05)
    again = xy.from_pars({"model": "raster", "steps": 60, "extent": 1e-3, "jitter": 1e-7}, seed=4)
    other = xy.from_pars({"model": "raster", "steps": 60, "extent": 1e-3, "jitter": 1e-7}, seed=5)
    np.testing.assert_array_equal(shaken, again)
    assert not np.array_equal(shaken, other)


def test_coordinates_are_repeated_for_every_position():
    np.testing.assert_array_equal(xy.augment_to_coordlist(2.0, 3), np.full((3, 2), 2.0))
    np.testing.assert_array_equal(xy.augment_to_coordlist((1, 2), 2), [(1, 2), (1, 2)])
    np.testing.assert_array_equal(
        xy.augment_to_coordlist([(1, 2), (3, 4)], 3), [(1, 2), (3, 4), (1, 2)]
    )
    with pytest.raises(ParameterError, match="pairs"):
        xy.augment_to_coordlist((1, 2, 3), 4)


def test_parameters_of_a_scan_are_declared():
    assert list(xy.DEFAULT) == [
        "override", "model", "extent", "spacing", "steps", "offset", "jitter", "count",
    ]  # fmt: skip
    assert xy.DEFAULT.extent == 15e-6
