"""Changes that are told before the file has them: nobody sees a difference, and nothing is lost."""

from __future__ import annotations

import math
import multiprocessing
import os
import random
import shutil
import threading
import time
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

import pyarrow as pa
import pytest
from crash import violations
from fixtures_memory import NOW, Names, contents, corpus

from memini_kuzu.errors import (
    DamagedStoreError,
    InputError,
    QueryError,
    StoreError,
    UnknownEntityError,
)
from memini_kuzu.memory import Memory
from memini_kuzu.store import store as store_module
from memini_kuzu.store.change import Change, Part
from memini_kuzu.store.engine import behind, open_file
from memini_kuzu.store.engine.journal import Journal
from memini_kuzu.store.model import holding, steps
from memini_kuzu.store.model.loading import Cost
from memini_kuzu.times import from_millis

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from memini_kuzu.store.engine.open_file import OpenFile

pytest_plugins = ["fixtures_memory"]

TEXT = "Zebulon met Ada on day {}."


def shared(memory: Memory) -> OpenFile:
    found: OpenFile = memory._store._engine._live
    return found


def tell(memory: Memory, day: int) -> None:
    memory.remember(TEXT.format(day), time=from_millis(NOW), source="days")


def days(memory: Memory) -> set[str]:
    """What the file has."""
    rows = memory.cypher("MATCH (p:Passage {source: 'days'}) RETURN p.text AS text")
    return set(rows["text"].to_pylist()) if rows.num_rows else set()


def told(*numbers: int) -> set[str]:
    return {TEXT.format(number) for number in numbers}


@pytest.fixture
def held(memory: Memory) -> Memory:
    memory.add(corpus(61, 20))
    memory._store.hold()
    return memory


def test_who_reads_the_file_sees_all_that_was_told(held: Memory) -> None:
    for day in range(12):
        tell(held, day)
        assert days(held) == told(*range(day + 1))
        assert not shared(held).behind.waits


def test_recall_waits_for_nothing_and_a_transaction_takes_several_changes(
    held: Memory, monkeypatch: pytest.MonkeyPatch
) -> None:
    commits = []
    real = open_file.execute

    def execute(connection: object, query: str, *rest: object) -> object:
        if query == "COMMIT":
            commits.append(query)
        return real(connection, query, *rest)  # type: ignore[arg-type]

    tell(held, 0)
    assert days(held) == told(0)
    monkeypatch.setattr(open_file, "execute", execute)
    with shared(held).behind.still():
        for day in range(1, 4):
            tell(held, day)
            assert TEXT.format(day) in [passage.text for passage in held.recall(TEXT.format(day))]
        assert not commits
        assert shared(held).behind.waits
    assert days(held) == told(0, 1, 2, 3)
    assert len(commits) == 1


def test_a_memory_that_is_only_told_waits_for_the_file_no_longer_than_reading_it_takes(
    memory: Memory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(holding, "estimate", lambda *_: Cost(3.0, 0.0))
    memory.add(corpus(61, 20))
    memory._store._held._spent = 2.9
    tell(memory, 0)
    assert memory._store.model is None
    memory._store._held._spent = 3.1
    tell(memory, 1)
    assert memory._store.model is not None
    assert days(memory) == told(0, 1)


def test_no_more_than_some_changes_wait(held: Memory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(behind, "MOST", 2)
    most = 0
    for day in range(8):
        tell(held, day)
        most = max(most, len(shared(held).behind._told))
    assert 0 < most <= 2
    assert days(held) == told(*range(8))


@pytest.mark.parametrize("seed", range(3))
def test_changes_that_are_written_together_are_as_those_written_one_by_one(
    memories: Callable[[], Memory], monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    told = corpus(70 + seed, 40)
    chance = random.Random(seed)
    # new versions of some, and some of which sources go meanwhile
    told += [replace(chance.choice(told), text=f"{chance.choice(told).text} Again.") for _ in range(10)]
    gone = {12: "source 0", 30: "source 1"}
    with monkeypatch.context() as patched:
        patched.setattr(holding, "FIXED", math.inf)
        one_by_one = memories()
        for number, record in enumerate(told):
            one_by_one.add([record])
            if number in gone:
                one_by_one.forget(source=gone[number], dry_run=False)
        assert one_by_one._store.model is None
    at_once = memories()
    at_once._store.hold()
    waiting = shared(at_once).behind
    written: list[int] = []
    patch_together(monkeypatch, written)
    for number, record in enumerate(told):
        with waiting.still():
            at_once.add([record])
            if number in gone:
                at_once.forget(source=gone[number], dry_run=False)
            if chance.random() < 0.7:
                continue
        days(at_once)
    assert contents(at_once) == contents(one_by_one)
    assert not violations(at_once._store)
    assert max(written) > 1


@pytest.mark.parametrize("seed", range(2))
def test_what_a_crash_leaves_is_opened_with_all_that_was_told(
    memories: Callable[[], Memory], tmp_path: Path, seed: int
) -> None:
    chance = random.Random(seed)
    told = corpus(80 + seed, 60)
    memory = memories()
    memory.add(told[:20])
    memory._store._engine.checkpoint()
    for number, record in enumerate(told[20:]):
        memory.add([record])
        # what the same journal has created is changed and deleted again
        if number % 5 == 4:
            kinds: list[Callable[[], object]] = [
                lambda: memory.forget(entity=chance.choice(("Ada", "Bob", "Cleo")), dry_run=False),
                lambda: memory.forget(source=f"source {chance.randrange(3)}", dry_run=False),
                lambda: memory.alias_add("Zoe", "Dora"),
                lambda: memory.alias_remove("Zoe"),
            ]
            with suppress(UnknownEntityError, InputError):
                chance.choice(kinds)()
        if number % 13 == 12:
            with memory._store.snapshot():
                copy = tmp_path / f"copy {number}.memini"
                for suffix in ("", ".journal"):
                    shutil.copyfile(f"{memory.path}{suffix}", f"{copy}{suffix}")
            with Memory.open(copy, extractor=Names()) as again:
                assert contents(again) == contents(memory)
                assert not violations(again._store)


def patch_together(monkeypatch: pytest.MonkeyPatch, written: list[int]) -> None:
    """Note how many changes are written together."""
    real = store_module.together

    def together(changes: Sequence[Change]) -> list[tuple[int, Change]]:
        steps = real(changes)
        written.extend(number for number, _ in steps)
        return steps

    monkeypatch.setattr(store_module, "together", together)


def test_a_process_that_ends_at_once_loses_nothing(tmp_path: Path) -> None:
    path = tmp_path / "a.memini"
    child = multiprocessing.get_context("spawn").Process(target=_end_at_once, args=(path,))
    child.start()
    child.join()
    assert child.exitcode == 7
    with Memory.open(path, extractor=Names()) as memory:
        assert days(memory) == told(0, 1, 2)
        assert memory.doctor(deep=True).sound


def _end_at_once(path: Path) -> None:
    memory = Memory.open(path, extractor=Names(), clock=lambda: NOW)
    memory.add(corpus(62, 5))
    memory._store.hold()
    waiting = shared(memory).behind
    with waiting.still():
        for day in range(3):
            tell(memory, day)
        os._exit(7 if waiting.waits else 8)


def test_a_change_that_the_engine_refuses_can_be_left_out(
    held: Memory, monkeypatch: pytest.MonkeyPatch
) -> None:
    tell(held, 0)
    twice = pa.table({"key": ["x", "x"], "name": ["X", "X"], "entity": [1, 1], "undo": ["", ""]})
    # memini sees to it that this does not happen
    with pytest.raises(QueryError, match="duplicated primary key"), held._store.changing() as change:
        change.create("Alias", twice)
    assert days(held) == told(0)
    held._store.hold()
    monkeypatch.setattr(steps, "after", lambda model, _: model)
    with shared(held).behind.still(), held._store.changing() as change:
        change.create("Alias", twice)
    with pytest.raises(StoreError, match="duplicated primary key"):
        days(held)
    held.close()
    with pytest.raises(DamagedStoreError, match=r"change \d+ of .* cannot be applied: .* memini recover"):
        Memory.open(held.path)
    [loss] = Memory.recover(held.path)
    assert "duplicated primary key" in loss
    with Memory.open(held.path, extractor=Names()) as again:
        assert days(again) == told(0)
        assert again.doctor(deep=True).sound


def test_a_name_in_a_journal_is_never_a_query(memory: Memory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(holding, "FIXED", math.inf)
    memory.add(corpus(63, 5))
    before = contents(memory)
    for how, rows in (
        ("update", {"name": ["source 0"], "passages = 7 DELETE n //": [1]}),
        ("create", {"name": ["x"], "passages: 1}) //": [1]}),
    ):
        with pytest.raises(StoreError, match="no names of columns"):
            memory._store.apply(Change(parts=[Part(how, "Source", pa.table(rows))]))  # type: ignore[arg-type]
    assert contents(memory) == before


def at_rest() -> None:
    """Wait for the thread of what was told before."""
    for thread in threading.enumerate():
        if thread.name == "memini-write-behind":
            thread.join(60)


@pytest.mark.parametrize("without", ["threads", "room for the answer"])
def test_a_change_that_is_on_disk_is_acknowledged_whatever_fails_after(
    held: Memory, monkeypatch: pytest.MonkeyPatch, without: str
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    def refused(_: object) -> None:
        raise RuntimeError("can't start new thread")

    at_rest()
    with monkeypatch.context() as patched:
        if without == "threads":
            patched.setattr(threading.Thread, "start", refused)
        else:
            patched.setattr(Journal, "answer", full)
        tell(held, 0)
        tell(held, 1)
    assert days(held) == told(0, 1)
    _ends_and_has(held, 0, 1, 2)


def test_a_change_that_was_told_is_not_taken_back(held: Memory, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    at_rest()
    with monkeypatch.context() as patched:
        # Ctrl-C once the change waits
        patched.setattr(threading.Thread, "start", interrupt)
        with pytest.raises(KeyboardInterrupt):
            tell(held, 0)
    tell(held, 1)
    # by a thread, which is begun again
    until = time.monotonic() + 60
    while shared(held).behind.waits:
        assert time.monotonic() < until
        time.sleep(0.01)
    assert days(held) == told(0, 1)
    _ends_and_has(held, 0, 1, 2)


def test_an_interrupt_is_heard_also_where_another_thread_has_opened_the_file_again(
    held: Memory, monkeypatch: pytest.MonkeyPatch
) -> None:
    tell(held, 0)
    waiting = shared(held).behind

    def flush() -> None:
        waiting.clear()
        raise KeyboardInterrupt

    with monkeypatch.context() as patched, waiting.still():
        patched.setattr(waiting, "flush", flush)
        with pytest.raises(KeyboardInterrupt):
            shared(held).bring_in()
    shared(held).reopen()
    assert days(held) == told(0)


def test_an_interrupt_right_after_a_commit_leaves_a_journal_that_goes_on(
    memory: Memory, monkeypatch: pytest.MonkeyPatch
) -> None:
    # the file at once
    monkeypatch.setattr(holding, "FIXED", math.inf)
    memory.add(corpus(61, 20))
    real, first = open_file.execute, iter([True])

    def execute(connection: object, query: str, *rest: object) -> object:
        result = real(connection, query, *rest)  # type: ignore[arg-type]
        if query == "COMMIT" and next(first, False):
            raise KeyboardInterrupt
        return result

    with monkeypatch.context() as patched:
        patched.setattr(open_file, "execute", execute)
        with pytest.raises(KeyboardInterrupt):
            tell(memory, 0)
    assert days(memory) == set()
    tell(memory, 1)
    _ends_and_has(memory, 1, 2)


def _ends_and_has(memory: Memory, *numbers: int) -> None:
    """The last day is told, and the process ends there; what is opened then has all of them."""
    tell(memory, numbers[-1])
    path = memory.path
    with shared(memory).behind.still():
        files = {each: each.read_bytes() for each in path.parent.glob(f"{path.name}*") if each.is_file()}
    memory.close()
    for each, data in files.items():
        if not each.name.endswith(("lock", ".wal")):
            each.write_bytes(data)
    with Memory.open(path, extractor=Names()) as again:
        assert days(again) == told(*numbers)
