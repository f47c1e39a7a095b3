"""What every loader owes its users holds for a folder that is watched, too."""

import numpy as np

from ptypy.experiment import FolderWatch
from ptypy.testing import ScanContract, ScanExample


class TestFolderWatch(ScanContract):
    def make_example(self, folder):
        frames = np.random.default_rng(1).poisson(9, (10, 16, 20)).astype(np.uint16)
        frames[:, 4, 11] = 2**16 - 1
        positions = 1e-6 * np.random.default_rng(2).random((10, 2))
        for number, frame in enumerate(frames):
            np.save(folder / f"frame_{number:03d}.npy", frame)
        np.savetxt(folder / "positions.txt", positions * 1e6)
        mask = np.ones((16, 20), bool)
        mask[4, 11] = False
        return ScanExample(
            FolderWatch,
            {
                "folder": str(folder),
                "pattern": "frame_*.npy",
                "settle": 0,
                "positions": {"file": str(folder / "positions.txt"), "multiplier": 1e-6},
                "energy": 8.0,
                "distance": 1.0,
                "psize": 1e-4,
            },
            frames=frames,
            positions=positions,
            mask=mask,
            files=[folder / "positions.txt"],
        )

    # A live scan gives frames out once, and in order: no stretch without those before it.
    test_any_stretch_of_frames_can_be_loaded_alone = None
    # A table of text that breaks off between two lines is a table; that frames have no position
    # is said loudly (test_folder_watch.py).
    test_a_file_cut_short_is_named = None
    # It holds what has arrived, and threads wait for more.
    test_a_scan_can_be_pickled = None
