"""Results and runs in a real browser: what is there, what comes, and who holds the reins."""

import threading

import numpy as np
import pytest

from ptypy.core import Ptycho
from ptypy.utils import Param
from ptypy.web import watch
from ptypy.web._view import open_subject

pytestmark = pytest.mark.browser


def make_run(home, iterations):
    p = Param(run="moon", verbose_level="ERROR")
    p.io = Param(
        home=str(home), rfile="%(run)s_%(iterations)04d.ptyr", autosave=Param(active=False)
    )
    p.scans = Param(moon=Param(name="BlockFull", coherence=Param(num_probe_modes=2)))
    p.scans.moon.data = Param(
        name="MoonFlowerScan", shape=64, num_frames=30, density=0.2, photons=1e6, save=None
    )
    p.engines = Param(first=Param(name="DM", numiter=iterations))
    return Ptycho(p, level=4)


@pytest.fixture(scope="module")
def result(tmp_path_factory):
    """A finished run, and its file."""
    run = make_run(tmp_path_factory.mktemp("home"), 5)
    run.run()
    return run, next(run.paths.home.glob("*.ptyr"))


def test_a_run_is_watched_paused_and_stopped(page, until, tmp_path, request):
    run = make_run(tmp_path, 1_000_000)
    with watch(run) as viewer:

        def work():
            run.run()
            viewer.finish()

        thread = threading.Thread(target=work, daemon=True)
        request.addfinalizer(run.stop)
        page.goto(viewer.address)
        until("window.result && result.run")
        thread.start()
        until("result.updates > 3 && result.entries.length > 3")
        assert page.inner_text("#state") == "running"
        assert "iterations/s" in page.inner_text("#progress-told")

        page.click("#pause")
        until("result.state === 'paused'")
        reached = run.runtime.iter_info[-1]["iterations"]
        # While it pauses all frames are compared with the result, which takes many a turn.
        until("result.scatter.values.length && result.scatter.values.every(Number.isFinite)")
        assert run.runtime.iter_info[-1]["iterations"] == reached
        assert f" {reached:,} of" in page.inner_text("#progress-told")
        shown = page.evaluate("[result.base.shape, result.base.whole, result.entries.length]")
        assert shown[0] == list(run.obj.storages["SmoonG00"].data.shape[1:])
        assert shown[2] == len(run.runtime.iter_info)

        page.click("#pause")
        until("result.state === 'running'")
        page.click("#stop")
        until("result.state === 'stopped'")
        thread.join(timeout=60)
        assert not thread.is_alive()
        last = run.runtime.iter_info[-1]["iterations"]
        assert last > reached
        until("/^saved/.test(document.getElementById('status').textContent)")
    (saved,) = tmp_path.glob("*.ptyr")
    assert saved.name == f"moon_{last:04d}.ptyr"
    again = Ptycho.load_run(saved, load_data=False)
    assert np.array_equal(again.obj.storages["SmoonG00"].data, run.obj.storages["SmoonG00"].data)
    until("result.picture && document.getElementById('connection').dataset.state === 'lost'")


def test_a_result_shows_what_is_in_the_file_and_shows_it_anew(page, until, serve, result):
    run, path = result
    page.goto(serve(open_subject(path)).address)
    until("window.result && result.base")
    obj = run.obj.storages["SmoonG00"].data[0]
    amplitude = page.evaluate(
        """() => {
          const { base } = result;
          return base.codes[20 * base.shape[1] + 30] / 65535 * base.high;
        }"""
    )
    assert amplitude == pytest.approx(float(abs(obj[20, 30])), abs=float(abs(obj).max()) * 1e-4)

    page.click("#layers button >> nth=2")
    until("result.layer.kind === 'probe' && result.layer.layer === 1 && result.base")
    assert page.get_attribute("#shows button[value=complex]", "aria-checked") == "true"
    phase = page.evaluate(
        "(result.base.phases[40 * result.base.shape[1] + 33] / 65536 - 0.5) * 2 * Math.PI"
    )
    probe = run.probe.storages["SmoonG00"].data[1]
    assert np.exp(1j * phase) == pytest.approx(np.exp(1j * np.angle(probe[40, 33])), abs=2e-4)

    page.click("#load")
    until("result.scatter.values.length && result.scatter.values.every(Number.isFinite)")
    assert page.evaluate("result.scatter.count") == run.num_frames

    entries = page.evaluate("result.entries.length")
    run.run(epars=Param(name="ML", numiter=3))
    run.save_run(path)
    until(f"result.entries.length > {entries}")
    assert page.evaluate("result.entries.length") == len(run.runtime.iter_info)
