"""The papers that a run owes its results to."""

from __future__ import annotations

__all__ = ["Citations"]


class Citations(list[str]):
    """Papers to cite, one line each, in the order in which they were named."""

    def add(self, paper: str) -> None:
        """Name a paper, unless it was named before."""
        if paper and paper not in self:
            self.append(paper)

    def add_article(
        self,
        *,
        title: str = "",
        author: str = "",
        journal: str = "",
        volume: object = "",
        year: object = "",
        page: object = "",
        comment: str = "",
        **more: object,
    ) -> None:
        """Name a paper by its parts, as engines written for PtyPy 0.9 do.

        Parameters
        ----------
        title, author, journal, volume, year, page
            Parts of the reference.
        comment : str
            What it describes.
        **more
            Further parts, such as ``doi``; only that is used.
        """
        source = " ".join(str(part) for part in (journal, volume) if part)
        line = ", ".join(part for part in (author, source) if part) or title
        line += f" ({year})" if year else ""
        line += f" {page}" if page else ""
        line += f", doi:{more['doi']}" if more.get("doi") else ""
        self.add(line + (f" ({comment})" if comment else ""))
