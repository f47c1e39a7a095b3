"""Arrays become an image in one call, however they are given; what does not fit is all said."""

import bz2
import io

import h5py
import numpy as np
import pytest

import ptypy
from ptypy.diagnose import compare_objects
from ptypy.errors import ParameterError
from ptypy.quick import estimate_probe
from ptypy.simulations import Beamtime

STEP = 1e-8
"""Size of a pixel of the object [m], where one is given."""


@pytest.fixture(scope="module")
def scan():
    """Frames (N, 64, 64) with photon noise, positions [px], and the truth."""
    beamtime = Beamtime(frames=120, region=128, rebin=2, beam_diameter=20.0, step=5.5)
    truth, points = beamtime.truth(), beamtime.points()
    height, width = truth.probe.shape
    first = np.array(truth.object.shape) // 2 - (height // 2, width // 2)
    rng = np.random.default_rng(3)
    frames = []
    for y, x in points + first:
        wave = truth.probe * truth.object[y : y + height, x : x + width]
        field = np.fft.fftshift(np.fft.fft2(wave, norm="ortho"))
        frames.append(rng.poisson(np.abs(field) ** 2))
    return np.array(frames, np.uint16), points, truth


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    return tmp_path_factory.mktemp("quick") / "image.ptyr"


@pytest.fixture(scope="module")
def result(scan, saved):
    frames, positions, _ = scan
    return ptypy.reconstruct(
        frames, positions, position_unit="px", iterations=(30, 40), save=saved, progress=False
    )


def prepared(frames, positions, **how):
    """Give counts, corners and pixel of what is prepared, without estimating a probe."""
    how = {"probe": np.ones((64, 64)), "position_unit": "px", **how}
    (block,) = ptypy.prepare(frames, positions, **how).model.blocks
    return block.counts, block.corners, block.obj.psize


def test_frames_and_positions_alone_give_the_object(result, scan):
    """Nothing is known of energy, distance and beam; the image comes as near as photons allow."""
    _, points, truth = scan
    assert result.residual < 1.05 * result.noise_floor
    top, left = (
        np.rint(result.object_origin).astype(int) + np.array(truth.object.shape) // 2
    ).tolist()
    height, width = result.object.shape
    wanted = truth.object[top : top + height, left : left + width]
    found = compare_objects(result.object, wanted, result.coverage > 0.3)
    assert found.phase_error < 0.05
    assert result.positions == pytest.approx(points, abs=1e-6)


def test_where_no_length_is_given_all_are_pixels(result, saved, scan):
    for one in (result, ptypy.read_result(saved)):
        assert one.unit == "px"
        assert one.pixel_size == pytest.approx(1)
        assert one.energy is None
        assert "nm" not in repr(one)
        assert np.diff(one.object_axes[0]) == pytest.approx(1)
    assert result.source == saved
    # Frames are not kept once more beside the result.
    assert saved.stat().st_size < scan[0].nbytes


def alike(a, b):
    """Say how much of one field is in another, whatever their factor."""
    return np.abs(np.vdot(a, b)) ** 2 / (np.sum(np.abs(a) ** 2) * np.sum(np.abs(b) ** 2))


def test_the_first_probe_is_on_the_right_side_of_the_focus(scan):
    frames, points, truth = scan
    found = estimate_probe(frames, points)
    assert alike(found, truth.probe) > 0.95
    assert alike(found, truth.probe.conj()) < 0.5
    assert np.sum(np.abs(found) ** 2) == pytest.approx(frames.sum(axis=(1, 2)).max(), rel=1e-3)


def test_frames_are_the_same_however_they_are_given(scan, tmp_path):
    frames, points, _ = scan
    counts, corners, size = prepared(frames, points)
    with h5py.File(tmp_path / "scan.h5", "w") as file:
        file["entry/data"] = frames
        file["entry/places"] = points
    np.save(tmp_path / "scan.npy", frames)
    with h5py.File(tmp_path / "scan.h5") as file:
        ways = [
            (file["entry/data"], file["entry/places"], {}),
            (f"{tmp_path}/scan.h5:/entry/data", f"{tmp_path}/scan.h5:entry/places", {}),
            (f"{tmp_path}/scan.npy", points, {}),
            (tmp_path / "scan.npy", points.tolist(), {}),
            (list(frames), points, {}),
            (np.fft.ifftshift(frames, axes=(1, 2)), points, {"zero_frequency": "corner"}),
        ]
        for given, places, how in ways:
            found = prepared(given, places, **how)
            assert np.array_equal(found[0], counts)
            assert np.array_equal(found[1], corners)
            assert found[2] == pytest.approx(size)


@pytest.mark.parametrize(
    "how",
    [
        {"pixel_size": STEP},
        {"pixel_size": (STEP, STEP), "energy": 8.0},
        {"energy": 8.0, "distance": 2.0, "detector_pixel": 1.549802e-10 * 2.0 / (STEP * 64)},
    ],
    ids=["pixel", "energy", "setup"],
)
def test_positions_in_metres_need_a_length_of_any_kind(scan, how):
    frames, points, _ = scan
    _, corners, _ = prepared(frames, points)
    run = ptypy.prepare(frames, points * STEP, position_unit="m", probe=np.ones((64, 64)), **how)
    result = ptypy.diagnose.Result.from_run(run)
    assert np.array_equal(run.model.blocks[0].corners, corners)
    assert result.pixel_size == pytest.approx(STEP, rel=1e-5)
    assert result.unit == "m"
    assert result.energy == (pytest.approx(8.0) if "energy" in how else None)


def test_a_region_of_half_the_width_gives_pixels_twice_as_wide(scan):
    frames, points, _ = scan
    run = ptypy.prepare(
        frames, points, position_unit="px", region=32, rebin=2, probe=np.ones((9, 9))
    )
    result = ptypy.diagnose.Result.from_run(run)
    (block,) = run.model.blocks
    assert block.counts.shape[1:] == (16, 16)
    assert block.counts[5].sum() == frames[5, 16:48, 16:48].sum()
    assert result.pixel_size == pytest.approx(2)
    assert result.positions == pytest.approx(points, abs=1e-6)


def test_a_run_that_has_not_begun_can_be_drawn(scan):
    frames, points, _ = scan
    run = ptypy.prepare(frames, points, position_unit="px", probe=np.ones((9, 9)))
    result = ptypy.diagnose.Result.from_run(run)
    assert result.iterations == 0
    assert np.isnan(result.residual)
    assert "Object: phase [rad]" in [axis.get_title() for axis in result.plot().axes]


def test_masked_pixels_are_not_looked_at(scan):
    frames, points, _ = scan
    mask = np.ones((64, 64), bool)
    mask[30, 40] = False
    (block,) = ptypy.prepare(
        frames, points, position_unit="px", mask=mask, probe=np.ones((64, 64))
    ).model.blocks
    assert np.array_equal(block.mask, mask)


def test_all_that_is_wrong_is_said_at_once():
    with pytest.raises(ParameterError) as caught:
        ptypy.reconstruct(
            np.ones((4, 8, 8)), np.ones((3, 2)), mask=np.ones(5), engine=("DM", "MLL"), energy=8.0,
            iterations=0, zero_frequency="middle", rebin=0, pixelsize=1e-9, save="image.h5",
        )  # fmt: skip
    text = str(caught.value)
    for word in (
        "position_unit", "nothing in the numbers tells", "3 of them", "mask", "did you mean `ML`",
        "iterations", "zero_frequency", "rebin", "did you mean `pixel_size`", "distance",
        "detector_pixel", ".ptyr",
    ):  # fmt: skip
        assert word in text
    assert len(caught.value.faults) >= 11


def test_a_region_larger_than_the_frames_is_refused():
    frames = np.random.default_rng(1).poisson(5.0, (6, 32, 32))
    places = np.arange(12.0).reshape(6, 2)
    with pytest.raises(ParameterError, match=r"region .*999.*from 1 to 32 rows and 32 columns"):
        ptypy.prepare(frames, places, position_unit="px", region=999)


@pytest.mark.parametrize(
    ("frames", "words"),
    [
        (np.ones((8, 8)), r"shape \(8, 8\).*\(N, rows, columns\)"),
        (np.ones((4, 8, 8), complex), "complex128.*real numbers"),
        ("there/is/none.h5:/data", "none.h5"),
        (np.ones((0, 8, 8)), "is empty"),
    ],
)
def test_frames_that_are_none_are_refused_with_words(frames, words):
    with pytest.raises(ParameterError, match=words):
        ptypy.prepare(frames, [(0, 0)] * 4, position_unit="px")


@pytest.mark.parametrize(
    ("factor", "how"),
    [(1e-8, {"position_unit": "px"}), (1.0, {"position_unit": "m", "pixel_size": 1e-8})],
    ids=["metres as pixels", "pixels as metres"],
)
def test_positions_in_another_unit_than_is_said_are_noticed(scan, factor, how):
    frames, points, _ = scan
    with pytest.raises(ParameterError, match=r"positions .* pixels of the object.*position_unit"):
        ptypy.reconstruct(frames, points * factor, **how)


@pytest.mark.parametrize(("said", "right"), [("corner", "center"), ("center", "corner")])
def test_a_beam_that_is_not_where_it_is_said_to_be_is_noticed(scan, said, right):
    frames, points, _ = scan
    given = frames if right == "center" else np.fft.ifftshift(frames, axes=(1, 2))
    with pytest.raises(ParameterError, match=f"zero_frequency .* bright in the {right}"):
        ptypy.prepare(given, points, position_unit="px", zero_frequency=said)
    # Whoever names the pixel is believed.
    prepared(given, points, zero_frequency=said, center=(32, 32))


def test_help_shows_every_keyword():
    import inspect

    for function in (ptypy.prepare, ptypy.reconstruct):
        assert "position_unit" in inspect.signature(function).parameters
        assert "zero_frequency" in inspect.signature(function).parameters


@pytest.mark.real
@pytest.mark.slow
def test_the_measured_star_needs_no_more_than_its_frames_and_positions(shared_data):
    """Its beam is far from the focus, which the estimate finds; a good engine is below 0.12."""
    packed = (shared_data / "siemens-star-small.npz.bz2").read_bytes()
    arrays = np.load(io.BytesIO(bz2.decompress(packed)))
    result = ptypy.reconstruct(
        arrays["data"][0], arrays["scan"][0], position_unit="px", zero_frequency="corner",
        probe_modes=3, iterations=(20, 20), progress=False,
    )  # fmt: skip
    assert result.residual < 0.12


@pytest.mark.parametrize("engine", [3, None, ("DM", 7)])
def test_an_engine_that_is_no_name_is_refused_with_what_it_should_be(engine):
    frames, positions = np.ones((4, 16, 16)), np.arange(8.0).reshape(4, 2)
    with pytest.raises(ParameterError, match="should be a name, or parameters"):
        ptypy.reconstruct(frames, positions, position_unit="px", engine=engine)
