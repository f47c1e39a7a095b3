"""The strongest modes of the probes of many frames, against plain numpy."""

import numpy as np
import pytest

from ptypy.engines._subspace import Subspace


def draw_matrix(frames, pixels=300, rank=None):
    """Singular values fall by a factor of two from each to the next."""
    rng = np.random.default_rng(frames)

    def orthonormal(size, count):
        parts = rng.standard_normal((2, size, count))
        return np.linalg.qr(parts[0] + 1j * parts[1]).Q

    rank = rank or min(frames, pixels)
    matrix = (orthonormal(frames, rank) * 0.5 ** np.arange(rank)) @ orthonormal(pixels, rank).T
    return matrix.astype(np.complex64)


def decompose(matrix, dim):
    left, values, right = np.linalg.svd(matrix.astype(np.complex128), full_matrices=False)
    return left[:, :dim], values[:dim], right[:dim]


@pytest.mark.parametrize("frames", [5, 60, 400])
def test_probes_are_brought_to_the_nearest_ones_of_few_dimensions(frames):
    matrix = draw_matrix(frames)
    left, values, right = decompose(matrix, 3)
    space = Subspace(matrix, 3)
    space.impose(matrix)
    np.testing.assert_allclose(space.values, values, rtol=1e-6)
    np.testing.assert_allclose(matrix, (left * values) @ right, atol=1e-6)


def test_more_dimensions_than_frames_leave_all_as_it_is():
    matrix = draw_matrix(4)
    before = matrix.copy()
    Subspace(matrix, 7).impose(matrix)
    np.testing.assert_allclose(matrix, before, atol=1e-7)


@pytest.mark.parametrize("metric", [0.0, 0.5])
def test_with_another_metric_bright_frames_count_less(metric):
    matrix = draw_matrix(60)
    matrix[::3] *= 30
    matrix[7] = 0
    norms = np.linalg.norm(matrix, axis=1, keepdims=True)
    weight = np.where(norms > 0, np.maximum(norms, 1e-30) ** (metric - 1), 1)
    _, _, right = decompose(weight * matrix, 2)
    expected = matrix @ right.conj().T @ right
    Subspace(matrix, 2, metric).impose(matrix)
    np.testing.assert_allclose(matrix, expected, atol=1e-5)


def test_changes_along_the_surface_keep_the_number_of_dimensions_to_the_first_order():
    matrix, change = draw_matrix(40, rank=2), draw_matrix(41)[:40]
    space = Subspace(matrix, 2)
    space.flatten(change)
    for step in (1e-2, 1e-3):
        third = np.linalg.svd(matrix + step * change.astype(np.complex128), compute_uv=False)[2]
        assert third < 2 * step**2 * np.linalg.norm(change) ** 2


def test_what_is_kept_of_a_change_is_an_orthogonal_projection():
    matrix, change, other = draw_matrix(40, rank=2), draw_matrix(41)[:40], draw_matrix(42)[:40]
    space = Subspace(matrix, 2)
    flat, flat_other = change.copy(), other.copy()
    space.flatten(flat)
    space.flatten(flat_other)
    assert np.vdot(flat, other) == pytest.approx(np.vdot(change, flat_other), rel=1e-4)
    again = flat.copy()
    space.flatten(again)
    np.testing.assert_allclose(again, flat, atol=1e-6)
    assert np.linalg.norm(flat) < 0.99 * np.linalg.norm(change)


def test_probes_that_are_all_alike_get_their_further_modes_from_the_gradient():
    matrix = np.tile(draw_matrix(1), (40, 1))
    change = draw_matrix(40)
    space = Subspace(matrix, 3)
    assert space.lacking == 2
    space.complete(change)
    left, _, right = decompose(matrix, 1)
    off = change - left @ (left.conj().T @ change)
    off -= off @ right.conj().T @ right
    u, values, v = decompose(off, 2)
    kept = (u * values) @ v
    flat = kept.astype(np.complex64)
    space.flatten(flat)
    np.testing.assert_allclose(flat, kept, atol=1e-5)
