"""What a long ingestion shows: a bar on a terminal, a plain line for every batch elsewhere."""

from types import TracebackType
from typing import Self

from memini_kuzu.cli._print import console, note

__all__ = ["DocumentProgress"]


class DocumentProgress:
    """Told how many documents are done, it shows them on standard error.

    The bar has no end: inputs are streamed, so nobody knows how many documents are still to come.

    Parameters
    ----------
    unit : str
        What is counted.

    Attributes
    ----------
    documents : int
        How many are done.
    """

    def __init__(self, unit: str = "documents") -> None:
        from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

        self.documents = 0
        self._unit = unit
        screen = console(stderr=True)
        columns = (BarColumn(), TextColumn(f"{{task.completed:,.0f}} {unit}"), TimeElapsedColumn())
        self._bar = Progress(*columns, console=screen, transient=True) if screen.file.isatty() else None

    def __enter__(self) -> Self:
        if self._bar is not None:
            self._bar.start()
            self._bar.add_task("", total=None)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()

    def __call__(self, documents: int) -> None:
        """Show that so many are done, where that is news."""
        if documents == self.documents:
            return
        self.documents = documents
        if self._bar is None:
            note(f"{documents:,} {self._unit}")
        else:
            self._bar.update(self._bar.task_ids[0], completed=documents)
