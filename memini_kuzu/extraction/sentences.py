"""What the rules of all languages share: where sentences start, and text whose mentions are masked."""

from __future__ import annotations

import re

from memini_kuzu.extraction.mentions import speakers

__all__ = ["ABBREVIATION", "MASK", "masked", "sentence_starts"]

MASK = "|"
"""Stands for what was mentioned already: it parts the phrases on either side, and offsets hold."""

_SENTENCE = re.compile(r"(?<=[.!?\u2026])[\"'\u201d\u2019)\]]*\s+|\n\s*\n|(?<=[。！？])[」』”’]*")
ABBREVIATION = re.compile(r"(?:\b(?:[A-Z]|Mr|Mrs|Ms|Dr|Prof|St|vs|e\.g|i\.e|No|Jr|Sr))\.\Z")


def sentence_starts(text: str) -> list[int]:
    """Offsets at which sentences start: after a full stop, a blank line, and at each speaker."""
    starts = {0} | {speaker.start for speaker in speakers(text)}
    for gap in _SENTENCE.finditer(text):
        if not ABBREVIATION.search(text, max(0, gap.start() - 6), gap.start()):
            starts.add(gap.end())
    solid = len(text) - len(text.lstrip())
    return sorted({max(start, solid) for start in starts})


def masked(text: str, spans: list[tuple[int, int]]) -> str:
    """The text with each span replaced by as many masks; spans in order, none overlapping."""
    parts, position = [], 0
    for start, end in spans:
        parts += [text[position:start], MASK * (end - start)]
        position = end
    return "".join([*parts, text[position:]])
