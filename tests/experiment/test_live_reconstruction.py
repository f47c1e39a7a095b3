"""An image is made while frames still come."""

import numpy as np

from ptypy.core.ptycho import Ptycho
from ptypy.testing import PlainSender
from ptypy.utils import Param


def test_a_reconstruction_takes_in_what_comes_and_says_what_did_not(tmp_path, caplog):
    order = [*range(20), *range(21, 60)]
    simulator = PlainSender(frames=60, shape=64, interval=0.005, order=order)
    with simulator.start() as running:
        p = Param(verbose_level="error", frames_per_block=10, min_frames_for_recon=10)
        p.io = Param(home=str(tmp_path), autosave=Param(active=False))
        data = Param(
            name="ZmqStream", address=running.address, shape=64, timeout=30.0, patience=0.2
        )
        aperture = Param(aperture=Param(form="circ", size=20e-6))
        p.scans = Param(live=Param(name="BlockFull", data=data, illumination=aperture))
        p.engines = Param(e=Param(name="DM", numiter=20, numiter_contiguous=5))
        run = Ptycho(p, level=5)
        assert running.wait() == 0
    scan = run.model.scans["live"]
    used = np.concatenate([block.indices for block in scan.blocks])
    assert used.tolist() == order
    assert len(scan.blocks) > 1
    places = np.concatenate([block.positions for block in scan.blocks])
    np.testing.assert_allclose(places, simulator.recording.positions[order])
    assert "1 missing (20)" in caplog.text
