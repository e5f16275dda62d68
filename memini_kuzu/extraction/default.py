"""The extractor of a memory that is given none."""

from __future__ import annotations

from typing import TYPE_CHECKING

from memini_kuzu import extraction
from memini_kuzu.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable

    from memini_kuzu.extraction.mentions import Extractor

__all__ = ["HINT", "default_extractor"]

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
        return extraction.SpacyExtractor()
    except InputError:
        if hint is not None:
            hint(HINT)
        return extraction.RuleExtractor()
