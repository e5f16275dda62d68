"""A memory that grows: what taking texts in, asking, maintenance and backup cost, by the number of passages.

The texts are generated; a smaller memory holds the first passages of a larger one. A passage is a sentence
of ten words, three to five names, and what English joins them by. What there is to draw from grows with the
text, as in real text:

- Words: after n of them there are 44 n^0.49 different ones (the law of Heaps with the constants of
  Reuters-RCV1: Manning, Raghavan and Schütze, Introduction to Information Retrieval, 2008, 5.1.1),
  drawn by the law of Zipf and Mandelbrot of bench_words.py; the more common, the shorter.
- Names: after m mentions there are 4 m^0.75 people and places, drawn by a law of Zipf. They are real ones, of
  Faker's lists: an English given name with an Irish family name is a person, every twelfth name a town of
  Europe or India. The exponents are chosen for ten million associations of a million passages.

Mentions are prepared: the extractor hands out what the generator noted, so that extraction costs nothing.
Each size is filled, asked and maintained in processes of their own, so that each has its own peak of memory.
"""

from __future__ import annotations

import itertools
import json
import multiprocessing
import resource
import shutil
import sqlite3
import statistics
import tempfile
import time
from collections import deque
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, replace
from functools import cache, partial
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import bm25s
import numpy as np
from bench_common import NOW, Row, compare, timed
from bench_words import EXPONENT, OFFSET, spelled
from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table

from memini_kuzu.extraction import Mention
from memini_kuzu.extraction.canonical import canonical
from memini_kuzu.memory import Memory
from memini_kuzu.records import Record
from memini_kuzu.store import Store
from memini_kuzu.text.analysis import STOP_WORDS
from memini_kuzu.times import DAY

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from numpy.typing import NDArray

SMALLEST = 1_000
"""Passages of the smallest memory, where none smaller is asked for; each next one has ten times as many."""

SOURCE = 50
"""Passages of one source."""

SPAN = 5 * 365 * DAY
"""Over which the passages are dated."""

WORDS = 10
"""Words of a passage that are drawn."""

VERBS = ("told of", "wrote of", "asked for", "heard of", "spoke of", "read of", "learned of", "laughed at")

JOINED = ("the", "with the", "about the", "from the", "in the")
"""What stands behind each name of a passage, behind the verb: without such words it is not English."""

HEAPS_WORDS = (44.0, 0.49)
"""K and β of the number of different words, K nᵝ after n."""

FEWEST, MOST = 3, 5
"""Names of a passage."""

HEAPS_NAMES = (4.0, 0.75)
"""K and β of the number of people and places, K mᵝ after m mentions."""

ZIPF_NAMES = (5.0, 0.95)
"""Offset and exponent of the law by which they are drawn."""

PLACES = 12
"""Every such name is that of a town, as long as there are towns."""

TOWNS = (
    "it_IT",
    "sk_SK",
    "nl_NL",
    "da_DK",
    "cs_CZ",
    "de_DE",
    "ro_RO",
    "en_IN",
    "fi_FI",
    "pl_PL",
    "pt_PT",
    "hr_HR",
)
"""Locales of Faker that list towns."""

DRAWN = 1_000
"""Passages that are drawn together."""

OPENED = 3
"""How often the file is opened and read."""

ASKED_FIRST = 200
"""Questions at most until the read model is held."""

OWN = ["now", *(f"talk {number}" for number in range(20))]
"""The sources of a scope: of a person, say, who has told a thousand sentences."""

SETTLED = 5.0
"""Seconds in which what was told is brought into the file."""

MINUTE = 60_000

BM25S_MOST = 100_000
"""Passages up to which bm25s takes part: making its index of more takes minutes."""


Returned = TypeVar("Returned")


class Passage(NamedTuple):
    """A text, what it mentions, and a question that it answers."""

    text: str
    mentions: list[Mention]
    question: str


@cache
def _lists() -> tuple[list[str], list[str], list[str]]:
    """Given names, family names and towns, each once and in an order that is the same in every process."""

    def of(kind: str, locale: str, name: str) -> list[str]:
        return list(getattr(import_module(f"faker.providers.{kind}.{locale}").Provider, name))

    rng = np.random.default_rng(1)
    lists = (
        of("person", "en", "first_names"),
        of("person", "en_IE", "last_names"),
        itertools.chain.from_iterable(of("address", locale, "cities") for locale in TOWNS),
    )
    given, family, towns = (rng.permutation(sorted(set(names))).tolist() for names in lists)
    return given, family, towns


@cache
def _named(rank: int) -> tuple[str, str, str]:
    """Key, name and label of the entity of this rank."""
    given, family, towns = _lists()
    place, rest = divmod(rank, PLACES)
    if not rest and place < len(towns):
        name, label = towns[place], "GPE"
    else:
        # a stride that is prime to the number of combinations meets each once
        number = rank * 1_000_003 % (len(given) * len(family))
        first, last = divmod(number, len(family))
        name, label = f"{given[first]} {family[last]}", "PERSON"
    return canonical(name), name, label


def _grown(law: tuple[float, float], number: NDArray[np.int64]) -> NDArray[np.int64]:
    """How many different ones there are after so many, by the law of Heaps; a few at the very least."""
    factor, exponent = law
    return np.ceil(factor * np.maximum(number, 1) ** exponent).astype(np.int64) + MOST


def _shares(law: tuple[float, float], number: int) -> NDArray[np.float64]:
    offset, exponent = law
    return np.cumsum((np.arange(1, number + 1) + offset) ** -exponent)


def passages(count: int) -> Iterator[Passage]:
    """So many passages; the first ones are the same whatever the count."""
    per_passage = np.array([WORDS, (FEWEST + MOST) // 2])
    most = [
        int(_grown(law, np.array([each * (count + DRAWN)]))[0])
        for law, each in zip((HEAPS_WORDS, HEAPS_NAMES), per_passage.tolist(), strict=True)
    ]
    words, names = _shares((OFFSET, EXPONENT), most[0]), _shares(ZIPF_NAMES, most[1])
    for start in range(0, count, DRAWN):
        rng = np.random.default_rng([2, start])
        number = np.arange(start + 1, start + DRAWN + 1)
        of_words = _drawn(rng, words, _grown(HEAPS_WORDS, per_passage[0] * number), WORDS)
        of_names = _drawn(rng, names, _grown(HEAPS_NAMES, per_passage[1] * number), MOST)
        how_many = rng.integers(FEWEST, MOST + 1, DRAWN).tolist()
        rows = zip(itertools.cycle(VERBS), of_words, of_names, how_many, strict=False)
        for verb, told, who, many in itertools.islice(rows, count - start):
            yield _passage(verb, [spelled(rank) for rank in told], [_named(rank) for rank in who[:many]])


def _drawn(
    rng: np.random.Generator, share: NDArray[np.float64], known: NDArray[np.int64], many: int
) -> list[list[int]]:
    """So many ranks for each passage, of those that are known by then."""
    at = rng.random((len(known), many)) * share[known - 1][:, np.newaxis]
    rows: list[list[int]] = np.searchsorted(share, at).tolist()
    return rows


def _passage(verb: str, told: list[str], who: list[tuple[str, str, str]]) -> Passage:
    """A sentence that begins with a name and has the others between its words."""
    parts, mentions, length = [], [], 0
    for place, (key, name, label) in enumerate(who):
        mentions.append(Mention(key, name, label, 0, length))
        words = told[place * WORDS // len(who) : (place + 1) * WORDS // len(who)]
        parts.append(" ".join([name, *([] if place else [verb]), JOINED[place], *words]))
        length += len(parts[-1]) + 1
    question = f"What did {who[0][1]} tell about the {told[0]} and {told[2]}?"
    return Passage(f"{' '.join(parts)}.", mentions, question)


class Prepared:
    """The extractor that finds what it was told.

    Parameters
    ----------
    of : iterable of Passage
        Noted as they are taken by `records`, and forgotten once the extractor was asked for them.
    """

    identity = "prepared 1"

    def __init__(self, of: Iterable[Passage]) -> None:
        self._passages = of
        self._noted: dict[str, deque[list[Mention]]] = {}

    def records(self, count: int) -> Iterator[Record]:
        """The passages as records, dated over `SPAN`."""
        for number, passage in enumerate(self._passages):
            self.note(passage)
            yield Record(
                text=passage.text,
                source=f"talk {number // SOURCE}",
                time=NOW - SPAN + number * SPAN // count,
            )

    def note(self, passage: Passage) -> None:
        """Have the mentions of a passage ready."""
        self._noted.setdefault(passage.text, deque()).append(passage.mentions)

    def extract(self, texts: Iterable[str], *, processes: int = 1) -> Iterator[list[Mention]]:
        """What was noted of each text; nothing of one that was not."""
        del processes
        for text in texts:
            noted = self._noted.get(text)
            yield noted.popleft() if noted else []
            if noted is not None and not noted:
                del self._noted[text]


@dataclass(frozen=True, slots=True)
class _Filled:
    """What taking the passages in took: seconds of ours, of its processors and of SQLite; bytes."""

    seconds: float
    cpu: float
    floor: float
    peak: int
    text: int


def scale(passages: int, turns: int, keep: Path | None) -> list[Row]:
    """Memories of ever more passages, up to so many.

    Parameters
    ----------
    passages : int
        Of the largest.
    turns : int
        A passage remembered and a question asked, in each memory.
    keep : Path, optional
        Where the memories are left, and taken from if they are there.

    Returns
    -------
    list of Row
        Those of the smallest memory first.
    """
    smaller = itertools.takewhile(
        lambda size: size < passages, (SMALLEST * 10**power for power in itertools.count())
    )
    sizes = [*smaller, passages]
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) if keep is None else keep
        folder.mkdir(parents=True, exist_ok=True)
        rows = [row for size in sizes for row in _rows(folder, size, turns)]
    _show_growth(rows)
    return rows


def _rows(folder: Path, size: int, turns: int) -> list[Row]:
    """Those of one size. What is kept is not changed: copies are told and maintained."""
    path, floor, done = _places(folder, size)
    if not done.exists():
        filled = _in_process(_fill, path, floor, size)
        done.write_text(json.dumps(asdict(filled)))
    filled = _Filled(**json.loads(done.read_text()))
    with tempfile.TemporaryDirectory(dir=folder) as place:
        copies = Path(place) / path.name, Path(place) / floor.name
        for each in (path, path.with_name(f"{path.name}.journal"), floor):
            if each.exists():
                shutil.copyfile(each, Path(place) / each.name)
        return [
            *_in_process(_held, copies[0], copies[1], size, filled),
            *_in_process(_turns, *copies, size, turns),
            *_in_process(_kept_up, copies[0], size),
        ]


def _in_process(function: Callable[..., Any], *arguments: object) -> Any:
    spawning = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=spawning) as pool:
        return pool.submit(function, *arguments).result()


def _places(folder: Path, size: int) -> tuple[Path, Path, Path]:
    """The memory, SQLite's, and what filling them took: it is written last."""
    base = folder / f"passages-{size}"
    return base.with_suffix(".memini"), base.with_suffix(".sqlite"), base.with_suffix(".json")


def _fill(path: Path, floor: Path, size: int) -> _Filled:
    for each in (path, floor):
        for left in path.parent.glob(f"{each.name}*"):  # of a run that was ended
            left.unlink()
    text = sum(len(passage.text.encode()) for passage in passages(size))

    def ours() -> None:
        prepared = Prepared(passages(size))
        with Memory.open(path, extractor=prepared, clock=lambda: NOW) as memory:
            memory.add(prepared.records(size))

    def sqlite() -> None:
        with sqlite3.connect(floor) as database:
            database.execute("CREATE VIRTUAL TABLE told USING fts5(text)")
            database.executemany("INSERT INTO told VALUES (?)", ((each.text,) for each in passages(size)))
            database.commit()

    began = time.process_time()
    seconds = timed(ours)
    cpu, peak = time.process_time() - began, _peak()
    return _Filled(seconds, cpu, timed(sqlite), peak, text)


def _peak() -> int:
    """Bytes of memory at the most so far; kilobytes on Linux."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def _held(path: Path, floor: Path, size: int, filled: _Filled) -> list[Row]:
    """Taking in, the file, and opening it with its read model."""
    with Store(path) as store:
        entities, associations, mentions = (
            store.count(each) for each in ("entities", "associations", "mentions")
        )
    ingest = compare(
        "scale",
        "ingest",
        size,
        [filled.seconds],
        [filled.floor],
        note=f"floor: SQLite FTS5; {size / filled.seconds:,.0f} passages a second, "
        f"{filled.cpu:,.0f} s of CPU, peak memory {filled.peak / 2**30:.2f} GiB; {entities:,} entities, "
        f"{associations:,} associations, {mentions:,} mentions",
    )
    bytes_ours, bytes_floor = (each.stat().st_size for each in (path, floor))
    disk = Row(
        "scale",
        "bytes a passage",
        size,
        None,
        None,
        bytes_ours / size,
        note=f"{filled.text / size:.0f} of them text, {bytes_ours / filled.text:.1f} times as many; "
        f"SQLite {bytes_floor / size:,.0f}",
    )
    opened, held, models = zip(*(_opened(path) for _ in range(OPENED)), strict=True)
    opening = compare(
        "scale",
        "open and read all",
        size,
        list(held),
        list(opened),
        note=f"floor: opening alone; the read model takes {models[0] / 2**20:,.0f} MiB, "
        f"peak memory {_peak() / 2**30:.2f} GiB",
    )
    return [ingest, disk, opening]


def _opened(path: Path) -> tuple[float, float, int]:
    """Seconds until the file is open, and until all is read; bytes of the read model."""
    began = time.perf_counter()
    with Store(path) as store:
        opened = time.perf_counter() - began
        size = store.hold().nbytes
        return opened, time.perf_counter() - began, size


class _Series:
    """Seconds of calls, and of the processor that the calling thread had in them."""

    def __init__(self) -> None:
        self.seconds: list[float] = []
        self.cpu: list[float] = []

    def call(self, function: Callable[[], Returned]) -> Returned:
        """Measure one more."""
        cpu, began = time.thread_time(), time.perf_counter()
        returned = function()
        self.seconds.append(time.perf_counter() - began)
        self.cpu.append(time.thread_time() - cpu)
        return returned


def _turns(path: Path, floor: Path, size: int, turns: int) -> list[Row]:
    """Passages remembered and questions asked, one after the other, and then questions alone."""
    told = list(itertools.islice(passages(size + turns), size, None))
    prepared, times = Prepared(()), itertools.count(NOW, MINUTE)
    first, remembered, recalled, scoped, alone = (_Series() for _ in range(5))
    with Store(path) as store:
        memory = Memory(store, extractor=prepared, clock=lambda: next(times))

        def ask(series: _Series, passage: Passage, sources: list[str] | None = None) -> None:
            if not series.call(lambda: memory.recall(passage.question, sources=sources)).passages:
                raise RuntimeError(f"{passage.question!r} recalls nothing")

        for passage in passages(ASKED_FIRST):
            ask(first, passage)
            if store.model is not None:
                break
        held = store.model is not None
        for passage in told:
            prepared.note(passage)
            if remembered.call(partial(memory.remember, passage.text, source="now")).added != 1:
                raise RuntimeError(f"{passage.text!r} was not taken in")
            ask(recalled, passage)
            ask(scoped, passage, OWN)
        time.sleep(SETTLED)
        for passage in told:
            ask(alone, passage)
    note = (
        f"peak memory {_peak() / 2**30:.2f} GiB" if held else "all from the file: it is too large to be held"
    )
    inserted, searched = _sqlite(floor, told)
    rows = [
        _late("remember", size, remembered, inserted, "floor: SQLite FTS5, an insert and a commit"),
        _late("recall after it", size, recalled, searched, f"floor: SQLite FTS5; {note}"),
        _late(
            "recall in a scope after it", size, scoped, recalled.seconds, f"floor: of all; {len(OWN)} sources"
        ),
        _late("recall", size, alone, searched, "floor: SQLite FTS5"),
        compare(
            "scale",
            "until all is held",
            size,
            [sum(first.seconds)],
            [first.seconds[-1]],
            note=f"floor: the last of {len(first.seconds)} questions; the first took "
            f"{first.seconds[0]:.2f} s, half of them {statistics.median(first.seconds):.2f} s or less",
        ),
    ]
    if size <= BM25S_MOST:
        rows.append(_late("recall against bm25s", size, alone, _bm25s(size, told), "floor: bm25s"))
    return rows


def _sqlite(path: Path, told: Sequence[Passage]) -> tuple[list[float], list[float]]:
    """Seconds of each insert and of each question."""
    inserted, searched = [], []
    with sqlite3.connect(path) as database:
        for passage in told:
            began = time.perf_counter()
            database.execute("INSERT INTO told VALUES (?)", (passage.text,))
            database.commit()
            after = time.perf_counter()
            # function words are in all passages: with them it would take ten times as long
            asked = [word for word in passage.question.strip("?").split() if word.lower() not in STOP_WORDS]
            words = " OR ".join(f'"{word}"' for word in asked)
            query = "SELECT text FROM told WHERE told MATCH ? ORDER BY rank LIMIT 10"
            database.execute(query, (words,)).fetchall()
            searched.append(time.perf_counter() - after)
            inserted.append(after - began)
    return inserted, searched


def _bm25s(size: int, told: Sequence[Passage]) -> list[float]:
    index = bm25s.BM25()
    texts = [passage.text for passage in passages(size)]
    index.index(bm25s.tokenize(texts, show_progress=False), show_progress=False)

    def ask(question: str) -> None:
        index.retrieve(bm25s.tokenize(question, show_progress=False), k=10, show_progress=False)

    return [timed(partial(ask, passage.question)) for passage in told]


def _kept_up(path: Path, size: int) -> list[Row]:
    """A maintenance pass and a backup."""
    with Store(path) as store:
        memory = Memory(store, extractor=Prepared(()), clock=lambda: NOW + DAY)
        copied, target = path.with_suffix(".copy"), path.with_suffix(".backup")
        backup = timed(lambda: memory.backup(target))
        whole = _peak()
        floor = timed(lambda: shutil.copyfile(path, copied))
        read = timed(store.read_edges)
        passed = timed(memory.consolidate)
    peaks = (f"peak memory {peak / 2**30:.2f} GiB" for peak in (_peak(), whole))
    return [
        compare("scale", case, size, [ours], [least], note=f"floor: {what}; {peak}")
        for case, ours, least, what, peak in zip(
            ("consolidate", "backup"),
            (passed, backup),
            (read, floor),
            ("reading all associations", "copying the file"),
            peaks,
            strict=True,
        )
    ]


def _late(case: str, size: int, ours: _Series, floor: list[float], note: str) -> Row:
    row = compare("scale", case, size, ours.seconds, floor)
    late, least = (np.quantile(each, 0.95) * 1e3 for each in (ours.seconds, floor))
    cpu = statistics.median(ours.cpu) * 1e3
    return replace(row, note=f"{note}; p95 {late:.1f} ms, floor {least:.1f} ms; {cpu:.1f} ms of CPU")


def _show_growth(rows: list[Row]) -> None:
    """A line for each case, a column for each size, and how many times the smallest the largest is."""
    sizes = sorted({row.edges for row in rows})
    table = Table("median of", *(f"{size:,}" for size in sizes), "growth", box=SIMPLE)
    for case in dict.fromkeys(row.case for row in rows):
        found = {
            row.edges: row.ratio if row.median_s is None else row.median_s for row in rows if row.case == case
        }
        values = [f"{found[size]:.4g}" if size in found else "" for size in sizes]
        least, most = min(found), max(found)
        table.add_row(case, *values, f"{found[most] / found[least]:.2f} from {least:,} to {most:,}")
    Console().print(table)
