"""The queries of a recall: each looks up a bounded set of keys and what they are joined to, as Arrow.

A key can be looked up by primary key in a branch of its own, with all branches joined by UNION ALL: that
costs a millisecond or two a key in a store of any size, while ``WHERE id IN $ids`` scans the nodes and a join
reads all edges. In all but the largest stores the scan is cheaper, so the cheaper of the two is chosen.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from memini_kuzu.identity import stable_id
from memini_kuzu.store import view as seeing
from memini_kuzu.store.catalog import tables
from memini_kuzu.store.lookup import Name, Shown, best_scored, rarity
from memini_kuzu.store.terms import read_frequencies
from memini_kuzu.tables import column, positions, timestamps
from memini_kuzu.times import to_millis

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from memini_kuzu.store.store import Store
    from memini_kuzu.store.sums import Sums
    from memini_kuzu.store.view import View

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

__all__ = [
    "aliases_of",
    "aliases_to",
    "association",
    "association_seen",
    "associations_from",
    "associations_seen",
    "best_by_words",
    "dated_passages",
    "entities_by_id",
    "entity_named",
    "frequencies",
    "fulltext",
    "headed_passages",
    "labels_of",
    "mentions_of",
    "names_of",
    "passages_by_id",
    "passages_mentioning",
    "texts_of",
]

BRANCHES = 128
"""Most branches of one query: the time to compile a query grows faster than its branches."""

FEW_WORDS = 40
"""Up to this many words are looked up by primary key, each in a branch; more by a join."""

NODE_BRANCH = 2.5e-4
"""Seconds of a branch that looks up a node."""

HOP_BRANCH = 2.5e-3
"""Seconds of a branch that looks up a node and follows its relationships; most of it is compiling."""

SCAN = 1.6e-8
"""Seconds a row of a scan with IN."""

LATEST = datetime(2262, 1, 1, tzinfo=UTC)
"""Later than every date that a store accepts."""

SCAN_KEY = 8e-10
"""Seconds a row and key of a scan with IN."""

PASSAGE = """p.id AS id, p.record AS record, p.source AS source, p.position AS position, p.time AS time,
    p.heading AS heading, p.terms AS terms, p.words AS words"""

LINK = "e.id AS entity, p.id AS passage, p.heading AS heading"

LINKS = pa.schema([("entity", pa.int64()), ("passage", pa.int64()), ("heading", pa.int64())])

ENTITY = """e.id AS id, e.key AS key, e.name AS name, e.label AS label, e.mentions AS mentions,
    e.headings AS headings, e.first_seen AS first_seen"""

COUNTS = "e.id AS id, e.mentions AS mentions, e.headings AS headings"

MENTIONED = pa.schema([(name, pa.int64()) for name in ("passage", "id", "mentions", "headings")])


def _each(
    store: Store, branch: str, keys: Sequence[Any], parameters: dict[str, Any] | None = None
) -> pa.Table:
    """Run a query for each key, as ``$key`` in it, and concatenate the results."""
    tables = []
    for start in range(0, len(keys), BRANCHES):
        some = keys[start : start + BRANCHES]
        # only numbered parameter names enter the text; the keys themselves are parameters
        query = " UNION ALL ".join(branch.replace("$key", f"$key{number}") for number in range(len(some)))
        values = {f"key{number}": key for number, key in enumerate(some)}
        tables.append(store.read(query, {**(parameters or {}), **values}))
    return pa.concat_tables(tables)


def _lookup(
    store: Store,
    anchor: str,
    rest: str,
    keys: Sequence[Any],
    parameters: dict[str, Any] | None = None,
    *,
    field: str = "id",
) -> pa.Table:
    """Look up nodes by primary key and what they are joined to: by branches or a scan, the cheaper one.

    Parameters
    ----------
    store : Store
        An open store.
    anchor : str
        Variable and label of the nodes, such as ``e:Entity``.
    rest : str
        What follows the node in the query: an optional pattern, and RETURN.
    keys : sequence
        Primary keys, at least one.
    parameters : dict, optional
        Values of other ``$names``.
    field : str
        The primary key's name.

    Notes
    -----
    A filter on the relationship belongs in numpy, not in the query: with one, the scan reads all
    relationships (50 ms instead of 5 for 32 keys among 316,000).
    """
    variable, label = anchor.split(":")
    rows = store.size(label)
    branch = HOP_BRANCH if rest.lstrip().startswith(("-", "<")) else NODE_BRANCH
    if len(keys) * branch < rows * (SCAN + SCAN_KEY * len(keys)):
        return _each(store, f"MATCH ({anchor} {{{field}: $key}}){rest}", keys, parameters)
    pattern, result = rest.split("RETURN", 1)
    match, *bound = pattern.split("WITH", 1)
    carry = f" WITH{bound[0]}" if bound else " "
    query = f"MATCH ({anchor}){match} WHERE {variable}.{field} IN $keys{carry}RETURN{result}"
    return store.read(query, {**(parameters or {}), "keys": list(keys)})


def fulltext(
    store: Store,
    terms: str,
    top: int,
    until: datetime = LATEST,
    *,
    sums: Sums | None = None,
    view: View | None = None,
) -> pa.Table:
    """The best passages for analysed terms, best first, with their BM25 score (K 1.2, B 0.75).

    Parameters
    ----------
    store : Store
        An open store.
    terms : str
        The result of `analysis.analyse`.
    top : int
        The largest number of passages.
    until : datetime
        Later passages are ignored.
    sums : Sums, optional
        Of all passages, if the caller has read them already.
    view : View, optional
        What is seen, if not all until then.

    Returns
    -------
    pyarrow.Table
        The passage's columns, and score.
    """
    ids, scores = best_by_words(
        store, sorted(set(terms.split())), top, until, sums=sums or store.sums(), view=view
    )
    passages = passages_by_id(store, ids.tolist()) if len(ids) else tables()["Passage"].columns.empty_table()
    row = positions(ids, column(passages, "id").astype(np.int64))
    return passages.take(pa.array(row)).append_column("score", pa.array(scores))


def best_by_words(
    store: Store, words: Sequence[str], top: int, until: datetime, *, sums: Sums, view: View | None = None
) -> tuple[Ints, Floats]:
    """Ids and scores of the best passages for analysed terms, which are in a fixed order; see `fulltext`."""
    if view is not None and view.selection is not None:
        return view.selection.best(words, top)
    # any property of a passage costs more than following its words: the rest is read of the best ones only
    found = store.read(
        """
        MATCH (t:Term)-[o:OCCURS]->(p:Passage)
        WHERE t.term IN $words AND p.time <= $until
        RETURN t.term AS term, p.id AS id, o.tf AS tf, p.words AS words
        """,
        {"words": list(words), "until": until},
    )
    if not found.num_rows:
        return NO_IDS, NO_SCORES
    term = pc.index_in(found["term"], value_set=pa.array(words, pa.string())).to_numpy()
    ids, first, row = np.unique(column(found, "id"), return_index=True, return_inverse=True)
    tf = column(found, "tf")
    parts = [term == number for number in range(len(words))]
    return best_scored(
        [row[part] for part in parts],
        [tf[part] for part in parts],
        rarity(np.array([np.count_nonzero(part) for part in parts]), sums.passages),
        column(found, "words")[first],
        ids,
        sums.average,
        top,
    )


NO_IDS, NO_SCORES = np.zeros(0, dtype=np.int64), np.zeros(0)


def frequencies(store: Store, words: Sequence[str], view: View | None = None) -> dict[str, int]:
    """In how many passages each analysed term occurs, of all or of those that are seen."""
    if view is not None:
        found = seeing.frequencies(store, words, view)
    elif len(words) > FEW_WORDS:
        found = read_frequencies(store.read, words)
    elif words:
        table = _each(store, "MATCH (t:Term {term: $key}) RETURN t.term AS term, t.df AS df", words)
        found = dict(zip(table["term"].to_pylist(), table["df"].to_pylist(), strict=True))
    else:
        found = {}
    # a term that occurs in no passage has no row
    return dict.fromkeys(words, 0) | found


def aliases_of(store: Store, keys: Sequence[str]) -> pa.Table:
    """Those of these canonical keys that are aliases: key, and the entity that it resolves to."""
    return store.read(
        "MATCH (a:Alias) WHERE a.key IN $keys RETURN a.key AS key, a.entity AS entity", {"keys": list(keys)}
    )


def aliases_to(store: Store, ids: Sequence[int]) -> list[str]:
    """The keys of the aliases that resolve to these entities."""
    if not ids:
        return []
    table = store.read("MATCH (a:Alias) WHERE a.entity IN $ids RETURN a.key AS key", {"ids": list(ids)})
    return list(table["key"].to_pylist())


def entities_by_id(store: Store, ids: Sequence[int], view: View | None = None) -> pa.Table:
    """The entities of these ids, as they are or as they are seen; unknown ids are left out."""
    entities = _shown(store, _lookup(store, "e:Entity", f" RETURN {ENTITY}", ids))
    if view is None or not entities.num_rows:
        return entities
    return seeing.recount(store, seeing.there(entities, view), view)


def _shown(store: Store, entities: pa.Table) -> pa.Table:
    """A table without the entities that people have dropped; by its column id."""
    dropped = store.dropped()
    if not len(dropped) or not entities.num_rows:
        return entities
    return entities.filter(pa.array(~np.isin(column(entities, "id"), dropped)))


def headed_passages(store: Store, entities: Sequence[int], view: View | None = None) -> pa.Table:
    """Passages that these entities head; columns as of `passages_mentioning`."""
    if not entities:
        return LINKS.empty_table()
    if view is not None and view.selection is not None:
        return view.selection.linking(np.array(entities), headed=True)
    return _lookup(
        store,
        "e:Entity",
        f"<-[:MENTIONS]-(p:Passage) WITH e, p WHERE p.heading = e.id{_and_by(view)} RETURN {LINK}",
        entities,
        _time(view),
    )


def _and_by(view: View | None) -> str:
    return "" if view is None else " AND p.time <= $until"


def _time(view: View | None) -> dict[str, Any] | None:
    return None if view is None else {"until": view.until}


def dated_passages(
    store: Store, since: datetime, before: datetime, until: datetime, view: View | None = None
) -> pa.Table:
    """Ids and times of the passages in an interval, up to a time; reads the column of times."""
    if view is not None and view.selection is not None:
        ids, times = view.selection.dated(to_millis(since), to_millis(before))
        return pa.table({"id": ids, "time": timestamps(times)})
    return store.read(
        "MATCH (p:Passage) WHERE p.time >= $since AND p.time < $before AND p.time <= $until "
        "RETURN p.id AS id, p.time AS time",
        {"since": since, "before": before, "until": until},
    )


def mentions_of(store: Store, passages: Sequence[int], view: View | None = None) -> pa.Table:
    """The entities that these passages mention: passage, and the entity's id, mentions and headings."""
    if not passages:
        return MENTIONED.empty_table()
    table = _lookup(
        store, "p:Passage", f"-[:MENTIONS]->(e:Entity) RETURN p.id AS passage, {COUNTS}", passages
    )
    table = _shown(store, table)
    return table if view is None else seeing.recount(store, table, view)


def passages_mentioning(store: Store, entities: Sequence[int], view: View | None = None) -> pa.Table:
    """Passages that mention these entities: entity, passage and the passage's heading."""
    if not entities:
        return LINKS.empty_table()
    if view is not None and view.selection is not None:
        return view.selection.linking(np.array(entities), headed=False)
    by_then = "" if view is None else "WITH e, p WHERE p.time <= $until "
    return _lookup(
        store, "e:Entity", f"<-[:MENTIONS]-(p:Passage) {by_then}RETURN {LINK}", entities, _time(view)
    )


def passages_of(store: Store, entity: int, until: datetime, view: View | None = None) -> pa.Table:
    """The passages that mention an entity, up to a time: id, document, terms."""
    found = store.read(
        """
        MATCH (:Entity {id: $entity})<-[:MENTIONS]-(p:Passage) WHERE p.time <= $until
        RETURN p.id AS id, p.document AS document, p.terms AS terms
        """,
        {"entity": entity, "until": until},
    )
    if view is None or view.selection is None or not found.num_rows:
        return found
    return found.filter(pa.array(view.selection.rows(column(found, "id").astype(np.int64)) >= 0))


def associations_seen(store: Store, entities: Sequence[int], view: View) -> tuple[pa.Table, int]:
    """What `associations_from` gives of a view, and how many more there are whose strength is not known."""
    if not entities:
        return pa.table({}), 0
    known, unknown = (_shown(store, table) for table in seeing.outgoing(store, entities, view))
    none = pa.array(np.zeros(known.num_rows, dtype=np.int64))
    known = known.append_column("mentions", none).append_column("headings", none)
    return seeing.recount(store, known, view), unknown.num_rows


def associations_from(store: Store, entities: Sequence[int]) -> pa.Table:
    """All outgoing associations of these entities, at least one, as they are stored.

    Returns
    -------
    pyarrow.Table
        source, the target's id, mentions and headings, fast, slow, as_of and latest.
    """
    return _shown(
        store,
        _lookup(
            store,
            "s:Entity",
            f"""-[a:ASSOCIATES]->(e:Entity)
            RETURN s.id AS source, {COUNTS}, a.fast AS fast, a.slow AS slow, a.as_of AS as_of,
                a.last_seen AS latest
            """,
            entities,
        ),
    )


def names_of(store: Store, ids: Sequence[int]) -> dict[int, str]:
    """The names of these entities."""
    table = _lookup(store, "e:Entity", " RETURN e.id AS id, e.name AS name", ids)
    return dict(zip(table["id"].to_pylist(), table["name"].to_pylist(), strict=True))


def association(store: Store, source: int, target: int, now: datetime) -> pa.Table:
    """The association from one entity to another: strength, events and dates; no row if there is none."""
    return store.read(
        """
        MATCH (:Entity {id: $source})-[a:ASSOCIATES]->(e:Entity {id: $target})
        WITH a, $now AS now
        RETURN memini_fast(a, now) AS strength, a.events AS events, a.first_seen AS first_seen,
            a.last_seen AS last_seen
        """,
        {"source": source, "target": target, "now": now},
    )


def association_seen(store: Store, source: int, target: int, view: View) -> pa.Table:
    """What `association` gives of a view."""
    known, _ = seeing.outgoing(store, [source], view)
    known = known.filter(pa.array(column(known, "id") == target))
    return known.rename_columns({"began": "first_seen", "latest": "last_seen"})


def entity_named(store: Store, key: str, name: str) -> tuple[int, str] | None:
    """Id and name of the entity with this canonical key, with the key as an alias, or with this name.

    The name of a concept is its first spelling, perhaps in the plural, while its key is the singular. So an
    unknown key is compared with names; that reads all of them.
    """
    aliases = aliases_of(store, [key])
    identity = aliases["entity"][0].as_py() if aliases.num_rows else stable_id(key)
    table = store.read("MATCH (e:Entity {id: $id}) RETURN e.id AS id, e.name AS name", {"id": identity})
    if not table.num_rows:
        table = store.read(
            """
            MATCH (e:Entity) WHERE lower(e.name) = lower($name)
            RETURN e.id AS id, e.name AS name, e.mentions AS mentions ORDER BY mentions DESC, id LIMIT 1
            """,
            {"name": name},
        )
    return (table["id"][0].as_py(), table["name"][0].as_py()) if table.num_rows else None


def passages_by_id(store: Store, ids: Sequence[int]) -> pa.Table:
    """The passages of these ids; unknown ids are left out."""
    return _lookup(store, "p:Passage", f" RETURN {PASSAGE}", ids) if ids else pa.table({})


def labels_of(store: Store, ids: Sequence[int]) -> dict[int, Name]:
    """Names and labels of these entities."""
    if not ids:
        return {}
    table = _lookup(store, "e:Entity", " RETURN e.id AS id, e.name AS name, e.label AS label", ids)
    names = map(Name, table["name"].to_pylist(), table["label"].to_pylist())
    return dict(zip(table["id"].to_pylist(), names, strict=True))


def texts_of(store: Store, ids: Sequence[int]) -> dict[int, Shown]:
    """Titles, texts and documents of these passages."""
    if not ids:
        return {}
    returned = " RETURN p.id AS id, p.title AS title, p.text AS text, p.document AS document"
    table = _lookup(store, "p:Passage", returned, ids)
    shown = map(Shown, *(table[name].to_pylist() for name in Shown._fields))
    return dict(zip(table["id"].to_pylist(), shown, strict=True))
