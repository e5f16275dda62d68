"""What a filter selects of the read model, counted as a memory would count it that holds nothing else.

Passages and what they mention are in the model. The events of the selected documents are read from the file
once; then what is told is added (`selections`).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pyarrow as pa

from memini_kuzu.dynamics.edges import associate
from memini_kuzu.store.ledger import Ledger, in_order, ledger_from_arrow
from memini_kuzu.store.metadata import holding
from memini_kuzu.store.model.numbers import pairs, unpaired
from memini_kuzu.store.model.rows import Rows, spans
from memini_kuzu.store.selection import events_of, selected_documents, selected_loads
from memini_kuzu.store.sums import Sums
from memini_kuzu.tables import column, positions

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from memini_kuzu.config import Parameters
    from memini_kuzu.store.filters import Filter
    from memini_kuzu.store.model.state import Model
    from memini_kuzu.tables import Edges

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]
    Short = NDArray[np.int32]
    Flags = NDArray[np.bool_]

__all__ = ["Selected", "documents_of"]

MENTIONS = {"entity": np.int64, "row": np.int64}
"""The number of an entity, and the row of a passage that mentions it."""

EVENTS = {"pair": np.int64, "amount": np.float64, "time": np.int64}

FOLDED = {"pair": np.int64, "fast": np.float64, "slow": np.float64, "as_of": np.int64, "events": np.int64}
"""An association as of its last event, and how many it is folded of."""

NONE = np.zeros(0, dtype=np.int64)


@dataclass(frozen=True, slots=True)
class Selected:
    """What a filter selects of one state of the model.

    Parameters
    ----------
    filter : Filter
        What selects it.
    version : int
        Of the state.
    documents : int64 (n_documents,)
        Ids of the documents, ascending.
    rows : bool (n_passages,)
        Which rows of passages are selected.
    sums : Sums
        Of these passages.
    df : int64 (n_terms,)
        How many of them have each word.
    keys : int64 (n,)
        Sources and positions of the passages, ascending, as the model's `place` has them.
    at : int64 (n,)
        The rows of these passages.
    mentions, headings : int64 (n_numbers,)
        How many of the passages mention each entity, and how many it heads.
    told : bool (n_numbers,)
        Which entities an event of the documents joins.
    mentioning : Rows
        `MENTIONS`, by entity.
    events, associations : Rows
        `EVENTS`, and these events `FOLDED`; by pairs of the numbers of entities.
    """

    filter: Filter
    version: int
    documents: Ints
    rows: Flags
    sums: Sums
    df: Ints
    keys: Ints
    at: Ints
    mentions: Ints
    headings: Ints
    told: Flags
    mentioning: Rows
    events: Rows
    associations: Rows

    @classmethod
    def read(
        cls, read: Callable[..., pa.Table], model: Model, asked: Filter, parameters: Parameters
    ) -> Selected | None:
        """What a filter selects; None where the file has to be asked, as for events that were loaded.

        Parameters
        ----------
        read : callable
            Executes a query, in the state of the model.
        model : Model
            Of the state.
        asked : Filter
            The filter.
        parameters : Parameters
            The store's.
        """
        if selected_loads(read, asked):
            return None
        documents = selected_documents(read, asked)
        none = np.zeros(0, dtype=np.bool_)
        nothing = cls(
            asked,
            model.version,
            NONE,
            none,
            Sums(0, 0, frozenset()),
            *(NONE,) * 5,
            none,
            Rows.none(MENTIONS, ("entity",)),
            Rows.none(EVENTS, ("pair",)),
            Rows.none(FOLDED, ("pair",)),
        )
        return nothing.after(model, documents, events_of(read, documents), parameters)

    @property
    def nbytes(self) -> int:
        """Bytes of memory that it takes."""
        arrays = (self.documents, self.rows, self.df, self.keys, self.at, self.mentions, self.headings)
        rows = (self.mentioning, self.events, self.associations)
        return sum(each.nbytes for each in (*arrays, self.told, *rows))

    def after(self, model: Model, documents: Ints, ledger: Ledger, parameters: Parameters) -> Selected | None:
        """The same of a later state, to which only rows were added; None where the file has to be asked.

        Parameters
        ----------
        model : Model
            Of that state.
        documents : int64 (n,)
            Ids of the documents that are selected and were added.
        ledger : Ledger
            Their events.
        parameters : Parameters
            The store's.
        """
        numbers, n = model.numbers, len(model.numbers)
        ledger = ledger.take(self.filter.holds(ledger.time))
        source, target = numbers.find(ledger.source), numbers.find(ledger.target)
        if (source < 0).any() or (target < 0).any():
            return None
        told = _grown(self.told, n)
        told[source] = told[target] = True
        documents = np.sort(documents)
        documents = np.insert(self.documents, self.documents.searchsorted(documents), documents)
        rows = np.concatenate([self.rows, self._new(model, documents)])
        new = np.flatnonzero(rows[len(self.rows) :]) + len(self.rows)
        counted = _Counted.of(model, new)
        key = model.passages.take("place", new)
        by_key = np.argsort(key)
        into = self.keys.searchsorted(key[by_key])
        events, associations = self._folded(pairs(source, target), ledger, model.version, parameters)
        return Selected(
            self.filter,
            model.version,
            documents,
            rows,
            Sums(
                self.sums.passages + len(new),
                self.sums.words + counted.words,
                self.sums.languages | counted.languages,
            ),
            _grown(self.df, len(counted.df)) + counted.df,
            np.insert(self.keys, into, key[by_key]),
            np.insert(self.at, into, new[by_key]),
            _grown(self.mentions, n) + np.bincount(counted.entity, minlength=n),
            _grown(self.headings, n) + np.bincount(counted.entity[counted.heads], minlength=n),
            told,
            self.mentioning.plus(model.version, {"entity": counted.entity, "row": counted.row}),
            events,
            associations,
        )

    def until(self, model: Model, now: int) -> Selected:
        """What of it there was at a time, in milliseconds since 1970; the events are all those of now.

        Parameters
        ----------
        model : Model
            Of the state.
        now : int
            The time.
        """
        if model.latest <= now:
            return self
        time = model.passages.column("time")[: len(self.rows)]
        late = np.flatnonzero(self.rows & (time > now))
        told = self.told
        heard = self.events.column("time") <= now
        if not heard.all():
            told = np.zeros_like(told)
            for ends in unpaired(self.events.column("pair")[heard]):
                told[ends] = True
        if not len(late):
            return replace(self, told=told)
        rows = self.rows.copy()
        rows[late] = False
        gone, language = _Counted.of(model, late), model.passages.column("language")[: len(rows)]
        n = len(self.mentions)
        return replace(
            self,
            rows=rows,
            sums=Sums(
                self.sums.passages - len(late),
                self.sums.words - gone.words,
                frozenset(model.languages.names(np.unique(language[rows]))),
            ),
            df=self.df - gone.df[: len(self.df)],
            mentions=self.mentions - np.bincount(gone.entity, minlength=n),
            headings=self.headings - np.bincount(gone.entity[gone.heads], minlength=n),
            told=told,
        )

    def states(self, pair: Ints, now: int, parameters: Parameters) -> tuple[Ints, Floats, Floats, Ints]:
        """The associations of these pairs as their events until a time make them.

        Parameters
        ----------
        pair : int64 (n,)
            Each once.
        now : int
            In milliseconds since 1970.
        parameters : Parameters
            The store's.

        Returns
        -------
        which : int64 (n_found,)
            Those of the pairs that had an event.
        fast, slow : float64 (n_found,)
            The variables as of the last one.
        as_of : int64 (n_found,)
            When that was.
        """
        which, row = self.associations.find("pair", pair)
        fast, slow, as_of = (self.associations.take(name, row) for name in ("fast", "slow", "as_of"))
        late = as_of > now
        if not late.any():
            return which, fast, slow, as_of
        _, event = self.events.find("pair", pair[which[late]])
        edges = _edges_of(self.events, event[self.events.take("time", event) <= now], parameters)
        again = positions(pairs(edges.source, edges.target), pair)
        known = ~late
        return (
            np.concatenate([which[known], again]),
            np.concatenate([fast[known], edges.fast]),
            np.concatenate([slow[known], edges.slow]),
            np.concatenate([as_of[known], edges.as_of]),
        )

    def touched(self, passages: Ints, documents: Ints, others: list[pa.Table]) -> bool:
        """Whether a change takes away something that is selected, or changes what is.

        Parameters
        ----------
        passages : int64 (n,)
            The rows of the passages that it deletes.
        documents : int64 (n,)
            Ids of the documents that it deletes.
        others : list of pyarrow.Table
            Those of these that it creates anew, and those that this selection has yet to take.
        """
        selected, _ = documents_of(others, self.filter)
        there = self.rows[passages[passages < len(self.rows)]]
        return bool(there.any() or np.isin(documents, self.documents).any() or len(selected))

    def _new(self, model: Model, documents: Ints) -> Flags:
        """Which of the rows of passages are selected that this state does not have."""
        table, first = model.passages, len(self.rows)
        names, source = np.unique(table.column("source")[first:], return_inverse=True)
        takes = np.array([self.filter.takes(name) for name in model.sources.names(names)], dtype=np.bool_)
        inside = takes[source] & self.filter.holds(table.column("time")[first:])
        inside &= table.there(np.arange(first, table.n))
        selected: Flags = inside & np.isin(table.column("document")[first:], documents)
        return selected

    def _folded(self, pair: Ints, ledger: Ledger, version: int, parameters: Parameters) -> tuple[Rows, Rows]:
        """Events and associations with some events more, of these pairs."""
        if not len(pair):
            return self.events, self.associations
        events = self.events.plus(version, {"pair": pair, "amount": ledger.amount, "time": ledger.time})
        # all events of a pair are folded again: a sum's last digit depends on the order
        changed = np.unique(pair)
        edges = _edges_of(events, events.find("pair", changed)[1], parameters)
        _, old = self.associations.find("pair", changed)
        associations = self.associations.without(version, old).plus(
            version,
            {
                "pair": pairs(edges.source, edges.target),
                "fast": edges.fast,
                "slow": edges.slow,
                "as_of": edges.as_of,
                "events": edges.events,
            },
        )
        return events, associations.compact() if associations.sparse else associations


def _edges_of(events: Rows, rows: NDArray[np.int32], parameters: Parameters) -> Edges:
    """The associations that these rows of events make, by the numbers of entities."""
    amount, time = events.take("amount", rows), events.take("time", rows)
    order = in_order(amount, time)
    return associate(*unpaired(events.take("pair", rows[order])), amount[order], time[order], parameters)


class _Counted(NamedTuple):
    """What passages add to what is counted.

    Parameters
    ----------
    words : int
        How many terms they have.
    languages : frozenset of str
        Their languages.
    df : int64 (n_terms,)
        How many of them have each word.
    row, entity : int64 (n_mentions,)
        The rows of passages, and the numbers of the entities that these mention.
    heads : bool (n_mentions,)
        Whether the entity heads the passage.
    """

    words: int
    languages: frozenset[str]
    df: Ints
    row: Ints
    entity: Ints
    heads: Flags

    @classmethod
    def of(cls, model: Model, rows: Ints) -> _Counted:
        """Of these rows of passages."""
        passages, words = model.passages, model.words
        number = passages.take("words", rows).astype(np.int64)
        word = words.word[spans(passages.take("begin", rows), number)]
        which, mention = model.mentions.find("passage", passages.take("id", rows))
        entity = model.mentions.take("entity", mention)
        return cls(
            int(passages.take("length", rows).sum(dtype=np.int64)),
            frozenset(model.languages.names(np.unique(passages.take("language", rows)))),
            np.bincount(word, minlength=len(model.terms)),
            rows[which],
            model.numbers.find(entity),
            passages.take("heading", rows)[which] == entity,
        )


def _grown(values: NDArray[Any], n: int) -> NDArray[Any]:
    """A copy with room for n, or for as many as there are: others may have got numbers meanwhile."""
    grown = np.zeros(max(n, len(values)), dtype=values.dtype)
    grown[: len(values)] = values
    return grown


def documents_of(tables: list[pa.Table], asked: Filter) -> tuple[Ints, Ledger]:
    """Those of these documents that a filter selects, and their events."""
    if not tables:
        return NONE, Ledger.empty()
    table = pa.concat_tables(tables)
    takes = np.array([asked.takes(name) for name in table["source"].to_pylist()], dtype=np.bool_)
    if asked.where:
        takes &= holding(table["metadata"], dict(asked.where))
    some = table.filter(takes)
    return column(some, "id").astype(np.int64), ledger_from_arrow(some)
