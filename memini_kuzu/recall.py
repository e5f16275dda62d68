"""Recall: a cue in, passages with their reasons out. Read-only.

cue → seeds (full text, headings, dates) → what they mention → associations by their strength at `now` → passages
that mention those → scores by `activation`. A handful of Cypher queries over bounded sets, however large the
store.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from memini_kuzu import activation as spreading
from memini_kuzu.analysis import STOP_WORDS, terms
from memini_kuzu.dates import named_intervals
from memini_kuzu.errors import InputError, TimeError
from memini_kuzu.extraction import canonical
from memini_kuzu.identity import passage_id, stable_id
from memini_kuzu.store import reading
from memini_kuzu.tables import column
from memini_kuzu.times import DAY, from_millis

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from numpy.typing import NDArray

    from memini_kuzu.store import Store

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

__all__ = ["ActivatedEntity", "Path", "Recall", "RecalledPassage", "find_entities", "recall"]

TOP = 100
"""Passages read from the full-text index."""

SEEDS = 20
"""Of these the best spread; their weight falls with the square of the score, so that more add little."""

BEAM = 64
"""Entities that are followed a step, those first that bring most to each passage."""

COMMON = 50
"""An entity that more passages mention links none of them: it tells little, and costs much."""

TITLED = 0.5
"""Least share that a passage gets of the activation of the entity that heads it: it is about it."""

AFTERGLOW = 5 * DAY
"""Half-life of a date's facet after its interval: what happened is often told some days later."""

GRAM = 6
"""Words of the longest name that is looked for in a cue."""

K1, B = 1.2, 0.75
"""BM25, as the full-text index has it."""

WORD = re.compile(r"[\w'’&.+#-]+")


@dataclass(frozen=True, slots=True)
class RecalledPassage:
    """A passage that was recalled.

    Parameters
    ----------
    id : str
        The record's own id.
    source, title : str
        What it belongs to.
    position : int
        Where it stands in its source.
    time : datetime
        When it was said (UTC).
    score : float
        Comparable within one recall.
    text : str
        Verbatim.
    """

    id: str
    source: str
    title: str
    position: int
    time: datetime
    score: float
    text: str


@dataclass(frozen=True, slots=True)
class ActivatedEntity:
    """An entity that the cue brought to mind.

    Parameters
    ----------
    name, label : str
        As the store shows it.
    activation : float
        What reached it, relative to the most activated one.
    """

    name: str
    label: str
    activation: float


@dataclass(frozen=True, slots=True)
class Path:
    """Why a passage was recalled.

    Parameters
    ----------
    passage : str
        Id of the passage that it leads to.
    kind : str
        ``words`` of the cue in the passage; a ``heading`` or ``date`` named in the cue; a ``neighbour`` in the
        source; a ``mention`` or an ``association`` that leads here from another passage.
    through : tuple of str
        What it leads through, in order: words; the heading; the passage next to it; the passage that it starts
        from and the entities on the way.
    score : float
        What it contributed.
    strength : float or None
        w_f of the association at the time of the cue.
    last_seen : datetime or None
        Last evidence of the association, or the date of the passage that it starts from.
    """

    passage: str
    kind: str
    through: tuple[str, ...]
    score: float
    strength: float | None = None
    last_seen: datetime | None = None


@dataclass(frozen=True, slots=True)
class Recall:
    """What a cue brought to mind.

    Parameters
    ----------
    cue : str
        What was asked.
    now : datetime
        As of when.
    passages : tuple of RecalledPassage
        Best first.
    entities : tuple of ActivatedEntity
        Most activated first.
    paths : tuple of Path
        Why: those of the first passage first, the strongest of each first.
    """

    cue: str
    now: datetime
    passages: tuple[RecalledPassage, ...]
    entities: tuple[ActivatedEntity, ...]
    paths: tuple[Path, ...]

    def __iter__(self) -> Any:
        """The passages."""
        return iter(self.passages)

    def __len__(self) -> int:
        return len(self.passages)


@dataclass(slots=True)
class _Entity:
    id: int
    key: str
    name: str
    label: str
    mentions: int
    headings: int


@dataclass(slots=True)
class _Facet:
    """Something named in the cue that selects passages: counts like one more word."""

    kind: str
    name: str
    mass: float
    members: dict[int, float] = field(default_factory=dict)
    heading: int | None = None

    def membership(self, pool: _Pool) -> Floats:
        """From 0 to 1 for each passage of the pool."""
        if self.heading is not None:
            return (pool.heading == self.heading).astype(np.float64)
        return np.array([self.members.get(identity, 0.0) for identity in pool.ids])


class _Pool:
    """The candidate passages as columns, in the order in which they were found."""

    def __init__(self, until: int) -> None:
        self.row: dict[int, int] = {}
        self._until = until
        self._tables: list[pa.Table] = []

    def add(self, table: pa.Table) -> None:
        """Take in the passages of a table that are not there yet and not later than the cue."""
        if not table.num_rows:
            return
        keep = []
        for position, (identity, time) in enumerate(
            zip(table["id"].to_pylist(), column(table, "time").tolist(), strict=True)
        ):
            if identity not in self.row and time <= self._until:
                self.row[identity] = len(self.row)
                keep.append(position)
        if keep:
            self._tables.append(table.select(COLUMNS).take(keep))

    def __len__(self) -> int:
        return len(self.row)

    @property
    def ids(self) -> list[int]:
        return list(self.row)

    def table(self) -> pa.Table:
        return pa.concat_tables(self._tables).combine_chunks()

    @property
    def heading(self) -> Ints:
        return self.table()["heading"].fill_null(0).to_numpy()

    def saturation(self, words: Sequence[str], average: float) -> Floats:
        """tf / (tf + k1 (1 - b + b length / average)) of each word in each passage."""
        table = self.table()
        counts = [Counter(text.split(" ")) for text in table["terms"].to_pylist()]
        tf = np.array([[count[word] for word in words] for count in counts], dtype=np.float64)
        length = table["words"].to_numpy().astype(np.float64)
        norm = K1 * (1 - B + B * length / average)
        return tf.reshape(len(counts), len(words)) / (tf.reshape(len(counts), len(words)) + norm[:, None])


COLUMNS = ["id", "record", "source", "position", "title", "time", "heading", "terms", "words"]


def _idf(passages: int, selected: Any) -> Any:
    """ln(1 + (N - n + ½) / (n + ½))."""
    return np.log1p((passages - selected + 0.5) / (selected + 0.5))


def _entities(table: pa.Table) -> dict[int, _Entity]:
    names = ("id", "key", "name", "label", "mentions", "headings")
    return {row[0]: _Entity(*row) for row in zip(*(table[name].to_pylist() for name in names), strict=True)}


def find_entities(store: Store, text: str) -> dict[int, _Entity]:
    """The entities that a text names, by their names or aliases: longest first, none inside another.

    Parameters
    ----------
    store : Store
        Where.
    text : str
        A cue.

    Returns
    -------
    dict of int to entity
        By id, in order of the text.
    """
    words = WORD.findall(text)
    spans = [
        (start, start + length, key)
        for length in range(min(GRAM, len(words)), 0, -1)
        for start in range(len(words) - length + 1)
        if (key := canonical(" ".join(words[start : start + length]))) and key not in STOP_WORDS
    ]
    if not spans:
        return {}
    aliases = reading.aliases_of(store, [key for *_, key in spans])
    targets = dict(zip(aliases["key"].to_pylist(), aliases["entity"].to_pylist(), strict=True))
    ids = {key: targets.get(key, stable_id(key)) for *_, key in spans}
    there = _entities(reading.entities_by_id(store, sorted(set(ids.values()))))
    taken = [False] * len(words)
    found: list[tuple[int, _Entity]] = []
    for start, end, key in spans:
        if ids[key] in there and not any(taken[start:end]):
            found.append((start, there[ids[key]]))
            taken[start:end] = [True] * (end - start)
    return {entity.id: entity for _, entity in sorted(found, key=lambda item: item[0])}


def _mistyped(store: Store, text: str, unknown: set[str]) -> dict[int, _Entity]:
    """Entities whose names are an edit or two from a word of the cue that no passage holds."""
    found: dict[int, _Entity] = {}
    for word in WORD.findall(text):
        key = canonical(word)
        if len(key) < SHORTEST_TYPO or not unknown.intersection(terms(word)):
            continue
        edits = 1 if len(key) < LONG_NAME else 2
        found.update(_entities(reading.entities_like(store, key, edits, 1)))
    return found


SHORTEST_TYPO = 4
"""Letters below which one edit makes another word."""

LONG_NAME = 8
"""Letters from which two edits are forgiven."""


def recall(store: Store, cue: str, *, now: int, k: int = 10) -> Recall:
    """What a cue brings to mind.

    Parameters
    ----------
    store : Store
        Where; nothing in it is changed.
    cue : str
        A question, a name, some words.
    now : int
        As of when, in milliseconds since 1970: later passages are not seen, strengths are those of that moment.
    k : int
        How many passages, ≥ 1.

    Returns
    -------
    Recall
        Passages, entities and paths.

    Raises
    ------
    InputError
        If the cue is empty or `k` below 1.
    TimeError
        If all that the store knows of the cue is later than `now`.
    """
    if not cue.strip():
        raise InputError("the cue is empty; pass a question, a name or some words")
    if k < 1:
        raise InputError(f"k = {k}; pass how many passages to return, at least 1")
    return _Recollection(store, cue, now, k).result()


class _Recollection:
    """One recall on its way: the state that its steps share."""

    def __init__(self, store: Store, cue: str, now: int, k: int) -> None:
        self.store, self.cue, self.now, self.k = store, cue, now, k
        self.moment = from_millis(now)
        sums = store.sums()
        self.passages, self.average = sums.passages, sums.average
        self.pool = _Pool(now)
        self.entities: dict[int, _Entity] = {}

    def result(self) -> Recall:
        """Run the steps in their order."""
        self._read_cue()
        self._seed()
        self._spread()
        return self._read_out()

    def _read_cue(self) -> None:
        """Words, entities and dates of the cue; the facets that they select passages by."""
        self.named = find_entities(self.store, self.cue)
        counts = Counter(terms(self.cue))
        frequency = reading.frequencies(self.store, list(counts)) if counts else {}
        unknown = {word for word in counts if not frequency[word]}
        if unknown:
            self.named.update(_mistyped(self.store, self.cue, unknown))
        # an alias or a mistyped name brings the words of what it stands for
        extra = {word for entity in self.named.values() for word in terms(entity.key)} - set(counts)
        if extra:
            frequency |= reading.frequencies(self.store, sorted(extra))
            counts.update(extra)
        self.words = [word for word in counts if frequency[word]]
        df = np.array([frequency[word] for word in self.words], dtype=np.float64)
        self.idf = _idf(self.passages, df) * np.array([counts[word] for word in self.words], dtype=np.float64)
        self.entities.update(self.named)
        self.facets = [
            _Facet(
                "heading", entity.name, math.log1p(self.passages / entity.headings), heading=entity.id
            )
            for entity in self.named.values()
            if entity.headings
        ]
        self._read_dates()

    def _read_dates(self) -> None:
        members: dict[int, float] = {}
        for interval in named_intervals(self.cue, self.now):
            table = reading.dated_passages(
                self.store,
                from_millis(interval.start),
                from_millis(interval.end + 4 * AFTERGLOW),
                self.moment,
            )
            if table.num_rows:
                late = np.maximum(column(table, "time") - interval.end, 0)
                for identity, share in zip(table["id"].to_pylist(), 0.5 ** (late / AFTERGLOW), strict=True):
                    members[identity] = max(members.get(identity, 0.0), float(share))
        if members:
            mass = math.log1p(self.passages / sum(members.values()))
            self.facets.append(_Facet("date", "date", mass, members))

    def _seed(self) -> None:
        """Candidates from the full text, and those with a heading that the cue names; the best are seeds."""
        if self.words:
            self.pool.add(reading.fulltext(self.store, " ".join(self.words), TOP))
        self.hits = self.pool.ids
        rare = [entity.id for entity in self.named.values() if 0 < entity.headings <= COMMON]
        if rare:
            self.pool.add(reading.headed_passages(self.store, rare))
        if not len(self.pool):
            self.best = np.ones(len(self.words))
            self.mass = np.zeros(len(self.words))
            self.seeds: list[int] = []
            self.sent = np.zeros((0, len(self.words)))
            return
        saturation = self.pool.saturation(self.words, self.average)
        # 1 is where the word is covered best
        self.best = np.maximum(saturation.max(axis=0), 1e-9)
        self.mass = self.idf * self.best
        x = saturation / self.best
        score = x @ self.mass
        for facet in self.facets:
            if facet.kind == "heading":
                score += facet.mass * facet.membership(self.pool)
        order = np.argsort(-score, kind="stable")[:SEEDS]
        order = order[score[order] > 0]
        ids = self.pool.ids
        self.seeds = [ids[row] for row in order]
        self.sent = spreading.seed_weights(score[order])[:, None] * x[order]

    def _spread(self) -> None:
        """From the seeds to entities, along associations, and back to passages."""
        self.routes: list[_Routes] = []
        mentions = reading.mentions_of(self.store, self.seeds) if self.seeds else None
        if mentions is not None and mentions.num_rows:
            self.entities.update(_entities(mentions))
        # the last column is the cue's own names: they reach entities that no passage mentions
        self.entity_row = {identity: row for row, identity in enumerate(self.entities)}
        self.y = np.zeros((len(self.entity_row), len(self.words) + 1))
        self.seed_row = {identity: row for row, identity in enumerate(self.seeds)}
        self.given: dict[tuple[int, int], None] = {}
        if mentions is not None and mentions.num_rows:
            seed = np.array([self.seed_row[identity] for identity in mentions["passage"].to_pylist()])
            entity = np.array([self.entity_row[identity] for identity in mentions["id"].to_pylist()])
            self.y[:, :-1] = spreading.gather(self.sent, seed, entity, len(self.entity_row))
            self.given = dict.fromkeys(zip(seed.tolist(), entity.tolist(), strict=True))
        for identity in self.named:
            self.y[self.entity_row[identity], -1] = 1.0
        self._deliver_mentions()
        self._deliver_associations()
        self._add_neighbours()

    def _beam(self, activation: Floats, entities: list[_Entity]) -> list[_Entity]:
        """The entities that bring most to each passage, those named in the cue among them."""
        worth = activation[:, :-1] @ self.mass if len(self.mass) else np.zeros(len(entities))
        worth = worth / np.maximum([entity.mentions - 1 for entity in entities], 1)
        order = sorted(
            range(len(entities)), key=lambda row: (activation[row, -1] == 0, -worth[row], entities[row].id)
        )
        return [entities[row] for row in order[:BEAM] if activation[row].any()]

    def _deliver_mentions(self) -> None:
        self.beam = self._beam(self.y, [self.entities[identity] for identity in self.entity_row])
        linking = [entity for entity in self.beam if 1 < entity.mentions <= COMMON]
        heading = [entity for entity in self.beam if entity.mentions > COMMON and 0 < entity.headings <= COMMON]
        tables = []
        if linking:
            ids = [entity.id for entity in linking]
            tables.append(reading.passages_mentioning(self.store, ids))
        if heading:
            tables.append(reading.headed_passages(self.store, [entity.id for entity in heading]))
        for table in tables:
            self.pool.add(table)
        self.routes.append(_Routes(self, "mention", tables, self.y, self.entity_row))

    def _deliver_associations(self) -> None:
        self.associations = pa.table({})
        if not self.beam:
            return
        table = reading.associations_from(self.store, [entity.id for entity in self.beam], self.moment)
        # an association that began later is not there yet
        table = table.filter(pa.array(column(table, "began") <= self.now)) if table.num_rows else table
        self.associations = table
        if not table.num_rows:
            return
        targets = _entities(table)
        row = {identity: number for number, identity in enumerate(targets)}
        source = np.array([self.entity_row[identity] for identity in table["source"].to_pylist()])
        target = np.array([row[identity] for identity in table["id"].to_pylist()])
        self.z = spreading.step(self.y, source, target, column(table, "strength"), len(row))  # type: ignore[arg-type]
        self.target_row = row
        for identity, entity in targets.items():
            self.entities.setdefault(identity, entity)
        reached = [
            entity
            for entity in self._beam(self.z, list(targets.values()))
            if 0 < entity.mentions <= COMMON
        ]
        if reached:
            found = reading.passages_mentioning(self.store, [entity.id for entity in reached])
            self.pool.add(found)
            self.routes.append(_Routes(self, "association", [found], self.z, row))

    def _add_neighbours(self) -> None:
        """What stands around the full-text hits in their sources, and what the date facet selects."""
        if not len(self.pool):
            return
        table = self.pool.table().slice(0, len(self.hits))
        places = set(zip(table["source"].to_pylist(), table["position"].to_pylist(), strict=True))
        sizes = reading.source_sizes(self.store, sorted({source for source, _ in places})) if places else {}
        around = {
            (source, position + offset)
            for source, position in places
            for offset in range(-spreading.REACH, spreading.REACH + 1)
            if 0 <= position + offset < sizes[source]
        }
        wanted = {passage_id(source, position) for source, position in around - places}
        for facet in self.facets:
            if len(facet.members) <= 4 * TOP:
                wanted.update(facet.members)
        missing = sorted(wanted.difference(self.pool.row))
        if missing:
            self.pool.add(reading.passages_by_id(self.store, missing))

    def _read_out(self) -> Recall:
        if not len(self.pool):
            self._refuse_early_now()
            return Recall(self.cue, self.moment, (), self._activated(), ())
        table = self.pool.table()
        self.x = np.minimum(self.pool.saturation(self.words, self.average) / self.best, 1.0)
        h = np.zeros_like(self.x)
        for route in self.routes:
            h += route.hazard(len(self.pool))[:, :-1]
        names = table["source"].dictionary_encode().combine_chunks()
        self.source = names.indices.to_numpy().astype(np.int64)
        self.position = table["position"].to_numpy()
        unsaid = spreading.contiguity(self.x, self.source, self.position)
        score = spreading.readout(self.x, h, unsaid, self.mass)
        for facet in self.facets:
            score = score + facet.mass * facet.membership(self.pool)
        order = [int(row) for row in np.argsort(-score, kind="stable")[: self.k] if score[row] > 0]
        ids = self.pool.ids
        texts = reading.texts_of(self.store, [ids[row] for row in order]) if order else {}
        times = column(table, "time").tolist()
        record = {row: table["record"][row].as_py() for row in order}
        passages = tuple(
            RecalledPassage(
                id=record[row],
                source=table["source"][row].as_py(),
                title=table["title"][row].as_py(),
                position=int(self.position[row]),
                time=from_millis(times[row]),
                score=float(score[row]),
                text=texts[ids[row]],
            )
            for row in order
        )
        return Recall(self.cue, self.moment, passages, self._activated(), tuple(self._paths(order, table, times)))

    def _refuse_early_now(self) -> None:
        """Say so where nothing is found because `now` lies before all that the store holds."""
        first = self.store.first_seen()
        if first is not None and self.now < first:
            raise TimeError(
                f"now = {self.moment:%Y-%m-%d %H:%M} is before the store's first event; "
                f"pass a now no earlier than {from_millis(first):%Y-%m-%d %H:%M}"
            )

    def _activated(self) -> tuple[ActivatedEntity, ...]:
        """The entities that were reached, by mentions or associations."""
        total = self.mass.sum()
        weights = np.append(self.mass / total if total > 0 else self.mass, 1.0)
        activation: Counter[int] = Counter()
        for identity, row in self.entity_row.items():
            activation[identity] += float(self.y[row] @ weights)
        if self.associations.num_rows:
            for identity, row in self.target_row.items():
                activation[identity] += float(self.z[row] @ weights)
        top = max(activation.values(), default=0.0)
        return tuple(
            ActivatedEntity(self.entities[identity].name, self.entities[identity].label, value / top)
            for identity, value in sorted(activation.items(), key=lambda item: (-item[1], item[0]))[: max(self.k, 10)]
            if value > 0
        )

    def _paths(self, order: list[int], table: pa.Table, times: list[int]) -> Iterable[Path]:
        """Why each passage was recalled: its strongest reasons."""
        for row in order:
            found = [*self._own_paths(row, table), *self._neighbour_paths(row, table, times)]
            for route in self.routes:
                found.extend(route.paths(row, table, times))
            yield from sorted(found, key=lambda path: -path.score)[:PATHS]

    def _own_paths(self, row: int, table: pa.Table) -> Iterable[Path]:
        record = table["record"][row].as_py()
        covered = self.x[row] * self.mass
        words = [self.words[number] for number in np.argsort(-covered) if covered[number] > 0]
        if words:
            yield Path(record, "words", tuple(words), float(covered.sum()))
        for facet in self.facets:
            share = float(facet.membership(self.pool)[row])
            if share > 0:
                yield Path(record, facet.kind, (facet.name,), facet.mass * share)

    def _neighbour_paths(self, row: int, table: pa.Table, times: list[int]) -> Iterable[Path]:
        offset = self.position[row] - self.position
        near = (self.source == self.source[row]) & (offset != 0) & (np.abs(offset) <= spreading.REACH)
        for other in np.flatnonzero(near).tolist():
            weight = spreading.NEAR ** abs(int(offset[other])) * (1.0 if offset[other] > 0 else spreading.REVERSE)
            gain = float(((1 - self.x[row]) * weight * self.x[other]) @ self.mass)
            if gain > 0:
                yield Path(
                    table["record"][row].as_py(),
                    "neighbour",
                    (table["record"][other].as_py(),),
                    gain,
                    last_seen=from_millis(times[other]),
                )


PATHS = 4
"""Reasons that are given for each passage."""


class _Routes:
    """The ways on which activation came back to passages in one step."""

    def __init__(
        self,
        recollection: _Recollection,
        kind: str,
        tables: list[pa.Table],
        activation: Floats,
        entity_row: dict[int, int],
    ) -> None:
        self.recollection, self.kind, self.activation = recollection, kind, activation
        pool = recollection.pool.row
        rows: dict[tuple[int, int], float] = {}
        for table in tables:
            for entity, passage, heading in zip(
                table["entity"].to_pylist(), table["id"].to_pylist(), table["heading"].to_pylist(), strict=True
            ):
                if passage in pool:
                    rows[entity, passage] = self._share(recollection.entities[entity], heading)
        self.entity_ids = [entity for entity, _ in rows]
        self.entity = np.array([entity_row[entity] for entity, _ in rows], dtype=np.int64)
        self.passage = np.array([pool[passage] for _, passage in rows], dtype=np.int64)
        self.share = np.array(list(rows.values()), dtype=np.float64)
        self.own = np.zeros((len(rows), activation.shape[1]))
        if kind == "mention":
            for number, (_, passage) in enumerate(rows):
                seed = recollection.seed_row.get(passage)
                if seed is not None:
                    self.own[number, :-1] = recollection.sent[seed]

    def _share(self, entity: _Entity, heading: int | None) -> float:
        if self.kind == "association":
            return 1.0 / entity.mentions
        share = 1.0 / (entity.mentions - 1) if 1 < entity.mentions <= COMMON else 0.0
        # a passage is about what heads it, however many mention that
        return max(share, TITLED) if heading == entity.id and entity.headings <= COMMON else share

    def hazard(self, n_passages: int) -> Floats:
        """h of these routes; later candidates have none."""
        return spreading.deliver(
            self.activation, self.entity, self.passage, self.share, self.own, n_passages
        )

    def paths(self, row: int, table: pa.Table, times: list[int]) -> Iterable[Path]:
        """The best way to a passage through each entity that it mentions."""
        state = self.recollection
        for number in np.flatnonzero(self.passage == row).tolist():
            arrived = self.share[number] * np.maximum(self.activation[self.entity[number]] - self.own[number], 0)
            gain = float(((1 - state.x[row]) * -np.expm1(-arrived[:-1])) @ state.mass)
            if gain <= 0:
                continue
            entity = self.entity_ids[number]
            record = table["record"][row].as_py()
            if self.kind == "mention":
                seed = self._seed_of(entity, row)
                if seed is not None:
                    name = state.entities[entity].name
                    origin = table["record"][seed].as_py()
                    yield Path(record, "mention", (origin, name), gain, last_seen=from_millis(times[seed]))
                continue
            best = self._association_to(entity)
            seed = self._seed_of(best["source"], row)
            start = table["record"][seed].as_py() if seed is not None else state.cue
            yield Path(
                record,
                "association",
                (start, state.entities[best["source"]].name, state.entities[entity].name),
                gain,
                strength=best["strength"],
                last_seen=best["latest"],
            )

    def _seed_of(self, entity: int, row: int) -> int | None:
        """The seed that gave the entity most, other than the passage itself."""
        state = self.recollection
        number = state.entity_row.get(entity)
        givers = [
            seed for seed, given in state.given if given == number and state.pool.row[state.seeds[seed]] != row
        ]
        if not givers:
            return None
        best = max(givers, key=lambda seed: float(state.sent[seed] @ state.mass))
        return state.pool.row[state.seeds[best]]

    def _association_to(self, entity: int) -> dict[str, Any]:
        """The association that brought most to an entity."""
        state = self.recollection
        table = state.associations
        leading = np.flatnonzero(table["id"].to_numpy() == entity)
        activation = [
            float(state.y[state.entity_row[table["source"][int(row)].as_py()], :-1] @ state.mass) for row in leading
        ]
        strength = column(table, "strength")[leading]
        best = int(leading[int(np.argmax(np.array(activation) * strength.astype(np.float64)))])
        row: dict[str, Any] = {name: table[name][best].as_py() for name in ("source", "strength")}
        row["latest"] = from_millis(int(column(table, "latest")[best]))
        return row
