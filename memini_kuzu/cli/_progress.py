"""What long work shows: a bar on a terminal, a plain line for every batch elsewhere."""

from types import TracebackType
from typing import Self

from memini_kuzu.cli._print import console, note

__all__ = ["CountProgress", "IngestProgress"]

PASSAGES_A_LINE = 1_000
"""Where there is no terminal: passages of a batch after which a line says that the work goes on."""


class CountProgress:
    """Told how many of something are done, it shows them on standard error.

    The bar has no end: inputs are streamed, so nobody knows how many are still to come.

    Parameters
    ----------
    unit : str
        What is counted.

    Attributes
    ----------
    done : int
        How many are done.
    """

    def __init__(self, unit: str) -> None:
        from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

        self.done = 0
        self._unit = unit
        screen = console(stderr=True)
        columns = (BarColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
        self._bar = Progress(*columns, console=screen, transient=True) if screen.file.isatty() else None

    def __enter__(self) -> Self:
        if self._bar is not None:
            self._bar.start()
            self._bar.add_task(f"0 {self._unit}", total=None)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()

    def __call__(self, done: int) -> None:
        """Show that so many are done, where that is news."""
        if done != self.done:
            self.done = done
            self._show(f"{done:,} {self._unit}")

    def _show(self, text: str) -> None:
        if self._bar is None:
            note(text)
        else:
            self._bar.update(self._bar.task_ids[0], description=text)


class IngestProgress(CountProgress):
    """Told how many documents are done, and how many passages have been read.

    A batch is done when it is written, and a long document is many passages: on a terminal every passage
    shows, elsewhere a line every thousand of them.
    """

    def __init__(self) -> None:
        super().__init__("documents")
        self._passages = 0

    def __call__(self, done: int, passages: int = 0) -> None:
        """Show both numbers on a terminal; elsewhere what is news."""
        if self._bar is not None:
            self.done = done
            self._show(f"{done:,} documents, {passages:,} passages read")
            return
        super().__call__(done)
        if passages >= self._passages + PASSAGES_A_LINE:
            self._passages = passages
            self._show(f"{passages:,} passages read")
