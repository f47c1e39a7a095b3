"""A number keeps its place in metres, whatever happens to the array that holds it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ptypy.core.classes import DEFAULT_ACCESSRULE, Base, Container, View
from ptypy.errors import DataError

coordinates = st.tuples(st.floats(-40, 40), st.floats(-40, 40))
windows = st.tuples(st.integers(1, 9), st.integers(1, 9))


def ramp(storage):
    """Fill a storage with numbers that tell their coordinates."""
    y, x = storage.grids()
    storage.fill(y + 1j * x)


def test_pixels_lie_where_origin_and_pixel_size_put_them():
    container = Container(data_type="real")
    storage = container.new_storage(shape=(2, 3, 4), psize=(0.5, 2.0), origin=(1.0, -2.0))
    y, x = storage.grids()
    assert y.shape == x.shape == (2, 3, 4)
    np.testing.assert_allclose(y[1, :, 2], [1.0, 1.5, 2.0])
    np.testing.assert_allclose(x[0, 0], [-2.0, 0.0, 2.0, 4.0])
    np.testing.assert_allclose(storage.center, [-2.0, 1.0])


def test_without_an_origin_zero_lies_on_the_pixel_of_the_fourier_transform():
    storage = Container().new_storage(shape=(5, 6), psize=3.0)
    assert storage.shape == (1, 5, 6)
    np.testing.assert_allclose(storage.center, [2, 3])
    np.testing.assert_allclose(storage.origin, [-6, -9])


@settings(max_examples=40, deadline=None)
@given(st.lists(coordinates, min_size=1, max_size=6), windows)
def test_a_window_lies_within_half_a_pixel_of_its_coordinate(coords, shape):
    storage = Container().new_storage(shape=(8, 9), psize=(0.7, 1.3))
    table = storage.add_views(coords, shape)
    storage.reformat()
    middle = (table.corner + np.array(shape) // 2 - storage.center) * storage.psize
    assert (np.abs(middle - coords) <= 0.5001 * storage.psize).all()
    assert (table.corner >= 0).all()
    assert (table.corner + shape <= storage.shape[1:]).all()


@settings(max_examples=25, deadline=None)
@given(st.lists(coordinates, min_size=1, max_size=4), st.lists(coordinates, min_size=1))
def test_growth_leaves_every_value_at_its_coordinate(first, later):
    storage = Container(data_type=np.complex128).new_storage(shape=(4, 4), padonly=True, fill=9)
    storage.add_views(first, (4, 4))
    storage.reformat()
    ramp(storage)
    before = storage.data.size
    storage.add_views(later, (4, 4))
    storage.reformat()
    y, x = storage.grids()
    kept = storage.data != 9
    assert kept.sum() >= before - 1  # one pixel may itself hold the value 9
    np.testing.assert_allclose(storage.data[kept], (y + 1j * x)[kept])


def test_windows_made_before_the_growth_see_the_same_numbers_after_it():
    container = Container(data_type=np.complex128)
    storage = container.new_storage(shape=(6, 6), padonly=True)
    view = View(container, storageID=storage.ID, shape=3, coord=(1.0, -1.0))
    ramp(storage)
    seen = view.data.copy()
    View(container, storageID=storage.ID, shape=3, coord=(-30.0, 12.0))
    container.reformat()
    np.testing.assert_array_equal(view.data, seen)


def test_a_storage_fitted_to_its_views_keeps_nothing_else():
    container = Container(data_type="real")
    storage = container.new_storage(shape=(20, 20), padding=1)
    storage.add_views([(0, 0), (2, 3)], (4, 4))
    storage.reformat()
    assert storage.shape == (1, 4 + 2 + 2, 4 + 3 + 2)
    np.testing.assert_allclose(storage.center, [3, 3])


def test_views_that_were_switched_off_hold_no_room():
    container = Container(data_type="real")
    storage = container.new_storage(shape=(4, 4))
    storage.add_views([(0, 0)], (4, 4))
    far = View(container, storageID=storage.ID, shape=4, coord=(100, 100), active=False)
    storage.reformat()
    assert storage.shape == (1, 4, 4)
    with pytest.raises(DataError, match=r"leaves its storage.*reformat"):
        _ = far.data


def test_a_view_of_a_layer_that_does_not_exist_makes_one_at_the_next_fit():
    container = Container(data_type="real")
    storage = container.new_storage(shape=(4, 4), fill=2.0)
    view = View(container, storageID=storage.ID, shape=4, layer=2)
    storage.reformat()
    assert storage.shape == (3, 4, 4)
    assert (view.data == 2).all()


def test_room_is_made_only_when_a_box_needs_it():
    storage = Container(data_type="real").new_storage(shape=(10, 10), padding=3)
    table = storage.add_views([(0.0, 0.0)], (4, 4))
    assert not storage.cover((0, 0), (10, 10))
    assert storage.cover((-2, 1), (4, 5))
    assert storage.shape == (1, 15, 10)
    np.testing.assert_array_equal(table.corner, [[8, 3]])
    np.testing.assert_allclose(storage.center, [10, 5])


def test_data_are_used_without_a_copy():
    frames = np.ones((3, 5, 4), np.float32)
    storage = Container(data_type="real").new_storage(data=frames)
    assert storage.data is frames or np.shares_memory(storage.data, frames)
    view = View(storage.owner, storageID=storage.ID, layer=1)
    view.data[...] = 7
    assert (frames[1] == 7).all()
    assert (frames[[0, 2]] == 1).all()


def test_nobody_pays_for_views_that_nobody_asks_for():
    container = Container(data_type="real")
    storage = container.new_storage(shape=(50, 50))
    table = storage.add_views(np.zeros((1000, 2)), (5, 5))
    assert container.num_views == 1000
    assert not table.objects
    assert len(container.V) == 1000
    assert container.V["V0007"] is storage.views[7]


def test_coverage_counts_the_views_on_each_pixel():
    storage = Container(data_type="real").new_storage(shape=(6, 7), origin=(0, 0))
    storage.add_views([(1, 1), (2, 2)], (2, 2))
    expected = np.zeros((1, 6, 7), int)
    expected[0, 0:2, 0:2] += 1
    expected[0, 1:3, 1:3] += 1
    np.testing.assert_array_equal(storage.get_view_coverage(), expected)


def test_moving_the_center_moves_what_views_see():
    container = Container(data_type="real")
    storage = container.new_storage(data=np.arange(100.0).reshape(10, 10), origin=(0, 0))
    view = View(container, storageID=storage.ID, shape=1, coord=(3, 4))
    assert view.data == 34
    storage.origin = (1, 1)
    assert view.data == 23


def test_a_window_that_is_moved_sees_the_new_place():
    container = Container(data_type="real")
    storage = container.new_storage(data=np.arange(100.0).reshape(10, 10), origin=(0, 0))
    view = View(container, storageID=storage.ID, shape=1, coord=(3, 4))
    view.coord = (5.4, 1.8)
    assert view.data == 52
    np.testing.assert_allclose(view.sp, [0.4, -0.2])
    np.testing.assert_array_equal(view.dcoord, [5, 2])


def test_a_container_and_its_storages_are_read_and_written_through_views():
    container = Container(Base(), "Ctest", data_type="real")
    storage = container.new_storage("S00", shape=(1, 7, 7), psize=1.0)
    y, x = storage.grids()
    storage.fill(x + y)
    rule = DEFAULT_ACCESSRULE.copy()
    rule.storageID, rule.shape, rule.coord = "S00", (4, 4), (0.0, 0.0)
    view = View(container, None, rule)
    np.testing.assert_array_equal(container[view], storage[view])
    np.testing.assert_array_equal(view.data, storage.data[0, 1:5, 1:5])
    container[view] = 0
    assert not view.data.any()
    storage[view] = 1
    assert (view.data == 1).all()


def test_a_copy_is_read_through_the_views_of_the_original():
    container = Container(data_type="real")
    storage = container.new_storage("S00", shape=(6, 6), psize=0.1, origin=(2, 2))
    view = View(container, storageID="S00", shape=2, coord=(2.2, 2.2))
    twin = container.copy(fill=3.0)
    assert (twin[view] == 3).all()
    assert not container[view].any()
    np.testing.assert_allclose(twin.S["S00"].origin, storage.origin)


def test_arithmetic_in_place_works_with_numbers_and_containers():
    a = Container(data_type="complex")
    a.new_storage("S1", data=np.full((2, 2), 2))
    a.new_storage("S2", data=np.full((3, 1), 4))
    b = a.copy()
    a += b
    a *= 3
    a -= 4
    a /= b
    assert (a.S["S1"].data == 4).all()
    assert (a.S["S2"].data == 5).all()
    a << b
    assert (a.S["S2"].data == 4).all()


def test_arithmetic_with_a_container_of_other_shapes_is_refused_and_changes_nothing():
    a, b = Container(), Container()
    a.new_storage("S1", shape=(2, 2), fill=1)
    a.new_storage("S2", shape=(2, 2), fill=1)
    b.new_storage("S1", shape=(2, 2), fill=1)
    b.new_storage("S2", shape=(2, 3), fill=1)
    with pytest.raises(DataError, match="S2"):
        a += b
    assert (a.S["S1"].data == 1).all()


def test_an_array_of_another_size_replaces_the_data_middle_on_middle():
    container = Container(data_type="real")
    storage = container.new_storage(shape=(4, 4), psize=1.0)
    storage.fill(np.ones((8, 10)))
    assert storage.shape == (1, 8, 10)
    np.testing.assert_allclose(storage.center, [4, 5])


def test_the_owner_says_what_complex_means():
    owner = Base()
    owner.CType = np.complex128
    assert Container(owner, data_type="complex").new_storage(shape=2).dtype == np.complex128
    assert owner.containers["C0000"].dtype == np.complex128


def test_the_report_names_every_storage():
    container = Container(data_type="real", ID="Cobj")
    container.new_storage("S00", shape=(1, 20, 30), psize=1e-8)
    assert "Cobj" in container.formatted_report()
    assert "S00" in container.formatted_report()
    assert "20 x 30" in container.S["S00"].formatted_report()
