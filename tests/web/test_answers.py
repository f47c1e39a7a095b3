"""What a server finds in frames and results, without a browser."""

import asyncio
import os
import re
import signal
import subprocess
import sys
import threading
import urllib.request

import h5py
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ptypy.core import Ptycho
from ptypy.errors import DataError, FormatError
from ptypy.utils import Param
from ptypy.web import watch
from ptypy.web._open import find_scans
from ptypy.web._pictures import code_complex, code_real, find_level, read_part, reduce
from ptypy.web._preparation import Preparation
from ptypy.web._sample import _bit_reversed
from ptypy.web._wire import pack, unpack


class Page:
    """A page without a browser: it shows the token, and asks by the socket."""

    def __init__(self, address):
        self._address = address

    def ask(self, what, **words):
        async def story():
            from tornado.httpclient import AsyncHTTPClient, HTTPRequest
            from tornado.websocket import websocket_connect

            client = AsyncHTTPClient()
            entered = await client.fetch(self._address, follow_redirects=False, raise_error=False)
            place = self._address.partition("/?")[0].replace("http", "ws")
            cookie = entered.headers["Set-Cookie"].partition(";")[0]
            socket = await websocket_connect(
                HTTPRequest(
                    f"{place}{entered.headers['Location']}socket", headers={"Cookie": cookie}
                )
            )
            await socket.write_message(pack({"ask": what, "id": 1, **words}), binary=True)
            while True:
                head, _ = unpack(await socket.read_message())
                if head.get("id") == 1:
                    socket.close()
                    return head

        return asyncio.run(story())


class Listener:
    """A page that only listens."""

    def __init__(self):
        self.heard = []

    def tell(self, head, payload=b""):
        self.heard.append((dict(head), payload))


def decode(head, payload):
    codes = np.frombuffer(payload, "<u2").reshape(head["shape"])
    share = (codes.astype(float) - 1) / 65534
    extent = head["high"] - head["low"]
    gain = head["gain"]
    value = np.expm1(share * np.log1p(gain * extent)) / gain if gain else share * extent
    return np.where(codes == 0, np.nan, head["low"] + value)


@given(st.integers(0, 2**32 - 1), st.sampled_from([None, 1.0, 400.0]))
def test_counts_survive_sixteen_bits_to_a_thousandth(seed, gain):
    rng = np.random.default_rng(seed)
    counts = rng.poisson(10 ** rng.uniform(-2, 5, (7, 9))).astype(np.uint32)
    trusted = rng.random((7, 9)) > 0.2
    head, payload = code_real(counts, trusted, gain=gain)
    found = decode(head, payload)
    assert np.array_equal(np.isnan(found), ~trusted)
    limit = 1e-3 * (1 + counts[trusted]) if gain else 1e-4 * max(counts.max(), 1)
    assert (np.abs(found[trusted] - counts[trusted]) <= limit).all()


def test_blocks_at_the_edge_are_averaged_over_what_is_there():
    array = np.arange(35.0).reshape(5, 7)
    small = reduce(array, 3)
    assert small.shape == (2, 3)
    assert small[1, 2] == pytest.approx(array[3:, 6:].mean())
    assert np.array_equal(reduce(array, 3, "max")[:, 0], [16, 30])


def test_a_part_beyond_the_picture_is_cut_and_a_huge_one_made_small():
    part = read_part([-5, 90, 50, 50, 0], (100, 100))
    assert (part.top, part.left, part.height, part.width, part.step) == (0, 90, 50, 10, 1)
    assert read_part(None, (20_000, 20_000)).step >= 10
    with pytest.raises(DataError, match="whole numbers"):
        read_part([0, 0, 1.5, 2, 1], (10, 10))


@given(st.floats(-0.2, 0.2), st.floats(-0.2, 0.2), st.floats(-3, 3))
def test_a_ramp_of_phase_is_found_beside_noise_and_an_empty_rim(slope_y, slope_x, phase):
    rng = np.random.default_rng(1)
    y, x = np.mgrid[:96, :120]
    obj = np.exp(1j * (slope_y * y + slope_x * x + phase + 0.3 * rng.standard_normal(y.shape)))
    obj[:10] = obj[:, :8] = 1.0
    whole = read_part(None, obj.shape)
    flat = find_level(obj).take_from(obj, whole)
    assert np.angle(flat[12:, 10:].mean()) == pytest.approx(0, abs=0.1)
    assert abs(flat[12:, 10:].mean()) == pytest.approx(np.exp(-0.045), abs=0.05)
    assert np.array_equal(flat[:10], np.ones((10, 120)))


def test_a_turn_of_phase_closes():
    phases = np.exp(1j * np.array([[-np.pi, np.pi, 0.0, 1e-9 - np.pi]]))
    _, payload = code_complex(phases, 1.0)
    codes = np.frombuffer(payload, "<u2").reshape(2, 4)
    assert codes[0].tolist() == [65535] * 4
    assert codes[1].tolist() == [0, 0, 32768, 0]


@given(st.binary(max_size=40))
def test_no_message_brings_the_server_down(message):
    try:
        unpack(message)
    except FormatError as error:
        assert "ignored" in str(error)  # noqa: PT017


def test_messages_begin_their_numbers_where_browsers_can_read_them():
    for name in ("", "a", "ä µ", "longer than eight"):
        message = pack({"name": name, "nan": float("nan"), "n": np.int64(3)}, b"12345678")
        head, payload = unpack(message)
        assert head == {"name": name, "nan": None, "n": 3}
        assert payload == b"12345678"
        assert (len(message) - len(payload)) % 8 == 0


def test_a_sample_that_is_broken_off_lies_evenly():
    for count in (1, 2, 7, 100, 400):
        order = _bit_reversed(count)
        assert sorted(order) == list(range(count))
    early = np.sort(_bit_reversed(400)[:16])
    assert np.diff(early).max() <= 2 * 400 / 16 + 1


def test_the_sample_is_bounded_and_ends_when_nobody_looks(tmp_path):
    path = tmp_path / "long.h5"
    with h5py.File(path, "w") as file:
        file["frames"] = np.random.default_rng(0).integers(0, 9, (3000, 32, 32), np.uint8)
    subject = Preparation(path)
    subject.look()

    async def story():
        page = Listener()
        subject.enter(page)
        while not page.heard:
            await asyncio.sleep(0)
        subject.leave(page)
        await asyncio.sleep(0)
        return page.heard[0][0]

    told = asyncio.run(story())
    assert told["of"] <= 400
    assert told["done"] < told["of"]
    subject.close()


def test_stacks_of_a_file_are_offered_the_largest_first(beamtime, tmp_path):
    with h5py.File(tmp_path / "raw.h5", "w") as file:
        file["a/small"] = np.zeros((2, 32, 32), np.uint8)
        file["b/large"] = np.zeros((9, 32, 32), np.uint8)
        file["curve"] = np.zeros((9, 9, 9))
    assert [scan.label for scan in find_scans(tmp_path / "raw.h5")] == ["b/large", "a/small"]
    with pytest.raises(FormatError, match="no frames in it"):
        find_scans(beamtime[0] / "stage.h5")
    with pytest.raises(FormatError, match="no such file"):
        find_scans(tmp_path / "none.h5")


def test_of_a_file_that_is_no_config_the_settings_are_given_to_copy(beamtime):
    subject = Preparation(beamtime[0] / "detector.h5")
    subject.look()
    settings = {"shape": [256, 256], "center": [171, 139.5], "orientation": 0, "rebin": 2}
    asked = {"ask": "save", "settings": settings}
    saved, _ = asyncio.run(subject.answer(Listener(), asked, b""))
    assert saved["saved"] is None
    assert saved["lines"][1] == "center: [171, 139.5]"
    assert "no config" in saved["advice"]
    assert not list(beamtime[0].glob("*mask*"))
    subject.close()


def test_questions_that_cannot_be_asked_are_answered_with_why(beamtime):
    subject = Preparation(beamtime[0] / "detector.h5")
    subject.look()
    for asked, why in [
        ({"ask": "close"}, "cannot be asked"),
        ({"ask": "image", "of": 99}, "there are 24 frames"),
        ({"ask": "image", "of": "__class__"}, "ask for 'mean'"),
        ({"ask": "scan", "label": "/etc/passwd"}, "no scan"),
        ({"ask": "preview", "of": 0, "settings": {}}, "give shape"),
        ({"ask": "draw", "part": [0, 0, 9999, 1]}, "of a mask of"),
    ]:
        with pytest.raises(DataError, match=why):
            asyncio.run(subject.answer(Listener(), asked, b""))
    subject.close()


def test_the_command_says_where_to_look_and_ctrl_c_ends_it(config):
    environment = {**os.environ, "SSH_CONNECTION": "10.0.0.1 5000 10.0.0.9 22", "USER": "ada"}
    process = subprocess.Popen(
        [sys.executable, "-m", "ptypy", "view", str(config)],
        env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    told = process.stdout.readline(), process.stdout.readline()
    found = re.fullmatch(r"open (http://127\.0\.0\.1:(\d+)/\?token=\S+)\n", told[0])
    assert found
    assert told[1].endswith(f"ssh -N -L {found[2]}:127.0.0.1:{found[2]} ada@10.0.0.9\n")
    # The last thing of the redirection that follows is the cookie: without it nobody is let in.
    with pytest.raises(urllib.error.HTTPError, match="403"):
        urllib.request.urlopen(found[1])  # noqa: S310
    process.send_signal(signal.SIGINT)
    output, faults = process.communicate(timeout=60)
    assert (process.returncode, faults) == (0, "")
    assert output == "ended\n"


@pytest.mark.skipif(
    threading.current_thread() is not threading.main_thread(),
    reason="only the main thread hears of signals",
)
def test_ctrl_c_ends_a_run_that_pauses_and_keeps_what_was_reached(tmp_path):
    p = Param(run="moon", verbose_level="CRITICAL")
    p.io = Param(home=str(tmp_path), rfile="%(run)s.ptyr", autosave=Param(active=False))
    p.scans = Param(moon=Param(name="BlockFull"))
    p.scans.moon.data = Param(name="MoonFlowerScan", shape=64, num_frames=20, save=None)
    p.engines = Param(first=Param(name="DM", numiter=1_000_000))
    run = Ptycho(p, level=4)
    with watch(run) as viewer:
        page = Page(viewer.address)
        page.ask("command", name="pause")

        def interrupt():
            while page.ask("run")["state"] != "paused":
                pass
            os.kill(os.getpid(), signal.SIGINT)

        threading.Thread(target=interrupt, daemon=True).start()
        with pytest.raises(KeyboardInterrupt):
            run.run()
    kept = Ptycho.load_run(tmp_path / "moon.ptyr", load_data=False)
    assert kept.runtime.iter_info[-1]["iterations"] == 1
