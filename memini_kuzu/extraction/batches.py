"""Texts that are read together: as many as bounded memory takes, and no more than several readers share."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

__all__ = ["BATCH", "batches"]

BATCH = 64
"""Texts a batch, at most. Larger ones measured no faster, and would leave some of several processes idle at
the end; smaller ones are slower where texts are short."""

BATCH_CHARACTERS = 32_000
"""Characters after which a batch ends all the same: spaCy holds some 10 kB a word of a batch that it parses.
Larger ones measured no faster."""

Beside = TypeVar("Beside")


def batches(texts: Iterable[tuple[str, Beside]]) -> Iterator[list[tuple[str, Beside]]]:
    """Texts, each with what is needed beside it, a batch at a time.

    Examples
    --------
    >>> [len(batch) for batch in batches((text, None) for text in ["short"] * 65)]
    [64, 1]
    """
    batch: list[tuple[str, Beside]] = []
    characters = 0
    for each in texts:
        batch.append(each)
        characters += len(each[0])
        if len(batch) == BATCH or characters >= BATCH_CHARACTERS:
            yield batch
            batch, characters = [], 0
    if batch:
        yield batch
