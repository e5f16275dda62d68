"""The queries of the page how-to/cypher.md, run as another program would: by Kùzu alone."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections import defaultdict
from typing import TYPE_CHECKING, Any

import pytest

from memini_kuzu import Memory
from memini_kuzu.cli._docs import FOLDER
from memini_kuzu.times import to_millis

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    Run = Callable[..., list[dict[str, Any]]]

NOW = "2025-09-01T00:00:00"
SINCE = "2025-08-25T00:00:00"

CLIENT = """
import datetime, json, sys
import kuzu

task = json.load(sys.stdin)
times = {name: datetime.datetime.fromisoformat(value) for name, value in task["times"].items()}
connection = kuzu.Connection(kuzu.Database(task["path"], read_only=True))
result = connection.execute(task["query"], times | task["values"])
rows = [dict(zip(result.get_column_names(), row)) for row in result]
assert not [name for name in sys.modules if name.startswith("memini")], "the client must not know memini"
json.dump(rows, sys.stdout, default=str)
"""
"""A program that knows Kùzu and nothing else."""

QUERY = re.compile(r"<!-- query: (\w+) -->\n```cypher\n(.*?)```", re.DOTALL)


def queries() -> dict[str, str]:
    return dict(QUERY.findall((FOLDER / "how-to" / "cypher.md").read_text(encoding="utf-8")))


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory, sample: Path) -> Path:
    """A memory of the sample, with one text of the last week, that nobody has open."""
    path = tmp_path_factory.mktemp("apps") / "journal.memini"
    with Memory.open(path, clock=lambda: to_millis(NOW)) as memory:
        memory.ingest(sample)
        memory.remember("Mira Okafor and Tomas Silva rented the workshop at Eastgate.", time="2025-08-31")
    return path


@pytest.fixture
def memory(path: Path) -> Iterator[Memory]:
    with Memory.open(path, read_only=True) as memory:
        yield memory


@pytest.fixture
def run(path: Path) -> Run:
    """Run a query of the page in a process of its own, in a folder where memini cannot be imported."""
    known = queries()

    def run(name: str, times: dict[str, str], **values: str) -> list[dict[str, Any]]:
        task = {"path": str(path), "query": known[name], "times": times, "values": values}
        done = subprocess.run(
            [sys.executable, "-I", "-c", CLIENT],
            cwd=path.parent,
            input=json.dumps(task),
            capture_output=True,
            text=True,
            encoding="utf-8",
            check=False,
            timeout=60,
        )
        assert not done.returncode, done.stderr
        rows: list[dict[str, Any]] = json.loads(done.stdout)
        return rows

    return run


def strengths(memory: Memory, now: str = NOW) -> dict[tuple[str, str], Any]:
    """All associations, through the Python API."""
    keys = memory.cypher("MATCH (e:Entity) RETURN e.key AS key")["key"].to_pylist()
    found = (each for key in keys for each in memory.associations(key, now=now, k=10_000))
    return {(each.source, each.target): each for each in found}


def test_every_query_of_the_documentation_is_run_here() -> None:
    assert sorted(queries()) == ["changed", "passages", "past", "paths", "strongest"]
    shown = sum(page.read_text(encoding="utf-8").count("```cypher") for page in FOLDER.rglob("*.md"))
    assert shown == len(queries())


def test_strongest_associations_are_those_of_the_python_api(run: Run, memory: Memory) -> None:
    rows = run("strongest", {"now": NOW})
    expected = sorted(
        strengths(memory).values(), key=lambda each: (-round(each.strength, 12), each.source, each.target)
    )[:10]
    assert [(row["source"], row["target"], row["events"]) for row in rows] == [
        (each.source, each.target, each.events) for each in expected
    ]
    assert [row["strength"] for row in rows] == pytest.approx([each.strength for each in expected], rel=1e-9)


def test_strongest_associations_months_later_are_others(run: Run, memory: Memory) -> None:
    later = "2025-12-01T00:00:00"
    [first, *_] = run("strongest", {"now": later})
    assert (first["source"], first["target"]) == ("Mira Okafor", "Jonas Weber")
    expected = strengths(memory, later)["Mira Okafor", "Jonas Weber"]
    assert first["strength"] == pytest.approx(expected.strength, rel=1e-9)


def test_what_held_in_the_past_is_what_the_python_api_gives(run: Run, memory: Memory) -> None:
    then = "2025-04-01T00:00:00"
    rows = run("past", {"now": then}, key="mira okafor")
    expected = {each.target: each for each in memory.associations("Mira Okafor", now=then, k=50)}
    assert {row["target"] for row in rows} == expected.keys()
    assert len(rows) > 5
    for row in rows:
        assert row["strength"] == pytest.approx(expected[row["target"]].strength, rel=1e-9)
        assert row["consolidated"] == pytest.approx(expected[row["target"]].consolidated, rel=1e-9)
        assert row["events"] == expected[row["target"]].events


def test_what_changed_this_week_is_what_the_week_told(run: Run, memory: Memory) -> None:
    rows = run("changed", {"now": NOW, "since": SINCE})
    expected = {
        pair: each for pair, each in strengths(memory).items() if to_millis(each.last_seen) > to_millis(SINCE)
    }
    found = {(row["source"], row["target"]): row for row in rows}
    assert found.keys() == expected.keys()
    assert found
    for pair, row in found.items():
        assert row["is_new"] == (to_millis(expected[pair].first_seen) > to_millis(SINCE))
        assert row["strength"] == pytest.approx(expected[pair].strength, rel=1e-9)
    assert found["Mira Okafor", "Eastgate"]["is_new"]


def test_paths_multiply_the_strengths_of_their_steps(run: Run, memory: Memory) -> None:
    rows = run("paths", {"now": NOW}, start="priya nair", goal="jonas weber")
    steps = strengths(memory)
    expected: dict[tuple[str, ...], float] = {}
    for (source, first), step in steps.items():
        if source != "Priya Nair":
            continue
        if first == "Jonas Weber":
            expected[()] = step.strength
        for (middle, second), next_step in steps.items():
            if middle != first or second in {"Priya Nair", first} or first == "Jonas Weber":
                continue
            if second == "Jonas Weber":
                expected[first,] = step.strength * next_step.strength
            elif (second, "Jonas Weber") in steps:
                last = steps[second, "Jonas Weber"]
                expected[first, second] = step.strength * next_step.strength * last.strength
    assert len(expected) > 5
    best = sorted(expected.values(), reverse=True)[:5]
    assert [row["strength"] for row in rows] == pytest.approx(best, rel=1e-9)
    for row in rows:
        assert row["strength"] == pytest.approx(expected[tuple(row["through"])], rel=1e-9)


def test_passages_about_an_entity_stand_by_the_strength_of_what_they_mention(
    run: Run, memory: Memory
) -> None:
    rows = run("passages", {"now": NOW}, key="mira okafor")
    mentions: defaultdict[str, set[str]] = defaultdict(set)
    for row in memory.cypher(
        "MATCH (p:Passage)-[:MENTIONS]->(e:Entity) RETURN p.text AS text, e.name AS name"
    ).to_pylist():
        mentions[row["text"]].add(row["name"])
    strength = {each.target: each.strength for each in memory.associations("Mira Okafor", now=NOW, k=10_000)}
    expected = {
        text: sum(strength[name] for name in names & strength.keys())
        for text, names in mentions.items()
        if "Mira Okafor" in names
    }
    assert len(rows) == 5
    assert [row["strength"] for row in rows] == pytest.approx(
        sorted(expected.values(), reverse=True)[:5], rel=1e-9
    )
    for row in rows:
        assert row["strength"] == pytest.approx(expected[row["text"]], rel=1e-9)
    assert rows[0]["text"].startswith("Mira Okafor and Tomas Silva rented")


def test_another_program_may_read_beside_a_reader_of_memini(run: Run, memory: Memory) -> None:
    assert memory.stats().associations
    assert run("strongest", {"now": NOW})


def test_a_literal_of_another_type_finds_the_rows_through_memini(memory: Memory) -> None:
    def numbers(condition: str) -> list[int]:
        query = f"MATCH ()-[e:ASSOCIATES]->() WHERE {condition} RETURN count(*) AS n"
        return memory.cypher(query)["n"].to_pylist()

    assert numbers("e.events > 1.5") == numbers("e.events >= 2") != [0]
    assert numbers("2.0 = e.events") == numbers("e.events = 2") != [0]
    assert numbers("CAST(e.events, 'DOUBLE') < 1.5") == numbers("e.events = 1") != [0]
