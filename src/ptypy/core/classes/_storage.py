"""A stack of layers with a pixel size and an origin."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ptypy.core.classes._addresses import Addresses
from ptypy.core.classes._base import dtype_of
from ptypy.core.classes._html import ShownStorage

if TYPE_CHECKING:
    from ptypy.core.classes._container import Container
    from ptypy.core.classes._view import View

__all__ = ["Storage"]

_LARGE = 100_000_000
"""Pixels from which on a storage is announced: 0.8 GB of complex numbers."""

# Positions often fall on half pixels exactly (a raster in steps of the resolution): without
# this nudge the rounding error of a division decides to which side each of them goes.
_NUDGE = 1e-5


class Storage(ShownStorage):
    """Layers of numbers, each number with a place in metres.

    Pixel k of an axis lies at ``origin + k * psize``; ``center = -origin / psize`` is the
    pixel at coordinate zero. The two are one number told in two ways.

    Parameters
    ----------
    container : Container
        Whom it belongs to; gives the number type.
    ID : str
        Name in the container.
    data : array_like, optional
        (layers, H, W) or (H, W); used as it is, without a copy, if its type fits.
    shape : int or tuple, optional
        Without data: (layers, H, W), (H, W), or one number for both axes.
    fill : number
        Value of pixels that nothing else gave a value.
    psize : float or (2,)
        Size of a pixel [m], (y, x).
    origin : (2,), optional
        Coordinate of pixel (0, 0) [m]; if not given, zero lies on ``shape // 2``.
    padonly : bool
        `reformat` never takes pixels away.
    padding : int
        Pixels that `reformat` leaves free around the views.
    layermap : list of int, optional
        Names of the layers; kept for scripts and files.
    """

    def __init__(
        self,
        container: Container,
        ID: str,
        *,
        data: npt.ArrayLike | None = None,
        shape: int | tuple[int, ...] | None = None,
        fill: complex = 0.0,
        psize: float | npt.ArrayLike = 1.0,
        origin: npt.ArrayLike | None = None,
        padonly: bool = False,
        padding: int = 0,
        layermap: list[int] | None = None,
    ) -> None:
        self.owner = container
        self.ID = ID
        self.fill_value = fill
        self.padonly = padonly
        self.padding = padding
        self.addresses: list[Addresses] = []
        dtype = dtype_of(container.data_type, container.owner)
        if data is None:
            self.data: npt.NDArray[Any] = np.full(_full_shape(shape), fill, dtype)
        else:
            array = np.asarray(data, dtype)
            self.data = array.reshape(_full_shape(array.shape))
        self._layermap = [] if layermap is None else list(layermap)
        self._psize = _pair(psize)
        middle = (np.array(self.data.shape[1:]) // 2).astype(np.float64)
        self._center = middle if origin is None else -_pair(origin) / self._psize
        if self.data.size > _LARGE:
            self._announce()

    # ------------------------------------------------------------ coordinates

    @property
    def shape(self) -> tuple[int, ...]:
        """(layers, H, W)."""
        return self.data.shape

    @property
    def nlayers(self) -> int:
        """Number of layers."""
        return len(self.data)

    @property
    def layermap(self) -> list[int]:
        """Names of the layers: those that were given, then their numbers."""
        return self._layermap[: self.nlayers] + list(range(len(self._layermap), self.nlayers))

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the numbers."""
        return self.data.dtype

    @property
    def psize(self) -> npt.NDArray[np.float64]:
        """Size of a pixel [m], (y, x); setting it keeps `center` and moves the views."""
        return self._psize.copy()

    @psize.setter
    def psize(self, value: float | npt.ArrayLike) -> None:
        self._psize = _pair(value)
        self.update_views()

    @property
    def center(self) -> npt.NDArray[np.float64]:
        """Pixel at coordinate zero, (y, x); setting it moves the views."""
        return self._center.copy()

    @center.setter
    def center(self, value: npt.ArrayLike) -> None:
        self._center = _pair(value)
        self.update_views()

    @property
    def origin(self) -> npt.NDArray[np.float64]:
        """Coordinate of pixel (0, 0) [m], (y, x); setting it moves the views."""
        return np.asarray(-self._center * self._psize)

    @origin.setter
    def origin(self, value: npt.ArrayLike) -> None:
        self.center = -_pair(value) / self._psize

    def grids(self) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        """Coordinates y and x of every pixel [m], each of the shape of `data`."""
        layers, height, width = self.data.shape
        y = (np.arange(height) - self._center[0]) * self._psize[0]
        x = (np.arange(width) - self._center[1]) * self._psize[1]
        full = (layers, height, width)
        return (
            np.broadcast_to(y[None, :, None], full).copy(),
            np.broadcast_to(x[None, None, :], full).copy(),
        )

    # ------------------------------------------------------------------ views

    def corners_of(self, coord: npt.ArrayLike, shape: tuple[int, int]) -> npt.NDArray[np.int64]:
        """Give the upper left pixels of windows whose pixel ``shape // 2`` falls on ``coord``.

        Parameters
        ----------
        coord : (N, 2) float
            Coordinates [m], (y, x).
        shape : (int, int)
            Of the windows [px].

        Returns
        -------
        (N, 2) int64
            ``round(coord / psize + center) - shape // 2``, halves rounded up.
        """
        pixel = np.asarray(coord, np.float64) / self._psize + self._center
        nearest = np.floor(pixel + 0.5 + _NUDGE).astype(np.int64)
        return np.asarray(nearest - np.array(shape) // 2)

    def add_views(
        self, coord: npt.ArrayLike, shape: tuple[int, int], layer: npt.ArrayLike = 0
    ) -> Addresses:
        """Note windows on this storage, without making an object of any.

        Parameters
        ----------
        coord : (N, 2) float
            Where their pixel ``shape // 2`` falls [m], (y, x).
        shape : (int, int)
            Of all of them [px].
        layer : int or (N,) int
            Layer each of them looks at.

        Returns
        -------
        Addresses
            Kept current by this storage from now on.
        """
        places = np.array(coord, np.float64).reshape(-1, 2)
        layers = np.array(np.broadcast_to(layer, len(places)), np.int64)
        table = Addresses(shape, places, self.corners_of(places, shape), layers)
        self.addresses.append(table)
        return table

    @property
    def views(self) -> list[View]:
        """The windows as objects, made now if they were not before."""
        tables = [self.owner.objects_of(self, table) for table in self.tables]
        return [view for objects in tables for view in objects]

    @property
    def tables(self) -> list[Addresses]:
        """All addresses, those on further layers of the same windows among them."""
        return [table for own in self.addresses for table in (own, *own.twins)]

    @property
    def num_views(self) -> int:
        """How many windows there are; makes no object of any."""
        return sum(len(table) for table in self.tables)

    def update_views(self) -> None:
        """Find the corners of all windows anew from their coordinates."""
        for table in self.addresses:
            table.corner[...] = self.corners_of(table.coord, table.shape)

    def get_view_coverage(self) -> npt.NDArray[np.int64]:
        """Count by how many active windows each pixel is seen, shape of `data`."""
        layers, height, width = self.data.shape
        steps = np.zeros((layers, height + 1, width + 1), np.int64)
        for table in self.tables:
            layer = table.layer[table.active]
            low = table.corner[table.active]
            high = low + np.array(table.shape)
            rows = np.clip([low[:, 0], high[:, 0]], 0, height)
            columns = np.clip([low[:, 1], high[:, 1]], 0, width)
            # A window is four steps of a two-dimensional staircase; their running sum is it.
            for i, j, step in ((0, 0, 1), (1, 0, -1), (0, 1, -1), (1, 1, 1)):
                np.add.at(steps, (layer, rows[i], columns[j]), step)
        return steps.cumsum(axis=1).cumsum(axis=2)[:, :-1, :-1]

    # ------------------------------------------------------------------ shape

    def reformat(self) -> None:
        """Fit the storage around its active views, content kept at its coordinates.

        Leaves `padding` pixels free on each side and adds layers that views ask for; with
        `padonly` nothing is taken away. New pixels take `fill_value`.
        """
        boxes = [box for table in self.addresses if (box := table.box()) is not None]
        if not boxes:
            return
        low = np.min([box[0] for box in boxes], axis=0) - self.padding
        high = np.max([box[1] for box in boxes], axis=0) + self.padding
        if self.padonly:
            low = np.minimum(low, 0)
            high = np.maximum(high, self.data.shape[1:])
        layers = 1 + max(int(table.layer.max()) for table in self.addresses if len(table))
        self._resize(low, high, max(layers, self.nlayers))

    def cover(self, low: npt.ArrayLike, high: npt.ArrayLike) -> bool:
        """Grow, if that is needed, so that the box of pixels ``low`` to ``high`` is inside.

        Parameters
        ----------
        low, high : (2,) int
            First pixel and first pixel beyond the last, counted as the storage is now.

        Returns
        -------
        bool
            Whether it had to grow; then `padding` pixels were added beyond the box.
        """
        first, last = np.asarray(low), np.asarray(high)
        size = np.array(self.data.shape[1:])
        if (first >= 0).all() and (last <= size).all():
            return False
        first = np.where(first < 0, first - self.padding, 0)
        last = np.where(last > size, last + self.padding, size)
        self._resize(first, last, self.nlayers)
        return True

    def _resize(self, low: npt.NDArray[np.int64], high: npt.NDArray[np.int64], layers: int) -> None:
        """Take the box of pixels ``low`` to ``high`` as the new array."""
        size = np.array(self.data.shape[1:])
        if layers == self.nlayers and (low == 0).all() and (high == size).all():
            return
        old = self.data
        height, width = (int(n) for n in high - low)
        self.data = np.full((layers, height, width), self.fill_value, old.dtype)
        first, last = np.maximum(low, 0), np.minimum(high, size)
        if (first < last).all():
            source = tuple(slice(*ends) for ends in zip(first, last, strict=True))
            target = tuple(slice(*ends) for ends in zip(first - low, last - low, strict=True))
            self.data[(slice(len(old)), *target)] = old[(slice(None), *source)]
        self._center -= low
        for table in self.addresses:
            table.corner -= low
        if self.data.size > max(_LARGE, old.size):
            self._announce()

    # ----------------------------------------------------------------- values

    def fill(self, fill: complex | npt.ArrayLike | None = None) -> None:
        """Set all values.

        Parameters
        ----------
        fill : number or array, optional
            An array of another shape replaces `data`, its middle at the middle of the
            former. None stands for `fill_value`.
        """
        values = np.asarray(self.fill_value if fill is None else fill, self.dtype)
        if values.ndim < 2 or values.shape[-2:] == self.data.shape[1:]:
            self.data[...] = values
            return
        values = values.reshape(_full_shape(values.shape))
        shift = np.array(values.shape[1:]) // 2 - np.array(self.data.shape[1:]) // 2
        self.data = values.copy()
        self.center = self._center + shift

    def copy(
        self, owner: Container | None = None, ID: str | None = None, fill: complex | None = None
    ) -> Storage:
        """Copy values and coordinates into another container; views are not copied.

        Parameters
        ----------
        owner : Container, optional
            Who gets it; the same container if not given.
        ID : str, optional
            Name of the copy.
        fill : number, optional
            Value of the copy instead of the values here.
        """
        target = self.owner if owner is None else owner
        data = self.data.copy() if fill is None else np.full_like(self.data, fill)
        return target.new_storage(
            ID,
            data=data,
            fill=self.fill_value,
            psize=self._psize,
            origin=self.origin,
            padonly=self.padonly,
            padding=self.padding,
            layermap=self.layermap,
        )

    def __getitem__(self, key: Any) -> npt.NDArray[Any]:
        """Give what a view sees, or index the data."""
        return np.asarray(self.data[_index(key)])

    def __setitem__(self, key: Any, values: npt.ArrayLike) -> None:
        self.data[_index(key)] = values

    # ----------------------------------------------------------------- report

    def formatted_report(self) -> str:
        """Tell size, pixel and extent in one line."""
        height, width = self.data.shape[1:]
        extent = self._psize * (height, width)
        return (
            f"{self.ID:<10} {self.nlayers:>5} x {height} x {width} {self.dtype!s:<9} "
            f"{self.data.nbytes / 1e6:>9.1f} MB  pixel {_lengths(self._psize)}, "
            f"extent {_lengths(extent)}, {self.num_views} views"
        )

    report = formatted_report

    def __repr__(self) -> str:
        return f"<Storage {self.formatted_report()}>"

    def _announce(self) -> None:
        from ptypy.utils.verbose import logger

        logger.warning("a storage became large: %s", self.formatted_report())


def _pair(value: float | npt.ArrayLike) -> npt.NDArray[np.float64]:
    return np.array(np.broadcast_to(np.asarray(value, np.float64), 2))


def _lengths(values: npt.NDArray[np.float64]) -> str:
    """Write two lengths [m] in a unit that suits them."""
    factor, unit = next(
        (f, u)
        for f, u in ((1e9, "nm"), (1e6, "um"), (1e3, "mm"), (1, "m"))
        if values[0] * f < 1e3 or f == 1
    )
    return f"{values[0] * factor:.4g} x {values[1] * factor:.4g} {unit}"


def _full_shape(shape: int | tuple[int, ...] | None) -> tuple[int, int, int]:
    """Complete a shape to (layers, H, W); leading axes become one."""
    if shape is None:
        return 1, 1, 1
    sizes = (shape, shape) if isinstance(shape, int | np.integer) else tuple(shape)
    if len(sizes) == 1:
        sizes = (1, *sizes)
    height, width = (int(n) for n in sizes[-2:])
    return int(np.prod(sizes[:-2], dtype=int)), height, width


def _index(key: Any) -> Any:
    """Turn a view into the index it stands for; leave any other index alone."""
    index = getattr(key, "index", None)
    return index if isinstance(index, tuple) else key
