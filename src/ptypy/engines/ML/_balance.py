"""How strongly the frames hold each pixel of object and probe."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ptypy.engines._blocks import (
    Complex,
    FrameBlock,
    Illumination,
    add_up,
    group_by_object,
    group_by_probe,
)

if TYPE_CHECKING:
    from ptypy.core.classes import Storage

Curvature = npt.NDArray[np.float64]


def balance(illumination: Illumination, blocks: Sequence[FrameBlock]) -> float:
    """Find the factor that makes steps of probe and object equally bold.

    The cost curves along an object pixel with the light that the pixel saw, and along a
    probe pixel with the object that the pixel met. Their ratio is the factor on the probe's
    gradient for which one step length suits both.

    Parameters
    ----------
    illumination : Illumination
        The probe.
    blocks : sequence of FrameBlock
        Frames that share it.

    Returns
    -------
    float
        Positive; 1 if there is no light at all.
    """
    light_squared = light = met = 0.0
    for storage, members in group_by_object(blocks):
        if not _meet(storage, illumination, members):
            continue
        seen = light_on_object(storage, members, illumination)
        light_squared += float((seen**2).sum())
        light += float(seen.sum())
        met += float((seen * _power(storage.data).sum(axis=0)).sum())
    frames = np.array([float(sum(block.num for block in blocks))])
    add_up(frames)
    if not light or not met:
        return 1.0
    # A probe of a frame's own meets one frame.
    sharing = float(frames[0]) if illumination.modes is None else 1.0
    return light_squared / (sharing * met)


def light_on_object(
    storage: Storage, blocks: Sequence[FrameBlock], only: Illumination | None = None
) -> Curvature:
    """Sum the light of all frames at each pixel of the object that they share.

    Parameters
    ----------
    storage : Storage
        The object.
    blocks : sequence of FrameBlock
    only : Illumination, optional
        Leave out the light of all others.

    Returns
    -------
    (Ho, Wo) float64
        sum |P|^2 over frames and modes [photons].
    """
    shape = storage.data.shape[-2:]
    total = np.zeros(shape)
    for illumination, members in group_by_probe(blocks):
        if (only or illumination) is not illumination or not _meet(storage, illumination, members):
            continue
        power = illumination.power()
        spectrum = np.fft.rfft2(_visits(storage, members)) * np.fft.rfft2(power, s=shape)
        # The Fourier transform leaves rounding noise where no light was.
        total += np.maximum(np.fft.irfft2(spectrum, s=shape), 0.0)
    return total


def object_under_probe(illumination: Illumination, blocks: Sequence[FrameBlock]) -> Curvature:
    """Sum the transmission that each pixel of the probe met, over all frames.

    Returns
    -------
    (H, W) float64
        sum |O|^2 over frames and modes; where frames have probes of their own, the mean over
        the frames.
    """
    height, width = illumination.waves.shape[-2:]
    total = np.zeros((height, width))
    for storage, members in group_by_object(blocks):
        if not _meet(storage, illumination, members):
            continue
        shape = storage.data.shape[-2:]
        visits = np.fft.rfft2(_visits(storage, members))
        spectrum = visits.conj() * np.fft.rfft2(_power(storage.data).sum(axis=0))
        total += np.maximum(np.fft.irfft2(spectrum, s=shape)[:height, :width], 0.0)
    total /= illumination.sets
    return total


def _meet(storage: Storage, illumination: Illumination, blocks: Sequence[FrameBlock]) -> bool:
    """Say whether frames see that object in the light of that probe."""
    pairs = (pair for block in blocks for pair in block.meetings)
    return any(obj is storage and probe is illumination for obj, probe in pairs)


def damped_inverse(
    curvature: Curvature, damping: float, probe: Complex | None = None
) -> npt.NDArray[np.float32]:
    """Invert a curvature pixel by pixel, damped.

    Parameters
    ----------
    curvature : (H, W) float64
    damping : float
        What is added to it, as a share of its largest value or, with a probe, of its mean.
    probe : (M, H, W) complex64, optional
        The mean is weighted with its light. Where light hardly goes, an object may be anything:
        one such pixel must not decide over all others.

    Returns
    -------
    (H, W) float32
    """
    reference = float(curvature.max())
    if probe is not None:
        light = _power(probe).sum(axis=0, dtype=np.float64)
        reference = float((curvature * light).sum() / light.sum()) if light.any() else reference
    return (1.0 / (curvature + damping * (reference or 1.0))).astype(np.float32)


def _visits(storage: Storage, blocks: Sequence[FrameBlock]) -> Curvature:
    """Count the frames whose upper left pixel each pixel of the object is."""
    corners = np.concatenate([block.corners_on(storage) for block in blocks])
    visits = np.zeros(storage.data.shape[-2:])
    np.add.at(visits, (corners[:, 0], corners[:, 1]), 1.0)
    add_up(visits)
    return visits


def _power(field: Complex) -> npt.NDArray[np.floating[Any]]:
    return np.asarray(field.real**2 + field.imag**2)
