#!/usr/bin/env python3
"""Measure recall in a world that changes: does what is true now stand before what once was, or never was.

    python scripts/evaluate_changing.py DIR… [--json FILE]

DIR holds ``corpus.jsonl`` (id, text, time, source, title) and ``queries.jsonl`` (text, time, category,
relevant: ids of what says the current value, stale: ids of what says another one), and perhaps
``queries-past.jsonl``, whose questions are about the past; or it holds such folders. Every method sees a
stream: what was told until a question's time, and nothing after it. No LLM takes part.

Methods: ``bm25`` (Snowball stems, English stop words, k₁ 1.2, b 0.75; ties to what was told first); ``bm25,
newest of ties``; ``bm25+recency N d``, BM25 × 2^(-age / N days); ``memini`` with the defaults, and with
uniform strengths. The other ablations are memories of their own, filled from the same mentions, since a
store's dynamics are its own: ``memini -slow`` has no slow variable (w_f is one exponential of τ_f), ``memini,
one exponential N d`` has that time constant, ``memini, κ 1`` a slow variable of the fast one's capacity, and
in ``memini, counts`` nothing fades.

recall@1: something relevant stands first. recall@5: something relevant stands among the first five.
stale_first: something stale stands above all that is relevant. "all" is over queries.jsonl; the questions
about the past stand apart. "lowest" is the lowest recall@1 of a regime, "month" left out: a falsehood told a
month ago and a change told a month ago differ in nothing but the truth. Intervals are of the paired
difference to memini in recall@1 over "all", 95 %, from 2,000 bootstrap samples of the questions.

JSON: a list of {"set", "method", "regime", "n", "recall@1", "recall@5", "stale_first"}; the rows of "all"
also have "memini_minus": [mean, low, high].
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections import defaultdict
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from evaluate_common import ALL, K1, B, Remembering, bm25_terms, interval, lines, sets
from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table

from memini_kuzu.changes.ingestion import ingest
from memini_kuzu.config import Parameters
from memini_kuzu.errors import InputError, MeminiError, RecordError
from memini_kuzu.extraction import default_extractor
from memini_kuzu.readers import read
from memini_kuzu.recall import recall
from memini_kuzu.records import Record
from memini_kuzu.store import Store
from memini_kuzu.times import DAY, to_millis

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from memini_kuzu.extraction import Extractor

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

K = 20
"""How far a ranking is looked at."""

PAST = "past"
"""Regime of the questions about the past, where they name none."""

MONTH = "month"
"""Regime of what changed a month ago, which strengths cannot tell from the regime of what is false."""

HALF_LIVES = (30, 180, 365)
"""Of the recency priors, days."""

UNCOUPLED = 1e-12
"""A coupling at which nothing reaches the slow variable: w_f is one exponential of τ_f."""

MEMORIES = {
    "memini": Parameters(),
    "memini -slow": Parameters(coupling=UNCOUPLED),
    **{
        f"memini, one exponential {days} d": Parameters(tau_fast=days, coupling=UNCOUPLED)
        for days in (34, 100, 252)
    },
    # the slow variable holds no more than the fast one
    "memini, κ 1": Parameters(capacity=1.0),
    # a billion days: nothing fades
    "memini, counts": Parameters(tau_fast=1e9, tau_slow=1e9, coupling=UNCOUPLED),
}
"""Stores that differ in their dynamics."""

PARTS = {
    "memini -standing": frozenset({"standing"}),
    "memini, uniform strengths": frozenset({"strengths"}),
}
"""Parts of recall that the first of them does without."""


@dataclass(frozen=True)
class Question:
    """A line of the queries."""

    text: str
    time: int
    relevant: frozenset[str]
    stale: frozenset[str]
    regime: str
    past: bool


def questions(folder: Path) -> list[Question]:
    """The questions of a set in the order of time, those about the past among them."""
    found = [_question(row, past=False) for row in lines(folder / "queries.jsonl")]
    if (folder / "queries-past.jsonl").is_file():
        found += [_question(row, past=True) for row in lines(folder / "queries-past.jsonl")]
    return sorted(found, key=lambda question: question.time)


def _question(row: dict[str, Any], *, past: bool) -> Question:
    regime = row.get("category") or (PAST if past else ALL)
    relevant, stale = frozenset(row["relevant"]), frozenset(row.get("stale", ()))
    return Question(row["text"], to_millis(row["time"]), relevant, stale, regime, past)


def corpus(folder: Path) -> list[Record]:
    """What is told, in the order of time."""
    # a reader would take the date of the file
    undated = [row["id"] for row in lines(folder / "corpus.jsonl") if not row.get("time")]
    if undated:
        raise InputError(f"{folder}: passage {undated[0]!r} has no time; give every passage its own")
    records = []
    for record in read([folder / "corpus.jsonl"]):
        if isinstance(record, RecordError):
            raise record
        if isinstance(record, Record):
            records.append(record)
    return sorted(records, key=lambda record: record.time or 0)


class Bm25:
    """BM25 over the growing stream: postings in the order of time, of which each question sees the first.

    Parameters
    ----------
    records : sequence of Record
        In the order of time.
    """

    def __init__(self, records: Sequence[Record]) -> None:
        self.id = [record.id for record in records]
        self.time = np.array([record.time for record in records], dtype=np.int64)
        tokens = bm25_terms([f"{record.title}\n{record.text}" for record in records])
        words = [np.asarray(each, dtype=np.int64) for each in tokens.ids]
        length = np.array([len(each) for each in words], dtype=np.int64)
        self._vocabulary: dict[str, int] = tokens.vocab
        self._length, self._total = length, np.cumsum(length)
        # a posting is a word and a passage; sorted by both, so a word's passages ascend in time
        n = len(records)
        cell, self._tf = np.unique(
            np.concatenate(words) * n + np.repeat(np.arange(n), length), return_counts=True
        )
        self._passage = cell % n
        self._start = np.searchsorted(cell, np.arange(len(self._vocabulary) + 2) * n)

    def scores(self, text: str, told: int) -> tuple[Ints, Floats]:
        """Rows and scores of the passages that share a word with a text, among the first so many."""
        scores = np.zeros(told)
        average = self._total[told - 1] / told if told else 1.0
        [words] = bm25_terms([text], return_ids=False)
        for word in words:
            if (number := self._vocabulary.get(word)) is None:
                continue
            postings = slice(self._start[number], self._start[number + 1])
            passage, tf = self._passage[postings], self._tf[postings]
            df = int(np.searchsorted(passage, told))
            passage, tf = passage[:df], tf[:df]
            idf = np.log1p((told - df + 0.5) / (df + 0.5))
            scores[passage] += idf * tf / (tf + K1 * (1 - B + B * self._length[passage] / average))
        rows = np.flatnonzero(scores)
        return rows, scores[rows]


def rankings(index: Bm25, asked: Sequence[Question]) -> dict[str, list[list[str]]]:
    """What the baselines answer: the ranking of each method for each question."""
    found: dict[str, list[list[str]]] = defaultdict(list)
    for question in asked:
        told, scores = index.scores(question.text, int(np.searchsorted(index.time, question.time, "right")))
        age = (question.time - index.time[told]) / DAY
        orders = {
            "bm25": np.lexsort((told, -scores)),
            # scores that differ by a rounding tie
            "bm25, newest of ties": np.lexsort((-told, -scores.round(9))),
        }
        for days in HALF_LIVES:
            orders[f"bm25+recency {days} d"] = np.lexsort((told, -scores * 0.5 ** (age / days)))
        for method, order in orders.items():
            found[method].append([index.id[row] for row in told[order[:K]]])
    return found


def remember(
    work: Path, records: Sequence[Record], asked: Sequence[Question], extractor: Extractor
) -> dict[str, list[list[str]]]:
    """What the memories answer, in one pass over the stream."""
    found: dict[str, list[list[str]]] = {method: [] for method in (*MEMORIES, *PARTS)}
    with ExitStack() as stack:
        stores = {
            method: stack.enter_context(Store(work / f"{number}.memini", create=True, parameters=parameters))
            for number, (method, parameters) in enumerate(MEMORIES.items())
        }
        told = 0
        times = np.array([record.time for record in records], dtype=np.int64)
        for question in asked:
            until = int(np.searchsorted(times, question.time, "right"))
            for method, store in stores.items():
                if until > told:
                    ingest(store, extractor, records[told:until], now=question.time)
                found[method].append(answer(store, question))
            told = until
            for method, without in PARTS.items():
                found[method].append(answer(stores["memini"], question, without))
    return found


def answer(store: Store, question: Question, without: frozenset[str] = frozenset()) -> list[str]:
    """Ids in the order of recall, each once."""
    passages = recall(store, question.text, now=question.time, k=K, without=without)
    return list(dict.fromkeys(passage.id for passage in passages))


def score(question: Question, ranking: Sequence[str]) -> tuple[float, float, float]:
    """recall@1, recall@5 and stale_first of one answer."""
    relevant = next((place for place, each in enumerate(ranking) if each in question.relevant), K)
    stale = next((place for place, each in enumerate(ranking) if each in question.stale), K)
    return float(relevant < 1), float(relevant < 5), float(stale < relevant)  # noqa: PLR2004 - recall@5


def rows(name: str, asked: Sequence[Question], found: dict[str, list[list[str]]]) -> list[dict[str, Any]]:
    """A row for each method and regime."""
    groups = {
        ALL: [number for number, question in enumerate(asked) if not question.past],
        **{
            regime: [number for number, question in enumerate(asked) if question.regime == regime]
            for regime in dict.fromkeys(question.regime for question in asked)
        },
    }
    scores = {
        method: np.array([score(*pair) for pair in zip(asked, ranked, strict=True)])
        for method, ranked in found.items()
    }
    table = []
    for method, measured in scores.items():
        for regime, members in groups.items():
            first, five, stale = measured[members].mean(axis=0).tolist()
            row = {"set": name, "method": method, "regime": regime, "n": len(members)}
            row |= {"recall@1": first, "recall@5": five, "stale_first": stale}
            if regime == ALL:
                difference = (scores["memini"] - measured)[members, 0]
                row["memini_minus"] = [float(difference.mean()), *interval(difference)]
            table.append(row)
    return table


def show(table: list[dict[str, Any]], console: Console) -> None:
    """Print recall@1 of all methods in all regimes, and what else is known over all questions."""
    regimes = list(dict.fromkeys(row["regime"] for row in table))
    told = [regime for regime in regimes if regime not in {ALL, PAST, MONTH}] or [ALL]
    title = f"{table[0]['set']}: recall@1, and recall@5 and stale first over all"
    counts = {row["regime"]: row["n"] for row in table}
    heads = [f"{regime} {counts[regime]}" for regime in regimes]
    printed = Table("method", *heads, "lowest", "@5", "stale first", "memini minus", title=title, box=SIMPLE)
    for method in dict.fromkeys(row["method"] for row in table):
        of = {row["regime"]: row for row in table if row["method"] == method}
        printed.add_row(
            method,
            *(f"{100 * of[regime]['recall@1']:.1f}" for regime in regimes),
            f"{100 * min(of[regime]['recall@1'] for regime in told):.1f}",
            f"{100 * of[ALL]['recall@5']:.1f}",
            f"{100 * of[ALL]['stale_first']:.1f}",
            "{:+.1f} [{:+.1f}, {:+.1f}]".format(*(100 * value for value in of[ALL]["memini_minus"])),
        )
    console.print(printed)


def evaluate(folders: Sequence[Path], work: Path, console: Console) -> list[dict[str, Any]]:
    """Measure all methods on all sets."""
    parts = [part for folder in folders for part in sets(folder)]
    extractor = Remembering(default_extractor(lambda hint: print(hint, file=sys.stderr)))
    table: list[dict[str, Any]] = []
    for number, folder in enumerate(parts):
        asked, records = questions(folder), corpus(folder)
        found = rankings(Bm25(records), asked)
        place = work / str(number)
        place.mkdir()
        found |= remember(place, records, asked, extractor)
        some = rows(folder.resolve().name, asked, found)
        show(some, console)
        table += some
    return table


def main(arguments: list[str] | None = None) -> int:
    """Parse, evaluate, write."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n", maxsplit=1)[0])
    parser.add_argument("folders", nargs="+", type=Path, metavar="DIR")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the rows here as well")
    given = parser.parse_args(arguments)
    try:
        with tempfile.TemporaryDirectory() as scratch:
            table = evaluate(given.folders, Path(scratch), Console(width=170))
    except (MeminiError, OSError) as error:
        print(f"evaluate_changing: {error}", file=sys.stderr)
        return 1
    if given.json is not None:
        given.json.write_text(json.dumps(table, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
