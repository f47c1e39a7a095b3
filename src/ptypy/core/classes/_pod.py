"""What one diffraction pattern, or one mode of it, needs: probe, object, exit, data, mask."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ptypy.core.classes._base import next_id
from ptypy.errors import DataError

if TYPE_CHECKING:
    from ptypy.core.classes._view import View
    from ptypy.core.geometry import Geo

__all__ = ["POD"]

Array = npt.NDArray[Any]


class POD:
    """One probe mode meeting one window of the object: the unit of ptychography.

    Everything it shows is read from, and written to, the storages of its views. Frames with
    several modes of probe or object, or several wavelengths, have a pod for each combination;
    they share the views of data and mask, and the detector sees the sum of their intensities,
    ``downsample(abs(fw(exit)) ** 2)``.

    Parameters
    ----------
    ptycho : object, optional
        Owner; the pod enters its dictionary ``known_pods``, if it has one.
    model : object, optional
        The scan that it belongs to.
    ID : str, optional
        Name; the next free ``P0000`` if not given.
    views : mapping
        `View`s under ``probe``, ``obj``, ``exit``, ``diff``, ``mask``; any may be missing.
        Without a view for the exit wave the pod keeps one of its own.
    geometry : Geo, optional
        Setup whose propagator `fw` and `bw` use.
    resample : int
        Edge of a pixel of the data in pixels of the wave.
    """

    __slots__ = (
        "ID",
        "V",
        "_exit",
        "di_view",
        "ex_view",
        "geometry",
        "ma_view",
        "model",
        "ob_view",
        "object_weight",
        "owner",
        "pr_view",
        "probe_weight",
        "resample",
    )

    def __init__(
        self,
        ptycho: Any = None,
        model: Any = None,
        ID: str | None = None,
        views: Mapping[str, View | None] | None = None,
        geometry: Geo | None = None,
        *,
        resample: int = 1,
    ) -> None:
        siblings = getattr(ptycho, "known_pods", None)
        if ID is None:
            siblings = siblings if isinstance(siblings, dict) else {}
            ID = next_id("P", siblings, len(siblings))
            siblings[ID] = self
        self.owner = ptycho
        self.model = model
        self.ID = ID
        self.geometry = geometry
        self.resample = resample
        self.V = {name: view for name, view in (views or {}).items() if view is not None}
        self.pr_view = self.V.get("probe")
        self.ob_view = self.V.get("obj")
        self.ex_view = self.V.get("exit")
        self.di_view = self.V.get("diff")
        self.ma_view = self.V.get("mask")
        self.probe_weight = 1.0
        self.object_weight = 1.0
        self._exit: Array | None = None
        for view in self.V.values():
            view.join_pod(ID, self)

    @property
    def active(self) -> bool:
        """Whether its frame takes part; that of the data's view."""
        return self.di_view is None or self.di_view.active

    @active.setter
    def active(self, value: bool) -> None:
        for view in (self.di_view, self.ma_view):
            if view is not None:
                view.active = value

    @property
    def probe(self) -> Array:
        """Field of the probe, (H, W) complex."""
        return self._view("probe").data

    @probe.setter
    def probe(self, values: npt.ArrayLike) -> None:
        self._view("probe").data = values

    def _get_object(self) -> Array:
        return self._view("obj").data

    def _set_object(self, values: npt.ArrayLike) -> None:
        self._view("obj").data = values

    def _get_exit(self) -> Array:
        if self.ex_view is not None:
            return self.ex_view.data
        return self.probe * self._get_object() if self._exit is None else self._exit

    def _set_exit(self, values: npt.ArrayLike) -> None:
        if self.ex_view is not None:
            self.ex_view.data = values
        else:
            self._exit = np.array(values)

    # Two names that are builtins elsewhere: as functions they would shadow them in here.
    object = property(
        _get_object,
        _set_object,
        doc="Transmission of the sample where the probe is, (H, W) complex.",
    )
    exit = property(
        _get_exit,
        _set_exit,
        doc="The wave behind the sample, (H, W) complex: probe times object until it is set.",
    )

    @property
    def diff(self) -> Array:
        """Photon counts, (H, W)."""
        return self._view("diff").data

    @diff.setter
    def diff(self, values: npt.ArrayLike) -> None:
        self._view("diff").data = values

    @property
    def mask(self) -> Array:
        """True where `diff` may be trusted, (H, W) bool."""
        return self._view("mask").data

    @mask.setter
    def mask(self, values: npt.ArrayLike) -> None:
        self._view("mask").data = values

    def fw(self, x: Array) -> Array:
        """Propagate a wave from the sample to the detector."""
        return np.asarray(self._setup().propagator.fw(x))

    def bw(self, x: Array) -> Array:
        """Propagate a wave from the detector to the sample."""
        return np.asarray(self._setup().propagator.bw(x))

    def upsample(self, x: Array) -> Array:
        """Repeat each pixel of the data for all pixels of the wave that lie in it.

        Made for factors: a wave times ``upsample(sqrt(diff / downsample(intensity)))`` has the
        intensity of the data.

        Parameters
        ----------
        x : (..., H, W)

        Returns
        -------
        (..., H * resample, W * resample)
        """
        if self.resample == 1:
            return x
        return np.repeat(np.repeat(x, self.resample, axis=-2), self.resample, axis=-1)

    def downsample(self, x: Array) -> Array:
        """Sum the intensities of all pixels of the wave that lie in a pixel of the data.

        Parameters
        ----------
        x : (..., H * resample, W * resample)

        Returns
        -------
        (..., H, W)
        """
        edge = self.resample
        if edge == 1:
            return x
        *stack, height, width = x.shape
        blocks = x.reshape(*stack, height // edge, edge, width // edge, edge)
        return np.asarray(blocks.sum(axis=(-3, -1)))

    up = upsample
    down = downsample

    def _view(self, name: str) -> View:
        try:
            return self.V[name]
        except KeyError:
            raise DataError(f"pod {self.ID} has no view for {name!r}: give it one") from None

    def _setup(self) -> Geo:
        if self.geometry is None:
            raise DataError(f"pod {self.ID} has no geometry to propagate with: give it one")
        return self.geometry

    def __repr__(self) -> str:
        return f"<POD {self.ID}: {', '.join(f'{k} {v.ID}' for k, v in self.V.items())}>"
