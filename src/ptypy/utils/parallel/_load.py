"""Which process takes which frames: arithmetic, no communication."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from itertools import repeat

__all__ = ["LoadManager"]


class LoadManager:
    """Deals work out so that every process ends up with as much as any other.

    Every process keeps the same books, so nothing needs to be sent. What earlier calls gave
    away counts: a process that has less receives more. What cannot be split evenly goes to
    the highest ranks, because rank 0 has other things to do.

    Parameters
    ----------
    size : int, optional
        Number of processes; that of this job if not given.

    Attributes
    ----------
    load : list of int
        How much each rank has been given so far.
    rank_of : dict
        The rank that an id was given to.
    """

    def __init__(self, size: int | None = None) -> None:
        if size is None:
            from ptypy.utils.parallel._world import world

            size = world().size
        self.size = size
        self.reset()

    def reset(self) -> None:
        """Forget everything that was dealt out."""
        self.load: list[int] = [0] * self.size
        self.rank_of: dict[Hashable, int] = {}

    def assign(self, idlist: Sequence[Hashable] | None = None) -> list[list[int]]:
        """Deal out the members of ``idlist`` in contiguous runs.

        Parameters
        ----------
        idlist : sequence, optional
            One id for each piece of work. None stands for one piece without an id: it goes
            to the least busy process.

        Returns
        -------
        list of list of int
            For each rank, the *positions in* ``idlist`` of what it is given.
        """
        assigned = [
            list(positions) for positions in self.deal(1 if idlist is None else len(idlist))
        ]
        if idlist is not None:
            for rank, positions in enumerate(assigned):
                self.rank_of.update(zip((idlist[place] for place in positions), repeat(rank)))
        return assigned

    def deal(self, amount: int) -> list[range]:
        """Deal out pieces of work that need no id, in contiguous runs.

        Parameters
        ----------
        amount : int
            How many pieces.

        Returns
        -------
        list of range
            For each rank, the numbers of what it is given; the pieces are counted from 0.
        """
        dealt, start = [], 0
        for rank, share in enumerate(self._shares(amount)):
            self.load[rank] += share
            dealt.append(range(start, start + share))
            start += share
        return dealt

    def _shares(self, amount: int) -> list[int]:
        """Say how much each rank gets, filling the emptiest first like water in a bowl."""
        active = list(range(self.size))
        while True:
            level, extra = divmod(amount + sum(self.load[rank] for rank in active), len(active))
            first_extra = len(active) - extra
            target = {rank: level + (k >= first_extra) for k, rank in enumerate(active)}
            fitting = [rank for rank in active if self.load[rank] <= target[rank]]
            if len(fitting) == len(active):
                return [target.get(rank, load) - load for rank, load in enumerate(self.load)]
            active = fitting
