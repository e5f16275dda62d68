"""What an author linked or tagged: mentions that need no guess, in place of what was found in their words."""

from __future__ import annotations

import re
from bisect import bisect_left
from operator import attrgetter
from typing import TYPE_CHECKING

from memini_kuzu.extraction.generic import is_generic
from memini_kuzu.extraction.headings import TITLE
from memini_kuzu.extraction.mentions import CONCEPT, Mention, mention
from memini_kuzu.text.markdown import LINK, TAG

if TYPE_CHECKING:
    from collections.abc import Sequence

    from memini_kuzu.text.markdown import Link

__all__ = ["with_links"]

_ENDS = re.compile(r"[.!?…]['\")\]]*\s|[。！？]|\n\s*\n")


def with_links(found: list[Mention], links: Sequence[Link], text: str) -> list[Mention]:
    """The mentions of a text, with those that its author made.

    A link takes the place of what the extractor found in its words: they say what the author says they do.
    Where both name the same, what was found stays, since it knows what kind of thing that is. A link to a
    note whose name is in small letters and of common words alone, as in ``[the event loop](events.md)``,
    names nothing.

    Parameters
    ----------
    found : list of Mention
        By offset.
    links : sequence of Link
        By offset in the same text.
    text : str
        The text.

    Returns
    -------
    list of Mention
        By offset.

    Examples
    --------
    >>> from memini_kuzu.text.markdown import LINK, Link
    >>> text = "It rained. Bob met Ines."
    >>> found = [Mention("bob", "Bob", "PERSON", 1, 11), Mention("ines", "Ines", "PERSON", 1, 19)]
    >>> [(each.name, each.sentence) for each in with_links(found, [Link("Ines Okonkwo", LINK, 19, 23)], text)]
    [('Bob', 1), ('Ines Okonkwo', 1)]
    """
    if not links:
        return found
    covered: set[int] = set()
    made: list[Mention] = []
    for link in links:
        label = CONCEPT if link.kind == TAG else TITLE
        named = mention(link.name, label, _sentence(found, link, text), link.start)
        if named is None or (link.kind == LINK and link.name.islower() and is_generic(link.name)):
            continue  # a date, a number, a common word
        named = named._replace(start=link.start)
        within = [place for place, each in enumerate(found) if _overlap(each, link)]
        covered.update(within)
        made.append(next((found[place] for place in within if found[place].key == named.key), named))
    kept = [each for place, each in enumerate(found) if place not in covered]
    return sorted([*kept, *made], key=attrgetter("start"))


def _overlap(each: Mention, link: Link) -> bool:
    return each.start < link.end and link.start < each.start + max(1, len(each.name))


def _sentence(found: list[Mention], link: Link, text: str) -> int:
    """The sentence of a link: counted on from the mention before it, and none after that of the next."""
    place = bisect_left(found, link.start, key=attrgetter("start"))
    after = found[place].sentence if place < len(found) else None
    if place < len(found) and _overlap(found[place], link):
        return found[place].sentence
    before, start = (found[place - 1].sentence, found[place - 1].start) if place else (0, 0)
    counted = before + len(_ENDS.findall(text, start, link.start))
    return counted if after is None else min(counted, after)
