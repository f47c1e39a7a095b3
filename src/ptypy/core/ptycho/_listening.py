"""Who is called between two iterations, and who may ask a run to stop there."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ptypy.core.ptycho._ptycho import Ptycho

__all__ = ["Listeners"]


class Listeners:
    """Functions that are called after each call of an engine, and the wish to stop."""

    def __init__(self) -> None:
        self._functions: dict[int, Callable[[Ptycho], Any]] = {}
        self._count = 0
        self.stop = threading.Event()
        """Set by whoever wants the run to stop after the iteration under way; any thread."""

    def add(self, function: Callable[[Ptycho], Any]) -> Callable[[], None]:
        """Have a function called; what is returned takes it off the list, once or more often."""
        if not callable(function):
            raise TypeError(f"on_iteration needs a function of the run, not {function!r}")
        number = self._count
        self._count += 1
        self._functions[number] = function

        def remove() -> None:
            self._functions.pop(number, None)

        return remove

    def tell(self, run: Ptycho) -> None:
        """Call all functions, in the order in which they came; one may remove another."""
        for number in list(self._functions):
            function = self._functions.get(number)
            if function is not None:
                function(run)
