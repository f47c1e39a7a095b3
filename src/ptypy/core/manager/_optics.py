"""The probes and objects of a scan: one of each wavelength, drawn once, growing with frames."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ptypy.core.manager._block import Colour
from ptypy.core.manager._frames import Growing
from ptypy.core.manager._placement import make_object, make_room
from ptypy.core.sample import Region
from ptypy.errors import DataError, Fault, ParameterError

if TYPE_CHECKING:
    from ptypy.core.classes import Addresses, Storage
    from ptypy.core.geometry import Geo
    from ptypy.core.manager._scan_model import ScanModel

__all__ = ["Optics", "sharing_faults"]

Positions = npt.NDArray[np.float64]
Storages = tuple["Storage", ...]


class Optics:
    """The probes and objects that belong to a scan; others may use them, too.

    Whoever has frames first has them drawn, for its own setup and photons.

    Parameters
    ----------
    scan : ScanModel
        Says what they are like to begin with.
    """

    def __init__(self, scan: ScanModel) -> None:
        self._scan = scan
        self.probes: Storages = ()
        """By energy; one if all energies have it in common. Empty before the first frame."""
        self.objects: Storages = ()
        """By energy; one if all energies have it in common. Empty before the first frame."""
        self.probe_views: tuple[Addresses, ...] = ()
        """On each probe, a view a layer; empty where frames have probes of their own."""
        self._first_probes: list[npt.NDArray[Any]] = []
        self._rooms: list[Growing] = []

    # ------------------------------------------------------------ probes

    def probes_for(self, user: ScanModel) -> Storages:
        """Give the probes that frames of a scan meet, made at the first call."""
        if not self.probes:
            self._make_probes(user)
        elif user is not self._scan:
            for storage, setup in zip(self.probes, user.setups, strict=False):
                same = tuple(setup.shape) == storage.shape[1:]
                _check_fit(user, storage, setup, "probe_share_with", same)
        return self.probes

    def _make_probes(self, user: ScanModel) -> None:
        scan, light, photons = self._scan, self._scan.light, user.brightest
        made = []
        for number, setup in enumerate(user.setups[: 1 if light.one_probe else None]):
            modes = np.asarray(scan.draw_probe(setup, photons))
            if len(light.energies) > 1 and not light.one_probe:
                modes = modes * np.sqrt(light.spectrum[number], dtype=modes.real.dtype)
            storage = scan.ptycho.probe.new_storage(
                scan.name_storage(number), data=modes, psize=setup.resolution, padonly=True
            )
            made.append(storage)
            if scan.has_probe_per_frame:
                self._first_probes.append(storage.data)
                storage.data = storage.data[:0]
                self._rooms.append(Growing(storage))
        self.probes = tuple(made)
        if not scan.has_probe_per_frame:
            self.probe_views = tuple(
                storage.add_views(np.zeros((storage.nlayers, 2)), _plane(storage), layers)
                for storage in made
                for layers in [np.arange(storage.nlayers)]
            )

    def probe_rows(self, places: npt.NDArray[np.int64], so_far: int, expected: int) -> Any:
        """Give each frame its layers of the probe; None if all frames meet all layers.

        Parameters
        ----------
        places : (N,) int64
            Of the frames among all of the scan.
        so_far : int
            Frames of the scan on all processes, these among them: so many have probes then.
        expected : int
            Frames that there may be in the end.

        Returns
        -------
        (N, modes) int64 or None
        """
        for first, room in zip(self._first_probes, self._rooms, strict=True):
            missing = so_far - room.storage.nlayers // len(first)
            if missing > 0:
                room.append(np.tile(first, (missing, 1, 1)), expected * len(first))
        if not self._rooms:
            return None
        modes = len(self._first_probes[0])
        return places[:, None] * modes + np.arange(modes)

    # ------------------------------------------------------------ objects

    def objects_for(self, user: ScanModel, positions: Positions) -> Storages:
        """Give the objects that frames of a scan see, with room for those at positions."""
        if not self.objects:
            self.objects = tuple(
                self._make_object(user, number, positions)
                for number in range(1 if self._scan.light.one_object else len(user.setups))
            )
            return self.objects
        for storage, setup in zip(self.objects, user.setups, strict=False):
            if user is not self._scan:
                _check_fit(user, storage, setup, "object_share_with", same_shape=True)
            self.grow(storage, setup, positions)
        return self.objects

    def _make_object(self, user: ScanModel, number: int, positions: Positions) -> Storage:
        scan, setup = self._scan, user.setups[number]
        return make_object(
            scan.ptycho.obj,
            name := scan.name_storage(number),
            positions,
            resolution=setup.resolution,
            shape=_frame(setup),
            draw=lambda shape, center: self._draw(name, setup, shape, center),
            fill=scan.fill,
        )

    def _draw(
        self, ID: str, setup: Geo, shape: tuple[int, int], center: Positions
    ) -> npt.NDArray[np.complex64]:
        """Have the scan draw an object, knowing where it lies."""
        self._scan.region = Region(setup.resolution, center, ID)
        try:
            return self._scan.draw_object(shape, setup)
        finally:
            self._scan.region = None

    def grow(self, storage: Storage, setup: Geo, positions: Positions) -> None:
        """Make room; new pixels of several modes are drawn, as equal modes would never part."""
        origin, (_, height, width) = storage.center, storage.shape
        if make_room(storage, positions, _frame(setup)) and storage.nlayers > 1:
            top, left = (int(n) for n in np.rint(storage.center - origin))
            old = (slice(None), slice(top, top + height), slice(left, left + width))
            known = storage.data[old].copy()
            drawn = self._draw(storage.ID, setup, _plane(storage), storage.center)
            storage.data[...] = np.asarray(drawn)
            storage.data[old] = known

    # ------------------------------------------------------------ together

    @staticmethod
    def colours(
        setups: tuple[Geo, ...], probes: Storages, objects: Storages, positions: Positions
    ) -> tuple[Colour, ...]:
        """Put together what frames at some positions meet, energy by energy.

        Energies that have an object in common have the views on it in common.
        """
        views = [
            storage.add_views(positions, _frame(setup))
            for storage, setup in zip(objects, setups, strict=False)
        ]
        return tuple(
            Colour(
                probe=probes[number if len(probes) > 1 else 0],
                obj=objects[number if len(objects) > 1 else 0],
                geometry=setup,
                object_views=views[number if len(objects) > 1 else 0],
            )
            for number, setup in enumerate(setups)
        )


def sharing_faults(scan: ScanModel, scans: dict[str, ScanModel]) -> list[Fault]:
    """Find whose probe and object a scan is to use, and tell it; or what is wrong with that.

    Parameters
    ----------
    scan : ScanModel
        Its attributes ``probe_owner`` and ``object_owner`` are set.
    scans : dict of ScanModel
        All of the run, by label.
    """
    faults = []
    for part in ("probe", "object"):
        path = f"scans.{scan.label}.sharing.{part}_share_with"
        owner, remedy = _owner(scan, scans, part)
        if owner is not scan and not remedy:
            mine, theirs = scan.count_modes(part), owner.count_modes(part)
            if scan.light != owner.light or mine != theirs:
                remedy = (
                    f"has another `coherence` ({theirs} modes at {len(owner.light.energies)} "
                    f"energies, this one {mine} at {len(scan.light.energies)}): give both the same"
                )
            elif scan.has_probe_per_frame or owner.has_probe_per_frame:
                remedy = "cannot be: frames of one of the scans have probes of their own"
        if remedy:
            faults.append(Fault(path, repr(scan.shares_with(part)), remedy))
        else:
            setattr(scan, f"{part}_owner", owner)
    return faults


def _owner(scan: ScanModel, scans: dict[str, ScanModel], part: str) -> tuple[ScanModel, str]:
    """Follow the scans that share to the one that has the storage; and what is wrong with it."""
    passed = [scan]
    while (label := passed[-1].shares_with(part)) is not None:
        owner = scans.get(label)
        if owner is None:
            return scan, f"is no scan of this run; there are {', '.join(scans)}"
        if owner in passed:
            return scan, "leads back to where it began: leave it out of one of the scans"
        passed.append(owner)
    return passed[-1], ""


def _check_fit(user: ScanModel, storage: Storage, setup: Geo, key: str, same_shape: bool) -> None:
    """Refuse a storage of another scan that has other pixels."""
    if same_shape and np.allclose(setup.resolution, storage.psize, rtol=1e-6, atol=0):
        return
    height, width = (int(n) for n in setup.shape)
    mine, theirs = setup.resolution, storage.psize
    remedy = (
        f"does not fit: storage {storage.ID} has pixels of {theirs[0]:.6g} x {theirs[1]:.6g} m, "
        f"this scan has {mine[0]:.6g} x {mine[1]:.6g} m and waves of {height} x {width} px; the "
        "`resolution` of a scan may be chosen"
    )
    path = f"scans.{user.label}.sharing.{key}"
    raise ParameterError([Fault(path, repr(user.shares_with(key.partition("_")[0])), remedy)])


def _frame(setup: Geo) -> tuple[int, int]:
    height, width = (int(n) for n in setup.shape)
    return height, width


def _plane(storage: Storage) -> tuple[int, int]:
    return storage.shape[1], storage.shape[2]


def no_photons(label: str) -> DataError:
    """Say that a scan is dark."""
    return DataError(
        f"scan {label!r}: no frame has a photon in a trusted pixel; is the mask True "
        "where pixels are good, and are the frames those of a lit detector?"
    )
