"""How strongly the frames hold each pixel of object and probe."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from ptypy.engines._blocks import Complex, PackedBlock, add_up, group_by_object

Curvature = npt.NDArray[np.float64]


def balance(blocks: Sequence[PackedBlock]) -> float:
    """Find the factor that makes steps of probe and object equally bold.

    The cost curves along an object pixel with the light that the pixel saw, and along a
    probe pixel with the object that the pixel met. Their ratio is the factor on the probe's
    gradient for which one step length suits both.

    Parameters
    ----------
    blocks : sequence of PackedBlock
        Frames that share a probe.

    Returns
    -------
    float
        Positive; 1 if there is no light at all.
    """
    light_squared = light = met = 0.0
    for storage, members in group_by_object(blocks):
        obj: Complex = storage.data[0]
        seen = light_on_object(members)
        light_squared += float((seen**2).sum())
        light += float(seen.sum())
        met += float((seen * _power(obj)).sum())
    frames = np.array([float(sum(block.num for block in blocks))])
    add_up(frames)
    if not light or not met:
        return 1.0
    return light_squared / (float(frames[0]) * met)


def light_on_object(blocks: Sequence[PackedBlock]) -> Curvature:
    """Sum the light of all frames at each pixel of the object that they share.

    Returns
    -------
    (Ho, Wo) float64
        sum |P|^2 over frames and modes [photons].
    """
    shape = blocks[0].obj.shape
    total = np.zeros(shape)
    for illumination in {id(b.illumination): b.illumination for b in blocks}.values():
        members = [block for block in blocks if block.illumination is illumination]
        power = _power(illumination.waves).sum(axis=0)
        spectrum = np.fft.rfft2(_visits(members, shape)) * np.fft.rfft2(power, s=shape)
        # The Fourier transform leaves rounding noise where no light was.
        total += np.maximum(np.fft.irfft2(spectrum, s=shape), 0.0)
    return total


def object_under_probe(blocks: Sequence[PackedBlock]) -> Curvature:
    """Sum the transmission that each pixel of the probe met, over all frames.

    Returns
    -------
    (H, W) float64
        sum |O|^2 over frames.
    """
    height, width = blocks[0].transform.shape
    total = np.zeros((height, width))
    for storage, members in group_by_object(blocks):
        obj: Complex = storage.data[0]
        visits = np.fft.rfft2(_visits(members, obj.shape))
        spectrum = visits.conj() * np.fft.rfft2(_power(obj))
        total += np.maximum(np.fft.irfft2(spectrum, s=obj.shape)[:height, :width], 0.0)
    return total


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


def _visits(blocks: Sequence[PackedBlock], shape: tuple[int, ...]) -> Curvature:
    """Count the frames whose upper left pixel each pixel of the object is."""
    corners = np.concatenate([block.corners for block in blocks])
    visits = np.zeros(shape)
    np.add.at(visits, (corners[:, 0], corners[:, 1]), 1.0)
    add_up(visits)
    return visits


def _power(field: Complex) -> npt.NDArray[np.float32]:
    return np.asarray(field.real**2 + field.imag**2)
