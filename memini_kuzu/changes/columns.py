"""The mentions of a batch's documents, and the events that they make, as columns."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from memini_kuzu.identity import stable_id
from memini_kuzu.text.pairs import cooccurrence_events

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from memini_kuzu.changes.prepared import Document
    from memini_kuzu.extraction import Mention

    Splits = Mapping[str, Mapping[int, tuple[str, str]]]
    """By source and entity, the key and the name of the one that is meant there."""


__all__ = [
    "Columns",
    "columns",
]


def _opens(mentions: list[Mention], heading: Mention) -> bool:
    """Whether the extractor found the heading itself, as it does with a speaker."""
    return bool(mentions) and mentions[0].key == heading.key


@dataclass(frozen=True, slots=True)
class Columns:
    """The mentions of a batch's documents, and the events that they make, as columns."""

    names: dict[int, Mention]
    headings: dict[tuple[int, int], int]
    document: NDArray[np.int64]
    passage: NDArray[np.int64]
    entity: NDArray[np.int64]
    labels: list[str]
    event_document: NDArray[np.int64]
    source: NDArray[np.int64]
    target: NDArray[np.int64]
    amount: NDArray[np.float64]
    time: NDArray[np.int64]


def columns(documents: list[Document], aliases: dict[str, int], splits: Splits, impulse: float) -> Columns:
    """A batch's mentions with aliases and splits resolved, and the co-occurrence events of each document."""
    names: dict[int, Mention] = {}

    def resolve(mention: Mention) -> int:
        return aliases.get(mention.key, stable_id(mention.key))

    rows: list[tuple[int, int, int, int]] = []
    labels: list[str] = []
    headings: dict[tuple[int, int], int] = {}
    for number, document in enumerate(documents):
        base = 0
        ids: dict[str, tuple[int, Mention]] = {}
        apart = splits.get(document.record.source, {})
        for place, found in enumerate(document.mentions):
            heading = document.heading(place)
            mentions = found if heading is None or _opens(found, heading) else [heading, *found]
            mentions = [*document.given(place), *mentions]
            for found_there in mentions:
                if found_there.key not in ids:
                    entity = resolve(found_there)
                    called = found_there
                    # the entity that was split may have another name since
                    whole = own if (own := stable_id(found_there.key)) in apart else entity
                    if whole in apart:
                        key, name = apart[whole]
                        called = found_there._replace(key=key, name=name)
                        entity = resolve(called)
                    ids[found_there.key] = entity, called
                entity, called = ids[found_there.key]
                mention = called._replace(label=found_there.label, sentence=found_there.sentence)
                names[entity] = _named(names.get(entity), mention, aliases)
                rows.append((number, place, base + mention.sentence, entity))
                labels.append(mention.label)
            if heading is not None:
                headings[number, place] = ids[heading.key][0]
            # the sentence numbers of passages follow on, so that neighbours across a cut are neighbours
            base += 1 + max((mention.sentence for mention in mentions), default=0)
    document_of, passage, sentence, entity_of = np.array(rows, dtype=np.int64).reshape(-1, 4).T.copy()
    events = cooccurrence_events(document_of, sentence, np.arange(len(rows)), entity_of)
    times = np.array([document.time for document in documents], dtype=np.int64)
    return Columns(
        names,
        headings,
        document_of,
        passage,
        entity_of,
        labels,
        events.document,
        events.source,
        events.target,
        events.amount * impulse,
        times[events.document],
    )


def _named(known: Mention | None, mention: Mention, aliases: dict[str, int]) -> Mention:
    """What an entity is called: as it was first, but by its own name rather than by an alias."""
    if known is None or (known.key in aliases and mention.key not in aliases):
        return mention
    return known


def _telling(batch: Columns, told: NDArray[np.bool_]) -> Columns:
    """The columns without the events of documents that say nothing new."""
    keep = told[batch.event_document]
    return replace(
        batch,
        event_document=batch.event_document[keep],
        source=batch.source[keep],
        target=batch.target[keep],
        amount=batch.amount[keep],
        time=batch.time[keep],
    )
