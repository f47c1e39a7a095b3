"""From the chunks of one scan to blocks, a probe and an object."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

import numpy as np
import numpy.typing as npt

from ptypy import defaults_tree
from ptypy.core.data import EOS, Chunk
from ptypy.core.manager._block import Block, Colour, Frames
from ptypy.core.manager._frames import FrameStore
from ptypy.core.manager._geometry import geometry_of
from ptypy.core.manager._loader import DataParameters, make_ptyscan, naming_scan
from ptypy.core.manager._placement import check_positions, local_rows, make_object, make_room
from ptypy.core.manager._statistics import Statistics, photons_of, summarize
from ptypy.errors import DataError, Fault, ParameterError
from ptypy.utils import parallel
from ptypy.utils.verbose import logger

if TYPE_CHECKING:
    from ptypy.core.classes import Addresses, Storage
    from ptypy.core.data import PtyScan
    from ptypy.core.geometry import Geo
    from ptypy.utils.parameters import Param

__all__ = ["BlockScanModel", "ScanModel"]

Positions = npt.NDArray[np.float64]


class _Kept(NamedTuple):
    """A chunk whose frames are where they will stay."""

    frames: Frames
    photons: npt.NDArray[np.float64]
    indices: npt.NDArray[np.int64]
    rows: npt.NDArray[np.int64]
    positions: Positions
    everyones_positions: Positions
    weights: npt.NDArray[np.float32] | None


@defaults_tree.parse_doc("scan.ScanModel")
class ScanModel(DataParameters):
    """One scan: its frames, the probe that took them, the object that they show.

    A frame at position (y, x) [m] sees the object around that coordinate: the probe's
    centre pixel ``shape // 2`` falls on the object's pixel
    ``round(position / resolution + obj.center)``. Positions grow along with rows and columns.

    Override `draw_probe`, `draw_object` and `list_unsupported` to begin from something else.

    Parameters
    ----------
    ptycho : Ptycho
        The run; its containers ``probe``, ``obj``, ``diff`` and ``mask`` get the storages.
    pars : mapping
        ``scans.<label>``; what is missing takes its default.
    label : str
        Name of the scan.

    Attributes
    ----------
    p : Param
        Parameters, complete.
    ptyscan : PtyScan
        Prepares the frames.
    blocks : list of Block
        All that has arrived, in order.
    geometry : Geo or None
        Setup; None before the first chunk.
    probe, obj : Storage or None
        None before the first chunk.
    statistics : Statistics or None
        Photons of all frames; None before the first chunk.

    Raises
    ------
    ParameterError
        If parameters ask for what is not there, or name no scan class.

    Defaults:

    [tags]
    type = list
    default = ['dummy']
    help = Words that describe the scan; they have no effect

    [propagation]
    type = str
    default = farfield
    choices = ['farfield', 'nearfield']
    help = How waves get from the sample to the detector; ``nearfield`` is not supported yet

    [ffttype]
    type = str
    default = scipy
    choices = ['numpy', 'scipy', 'fftw']
    help = Kept for scripts of PtyPy 0.9; without effect

    [illumination]
    type = Param, str
    default =
    help = What the probe is like in the beginning

    [sample]
    type = Param, str
    default =
    help = What the object is like in the beginning

    [resample]
    type = int, None
    default = 1
    help = Detector pixels of the model for each pixel of the data; only 1 is supported yet
    """

    DEFAULT: ClassVar[Param]

    in_blocks: ClassVar[bool] = False
    """A storage of frames for each chunk; otherwise one for the whole scan."""

    suffix: ClassVar[str] = ""
    """What the IDs of probe and object have behind ``S<label>``."""

    def __init__(self, ptycho: Any, pars: Mapping[str, Any], label: str) -> None:
        self.ptycho = ptycho
        self.label = label
        self.p: Param = self.DEFAULT.copy(99)
        self.p.update(pars, in_place_depth=99)
        faults = self.list_unsupported()
        if faults:
            raise ParameterError(
                [Fault(f"scans.{label}.{path}", value, remedy) for path, value, remedy in faults]
            )
        self.ptyscan: PtyScan = make_ptyscan(self.p, label)
        self.blocks: list[Block] = []
        self.geometry: Geo | None = None
        self.probe: Storage | None = None
        self.obj: Storage | None = None
        self.statistics: Statistics | None = None
        self.probe_views: Addresses | None = None
        self._store: FrameStore | None = None
        self._photons: list[npt.NDArray[np.float64]] = []
        self._has_ended = False

    @property
    def ID(self) -> str:
        """Name of the storages of probe and object."""
        return f"S{self.label}{self.suffix}"

    @property
    def fill(self) -> complex:
        """Transmission of the object where nothing is known."""
        sample = self.p.sample
        return complex(sample.get("fill", 1.0)) if isinstance(sample, Mapping) else 1.0

    @property
    def end_of_scan(self) -> bool:
        """Whether all frames have arrived."""
        return self._has_ended

    @property
    def data_available(self) -> bool:
        """Whether there may be frames that have not been asked for."""
        return not self._has_ended

    # ------------------------------------------------------------ hooks

    def list_unsupported(self) -> list[Fault]:
        """List the parameters that ask for something that is not there yet.

        Paths are those within the scan.
        """
        faults = []
        if self.p.propagation != "farfield":
            faults.append(
                Fault(
                    "propagation", repr(self.p.propagation), "is not supported yet; `farfield` is"
                )
            )
        if self.p.resample not in {None, 1}:
            faults.append(Fault("resample", repr(self.p.resample), "is not supported yet; 1 is"))
        return faults

    def draw_probe(self, geometry: Geo, photons: float) -> npt.NDArray[np.complex64]:
        """Give the probe to begin with. Override me.

        Called once, when the first frames have arrived, on every process.

        Parameters
        ----------
        geometry : Geo
            Setup of the scan.
        photons : float
            Photons in the brightest frame.

        Returns
        -------
        (modes, H, W) complex64
            Field at the sample [sqrt(photons)].
        """
        from ptypy.core.illumination import probe_from

        return probe_from(self.p.illumination, geometry, photons)

    def draw_object(self, shape: tuple[int, int], geometry: Geo) -> npt.NDArray[np.complex64]:
        """Give the object to begin with. Override me.

        Called once, when the first frames have arrived, on every process.

        Parameters
        ----------
        shape : (int, int)
            Of the scanned region and a small margin [px].
        geometry : Geo
            Setup of the scan.

        Returns
        -------
        (H, W) complex64
            Transmission.
        """
        from ptypy.core.sample import object_from

        return object_from(self.p.sample, shape, geometry.lam)

    def complete(self, geometry: Mapping[str, Any]) -> dict[str, Any]:
        """Change the numbers of the setup before it is built. Override me."""
        return dict(geometry)

    # ------------------------------------------------------------ frames

    def new_data(self, max_frames: int) -> list[Block]:
        """Take in all frames that are there; never waits for more.

        Parameters
        ----------
        max_frames : int
            Most frames of a chunk, on all processes together.

        Returns
        -------
        list of Block
            What has arrived, empty if nothing has.

        Raises
        ------
        DataError
            If frames have no positions, or do not fit those that came before.
        """
        if self._has_ended:
            return []
        arrived = []
        with naming_scan(self.label):
            while isinstance(answer := self.ptyscan.next_chunk(max_frames), Chunk):
                arrived.append(self._keep(answer))
        self._has_ended = answer == EOS
        return self._place(arrived) if arrived else []

    def _keep(self, chunk: Chunk) -> _Kept:
        """Check a chunk, put its frames where they will stay, and weigh them."""
        shape = (chunk.data.shape[1], chunk.data.shape[2]) if len(chunk.data) else None
        self.geometry = geometry_of(
            chunk.meta,
            shape,
            self.label,
            known=self.geometry,
            complete=self.complete,
            owner=self.ptycho,
        )
        positions = check_positions(chunk.positions, chunk.indices, self.label)
        height, width = (int(n) for n in self.geometry.shape)
        counts = np.require(chunk.data, np.float32, ["C", "W"]).reshape(-1, height, width)
        if not chunk.is_private and np.may_share_memory(counts, chunk.data):
            # Counts change in place from here on: the loader's own array is not ours to change.
            counts = counts.copy()
        mask = np.asarray(chunk.mask, bool)
        if mask.shape not in {(height, width), counts.shape}:
            raise DataError(f"a mask of shape {mask.shape} does not fit frames {counts.shape}")
        try:
            photons = photons_of(counts, mask)
        except DataError as error:
            row, y, x = np.argwhere(~np.isfinite(counts) & mask)[0]
            what = f"{counts[row, y, x]} in its trusted pixel ({y}, {x}): mask such pixels"
            raise DataError(f"frame {chunk.indices_node[row]} holds {what}") from error
        if self._store is None:
            self._store = FrameStore(
                self.ptycho.diff,
                self.ptycho.mask,
                in_blocks=self.in_blocks,
                psize=self.geometry.psize,
            )
        rows = local_rows(chunk.indices, chunk.indices_node)
        total = self.ptyscan.num_frames or 0
        return _Kept(
            frames=self._store.add(counts, mask, -(-total // parallel.size)),
            photons=photons,
            indices=chunk.indices_node,
            rows=rows,
            positions=positions[rows],
            everyones_positions=positions,
            weights=chunk.weights,
        )

    def _place(self, arrived: list[_Kept]) -> list[Block]:
        """Make blocks of new chunks: give each frame its place on the object."""
        self._photons += [kept.photons for kept in arrived]
        geometry = self._setup()
        self.statistics = summarize(np.concatenate(self._photons), int(np.prod(geometry.shape)))
        probe, obj = self._optics(np.concatenate([kept.everyones_positions for kept in arrived]))
        height, width = (int(n) for n in geometry.shape)
        first = len(self.blocks)
        placed = self.statistics.num_frames - sum(len(k.everyones_positions) for k in arrived)
        for number, kept in enumerate(arrived, first):
            block = Block(
                label=self.label,
                number=number,
                frames=kept.frames,
                indices=kept.indices,
                places=placed + kept.rows,
                num_everywhere=len(kept.everyones_positions),
                positions=kept.positions,
                weights=kept.weights,
                colours=(
                    Colour(
                        probe=probe,
                        obj=obj,
                        geometry=geometry,
                        object_views=obj.add_views(kept.positions, (height, width)),
                    ),
                ),
                tot_power=float(kept.photons.sum()),
                max_power=self.statistics.max_power,
            )
            self.blocks.append(block)
            placed += block.num_everywhere
        for block in self.blocks:
            block.max_power = self.statistics.max_power
        self._report(len(arrived))
        return self.blocks[first:]

    def _optics(self, positions: Positions) -> tuple[Storage, Storage]:
        """Give probe and object, made at the first call, with room for frames at positions."""
        geometry = self._setup()
        height, width = (int(n) for n in geometry.shape)
        if self.probe is not None and self.obj is not None:
            make_room(self.obj, positions, (height, width))
            return self.probe, self.obj
        assert self.statistics is not None  # noqa: S101 - _place() sums up before
        if not self.statistics.max_power > 0:
            raise DataError(
                f"scan {self.label!r}: no frame has a photon in a trusted pixel; is the mask True "
                "where pixels are good, and are the frames those of a lit detector?"
            )
        self.obj = make_object(
            self.ptycho.obj,
            self.ID,
            positions,
            resolution=geometry.resolution,
            shape=(height, width),
            draw=lambda shape: self.draw_object(shape, geometry),
            fill=self.fill,
        )
        modes = self.draw_probe(geometry, self.statistics.max_power)
        self.probe = self.ptycho.probe.new_storage(
            self.ID, data=modes, psize=geometry.resolution, padonly=True
        )
        nowhere = np.zeros((len(modes), 2))
        self.probe_views = self.probe.add_views(nowhere, (height, width), np.arange(len(modes)))
        return self.probe, self.obj

    def _setup(self) -> Geo:
        assert self.geometry is not None  # noqa: S101 - _checked() comes before
        return self.geometry

    def _report(self, num_chunks: int) -> None:
        """Log what has arrived, in a line."""
        photons = self.statistics
        if photons is not None and self.obj is not None:
            logger.info(
                "scan %s: %d frames so far (%d new chunks), %s; photons in a frame: %.4g on "
                "average, %.4g at most; object %d x %d px",
                self.label,
                photons.num_frames,
                num_chunks,
                self.geometry,
                photons.mean_power,
                photons.max_power,
                *self.obj.shape[1:],
            )


@defaults_tree.parse_doc("scan.BlockScanModel")
class BlockScanModel(ScanModel):
    """One scan whose frames stay in the arrays in which they arrived, chunk by chunk."""

    in_blocks = True
