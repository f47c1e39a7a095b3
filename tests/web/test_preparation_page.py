"""From raw frames to a config, by clicking, in a real browser."""

import h5py
import numpy as np
import pytest

from ptypy.core.ptycho import parameters_from
from ptypy.experiment import Hdf5Loader
from ptypy.web._preparation import Preparation

pytestmark = pytest.mark.browser


def on_screen(page, y, x):
    """Where the middle of a pixel of the raw frame is in the window."""
    return page.evaluate(
        """([y, x]) => {
          const { picture } = window.preparation;
          const box = picture.element.getBoundingClientRect();
          const [down, across] = picture.onScreen(y + 0.5, x + 0.5);
          return [box.left + across, box.top + down];
        }""",
        [y, x],
    )


def drag(page, *points):
    """Drag from one pixel of the raw frame over others."""
    first, *others = (on_screen(page, *point) for point in points)
    page.mouse.move(*first)
    page.mouse.down()
    for place in others:
        page.mouse.move(*place, steps=4)
    page.mouse.up()


@pytest.fixture
def opened(page, until, serve, config):
    subject = Preparation(config)
    subject.look()
    server = serve(subject)
    page.goto(server.address)
    page.server = server
    until("window.preparation && preparation.base && preparation.prepared")
    until("document.getElementById('sample-stop').hidden")
    return page


def test_what_is_clicked_is_what_the_config_says_and_what_is_prepared(
    opened, until, config, beamtime
):
    page, before = opened, config.read_text()
    drag(page, (160, 144), (171, 139))
    # The right edge of the region is at 139 - 96 + 192; it is moved so that 256 columns fit.
    drag(page, (200, 139 + 96), (200, 139 + 128))
    page.fill("#rows", "224")
    page.press("#rows", "Enter")
    page.click("#orientations button >> nth=5")
    page.select_option("#rebin", "2")

    page.click("#tools button[value=mask]")
    drag(page, (140, 60), (140, 120))
    page.click("#which button[value=maximum]")
    until("preparation.base.of === 'maximum'")
    page.fill("#hot", "60000")
    until("Number(document.getElementById('hot-count').textContent) > 0")
    counted = int(page.inner_text("#hot-count"))
    page.click("#hot-mask")
    until("document.getElementById('hot-count').textContent === '0'")
    until("preparation.prepared.whole[0] === 128 && preparation.prepared.untrusted > 0")
    page.click("#save")
    until("/^saved/.test(document.getElementById('status').textContent)")

    data = parameters_from(config).scans.s7.data
    assert list(data.shape) == [224, 256]
    assert list(data.center) == [171, 139]
    assert (data.orientation, data.rebin) == (5, 2)
    kept = [line for line in before.splitlines() if "#" in line]
    assert all(line.partition("#")[2] in config.read_text() for line in kept)

    with h5py.File(data.mask.file) as file:
        mask = file[data.mask.key][()] != 0
    with h5py.File(beamtime[0] / "detector.h5") as file:
        raw = file["entry/data"][()]
    hot = (raw.max(axis=0) > 60000) & (raw.max(axis=0) < 65535)
    stroke = ~mask[136:145, 60:121]
    assert stroke[4].all()
    assert 7 <= stroke[:, 30].sum() <= 9
    drawn = np.zeros_like(mask)
    drawn[130:151, 50:131] = True
    assert (~mask & ~drawn)[hot & ~drawn].all()
    assert counted >= (hot & ~drawn).sum() > 0

    chunk = Hdf5Loader(data).next_chunk(1)
    top, left = 171 - 112, 139 - 128
    cut = np.s_[top : top + 224, left : left + 256]
    # Orientation 5: transposed, then columns inverted.
    turned = raw[0].astype(np.int64)[cut].T[:, ::-1]
    expected = turned.reshape(128, 2, 112, 2).sum(axis=(1, 3))
    trusted = mask[cut].T[:, ::-1].reshape(128, 2, 112, 2).all(axis=(1, 3))
    assert np.array_equal(chunk.data[0], expected)
    shared = chunk.mask if chunk.mask.ndim == 2 else chunk.mask[0]
    assert np.array_equal(shared, trusted)
    assert page.inner_text("#fact-center") == ", ".join(f"{n:g}" for n in chunk.meta.center)


def test_keys_undo_and_points_do_what_they_say(opened, until):
    page = opened
    drag(page, (160, 144), (150, 150))
    assert page.input_value("#center-y") == "150"
    page.keyboard.press("Control+z")
    assert (page.input_value("#center-y"), page.input_value("#center-x")) == ("160", "144")
    page.keyboard.press("d")
    drag(page, (100, 100), (100, 120))
    assert page.evaluate("preparation.mask.trusted[100 * preparation.mask.width + 110]") == 0
    page.keyboard.press("Control+z")
    assert page.evaluate("preparation.mask.trusted.every((one) => one === 1)")

    place = page.evaluate(
        """() => {
          const canvas = document.querySelector("#positions canvas");
          const box = canvas.getBoundingClientRect();
          const scatter = window.preparation.scatter;
          const { scale, x0, y0 } = scatter.layOut();
          const [y, x] = scatter.points.slice(14, 16);
          return [box.left + x0 + scale * x, box.top + y0 + scale * y];
        }"""
    )
    page.mouse.click(*place)
    until("preparation.base.of === 7")
    page.keyboard.press(".")
    until("preparation.base.of === 8")
    assert page.input_value("#frame-number") == "8"
    assert page.get_attribute("#which button[value=frame]", "aria-checked") == "true"


def test_a_region_is_cut_to_what_blocks_of_pixels_fill(opened, until):
    page = opened
    page.fill("#rows", "191")
    page.press("#rows", "Enter")
    page.select_option("#rebin", "4")
    until("preparation.prepared.whole.join() === '47,48'")
    assert (page.input_value("#rows"), page.input_value("#columns")) == ("188", "192")
    page.click("#undo")
    assert (page.input_value("#rows"), page.input_value("#rebin")) == ("191", "1")


def test_settings_that_do_not_fit_are_told_and_not_saved(opened, until, config):
    page, before = opened, config.read_text()
    page.fill("#center-y", "900")
    page.press("#center-y", "Enter")
    until("/outside the raw frame/.test(document.getElementById('trouble').textContent)")
    page.click("#save")
    until("document.getElementById('status').textContent === 'not saved'")
    assert config.read_text() == before


def test_a_connection_that_breaks_is_told_and_made_again(opened, until):
    page = opened
    drag(page, (160, 144), (150, 150))
    page.evaluate(
        """() => {
          window.states = [];
          const seen = document.getElementById("connection");
          new MutationObserver(() => window.states.push(seen.dataset.state))
            .observe(seen, { attributes: true });
        }"""
    )
    page.server.soon(lambda: [client.close() for client in list(page.server.clients)])
    until("window.states.join() === 'lost,connected'")
    page.click("#which button[value=frame]")
    until("preparation.base.of === 0")
    assert page.input_value("#center-y") == "150"


def test_nothing_scrolls_away_in_windows_of_a_laptop_and_of_a_desk(opened):
    page = opened
    for width, height in ((1280, 800), (1920, 1080)):
        page.set_viewport_size({"width": width, "height": height})
        for tool in ("look", "region", "mask"):
            page.click(f"#tools button[value={tool}]")
            beyond = page.evaluate(
                """() => [...document.querySelectorAll("button, input, select, canvas")]
                  .filter((one) => one.offsetParent && !one.closest(".contrast"))
                  .filter((one) => {
                    const box = one.getBoundingClientRect();
                    const panel = one.closest(".panel, header").getBoundingClientRect();
                    return box.right > panel.right + 1 || box.bottom > innerHeight + 1;
                  }).map((one) => one.id || one.outerHTML)"""
            )
            assert beyond == []
