"""Extractors by name: memini's own, and those that other packages offer by an entry point.

A package offers one with, in its pyproject.toml::

    [project.entry-points."memini.extractors"]
    flair = "memini_flair:FlairExtractor"

The entry point is called without arguments and gives an `Extractor`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from memini_kuzu.errors import InputError
from memini_kuzu.extraction.gliner import GlinerExtractor
from memini_kuzu.extraction.llm import LLMExtractor
from memini_kuzu.extraction.mentions import Extractor
from memini_kuzu.extraction.rules import RuleExtractor
from memini_kuzu.extraction.spacy_extractor import SpacyExtractor
from memini_kuzu.plugins import plugin, plugin_names

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["GROUP", "extractor_named", "extractor_names"]

GROUP = "memini.extractors"
"""The group of entry points."""

OWN: dict[str, Callable[[], Extractor]] = {
    "spacy": SpacyExtractor,
    "rules": RuleExtractor,
    "llm": LLMExtractor,
    "gliner": GlinerExtractor,
}


def extractor_names() -> list[str]:
    """The names of all extractors that are installed, memini's own first.

    Examples
    --------
    >>> extractor_names()[:3]
    ['spacy', 'rules', 'llm']
    """
    return plugin_names(GROUP, OWN)


def extractor_named(name: str) -> Extractor:
    """The extractor of that name; memini's own go before others of the same name.

    Parameters
    ----------
    name : str
        One of `extractor_names`.

    Returns
    -------
    Extractor
        Made without arguments.

    Raises
    ------
    InputError
        If there is none of that name, or it breaks its promise.

    Examples
    --------
    >>> extractor_named("rules").identity
    'rules/3'
    """
    made = plugin(GROUP, OWN, name, kind="extractor")
    if not isinstance(made, Extractor):
        raise InputError(
            f"the extractor {name!r} gives a {type(made).__name__} without identity and extract; "
            "its package must be corrected"
        )
    return made
