"""The stages of a chunk: ask how many frames there are, load, correct, place, prepare."""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from ptypy.core.data import _distribute as distribute
from ptypy.core.data._ahead import NextFrames, Passed, lie_in_place
from ptypy.core.data._bad_pixels import suggest_search
from ptypy.core.data._center import warn_of_center
from ptypy.core.data._chunk import Chunk
from ptypy.core.data._found import Found
from ptypy.core.data._geometry import Geometry
from ptypy.core.data._hooks import ScanHooks
from ptypy.core.data._load import Loaded, correct, load, position_array, take
from ptypy.core.data._noise import add_noise
from ptypy.core.data._pipeline import Pipeline, Prepared, common_shape, tell_of_padding
from ptypy.core.data._plausible import implausible_positions
from ptypy.core.data._progress import ScanProgress
from ptypy.core.data._settings import Settings, read_settings
from ptypy.core.data._trust import Strange, distrust, level, warn_of_little_trust
from ptypy.errors import DataError
from ptypy.utils import parallel
from ptypy.utils.parameters import Param
from ptypy.utils.verbose import logger

__all__ = ["Stages"]

_NO_POSITIONS = (
    "there are no positions: return them from `load_positions` (N, 2), or frame by frame from "
    "`load`, or set `positions_theory`"
)


class Stages(ScanHooks):
    """What `PtyScan` does with the hooks, stage by stage."""

    DEFAULT: ClassVar[Param]
    _descriptor: ClassVar[weakref.ref[Any]]
    meta: Param
    common: Param
    indices: Param
    chunknum: int
    positions: npt.NDArray[np.float64] | None
    weight2d: npt.NDArray[Any] | None
    load_in_parallel: bool
    orientation: Any
    rebin: Any
    _flags: npt.NDArray[np.int_]
    _geometry: Geometry
    _theory: npt.NDArray[np.float64] | None
    _pipeline: Pipeline | None
    _may_move: bool
    _adds_noise: bool
    _decided: Found | None
    _strange: Strange
    _progress: ScanProgress
    _next: NextFrames
    _lay_in_place: bool = False
    """Whether the latest frames were prepared from where they lie in their file."""
    _frame_size: int | None = None
    """Of a raw frame, as it was loaded [bytes]; None if this process has had none."""
    _held_to: int | None = None
    """Number of positions, where only that says how many frames are used."""
    _gave_up: bool = False
    """Whether the scan ended because no frame came for too long."""

    @property
    def frames_accessible(self) -> int:
        """How many frames the last call of `check` promised."""
        return int(self._flags[0])

    @frames_accessible.setter
    def frames_accessible(self, value: int) -> None:
        self._flags[0] = value

    @property
    def end_of_scan(self) -> bool:
        """Whether all frames were delivered. Set it to end the scan early."""
        return bool(self._flags[1])

    @end_of_scan.setter
    def end_of_scan(self, value: bool) -> None:
        self._flags[1] = int(value)

    @property
    def abort(self) -> bool:
        """Whether something went wrong for good."""
        return bool(self._flags[2])

    @abort.setter
    def abort(self, value: bool) -> None:
        self._flags[2] = int(value)

    @property
    def region_in_raw(self) -> tuple[int, int, int, int] | None:
        """Part of a raw frame that is used: (top, left, rows, columns) [px]; may reach beyond it.

        None until the first frames were prepared. The optical axis is its middle,
        ``top + rows // 2`` and ``left + columns // 2``.
        """
        if self._pipeline is None:
            return None
        plan = self._pipeline.plan
        return plan.top, plan.left, *plan.region

    def _call_hooks(self) -> dict[str, Any]:
        """Call the hooks that read what all frames share, and see that it has the right form."""
        positions, weight = self.load_positions(), self.load_weight()
        common = self.load_common()
        faults = []
        if positions is not None:
            try:
                positions = position_array(positions, "load_positions()")
            except DataError as error:
                faults.append(str(error))
        weight = None if weight is None or not np.size(weight) else np.asarray(weight)
        if weight is not None and weight.ndim != 2:
            faults.append(
                f"load_weight() gave shape {weight.shape}: the mask all frames share must be "
                "(rows, columns), as large as a raw frame; give one for each frame in load()"
            )
        loads = self._overrides("load") or self.load_block is not None
        if positions is None and self._theory is None and not loads:
            faults.append(_NO_POSITIONS)
        if faults:
            raise DataError("; ".join(faults))
        return {
            "positions": positions,
            "weight2d": weight,
            "common": dict(common or {}),
            "geometry": self._geometry.found(),
        }

    def _overrides(self, hook: str) -> bool:
        """Say whether this scan has a hook of its own."""
        return hook in vars(self) or getattr(type(self), hook) is not getattr(ScanHooks, hook)

    def _limit_frames(self, available: int) -> None:
        """Use no more frames than have positions; say so loudly where nobody asked for fewer."""
        known = self.num_frames
        if known is None:
            self.num_frames = self._held_to = available
        elif known > available:
            self.num_frames = available
            logger.error(
                "`num_frames` is %d, but there are only %d positions: frames beyond are left out",
                known,
                available,
            )
        elif known < available and self.info.num_frames is None:
            logger.error(
                "there are %d positions, but `num_frames` is %d: is each position that of its "
                "frame? The last positions are left out",
                available,
                known,
            )
        elif known < available:
            logger.info("%d of %d scan points are used", known, available)

    def _ask(self, wanted: int, begin: int) -> tuple[int, bool]:
        """Ask `check`, on the master, how many frames there are and whether they are the last."""

        def ask() -> dict[str, Any]:
            count, ends = self.check(wanted, start=begin)
            if ends is None and self.num_frames is None:
                raise DataError(
                    "check() left it open whether the scan ends, and `num_frames` is not known: "
                    "give `num_frames`, or let check() return True or False"
                )
            return {"count": int(count), "ends": None if ends is None else bool(ends)}

        answer = distribute.on_master(ask, everywhere=False)
        count, ends = answer["count"], answer["ends"]
        if self.num_frames is not None:
            if begin + count > self.num_frames:
                self._warn_of_lost_frames(begin + count, ends is not None or count < wanted)
                count, ends = self.num_frames - begin, True
            if ends is None:
                ends = begin + count >= self.num_frames
        self.frames_accessible = max(count, 0)
        return max(count, 0), bool(ends)

    def _warn_of_lost_frames(self, promised: int, is_known: bool) -> None:
        """Say loudly that `check` knows of frames beyond the last position, if it does."""
        if is_known and self._held_to is not None and self._held_to == self.num_frames:
            logger.error(
                "check() promises %d frames or more, but there are only %d positions: frames "
                "beyond are left out; `num_frames=%d` says that this is meant",
                promised,
                self._held_to,
                self._held_to,
            )

    def _warn_of_few_frames(self, delivered: int) -> None:
        """Say loudly that a scan ended before the number of frames was there that was known."""
        known = self.num_frames
        if known is None or self._gave_up or not 0 < delivered < known:
            return
        if known == self._held_to:
            logger.error(
                "the scan ended after %d frames, but there are %d positions: is each position "
                "that of its frame? The last positions are left out",
                delivered,
                known,
            )
        elif known == self.info.num_frames:
            logger.error("the scan ended after %d frames, but `num_frames` is %d", delivered, known)

    def _warn_of_positions(self, positions: npt.NDArray[np.float64], *, is_table: bool) -> None:
        """Say loudly, once, that real frames got the positions of the base class, or odd ones."""
        invented = is_table and self._theory is None and not self._overrides("load_positions")
        fault = None if invented else implausible_positions(positions)
        if fault is not None and self._pipeline is None:
            logger.error("%s", fault)
        real = self._overrides("load") or self._overrides("load_block")
        if invented and real and self.chunknum == 0:
            logger.error(
                "NOBODY GAVE POSITIONS: frame k is put at (k, k + 1) m, a placeholder. Return "
                "positions from `load_positions` (N, 2) [m], or frame by frame from `load`."
            )

    def _prepare(self, slots: list[int], dealt: list[list[int]]) -> Chunk:
        """Load and prepare frames; nothing of the scan changes unless all of it succeeds."""
        mine = [slots[place] for place in dealt[parallel.rank]]
        self.indices = Param(chunk=slots, node=mine, lm=dealt)
        passed = self._next.take(mine, self._pipeline)
        loaded = self._load_own(slots, mine, dealt, passed)
        raw = common_shape(loaded, None if self._pipeline is None else self._pipeline.plan.raw)
        pipeline = self._decide(raw, loaded) if self._pipeline is None else self._pipeline
        labels = self._label_frames(slots)
        positions = self._find_positions(loaded, slots, labels)
        own = [labels[place] for place in dealt[parallel.rank]]
        prepared, strange = level(
            *distribute.agree(lambda: self._run(pipeline, loaded, own, passed))
        )
        if self._pipeline is None:
            self._geometry.apply(pipeline.plan)
            self._pipeline = pipeline
            self._has_begun = True
            self.info.update(pipeline.found.entries())
            warn_of_little_trust(prepared, pipeline.plan)
            warn_of_center(prepared.sums, pipeline.plan)
            if not self._read_settings().must_look:
                suggest_search(prepared, pipeline.plan)
        self._tell_of(strange)
        self._lay_in_place = lie_in_place(loaded)
        return Chunk(
            indices=np.array(labels, dtype=np.int64),
            indices_node=np.array(own, dtype=np.int64),
            positions=positions,
            data=prepared.data,
            mask=prepared.mask,
            weights=prepared.weights,
            is_private=prepared.data is not loaded.frames,
            meta=self.meta,
            number=self.chunknum,
            photons=None if prepared.sums is None else prepared.sums.photons,
            centers=None if prepared.sums is None else prepared.sums.centers,
        )

    def _run(
        self, pipeline: Pipeline, loaded: Loaded, labels: Sequence[int], passed: Passed | None
    ) -> tuple[Prepared, Strange]:
        """Prepare the frames of this process, and see that what is trusted can be counted."""
        swept = None if passed is None else (passed.data, passed.sums)
        raw = pipeline.run(loaded, self._progress.tell, swept)
        prepared, strange = distrust(
            raw, labels, pipeline.plan, is_private=raw.data is not loaded.frames
        )
        if not self._adds_noise:
            return prepared, strange
        if strange.frames:
            raise DataError(
                f"frame {strange.first} holds trusted pixels that are no finite number: photon "
                "noise (`add_poisson_noise`) cannot be added; correct or mask them in the loader"
            )
        noisy = add_noise(prepared.data, prepared.mask, labels)
        return replace(prepared, data=noisy, sums=None), strange

    def _tell_of(self, strange: Strange) -> None:
        """Say loudly, once, that pixels were found that hold no finite number."""
        before = self._strange
        self._strange = Strange(
            before.pixels + strange.pixels,
            before.frames + strange.frames,
            strange.first if before.first < 0 else before.first,
        )
        if strange.frames and not before.frames:
            logger.error(
                "%d pixel(s) in %d frame(s), the first is %d, are not finite numbers though the "
                "mask trusts them: such pixels are not trusted from here on. Mask them in "
                "`load_weight` or `load` if they are to be expected.",
                strange.pixels,
                strange.frames,
                strange.first,
            )

    def _load_own(
        self,
        slots: list[int],
        mine: list[int],
        dealt: list[list[int]],
        passed: Passed | None = None,
    ) -> Loaded:
        """Load what this process will hold, if it was not before, and let `correct` have it."""
        if self.load_in_parallel or parallel.size == 1:
            # Of frames that were prepared ahead each process knows by itself alone.
            loaded = distribute.agree(lambda: load(self, mine) if passed is None else passed.loaded)
        else:
            whole = distribute.agree(lambda: load(self, slots) if parallel.master else None)
            loaded = distribute.scatter(whole, dealt, take)
        self._frame_size = loaded.frame_size or self._frame_size
        return distribute.agree(lambda: correct(self, loaded, mine, self.common))

    def _decide(self, raw: tuple[int, int], loaded: Loaded) -> Pipeline:
        """Decide what is done to all frames, now that the first are there."""
        self._geometry.settle()
        self._share_correction()
        # The default mask is ones of the region; a subclass may have changed `shape` since.
        default = not self._overrides("load_weight")
        pipeline = Pipeline.decide(
            self._read_settings(),
            raw,
            loaded,
            (self.indices.chunk, self.indices.node),
            weights=None if default else self.weight2d,
            dark=self._dark,
            flat=self._flat,
            move=self._may_move,
            found=self._decided,
        )
        is_default = self.info.shape is not None and np.array_equal(
            self.info.shape, self.DEFAULT.shape
        )
        tell_of_padding(pipeline.plan, raw, self.info.shape, is_default=is_default)
        return pipeline

    def _share_correction(self) -> None:
        """Take over dark and flat where only the master ran the hook that gave them."""
        given = distribute.on_master(
            lambda: {"dark": self._dark, "flat": self._flat}, everywhere=False
        )
        self._dark = self._dark if given["dark"] is None else given["dark"]
        self._flat = self._flat if given["flat"] is None else given["flat"]

    @classmethod
    def _node(cls) -> Any:
        """Give the declarations of this class's parameters."""
        return cls._descriptor()

    def _read_settings(self) -> Settings:
        """Read how frames are to be prepared, as the parameters are now."""
        return read_settings(
            self.info, self._node(), orientation=self.orientation, rebin=self.rebin
        )

    def _label_frames(self, slots: Sequence[int]) -> list[int]:
        """Name the scan points that frames belong to; they are counted as they are loaded."""
        return list(slots)

    def _find_positions(
        self, loaded: Loaded, slots: list[int], labels: list[int]
    ) -> npt.NDArray[np.float64]:
        """Find the positions of a chunk's frames, on all processes."""
        given = distribute.combine(loaded.positions)
        table = self.positions if self._theory is None else self._theory
        if table is None and self.info.get("positions_scan") is not None:
            # Some classes for PtyPy 0.9 put them there themselves.
            table = position_array(self.info.positions_scan, "info.positions_scan")
        source = "load_positions()" if self._theory is None else "positions_theory"
        if self._theory is None and given:
            missing = [slot for slot in slots if slot not in given]
            if missing:
                raise DataError(f"load() gave no position for index {missing[0]}, but for others")
            positions = position_array([given[slot] for slot in slots], "load()")
            self._warn_of_positions(positions, is_table=False)
        elif table is None:
            raise DataError(_NO_POSITIONS)
        elif max(labels) >= len(table):
            raise DataError(
                f"frame {max(labels)} has no position: {source} gave {len(table)} for frames 0 to "
                f"{len(table) - 1}"
            )
        else:
            positions = table[labels]
            self._warn_of_positions(table, is_table=True)
        strange = np.flatnonzero(~np.isfinite(positions).all(axis=1))
        if strange.size:
            raise DataError(f"the position of frame {labels[strange[0]]} is not a finite number")
        return positions
