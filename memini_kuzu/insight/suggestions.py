"""Pairs of names that may mean the same, for people to judge: `memini alias suggest`.

Two signs count. *Spelling*: the same words in another order or nearly the same letters. *Part*: the words of
one name are some of another's, and of no third one's, as "Melanie" is part of "Melanie Jones". Names whose
numbers differ ("session 1", "session 2") are never suggested.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
from rapidfuzz import fuzz

from memini_kuzu.store import aliases as statements
from memini_kuzu.tables import column

if TYPE_CHECKING:
    from memini_kuzu.store import Store

__all__ = ["Suggestion", "suggest"]

SIMILAR = 88.0
"""Least similarity in percent, of the words in alphabetical order: one letter in nine may differ."""

SHORTEST = 5
"""Letters below which names that differ in one are mostly other names: Anna and Anne."""

PREFIX = 4
"""Names are compared where one of their words begins alike: comparing all pairs would take the square of all
names."""

CROWD = 200
"""Names that share a beginning are compared up to so many; more share nothing that tells."""


@dataclass(frozen=True, slots=True)
class Suggestion:
    """Two names that may mean the same.

    Parameters
    ----------
    alias, entity : str
        The name that is mentioned less, and the one that is mentioned more, or is the longer.
    reason : str
        ``spelling`` or ``part``.
    similarity : float
        Of the spelling, from 0 to 1.
    """

    alias: str
    entity: str
    reason: str
    similarity: float


def suggest(store: Store, k: int) -> list[Suggestion]:
    """Likely aliases, the most similar first; see `Memory.alias_suggest`."""
    table = statements.mentioned_names(store)
    if table.num_rows:
        table = table.filter(pa.array(~np.isin(column(table, "id"), store.dropped())))
    # the most mentioned first, so that of a pair the first is the entity
    names = dict(zip(table["key"].to_pylist(), table["name"].to_pylist(), strict=True))
    rank = {key: place for place, key in enumerate(names)}
    found = {**_parts(names), **_spellings(names, rank)}
    best = sorted(found.values(), key=lambda one: (-one.similarity, one.entity, one.alias))
    return best[:k]


def _numbers(key: str) -> list[str]:
    return sorted(word for word in key.split() if any(map(str.isdigit, word)))


def _spellings(names: dict[str, str], rank: dict[str, int]) -> dict[tuple[str, str], Suggestion]:
    blocks: defaultdict[str, set[str]] = defaultdict(set)
    for key in names:
        for word in key.split():
            blocks[word[:PREFIX]].add(key)
    found = {}
    for block in blocks.values():
        if len(block) > CROWD:
            continue
        for one, other in combinations(sorted(block, key=rank.__getitem__), 2):
            if min(len(one), len(other)) < SHORTEST or _numbers(one) != _numbers(other):
                continue
            score = fuzz.token_sort_ratio(one, other, score_cutoff=SIMILAR)
            if score:
                found[other, one] = Suggestion(names[other], names[one], "spelling", score / 100)
    return found


def _parts(names: dict[str, str]) -> dict[tuple[str, str], Suggestion]:
    longer: defaultdict[str, set[str]] = defaultdict(set)
    for key in names:
        words = key.split()
        for word in set(words) if len(words) > 1 else ():
            longer[word].add(key)
    found = {}
    for key, name in names.items():
        part = set(key.split())
        # of the names that hold its rarest word, those that hold all
        rarest = min((longer[word] for word in part), key=len)
        whole = [one for one in rarest if one != key and part < set(one.split())]
        if len(whole) == 1:
            similarity = fuzz.token_sort_ratio(key, whole[0]) / 100
            found[key, whole[0]] = Suggestion(name, names[whole[0]], "part", similarity)
    return found
