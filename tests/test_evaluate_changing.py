"""The script that measures recall in a world that changes, on a stream whose figures are known by hand."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import bm25s
import evaluate_changing
import numpy as np
import pytest
from evaluate_common import K1, B, bm25_terms

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

pytestmark = pytest.mark.slow

TOLD = [
    ("a0", "The baker of Ashford is Rowan.", "2026-01-01"),
    ("a1", "Rowan, baker of Ashford, opened a fair.", "2026-01-20"),
    ("b0", "The baker of Ashford is Linden.", "2026-03-01"),
    ("c0", "The smith of Calder sold a plough.", "2026-03-02"),
    ("d0", "The baker of Ashford is nobody any more.", "2026-06-01"),
]

ASKED = [
    {"time": "2026-02-01", "relevant": ["a0", "a1"], "stale": [], "category": "settled"},
    {"time": "2026-03-02", "relevant": ["b0"], "stale": ["a0", "a1"], "category": "fresh"},
]

PAST = [{"time": "2026-04-01", "relevant": ["a0", "a1"], "stale": ["b0"], "category": "past"}]


def write(file: Path, rows: Iterable[dict[str, Any]]) -> None:
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))


def write_set(folder: Path) -> Path:
    """A bakery that changes hands, asked before and after; the last line is told after all questions."""
    folder.mkdir()
    told = ({"id": each, "text": text, "time": time, "source": each} for each, text, time in reversed(TOLD))
    write(folder / "corpus.jsonl", told)
    write(folder / "queries.jsonl", (row | {"text": "Who is the baker of Ashford?"} for row in ASKED))
    write(folder / "queries-past.jsonl", (row | {"text": "Who was the baker in January?"} for row in PAST))
    return folder


def run(checkout: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, checkout / "scripts" / "evaluate_changing.py", *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="module")
def measured(checkout: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[list[dict[str, Any]], str]:
    folder = tmp_path_factory.mktemp("data")
    done = run(checkout, write_set(folder / "bakery"), "--json", folder / "rows.json")
    assert done.returncode == 0, done.stderr
    return json.loads((folder / "rows.json").read_text()), done.stdout


def test_every_method_has_a_row_for_each_regime(measured: tuple[list[dict[str, Any]], str]) -> None:
    table, printed = measured
    methods = {row["method"] for row in table}
    assert methods >= {"bm25", "bm25+recency 30 d", *evaluate_changing.MEMORIES, *evaluate_changing.PARTS}
    assert {(row["regime"], row["n"]) for row in table} == {
        ("all", 2),
        ("settled", 1),
        ("fresh", 1),
        ("past", 1),
    }
    assert len(table) == 4 * len(methods)
    for method in methods:
        assert method in printed


def test_figures_are_those_known_by_hand(measured: tuple[list[dict[str, Any]], str]) -> None:
    found = {
        row["regime"]: [row[name] for name in ("recall@1", "recall@5", "stale_first")]
        for row in measured[0]
        if row["method"] == "bm25+recency 30 d"
    }
    # a day old against forty; and after the fact, the newest is the wrong one
    assert found == {"all": [1, 1, 0], "settled": [1, 1, 0], "fresh": [1, 1, 0], "past": [0, 1, 1]}


def test_nothing_is_known_that_was_told_later(tmp_path: Path) -> None:
    folder = write_set(tmp_path / "bakery")
    asked, records = evaluate_changing.questions(folder), evaluate_changing.corpus(folder)
    extractor = evaluate_changing.default_extractor(lambda _: None)
    found = evaluate_changing.rankings(evaluate_changing.Bm25(records), asked)
    found |= evaluate_changing.remember(tmp_path, records, asked, extractor)
    times = {record.id: record.time or 0 for record in records}
    for ranked in found.values():
        for question, ranking in zip(asked, ranked, strict=True):
            assert ranking
            assert all(times[each] <= question.time for each in ranking)


def test_the_streamed_baseline_is_bm25_over_what_was_told_until_then(tmp_path: Path) -> None:
    records = evaluate_changing.corpus(write_set(tmp_path / "bakery"))
    index, cue = evaluate_changing.Bm25(records), "Who is the baker of Ashford, Linden or the smith?"
    for told in range(1, len(records) + 1):
        reference = bm25s.BM25(k1=K1, b=B, method="lucene")
        reference.index(bm25_terms([record.text for record in records[:told]]), show_progress=False)
        [words] = bm25_terms([cue], return_ids=False)
        known = [word for word in words if word in reference.vocab_dict]
        expected = reference.get_scores(known)
        rows, scores = index.scores(cue, told)
        np.testing.assert_allclose(scores, expected[rows], rtol=1e-5)
        assert set(rows) == set(np.flatnonzero(expected))


def test_what_stands_above_all_that_is_relevant_counts_as_stale_first() -> None:
    question = evaluate_changing.Question("", 0, frozenset("ab"), frozenset("xy"), "fresh", past=False)
    assert evaluate_changing.score(question, ["x", "a"]) == (0, 1, 1)
    assert evaluate_changing.score(question, ["z", "a", "x"]) == (0, 1, 0)
    assert evaluate_changing.score(question, ["z", "z", "z", "z", "z", "b"]) == (0, 0, 0)
    assert evaluate_changing.score(question, ["z"]) == (0, 0, 0)


def test_a_passage_without_a_date_is_refused_in_one_line(checkout: Path, tmp_path: Path) -> None:
    folder = write_set(tmp_path / "bakery")
    write(folder / "corpus.jsonl", [{"id": "a", "text": "The baker."}])
    done = run(checkout, folder)
    assert done.returncode == 1
    assert "passage 'a' has no time" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
