"""The harness of scripts/crash.py itself: that it finds what is wrong, and nothing where nothing is."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

import pytest
from crash import calm
from crash_operations import CHAPTER, OPERATIONS, STORE, Worker, ends_at, kind, left_beside
from soundness import differences, state, unsound

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.slow


def test_every_operation_is_drawn() -> None:
    drawn = {kind(seed, number) for seed in range(4) for number in range(3 * CHAPTER)}
    assert drawn == OPERATIONS.keys()
    assert {kind(1, number) for number in range(0, 9 * CHAPTER, CHAPTER)} == {"add"}
    assert [ends_at(number) for number in (0, CHAPTER - 1, CHAPTER)] == [CHAPTER, CHAPTER, 2 * CHAPTER]


def test_without_a_kill_nothing_is_found(tmp_path: Path) -> None:
    for row in calm(tmp_path / "stores", 6, 2):
        assert not row["violations"], row


@pytest.fixture
def worker(tmp_path: Path) -> Worker:
    made = Worker(tmp_path / "worked", 1)
    made.perform(0)
    return made


def test_the_same_operations_give_the_same_store(worker: Worker, tmp_path: Path) -> None:
    other = Worker(tmp_path / "other", 1, rehearses=True)
    other.perform(0)
    found, expected = state(worker.store), state(other.store)
    assert found["Document"]
    assert not differences(found, expected)
    other.memory.remember("Ada Stone left.", time="2025-01-01")
    assert any("Document has" in line for line in differences(found, state(other.store)))
    worker.close()
    other.close()


def test_a_strength_may_differ_by_rounding_only(worker: Worker) -> None:
    found = state(worker.store)
    worker.close()
    for factor, lines in ((1 + 1e-12, 0), (1 + 1e-6, 1)):
        changed = copy.deepcopy(found)
        row = changed["ASSOCIATES"][0]
        changed["ASSOCIATES"][0] = tuple(
            value * factor if isinstance(value, float) and value else value for value in row
        )
        assert len(differences(changed, found)) == lines


def test_rows_that_contradict_each_other_are_found(worker: Worker) -> None:
    assert not unsound(worker.store)
    worker.memory.cypher("MATCH (e:Entity) WITH e ORDER BY e.id LIMIT 1 SET e.mentions = 99", write=True)
    assert any("counts" in line for line in unsound(worker.store))
    worker.close()


def test_what_is_left_beside_a_store_is_named(worker: Worker) -> None:
    worker.close()
    assert not left_beside(worker.path)
    for name in (f"{STORE}.shadow", f".{STORE}.new", "another.memini"):
        (worker.folder / name).touch()
    assert left_beside(worker.path) == [f"{STORE}.shadow", f".{STORE}.new"]
