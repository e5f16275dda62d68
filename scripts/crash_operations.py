"""What is done to a store while it is killed: every operation that writes, drawn by seed and number.

What an operation does follows from the seed, its number and what the store holds, so that a second store, on
which the same operations are done in peace, tells what the first one must hold. Each operation is small
enough to be one transaction. What memini refuses (an alias that is none, a source that is gone) is an outcome
like any other.
"""

from __future__ import annotations

import os
import random
import shutil
from contextlib import contextmanager
from typing import TYPE_CHECKING
from unittest.mock import patch

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from memini_kuzu.changes import kept
from memini_kuzu.config import Parameters
from memini_kuzu.dynamics.edges import associate
from memini_kuzu.errors import InputError, QueryError, UnknownEntityError
from memini_kuzu.extraction import RuleExtractor, canonical
from memini_kuzu.identity import stable_id
from memini_kuzu.memory import Memory
from memini_kuzu.records import Record
from memini_kuzu.store import Store, loads
from memini_kuzu.tables import edges_to_arrow
from memini_kuzu.times import DAY, from_millis, to_millis

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray


__all__ = ["BESIDE", "CHAPTER", "NOTES", "STORE", "Worker", "ends_at", "exact", "kind", "opened", "sentences"]

CHAPTER = 40
"""Operations on one store; the next one begins anew, so that stores stay small."""

DOCUMENTS = 5
"""New documents of an ingestion."""

EVENTS = 25
"""Rows of a table of events."""

START = to_millis("2025-01-01")

LATER = START + 10_000 * DAY
"""The present: after all that is told."""

STORE = "crash.memini"

BESIDE = {"exchange": "copy.memini", "backup": "backup.memini"}
"""The stores that operations make beside this one; each is to be its copy."""

NOTES = ("Note", "ABOUT")
"""The user's own tables."""

STAYS = (".lock", ".opening.lock", ".journal")
"""What may stand beside a store that is closed."""

PEOPLE = [
    f"{first} {last}" for first in ("Ada", "Grace", "Alan", "Mary", "Emmy") for last in ("Stone", "Rivers")
]
THINGS = ["harbour", "violin", "garden", "lantern", "compass", "orchard", "telescope", "bakery", "library"]
VERBS = ["visited", "painted", "described", "repaired", "bought", "photographed"]
SOURCES = ["source 0", "source 1", "source 2"]

ALIASES = [("Addie", PEOPLE[0]), (PEOPLE[1], PEOPLE[2]), (PEOPLE[4], PEOPLE[5]), ("Amazing G", PEOPLE[3])]
"""Names and what they stand for: two are entities themselves, which are united with others."""


RENAMED = ["Ada Brook", "Grace Field"]
"""What entities are renamed to."""


class Letters:
    """An embedder: how often a text has each of the first letters.

    Parameters
    ----------
    dimension : int
        How many letters; another number is another embedder.
    """

    def __init__(self, dimension: int = 6) -> None:
        self.name, self.dimension = f"letters/{dimension}", dimension

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """The vectors of texts."""
        letters = "etaoinshr"[: self.dimension]
        counts = [[text.lower().count(letter) for letter in letters] for text in texts]
        return np.array(counts, dtype=np.float32)


def opened(path: Path, *, read_only: bool = False, wait: float = 0.0) -> tuple[Store, Memory]:
    """A store, and the memory that it is; both close together.

    Parameters
    ----------
    path : Path
        The file; it is made where it is missing, unless `read_only`.
    read_only : bool
        Open it without the right to write.
    wait : float
        Seconds to wait for another process.
    """
    store = Store(path, create=not read_only, read_only=read_only, wait=wait)
    return store, Memory(store, extractor=RuleExtractor(), clock=lambda: LATER)


def sentences(chance: random.Random, number: int) -> str:
    """So many sentences."""
    return " ".join(
        f"{chance.choice(PEOPLE)} {chance.choice(VERBS)} the {chance.choice(THINGS)} "
        f"with {chance.choice(PEOPLE)} near the {chance.choice(THINGS)} {chance.randrange(40)}."
        for _ in range(number)
    )


def _randomness(seed: int, *parts: int | str) -> random.Random:
    return random.Random("/".join(map(str, (seed, *parts))))  # noqa: S311  operations, not secrets


def ends_at(number: int) -> int:
    """The number at which the chapter of this one is over."""
    return (number // CHAPTER + 1) * CHAPTER


def exact(number: int) -> bool:
    """Whether the ledgers of the chapter account for all of its associations."""
    return number // CHAPTER % 3 == 0


def kind(seed: int, number: int) -> str:
    """Which operation this one is.

    Parameters
    ----------
    seed : int
        Of all of them.
    number : int
        Of this one. In the first of three chapters every event is in a ledger and none is forgotten by
        maintenance; in the second events are loaded and not kept, so that retuning is refused; in the
        third maintenance forgets.
    """
    if number % CHAPTER == 0:
        return "add"
    chapter = number // CHAPTER % 3
    left_out = {0: FOREIGN | SPENDING, 1: {"retune"}, 2: FOREIGN}[chapter]
    names = [name for name in OPERATIONS if name not in left_out]
    weights = [OPERATIONS[name][0] for name in names]
    return _randomness(seed, number, "kind").choices(names, weights)[0]


class Worker:
    """Does operations on a store, one after the other.

    Parameters
    ----------
    folder : Path
        Its own; the files that operations read are in ``inputs`` beside it, for all workers.
    seed : int
        Of the operations.
    rehearses : bool
        Make no stores beside this one: only what becomes of the store itself is asked.
    """

    def __init__(self, folder: Path, seed: int, *, rehearses: bool = False) -> None:
        self.folder, self.seed, self.rehearses = folder, seed, rehearses
        self.inputs = folder.with_name("inputs")
        for needed in (folder, self.inputs):
            needed.mkdir(parents=True, exist_ok=True)
        self.open()

    @property
    def path(self) -> Path:
        """The store."""
        return self.folder / STORE

    def open(self) -> None:
        """Open the store, or make it."""
        self.store, self.memory = opened(self.path)

    def close(self) -> None:
        """Close it."""
        self.memory.close()

    def perform(self, number: int) -> str:
        """Do an operation.

        Parameters
        ----------
        number : int
            Which.

        Returns
        -------
        str
            ``done``, or the kind of error with which memini refused it.
        """
        name = kind(self.seed, number)
        try:
            with _preferring_swap(number % 2 == 0):
                OPERATIONS[name][1](self, number, _randomness(self.seed, number))
        except (InputError, UnknownEntityError, QueryError) as error:
            # any other error is of the file, which no operation here may meet
            return type(error).__name__
        return "done"

    def leftovers(self, number: int) -> list[str]:
        """What an operation that is done has left beside the file that it wrote anew."""
        name = kind(self.seed, number)
        if name in {"retune", "compact"}:
            return _beginning(self.folder, f".{STORE}.")
        return [] if name not in BESIDE else left_beside(self.folder / BESIDE[name])

    def prepared(self, name: str, write: Callable[[Path], None]) -> Path:
        """A file for an operation to read; all workers read the same, whoever writes it first."""
        path = self.inputs / name
        if not path.exists():
            work = self.inputs / f"{os.getpid()}-{name}"
            write(work)
            work.replace(path)
        return path


def left_beside(path: Path) -> list[str]:
    """What stands beside a closed store and should not."""
    names = [*_beginning(path.parent, f"{path.name}."), *_beginning(path.parent, f".{path.name}.")]
    return [name for name in names if name.removeprefix(path.name) not in STAYS]


def _beginning(folder: Path, name: str) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.name.startswith(name))


def clear(path: Path) -> None:
    """Remove a store and all that stands beside it."""
    for name in (*_beginning(path.parent, path.name), *_beginning(path.parent, f".{path.name}.")):
        there = path.with_name(name)
        if there.is_dir():
            shutil.rmtree(there)
        else:
            there.unlink(missing_ok=True)


@contextmanager
def _preferring_swap(swap: bool) -> Iterator[None]:  # noqa: FBT001
    """Let associations be written in either of the two ways, however many they are."""
    before = Store.prefers_swap
    Store.prefers_swap = lambda *_, **__: swap  # type: ignore[method-assign]
    try:
        yield
    finally:
        Store.prefers_swap = before  # type: ignore[method-assign]


# --- the operations ---


def _day(number: int, hours: float = 0.0) -> int:
    return START + round((number % CHAPTER + hours / 24) * DAY)


def _new_documents(seed: int, number: int) -> list[Record]:
    """The new records of an ingestion: always the same for the same seed and number."""
    chance = _randomness(seed, number, "new")
    return [
        Record(
            # the first is cut into several passages now and then
            sentences(chance, 61 if place == 0 and number % 4 == 0 else 1),
            _day(number, place),
            chance.choice(SOURCES),
            title=chance.choice(("", "", PEOPLE[-1])),
            id=f"{number}-{place}",
        )
        for place in range(DOCUMENTS)
    ]


def _documents(seed: int, number: int, chance: random.Random) -> list[Record]:
    """New records, two that change, and a late old version of a third."""
    records = _new_documents(seed, number)
    began = number - number % CHAPTER
    earlier = [one for one in range(began, number) if kind(seed, one) in {"add", "add with vectors"}]
    if earlier:
        for place, day in ((0, _day(number, 12)), (1, _day(number, 13)), (2, START - DAY)):
            old = _new_documents(seed, chance.choice(earlier[-3:]))[place]
            records.append(Record(sentences(chance, 2), day, old.source, title=old.title, id=old.id))
    return records


def _remember(worker: Worker, number: int, chance: random.Random) -> None:
    worker.memory.remember(
        sentences(chance, 1), time=from_millis(_day(number)), source=chance.choice(SOURCES)
    )


def _add(worker: Worker, number: int, chance: random.Random) -> None:
    worker.memory.add(_documents(worker.seed, number, chance))


def _add_with_vectors(worker: Worker, number: int, chance: random.Random) -> None:
    with Memory.open(
        worker.path, extractor=RuleExtractor(), clock=lambda: LATER, embedder=Letters()
    ) as memory:
        memory.add(_documents(worker.seed, number, chance))


def _embed(worker: Worker, _number: int, chance: random.Random) -> None:
    embedder = Letters(chance.choice((6, 6, 6, 4)))
    with Memory.open(worker.path, clock=lambda: LATER, embedder=embedder) as memory:
        memory.embed()


def _stream(chance: random.Random, number: int) -> list[tuple[str, str, int, float]]:
    pairs = [chance.sample(PEOPLE + THINGS, 2) for _ in range(EVENTS)]
    return [
        (source, target, _day(number, place), chance.choice((0.5, 1.0, 2.0)))
        for place, (source, target) in enumerate(pairs)
    ]


def _load_events(worker: Worker, number: int, chance: random.Random, *, keep_events: bool = True) -> None:
    def write(path: Path) -> None:
        rows = [
            f"{source},{target},{from_millis(time):%Y-%m-%dT%H:%M:%S},{amount}"
            for source, target, time, amount in _stream(chance, number)
        ]
        path.write_text("\n".join(["source,target,time,amount", *rows]) + "\n")

    path = worker.prepared(f"{number}-events.csv", write)
    worker.memory.load_events(path, both=number % 2 == 0, keep_events=keep_events)


def _load_without_events(worker: Worker, number: int, chance: random.Random) -> None:
    _load_events(worker, number, chance, keep_events=False)


def _copy_events(worker: Worker, number: int, chance: random.Random) -> None:
    # as many as these are written otherwise
    with patch.object(loads, "COPIED", 1), patch.object(kept, "PART", EVENTS // 4):
        _load_events(worker, number, chance)


def _load_edges(worker: Worker, number: int, chance: random.Random) -> None:
    stream = _stream(chance, number)
    names = sorted({name for source, target, *_ in stream for name in (source, target)})
    ids = {name: stable_id(canonical(name)) for name in names}

    def write_edges(path: Path) -> None:
        source, target, time, amount = zip(*stream, strict=True)
        edges = associate(
            np.array([ids[name] for name in source], dtype=np.int64),
            np.array([ids[name] for name in target], dtype=np.int64),
            np.array(amount) * worker.memory.parameters.impulse,
            np.array(time, dtype=np.int64),
            worker.memory.parameters,
        )
        pq.write_table(edges_to_arrow(edges), path)

    def write_names(path: Path) -> None:
        pq.write_table(pa.table({"id": list(ids.values()), "name": names}), path)

    worker.memory.load_edges(
        worker.prepared(f"{number}-edges.parquet", write_edges),
        entities=worker.prepared(f"{number}-entities.parquet", write_names),
    )


def _exchange(worker: Worker, _number: int, _chance: random.Random) -> None:
    """Export the store, and import what was exported as one beside it."""
    if worker.rehearses:
        return
    exported, copy = worker.folder / "exported", worker.folder / BESIDE["exchange"]
    shutil.rmtree(exported, ignore_errors=True)
    _remove(copy)
    worker.memory.export(exported)
    Memory.import_(copy, exported).close()


def _remove(path: Path) -> None:
    """Remove a store as its user would; what was left of the work on a new one stays."""
    for name in ("", *STAYS):
        path.with_name(path.name + name).unlink(missing_ok=True)


def _backup(worker: Worker, _number: int, _chance: random.Random) -> None:
    if worker.rehearses:
        return
    target = worker.folder / BESIDE["backup"]
    _remove(target)
    worker.memory.backup(target)


def _merge(worker: Worker, number: int, chance: random.Random) -> None:
    other = worker.folder / "other.memini"
    clear(other)
    with Memory.open(
        other, parameters=worker.memory.parameters, extractor=RuleExtractor(), clock=lambda: LATER
    ) as memory:
        memory.add(
            Record(sentences(chance, 1), _day(number, place), chance.choice(SOURCES), id=f"{number}-m{place}")
            for place in range(DOCUMENTS)
        )
        if worker.memory.stats().documents:
            # one that both have
            memory.add(_new_documents(worker.seed, number - number % CHAPTER)[1:2])
    worker.memory.merge(other, skip_known=True)


def _add_alias(worker: Worker, _number: int, chance: random.Random) -> None:
    worker.memory.alias_add(*chance.choice(ALIASES))


def _remove_alias(worker: Worker, _number: int, chance: random.Random) -> None:
    there = [alias.name for alias in worker.memory.alias_list()]
    worker.memory.alias_remove(chance.choice(there or ["nobody"]))


def _forget_source(worker: Worker, _number: int, chance: random.Random) -> None:
    worker.memory.forget(source=chance.choice(SOURCES))


def _forget_load(worker: Worker, _number: int, chance: random.Random) -> None:
    known = worker.memory.cypher("MATCH (l:Load) RETURN l.source AS source ORDER BY source").to_pylist()
    worker.memory.forget(source=chance.choice([row["source"] for row in known] or ["nowhere"]))


def _forget_dates(worker: Worker, number: int, chance: random.Random) -> None:
    since = _day(number) - chance.randrange(12) * DAY
    until = since + chance.randrange(1, 5) * DAY
    source = chance.choice((None, None, *SOURCES))
    worker.memory.forget(source=source, since=from_millis(since), until=from_millis(until))


def _forget_entity(worker: Worker, _number: int, chance: random.Random) -> None:
    worker.memory.forget(entity=chance.choice(PEOPLE + THINGS))


def _forget_association(worker: Worker, _number: int, chance: random.Random) -> None:
    one, other = chance.sample(PEOPLE, 2)
    worker.memory.forget(association=(one, other))


def _document(worker: Worker, chance: random.Random) -> str:
    """The id of one of the documents."""
    ids: list[str] = sorted(document.id for document in worker.memory.list(k=1000))
    return chance.choice(ids or ["0" * 16])


def _update(worker: Worker, _number: int, chance: random.Random) -> None:
    worker.memory.update(_document(worker, chance), sentences(chance, 2))


def _forget_document(worker: Worker, _number: int, chance: random.Random) -> None:
    worker.memory.forget(id=_document(worker, chance))


def _drop_entity(worker: Worker, _number: int, chance: random.Random) -> None:
    worker.memory.entity_drop(chance.choice(PEOPLE))


def _rename_entity(worker: Worker, _number: int, chance: random.Random) -> None:
    worker.memory.entity_rename(chance.choice(PEOPLE), chance.choice(RENAMED))


def _split_entity(worker: Worker, _number: int, chance: random.Random) -> None:
    name = chance.choice(PEOPLE)
    worker.memory.entity_split(name, f"{name} (the ship)", [chance.choice(SOURCES)])


def _undo_entity(worker: Worker, _number: int, chance: random.Random) -> None:
    edited = worker.memory.cypher(
        "MATCH (d:Dropped) RETURN d.name AS name UNION MATCH (s:Split) RETURN s.name AS name"
    )
    names = sorted(edited["name"].to_pylist()) if edited.num_rows else []
    worker.memory.entity_undo(chance.choice([*names, *PEOPLE[:2]]))


def _consolidate(worker: Worker, number: int, _chance: random.Random) -> None:
    worker.memory.consolidate(now=from_millis(START + (100 + number % CHAPTER) * DAY), threshold=0.0)


def _consolidate_and_forget(worker: Worker, number: int, _chance: random.Random) -> None:
    # late enough that what was told once is below the threshold
    worker.memory.consolidate(now=from_millis(START + (700 + 5 * (number % CHAPTER)) * DAY))


def _retune(worker: Worker, _number: int, chance: random.Random) -> None:
    worker.memory.retune(
        Parameters(tau_fast=chance.choice((2.0, 5.0, 8.0)), impulse=chance.choice((1.0, 1.0, 2.0)))
    )


def _compact(worker: Worker, _number: int, _chance: random.Random) -> None:
    worker.memory.compact()


def _create_note_table(worker: Worker, number: int, _chance: random.Random) -> None:
    if number % 2:
        worker.memory.cypher(
            "CREATE NODE TABLE IF NOT EXISTS Note(id INT64 PRIMARY KEY, text STRING)", write=True
        )
    else:
        worker.memory.cypher(
            "CREATE REL TABLE IF NOT EXISTS ABOUT(FROM Note TO Note, weight DOUBLE)", write=True
        )


def _write_note(worker: Worker, number: int, chance: random.Random) -> None:
    values = {"id": number, "text": sentences(chance, 1), "weight": chance.random()}
    queries = [
        "CREATE (:Note {id: $id, text: $text})",
        "CREATE (:Note {id: $id, text: $text})",
        "CREATE (:Note {id: $id, text: $text})",
        "MATCH (a:Note), (b:Note) WHERE a.id < b.id CREATE (a)-[:ABOUT {weight: $weight}]->(b)",
        "MATCH (a:Note) SET a.text = $text",
        "MATCH (a:Note) WITH a ORDER BY a.id LIMIT 1 DETACH DELETE a",
    ]
    query = chance.choice(queries)
    used = {name: value for name, value in values.items() if f"${name}" in query}
    worker.memory.cypher(query, used, write=True)


def _reopen(worker: Worker, _number: int, _chance: random.Random) -> None:
    worker.close()
    worker.open()


OPERATIONS: dict[str, tuple[int, Callable[[Worker, int, random.Random], None]]] = {
    "remember": (4, _remember),
    "add": (5, _add),
    "add with vectors": (2, _add_with_vectors),
    "embed": (2, _embed),
    "load events": (3, _load_events),
    "copy events": (2, _copy_events),
    "load without events": (2, _load_without_events),
    "load edges": (2, _load_edges),
    "exchange": (2, _exchange),
    "merge": (2, _merge),
    "update": (2, _update),
    "forget document": (1, _forget_document),
    "entity drop": (2, _drop_entity),
    "entity rename": (2, _rename_entity),
    "entity split": (2, _split_entity),
    "entity undo": (2, _undo_entity),
    "alias add": (3, _add_alias),
    "alias remove": (2, _remove_alias),
    "forget source": (1, _forget_source),
    "forget load": (1, _forget_load),
    "forget dates": (2, _forget_dates),
    "forget entity": (2, _forget_entity),
    "forget association": (2, _forget_association),
    "consolidate": (2, _consolidate),
    "consolidate and forget": (2, _consolidate_and_forget),
    "retune": (2, _retune),
    "compact": (1, _compact),
    "backup": (2, _backup),
    "note table": (2, _create_note_table),
    "note": (3, _write_note),
    "reopen": (2, _reopen),
}
"""How often each is drawn, and what it does."""

FOREIGN = {"load without events", "load edges"}

SPENDING = {"consolidate and forget"}
