"""What an entity is labelled: what the passages that mention it agree on.

An extractor labels every mention by itself, and errs. A passage votes for the label that most of its mentions
have. What more than half of all passages, and at least `ENOUGH`, say of its kind (PERSON, ORG, ...) is
the entity's label. Otherwise it is a NAME where more passages take it for a name than for a CONCEPT; a TITLE
where they know it from titles alone. The votes are kept as counts, so that what is forgotten is no longer
counted.
"""

from __future__ import annotations

import itertools
import json
from collections import Counter
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from memini_kuzu.extraction import CONCEPT, NAME
from memini_kuzu.extraction.headings import TITLE
from memini_kuzu.tables import column, positions

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = [
    "NO_VOTES",
    "VERSION",
    "agreed",
    "counted",
    "label_rows",
    "of_older",
    "tally",
    "vote",
    "votes_as_text",
]

VERSION = 5
"""The schema version that added the votes."""

ENOUGH = 3
"""Passages that must agree on what kind of thing a name is: one error is easily made twice."""

NO_VOTES = "{}"
"""The votes of an entity that no passage mentions."""


def vote(labels: Iterable[str]) -> str:
    """What a passage takes an entity for: the label of most of its mentions, of equals the first.

    Parameters
    ----------
    labels : iterable of str
        Of its mentions there, in order; at least one.

    Examples
    --------
    >>> vote(["TITLE", "ORG", "PERSON", "PERSON"]), vote(["TITLE"])
    ('PERSON', 'TITLE')
    """
    counts = Counter(labels)
    if len(counts) > 1:
        counts.pop(TITLE, None)
    return counts.most_common(1)[0][0]


def votes_as_text(votes: Mapping[str, int]) -> str:
    """Votes as they are stored.

    Examples
    --------
    >>> votes_as_text({"PERSON": 2, "CONCEPT": 1, "ORG": 0})
    '{"CONCEPT": 1, "PERSON": 2}'
    """
    return json.dumps(
        {label: number for label, number in sorted(votes.items()) if number}, ensure_ascii=False
    )


@lru_cache(maxsize=65_536)  # most entities have one of few combinations of votes
def agreed(votes: str) -> str:
    """The label that votes agree on.

    Parameters
    ----------
    votes : str
        As `votes_as_text` gives them.

    Returns
    -------
    str
        CONCEPT where there are none: such an entity is known from associations alone.

    Examples
    --------
    >>> agreed('{"CONCEPT": 1, "PERSON": 3}'), agreed('{"PERSON": 2}'), agreed('{"ORG": 3, "PERSON": 3}')
    ('PERSON', 'NAME', 'NAME')
    >>> agreed('{"CONCEPT": 2, "ORG": 1}'), agreed('{"TITLE": 3}'), agreed("{}")
    ('CONCEPT', 'TITLE', 'CONCEPT')
    """
    counts = Counter(json.loads(votes))
    total = counts.total()
    titles, concepts, names = counts.pop(TITLE, 0), counts.pop(CONCEPT, 0), counts.pop(NAME, 0)
    kind, most = max(counts.items(), key=lambda item: item[1], default=(NAME, 0))
    if most >= ENOUGH and 2 * most > total:
        return kind
    if names + counts.total() > concepts:
        return NAME
    return TITLE if titles and not concepts else CONCEPT


def tally(entity: pa.Array | pa.ChunkedArray, label: pa.Array | pa.ChunkedArray) -> pa.Table:
    """The votes of each entity.

    Parameters
    ----------
    entity, label : pyarrow.Array
        One row for each passage and entity that it mentions.

    Returns
    -------
    pyarrow.Table
        id and votes, each entity once.

    Examples
    --------
    >>> tally(pa.array([7, 7, 8]), pa.array(["ORG", "ORG", "CONCEPT"])).to_pylist()
    [{'id': 7, 'votes': '{"ORG": 2}'}, {'id': 8, 'votes': '{"CONCEPT": 1}'}]
    """
    if not len(entity):
        return pa.table({"id": pa.array([], pa.int64()), "votes": pa.array([], pa.string())})
    rows = pa.table({"id": entity, "label": label}).group_by(["id", "label"], use_threads=False)
    counts = rows.aggregate([([], "count_all")]).sort_by([("id", "ascending"), ("label", "ascending")])
    ids = column(counts, "id")
    first = np.flatnonzero(np.append(True, ids[1:] != ids[:-1]))
    bounds = [*first.tolist(), len(ids)]
    labels, numbers = counts["label"].to_pylist(), counts["count_all"].to_pylist()
    alone = lru_cache(maxsize=None)(lambda name, number: votes_as_text({name: number}))
    texts = [
        alone(labels[low], numbers[low])
        if high == low + 1
        else votes_as_text(dict(zip(labels[low:high], numbers[low:high], strict=True)))
        for low, high in itertools.pairwise(bounds)
    ]
    return pa.table({"id": pa.array(ids[first]), "votes": pa.array(texts, pa.string())})


@lru_cache(maxsize=65_536)  # as for `agreed`
def counted(known: str, added: str, removed: str) -> str:
    """Votes with others added, and others removed.

    Examples
    --------
    >>> counted('{"ORG": 2}', '{"PERSON": 1}', '{"ORG": 2}')
    '{"PERSON": 1}'
    """
    counts = Counter(json.loads(known))
    counts.update(json.loads(added))
    counts.subtract(json.loads(removed))
    return votes_as_text(counts)


def label_rows(rows: pa.Table) -> pa.Table:
    """Rows of Entity with the labels that their votes agree on."""
    labels = pa.array([agreed(votes) for votes in rows["votes"].to_pylist()], pa.string())
    if "label" not in rows.column_names:
        return rows.append_column("label", labels)
    return rows.set_column(rows.schema.get_field_index("label"), "label", labels)


def of_older(entities: pa.Table, mentions: pa.Table) -> tuple[pa.Table, pa.Table]:
    """What an older store tells: every mention votes for the label that its entity had.

    Parameters
    ----------
    entities : pyarrow.Table
        Every column of Entity but votes.
    mentions : pyarrow.Table
        Every column of MENTIONS but label.

    Returns
    -------
    tuple of pyarrow.Table
        Both with every column.
    """
    place = positions(column(mentions, "entity"), column(entities, "id"))
    mentions = mentions.append_column("label", entities["label"].take(pa.array(place)))
    votes = tally(mentions["entity"], mentions["label"])
    at = pc.index_in(entities["id"], votes["id"])
    texts = pc.fill_null(votes["votes"].take(at), NO_VOTES)
    return label_rows(entities.append_column("votes", texts)), mentions
