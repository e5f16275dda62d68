"""Exact unlearning: remove what documents, entities or pairs have contributed, and nothing else.

The state of an association is a sum over events, and every document and load keeps a ledger of its own. So
forgetting a source gives the store that never ingested it. The sum is not reduced by subtraction, which
cancels, but computed again from the events that the other ledgers hold for the same pair; only a part that no
ledger accounts for is subtracted from.

What stays as it was: positions of other documents in a source, the display name of an entity that others
mention too, and what an earlier maintenance pass had dropped.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from memini_kuzu.changes.reports import withdraw_reports
from memini_kuzu.changes.scope import ForgetReport, Scope
from memini_kuzu.changes.unloading import Kept, Unloading, read_kept_loads, unload
from memini_kuzu.dynamics.edges import concatenate
from memini_kuzu.dynamics.pairs import without_pairs
from memini_kuzu.dynamics.removal import subtract_edges
from memini_kuzu.errors import InputError
from memini_kuzu.store import evidence as statements
from memini_kuzu.store.aliases import merged_aliases
from memini_kuzu.store.associations import rewrite_edges
from memini_kuzu.store.catalog import EMBEDDING, tables
from memini_kuzu.store.known import read_documents
from memini_kuzu.store.ledger import Ledger, ledger_to_arrow, read_ledger
from memini_kuzu.store.vectors import read_space
from memini_kuzu.store.writing import alter_entities, count_mentions, keys, rewrite_passages
from memini_kuzu.tables import Edges, column, edges_from_arrow, timestamps

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from memini_kuzu.config import Parameters
    from memini_kuzu.store import Store
    from memini_kuzu.store.change import Change
    from memini_kuzu.store.evidence import Run

    Ints = NDArray[np.int64]
    Flags = NDArray[np.bool_]

__all__ = [
    "forget",
]

NO_ENTITIES = tables()["Entity"].columns.empty_table()

NO_PASSAGES = tables()["Passage"].columns.empty_table()


def forget(store: Store, scope: Scope, *, dry_run: bool = False) -> ForgetReport:
    """Remove what a scope has contributed, in one change; see `Memory.forget`."""
    if dry_run:
        with store.snapshot():
            return _plan(store.read, scope, store.parameters).report(dry_run=True)
    with store.changing() as change:
        plan = _plan(store.read, scope, store.parameters)
        _carry_out(store, change, plan)
    return plan.report(dry_run=False)


@dataclass(frozen=True, slots=True)
class _Documents:
    """The documents that a scope selects, and what remains of them."""

    deleted: Ints
    """Ids of those with no remaining version."""
    textless: Ints
    """Ids of those whose newest version goes, deleted or not."""
    changed: pa.Table
    """Those that stay with fewer versions or events; every column."""
    dates: Ints
    """Dates of the versions that go."""
    sources: list[str]
    """Sources that lose their last document."""


@dataclass(frozen=True, slots=True)
class _Plan:
    """All that is to be written."""

    documents: _Documents
    loads: Unloading
    passages: Ints
    counts: pa.Table
    events: int
    updated: Edges
    deleted: Edges
    entities: Ints
    aliases: pa.Table
    undone: pa.Table
    dates: pa.Table
    unhead: int | None

    def report(self, *, dry_run: bool) -> ForgetReport:
        return ForgetReport(
            documents=len(self.documents.deleted),
            passages=len(self.passages),
            events=self.events,
            associations=len(self.deleted),
            weakened=len(self.updated),
            entities=len(self.entities),
            aliases=self.aliases.num_rows,
            sources=len(self.documents.sources),
            loads=len(self.loads.loads),
            dry_run=dry_run,
        )


def _plan(run: Run, scope: Scope, parameters: Parameters) -> _Plan:
    documents, kept = read_documents(run), read_kept_loads(run)
    _refuse_unknown(run, scope, documents, kept)
    ledger = read_ledger(run)
    chosen = _in_scope(scope, documents)
    owners = np.concatenate([_ids(documents, "id")[chosen], _ids(kept.chosen(scope), "id")])
    is_removed = _removed(scope, ledger, owners)
    removed, remaining_events = ledger.take(is_removed), ledger.take(~is_removed)
    affected = _documents(scope, documents, chosen, removed, remaining_events)

    passages = statements.read_passages(run, affected.textless)
    counts = count_mentions(run, _ids(passages, "id"))
    involved = np.unique(np.concatenate([removed.ends(), _ids(counts, "id"), *_named(run, scope)]))
    edges = _incident(run, involved)
    stay = remaining_events.take(np.isin(remaining_events.source, removed.source))
    updated, deleted = subtract_edges(edges, removed.fold(parameters), stay.fold(parameters), parameters)
    if not scope.of_documents:
        updated, deleted = Edges.empty(), edges.take(_between(scope, edges))
    remaining = concatenate(without_pairs(edges, concatenate(updated, deleted)), updated)

    evidence = _evidence(
        run,
        scope,
        involved,
        passages=_ids(passages, "id"),
        edges=remaining,
        remaining_events=remaining_events,
    )
    orphans = np.setdiff1d(involved, evidence.entity)
    if scope.entity is not None:
        orphans = np.union1d(orphans, [scope.entity])
    if scope.of_documents:
        orphans = np.union1d(orphans, np.setdiff1d(_leftovers(run, affected.dates), remaining_events.ends()))
    aliases = statements.read_aliases_of(run, orphans)
    undone = _undone(run, scope, owners, aliases["key"].to_pylist())
    loads = unload(
        run, scope, kept, removed=removed, remaining=remaining_events, undone=undone, aliases=aliases
    )
    return _Plan(
        documents=affected,
        loads=loads,
        passages=_ids(passages, "id"),
        counts=counts,
        events=len(removed),
        updated=updated,
        deleted=deleted,
        entities=orphans,
        aliases=aliases,
        undone=undone,
        dates=_dates(run, np.setdiff1d(involved, orphans), np.union1d(affected.dates, loads.dates), evidence),
        unhead=scope.entity,
    )


def _refuse_unknown(run: Run, scope: Scope, documents: pa.Table, kept: Kept) -> None:
    source = scope.source
    if source is None or pc.any(pc.equal(documents["source"], source)).as_py() or kept.chosen(scope).num_rows:
        return
    if source in kept.unkept:
        raise InputError(
            f"the events of {source!r} were loaded and not kept, so they cannot be taken back; make a new "
            "store without them"
        )
    near = statements.similar_sources(run, source, 3)
    hint = f"; did you mean {', '.join(map(repr, near))}?" if near else "; the store is empty"
    raise InputError(f"no document or load has the source {source!r}{hint}")


def _ids(table: pa.Table, name: str) -> Ints:
    return np.asarray(column(table, name), dtype=np.int64)


def _flat(table: pa.Table, name: str) -> pa.Table:
    """A column of lists as one of its items, with the row of each."""
    lists = table[name].combine_chunks()
    return pa.table({"row": pc.list_parent_indices(lists).cast(pa.int64()), name: pc.list_flatten(lists)})


def _versions(documents: pa.Table) -> tuple[Ints, pa.Array, Ints]:
    """Row, text and date of every version; the text is ``digest@milliseconds``."""
    flat = _flat(documents, "versions")
    text = flat["versions"].combine_chunks()
    date = pc.list_element(pc.split_pattern(text, "@", max_splits=1, reverse=True), 1).cast(pa.int64())
    return _ids(flat, "row"), text, date.to_numpy(zero_copy_only=False)


def _in_scope(scope: Scope, documents: pa.Table) -> Flags:
    """Which documents the scope is about, whatever their dates."""
    if not scope.of_documents:
        return np.zeros(documents.num_rows, dtype=np.bool_)
    if scope.documents is not None:
        return np.isin(_ids(documents, "id"), scope.documents)
    if scope.source is None:
        return np.ones(documents.num_rows, dtype=np.bool_)
    return np.asarray(pc.equal(documents["source"], scope.source).to_numpy(), dtype=np.bool_)


def _removed(scope: Scope, ledger: Ledger, chosen: Ints) -> Flags:
    """Which events are removed."""
    if scope.entity is not None:
        return ledger.of(scope.entity)
    if scope.pair is not None:
        return _joins(scope.pair, ledger.source, ledger.target)
    return np.isin(ledger.document, chosen) & scope.holds(ledger.time)


def _joins(pair: tuple[int, int], source: Ints, target: Ints) -> Flags:
    a, b = pair
    joins: Flags = ((source == a) & (target == b)) | ((source == b) & (target == a))
    return joins


def _documents(
    scope: Scope, documents: pa.Table, chosen: Flags, removed: Ledger, remaining_events: Ledger
) -> _Documents:
    ids = _ids(documents, "id")
    row, text, date = _versions(documents)
    going = chosen[row] & scope.holds(date)
    staying = np.bincount(row[~going], minlength=len(ids))
    deleted = chosen & (staying == 0)
    textless = chosen & scope.holds(_ids(documents, "time"))
    changed = np.zeros(len(ids), dtype=np.bool_)
    changed[np.isin(ids, removed.document)] = changed[row[going]] = True
    changed &= ~deleted

    # what stays of a document without its newest text is dated by its newest version that stays
    newest = np.zeros(len(ids), dtype=np.int64)
    np.maximum.at(newest, row[~going], date[~going])
    blank = textless[changed]
    table = documents.filter(pa.array(changed))
    kept = changed[row] & ~going
    ledgers = ledger_to_arrow(
        remaining_events.take(np.isin(remaining_events.document, ids[changed])), ids[changed]
    )

    def lists(values: pa.Array, counts: Ints) -> pa.Array:
        return pa.ListArray.from_arrays(pa.array(np.append(0, np.cumsum(counts)), pa.int32()), values)

    positions = [
        [] if is_blank else where
        for is_blank, where in zip(blank.tolist(), table["positions"].to_pylist(), strict=True)
    ]
    digests = np.where(blank, "", np.asarray(table["digest"].to_pylist(), dtype=object))
    names = documents["source"]
    return _Documents(
        deleted=ids[deleted],
        textless=ids[textless],
        changed=pa.table(
            {
                **{name: table[name] for name in ("id", "source", "record", "title", "metadata")},
                "time": timestamps(np.where(blank, newest[changed], _ids(table, "time"))),
                "digest": pa.array(digests.tolist(), pa.string()),
                "versions": lists(text.filter(pa.array(kept)), staying[changed]),
                "positions": pa.array(positions, pa.list_(pa.int64())),
                **{name: ledgers[name] for name in ledgers.column_names if name != "id"},
            }
        ),
        dates=np.unique(date[going]),
        sources=sorted(
            set(names.filter(pa.array(deleted)).to_pylist())
            - set(names.filter(pa.array(~deleted)).unique().to_pylist())
        ),
    )


def _named(run: Run, scope: Scope) -> list[Ints]:
    """The entities that the scope names, and their neighbours: these may occur in no ledger."""
    if scope.pair is not None:
        return [np.array(scope.pair)]
    if scope.entity is not None:
        edges = statements.read_incident(run, [scope.entity])
        return [np.array([scope.entity]), _ids(edges, "source"), _ids(edges, "target")]
    return []


def _incident(run: Run, entities: Ints) -> Edges:
    """The outgoing and incoming associations of these entities, each once."""
    edges = edges_from_arrow(statements.read_incident(run, entities))
    order = np.lexsort((edges.target, edges.source))
    edges = edges.take(order)
    first = np.ones(len(edges), dtype=np.bool_)
    first[1:] = (edges.source[1:] != edges.source[:-1]) | (edges.target[1:] != edges.target[:-1])
    return edges.take(first)


def _between(scope: Scope, edges: Edges) -> Flags:
    """Which associations are removed because the scope names them."""
    if scope.pair is not None:
        return _joins(scope.pair, edges.source, edges.target)
    incident: Flags = (edges.source == scope.entity) | (edges.target == scope.entity)
    return incident


@dataclass(frozen=True, slots=True)
class _Evidence:
    """The first and last date of the remaining evidence of the affected entities."""

    entity: Ints
    first: Ints
    last: Ints


def _evidence(
    run: Run, scope: Scope, involved: Ints, *, passages: Ints, edges: Edges, remaining_events: Ledger
) -> _Evidence:
    mentions = statements.read_mentions(run, involved)
    kept = ~np.isin(_ids(mentions, "passage"), passages)
    ledger = remaining_events.take(
        np.isin(remaining_events.source, involved) | np.isin(remaining_events.target, involved)
    )
    entity = np.concatenate(
        [_ids(mentions, "entity")[kept], edges.source, edges.target, ledger.source, ledger.target]
    )
    mentioned = _ids(mentions, "time")[kept]
    first = np.concatenate([mentioned, edges.first_seen, edges.first_seen, ledger.time, ledger.time])
    last = np.concatenate([mentioned, edges.last_seen, edges.last_seen, ledger.time, ledger.time])
    ids, inverse = np.unique(entity, return_inverse=True)
    earliest = np.full(len(ids), np.iinfo(np.int64).max)
    latest = np.zeros(len(ids), dtype=np.int64)
    np.minimum.at(earliest, inverse, first)
    np.maximum.at(latest, inverse, last)
    known = np.isin(ids, involved)
    if scope.entity is not None:
        known &= ids != scope.entity
    return _Evidence(ids[known], earliest[known], latest[known])


def _undone(run: Run, scope: Scope, chosen: Ints, deleted: list[str]) -> pa.Table:
    """The undo records of aliases without the forgotten events: those are in no ledger meanwhile."""
    keys, undos = [], []
    for row in merged_aliases(run):
        undo = json.loads(row["undo"])
        lists = {
            name: {of: np.array(values) for of, values in undo[name].items()} for name in ("inner", "edges")
        }
        removed = {name: _undone_rows(scope, chosen, undo, columns) for name, columns in lists.items()}
        if row["key"] in deleted or not any(rows.any() for rows in removed.values()):
            continue
        for name, columns in lists.items():
            undo[name] = {of: values[~removed[name]].tolist() for of, values in columns.items()}
        # the associations that are kept hold these events too
        forgotten = undo.setdefault("forgotten", {of: [] for of in lists["inner"]})
        for of, values in lists["inner"].items():
            forgotten[of] += values[removed["inner"]].tolist()
        keys.append(row["key"])
        undos.append(json.dumps(undo))
    return pa.table({"key": pa.array(keys, pa.string()), "undo": pa.array(undos, pa.string())})


def _undone_rows(scope: Scope, chosen: Ints, undo: dict[str, Any], columns: dict[str, Ints]) -> Flags:
    source, target = columns["source"], columns["target"]
    if scope.entity is not None:
        named: Flags = (source == scope.entity) | (target == scope.entity)
        return named
    if scope.pair is not None:
        # an alias's own id means what the alias stands for
        own, other = undo["entity"]["id"], undo["target"]["id"]
        return _joins(
            scope.pair, np.where(source == own, other, source), np.where(target == own, other, target)
        )
    if "document" not in columns:
        return np.zeros(len(source), dtype=np.bool_)
    return np.isin(columns["document"], chosen) & scope.holds(columns["time"])


def _leftovers(run: Run, dates: Ints) -> Ints:
    """Entities that only replaced versions mentioned, alone in their sentences: identified by dates alone."""
    table = statements.lone_entities(run)
    only = np.isin(_ids(table, "first_seen"), dates) & np.isin(_ids(table, "last_seen"), dates)
    return _ids(table, "id")[only]


def _dates(run: Run, entities: Ints, forgotten: Ints, evidence: _Evidence) -> pa.Table:
    """The dates of the entities of which a forgotten document was the first or the last evidence."""
    table = statements.read_entities(run, entities)
    ids, first, last = _ids(table, "id"), _ids(table, "first_seen"), _ids(table, "last_seen")
    at = np.searchsorted(evidence.entity, ids)
    new_first = np.where(np.isin(first, forgotten), evidence.first[at], first)
    new_last = np.where(np.isin(last, forgotten), evidence.last[at], last)
    changed = (new_first != first) | (new_last != last)
    return pa.table(
        {
            "id": pa.array(ids[changed]),
            "first_seen": timestamps(new_first[changed]),
            "last_seen": timestamps(new_last[changed]),
        }
    )


def _carry_out(store: Store, change: Change, plan: _Plan) -> None:
    """Put a plan into a change."""
    # an entity that goes needs no counts
    counts = plan.counts.filter(pc.invert(pc.is_in(plan.counts["id"], pa.array(plan.entities))))
    alter_entities(change, store, NO_ENTITIES, counts)
    change.update("Entity", plan.dates)
    change.delete("Entity", keys(plan.entities))
    change.delete("Alias", plan.aliases)
    change.update("Alias", plan.undone)
    rewrite_passages(change, store, plan.passages.tolist(), NO_PASSAGES)
    if read_space(store.read) is not None:
        change.delete(EMBEDDING, keys(plan.passages))
    if plan.unhead is not None:
        headed = statements.headed_by(store.read, plan.unhead)
        if headed.num_rows:
            none = pa.nulls(headed.num_rows, pa.int64())
            change.update("Passage", headed.append_column("heading", none))
    rewrite_edges(store, change, plan.updated, plan.deleted)
    plan.loads.write(change)
    change.update("Document", plan.documents.changed)
    change.delete("Document", keys(plan.documents.deleted))
    change.delete("Source", pa.table({"name": pa.array(plan.documents.sources, pa.string())}))
    withdraw_reports(store, change, plan.documents.sources)
