"""Pictures are files that show what they say; colours are read back from the pixels."""

import matplotlib.image
import numpy as np
import pytest

from ptypy.diagnose import (
    compare_objects,
    draw_comparison,
    draw_error_curve,
    draw_frame,
    draw_object,
    draw_probe,
)


@pytest.fixture
def disk():
    y, x = np.indices((64, 64)) - 32
    return np.where(np.hypot(y, x) < 12, 1.0, 0.0)


def test_a_probe_is_bright_where_its_amplitude_is(tmp_path, disk):
    path = draw_probe(tmp_path / "probe.png", disk[None] + 0j, resolution=2e-8)
    image = matplotlib.image.imread(path)
    height, width = image.shape[:2]
    middle, edge = image[height // 2, width // 2, :3], image[height // 2, width // 8, :3]
    assert middle.max() > 0.9
    assert edge.max() < 0.1


def test_masked_pixels_are_marked_in_the_mean_frame(tmp_path, disk):
    mask = np.ones(disk.shape, bool)
    mask[:, 40:48] = False
    plain = matplotlib.image.imread(draw_frame(tmp_path / "a.png", disk * 100))
    marked = matplotlib.image.imread(draw_frame(tmp_path / "b.png", disk * 100, mask=mask))

    def blue(image):
        return np.count_nonzero((image[..., 2] > 0.9) & (image[..., 0] < 0.4))

    assert blue(marked) > blue(plain) + 1000


def test_every_picture_leaves_a_whole_png_and_nothing_else(tmp_path, disk):
    history = [{"engine": "DM", "residual": 0.5}, {"engine": "ML", "residual": 0.2}]
    draw_object(tmp_path / "object.png", disk + 1j, resolution=1e-8, weight=disk)
    draw_error_curve(tmp_path / "error.png", history, floor=0.1)
    found = compare_objects(disk + 1j, disk + 1j, disk)
    draw_comparison(tmp_path / "comparison.png", found, resolution=1e-8)
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == ["comparison.png", "error.png", "object.png"]
    for path in tmp_path.iterdir():
        assert matplotlib.image.imread(path).shape[1] > 400
