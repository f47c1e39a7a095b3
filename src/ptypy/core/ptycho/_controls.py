"""What a script steers a run by: stop, look in between, go back."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

from ptypy.core.ptycho._standing import copy_state, restore_state

if TYPE_CHECKING:
    from ptypy.core.ptycho._listening import Listeners
    from ptypy.core.ptycho._ptycho import Ptycho

__all__ = ["Controls"]


class Controls:
    """The part of `Ptycho` that steers a run."""

    listeners: Listeners

    @property
    def _run(self) -> Ptycho:
        return cast("Ptycho", self)

    def stop(self) -> None:
        """Ask the run to stop after the iteration under way; `run` then returns.

        For callbacks and for other threads; one process is enough. The engine keeps what it
        knows, nothing is saved, and engines that would follow are not begun: `run` goes on
        from there. Without effect if nothing runs.
        """
        self.listeners.stop.set()

    def on_iteration(self, function: Callable[[Ptycho], Any]) -> Callable[[], None]:
        """Have a function called between iterations, on every process.

        It is called after each call of an engine (``numiter_contiguous`` iterations), when
        probe, object and ``runtime.iter_info`` are those of that iteration and an automatic
        save that was due is there. It may look at everything, change probe and object, and
        call `stop`; what it returns does not matter. Its errors end the run, with their
        traceback; no result is saved then.

        Parameters
        ----------
        function : callable
            Gets the run.

        Returns
        -------
        callable
            Takes the function off the list again.

        Examples
        --------
        ::

            def enough(P):
                if P.runtime.iter_info[-1].residual < 0.02:
                    P.stop()

            forget = P.on_iteration(enough)
            P.run()
        """
        return self.listeners.add(function)

    def copy_state(self, name: str = "baseline", overwrite: bool = False) -> None:
        """Remember probes, objects, positions, history and where the engines are, under a name.

        Raises
        ------
        ParameterError
            If the name is taken and `overwrite` is False.
        """
        copy_state(self._run, name, overwrite)

    def restore_state(self, name: str = "baseline", reformat_exit: bool = True) -> None:
        """Go back to what `copy_state` remembered.

        Engines count on from where they were then, and those that were made later begin at
        zero; exit waves and directions of other probes and objects are not used.

        Parameters
        ----------
        name : str
        reformat_exit : bool
            Without effect: exit waves belong to the engines, which make them anew.

        Raises
        ------
        ParameterError
            If there is no such state.
        """
        del reformat_exit
        restore_state(self._run, name)
