"""The setups of a scan's waves, which follow from that of its detector."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ptypy.core.geometry import Geo
from ptypy.errors import Fault, ParameterError
from ptypy.utils.verbose import logger

__all__ = ["Light", "Margins", "light_faults", "wave_setups"]

_SAME_RESOLUTION = 5e-3


@dataclass(frozen=True, slots=True)
class Light:
    """What wavelengths the light of a scan has, and what they have in common."""

    energies: tuple[float, ...] = (1.0,)
    """Of the photons, relative to the energy of the scan."""
    spectrum: tuple[float, ...] = (1.0,)
    """Part of the power at each energy; they sum up to 1."""
    one_probe: bool = False
    """All energies have one probe in common."""
    one_object: bool = False
    """All energies have one object in common."""

    @property
    def needs_one_pixel(self) -> bool:
        """Whether probes and objects of all energies must have pixels of one size."""
        return len(self.energies) > 1 and (self.one_probe or self.one_object)

    @classmethod
    def of(cls, coherence: Any) -> Light:
        """Read ``coherence``, in which `light_faults` found nothing."""
        energies = np.ravel(coherence.energies).astype(float)
        spectrum = np.broadcast_to(np.ravel(coherence.spectrum).astype(float), energies.shape)
        return cls(
            tuple(energies.tolist()),
            tuple((spectrum / spectrum.sum()).tolist()),
            one_probe=coherence.probe_dispersion == "achromatic",
            one_object=coherence.object_dispersion == "achromatic",
        )


def light_faults(coherence: Any) -> list[Fault]:
    """Find what cannot be in energies, spectrum and dispersion; paths within the scan."""
    faults = []
    energies, spectrum = np.ravel(coherence.energies), np.ravel(coherence.spectrum)
    for name, values in (("energies", energies), ("spectrum", spectrum)):
        if values.dtype.kind not in "iuf" or not len(values) or not (values > 0).all():
            remedy = "should be numbers above zero, e.g. [1.0]"
            faults.append(Fault(f"coherence.{name}", repr(coherence[name]), remedy))
    if len(spectrum) not in {1, len(energies)}:
        remedy = f"should have one weight for each of the {len(energies)} energies"
        faults.append(Fault("coherence.spectrum", repr(coherence.spectrum), remedy))
    for name in ("object_dispersion", "probe_dispersion"):
        if coherence[name] == "linear" and len(energies) > 1:
            remedy = (
                "is not supported: choose 'irregular' (each energy its own) or 'achromatic' (the "
                "same for all)"
            )
            faults.append(Fault(f"coherence.{name}", "'linear'", remedy))
    return faults


@dataclass(frozen=True, slots=True)
class Margins:
    """Rows and columns that are added around frames; negative numbers are cut off."""

    low: tuple[int, int] = (0, 0)
    """Above and to the left."""
    high: tuple[int, int] = (0, 0)
    """Below and to the right."""

    @classmethod
    def for_resolution(cls, detector: Geo, resolution: float | None, label: str) -> Margins:
        """Find how large a frame must be for object pixels of a size, or nearly so.

        The transform of a far field ties the two: the detector that would see finer pixels is
        larger, and what the real one does not reach is not known. Pixel ``shape // 2`` of the
        frame stays pixel ``shape // 2``.

        Raises
        ------
        ParameterError
            In the near field, where the detector's pixels are the object's.
        """
        if resolution is None:
            return cls()
        path = f"scans.{label}.resolution"
        if not detector.is_farfield:
            if np.allclose(detector.resolution, resolution, rtol=_SAME_RESOLUTION, atol=0):
                return cls()
            remedy = f"is not that of the near field, {detector.resolution[0]:.6g}: leave it out"
            raise ParameterError([Fault(path, repr(resolution), remedy)])
        before = detector.shape
        after = np.rint(detector.lam * detector.distance / detector.psize / resolution).astype(int)
        if (after < 2).any():
            remedy = f"leaves {after[0]} x {after[1]} px of a frame: is it in metres?"
            raise ParameterError([Fault(path, repr(resolution), remedy)])
        low = after // 2 - before // 2
        high = after - before - low
        reached = detector.resolution * before / after
        if (np.abs(reached / resolution - 1) > _SAME_RESOLUTION).any():
            logger.warning(
                "scan %s: object pixels of %.5g x %.5g m come next to the `resolution` of %.5g m: "
                "frames have whole numbers of pixels, here %d x %d",
                label, *reached, resolution, *after,
            )  # fmt: skip
        return cls((int(low[0]), int(low[1])), (int(high[0]), int(high[1])))

    def __bool__(self) -> bool:
        return any(self.low) or any(self.high)

    def around(self, frames: npt.NDArray[Any], fill: Any) -> npt.NDArray[Any]:
        """Give (..., H, W) frames with these margins; new pixels get a value."""
        for axis, (low, high) in enumerate(zip(self.low, self.high, strict=True), -2):
            cut = [slice(None)] * frames.ndim
            cut[axis] = slice(max(-low, 0), frames.shape[axis] - max(-high, 0))
            frames = frames[tuple(cut)]
            room = [(0, 0)] * frames.ndim
            room[axis] = (max(low, 0), max(high, 0))
            frames = np.pad(frames, room, constant_values=fill)
        return frames


def wave_setups(
    detector: Geo, light: Light, *, margins: Margins, resample: int, ffttype: Any, owner: Any
) -> tuple[Geo, ...]:
    """Give the setup of the waves of each energy.

    A pixel of the detector is ``resample`` x ``resample`` pixels of the wave; in the far field
    these reach further at the sample, in the near field they are finer there.

    Parameters
    ----------
    detector : Geo
        As frames were taken.
    light : Light
    margins : Margins
        Of the frames.
    resample : int
        Edge of a pixel of the data in pixels of the wave.
    ffttype : str or (callable, callable)
        See `Geo`.
    owner : object
        Of the new setups.

    Raises
    ------
    GeometryError
        If they cannot exist.
    """
    shape = detector.shape + np.array(margins.low) + np.array(margins.high)
    # The axis meets the middle of a pixel of the detector, which lies between fine ones.
    center = (detector.center + np.array(margins.low)) * resample + (resample - 1) / 2
    common: dict[str, Any] = {
        "distance": detector.distance,
        "psize": detector.psize / resample,
        "shape": shape * resample,
        "center": center,
        "propagation": detector.propagation,
        "ffttype": ffttype,
    }
    setups: list[Geo] = []
    for factor, part in zip(light.energies, light.spectrum, strict=True):
        own = {**common, "energy": detector.energy * factor}
        if light.one_probe:
            own["transmitted"] = part
        if setups and light.needs_one_pixel and detector.is_farfield:
            own |= {"resolution": setups[0].resolution, "tied": False}
        setups.append(Geo(owner, pars=own))
    return tuple(setups)
