"""Raw data of a small beamtime, a browser, and servers that end with their test."""

import contextlib

import pytest

from ptypy.simulations import Beamtime
from ptypy.web._view import make_server

CHROMIUM = "/usr/bin/chromium"
FLAGS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
]  # fmt: skip

CONFIG = """\
# Beamtime of November, sample 7
run: sample7
scans:
  s7:
    name: BlockFull
    data:
      name: Hdf5Loader
      intensities: {{file: {folder}/detector.h5, key: entry/data}}
      positions:
        file: {folder}/stage.h5
        slow_key: scan/y
        fast_key: scan/x
        slow_multiplier: 1.0e-6   # micrometres
        fast_multiplier: 1.0e-6
      recorded_energy: {{file: {folder}/stage.h5, key: beam/energy, multiplier: 1.0e-3}}
      recorded_distance: {{file: {folder}/stage.h5, key: detector/distance, multiplier: 1.0e-3}}
      recorded_psize: {{file: {folder}/stage.h5, key: detector/psize, multiplier: 1.0e-6}}
      shape: 192        # region, raw pixels
      center: [160, 144]
engines:
  engine00: {{name: DM, numiter: 60}}
"""


@pytest.fixture(scope="session")
def beamtime(tmp_path_factory):
    """A folder with raw files, and the experiment that they are of."""
    folder = tmp_path_factory.mktemp("beamtime")
    simulated = Beamtime(frames=24, seed=3)
    simulated.write(folder)
    return folder, simulated


@pytest.fixture
def config(beamtime, tmp_path):
    """A config that names the raw files, in a folder of its own."""
    path = tmp_path / "sample7.yaml"
    path.write_text(CONFIG.format(folder=beamtime[0]))
    return path


@pytest.fixture
def serve():
    """Serve subjects until the test ends; gives the server."""
    with contextlib.ExitStack() as stack:

        def start(subject):
            server = make_server(subject)
            server.start()
            stack.callback(server.stop)
            return server

        yield start


@pytest.fixture(scope="module")
def chromium():
    """A browser for a module; as long as it is driven, no other loop may run in this thread."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def page(chromium):
    """A page as large as a small laptop's; what goes wrong in its scripts fails the test."""
    context = chromium.new_context(viewport={"width": 1280, "height": 800})
    tab = context.new_page()
    tab.set_default_timeout(60_000)
    faults = []
    tab.on("pageerror", lambda error: faults.append(str(error)))
    tab.on("console", lambda said: faults.append(said.text) if said.type == "error" else None)
    yield tab
    context.close()
    # A server that has ended cannot be reached, which the page tells.
    assert [fault for fault in faults if "ERR_CONNECTION" not in fault] == []


@pytest.fixture
def until(page):
    """Wait until an expression of the page is true; the page forbids to evaluate text by itself."""

    def wait(expression):
        look = f"const look = () => ({expression}) ? done() : setTimeout(look, 20); look();"
        page.evaluate(f"() => new Promise((done) => {{ {look} }})")

    return wait
