"""A result gives the arrays that the run has, with their places and units, from run and file."""

import matplotlib.image
import numpy as np
import pytest

import ptypy
from ptypy.core import Ptycho
from ptypy.diagnose import Result, read_result
from ptypy.errors import DataError, FormatError
from ptypy.io import h5write
from ptypy.utils.parameters import Param


def parameters(home, **engine):
    data = Param(name="MoonFlowerScan", num_frames=40, shape=64, photons=1e7)
    return Param(
        run="moon",
        io=Param(home=str(home), rfile="moon.ptyr", autosave=Param(active=False)),
        scans=Param(MF=Param(name="BlockFull", data=data, coherence=Param(num_probe_modes=2))),
        engines=Param(engine00=Param(name="DM", numiter=4), engine01=Param(name="ML", numiter=2)),
    )


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return Ptycho(parameters(tmp_path_factory.mktemp("moon")), level=5)


@pytest.fixture(scope="module")
def live(run):
    return Result.from_run(run)


@pytest.fixture(scope="module")
def stored(run):
    return ptypy.read_result(run.paths.home / "moon.ptyr")


@pytest.fixture(params=["live", "stored"])
def result(request):
    return request.getfixturevalue(request.param)


def test_arrays_and_places_are_those_of_the_run(result, run):
    (obj,), (probe,) = run.obj.S.values(), run.probe.S.values()
    assert np.array_equal(result.object, obj.data[0])
    assert np.array_equal(result.probe, probe.data)
    assert result.pixel_size == pytest.approx(obj.psize)
    assert result.energy == pytest.approx(7.2)
    assert result.unit == "m"
    y, x = obj.grids()
    assert result.object_axes[0] == pytest.approx(y[0, :, 0], abs=1e-15)
    assert result.object_axes[1] == pytest.approx(x[0, 0], abs=1e-15)
    assert result.object_origin == pytest.approx(obj.origin)
    assert result.probe_axes[0][probe.shape[1] // 2] == pytest.approx(0, abs=1e-15)


def test_the_history_is_that_of_the_run(result, run):
    assert result.iterations == 6
    assert result.engines == ("DM", "ML")
    wanted = [entry["residual"] for entry in run.runtime.iter_info]
    assert result.residuals == pytest.approx(wanted)
    assert result.residual == pytest.approx(wanted[-1])
    assert result.errors.shape == (6, 3)
    assert result.parameters.scans.MF.data.num_frames == 40


def test_a_result_stays_when_the_run_goes_on(run):
    before = Result.from_run(run)
    kept = before.object.copy()
    (obj,) = run.obj.S.values()
    held = obj.data.copy()
    obj.data[...] = 0
    assert np.array_equal(before.object, kept)
    obj.data[...] = held


def test_positions_are_where_the_run_has_the_frames(live, run):
    (block,) = run.model.blocks
    assert live.positions == pytest.approx(block.object_views.coord)
    # Light fell where frames lie, and nowhere else.
    y, x = (
        np.rint((live.positions[:, k] - live.object_origin[k]) / live.pixel_size[k]).astype(int)
        for k in (0, 1)
    )
    assert live.coverage[y, x].min() > 0.05
    assert live.coverage.max() == pytest.approx(1)
    assert live.seen[y, x].all()


def test_without_ramp_the_phase_is_level_and_the_frames_are_the_same(live):
    height, width = live.object.shape
    ramp = np.exp(1j * (0.7 + 0.05 * np.arange(height)[:, None] - 0.02 * np.arange(width)))
    ((label, obj),) = live.objects.items()
    tilted = Result(
        objects={label: type(obj)(**{**vars(obj), "data": obj.data * ramp})}, probes=live.probes
    )
    level = tilted.without_ramp()
    seen = live.seen
    assert np.angle(np.sum(level.object[seen])) == pytest.approx(0, abs=1e-6)
    assert level.object[seen] == pytest.approx(live.without_ramp().object[seen], abs=1e-4)

    def frame(one, top=20, left=30):
        n, m = one.probe.shape[1:]
        return np.abs(np.fft.fft2(one.probe * one.object[top : top + n, left : left + m])) ** 2

    after, before = frame(level), frame(tilted)
    assert np.abs(after - before).max() < 1e-3 * before.max()


def test_orthogonal_modes_give_the_same_light(live):
    (probe,) = live.probes.values()
    mixed = probe.orthogonal()
    overlap = np.vdot(mixed.data[0], mixed.data[1]) / np.sum(np.abs(mixed.data[0]) ** 2)
    assert abs(overlap) < 1e-4
    assert mixed.shares[0] >= probe.shares.max()
    light = [np.sum(np.abs(one.data) ** 2, axis=0) for one in (mixed, probe)]
    np.testing.assert_allclose(light[0], light[1], atol=1e-3 * light[1].max())


def test_refined_positions_in_a_file_give_the_coverage(live, tmp_path):
    ((label, obj),) = live.objects.items()
    describe = {
        "data": obj.data, "_psize": obj.pixel_size, "_origin": obj.origin, "_energy": 7.2,
    }  # fmt: skip
    probe = dict(describe, data=live.probe, _origin=next(iter(live.probes.values())).origin)
    content = Param(
        obj={label: describe},
        probe={label: probe},
        positions={label: obj.positions},
        position_indices={label: obj.indices},
    )
    h5write(str(tmp_path / "moved.ptyr"), content=content, header={})
    found = read_result(tmp_path / "moved.ptyr")
    assert found.positions == pytest.approx(obj.positions)
    assert found.coverage == pytest.approx(obj.coverage, abs=1e-3)


def test_files_of_ptypy_0_9_without_a_residual_have_an_error_curve(live, tmp_path):
    """Entries of its history have ``error`` alone, and numbers of storages are arrays of one."""
    told = {"data": live.probe, "_psize": np.array([1e-8, 2e-8]), "_energy": np.array([8.0])}
    history = [{"iteration": k, "iterations": k + 1, "engine": "DM",
                "error": np.array([1.0 / (k + 1), 0.0, 0.5])} for k in range(3)]  # fmt: skip
    runtime = {"iter_info": history, "run": "old"}
    content = Param(obj={"SaG00": told}, probe={"SaG00": told}, runtime=runtime)
    h5write(str(tmp_path / "old.ptyr"), content=content, header={})
    found = read_result(tmp_path / "old.ptyr")
    assert found.pixel_size.tolist() == [1e-8, 2e-8]
    assert found.errors[:, 0].tolist() == [1.0, 0.5, pytest.approx(1 / 3)]
    assert np.isnan(found.residual)
    labels = [axis.get_ylabel() for axis in found.plot().axes]
    assert "fourier error" in labels


def test_several_objects_are_named_and_can_be_chosen(live):
    (obj,), (probe,) = live.objects.values(), live.probes.values()
    both = Result(
        objects={"SaG00": obj, "SbG00": obj}, probes={"SaG00": probe, "SbG00": probe}, run="two"
    )
    with pytest.raises(DataError, match=r"2 objects, 'SaG00', 'SbG00'.*result\.objects\['SaG00'\]"):
        _ = both.object
    assert np.array_equal(both.select("b").object, live.object)
    with pytest.raises(DataError, match=r"'c'.*'SaG00', 'SbG00'"):
        both.select("c")
    assert "object SbG00" in repr(both)


def test_a_file_that_is_no_result_is_refused(tmp_path):
    h5write(str(tmp_path / "x.ptyr"), content={"probe": {}}, header={})
    with pytest.raises(FormatError, match="no obj"):
        read_result(tmp_path / "x.ptyr")
    arrays = {"probe": {"SaG00": {"data": np.ones(3)}}, "obj": {}}
    h5write(str(tmp_path / "y.ptyr"), content=arrays, header={})
    with pytest.raises(FormatError, match=r"SaG00.*float64 of shape \(3,\)"):
        read_result(tmp_path / "y.ptyr")


def test_a_picture_shows_the_object_and_says_what_it_is(live, tmp_path):
    figure = live.plot()
    titles = [axis.get_title() for axis in figure.axes]
    assert "Object: phase [rad]" in titles
    assert any(title.startswith("Probe mode 2") for title in titles)
    assert "moon" in figure.get_suptitle()
    phase = next(axis for axis in figure.axes if "phase" in axis.get_title())
    shown = phase.images[0].get_array()
    known = live.without_ramp()
    rows, columns = (np.flatnonzero(live.seen.any(axis=k)) for k in (1, 0))
    assert shown.shape == (np.ptp(rows) + 1, np.ptp(columns) + 1)
    cut = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    assert np.array_equal(~np.ma.getmaskarray(shown), live.seen[cut])
    inside = known.object[cut]
    difference = np.exp(1j * shown.data) * np.exp(-1j * np.angle(inside))
    assert difference[~shown.mask] == pytest.approx(1, abs=1e-4)
    live.save_picture(tmp_path / "a.png")
    assert matplotlib.image.imread(tmp_path / "a.png").shape[1] > 1000
    assert live.save_picture(tmp_path / "a.pdf").read_bytes().startswith(b"%PDF")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.pdf", "a.png"]
    with pytest.raises(FormatError, match=r"a\.jpeg.*\.png, \.pdf, \.svg"):
        live.save_picture(tmp_path / "a.jpeg")


def test_a_notebook_shows_a_table_and_a_picture_and_no_script(live):
    html = live._repr_html_()
    assert "data:image/png;base64," in html
    assert f"{live.residual:.4f}" in html
    assert "40" in html
    evil = Result(live.objects, live.probes, run="<script>alert(1)</script>")
    assert "<script" not in evil._repr_html_()
    assert live.plot()._repr_png_().startswith(b"\x89PNG")
