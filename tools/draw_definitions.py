"""Draw the pictures of docs/explanations/definitions.md.

Run it as ``python tools/draw_definitions.py``; it writes into docs/pictures. The eight
orientations are made with the NumPy calls that the page states, so that the picture is
true by construction.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import matplotlib as mpl
import numpy as np

mpl.use("Agg")
import matplotlib.pyplot as plt

if TYPE_CHECKING:
    from matplotlib.axes import Axes

PICTURES = Path(__file__).resolve().parent.parent / "docs" / "pictures"
INK = "#1f2933"
SOFT = "#7b8794"
BEAM = "#d9822b"
FRAME = "#2f6f9f"
PROBE = "#b83280"
STYLE = {
    "font.family": "sans-serif",
    "font.size": 10,
    "text.color": INK,
    "axes.edgecolor": SOFT,
    "mathtext.fontset": "dejavusans",
    "savefig.facecolor": "white",
}


def letter_frame() -> np.ndarray:
    """Make a frame of 14 x 10 px that shows an F and looks like none of its mirror images."""
    frame = np.zeros((14, 10))
    frame[2:12, 2:4] = 1.0
    frame[2:4, 2:8] = 1.0
    frame[6:8, 2:6] = 1.0
    frame[0, 0] = 0.45
    return frame


def orient(frame: np.ndarray, transpose: bool, flipud: bool, fliplr: bool) -> np.ndarray:
    """Transpose first, then flip the rows, then flip the columns of what came out."""
    if transpose:
        frame = frame.T
    if flipud:
        frame = np.flipud(frame)
    if fliplr:
        frame = np.fliplr(frame)
    return frame


def _moved_center(transpose: bool, flipud: bool, fliplr: bool) -> str:
    """Write down where the pixel (y, x) of an H x W frame lies afterwards."""
    rows, columns = (("x", "W"), ("y", "H")) if transpose else (("y", "H"), ("x", "W"))
    row = f"{rows[1]}−1−{rows[0]}" if flipud else rows[0]
    column = f"{columns[1]}−1−{columns[0]}" if fliplr else columns[0]
    return f"({row}, {column})"


def _draw_frame(axes: Axes, shown: np.ndarray, colours: mpl.colors.Colormap) -> None:
    """Draw one frame pixel by pixel, with the first and the last index of its axes."""
    height, width = shown.shape
    axes.imshow(shown, cmap=colours, vmin=0, vmax=1, interpolation="nearest")
    for edge in np.arange(width + 1) - 0.5:
        axes.plot([edge, edge], [-0.5, height - 0.5], color="white", linewidth=0.8)
    for edge in np.arange(height + 1) - 0.5:
        axes.plot([-0.5, width - 0.5], [edge, edge], color="white", linewidth=0.8)
    small = {"fontsize": 7.5, "color": SOFT}
    for row in (0, height - 1):
        axes.text(-0.8, row, str(row), ha="right", va="center", **small)
    for column in (0, width - 1):
        axes.text(column, height - 0.2, str(column), ha="center", va="top", **small)
    # One width for tall and for wide frames: pixels are equally large in all eight.
    axes.set_xlim((width - 1) / 2 - 8.8, (width - 1) / 2 + 8.8)
    axes.set_ylim(height + 3.4, -3.6)
    axes.set_aspect("equal")
    axes.axis("off")


def draw_orientations() -> None:
    """Draw the frame F under the orientations 0 to 7."""
    words = {
        0: "as recorded",
        1: "flip columns",
        2: "flip rows",
        3: "flip rows and columns",
        4: "transpose",
        5: "transpose, flip columns",
        6: "transpose, flip rows",
        7: "transpose, flip rows and columns",
    }
    raw = letter_frame()
    colours = mpl.colors.LinearSegmentedColormap.from_list("ink", ["#eef3f7", FRAME])
    heights = {"height_ratios": [21, 17]}
    figure, grid = plt.subplots(2, 4, figsize=(10.4, 5.85), gridspec_kw=heights)
    for number, axes in enumerate(grid.flat):
        bits = (bool(number & 4), bool(number & 2), bool(number & 1))
        shown = orient(raw, *bits)
        _draw_frame(axes, shown, colours)
        middle, below = (shown.shape[1] - 1) / 2, shown.shape[0]
        flags = ", ".join(str(bit) for bit in bits)
        line = {"ha": "center", "va": "center"}
        axes.text(middle, -3.0, str(number), fontsize=17, fontweight="bold", **line)
        axes.text(middle, -1.5, words[number], fontsize=9.5, **line)
        axes.text(middle, below + 1.3, f"({flags})", fontsize=8.5, color=SOFT, **line)
        moved = f"center → {_moved_center(*bits)}"
        axes.text(middle, below + 2.5, moved, fontsize=9, color=PROBE, **line)
    figure.subplots_adjust(0.01, 0.01, 0.99, 0.99, wspace=0.02, hspace=0.04)
    _save(figure, "orientations.png")


class Oblique:
    """An oblique view: z to the right, y down, x towards the reader and to the right."""

    across = np.array([0.52, -0.30])
    down = np.array([0.0, -1.0])
    along = np.array([1.0, 0.0])

    def __call__(self, z: float, y: float, x: float) -> np.ndarray:
        """Project a point in space onto the page."""
        return z * self.along + y * self.down + x * self.across


def _plane(axes: Axes, view: Oblique, z: float, half: float, *, colour: str, alpha: float) -> None:
    corners = [(-half, -half), (-half, half), (half, half), (half, -half)]
    points = np.array([view(z, y, x) for y, x in corners])
    axes.fill(*points.T, facecolor=colour, alpha=alpha, edgecolor="none", zorder=2)
    axes.plot(*np.vstack([points, points[:1]]).T, color=colour, linewidth=1.3, zorder=5)


def _arrow(axes: Axes, start: np.ndarray, end: np.ndarray, colour: str, width: float = 1.4) -> None:
    axes.annotate(
        "", xy=end, xytext=start, zorder=8,
        arrowprops={"arrowstyle": "-|>", "color": colour, "linewidth": width,
                    "shrinkA": 0, "shrinkB": 0, "mutation_scale": 12},
    )  # fmt: skip


def _axes_cross(axes: Axes, view: Oblique, z: float, half: float, colour: str) -> None:
    """Draw y and x from the upper left corner of a plane."""
    corner = view(z, -half, -half)
    down = view(z, -half + 0.62, -half)
    across = view(z, -half, -half + 0.80)
    _arrow(axes, corner, down, colour)
    _arrow(axes, corner, across, colour)
    axes.text(
        *(down - np.array([0.09, 0.02])), "y", color=colour, ha="right", va="center", fontsize=12
    )
    axes.text(
        *(across + np.array([0.03, 0.08])), "x", color=colour, ha="left", va="bottom", fontsize=12
    )


def _circle(view: Oblique, z: float, y: float, x: float, radius: float) -> np.ndarray:
    turn = np.linspace(0, 2 * np.pi, 121)
    return np.array([view(z, y + radius * np.sin(t), x + radius * np.cos(t)) for t in turn])


def _draw_sample(axes: Axes, view: Oblique, z: float) -> None:
    """Draw the object plane, the scan points and the probe at one of them."""
    half = 1.25
    _plane(axes, view, z, half, colour=INK, alpha=0.05)
    _axes_cross(axes, view, z, half, INK)
    steps = np.linspace(-0.62, 0.62, 4)
    for y in steps:
        for x in steps:
            axes.plot(*view(z, y, x), "o", color=SOFT, markersize=2.6, zorder=6)
    y, x = steps[1], steps[2]
    ring = _circle(view, z, y, x, 0.40)
    axes.fill(*ring.T, facecolor=PROBE, alpha=0.22, edgecolor=PROBE, linewidth=1.3, zorder=6)
    axes.plot(*view(z, y, x), "o", color=PROBE, markersize=5, zorder=9)
    axes.annotate(
        "position of this frame (y, x) [m]:\nthe object point under the probe's\npixel shape // 2",
        xy=view(z, y, x), xytext=(z + 0.15, 2.42), color=PROBE, fontsize=9.5, ha="left",
        va="center", zorder=9,
        arrowprops={"arrowstyle": "-", "color": PROBE, "linewidth": 0.9, "shrinkB": 3},
    )  # fmt: skip
    axes.text(*view(z, half + 0.62, -0.60), "object", fontsize=12, fontweight="bold", ha="center")
    axes.text(
        *view(z, half + 0.62, -0.60) - [0, 0.27],
        "pixels of λ z / (N · psize)", fontsize=9.5, color=SOFT, ha="center",
    )  # fmt: skip


def _draw_detector(axes: Axes, view: Oblique, z: float) -> None:
    """Draw the detector with its pixel grid and the centre."""
    half, pixels = 1.45, 12
    _plane(axes, view, z, half, colour=FRAME, alpha=0.08)
    for edge in np.linspace(-half, half, pixels + 1)[1:-1]:
        for a, b in (((edge, -half), (edge, half)), ((-half, edge), (half, edge))):
            line = np.array([view(z, *a), view(z, *b)])
            axes.plot(*line.T, color=FRAME, linewidth=0.45, alpha=0.55, zorder=3)
    _axes_cross(axes, view, z, half, FRAME)
    size = 2 * half / pixels
    centre = np.array([0.5 * size, 0.5 * size])
    for radius in (0.30, 0.62, 0.94):
        ring = _circle(view, z, *centre, radius)
        axes.plot(*ring.T, color=BEAM, linewidth=1.1, alpha=0.9 - 0.6 * radius, zorder=6)
    corners = [(-1, -1), (-1, 1), (1, 1), (1, -1)]
    spot = np.array([view(z, *(centre + size / 2 * np.array(c))) for c in corners])
    axes.fill(*spot.T, facecolor=BEAM, edgecolor=BEAM, zorder=7)
    axes.annotate(
        "center (y, x) [px]:\nthe pixel that the\noptical axis meets",
        xy=view(z, *centre), xytext=(z + 1.15, 1.42), color=BEAM, fontsize=9.5, ha="left",
        va="center", zorder=9,
        arrowprops={"arrowstyle": "-", "color": BEAM, "linewidth": 0.9, "shrinkB": 3},
    )  # fmt: skip
    axes.text(*view(z, half + 0.62, -0.60), "detector", fontsize=12, fontweight="bold", ha="center")
    axes.text(
        *view(z, half + 0.62, -0.60) - [0, 0.27],
        "N pixels of psize [m]", fontsize=9.5, color=SOFT, ha="center",
    )  # fmt: skip


def draw_geometry() -> None:
    """Draw a far-field scan: beam, probe on the object, detector, axes."""
    view = Oblique()
    sample, detector = 3.0, 8.1
    figure, axes = plt.subplots(figsize=(10.4, 5.6))
    figure.subplots_adjust(0.01, 0.01, 0.99, 0.99)
    probe_y, probe_x = -0.62 + 1.24 / 3, -0.62 + 2.48 / 3
    # The cone of the illumination ends in the probe, the scattered cone on the detector.
    ring = _circle(view, sample, probe_y, probe_x, 0.40)
    top, bottom = ring[np.argmax(ring[:, 1])], ring[np.argmin(ring[:, 1])]
    source = np.array([0.1, view(sample, probe_y, probe_x)[1]])
    wide = np.array([[0.1, source[1] + 0.62], top, bottom, [0.1, source[1] - 0.62]])
    axes.fill(*wide.T, facecolor=BEAM, alpha=0.16, edgecolor="none", zorder=1)
    far = _circle(view, detector, 0.12, 0.12, 0.94)
    far_top, far_bottom = far[np.argmax(far[:, 1])], far[np.argmin(far[:, 1])]
    cone = np.array([top, far_top, far_bottom, bottom])
    axes.fill(*cone.T, facecolor=BEAM, alpha=0.10, edgecolor="none", zorder=1)
    _draw_sample(axes, view, sample)
    _draw_detector(axes, view, detector)
    _arrow(axes, np.array([0.25, source[1]]), np.array([1.45, source[1]]), BEAM, 2.0)
    axes.text(0.25, source[1] + 0.80, "beam, energy [keV]", color=BEAM, fontsize=10.5, ha="left")
    axes.text(1.50, source[1] - 0.02, "z", color=BEAM, fontsize=12, ha="left", va="center")
    low = -2.85
    axes.annotate(
        "", xy=(detector, low), xytext=(sample, low),
        arrowprops={"arrowstyle": "<|-|>", "color": INK, "linewidth": 1.0,
                    "shrinkA": 0, "shrinkB": 0},
    )  # fmt: skip
    axes.text(
        (sample + detector) / 2,
        low + 0.10,
        "distance z [m]",
        ha="center",
        va="bottom",
        fontsize=10.5,
    )
    axes.set_xlim(-0.1, 10.75)
    axes.set_ylim(-3.05, 2.85)
    axes.set_aspect("equal")
    axes.axis("off")
    _save(figure, "geometry.png")


def _save(figure: plt.Figure, name: str) -> None:
    """Write without a date or version inside, so that an unchanged picture is an unchanged file."""
    PICTURES.mkdir(parents=True, exist_ok=True)
    figure.savefig(PICTURES / name, dpi=160, metadata={"Software": None})
    plt.close(figure)
    print(f"wrote docs/pictures/{name}")


if __name__ == "__main__":
    plt.rcParams.update(STYLE)
    draw_orientations()
    draw_geometry()
