"""Who a passage is about: what its title names, and who speaks in it."""

from __future__ import annotations

import re

from memini_kuzu.extraction import PERSON, Mention, canonical, tidy
from memini_kuzu.extraction.mentions import speakers
from memini_kuzu.records import ROLES

__all__ = [
    "TITLE",
    "file_mention",
    "person",
    "speaker",
    "title_mention",
]


_DATED = re.compile(r"\s*\d{4}([-_.])\d{2}\1\d{2}(?!\d)")

TITLE = "TITLE"
"""Label of an entity that is known from a title only."""


def title_mention(title: str) -> Mention | None:
    """The entity that a title names, without what stands in brackets behind it; a date names none.

    Examples
    --------
    >>> title_mention("Demon Dice (game)").key
    'demon dice'
    >>> title_mention("2026-01-04-radio"), title_mention("2026_01_04 radio")
    (None, None)
    """
    if _DATED.match(title):
        return None
    name = tidy(title.partition(" (")[0])
    key = canonical(name)
    return Mention(key, name, TITLE, 0, -1) if key else None


def file_mention(name: str) -> Mention | None:
    """The entity that the name of a file names: one with a capital, or in a script that has none.

    Examples
    --------
    >>> file_mention("Harbour House").key
    'harbour house'
    >>> file_mention("plan")
    """
    return None if name.islower() else title_mention(name)


def speaker(text: str) -> Mention | None:
    """Who speaks a passage, as in ``Caroline: Hey Mel!``.

    Examples
    --------
    >>> speaker("Caroline: Hey Mel!").key
    'caroline'
    """
    first = next(iter(speakers(text)), None)
    if first is None or first.start != 0:
        return None
    return person(first.name)


def person(name: str) -> Mention | None:
    """A person who is named beside a text; None where the name says nothing, or is a side of a conversation.

    Examples
    --------
    >>> person("Ada Lovelace").key
    'ada lovelace'
    >>> person("assistant")
    """
    tidied = tidy(name)
    key = canonical(tidied)
    return Mention(key, tidied, PERSON, 0, 0) if key and name not in ROLES else None
