"""Cutting a document into passages: at paragraphs, else sentences, else lines, else words.

Passages are verbatim: each is a piece of the text, and only white space between two pieces is left out.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["LIMIT", "segment", "spans"]

LIMIT = 2000
"""Characters in a passage, at most: some 350 English words or 500 tokens. Long enough that a passage says
what it is about, short enough that ten of them fit into a prompt and that full-text scores stay sharp."""

_CLOSERS = r"""["'”’»)\]」』）]"""

# Coarse to fine. A match ends where a piece may end: after a character that is not white space. What is too
# long after the last is cut by characters. Look-behinds and possessive repeats keep a scan linear: a run of
# a million dots or spaces is tried once.
_BOUNDARIES = (
    re.compile(r"(?<=\S)(?=[^\S\n]*+\n[^\S\n]*+\n)"),  # paragraphs: before a blank line
    re.compile(rf"(?<![.!?…])[.!?…]++{_CLOSERS}*+(?=\s)|[。！？]++{_CLOSERS}*+"),  # sentences
    re.compile(r"(?<=\S)(?=[^\S\n]*+\n)"),  # lines, as in lists and logs without full stops
    re.compile(r"(?<=\S)(?=\s)"),  # words
)
_WHITE = re.compile(r"\s*+")


def segment(text: str, limit: int = LIMIT) -> list[str]:
    r"""Cut a document into passages of at most `limit` characters.

    Short paragraphs that follow each other share a passage. A paragraph over the limit is cut between
    sentences, a sentence over it between lines, then words, and a word over it anywhere. Takes time
    linear in the text.

    Parameters
    ----------
    text : str
        The document.
    limit : int
        Characters in a passage at most, ≥ 1.

    Returns
    -------
    list of str
        The passages in the order of the text, each a piece of it without the white space around; none
        for a text that is blank.

    Raises
    ------
    ValueError
        If the limit is below 1.

    Examples
    --------
    >>> segment("Ada met Grace. They talked.\n\nIt rained.", limit=30)
    ['Ada met Grace. They talked.', 'It rained.']
    >>> segment("Ada met Grace. They talked.\n\nIt rained.", limit=20)
    ['Ada met Grace.', 'They talked.', 'It rained.']
    """
    return [text[start:end] for start, end in spans(text, limit)]


def spans(text: str, limit: int = LIMIT) -> Iterator[tuple[int, int]]:
    """Where the passages of a text start and end; see `segment`.

    Examples
    --------
    >>> list(spans("Ada met Grace.  They talked.", limit=20))
    [(0, 14), (16, 28)]
    """
    if limit < 1:
        raise ValueError(f"limit = {limit}; a passage holds at least 1 character")
    start, end = _after_white(text, 0, len(text)), len(text.rstrip())
    if start < end:
        yield from _cut(text, start, end, limit, 0)


def _cut(text: str, start: int, end: int, limit: int, level: int) -> Iterator[tuple[int, int]]:
    """Spans of at most `limit` characters in ``text[start:end]``, which has no white space at its ends."""
    if end - start <= limit:
        yield start, end
        return
    if level == len(_BOUNDARIES):
        for at in range(start, end, limit):
            yield at, min(at + limit, end)
        return
    ends = [match.end() for match in _BOUNDARIES[level].finditer(text, start, end)]
    if not ends or ends[-1] < end:
        ends.append(end)
    first = 0
    while first < len(ends):
        # As many pieces as fit; by bisection, because there may be a hundred thousand words.
        after = bisect_right(ends, start + limit, first)
        if after > first:
            yield start, ends[after - 1]
        else:
            after = first + 1
            yield from _cut(text, start, ends[first], limit, level + 1)
        start = _after_white(text, ends[after - 1], end)
        first = after


def _after_white(text: str, start: int, end: int) -> int:
    """Where the white space from `start` on is over."""
    match = _WHITE.match(text, start, end)
    return start if match is None else match.end()
