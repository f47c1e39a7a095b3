"""``ptypy run --view`` shows the run, lets it end, and stays for who looks."""

import re
import subprocess
import sys
import urllib.request

import pytest

CONFIG = """
io: {home: ./out, autosave: {active: false}}
scans:
  moon:
    name: BlockFull
    data: {name: MoonFlowerScan, num_frames: 30, shape: 32}
engines:
  engine00: {name: EPIE, numiter: 3}
"""


def browser():
    """Give what keeps cookies: the token is exchanged for one."""
    return urllib.request.build_opener(urllib.request.HTTPCookieProcessor())


@pytest.mark.slow
def test_the_address_answers_while_it_runs_and_the_run_ends_if_nobody_looks(tmp_path):
    pytest.importorskip("tornado")
    (tmp_path / "moon.yaml").write_text(CONFIG)
    command = [sys.executable, "-m", "ptypy", "run", "moon.yaml", "--view"]
    with subprocess.Popen(
        command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        said = []
        for line in process.stdout:
            said.append(line)
            address = re.search(r"open (http://127\.0\.0\.1:\d+/\S+)", line)
            if address:
                with browser().open(address[1], timeout=30) as answer:
                    assert answer.status == 200
                    assert b"ptypy" in answer.read()
        assert process.wait(120) == 0, "".join(said)
    assert any("127.0.0.1" in line for line in said)
    assert (tmp_path / "out/recons/moon/moon_EPIE_0003.html").exists()
