"""The associations of an entity that some words select: as strong as what was said with them makes them.

An association is a sum over events, and an event is something that a passage said. With x[p], the share of
the words that passage p holds, each word weighed by its idf, the events are weighed by it:

    strength(A → B | words) = Σ_events x[p] · amount · p_ff(now - t)

p is the passage of the event's document that mentions both and holds most of the words; where A and B stand
in neighbouring passages, the one that mentions A. Words that all passages hold select everything: the sum is
then the association itself. Strengths for separate sets of passages add up to it.

Only documents have words: what was loaded as events or edges is not selected, nor what a version of a
document said that has been replaced since the time that is asked about.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from memini_kuzu.errors import InputError
from memini_kuzu.store import reading
from memini_kuzu.store import view as seeing
from memini_kuzu.store.ledger import read_events_from
from memini_kuzu.store.strongest import with_targets
from memini_kuzu.tables import column
from memini_kuzu.text.analysis import cue_terms, own_language
from memini_kuzu.times import from_millis

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from memini_kuzu.store import Store
    from memini_kuzu.store.filters import Filter
    from memini_kuzu.store.ledger import Ledger
    from memini_kuzu.store.view import View

    Ints = NDArray[np.int64]
    Floats = NDArray[np.float64]

__all__ = ["selected_associations"]


def selected_associations(
    store: Store, entity: int, about: str, *, now: int, top: int, asked: Filter | None = None
) -> pa.Table:
    """What an entity is associated with by passages that hold these words.

    Parameters
    ----------
    store : Store
        An open store.
    entity : int
        Where the associations lead from.
    about : str
        The words; at least one of them must occur in a passage.
    now : int
        The time of the strengths, in milliseconds since 1970.
    top : int
        The largest number of associations.
    asked : Filter, optional
        Selects the documents that are seen.

    Returns
    -------
    pyarrow.Table
        source, id (the target's), target, strength, consolidated, events, first_seen, last_seen; the
        strongest first.

    Raises
    ------
    InputError
        If no passage holds any of the words.
    """
    until = from_millis(now)
    view = store.view(now, asked)
    weight = _weights(store, about, view)
    passages = reading.passages_of(store, entity, until, view)
    share = _shares(passages, weight)
    sources = np.array([entity], dtype=np.int64)
    if view is None or view.selection is None:
        ledger = read_events_from(store.read, sources)
    else:
        ledger = view.selection.events_from(store.read, sources)
    ledger = ledger.take((ledger.time <= now) & ~np.isin(ledger.target, store.dropped()))
    selected = _of_events(store, passages, share, ledger)
    ledger = replace(ledger, amount=ledger.amount * selected).take(selected > 0)
    known = with_targets(store, seeing.fold(store, ledger, now))
    return known.sort_by([("strength", "descending"), ("target", "ascending")])[:top]


def _weights(store: Store, about: str, view: View | None) -> dict[str, float]:
    """The share of each of the words, by idf; they sum to 1."""
    sums = store.sums(view)
    words = sorted(cue_terms(about, sums.languages, own_language(about, sums.languages)))
    frequency = reading.frequencies(store, words, view)
    known = [word for word in words if frequency[word]]
    if not known:
        raise InputError(
            f"no passage holds a word of {about!r}; name what passages say, such as 'chief executive'"
        )
    df = np.array([frequency[word] for word in known], dtype=np.float64)
    idf = np.log1p((np.maximum(sums.passages - df, 0) + 0.5) / (df + 0.5))
    return dict(zip(known, (idf / idf.sum()).tolist(), strict=True))


def _shares(passages: pa.Table, weight: dict[str, float]) -> Floats:
    """The share of the words that each passage holds: float64 (n_passages,)."""
    words = pc.split_pattern(passages["terms"].combine_chunks(), " ")
    share: Floats = np.zeros(passages.num_rows)
    flat = pc.list_flatten(words)
    row = pc.list_parent_indices(words).to_numpy(zero_copy_only=False)
    for word, worth in weight.items():
        holds = pc.equal(flat, word).to_numpy(zero_copy_only=False)
        share[np.unique(row[holds])] += worth
    return share


def _of_events(store: Store, passages: pa.Table, share: Floats, ledger: Ledger) -> Floats:
    """The share by which each event counts: float64 (n_events,); 0 where no passage of it holds a word."""
    document = column(passages, "document").astype(np.int64)
    near = np.isin(document, document[share > 0])
    passages, share, document = passages.filter(pa.array(near)), share[near], document[near]
    ids = column(passages, "id").astype(np.int64)
    mentioned = reading.mentions_of(store, ids.tolist())
    order = np.argsort(ids)
    place = order[np.searchsorted(ids, column(mentioned, "passage").astype(np.int64), sorter=order)]
    both = _best(
        np.column_stack([document[place], column(mentioned, "id").astype(np.int64)]),
        share[place],
        np.column_stack([ledger.document, ledger.target]),
    )
    one = _best(document[:, None], share, ledger.document[:, None])
    return np.maximum(np.where(both < 0, one, both), 0.0)


def _best(keys: Ints, share: Floats, wanted: Ints) -> Floats:
    """The largest share of each wanted key, -1 where it is none of the keys; keys are rows."""
    _, code = np.unique(np.concatenate([keys, wanted]), axis=0, return_inverse=True)
    code = code.ravel()
    best = np.full(len(code), -1.0)
    np.maximum.at(best, code[: len(keys)], share)
    found: Floats = best[code[len(keys) :]]
    return found
