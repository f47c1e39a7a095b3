"""Probes of many frames as a matrix of few dimensions."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from ptypy.engines._blocks import Complex, Rows, add_up
from ptypy.utils import parallel

__all__ = ["Subspace"]

Matrix = npt.NDArray[np.complex128]

SMALL = 256
"""Frames up to which all of their products are calculated; of more, the strongest are sought."""

SPARE = 8
"""Dimensions sought beside those that are asked for: with them, a few rounds are enough."""

ROUNDS = 3
"""How often vectors are multiplied by the Gram matrix when the strongest are sought."""

PART = 1 << 18
"""Numbers of a matrix that are brought to double precision at once."""

RANK_FLOOR = 1e-5
"""Singular value, as a share of the largest, below which single precision holds rounding only."""


class Subspace:
    """The strongest modes of a matrix whose rows are the probes of the frames.

    With the singular value decomposition ``D X = U S V^H``, this keeps the largest few singular
    values. D is diagonal; by the `metric` p it weighs frame j with ``|P_j|^(p - 1)``, so that
    with p = 1 frames count with their power, and with p = 0 all of them count alike.

    U and S are found from the matrix of products between frames, ``D X X^H D`` (Gram matrix),
    in double precision; of more than `SMALL` frames by the block power method with a fixed start
    (Halko, Martinsson & Tropp, SIAM Review 53 (2011) 217, algorithm 4.4). Processes share the
    pixels. Every process must call it, with the same matrix.

    Parameters
    ----------
    matrix : (N, K) complex
        A row a frame, a column a pixel; need not be contiguous.
    dim : int
        Number of modes to keep, at most; min(N, K) if there are not so many.
    metric : float
        p.
    """

    def __init__(self, matrix: Complex, dim: int, metric: float = 1.0) -> None:
        self.dim: int = min(dim, *matrix.shape)
        self._scale = _weigh(matrix, metric)
        self.left, self.values = _find_strongest(matrix, self.dim, self._scale)
        """U, (N, dim) complex128, and S, (dim,) float64, largest first."""
        self._rows: Matrix = np.empty((self.dim, matrix.shape[1]), np.complex128)
        for part in _parts(matrix):
            self._rows[:, part] = self.left.conj().T @ (self._scale * matrix[:, part])
        self._find_basis()

    def _find_basis(self) -> None:
        """Take the modes that there are, without those that rounding has made."""
        there = self.values > RANK_FLOOR * self.values[:1]
        self._u: Matrix = self.left[:, there]
        self._v: Matrix = self._rows[there] / self.values[there, None]

    @property
    def lacking(self) -> int:
        """Number of modes that the matrix does not have, though they were asked for."""
        return self.dim - len(self._v)

    def impose(self, matrix: Complex) -> None:
        """Replace each row by its part within the space of the modes, in place.

        For p = 1 this is the nearest matrix of that rank.
        """
        left = self.left / self._scale
        for part in _parts(matrix):
            matrix[:, part] = left @ self._rows[:, part]

    def flatten(self, matrix: Complex) -> None:
        """Keep of a change what leaves the rank as it is, to the first order, in place.

        ``G <- U U^H G + G V V^H - U U^H G V V^H``: changes of the modes for all frames, and
        changes of the frames' shares of the modes. An orthogonal projection.
        """
        u, v = self._u, self._v
        across: Matrix = np.empty_like(v)
        along = np.zeros((len(u), len(v)), np.complex128)
        for part in _parts(matrix):
            columns = matrix[:, part].astype(np.complex128)
            across[:, part] = u.conj().T @ columns
            along += columns @ v[:, part].conj().T
        along -= u @ (u.conj().T @ along)
        for part in _parts(matrix):
            matrix[:, part] = u @ across[:, part] + along @ v[:, part]

    def complete(self, change: Complex) -> None:
        """Let `flatten` keep the strongest modes of a change instead of those that are lacking.

        Probes that are all alike have one mode. The others must come from somewhere: downhill
        among all matrices of rank `dim` (Schneider & Uschmajew, SIAM J. Optim. 25 (2015) 622).
        """
        if not self.lacking:
            return
        rest = change.copy()
        self.flatten(rest)
        np.subtract(change, rest, out=rest)
        more = Subspace(rest, self.lacking)
        self._u = np.concatenate([self._u, more._u], axis=1)
        self._v = np.concatenate([self._v, more._v])


def _parts(matrix: npt.NDArray[Any]) -> Iterator[slice]:
    """Cut the columns of a matrix into parts of `PART` numbers."""
    count, pixels = matrix.shape
    width = max(1, PART // max(count, 1))
    for first in range(0, pixels, width):
        yield slice(first, min(first + width, pixels))


def _weigh(matrix: Complex, metric: float) -> Rows:
    """Give the diagonal of D as a column; 1 where there is no light."""
    scale = np.ones((len(matrix), 1))
    if metric != 1.0:
        for j, row in enumerate(matrix):
            norm = float(np.linalg.norm(row))
            scale[j] = norm ** (metric - 1.0) if norm else 1.0
    return scale


def _find_strongest(matrix: Complex, dim: int, scale: Rows) -> tuple[Matrix, Rows]:
    """Find the left singular vectors of the largest singular values, (N, dim), and these."""
    count = len(matrix)
    sought = dim + SPARE
    if count <= max(SMALL, 2 * sought):
        gram, basis = _multiply(matrix, scale, None), None
    else:
        start = np.random.default_rng(0).standard_normal((count, sought))
        basis = np.linalg.qr(start.astype(np.complex128)).Q
        for _ in range(ROUNDS):
            basis = np.linalg.qr(_multiply(matrix, scale, basis)).Q
        gram = basis.conj().T @ _multiply(matrix, scale, basis)
    squares, vectors = np.linalg.eigh(0.5 * (gram + gram.conj().T))
    left = vectors[:, ::-1][:, :dim]
    values = np.sqrt(np.maximum(squares[::-1][:dim], 0.0))
    return np.ascontiguousarray(left if basis is None else basis @ left), values


def _multiply(matrix: Complex, scale: Rows, vectors: Matrix | None) -> Matrix:
    """Multiply vectors by the Gram matrix, or give that matrix; processes share the pixels."""
    count = len(matrix)
    total = np.zeros((count, count if vectors is None else vectors.shape[1]), np.complex128)
    for number, part in enumerate(_parts(matrix)):
        if number % parallel.size != parallel.rank:
            continue
        columns = scale * matrix[:, part]
        right = columns.conj().T
        total += columns @ (right if vectors is None else right @ vectors)
    add_up(total)
    return total
