"""Random histories of all writing operations agree with an oracle, and the oracle notices what is wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING

import oracle
import pytest
from oracle import run_histories
from oracle_model import Oracle, amounts
from oracle_state import START, mismatches, read_state
from oracle_steps import PARAMETERS, Add, AliasAdd, Embed, LoadEvents, Run, Wait

from memini_kuzu.records import Record
from memini_kuzu.times import DAY

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.slow

HISTORIES = 6


def test_random_histories_agree_with_the_oracle() -> None:
    wrong = {
        number: outcome.wrong
        for number, outcome in run_histories(1, range(HISTORIES), shorten=False)
        if outcome.wrong
    }
    assert not wrong


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Run]:
    folder = tmp_path / "run"
    folder.mkdir()
    made = Run(folder, "a.memini", PARAMETERS[0], START + 210 * DAY)
    steps = [
        Add((Record("Ada met Bob. Cleo met Ada.", START, "diary", "Emil", "1"),)),
        LoadEvents((("Ada", "Dora", 1.0, START),), both=False, suffix=""),
        AliasAdd("Countess", "Ada"),
    ]
    for step in steps:
        assert not made.step(step)
    yield made
    made.memory.close()


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (
            "MATCH (:Entity {key: 'ada'})-[e:ASSOCIATES]->(:Entity) SET e.slow = e.slow + 1e-6",
            "association ada",
        ),
        ("MATCH (:Entity {key: 'ada'})-[e:ASSOCIATES]->(:Entity) SET e.events = e.events + 1", "events"),
        ("MATCH (e:Entity {key: 'bob'}) SET e.mentions = 2", "entity bob"),
        ("MATCH (e:Entity {key: 'dora'}) DETACH DELETE e", "entity dora is missing"),
        ("MATCH (:Passage)-[m:MENTIONS]->(:Entity {key: 'cleo'}) SET m.count = 3", "mentions of passage"),
        ("MATCH (d:Document) SET d.digest = ''", "digest"),
        ("MATCH (a:Alias) DELETE a", "aliases"),
        ("MATCH (s:Source) SET s.passages = 7", "source counters"),
        ("MATCH (l:Load) DELETE l", "loads"),
        ("MATCH (m:MeminiMeta {key: 'words'}) SET m.value = '3'", "sums"),
    ],
)
def test_a_store_that_differs_is_noticed(run: Run, change: str, told: str) -> None:
    assert not mismatches(read_state(run.memory), run.oracle)
    run.memory.cypher(change, write=True)
    assert any(told in line for line in mismatches(read_state(run.memory), run.oracle))


def test_a_mismatch_is_cut_down_and_printed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(Oracle, "embed", lambda _: None)  # what the store refuses, or does
    history = [Wait(1), AliasAdd("", "Ada"), Embed(), Wait(1)]
    monkeypatch.setattr(oracle.History, "steps", lambda *_: iter(history))
    assert oracle.main(["--histories", "1", "--seed", "5"]) == 1
    printed = capsys.readouterr().out
    assert "history 0 of seed 5:\n    Embed(),\n" in printed
    assert printed.endswith("1 histories, 1 steps, 1 mismatches\n")


def test_amounts_are_those_of_the_definition() -> None:
    found = amounts({0: [7, 8], 1: [9]})
    assert found == {(7, 8): 1.0, (8, 7): 0.5, (7, 9): 0.5, (8, 9): 0.5, (9, 7): 0.25, (9, 8): 0.25}
