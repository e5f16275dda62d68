"""Export, import, merge, and edges that were folded elsewhere."""

from __future__ import annotations

import json
import os
import sys
from datetime import datetime
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from memini_kuzu import InputError, Memory, Parameters, RuleExtractor, StoreError
from memini_kuzu.changes.exchange import EXPORTED
from memini_kuzu.cli import app
from memini_kuzu.identity import stable_id
from memini_kuzu.tables import EDGE_SCHEMA, Edges, edges_from_arrow
from memini_kuzu.times import to_millis

if TYPE_CHECKING:
    from pathlib import Path

NOW = to_millis("2026-06-01")

TEXTS = [
    ("1", "Ada Lovelace met Charles Babbage in London.", "2026-03-01", "diary"),
    ("2", "Charles Babbage showed Ada Lovelace the engine.", "2026-03-05", "diary"),
    ("3", "Grace Hopper visited Charles Babbage in Paris.", "2026-04-01", "letters"),
    ("4", "Ada Lovelace wrote to Grace Hopper.", "2026-05-01", ""),
]

EVENTS = pa.table({"source": ["Ada Lovelace"], "target": ["Grace Hopper"], "time": ["2026-02-01"]})


def opened(path: Path, **options: object) -> Memory:
    return Memory.open(path, extractor=RuleExtractor(), clock=lambda: NOW, **options)  # type: ignore[arg-type]


def tell(memory: Memory, *numbers: int) -> None:
    for number in numbers:
        name, text, time, source = TEXTS[number]
        memory.remember(text, time=time, source=source, id=name)


def edges_of(memory: Memory) -> Edges:
    table = memory._store.read_edges()
    return edges_from_arrow(table.sort_by([("source", "ascending"), ("target", "ascending")]))


def assert_same(a: Edges, b: Edges, *, dates: bool = True) -> None:
    names = ["source", "target", "events", *(["as_of", "first_seen", "last_seen"] if dates else [])]
    for name in names:
        np.testing.assert_array_equal(getattr(a, name), getattr(b, name), err_msg=name)
    for name in ("fast", "slow"):
        np.testing.assert_allclose(getattr(a, name), getattr(b, name), rtol=1e-9, atol=1e-15, err_msg=name)


def test_an_import_of_an_export_is_the_same_to_the_bit(tmp_path: Path) -> None:
    parameters = Parameters(tau_fast=3.3)
    with opened(tmp_path / "a", parameters=parameters) as a:
        tell(a, 0, 1, 2, 3)
        a.load_events(EVENTS)
        a.alias_add("Countess", "Ada Lovelace")
        a.consolidate(now="2026-05-20")
        rows = a.export(tmp_path / "first")
        there = a.recall("Who met Babbage?", now="2026-06-01")
    with Memory.import_(tmp_path / "b", tmp_path / "first") as b:
        assert b.parameters == parameters
        assert b.export(tmp_path / "second") == rows
        here = b.recall("Who met Babbage?", now="2026-06-01")
    for name in (*EXPORTED, "edges"):
        first, second = (
            pq.read_table(tmp_path / folder / f"{name}.parquet") for folder in ("first", "second")
        )
        assert first.equals(second), name
    assert [(passage.id, passage.score) for passage in here.passages] == [
        (passage.id, passage.score) for passage in there.passages
    ]


def test_an_export_that_is_interrupted_leaves_nothing_in_the_way_of_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write, places = pq.write_table, iter(range(9))

    def interrupted(*given: Any, **named: Any) -> None:
        write(*given, **named)
        if next(places) == 2:
            raise KeyboardInterrupt

    with opened(tmp_path / "a.memini") as memory:
        tell(memory, 0)
        with monkeypatch.context() as patched:
            patched.setattr(pq, "write_table", interrupted)
            with pytest.raises(KeyboardInterrupt):
                memory.export(tmp_path / "exported")
        assert not list((tmp_path / "exported").iterdir())
        assert memory.export(tmp_path / "exported")["documents"] == 1


def test_an_export_is_on_disk_when_it_is_done(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: set[int] = set()
    fsync = os.fsync

    def sync(descriptor: int) -> None:
        fsync(descriptor)
        synced.add(os.fstat(descriptor).st_ino)

    exported = tmp_path / "exported"
    with opened(tmp_path / "a.memini") as memory:
        tell(memory, 0)
        with monkeypatch.context() as patched:
            patched.setattr(os, "fsync", sync)
            memory.export(exported)
    assert {each.stat().st_ino for each in (tmp_path, exported, *exported.iterdir())} <= synced


def test_import_refuses_what_exists_and_what_is_no_export(tmp_path: Path) -> None:
    with opened(tmp_path / "a") as a:
        a.export(tmp_path / "exported")
        with pytest.raises(InputError, match="not an empty folder"):
            a.export(tmp_path / "exported")
    with pytest.raises(StoreError, match="exists; import makes a new store"):
        Memory.import_(tmp_path / "a", tmp_path / "exported")
    (tmp_path / "exported" / "aliases.parquet").unlink()
    with pytest.raises(InputError, match=r"aliases\.parquet is missing"):
        Memory.import_(tmp_path / "b", tmp_path / "exported")
    pq.write_table(pa.table({"x": [1]}), tmp_path / "exported" / "aliases.parquet")
    with pytest.raises(InputError, match="no table of aliases"):
        Memory.import_(tmp_path / "b", tmp_path / "exported")
    assert not (tmp_path / "b").exists()


def test_two_stores_merge_into_the_one_that_saw_it_all(tmp_path: Path) -> None:
    with opened(tmp_path / "all") as everything:
        tell(everything, 0, 3, 1, 2)
        everything.load_events(EVENTS)
        with opened(tmp_path / "b") as b:
            tell(b, 1, 2)
            b.load_events(EVENTS)
        with opened(tmp_path / "a") as a:
            tell(a, 0, 3)
            report = a.merge(tmp_path / "b")
            assert (report.documents, report.passages, report.loads, report.skipped) == (2, 2, 1, 0)
            assert_same(edges_of(a), edges_of(everything))
            a.export(tmp_path / "merged")
        everything.export(tmp_path / "told")
    for name in (*(set(EXPORTED) - {"loads", "events"}), "edges"):
        merged, told = (pq.read_table(tmp_path / folder / f"{name}.parquet") for folder in ("merged", "told"))
        if name == "edges":
            merged, told = (table.drop_columns(["fast", "slow"]) for table in (merged, told))
        assert merged.to_pylist() == told.to_pylist(), name


def test_a_document_in_both_is_refused_or_skipped(tmp_path: Path) -> None:
    with opened(tmp_path / "b") as b:
        tell(b, 1, 2)
    with opened(tmp_path / "a") as a, opened(tmp_path / "all") as everything:
        tell(a, 0, 1)
        before = edges_of(a)
        with pytest.raises(InputError, match="1 documents are in both stores, such as 2 of source 'diary'"):
            a.merge(tmp_path / "b")
        assert_same(edges_of(a), before)
        report = a.merge(tmp_path / "b", skip_known=True)
        tell(everything, 0, 1, 2)
        assert (report.documents, report.skipped) == (1, 1)
        assert_same(edges_of(a), edges_of(everything))
        assert a.stats().mentions == everything.stats().mentions
        counts = (
            "MATCH (e:Entity) RETURN e.key AS key, e.mentions AS m, e.headings AS h ORDER BY key LIMIT 99"
        )
        assert a.cypher(counts).to_pylist() == everything.cypher(counts).to_pylist()
        with pytest.raises(InputError, match="in both stores"):
            a.merge(tmp_path / "b")


def test_events_that_both_loaded_and_other_parameters_are_refused(tmp_path: Path) -> None:
    with opened(tmp_path / "b") as b:
        b.load_events(EVENTS)
    with opened(tmp_path / "c", parameters=Parameters(tau_fast=1.0)):
        pass
    with opened(tmp_path / "a") as a:
        a.merge(tmp_path / "b")
        with pytest.raises(InputError, match="count twice"):
            a.merge(tmp_path / "b")
        with pytest.raises(InputError, match="memini retune"):
            a.merge(tmp_path / "c")
        with pytest.raises(InputError, match="the store itself"):
            a.merge(tmp_path / "a")
        assert a.associations("Ada Lovelace")[0].events == 1


def test_edges_folded_elsewhere_are_added_once(tmp_path: Path) -> None:
    with opened(tmp_path / "b") as b:
        b.load_events(EVENTS)
        b.export(tmp_path / "exported")
    edges, entities = tmp_path / "exported" / "edges.parquet", tmp_path / "exported" / "entities.parquet"
    with opened(tmp_path / "a") as a:
        a.load_events(EVENTS)
        assert a.load_edges(edges, entities=entities).associations == 1
        assert a.load_edges(edges).known
        [found] = a.associations("Ada Lovelace", now="2026-02-01")
        assert (found.strength, found.events) == (2.0, 2)
        pq.write_table(pa.table({"x": [1]}), tmp_path / "bad.parquet")
        with pytest.raises(InputError, match="column 'source' is missing"):
            a.load_edges(tmp_path / "bad.parquet")
        with pytest.raises(InputError, match="must have id and name"):
            a.load_edges(tmp_path / "exported" / "edges.parquet", entities=tmp_path / "bad.parquet")


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("fast", float("nan")),
        ("slow", float("inf")),
        ("fast", -1.0),
        ("events", -1),
        ("as_of", datetime(9999, 12, 31)),  # noqa: DTZ001 - it is UTC
    ],
)
def test_edges_that_no_fold_gives_are_refused(tmp_path: Path, column: str, value: object) -> None:
    date = datetime(2026, 1, 1)  # noqa: DTZ001 - it is UTC
    edge: dict[str, object] = {"source": 1, "target": 2, "fast": 1.0, "slow": 0.0, "events": 1}
    edge |= {"as_of": date, "first_seen": date, "last_seen": date, column: value}
    pq.write_table(pa.Table.from_pylist([edge], schema=EDGE_SCHEMA), tmp_path / "edges.parquet")
    with opened(tmp_path / "a") as a:
        with pytest.raises(InputError, match=f"has {column} = .* from 1 to 2"):
            a.load_edges(tmp_path / "edges.parquet")
        assert a.stats().entities == 0


def test_the_commands_export_import_and_merge(tmp_path: Path) -> None:
    with opened(tmp_path / "a") as a:
        tell(a, 0)
    with opened(tmp_path / "b") as b:
        tell(b, 2)

    def run(*arguments: object) -> dict[str, int]:
        outcome = CliRunner().invoke(app, [*map(str, arguments), "--json"])
        assert outcome.exit_code == 0, outcome.stderr
        answer: dict[str, int] = json.loads(outcome.stdout)
        return answer

    assert run("export", tmp_path / "exported", "--db", tmp_path / "a")["passages"] == 1
    assert run("import", tmp_path / "exported", "--db", tmp_path / "c")["passages"] == 1
    assert run("merge", tmp_path / "b", "--db", tmp_path / "c")["documents"] == 1
    assert CliRunner().invoke(app, ["merge", str(tmp_path / "b"), "--db", str(tmp_path / "c")]).exit_code == 1
    edges = tmp_path / "exported" / "edges.parquet"
    assert run("load-edges", edges, "--db", tmp_path / "c")["associations"] == 6


def test_an_entity_that_came_as_a_number_takes_its_own_name_from_a_merge_and_not_its_alias(
    tmp_path: Path,
) -> None:
    options: dict[str, Any] = {"extractor": RuleExtractor(), "clock": lambda: NOW}
    with Memory.open(tmp_path / "a.memini", **options) as memory:
        numbers = {"source": [stable_id("ada lovelace")], "target": [7], "time": ["2025-01-01"]}
        memory.load_events(pa.table(numbers))
        memory.alias_add("Augusta King", "Ada Lovelace")
        with Memory.open(tmp_path / "b.memini", **options) as other:
            other.remember("Augusta King was Ada Lovelace.", time="2025-02-01")
        memory.merge(tmp_path / "b.memini")
        keys = memory.cypher("MATCH (e:Entity) WHERE e.mentions > 0 RETURN e.key AS key")["key"].to_pylist()
    assert keys == ["ada lovelace"]


@pytest.fixture
def folded(tmp_path: Path) -> tuple[Path, Path]:
    """Four edges between Ada, Ben and Cy, in two files as a cluster writes them, and their names."""
    with opened(tmp_path / "folded") as memory:
        memory.load_events(
            pa.table(
                {
                    "source": ["Ada", "Ada", "Ben", "Cy"],
                    "target": ["Ben", "Cy", "Cy", "Ada"],
                    "time": ["2026-01-01", "2026-03-01", "2026-05-01", "2026-05-02"],
                    "amount": [1.0, 2.0, 3.0, 4.0],
                }
            )
        )
        memory.export(tmp_path / "whole")
    edges = pq.read_table(tmp_path / "whole" / "edges.parquet").sort_by("fast")
    micros = edges.set_column(4, "as_of", edges["as_of"].cast(pa.int64()))
    (tmp_path / "edges.parquet").mkdir()
    pq.write_table(micros.slice(0, 2), tmp_path / "edges.parquet" / "part-0.parquet")
    pq.write_table(micros.slice(2), tmp_path / "edges.parquet" / "part-1.parquet")
    return tmp_path / "edges.parquet", tmp_path / "whole" / "entities.parquet"


@pytest.mark.parametrize(
    ("where", "kept"),
    [
        ("fast >= 2", {("Ada", "Cy"), ("Ben", "Cy"), ("Cy", "Ada")}),
        ("as_of < '2026-04-01' AND events = 1", {("Ada", "Ben"), ("Ada", "Cy")}),
        ("source_name = 'Ada' OR target_name ILIKE 'ada'", {("Ada", "Ben"), ("Ada", "Cy"), ("Cy", "Ada")}),
        ("source IN (SELECT target FROM edges WHERE fast > 3.5)", {("Ada", "Ben"), ("Ada", "Cy")}),
        ("fast > 100", set()),
    ],
)
def test_a_part_of_edges_is_what_the_expression_says(
    where: str, kept: set[tuple[str, str]], folded: tuple[Path, Path], tmp_path: Path
) -> None:
    edges, entities = folded
    with opened(tmp_path / "a") as a, opened(tmp_path / "folded") as whole:
        report = a.load_edges(edges, entities=entities, where=where)
        assert report.associations == len(kept)
        found = {(one.source, one.target): one for one in a.top(9)}
        assert set(found) == kept
        assert found == {pair: one for one in whole.top(9) if (pair := (one.source, one.target)) in kept}
        assert {one.name for one in a.entities()} == {name for pair in kept for name in pair}


def test_a_part_is_loaded_once_and_no_other_part_beside_it(folded: tuple[Path, Path], tmp_path: Path) -> None:
    edges, _ = folded
    with opened(tmp_path / "a") as a:
        assert a.load_edges(edges, where="fast >= 2").associations == 3
        assert a.load_edges(edges, where="fast >= 2").known
        for other in ("fast >= 3", None):
            with pytest.raises(InputError, match=r"where fast >= 2 is loaded already.*count twice"):
                a.load_edges(edges, where=other)
        assert a.stats().associations == 3
    with opened(tmp_path / "b") as b:
        b.load_edges(edges, where="fast < 2")
        with pytest.raises(InputError, match="count twice"):
            b.merge(tmp_path / "a")


@pytest.mark.parametrize(
    ("where", "message"),
    [
        ("fast >", "syntax error"),
        ("", "without selection list"),
        ("strength > 1", '"strength" not found'),
        ("source_name = 'Ada'", '"source_name" not found'),
        ("true; DROP TABLE edges", "Cannot have any modifiers|syntax error"),
        ("source IN (SELECT 1 FROM read_csv('{secret}'))", "disabled by configuration"),
        ("source IN (SELECT 1 FROM '{secret}')", "disabled by configuration"),
        ("source IN (SELECT 1 FROM glob('{folder}/*'))", "disabled by configuration"),
        ("source IN (SELECT 1 FROM 'https://example.org/a.parquet')", "disabled by configuration"),
        ("source IN (SELECT id FROM secret)", "does not exist"),
    ],
)
def test_an_expression_reaches_the_edges_alone(
    where: str, message: str, folded: tuple[Path, Path], tmp_path: Path
) -> None:
    edges, _ = folded
    file = tmp_path / "secret.csv"
    file.write_text("id\n1\n")
    secret = pa.table({"id": [1]})
    assert secret.num_rows
    with opened(tmp_path / "a") as a:
        with pytest.raises(InputError, match=message) as raised:
            a.load_edges(edges, where=where.format(secret=file, folder=tmp_path))
        assert str(raised.value).startswith("--where ")
        assert a.stats().associations == 0


def test_parts_need_files_with_the_columns_of_edges(tmp_path: Path) -> None:
    pq.write_table(pa.table({"x": [1]}), tmp_path / "bad.parquet")
    with opened(tmp_path / "a") as a:
        with pytest.raises(InputError, match="column 'source' is missing"):
            a.load_edges(tmp_path / "bad.parquet", where="x = 1")
        (tmp_path / "empty").mkdir()
        with pytest.raises(InputError, match="no Parquet file, nor a folder of them"):
            a.load_edges(tmp_path / "empty")


def test_parts_without_duckdb_say_what_to_install(
    folded: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "duckdb", None)
    with opened(tmp_path / "a") as a, pytest.raises(InputError, match=r"memini-kuzu\[scale\]"):
        a.load_edges(folded[0], where="fast > 1")


def test_the_command_loads_a_part(folded: tuple[Path, Path], tmp_path: Path) -> None:
    arguments = ["load-edges", folded[0], "--entities", folded[1], "--where", "fast >= 2"]
    done = CliRunner().invoke(app, [*map(str, arguments), "--db", str(tmp_path / "a")])
    assert done.stdout == "3 associations touched, 3 new entities\n"
