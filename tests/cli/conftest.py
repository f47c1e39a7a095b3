"""Files of parameters to try commands on."""

import pytest

CONFIG = """\
io:
  home: out
  autosave: {interval: 2}
scans:
  moon:
    name: BlockFull
    data:
      name: MoonFlowerScan
      shape: 32
      num_frames: 40
      photons: 1.0e6
    illumination: {diversity: null}
engines:
  engine00: {name: EPIE, numiter: 6}
"""


@pytest.fixture
def config(tmp_path, monkeypatch):
    """A file ``moon.yaml`` in the working directory, which is empty but for it."""
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "moon.yaml"
    path.write_text(CONFIG)
    return path
