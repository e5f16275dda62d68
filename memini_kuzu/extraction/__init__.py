"""Text to mentions: which entities a text names, in which sentence and in which order.

Two extractors keep one promise (`Extractor`): `SpacyExtractor`, and `RuleExtractor` where no model is
installed. Neither keeps state between texts, so any split of them over processes gives the same mentions.
"""

from typing import TYPE_CHECKING

from memini_kuzu.extraction.canonical import canonical, tidy
from memini_kuzu.lazy import names_of

if TYPE_CHECKING:
    from memini_kuzu.extraction.checked import mentions_of
    from memini_kuzu.extraction.default import HINT, default_extractor
    from memini_kuzu.extraction.estimate import CostlyExtractor, Estimate
    from memini_kuzu.extraction.mentions import CONCEPT, NAME, PERSON, Extractor, Mention
    from memini_kuzu.extraction.rules import RuleExtractor
    from memini_kuzu.extraction.spacy_extractor import SpacyExtractor

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

__getattr__ = names_of(
    __name__,
    {
        "memini_kuzu.extraction.checked": ("mentions_of",),
        "memini_kuzu.extraction.default": ("HINT", "default_extractor"),
        "memini_kuzu.extraction.estimate": ("CostlyExtractor", "Estimate"),
        "memini_kuzu.extraction.mentions": ("CONCEPT", "NAME", "PERSON", "Extractor", "Mention"),
        "memini_kuzu.extraction.rules": ("RuleExtractor",),
        "memini_kuzu.extraction.spacy_extractor": ("SpacyExtractor",),
    },
)
