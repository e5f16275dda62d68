"""Texts read by several processes, each with an extractor of its own.

The processes are started afresh (spawned): a fork copies the locks that other threads of the program hold,
such as those of an event loop, of the engine or of a numerical library, and may wait for them for ever.
"""

from __future__ import annotations

from collections import deque
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from typing import TYPE_CHECKING, TypeAlias

from memini_kuzu.errors import InputError
from memini_kuzu.extraction.batches import batches
from memini_kuzu.extraction.mentions import Text, language_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from memini_kuzu.extraction import Extractor
    from memini_kuzu.extraction.mentions import Mention

    Maker: TypeAlias = Callable[[], Extractor]

__all__ = ["Processes"]

AHEAD = 2
"""Batches in hand for each process: one that it reads, and one that waits for it."""

_own: list[Extractor] = []
"""The extractor of this process, where it is one that reads for another."""


class Processes:
    """Processes that read texts; they stay for further ones until this is collected.

    Parameters
    ----------
    maker : callable
        Makes an extractor; called once in each process, to which it is pickled.
    number : int
        How many, ≥ 1.
    """

    def __init__(self, maker: Maker, number: int) -> None:
        self.number = number
        self._pool = ProcessPoolExecutor(number, get_context("spawn"), initializer=_begin, initargs=(maker,))

    def read(self, texts: Iterable[str]) -> Iterator[list[Mention]]:
        """One list of mentions a text, in the order of the texts.

        Parameters
        ----------
        texts : iterable of str
            Passages; read a few batches ahead of what is answered.

        Yields
        ------
        list of Mention
            As the extractor finds them.

        Raises
        ------
        InputError
            As the extractor raises it; if a process ends before its texts are read.
        """
        waiting: deque[Future[list[list[Mention]]]] = deque()
        try:
            for batch in batches((str(text), language_of(text)) for text in texts):
                waiting.append(self._pool.submit(_read, batch))
                if len(waiting) == AHEAD * self.number:
                    yield from waiting.popleft().result()
            while waiting:
                yield from waiting.popleft().result()
        except BrokenProcessPool as error:
            raise InputError(
                f"one of the {self.number} processes ended before its texts were read: for want of memory, "
                "or because the script that started them does not keep its own work behind "
                "if __name__ == '__main__'; use fewer processes"
            ) from error
        finally:
            for future in waiting:
                future.cancel()


def _begin(maker: Maker) -> None:
    _own.append(maker())


def _read(batch: list[tuple[str, str]]) -> list[list[Mention]]:
    return list(_own[0].extract(Text(text, language) for text, language in batch))
