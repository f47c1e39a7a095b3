"""What every engine owes: inherit `EngineContract` to have it tested."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import pytest

from ptypy.core.ptycho import Ptycho, check
from ptypy.engines import ENGINES, BaseEngine, find_engine
from ptypy.errors import ParameterError
from ptypy.testing._engine_example import (
    SIZE,
    Experiment,
    experiment,
    image_error,
    misfit,
    run_over,
)
from ptypy.testing._scan_example import require
from ptypy.utils.parameters import Param

__all__ = ["EngineContract"]

Waves = npt.NDArray[Any]


class EngineContract:
    """What every engine owes to its users, as tests to inherit.

    A subclass whose name begins with ``Test`` says which engine is meant; all tests below then
    run for it, over 49 frames of 32 x 32 px with the noise of photons, some of whose pixels are
    not to be trusted, beginning with a probe that is a little too wide and too flat. A test that
    cannot hold for an engine is left out by name, ``test_… = None``, with the reason beside it.

    Attributes
    ----------
    engine : type[BaseEngine] or str
        The class, which must be registered, or its name.
    parameters : Mapping
        Parameters that it needs for this, beside ``numiter``.
    numiter : int
        Iterations in which it is to find the object.
    misfit : float
        How far above the misfit of the truth, which noise alone makes, it may end.
    image_error : float
        How far the object may be from the true one, sqrt(sum |O - truth|^2 / sum |truth|^2).
    rounding : float
        How far results may be apart that differ in the order of sums, relative to their norm.

    Examples
    --------
    In a file ``test_my_engine.py``, run by ``pytest``::

        class TestGentle(EngineContract):
            engine = Gentle
            parameters = {"step": 0.5}
    """

    engine: ClassVar[type[BaseEngine] | str]
    parameters: ClassVar[Mapping[str, Any]] = {}
    numiter: ClassVar[int] = 100
    misfit: ClassVar[float] = 1.4
    image_error: ClassVar[float] = 0.1
    rounding: ClassVar[float] = 1e-3

    @pytest.fixture
    def truth(self) -> Experiment:
        """Give the experiment."""
        return experiment()

    def name(self) -> str:
        """Give the name under which the engine is registered."""
        engine = getattr(self, "engine", None)
        require(engine is not None, f"{type(self).__name__} needs `engine = MyEngine`")
        if isinstance(engine, str):
            find_engine(engine)
            return engine
        names = [name for name, known in ENGINES.items() if known is engine]
        require(names, f"{engine} is not registered: decorate it with @ptypy.engines.register()")
        return names[0]

    def make(self, of: Experiment, numiter: int | None = None, **more: Any) -> Ptycho:
        """Make a run; ``more`` are parameters of the engine, or of `run_over`."""
        names = ("frames_per_block", "home", "interval", "resume")
        options = {name: more.pop(name) for name in names if name in more}
        count = self.numiter if numiter is None else numiter
        pars = {**self.parameters, **more, "name": self.name(), "numiter": count}
        return run_over(of, pars, **options)

    # ------------------------------------------------------------ what it finds

    def test_it_finds_the_object_to_near_the_noise(self, truth: Experiment) -> None:
        """The end of a simulation whose answer is known."""
        run = self.make(truth)
        before = misfit(run)
        run.run()
        ratio, error = misfit(run) / truth.floor, image_error(run, truth)
        require(
            ratio <= self.misfit,
            f"model and frames are {ratio:.3g} times as far apart as noise makes them (before the "
            f"first iteration {before / truth.floor:.3g}), and may be {self.misfit:g} times: are "
            "signs, masks and steps right? The model is |fw(probe * object)|^2",
        )
        require(
            error <= self.image_error,
            f"the object is {error:.1%} away from the true one, and may be {self.image_error:.1%}",
        )

    def test_the_error_does_not_rise_at_the_end(self, truth: Experiment) -> None:
        """More iterations must not be worse than fewer: nobody knows when to stop."""
        run, errors = self.make(truth), []

        def note(run: Ptycho) -> None:
            if run.runtime.iter_info[-1].iteration % max(1, self.numiter // 20) == 0:
                errors.append(misfit(run))

        run.on_iteration(note)
        run.run()
        best, last = min(errors), errors[-1]
        require(
            last <= 1.1 * best,
            f"the misfit rose from {best:.4g} to {last:.4g}: shorten the steps as they gain less",
        )

    def test_the_same_run_gives_the_same_result(self, truth: Experiment) -> None:
        """To the last bit: otherwise nobody can tell a change from chance."""
        one, other = (_ran(self.make(truth, 4)) for _ in range(2))
        same = all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))
        require(
            same,
            "two runs of the same parameters differ: seed what is drawn at random from the "
            "engine's label and `curiter`, np.random.default_rng([...])",
        )

    def test_how_frames_are_split_into_blocks_does_not_matter(self, truth: Experiment) -> None:
        """Blocks are how frames happen to arrive."""
        one, other = (_ran(self.make(truth, 4, frames_per_block=n)) for n in (1000, 10))
        apart = _distance(one, other)
        require(
            apart <= self.rounding,
            f"49 frames at once and ten by ten give results {apart:.2g} apart: sum over all of "
            "`ptycho.model.blocks` before anything is divided or drawn",
        )

    # ------------------------------------------------------------ what it must not look at

    def test_untrusted_pixels_are_not_looked_at(self, truth: Experiment) -> None:
        """Hot pixels and gaps hold any numbers."""
        quiet = truth.with_frames(np.where(truth.mask, truth.frames, np.float32(0)), truth.mask)
        apart = _distance(_ran(self.make(truth, 4)), _ran(self.make(quiet, 4)))
        require(
            apart <= self.rounding,
            f"what stands in untrusted pixels moves the result by {apart:.2g}: use `block.mask`",
        )

    def test_a_frame_without_trusted_pixels_moves_nothing(self, truth: Experiment) -> None:
        """A frame that was lost tells nothing."""
        corners, mask = truth.corners.copy(), truth.mask.copy()
        corners[-1] = corners.max(axis=0) + 2 * SIZE
        mask[-1] = False
        lost = Experiment(truth.obj, truth.probe, truth.guess, corners, truth.frames, mask)
        run = self.make(lost, 4)
        (storage,) = run.obj.storages.values()
        y, x = run.model.blocks[0].corners[-1]
        before = storage.data[0].copy()[y : y + SIZE, x : x + SIZE]
        run.run()
        after = storage.data[0][y : y + SIZE, x : x + SIZE]
        moved = float(np.abs(after - before).max())
        require(
            moved <= self.rounding,
            f"a frame whose pixels are all untrusted changed the object by {moved:.3g}",
        )

    @pytest.mark.filterwarnings("ignore::RuntimeWarning")
    def test_what_no_detector_gives_leaves_finite_numbers(self, truth: Experiment) -> None:
        """A frame without a photon, one that screams, one without trust, and counts below zero."""
        frames, mask = truth.frames.copy(), truth.mask.copy()
        frames[5], frames[9] = 0, frames[9] * 1e6
        frames[13, :4] = -1
        mask[17] = False
        run = self.make(truth.with_frames(frames, mask), 6)
        run.probe.S["SknownG00"].data[:, :4] = 0
        run.run()
        for container in (run.probe, run.obj):
            for ID, storage in container.storages.items():
                require(np.isfinite(storage.data).all(), f"{ID} is not finite: guard divisions")

    # ------------------------------------------------------------ how it behaves

    @pytest.mark.parametrize("contiguous", [1, 2])
    def test_it_does_as_many_iterations_as_it_is_told(
        self, truth: Experiment, contiguous: int
    ) -> None:
        """No more, no fewer, and it says so."""
        run = self.make(truth, 3, numiter_contiguous=contiguous)
        run.run()
        told = [entry.iteration for entry in run.runtime.iter_info]
        expected = [1, 2, 3] if contiguous == 1 else [2, 3]
        require(
            told == expected,
            f"numiter=3, numiter_contiguous={contiguous}: iter_info tells iterations {told}, "
            f"expected {expected}: raise `curiter` by one an iteration, or leave it alone",
        )
        for entry in run.runtime.iter_info:
            require(np.shape(entry.error) == (3,), f"the error has shape {np.shape(entry.error)}")

    def test_errors_of_single_frames_have_a_row_a_frame(self, truth: Experiment) -> None:
        """Bad frames are found by them."""
        run = self.make(truth, 2, record_local_error=True, frames_per_block=10)
        run.run()
        rows = run.runtime.get("error_local") or []
        shapes = [np.shape(each) for each in rows]
        expected = (len(truth.frames), 3)
        require(
            shapes == [expected] * 2,
            f"two calls with record_local_error gave arrays {shapes}: `engine_iterate` is to "
            f"return fourier, photons and exit error of every frame, {expected}",
        )

    def test_it_goes_on_from_an_automatic_save(self, truth: Experiment, tmp_path: Path) -> None:
        """A run that was killed must not begin anew, nor lose its way."""
        half = self.numiter // 2
        first = self.make(truth, home=tmp_path, interval=half)
        first.on_iteration(lambda run: run.stop() if _done(run) >= half else None)
        first.run()
        reached = misfit(first)
        second = self.make(truth, home=tmp_path, interval=half, resume=True)
        after: list[float] = []
        second.on_iteration(lambda run: after.append(misfit(run)))
        second.run()
        told = [entry.iteration for entry in second.runtime.iter_info]
        require(told[-1] == self.numiter and _done(second) == self.numiter, f"iterations {told}")
        require(
            after[0] <= 1.5 * reached and after[-1] <= self.misfit * truth.floor,
            f"the misfit was {reached:.4g} when it was saved, {after[0]:.4g} an iteration later, "
            f"{after[-1]:.4g} at the end: give by `engine_state` what must not be lost",
        )

    def test_it_goes_on_where_it_was_stopped(self, truth: Experiment) -> None:
        """To the last bit what it would have been in one go."""
        whole, run = _ran(self.make(truth, 6)), self.make(truth, 6)
        forget = run.on_iteration(lambda run: run.stop())
        run.run()
        forget()
        same = all(np.array_equal(a, b) for a, b in zip(whole, _ran(run), strict=True))
        require(
            same,
            "stopped after its first iteration, it found something else: keep what belongs to "
            "the engine in the engine, and load probe and object in each call",
        )

    def test_a_misspelt_parameter_is_refused_with_a_suggestion(self) -> None:
        """Otherwise a default would count silently in its place."""
        name = self.name()
        declared = set(find_engine(name).DEFAULT)
        for right in sorted(declared - {"name"}):
            wrong = right + right[-1]
            if wrong in declared or len(right) < 4:
                continue
            engine = Param({**self.parameters, "name": name, wrong: None})
            try:
                check(Param(engines=Param(engine00=engine)), needs_scans=False)
            except ParameterError as error:
                text = str(error)
                require(wrong in text and "did you mean" in text, f"no suggestion: {text}")
            else:
                raise AssertionError(
                    f"the parameter `{wrong}` was accepted: declare all parameters, and no "
                    "wildcard, in the `Defaults:` of the docstring"
                )


def _ran(run: Ptycho) -> list[Waves]:
    """Run to the end, and give probes and objects."""
    run.run()
    return [
        storage.data.copy()
        for container in (run.probe, run.obj)
        for storage in container.storages.values()
    ]


def _distance(one: list[Waves], other: list[Waves]) -> float:
    """Give the largest distance of two arrays, relative to the norm of the second."""
    return max(
        float(np.linalg.norm(a - b) / np.linalg.norm(b)) for a, b in zip(one, other, strict=True)
    )


def _done(run: Ptycho) -> int:
    """Count the iterations of all engines."""
    history = run.runtime.iter_info
    return int(history[-1].iterations) if history else 0
