"""The benchmarks run, small, and write rows of the form that later ones keep."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[1]

KEYS = {"bench", "case", "edges", "median_s", "floor_s", "ratio"}


@pytest.mark.parametrize(
    ("arguments", "cases"),
    [
        (["maintenance", "--edges", "2000", "--runs", "1"], ["pass", "per_edge", "cypher_set"]),
        (
            ["recall", "--edges", "2000", "--runs", "1"],
            [
                "3 steps, beam 32",
                "against scipy",
                "the first ones, asked of the file",
                "reading all into memory",
            ],
        ),
        (["remember", "--edges", "2000", "--runs", "1"], ["one passage"]),
        (["load", "--events", "2000", "--runs", "1"], ["2,000 events, not kept", "2,000 events, kept"]),
        (["ingest", "--texts", "3", "--runs", "1"], ["3 texts"]),
        (["document", "--characters", "20000"], ["20 kB"]),
        (
            ["size", "--edges", "2000", "--text", "100"],
            [
                "bytes an edge",
                "after a maintenance pass",
                "notes of 1 kB",
                "notes of 10 kB",
                "notes of 100 kB",
            ],
        ),
        (["writes", "--edges", "2000", "--runs", "1"], ["20 in place", "1,000 in place"]),
        (["standing", "--matters", "1", "--runs", "1"], ["fifty rivals compared"]),
        (["gap", "--passages", "8"], ["rules", "model"]),
        (
            ["explore", "--edges", "1000", "--runs", "1"],
            [
                "page and life",
                "time",
                "time, in the past",
                "graph",
                "graph, in the past",
                "graph of 5,000",
                "entity",
                "names while typing",
                "changes",
                "health",
            ],
        ),
        (
            ["graph", "--edges", "50", "--seconds", "0.2"],
            [
                f"{kind}{part}"
                for kind in ("find the places", "pan", "zoom", "drag an entity", "move the time")
                for part in ("", ", script")
            ],
        ),
        (
            ["loop", "--passages", "200", "--turns", "3"],
            [
                "remember",
                "recall after it",
                "recall against bm25s",
                "remember, in a scope",
                "recall, in a scope",
                "remember, over HTTP",
                "recall, over HTTP",
                "remember, over stdio",
                "recall, over stdio",
            ],
        ),
        (
            ["scale", "--passages", "200", "--turns", "3"],
            [
                "ingest",
                "bytes a passage",
                "open and read all",
                "remember",
                "recall after it",
                "recall in a scope after it",
                "recall",
                "until all is held",
                "recall against bm25s",
                "consolidate",
                "backup",
            ],
        ),
        (["cold", "--passages", "50", "--runs", "1"], ["CPU", "elapsed"]),
        (["imports", "--runs", "1"], ["import memini_kuzu", "memini --version", "memini --help"]),
        (
            ["words", "--passages", "200", "--runs", "1"],
            [
                "1 rare word",
                "1 common word",
                "8 mixed words",
                "one passage written",
                "1,000 passages written",
                "size of the file",
            ],
        ),
    ],
    ids=lambda value: str(value[0]),
)
def test_a_benchmark_prints_a_table_and_writes_its_rows(
    tmp_path: Path, arguments: list[str], cases: list[str]
) -> None:
    file = tmp_path / "rows.json"
    shown = subprocess.run(
        [sys.executable, ROOT / "scripts" / "bench.py", *arguments, "--json", file],
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    rows = json.loads(file.read_text())
    assert [row["case"] for row in rows] == cases
    for row in rows:
        assert row.keys() >= KEYS
        assert row["bench"] == arguments[0]
        assert row["ratio"] > 0
        assert row["bench"] in shown


def test_a_stream_gives_the_same_edges_in_every_order_and_split(tmp_path: Path) -> None:
    rows = [f"Person {n % 7},Person {n % 5},2026-01-{1 + n % 28:02}" for n in range(100)]
    (tmp_path / "events.csv").write_text("source,target,time\n" + "\n".join(rows) + "\n")
    shown = subprocess.run(
        [sys.executable, ROOT / "scripts" / "bench.py", "icews", tmp_path / "events.csv"],
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    assert "merged: differs by" in shown
