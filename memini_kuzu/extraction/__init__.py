"""Text to mentions: which entities a text names, in which sentence and in which order.

Two extractors keep one promise (`Extractor`): `SpacyExtractor`, and `RuleExtractor` where no model is
installed. Neither keeps state between texts, so any split of them over processes gives the same mentions.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from memini_kuzu.errors import InputError
from memini_kuzu.extraction.canonical import canonical, tidy
from memini_kuzu.extraction.estimate import CostlyExtractor, Estimate
from memini_kuzu.extraction.mentions import CONCEPT, NAME, PERSON, Extractor, Mention
from memini_kuzu.extraction.rules import RuleExtractor
from memini_kuzu.extraction.spacy_extractor import SpacyExtractor
from memini_kuzu.plugins import at_work

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

__all__ = [
    "CONCEPT",
    "HINT",
    "NAME",
    "PERSON",
    "CostlyExtractor",
    "Estimate",
    "Extractor",
    "Mention",
    "RuleExtractor",
    "SpacyExtractor",
    "canonical",
    "default_extractor",
    "mentions_of",
    "tidy",
]

HINT = (
    "no English spaCy model is installed, so names and concepts are found by simple rules; "
    'pip install "memini-kuzu[en]" finds more, and better'
)


def default_extractor(hint: Callable[[str], None] | None = None) -> Extractor:
    """The spaCy extractor where a model is installed, otherwise the rules.

    Parameters
    ----------
    hint : callable, optional
        Takes one line of advice for the user, where the rules have to do.

    Returns
    -------
    Extractor
        Quick to make: the model is loaded with the first text.

    Examples
    --------
    >>> default_extractor().identity.split("/")[0] in {"spacy", "rules"}
    True
    """
    try:
        return SpacyExtractor()
    except InputError:
        if hint is not None:
            hint(HINT)
        return RuleExtractor()


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
