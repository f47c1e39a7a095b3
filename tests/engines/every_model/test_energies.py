"""Light of two photon energies, which meet one detector without interference."""

import numpy as np
import pytest

from ptypy.core.geometry import Geo
from ptypy.utils import Param

SETUP = {"energy": 8.8, "distance": 2.0, "psize": 75e-6, "size": 32}
SPECTRUM = (0.6, 0.4)
BOUND = {"fourier_power_bound": 0.25}
"""Photon noise is what the difference map is to leave alone: Var(sqrt n) = 1/4."""


def two_energies(physics, relative, *, one_object):
    """Compute what 8.8 keV and another energy show of one object, or of two that differ."""
    lam = 1.239841984e-9 / SETUP["energy"]
    resolution = lam * SETUP["distance"] / (SETUP["size"] * SETUP["psize"])
    colours = []
    for number, (energy, part) in enumerate(zip((1.0, relative), SPECTRUM, strict=True)):
        pixels = {
            "energy": SETUP["energy"] * energy,
            "resolution": resolution if one_object else None,
        }
        way = physics.far_field(SETUP, **pixels)
        obj = physics.sample(72, 7 if one_object or not number else 40)
        # A pixel of the object is as large as the wave is long, so positions in pixels are not.
        places = None if one_object else physics.raster(6) * energy
        colours.append(physics.Colour(physics.beam(32) * np.sqrt(part), obj, way, places))
    return physics.Truth(SETUP, colours, physics.raster(6))


def scan(relative, dispersion):
    coherence = Param(energies=[1.0, relative], spectrum=list(SPECTRUM))
    coherence.object_dispersion = dispersion
    return {"coherence": coherence, "illumination": Param(diversity=None)}


@pytest.mark.parametrize("relative", [7.0 / 7.2, 7.2 / 7.0], ids=["redder", "bluer"])
@pytest.mark.parametrize(
    "way", [("DM", BOUND, 1.6), ("RAAR", BOUND, 1.8), ("ML", {}, 1.15)], ids=["DM", "RAAR", "ML"]
)
def test_an_object_that_is_the_same_for_both_is_found(physics, reconstruct, relative, way):
    engine, pars, excess = way
    truth = two_energies(physics, relative, one_object=True)
    run = reconstruct(truth, **scan(relative, "achromatic")).place()
    run.run(engine, numiter=30, **pars)
    assert run.residual < excess * truth.noise
    assert run.compared().error < 0.04
    first, second = run.block().colours
    assert first.obj is second.obj


def test_exit_waves_of_bluer_light_do_not_grow_without_end(physics, reconstruct):
    truth = two_energies(physics, 1.03, one_object=True)
    run = reconstruct(truth, **scan(1.03, "achromatic")).place(obj=True)
    run.run("DM", numiter=40, probe_update_start=99, **BOUND)
    assert run.residual < 1.2 * truth.noise


@pytest.mark.parametrize("relative", [0.9, 1.0, 1.03, 1.1])
def test_no_wave_gains_more_power_than_its_way_says(relative):
    setup = {"energy": 8.8 * relative, "distance": 2.0, "psize": 75e-6, "shape": 32}
    resolution = Geo(**{**setup, "energy": 8.8}).resolution
    way = Geo(**setup, resolution=resolution, tied=False).propagator
    # Going there and back again and again leaves the wave that gains most.
    wave, power = np.random.default_rng(0).standard_normal((32, 32)) + 0j, 1.0
    for _ in range(200):
        wave = way.bw(way.fw(wave / np.sqrt(power)))
        power = np.sum(np.abs(wave) ** 2)
    assert way.gain == pytest.approx(max(1.0, np.sqrt(power)), rel=1e-3)


def test_each_energy_finds_its_own_object(physics, reconstruct):
    truth = two_energies(physics, 7.2 / 7.0, one_object=False)
    run = reconstruct(truth, **scan(7.2 / 7.0, None)).place(obj=True)
    assert list(run.ptycho.obj.S) == ["SsG00", "SsG01"]
    for number, storage in enumerate(run.ptycho.obj.S.values()):
        storage.data *= np.exp(0.3j * physics.blobs(storage.shape[1:], 60 + number))
    before = [run.object_error(k) for k in (0, 1)]
    run.run("ML", numiter=30, probe_update_start=99)
    assert run.residual < 1.1 * truth.noise
    for number in (0, 1):
        assert run.object_error(number) < before[number] / 4


def test_what_all_factors_have_in_common_goes_into_the_objects_of_all_energies(
    physics, reconstruct
):
    truth = two_energies(physics, 7.2 / 7.0, one_object=False)
    run = reconstruct(truth, **scan(7.2 / 7.0, None)).place(obj=True)
    norms = [np.linalg.norm(storage.data) for storage in run.ptycho.obj.S.values()]
    for storage in run.ptycho.obj.S.values():
        storage.data *= 0.8
    run.run("ML", numiter=3, probe_update_start=99, floating_intensities=True)
    for storage, norm in zip(run.ptycho.obj.S.values(), norms, strict=True):
        assert np.linalg.norm(storage.data) == pytest.approx(norm, rel=0.02)
    assert run.residual < 1.1 * truth.noise


def test_the_truth_at_two_energies_is_told_from_noise_by_nothing(physics, reconstruct):
    truth = two_energies(physics, 7.2 / 7.0, one_object=False)
    run = reconstruct(truth, **scan(7.2 / 7.0, None)).place(obj=True)
    run.run("DM", numiter=1, probe_update_start=9, fourier_power_bound=1e9)
    assert run.residual == pytest.approx(truth.noise, rel=1e-4)
