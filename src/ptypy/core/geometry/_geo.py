"""The numbers of one setup, kept consistent with one another."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from ptypy.core.geometry._propagators import FarField, NearField, Propagator
from ptypy.core.geometry._rescaled import Dimmed, RescaledFarField
from ptypy.errors import GeometryError
from ptypy.utils.parameters import Param
from ptypy.utils.text_utils import did_you_mean
from ptypy.utils.units import HC

__all__ = ["Geo"]

Pair = npt.NDArray[np.float64]

_PROPAGATIONS = ("farfield", "nearfield")
# What a chunk's `meta` holds beside the geometry: `Geo(pars=chunk.meta)` is meant to work.
_NOT_GEOMETRY = frozenset({"version", "num_frames", "label"})
# Relative; tables of constants of the past differ by 6e-4 (definitions of h, c, e).
_SAME_WAVELENGTH = 2e-3
_SAME_RESOLUTION = 1e-2


class Geo:
    """Energy, distance and pixels of a setup, and the propagator that follows from them.

    Pixel size and resolution depend on one another: in the far field
    ``resolution = lam distance / (psize shape)`` on each axis, in the near field the two
    are equal. Whichever of them was given last stays when another number changes.

    Parameters
    ----------
    owner, ID : object
        Kept as attributes; nothing here reads them.
    pars, **kwargs
        Any of the parameters below, ``kwargs`` last. None counts as not given.
        ``energy`` [keV] or ``lam`` [m], the photons;
        ``distance`` [m], from the sample to the detector;
        ``psize`` [m], of a detector pixel, a number or (y, x), or instead
        ``resolution`` [m], of a pixel at the sample;
        ``shape`` [px], of a frame, a number or (height, width);
        ``center`` [px], (y, x) where the optical axis meets the detector, or
        ``'fftshift'`` for ``shape // 2``, ``'geometric'`` for ``shape / 2 - 0.5``;
        ``propagation``, ``'farfield'`` or ``'nearfield'``;
        ``ffttype``, a word (all mean `scipy.fft`) or a pair of functions, a Fourier transform
        over the last two axes and its inverse, scaled as those of `numpy.fft`;
        ``tied``, False for a far field whose ``psize`` and ``resolution`` are both given and do
        not follow from one another; ``transmitted``, the part of the power that arrives.

    Raises
    ------
    GeometryError
        If numbers are impossible or contradict one another; all of them in one message.

    Examples
    --------
    >>> setup = Geo(energy=6.2, distance=7.19, psize=172e-6, shape=128)
    >>> print(setup.resolution)
    [6.5307...e-08 6.5307...e-08]
    """

    DEFAULT: ClassVar[Param] = Param(
        energy=6.2,
        lam=None,
        distance=7.19,
        psize=172e-6,
        resolution=None,
        propagation="farfield",
        ffttype="scipy",
        shape=256,
        misfit=0.0,
        center="fftshift",
        origin="fftshift",
        tied=True,
        transmitted=1.0,
    )

    def __init__(
        self,
        owner: object = None,
        ID: str | None = None,
        pars: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        self.owner = owner
        self.ID = ID
        self._propagator: Propagator | None = None
        given = {**(pars or {}), **kwargs}
        given = {k: v for k, v in given.items() if v is not None and k not in _NOT_GEOMETRY}
        self.p = Param(self.DEFAULT)
        self.p.update(given)
        if "lam" in given and "energy" not in given:
            self.p.energy = None
        if "resolution" in given and "psize" not in given:
            self.p.psize = None
        self._psize_stays = self.p.psize is not None
        unknown = sorted(set(given) - set(self.DEFAULT))
        self._settle([_unknown_key(key) for key in unknown])

    # ---------------------------------------------------------------- numbers

    @property
    def energy(self) -> float:
        """Photon energy [keV]; setting it changes `lam`, and `resolution` or `psize`."""
        return float(self.p.energy)

    @energy.setter
    def energy(self, value: float) -> None:
        self._change(energy=value, lam=None)

    @property
    def lam(self) -> float:
        """Wavelength [m]; setting it changes `energy`."""
        return float(self.p.lam)

    @lam.setter
    def lam(self, value: float) -> None:
        self._change(lam=value, energy=None)

    @property
    def distance(self) -> float:
        """Distance from the sample to the detector [m]."""
        return float(self.p.distance)

    @distance.setter
    def distance(self, value: float) -> None:
        self._change(distance=value)

    @property
    def psize(self) -> Pair:
        """Size of a detector pixel [m], (y, x); setting it changes `resolution`."""
        return np.array(self.p.psize)

    @psize.setter
    def psize(self, value: float | npt.ArrayLike) -> None:
        self._change(psize=value)

    @property
    def resolution(self) -> Pair:
        """Size of a pixel at the sample [m], (y, x); setting it changes `psize`."""
        return np.array(self.p.resolution)

    @resolution.setter
    def resolution(self, value: float | npt.ArrayLike) -> None:
        self._change(resolution=value)

    @property
    def shape(self) -> npt.NDArray[np.int64]:
        """Height and width of a frame [px]."""
        return np.array(self.p.shape)

    @shape.setter
    def shape(self, value: int | npt.ArrayLike) -> None:
        self._change(shape=value)

    @property
    def center(self) -> Pair:
        """Where the optical axis meets the detector [px], (y, x), as a number."""
        return np.array(self._center)

    @center.setter
    def center(self, value: str | npt.ArrayLike) -> None:
        self._change(center=value)

    @property
    def propagation(self) -> str:
        """``'farfield'`` or ``'nearfield'``."""
        return str(self.p.propagation)

    @property
    def is_farfield(self) -> bool:
        """Whether one Fourier transform leads to the detector."""
        return self.propagation == "farfield"

    @property
    def is_plain(self) -> bool:
        """Whether the detector sees one unitary Fourier transform of the wave times `pre_phase`.

        Only then may compiled transforms stand in for `propagator`.
        """
        own = isinstance(self.p.ffttype, str) and self.p.transmitted == 1
        return bool(self.is_farfield and self.p.tied and own)

    # ------------------------------------------------------------ propagation

    @property
    def propagator(self) -> Propagator:
        """Moves waves between sample and detector: `propagator.fw`, `propagator.bw`."""
        if self._propagator is None:
            way = self._make_propagator()
            power = float(self.p.transmitted)
            self._propagator = way if power == 1 else Dimmed(way, power)
        return self._propagator

    def _make_propagator(self) -> Propagator:
        height, width = (int(n) for n in self.p.shape)
        shape, lam, distance = (height, width), self.lam, self.distance
        own = None if isinstance(self.p.ffttype, str) else self.p.ffttype
        if not self.is_farfield:
            return NearField(shape, lam, distance, self.resolution, own)
        pixels = {"psize": self.psize, "resolution": self.resolution, "center": self.center}
        if not self.p.tied:
            return RescaledFarField(shape, lam, distance, **pixels)
        return FarField(shape, lam, distance, **pixels, transforms=own)

    @property
    def pre_phase(self) -> npt.NDArray[np.complex64]:
        """What multiplies the exit wave before the plain Fourier transform, shape (H, W)."""
        return self.propagator.pre_phase

    @property
    def exact_pre_phase(self) -> npt.NDArray[np.complex128]:
        """`pre_phase` in double precision, as far as the propagator has it so, shape (H, W)."""
        way = self.propagator
        return np.asarray(getattr(way, "exact_pre_phase", way.pre_phase), np.complex128)

    @property
    def post_phase(self) -> npt.NDArray[np.complex64]:
        """What multiplies the wave on the detector, invisible to counts, shape (H, W)."""
        return self.propagator.post_phase

    def update(self, update_propagator: bool = True) -> None:
        """Make all numbers follow from those in ``p`` after it was edited by hand.

        ``p.energy`` decides over ``p.lam``, and ``p.psize`` over ``p.resolution`` unless the
        resolution was the one that was given.

        Raises
        ------
        GeometryError
            As the constructor.
        """
        kept = self._propagator
        self._change(lam=None)
        if not update_propagator:
            self._propagator = kept

    def __repr__(self) -> str:
        height, width = self.shape
        return (
            f"Geo({self.propagation}, {self.energy:g} keV, {self.distance:g} m, "
            f"{height} x {width} px of {self.psize[0] * 1e6:g} x {self.psize[1] * 1e6:g} um, "
            f"resolution {self.resolution[0] * 1e9:.3g} x {self.resolution[1] * 1e9:.3g} nm)"
        )

    # ---------------------------------------------------------------- inside

    def _change(self, **values: Any) -> None:
        """Set parameters and let the dependent ones follow; undo it all on a fault."""
        before, stays = Param(self.p), self._psize_stays
        self._psize_stays = "psize" in values or ("resolution" not in values and stays)
        self.p.update(values)
        if self.p.tied:
            self.p["resolution" if self._psize_stays else "psize"] = None
        try:
            self._settle([])
        except GeometryError:
            self.p.update(before)
            self._psize_stays = stays
            raise

    def _settle(self, faults: list[str]) -> None:
        """Check every number, derive what follows from others, and drop the old propagator."""
        p = self.p
        energy, lam = _photons(p.energy, p.lam, faults)
        distance = _positive("distance", p.distance, "m", faults)
        shape = _shape(p.shape, faults)
        sizes = {
            name: _pair(name, p[name], faults) if p[name] is not None else None
            for name in ("psize", "resolution")
        }
        if p.propagation not in _PROPAGATIONS:
            faults.append(f"propagation {p.propagation!r}: choose 'farfield' or 'nearfield'")
        center = _center(p.center, shape, faults)
        if p.origin != "fftshift":
            faults.append(f"origin {p.origin!r}: only 'fftshift', that is shape // 2, is known")
        faults += _transform_faults(p)
        if not faults and (p.tied or any(size is None for size in sizes.values())):
            product = lam * distance / shape if p.propagation == "farfield" else None
            _tie(sizes, product, faults)
        if faults:
            raise GeometryError("this setup cannot exist:\n  " + "\n  ".join(faults))
        p.update({"energy": energy, "lam": lam, "distance": distance, "shape": shape, **sizes})
        self._center = center
        self._propagator = None


def _unknown_key(key: str) -> str:
    return f"{key} is unknown{did_you_mean(key, Geo.DEFAULT)}"


def _transform_faults(p: Param) -> list[str]:
    """Find what is wrong with the ways of transforming."""
    faults = []
    own = p.ffttype
    pair = isinstance(own, tuple | list) and len(own) == 2 and all(callable(f) for f in own)
    if not (isinstance(own, str) or pair):
        faults.append(f"ffttype {own!r}: give a word, or two functions, (fft2, ifft2)")
    if not p.tied and (pair or p.propagation != "farfield"):
        faults.append("tied False: only far fields have pixels of any size, by their own transform")
    if not 0 < p.transmitted <= 1:
        faults.append(f"transmitted {p.transmitted}: must be above 0 and not above 1")
    return faults


def _positive(name: str, value: Any, unit: str, faults: list[str]) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError):
        faults.append(f"{name} {value!r}: give one number [{unit}]")
        return 1.0
    if not (np.isfinite(number) and number > 0):
        faults.append(f"{name} {number:g} {unit}: must be larger than zero")
        return 1.0
    return number


def _photons(energy: Any, lam: Any, faults: list[str]) -> tuple[float, float]:
    """Complete energy [keV] and wavelength [m]; the energy wins over rounding of the other."""
    if energy is None and lam is None:
        faults.append("neither energy nor lam is given: give the energy [keV]")
        return 1.0, HC
    if energy is None:
        lam = _positive("lam", lam, "m", faults)
        return HC / lam, lam
    energy = _positive("energy", energy, "keV", faults)
    expected = HC / energy
    if lam is not None:
        lam = _positive("lam", lam, "m", faults)
        if not faults and abs(lam / expected - 1) > _SAME_WAVELENGTH:
            faults.append(
                f"lam {lam:g} m is not the wavelength of energy {energy:g} keV, "
                f"{expected:.6g} m: give one of the two"
            )
    return energy, expected


def _pair(name: str, value: Any, faults: list[str]) -> Pair:
    """Read a positive size [m], one number or (y, x)."""
    try:
        sizes = np.broadcast_to(np.asarray(value, np.float64), 2).copy()
    except (TypeError, ValueError):
        faults.append(f"{name} {value!r}: give one number or (y, x) [m]")
        return np.ones(2)
    if not (np.isfinite(sizes).all() and (sizes > 0).all()):
        faults.append(f"{name} {value} m: must be larger than zero")
        return np.ones(2)
    return sizes


def _shape(value: Any, faults: list[str]) -> npt.NDArray[np.int64]:
    try:
        sizes = np.broadcast_to(np.asarray(value, np.float64), 2)
    except (TypeError, ValueError):
        sizes = np.zeros(2)
    if not (np.isfinite(sizes).all() and (sizes >= 1).all() and (sizes % 1 == 0).all()):
        faults.append(f"shape {value!r}: give one positive integer or (height, width) [px]")
        return np.ones(2, np.int64)
    return sizes.astype(np.int64)


def _center(value: Any, shape: npt.NDArray[np.int64], faults: list[str]) -> Pair:
    """Give the centre [px] as numbers; see `Geo` for the words it may be."""
    words = {"fftshift": shape // 2, "geometric": shape / 2 - 0.5, "fft": np.zeros(2)}
    try:
        center = words[value] if isinstance(value, str) else value
        center = np.broadcast_to(np.asarray(center, np.float64), 2).copy()
    except (KeyError, TypeError, ValueError):
        faults.append(f"center {value!r}: give (y, x) [px], 'fftshift' or 'geometric'")
        return np.zeros(2)
    inside = (center > -1) & (center < shape)
    if not inside.all() and not faults:
        faults.append(f"center {value} px: lies outside a frame of {shape[0]} x {shape[1]} px")
    return center


def _tie(sizes: dict[str, Pair | None], product: Pair | None, faults: list[str]) -> None:
    """Derive psize from resolution or the other way round, in place.

    In the far field psize times resolution is ``product``; without one the two are equal.
    """
    psize, resolution = sizes["psize"], sizes["resolution"]
    for name, given in (("resolution", psize), ("psize", resolution)):
        if given is not None and sizes[name] is None:
            sizes[name] = given if product is None else product / given
    if psize is not None and resolution is not None:
        expected = psize if product is None else product / psize
        if not np.allclose(resolution, expected, rtol=_SAME_RESOLUTION, atol=0):
            faults.append(
                f"resolution {resolution} m contradicts the {expected} m that follow from "
                "psize, distance and wavelength: give one of psize and resolution"
            )
