"""Text to mentions: which entities a text names, in which sentence and in which order.

Two extractors keep one promise (`Extractor`): `SpacyExtractor`, and `RuleExtractor` where no model is
installed. Neither keeps state between texts, so any split of them over processes gives the same mentions.
"""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from memini_kuzu.errors import InputError
from memini_kuzu.extraction.canonical import canonical, tidy
from memini_kuzu.extraction.estimate import CostlyExtractor, Estimate
from memini_kuzu.extraction.mentions import CONCEPT, NAME, PERSON, Extractor, Mention
from memini_kuzu.extraction.rules import RuleExtractor
from memini_kuzu.extraction.spacy_extractor import SpacyExtractor
from memini_kuzu.plugins import at_work

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

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


def mentions_of(extractor: Extractor, texts: Sequence[str], *, processes: int = 1) -> list[list[Mention]]:
    """What an extractor finds in texts, checked: its mentions are stored with the passages they stand in.

    Parameters
    ----------
    extractor : Extractor
        Whose.
    texts : sequence of str
        Passages.
    processes : int
        How many processes may share the work, ≥ 1.

    Returns
    -------
    list of list of Mention
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
    with at_work(name):
        found = list(islice(extractor.extract(texts, processes=processes), len(texts) + 1))
    if len(found) != len(texts):
        given = f"{len(found)} lists" if len(found) < len(texts) else "more lists"
        raise InputError(f"{name} gave {given} of mentions for {len(texts)} texts; it must give one a text")
    for text, mentions in zip(texts, found, strict=True):
        for mention in mentions:
            if not mention.key or not 0 <= mention.start < len(text) or mention.sentence < 0:
                raise InputError(f"{name} gave {mention}, which cannot stand in the text {text[:60]!r}")
    return found
