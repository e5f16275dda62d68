"""Words: recall by them over the store's own tables, and writing them, against Kùzu's own full-text index."""

from __future__ import annotations

import math
import tempfile
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Self

import kuzu
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from bench_common import NOW, Row, alternate, compare, entity_ids

from memini_kuzu.config import Parameters
from memini_kuzu.store import Store, reading, schema
from memini_kuzu.store.catalog import tables
from memini_kuzu.store.change import Change
from memini_kuzu.store.engine import Draft
from memini_kuzu.store.engine.database import execute, open_database
from memini_kuzu.store.terms import count_terms
from memini_kuzu.store.writing import rewrite_passages
from memini_kuzu.tables import timestamps

if TYPE_CHECKING:
    from collections.abc import Sequence

    from memini_kuzu.store.sums import Sums

TOP = 50

MANY = 1_000
"""Passages that are written together."""

VOCABULARY = 130_000

OFFSET, EXPONENT = 15.0, 1.02
"""Of the law of Zipf and Mandelbrot by which words are drawn."""

LENGTH, SPREAD, SHORTEST = 53, 12, 5
"""Terms of a passage: mean, standard deviation, and the fewest."""

REPEATED = 0.22
"""Share of its terms that the passage had before: some 40 distinct ones remain."""

SYLLABLES = [a + b for a in "bcdfghjklmnprstvwxyz" for b in "aeiou"]

RARE, MIDDLE, COMMON = 2e-5, 3e-3, 0.1
"""In about which share of the passages the words occur that are asked for."""

LEAST = 3
"""In so many passages they occur at least."""

TOLERANCE = 1e-12
"""Relative difference of scores that are the same up to rounding."""

INDEX = (
    "CREATE NODE TABLE Stopword(word STRING PRIMARY KEY)",
    # a word that never occurs: stop words are dropped in analysis
    "CREATE (:Stopword {word: 'zqnostopword'})",
    "CALL CREATE_FTS_INDEX('Passage', 'words', ['terms'], stemmer := 'none', stopwords := 'Stopword')",
)


class Index:
    """A store's file that has the engine's index over its passages, in the place of our tables.

    Parameters
    ----------
    path : Path
        What `fill_index` made.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> Self:
        self._database = open_database(self._path, read_only=False)
        self._connection = kuzu.Connection(self._database)
        self._connection.execute("CALL enable_internal_catalog = true")
        names = execute(self._connection, "CALL show_tables() RETURN name AS name")["name"].to_pylist()
        self._hidden = {name.rsplit("_words_", 1)[1]: name for name in names if "_words_" in name}
        return self

    def __exit__(self, *exception: object) -> None:
        self._connection.close()
        self._database.close()

    def fulltext(self, terms: str, sums: Sums) -> pa.Table:
        """What `reading.fulltext` gives, asked of the index's own tables.

        QUERY_FTS_INDEX is no floor: it leaves out passages once one was deleted, and knows of no dates. As in
        ours, the columns are read of the best passages only, which takes less than reading those of all.
        """
        best = execute(
            self._connection,
            f"""
            MATCH (t:`{self._hidden["terms"]}`)
                -[a:`{self._hidden["appears_in"]}`]->(d:`{self._hidden["docs"]}`)
            WHERE t.term IN $words
            WITH d.docID AS doc, sum(log10(1 + ($n - t.df + 0.5) / (t.df + 0.5)) * a.tf * 2.2
                / (a.tf + 1.2 * (0.25 + 0.75 * d.len / $average))) AS score
            MATCH (p:Passage) WHERE offset(id(p)) = doc AND p.time <= $until
            RETURN p.id AS id, score AS score
            ORDER BY score DESC, id LIMIT $top
            """,
            {
                "words": sorted(set(terms.split())),
                "n": sums.passages,
                "average": sums.average,
                "top": TOP,
                "until": reading.LATEST,
            },
        )
        passages = execute(
            self._connection,
            f"MATCH (p:Passage) WHERE p.id IN $ids RETURN {reading.PASSAGE}",
            {"ids": best["id"].to_pylist()},
        )
        return passages.join(best, "id").sort_by([("score", "descending"), ("id", "ascending")])

    def write(self, rows: pa.Table) -> None:
        """Create passages in one transaction; the index follows."""
        columns = tables()["Passage"].columns.names
        if rows.num_rows == 1:
            assigned = ", ".join(f"{name}: ${name}" for name in columns)
            execute(self._connection, f"CREATE (:Passage {{{assigned}}})", rows.to_pylist()[0])
            return
        # of several rows in one chunk the index would take the first only
        chunks = pa.concat_tables([rows.slice(row, 1) for row in range(rows.num_rows)])
        assigned = ", ".join(f"{name}: {name}" for name in columns)
        execute(self._connection, f"LOAD FROM batch CREATE (:Passage {{{assigned}}})", batch=chunks)


def words(passages: int, runs: int) -> list[Row]:
    """Recall by words among so many passages, and writing more of them: over our tables, over the index."""
    rounds = max(runs, 5) * 2
    told = generated_passages(passages + rounds + 1 + MANY * (runs + 1))
    first, later = told.slice(0, passages), told.slice(passages)
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        with_tables, with_index = Path(folder) / "tables.memini", Path(folder) / "index.memini"
        asked = _asked(fill_tables(with_tables, first), passages)
        fill_index(with_index, first)
        sizes = with_tables.stat().st_size, with_index.stat().st_size
        with Store(with_tables) as store, Index(with_index) as index:
            sums = store.sums()
            for case, terms in asked.items():
                _check(store, index, terms)
                ours = partial(reading.fulltext, store, terms, TOP, sums=sums)
                floor = partial(index.fulltext, terms, sums)
                rows.append(_row(case, passages, alternate(rounds, ours, floor)))
            ones = [later.slice(number, 1) for number in range(rounds + 1)]
            rows.append(_row("one passage written", passages, _written(store, index, ones)))
            many = [later.slice(len(ones) + number * MANY, MANY) for number in range(runs + 1)]
            rows.append(_row(f"{MANY:,} passages written", passages, _written(store, index, many)))
            for terms in asked.values():
                _check(store, index, terms)
    note = f"{sizes[0] / 1e6:.1f} MB; floor: {sizes[1] / 1e6:.1f} MB with the engine's index"
    rows.append(Row("words", "size of the file", passages, None, None, sizes[0] / sizes[1], note=note))
    return rows


def generated_passages(count: int, seed: int = 0) -> pa.Table:
    """So many passages, of words whose frequency falls with a power of their rank; every column."""
    rng = np.random.default_rng(seed)
    share = np.cumsum((np.arange(VOCABULARY) + OFFSET) ** -EXPONENT)
    length = np.clip(rng.normal(LENGTH, SPREAD, count).astype(np.int64), SHORTEST, None)
    offset = np.concatenate([[0], np.cumsum(length)])
    word = np.searchsorted(share, rng.random(offset[-1]) * share[-1])
    start = np.repeat(offset[:-1], length)
    place = np.arange(offset[-1]) - start
    # some words are taken from among those before them in the passage
    again = (rng.random(offset[-1]) < REPEATED) & (place > 0)
    word = word[np.where(again, start + (rng.random(offset[-1]) * place).astype(np.int64), start + place)]
    lists = pa.ListArray.from_arrays(
        pa.array(offset, pa.int32()), pa.array(map(spelled, range(VOCABULARY))).take(pa.array(word))
    )
    terms = pc.binary_join(lists, " ")
    number = np.arange(count)
    return pa.table(
        {
            "id": entity_ids(count),
            "record": [f"record {n}" for n in number],
            "source": [f"source {n // MANY}" for n in number],
            "position": number % MANY,
            "title": [f"Record {n}" for n in number],
            "time": timestamps(NOW - number * 60_000),
            "document": entity_ids(count),
            "heading": pa.nulls(count, pa.int64()),
            "text": terms,
            "terms": terms,
            "words": length,
            "language": ["en"] * count,
        }
    )


def spelled(rank: int) -> str:
    """The word of this rank, from 0: the more common, the shorter."""
    word, rest = "", rank + len(SYLLABLES)
    while rest:
        rest, syllable = divmod(rest, len(SYLLABLES))
        word += SYLLABLES[syllable]
    return word


def fill_tables(path: Path, passages: pa.Table) -> pa.Table:
    """A store with these passages and their words; the rows of Term."""
    change = _change(passages)
    count_terms(change, lambda _: {}, passages.slice(0, 0), passages)
    with schema.building(path) as work, Draft(work) as draft:
        schema.fill(draft, Parameters(), change)
    [terms] = [part.rows for part in change.parts if part.table == "Term"]
    return terms


def fill_index(path: Path, passages: pa.Table) -> None:
    """The same store with the engine's index in the place of our tables of words, which stay empty."""
    with schema.building(path) as work, Draft(work) as draft:
        schema.fill(draft, Parameters(), _change(passages))
        for statement in INDEX:
            draft.run(statement)


def _change(passages: pa.Table) -> Change:
    change = Change()
    change.create("Passage", passages)
    sums = {"passages": passages.num_rows, "words": pc.sum(passages["words"]).as_py()}
    change.set_meta({name: str(value) for name, value in sums.items()}, ())
    return change


def _asked(terms: pa.Table, passages: int) -> dict[str, str]:
    """The words that are asked for, by the case; they occur about as often as is wanted."""
    # equally frequent ones by name, so that each run asks for the same
    terms = terms.sort_by("term")
    names, counts = terms["term"].to_pylist(), terms["df"].to_numpy()

    def near(share: float, number: int) -> list[str]:
        distance = np.abs(np.log(counts / max(share * passages, LEAST)))
        return [names[row] for row in np.argsort(distance, kind="stable")[:number].tolist()]

    (rare, *_), (common, *_) = near(RARE, 1), near(COMMON, 1)
    mixed = [*near(RARE, 2), *near(COMMON, 3)]
    mixed += [word for word in near(MIDDLE, len(mixed) + 3) if word not in mixed][:3]
    return {"1 rare word": rare, "1 common word": common, "8 mixed words": " ".join(mixed)}


def _written(store: Store, index: Index, batches: Sequence[pa.Table]) -> list[list[float]]:
    """Seconds of writing each batch; the first writes open what the later ones find open."""
    ours, floor = iter(batches), iter(batches)

    def write() -> None:
        with store.changing() as change:
            rewrite_passages(change, store, [], next(ours))

    series = alternate(len(batches), write, lambda: index.write(next(floor)))
    return [seconds[1:] for seconds in series]


def _check(store: Store, index: Index, terms: str) -> None:
    """Raise where the index scores otherwise than our tables."""
    ours, floor = (
        dict(zip(table["id"].to_pylist(), table["score"].to_pylist(), strict=True))
        for table in (reading.fulltext(store, terms, TOP), index.fulltext(terms, store.sums()))
    )
    same = len(ours) == len(floor) > 0 and np.allclose(
        list(ours.values()), list(floor.values()), rtol=TOLERANCE, atol=0.0
    )
    # of passages that are as good as the last one, each side may show others
    both = ours.keys() & floor.keys()
    least = min(ours.values()) * (1 + TOLERANCE)
    if not (
        same
        and all(math.isclose(ours[each], floor[each], rel_tol=TOLERANCE) for each in both)
        and all(ours.get(each, floor.get(each)) <= least for each in ours.keys() ^ floor.keys())
    ):
        raise RuntimeError(f"the index scores passages otherwise for {terms!r}")


def _row(case: str, passages: int, series: list[list[float]]) -> Row:
    ours, floor = series
    note = f"floor: the engine's index; the fastest {min(ours) * 1e3:.1f} ms, its {min(floor) * 1e3:.1f} ms"
    return compare("words", case, passages, ours, floor, note=note)
