"""The entities of a store, for people to look through: what each is taken for, and what looks wrong."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from memini_kuzu.extraction import canonical
from memini_kuzu.insight.junk import looks_wrong
from memini_kuzu.store.entities import count_events, list_entities
from memini_kuzu.store.portraits import entities_named_like

if TYPE_CHECKING:
    from memini_kuzu.store import Store

__all__ = ["KnownEntity", "entities"]


@dataclass(frozen=True, slots=True)
class KnownEntity:
    """An entity of a store.

    Parameters
    ----------
    name : str
        What it is called.
    label : str
        What the passages that mention it agree on: PERSON, ORG, ...; NAME, CONCEPT or TITLE where they do not
        say what kind of thing it is.
    mentions : int
        How many passages mention it.
    events : int
        How many events the associations that lead from it have had.
    wrong : str
        Why it looks wrong, by the rule of `insight.junk`; empty where it does not.
    """

    name: str
    label: str
    mentions: int
    events: int
    wrong: str


def entities(store: Store, k: int, *, junk: bool, like: str | None = None) -> list[KnownEntity]:
    """The most mentioned entities; see `Memory.entities`."""
    if like is None:
        rows = list_entities(store)
    elif key := canonical(like):
        rows = entities_named_like(store, key, store.count("entities") if junk else k)
    else:
        return []
    wrong = {}
    chosen = []
    for batch in rows.to_batches(max_chunksize=10_000):  # most stores show enough at their beginning
        for row in batch.to_pylist():
            reason = looks_wrong(row["name"])
            if reason or not junk:
                chosen.append(row)
                wrong[row["id"]] = reason
            if len(chosen) == k:
                break
        if len(chosen) == k:
            break
    events = count_events(store, list(wrong))
    return [
        KnownEntity(row["name"], row["label"], row["mentions"], events.get(row["id"], 0), wrong[row["id"]])
        for row in chosen
    ]
