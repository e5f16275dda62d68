"""What an extractor finds, checked before it is stored."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from memini_kuzu.errors import InputError
from memini_kuzu.plugins import at_work

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from memini_kuzu.extraction.mentions import Extractor, Mention

__all__ = ["mentions_of"]


def mentions_of(extractor: Extractor, texts: Iterable[str], *, processes: int = 1) -> Iterator[list[Mention]]:
    """What an extractor finds in texts, checked: its mentions are stored with the passages they stand in.

    Parameters
    ----------
    extractor : Extractor
        Whose.
    texts : iterable of str
        Passages; read as the extractor takes them, so that only those that it works at are held.
    processes : int
        How many processes may share the work, ≥ 1.

    Yields
    ------
    list of Mention
        One list a text.

    Raises
    ------
    InputError
        If the extractor gives more or fewer lists than texts, a mention without a key or outside its text,
        or uses a memory meanwhile.

    Examples
    --------
    >>> from memini_kuzu.extraction import RuleExtractor
    >>> [[mention.name for mention in found] for found in mentions_of(RuleExtractor(), ["I met Ada.", "Hm."])]
    [['Ada'], []]
    """
    name = f"the extractor {extractor.identity!r}"
    taken: deque[str] = deque()  # by the extractor, and not answered yet
    waiting = iter(texts)
    with at_work(name):
        found = iter(extractor.extract(_taking(waiting, taken), processes=processes))
    given = 0
    while True:
        with at_work(name):  # not while the caller has the mentions
            mentions = next(found, None)
        if mentions is None:
            break
        if not taken:
            raise InputError(
                f"{name} gave more lists of mentions than the {given} texts it took; it must give one a text"
            )
        _check(mentions, taken.popleft(), name)
        given += 1
        yield mentions
    missing = len(taken) + sum(1 for _ in waiting)
    if missing:
        raise InputError(
            f"{name} gave {given} lists of mentions for {given + missing} texts; it must give one a text"
        )


def _taking(texts: Iterator[str], taken: deque[str]) -> Iterator[str]:
    """The texts, each noted as it is taken."""
    for text in texts:
        taken.append(text)
        yield text


def _check(mentions: list[Mention], text: str, name: str) -> None:
    """Raise InputError for a mention that cannot stand in its text."""
    for mention in mentions:
        if not mention.key or not 0 <= mention.start < len(text) or mention.sentence < 0:
            raise InputError(f"{name} gave {mention}, which cannot stand in the text {text[:60]!r}")
