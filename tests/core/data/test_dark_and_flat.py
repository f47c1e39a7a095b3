"""A dark frame and a flat field are applied once, and only where that was asked for."""

import numpy as np
import pytest

from ptypy.errors import DataError

FRAME = np.full((6, 8), 30, np.uint16)
DARK = np.full((6, 8), 10)


def first_frame(scan):
    return scan.auto(1)["iterable"][0]["data"]


def test_a_loader_that_subtracts_its_own_dark_loses_no_counts(memory_scan):
    """Loaders of PtyPy 0.9 keep what they need under names like these."""

    class Older(memory_scan):
        def __init__(self, *args, **kwargs):
            super().__init__(*args, **kwargs)
            self.dark, self.flat = DARK, np.full((6, 8), 2.0)
            self.region = (slice(0, 2), slice(0, 2))
            self.mask = np.zeros((6, 8), bool)
            self.center = (1, 1)
            self.shape, self.psize, self.energy, self.weights = (2, 2), 1.0, 1.0, np.zeros((6, 8))
            self._positions = self._labels = self._settings = self._load = None

        def correct(self, raw, weights, common):
            return {i: (frame - self.dark) / self.flat for i, frame in raw.items()}, weights

    scan = Older([FRAME, FRAME], energy=8.0, psize=1e-4)
    package = scan.auto(2)
    assert (package["iterable"][0]["data"] == 10).all()
    assert package["iterable"][0]["mask"].all()
    assert tuple(package["common"].shape) == (6, 8)
    assert (package["common"].energy, scan.region_in_raw) == (8.0, (0, 0, 6, 8))


@pytest.mark.parametrize(
    "hook", ["__init__", "load_positions", "load_common", "post_initialize", "check", "load"]
)
def test_any_hook_may_say_what_to_correct_with(memory_scan, hook):
    def told(self, *args, **kwargs):
        answer = getattr(super(Told, self), hook)(*args, **kwargs)
        self.correct_with(dark=DARK, flat=np.full((6, 8), 2.0))
        return answer

    Told = type("Told", (memory_scan,), {hook: told})
    scan = Told([FRAME, FRAME])
    assert (first_frame(scan) == 10).all()
    assert (first_frame(scan) == 10).all()


def test_a_dark_that_comes_after_frames_is_refused_instead_of_ignored(memory_scan):
    scan = memory_scan([FRAME, FRAME])
    first_frame(scan)
    with pytest.raises(DataError, match="all frames of a scan"):
        scan.correct_with(dark=DARK)


def test_the_region_that_is_used_is_told_in_raw_pixels(memory_scan):
    scan = memory_scan([FRAME], shape=4, center=(3, 5), orientation=5)
    assert scan.region_in_raw is None
    first_frame(scan)
    assert scan.region_in_raw == (1, 3, 4, 4)
