"""A memory in plain dicts and lists: what a store must hold after any history of writing operations.

Nothing here keeps a state of an association: it is computed from the list of its events, by the closed form,
whenever it is asked for. `scripts/oracle.py` plays the same operations on a store and compares.

Rules of the memory that are not evident:

- An event belongs to a document or to a load that kept its events (their ledgers), or to none. A maintenance
  pass drops events from the association, not from the ledger. Whatever computes that association anew from
  the ledgers may bring dropped events back: both outcomes are exact sums, so the oracle offers both
  (`Oracle.choices`) and takes the one that the store has.
- Where dropped events and events without a ledger meet in one association that loses events, only bounds are
  promised. Such an association is `Oracle.blurred`, and the history ends there.
- An entity that nothing speaks for any more may stay or go, unless `forget` touched it: then it goes.
"""

from __future__ import annotations

import hashlib
import math
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from memini_kuzu.dynamics import kernel
from memini_kuzu.extraction import canonical, tidy
from memini_kuzu.extraction.headings import speaker, title_mention
from memini_kuzu.identity import stable_id
from memini_kuzu.text.languages import detect
from memini_kuzu.text.segments import segment
from memini_kuzu.times import DAY

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from collections.abc import Set as AbstractSet

    from memini_kuzu.config import Parameters
    from memini_kuzu.extraction import Extractor
    from memini_kuzu.records import Record

__all__ = ["Alias", "Document", "Edge", "Entity", "Event", "Oracle", "Pair", "Passage", "Refused", "Row"]

Ends = tuple[int, int]
"""Ids of the entities of an association: where it leads from, and where to."""

Place = tuple[str, int]
"""A passage's source and position."""

Row = tuple[str | int, str | int, float, int]
"""A row of an event table: source and target (names or ids), amount, milliseconds since 1970."""

NEIGHBOURING, BACKWARD = 0.5, 0.5
"""Weights of a shared pair of neighbouring sentences, and of the way back; see `memini_kuzu.text.pairs`."""


class Refused(Exception):  # noqa: N818 - what the memory does, not what went wrong here
    """The memory must refuse the operation, and nothing may change."""


@dataclass(eq=False, slots=True)
class Event:
    """What adds to an association: the state (`fast`, `slow`) at a time.

    An event in a ledger has `slow` = 0. A row of folded edges counts as one event with both variables.
    `document` is the id of a document, or the identity of a load that kept its events.
    """

    source: int
    target: int
    fast: float
    time: int
    document: int | str | None = None
    slow: float = 0.0
    events: int = 1
    first: int = 0
    last: int = 0
    gone: bool = False
    kind: str = ""

    @property
    def ends(self) -> Ends:
        """The association's ends."""
        return self.source, self.target

    def rename(self, old: int, new: int) -> None:
        """Let one entity stand for another."""
        self.source = new if self.source == old else self.source
        self.target = new if self.target == old else self.target


@dataclass(frozen=True, slots=True)
class Edge:
    """A row of edges that were folded elsewhere."""

    source: int
    target: int
    fast: float
    slow: float
    as_of: int
    events: int
    first: int
    last: int


@dataclass(eq=False, slots=True)
class Pair:
    """An association: the events that it holds. Dates that no rule gives are None."""

    live: list[Event]
    first: int | None
    last: int | None
    ghosts: list[Event] = field(default_factory=list)
    """Events that were subtracted: what rounding may leave is in proportion to them."""
    loose: bool = False
    """Whether the dates may lie outside those of the events."""

    @property
    def latest(self) -> int:
        """The time of the last of its events."""
        return max(event.time for event in self.live)

    def strength(self, at: int, parameters: Parameters) -> tuple[float, float]:
        """Both variables at a time."""
        return strength(self.live, at, parameters)


@dataclass(slots=True)
class Entity:
    """An entity; its mentions and headings are counted from the passages. Dates may be unknown."""

    id: int
    key: str
    first: int
    last: int


@dataclass(slots=True)
class Passage:
    """A passage at its place."""

    record: str
    document: int
    title: str
    text: str
    time: int
    heading: int | None
    mentions: Counter[int]
    vector: bool
    language: str

    @property
    def said(self) -> tuple[str, str]:
        """What tells whether a passage is still the one that it was."""
        return self.title, self.text


@dataclass(slots=True)
class Document:
    """A document in its newest version, with the events of all."""

    source: str
    record: str
    title: str
    time: int
    digest: str
    versions: list[str]
    positions: list[int]
    events: list[Event]


@dataclass(slots=True)
class Undo:
    """What an entity brought to another when it became its alias."""

    old: int
    key: str
    dates: tuple[int, int]
    target: int
    target_dates: tuple[int, int]
    parameters: Parameters
    outer: list[tuple[Event, Ends]]
    """Events that were moved, and between whom they were."""
    inner: list[Event]
    """Events between the two, which are of nothing now."""
    kept: dict[Ends, list[Event]]
    """What each association held."""
    unaccounted: bool
    """Whether the ledgers did not tell all of it."""
    mentions: dict[Place, tuple[int, bool, tuple[str, str]]]
    aliases: list[str]
    loose: set[Ends]
    """Associations whose dates lay outside those of their events."""


@dataclass(slots=True)
class Alias:
    """Another name of an entity."""

    name: str
    entity: int
    undo: Undo | None


def strength(events: Sequence[Event], at: int, parameters: Parameters) -> tuple[float, float]:
    """The sum of what events have become."""
    if not events:
        return 0.0, 0.0
    p = kernel(np.array([(at - event.time) / DAY for event in events]), parameters)
    fast, slow = (np.array([getattr(event, name) for event in events]) for name in ("fast", "slow"))
    return math.fsum(p.ff * fast + p.fs * slow), math.fsum(p.sf * fast + p.ss * slow)


def amounts(sentences: dict[int, list[int]]) -> dict[Ends, float]:
    """What the mentions of one document add to each pair, by the equation of `memini_kuzu.text.pairs`."""
    distinct = {number: list(dict.fromkeys(entities)) for number, entities in sentences.items()}
    same: Counter[Ends] = Counter()
    near: Counter[Ends] = Counter()
    for number, entities in distinct.items():
        same.update((a, b) for place, a in enumerate(entities) for b in entities[place + 1 :])
        near.update((a, b) for a in entities for b in distinct.get(number + 1, ()) if a != b)
    found = {}
    for a, b in {*same, *near}:
        counts, weight = (same, 1.0) if (a, b) in same or (b, a) in same else (near, NEIGHBOURING)
        ahead, behind = counts[a, b], counts[b, a]
        total = ahead + behind
        for ends, one, other in (((a, b), ahead, behind), ((b, a), behind, ahead)):
            found[ends] = (1 + math.log(total)) * weight * (one + BACKWARD * other) / total
    return found


class Oracle:
    """A memory that is slow, simple and right.

    Parameters
    ----------
    parameters : Parameters
        The dynamics.
    now : int
        The present, milliseconds since 1970.
    extractor : Extractor
        Finds the mentions.
    """

    def __init__(self, parameters: Parameters, now: int, extractor: Extractor) -> None:
        self.parameters = parameters
        self.now = now
        self.extractor = extractor
        self.documents: dict[int, Document] = {}
        self.passages: dict[Place, Passage] = {}
        self.entities: dict[int, Entity] = {}
        self.aliases: dict[str, Alias] = {}
        self.pairs: dict[Ends, Pair] = {}
        self.counters: dict[str, int] = {}
        self.loads: dict[str, tuple[str, int]] = {}
        self.kept: dict[str, list[Event]] = {}
        self.embedder = False
        self.vectors = False
        self.choices: dict[Ends, list[Pair | None]] = {}
        self.blurred: set[Ends] = set()
        self.may_refuse = False

    # --- what there is ---

    def resolve(self, name: str) -> int:
        """The id of an entity, by its name or alias."""
        key = canonical(name)
        alias = self.aliases.get(key)
        identity = stable_id(key) if alias is None else alias.entity
        if not key or identity not in self.entities:
            raise Refused(f"no entity is named {name!r}")
        return identity

    def stands_for(self, identity: int) -> int:
        """What an id means here: an alias's own id means what the alias stands for."""
        return next(
            (alias.entity for key, alias in self.aliases.items() if stable_id(key) == identity), identity
        )

    def ledger(self) -> list[Event]:
        """All events of all documents and loads."""
        told = [event for document in self.documents.values() for event in document.events]
        return told + [event for events in self.kept.values() for event in events]

    def _filter_ledgers(self, gone: Callable[[Event], bool]) -> None:
        """Take events out of all ledgers."""
        for document in self.documents.values():
            document.events = [event for event in document.events if not gone(event)]
        self.kept = {
            identity: [event for event in events if not gone(event)] for identity, events in self.kept.items()
        }

    def evident(self) -> set[int]:
        """The entities that something speaks for."""
        found = {entity for passage in self.passages.values() for entity in passage.mentions}
        found.update(end for ends in self.pairs for end in ends)
        found.update(end for event in self.ledger() for end in event.ends)
        return found

    def _entity(self, identity: int, key: str, first: int, last: int) -> None:
        there = self.entities.get(identity)
        if there is None:
            self.entities[identity] = Entity(identity, key, first, last)
        else:
            if there.key == str(identity) and stable_id(key) == identity:
                there.key = key  # one that came as a number is named when somebody names it
            there.first, there.last = min(there.first, first), max(there.last, last)

    def _strengthen(self, event: Event) -> None:
        event.first, event.last = event.first or event.time, event.last or event.time
        self._unite_pair(event.ends, Pair([event], event.first, event.last))

    def _unite_pair(self, ends: Ends, pair: Pair) -> None:
        there = self.pairs.get(ends)
        if there is None:
            self.pairs[ends] = pair
            return
        there.live += pair.live
        there.ghosts += pair.ghosts
        there.loose |= pair.loose
        there.first = None if None in {there.first, pair.first} else min(there.first or 0, pair.first or 0)
        there.last = None if None in {there.last, pair.last} else max(there.last or 0, pair.last or 0)

    def _chosen(self, options: dict[Ends, list[Pair | None]]) -> None:
        """Take the first option; where there are several, the store may have any of them."""
        for ends, pairs in options.items():
            if pairs[0] is None:
                self.pairs.pop(ends, None)
            else:
                self.pairs[ends] = pairs[0]
            if len(pairs) > 1:
                self.choices[ends] = pairs

    # --- telling ---

    def add(self, records: Iterable[Record]) -> None:
        """Take in records."""
        records = list(records)
        for record in records:
            if not record.text.strip() or (record.time or 0) > self.now + DAY:
                raise Refused("a bad record")
        for record in records:
            self._tell(record)

    def _tell(self, record: Record) -> None:
        time = self.now if record.time is None else record.time
        digest = hashlib.blake2b(f"{record.title}\0{record.text}".encode(), digest_size=16).hexdigest()
        version = f"{digest}@{time}"
        name = record.id or hashlib.blake2b(version.encode(), digest_size=8).hexdigest()
        identity = stable_id(record.source, name)
        known = self.documents.get(identity)
        if known is not None and (digest == known.digest or version in known.versions):
            return
        texts = segment(record.text)
        passages, events = self._read(record, texts, time, identity, name)
        if known is None or time >= known.time:
            positions = [] if known is None else known.positions
            for position in positions:
                del self.passages[record.source, position]
            given = self.counters.get(record.source, 0)
            more = max(0, len(texts) - len(positions))
            self.counters[record.source] = given + more
            positions = [*positions[: len(texts)], *range(given, given + more)]
            for position, passage in zip(positions, passages, strict=True):
                self.passages[record.source, position] = passage
            ledger = [] if known is None else known.events
            versions = [] if known is None else known.versions
            known = Document(record.source, name, record.title, time, digest, versions, positions, ledger)
            self.documents[identity] = known
        known.versions.append(version)
        known.events += events
        for event in events:
            self._strengthen(event)
        self.vectors |= self.embedder

    def _read(
        self, record: Record, texts: list[str], time: int, identity: int, name: str
    ) -> tuple[list[Passage], list[Event]]:
        """The passages of a text and its events; its entities are met."""
        sentences: defaultdict[int, list[int]] = defaultdict(list)
        passages, base = [], 0
        for text, found in zip(texts, self.extractor.extract(texts), strict=True):
            heading = title_mention(record.title) or speaker(text)
            mentions = list(found)
            if heading is not None and not (mentions and mentions[0].key == heading.key):
                mentions.insert(0, heading)
            counts: Counter[int] = Counter()
            for mention in mentions:
                alias = self.aliases.get(mention.key)
                entity = stable_id(mention.key) if alias is None else alias.entity
                self._entity(entity, mention.key, time, time)
                counts[entity] += 1
                sentences[base + mention.sentence].append(entity)
            # neighbours across a cut are neighbours
            base += 1 + max((mention.sentence for mention in mentions), default=0)
            head = None if heading is None else self.resolve(heading.name)
            passages.append(
                Passage(
                    name,
                    identity,
                    record.title,
                    text,
                    time,
                    head,
                    counts,
                    self.embedder,
                    detect(record.text[record.lead :]),
                )
            )
        events = [
            Event(*ends, amount * self.parameters.impulse, time, identity)
            for ends, amount in amounts(sentences).items()
        ]
        return passages, events

    def load_events(
        self, identity: str, label: str, rows: Sequence[Row], *, both: bool, keep: bool, kind: str
    ) -> None:
        """Load an event table; `identity` tells files that hold the same."""
        self._refuse_bad(rows)
        if identity in self.loads:
            return
        self.loads[identity] = label, len(rows)
        if keep:
            self.kept[identity] = []
        # a row between two names of one entity is no event, and names it all the same
        named = {canonical(end) for row in rows for end in row[:2] if isinstance(end, str)}
        keys = {stable_id(key): key for key in named}
        for one, other, amount, time in rows:
            source, target = (
                self.stands_for(stable_id(canonical(end)) if isinstance(end, str) else end)
                for end in (one, other)
            )
            if source == target:  # two names of one entity
                continue
            for end in (source, target):
                self._entity(end, keys.get(end, str(end)), time, time)
            for ends in ((source, target), (target, source))[: 1 + both]:
                event = Event(*ends, amount * self.parameters.impulse, time)
                if keep:
                    event.document, event.kind = identity, kind
                    self.kept[identity].append(event)
                self._strengthen(event)

    def _refuse_bad(self, rows: Sequence[Row]) -> None:
        for row in rows:
            if not row[2] > 0 or row[3] > self.now + DAY:
                raise Refused("a bad row")
            if any(isinstance(end, str) and not canonical(end) for end in row[:2]):
                raise Refused("a bad name")

    def load_edges(self, identity: str, label: str, rows: Sequence[Edge], names: dict[int, str]) -> None:
        """Load edges that were folded elsewhere."""
        if identity in self.loads:
            return
        self.loads[identity] = label, sum(row.events for row in rows)
        for row in rows:
            source, target = self.stands_for(row.source), self.stands_for(row.target)
            if source == target:
                continue
            for end in (source, target):
                key = canonical(names[end]) if end in names else str(end)
                self._entity(end, key, row.first, row.last)
            self._strengthen(
                Event(source, target, row.fast, row.as_of, None, row.slow, row.events, row.first, row.last)
            )

    def embed(self) -> None:
        """Give every passage a vector."""
        if not self.embedder:
            raise Refused("no embedder")
        self.vectors = True
        for passage in self.passages.values():
            passage.vector = True

    # --- forgetting ---

    def forget_documents(self, source: str | None, since: int | None, until: int | None) -> None:
        """Forget documents, or versions of them."""
        if source is None and since is None and until is None:
            raise Refused("nothing is named")
        if since is not None and until is not None and since >= until:
            raise Refused("an empty interval")
        chosen = {
            identity: document
            for identity, document in self.documents.items()
            if source is None or document.source == source
        }
        loads = {
            identity: self._held(identity)
            for identity in self.kept
            if source is None or self.loads[identity][0] == source
        }
        if source is not None and not chosen and not loads:
            raise Refused("no such source")

        def holds(time: int) -> bool:
            return (since is None or time >= since) and (until is None or time < until)

        loaded = [event for identity in loads for event in self.kept[identity] if holds(event.time)]
        gone = [event for each in chosen.values() for event in each.events if holds(event.time)] + loaded
        for undo in self._undos():
            for event in undo.inner:
                event.gone |= event.document in {*chosen, *loads} and holds(event.time)
        touched = {end for event in gone for end in event.ends}
        dates = {event.time for event in loaded}
        for identity, document in chosen.items():
            mentioned, forgotten = self._forget_versions(identity, document, holds)
            touched |= mentioned
            dates |= forgotten
        remaining = {document.source for document in self.documents.values()}
        for name in {document.source for document in chosen.values()} - remaining:
            del self.counters[name]
        self._take(gone)
        self._orphans(touched)
        self._shrink(touched, dates)
        # a load that held nothing is not concerned by dates
        self._unload(load for load, held in loads.items() if held or (since is None and until is None))

    def _unload(self, loads: Iterable[str]) -> None:
        """Forget that something was loaded of which nothing is left."""
        for load in loads:
            if not self._held(load):
                del self.loads[load], self.kept[load]

    def _held(self, identity: str) -> bool:
        """Whether a load has events in its ledger, or an alias can give some back."""
        inner = [event for undo in self._undos() for event in undo.inner if not event.gone]
        return bool(self.kept[identity]) or any(event.document == identity for event in inner)

    def kinds(self) -> set[str]:
        """The kinds of the events that there are, or that an alias can give back."""
        inner = [event for undo in self._undos() for event in undo.inner if not event.gone]
        return {event.kind for event in [*self.ledger(), *inner] if event.kind}

    def _forget_versions(
        self, identity: int, document: Document, holds: Callable[[int], bool]
    ) -> tuple[set[int], set[int]]:
        """Forget versions of a document; whom its text mentioned, if it goes, and the dates of what goes."""
        dated = [(int(version.rpartition("@")[2]), version) for version in document.versions]
        stays = [(date, version) for date, version in dated if not holds(date)]
        mentioned = self._remove_passages(document) if holds(document.time) else set()
        document.versions = [version for _, version in stays]
        if not stays:
            del self.documents[identity]
        elif holds(document.time):
            document.digest = ""
            document.time = max(date for date, _ in stays)
        return mentioned, {date for date, _ in dated if holds(date)}

    def forget_entity(self, name: str) -> None:
        """Forget an entity; the passages stay."""
        entity = self.resolve(name)
        gone = [event for event in self.ledger() if entity in event.ends]
        touched = {end for event in gone for end in event.ends}
        touched.update(end for ends in self.pairs if entity in ends for end in ends)
        self.drop(entity)
        self._cut(gone, lambda ends: entity in ends)
        self._orphans(touched)

    def forget_pair(self, one: str, other: str) -> None:
        """Forget the association of two entities, in both directions."""
        a, b = self.resolve(one), self.resolve(other)
        joins = {(a, b), (b, a)}
        self._cut([event for event in self.ledger() if event.ends in joins], lambda ends: ends in joins)
        if a == b:
            # two names of one entity: what an alias would give back between them
            undos = [
                alias.undo for alias in self.aliases.values() if alias.entity == a and alias.undo is not None
            ]
            for event in (event for undo in undos for event in undo.inner):
                event.gone = True
        self._orphans({a, b})

    def _undos(self) -> list[Undo]:
        return [alias.undo for alias in self.aliases.values() if alias.undo is not None]

    def _remove_passages(self, document: Document) -> set[int]:
        """Delete a document's passages; whom they mention."""
        mentioned: set[int] = set()
        for position in document.positions:
            mentioned.update(self.passages.pop((document.source, position)).mentions)
        document.positions = []
        return mentioned

    def _cut(self, gone: list[Event], named: Callable[[Ends], bool]) -> None:
        """Forget events and whole associations."""
        for ends in [ends for ends in self.pairs if named(ends)]:
            for event in self.pairs.pop(ends).live:
                event.gone = True
        self._take(gone)

    def _take(self, gone: list[Event]) -> None:
        """Take events of ledgers back, from the ledgers and from the associations."""
        for event in gone:
            event.gone = True
        self._filter_ledgers(lambda event: event.gone)
        of_pair: defaultdict[Ends, list[Event]] = defaultdict(list)
        for event in gone:
            of_pair[event.ends].append(event)
        for ends, events in of_pair.items():
            if ends in self.pairs:
                self._chosen({ends: self._without(ends, events)})

    def _without(self, ends: Ends, events: list[Event]) -> list[Pair | None]:
        """An association without events that are in no ledger any more: what may be left of it."""
        pair = self.pairs[ends]
        left = [event for event in pair.live if event not in events]
        foreign = any(event.document is None for event in left)
        dropped = [event for event in self.ledger() if event.ends == ends and event not in left]
        if foreign:
            if dropped or any(event not in pair.live for event in events):
                self.blurred.add(ends)
            # no rule tells which of the dates belong to what is left
            return [Pair(left, pair.first, pair.last, pair.ghosts + events, loose=True)]
        return _options([*left, *dropped], left)

    def drop(self, entity: int) -> None:
        """Delete an entity with its aliases and mentions."""
        del self.entities[entity]
        for key in [key for key, alias in self.aliases.items() if alias.entity == entity]:
            del self.aliases[key]
        for passage in self.passages.values():
            passage.mentions.pop(entity, None)
            passage.heading = None if passage.heading == entity else passage.heading

    def _orphans(self, touched: set[int]) -> None:
        """Delete those of these entities for which nothing speaks any more."""
        for entity in (touched - self.evident()) & self.entities.keys():
            self.drop(entity)

    def _shrink(self, touched: set[int], dates: set[int]) -> None:
        """Date entities anew of which a forgotten document was the first or the last evidence."""
        for entity in touched & self.entities.keys():
            times = [event.time for event in self.ledger() if entity in event.ends]
            times += [passage.time for passage in self.passages.values() if entity in passage.mentions]
            for ends, pair in self.pairs.items():
                if entity in ends:
                    times += [date for date in (pair.first, pair.last) if date is not None]
            there = self.entities[entity]
            there.first = min(times) if there.first in dates else there.first
            there.last = max(times) if there.last in dates else there.last

    # --- maintenance ---

    def consolidate(self, threshold: float, keep: int | None) -> None:
        """Drop what is spent, and what a budget does not hold."""
        if not threshold >= 0 or (keep or 0) < 0:
            raise Refused("a negative threshold or budget")
        for ends, pair in list(self.pairs.items()):
            peak = max(pair.strength(max(self.now, pair.latest), self.parameters))
            if math.isclose(peak, threshold, rel_tol=1e-6) and threshold:
                self.blurred.add(ends)
            elif peak < threshold:
                del self.pairs[ends]
        if keep is not None and keep < len(self.pairs):
            self._spend(keep)

    def _spend(self, keep: int) -> None:
        """Keep the strongest. Where rounding decides which these are, the store may have any of the level."""
        fast = {
            ends: pair.strength(max(self.now, pair.latest), self.parameters)[0]
            for ends, pair in self.pairs.items()
        }
        order = sorted(fast, key=lambda ends: -fast[ends])
        strongest_dropped = fast[order[keep]]
        weakest_kept = fast[order[keep - 1]] if keep else math.inf
        level = {ends for ends in order if math.isclose(fast[ends], strongest_dropped, rel_tol=1e-6)}
        if math.isclose(weakest_kept, strongest_dropped, rel_tol=1e-6) or self.blurred:
            self.blurred |= level
        for ends in order[keep:]:
            if ends not in self.blurred:
                del self.pairs[ends]

    def retune(self, parameters: Parameters) -> None:
        """Compute all associations anew with other parameters."""
        if any(event.document is None for pair in self.pairs.values() for event in pair.live):
            raise Refused("events of no document")
        # where events without a ledger were loaded, a count that is short may hide one of them
        counted = Counter(event.ends for event in self.ledger())
        self.may_refuse = bool(self.loads.keys() - self.kept.keys()) and any(
            sum(event.events for event in pair.live) != counted[ends] for ends, pair in self.pairs.items()
        )
        ratio = parameters.impulse / self.parameters.impulse
        self.parameters = parameters
        self.pairs = {}
        for event in self.ledger():
            event.fast *= ratio
            self._strengthen(event)
        for undo in self._undos():
            for event in undo.inner:
                event.fast *= 1 if event.document is None else ratio

    # --- aliases ---

    def alias_add(self, name: str, entity: str) -> None:
        """Let a name stand for an entity."""
        key = canonical(name)
        if not key or key in self.aliases:
            raise Refused("no name, or an alias already")
        target = self.resolve(entity)
        if stable_id(key) == target:
            raise Refused("the entity's own name")
        undo = self._move(stable_id(key), target) if stable_id(key) in self.entities else None
        self.aliases[key] = Alias(tidy(name), target, undo)

    def _move(self, old: int, new: int) -> Undo:
        """Move all that one entity holds onto another."""
        source, target = self.entities.pop(old), self.entities[new]
        pairs = {ends: pair for ends, pair in self.pairs.items() if old in ends}
        told = [event for event in self.ledger() if old in event.ends]
        loaded = [event for pair in pairs.values() for event in pair.live if event.document is None]
        inner = [event for event in told + loaded if new in event.ends]
        outer = [(event, event.ends) for event in told + loaded if new not in event.ends]
        counted = Counter(event.ends for event in told)
        undo = Undo(
            old,
            source.key,
            (source.first, source.last),
            new,
            (target.first, target.last),
            self.parameters,
            outer,
            inner,
            {ends: list(pair.live) for ends, pair in pairs.items()},
            any(sum(event.events for event in pair.live) != counted[ends] for ends, pair in pairs.items()),
            {},
            [key for key, alias in self.aliases.items() if alias.entity == old],
            {ends for ends, pair in pairs.items() if pair.loose},
        )
        self._filter_ledgers(lambda event: event in inner)
        for event, _ in outer:
            event.rename(old, new)
        for ends, pair in pairs.items():
            del self.pairs[ends]
            if new not in ends:
                self._unite_pair(tuple(new if end == old else end for end in ends), pair)  # type: ignore[arg-type]
        for place, passage in self.passages.items():
            if old in passage.mentions:
                count = passage.mentions.pop(old)
                undo.mentions[place] = count, passage.heading == old, passage.said
                passage.mentions[new] += count
                passage.heading = new if passage.heading == old else passage.heading
        for key in undo.aliases:
            self.aliases[key].entity = new
        self._entity(new, target.key, source.first, source.last)
        return undo

    def alias_remove(self, name: str) -> None:
        """Let a name stand for itself again, and give back what was moved and is still there."""
        key = canonical(name)
        if key not in self.aliases:
            raise Refused("no alias")
        alias = self.aliases[key]
        undo = alias.undo
        if undo is None:
            del self.aliases[key]
            return
        part = {alias.entity, undo.target}
        part.update(end for _, ends in undo.outer for end in ends)
        part.update(end for ends in undo.kept for end in ends)
        self.may_refuse = any(other.old in part for other in self._undos() if other is not undo)
        if undo.unaccounted and undo.parameters != self.parameters:
            raise Refused("retuned since")
        del self.aliases[key]
        self._split(undo, alias.entity)

    def _split(self, undo: Undo, new: int) -> None:
        live = {event for pair in self.pairs.values() for event in pair.live}
        moved = [event for event, _ in undo.outer if not event.gone]
        # what the alias brought to them, a pass may have dropped
        shared = {event.ends for event in moved} & self.pairs.keys()
        spent = {event.ends for event in moved if event not in live}
        back = self._back(undo, new)
        live |= set(undo.inner)
        options: dict[Ends, list[Pair | None]] = {
            ends: self._rest(ends, set(back), spent=ends in spent) for ends in shared
        }
        whole: defaultdict[Ends, list[Event]] = defaultdict(list)
        for event in back:
            whole[event.ends].append(event)
        held = {event for events in undo.kept.values() for event in events}
        forgotten = {ends for event, ends in undo.outer if event.gone} | undo.loose
        forgotten |= {event.ends for event in undo.inner if event.gone}
        for ends, events in whole.items():
            kept = [event for event in events if event in held]
            options[ends] = _options(kept, events, [event for event in kept if event in live])
            if ends in forgotten and any(event.document is None for event in events):
                # no rule tells which of the dates belong to what is left
                for pair in filter(None, options[ends]):
                    pair.first, pair.last, pair.loose = None, None, True
        if self._mentions_back(undo, new) or whole:
            self._entity(undo.old, undo.key, *undo.dates)
            for key in undo.aliases:
                if key in self.aliases and self.aliases[key].entity == new:
                    self.aliases[key].entity = undo.old
        self._chosen(options)
        target = self.entities[new]
        (first, last), (alias_first, alias_last) = undo.target_dates, undo.dates
        target.first = first if target.first == min(first, alias_first) else target.first
        target.last = last if target.last == max(last, alias_last) else target.last

    def _back(self, undo: Undo, new: int) -> list[Event]:
        """Lead the events of an alias from and to it again, as far as they are there."""
        back = []
        for event, (source, target) in undo.outer:
            if not event.gone:
                event.source = undo.old if source == undo.old else event.source
                event.target = undo.old if target == undo.old else event.target
                back.append(event)
        for event in undo.inner:
            if not event.gone and event.document in {None, *self.documents, *self.kept}:
                event.rename(undo.target, new)
                back.append(event)
                if isinstance(event.document, str):
                    self.kept[event.document].append(event)
                elif event.document is not None:
                    self.documents[event.document].events.append(event)
        return back

    def _rest(self, ends: Ends, taken: set[Event], *, spent: bool) -> list[Pair | None]:
        """What may be left of an association from which an alias takes its own back."""
        pair = self.pairs[ends]
        left = [event for event in pair.live if event not in taken]
        dropped = [event for event in self.ledger() if event.ends == ends and event not in left]
        if not any(event.document is None for event in left):
            return _options([*left, *dropped], left)
        if dropped or spent:
            self.blurred.add(ends)
        rest = _pair(left)
        rest.ghosts = [*pair.ghosts, *(event for event in pair.live if event in taken)]
        # the store keeps two dates of an association, and none of a loaded event: which of them belong to
        # what is left, it cannot tell
        rest.first = rest.last = None
        rest.loose = True
        return [rest]

    def _mentions_back(self, undo: Undo, new: int) -> bool:
        """Give back the mentions of passages that are still the same; whether there were any."""
        found = False
        for place, (count, headed, said) in undo.mentions.items():
            passage = self.passages.get(place)
            if passage is None or passage.said != said or new not in passage.mentions:
                continue
            found = True
            passage.mentions[new] -= count
            passage.mentions += Counter()  # leaves out what is mentioned no more
            passage.mentions[undo.old] += count
            passage.heading = undo.old if headed else passage.heading
        return found

    # --- merging ---

    def merge(self, other: Oracle, *, skip_known: bool) -> None:
        """Add all that another memory holds. The other one is used up."""
        loaded = self.loads.keys() & other.loads.keys()
        if self.parameters != other.parameters or loaded - other.kept.keys():
            raise Refused("other parameters, or the same loads")
        skipped = self.documents.keys() & other.documents.keys()
        if (skipped or loaded) and not skip_known:
            raise Refused("the same documents or loads")
        other._leave_out(skipped, loaded)
        for key in self.aliases:
            if stable_id(key) in other.entities:
                other._rename(stable_id(key), self.aliases[key].entity)
        for alias in other.aliases.values():
            alias.entity = self.stands_for(alias.entity)
        other._shift(self.counters)
        for entity in other.entities.values():
            self._entity(entity.id, entity.key, entity.first, entity.last)
        self.documents |= other.documents
        self.passages |= other.passages
        self.counters |= other.counters
        self.loads |= other.loads
        self.kept |= other.kept
        self.vectors |= other.vectors
        self._merge_pairs(other)
        self._merge_aliases(other)

    def _merge_aliases(self, other: Oracle) -> None:
        """Take the aliases over whose names are neither aliases here nor entities."""
        self.aliases |= {
            key: alias
            for key, alias in other.aliases.items()
            if key not in self.aliases and stable_id(key) not in self.entities
        }

    def _leave_out(self, skipped: AbstractSet[int], loaded: AbstractSet[str]) -> None:
        """Take documents and loads out that the memory that this one is added to has."""
        gone: list[Event] = []
        for identity in skipped:
            document = self.documents.pop(identity)
            self._remove_passages(document)
            gone += document.events
        for load in loaded:
            del self.loads[load]
            gone += self.kept.pop(load)
        self._take(gone)
        for undo in self._undos():
            for event in undo.inner:
                event.gone |= event.document is not None and event.document in {*skipped, *loaded}

    def _rename(self, old: int, new: int) -> None:
        """Let an entity be another one, for good."""
        source = self.entities.pop(old)
        for event in [*self.ledger(), *(event for pair in self.pairs.values() for event in pair.live)]:
            event.rename(old, new)
            event.gone |= event.source == event.target
        self._filter_ledgers(lambda event: event.gone)
        for ends in [ends for ends in self.pairs if old in ends]:
            pair, choices = self.pairs.pop(ends), self.choices.pop(ends, None)
            renamed = (new if ends[0] == old else ends[0], new if ends[1] == old else ends[1])
            if choices is not None or (ends in self.blurred):
                self.blurred.add(renamed)
            if renamed[0] != renamed[1]:
                self._unite_pair(renamed, pair)
        for passage in self.passages.values():
            if old in passage.mentions:
                passage.mentions[new] += passage.mentions.pop(old)
            passage.heading = new if passage.heading == old else passage.heading
        self._entity(new, source.key, source.first, source.last)

    def _shift(self, counters: dict[str, int]) -> None:
        """Give the passages places after those that their sources have there already."""
        offset: Counter[str] = Counter(counters)
        self.passages = {
            (source, position + offset[source]): passage
            for (source, position), passage in self.passages.items()
        }
        for document in self.documents.values():
            document.positions = [position + offset[document.source] for position in document.positions]
        for undo in self._undos():
            undo.mentions = {
                (source, position + offset[source]): mention
                for (source, position), mention in undo.mentions.items()
            }
        self.counters = {source: given + offset[source] for source, given in self.counters.items()}

    def _merge_pairs(self, other: Oracle) -> None:
        self.blurred |= other.blurred
        for ends, pair in other.pairs.items():
            options = other.choices.get(ends, [pair])
            mine = self.pairs.get(ends)
            united: list[Pair | None] = []
            for option in options:
                both = [each for each in (mine, option) if each is not None]
                copies = [Pair([*p.live], p.first, p.last, [*p.ghosts], p.loose) for p in both]
                for ghost in copies[1:]:
                    self.pairs[ends] = copies[0]
                    self._unite_pair(ends, ghost)
                united.append(copies[0] if copies else None)
            self._chosen({ends: united})


def _pair(events: list[Event]) -> Pair:
    return Pair(events, min(event.first for event in events), max(event.last for event in events))


def _options(*candidates: list[Event]) -> list[Pair | None]:
    """Associations of these events, each set of them once."""
    found: dict[frozenset[Event], Pair | None] = {}
    for events in candidates:
        found.setdefault(frozenset(events), _pair(events) if events else None)
    return list(found.values())
