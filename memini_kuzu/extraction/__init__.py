"""Text to mentions: which entities a text names, in which sentence and in which order.

Two extractors keep one promise (`Extractor`): `SpacyExtractor`, and `RuleExtractor` where no model is
installed. Neither keeps state between texts, so any split of them over processes gives the same mentions.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from memini_kuzu.errors import InputError
from memini_kuzu.extraction.canonical import canonical, tidy
from memini_kuzu.extraction.estimate import CostlyExtractor, Estimate
from memini_kuzu.extraction.mentions import CONCEPT, PERSON, Extractor, Mention
from memini_kuzu.extraction.rules import NAME, RuleExtractor
from memini_kuzu.extraction.spacy_extractor import SpacyExtractor

if TYPE_CHECKING:
    from collections.abc import Callable

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
