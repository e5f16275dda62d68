"""A file that nobody uses rests: Kùzu is closed, and nobody sees a difference."""

from __future__ import annotations

import multiprocessing
import os
import shutil
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING
from weakref import WeakSet

import pytest
from fixtures_memory import NOW, Names, corpus
from test_behind import days, shared, tell, told

from memini_kuzu.errors import StoreError
from memini_kuzu.memory import Memory
from memini_kuzu.store.engine import open_file, rest
from memini_kuzu.store.model import steps
from memini_kuzu.times import from_millis

if TYPE_CHECKING:
    from pathlib import Path

pytest_plugins = ["fixtures_memory"]

OPEN = "import sys, kuzu; kuzu.Database(sys.argv[1], buffer_pool_size=1 << 28, max_db_size=1 << 40)"


@pytest.fixture
def resting(memory: Memory, monkeypatch: pytest.MonkeyPatch) -> Memory:
    """A memory whose file rests; so it does again whenever `lay_down` is called."""
    memory.add(corpus(61, 20))
    memory._store.hold()
    monkeypatch.setattr(rest, "IDLE", 0.0)
    lay_down(memory)
    return memory


def opened(path: Path) -> Memory:
    return Memory.open(path, extractor=Names(), clock=lambda: NOW)


def lay_down(memory: Memory) -> None:
    file = shared(memory)
    file.bring_in()
    for _ in range(2):  # two threads may find it due
        file.rest.begin()
        assert file.rest.resting
        assert file.database.is_closed


def found(memory: Memory) -> list[tuple[str, float]]:
    answer = memory.recall("What did Ada tell Grace?", now=from_millis(NOW))
    return [(passage.id, passage.score) for passage in answer.passages]


def test_what_is_held_in_memory_answers_and_lets_the_file_rest(resting: Memory) -> None:
    assert found(resting)
    assert shared(resting).rest.resting


def test_who_needs_the_file_opens_it_and_what_is_held_stays(resting: Memory) -> None:
    model, before = resting._store.model, found(resting)
    passages = resting.stats().passages
    assert passages > 0
    assert not shared(resting).rest.resting
    assert resting._store.model is model
    lay_down(resting)
    assert (resting.stats().passages, found(resting)) == (passages, before)


def test_a_change_opens_the_file_behind_the_caller_and_is_in_it_once(resting: Memory) -> None:
    for day in range(3):
        tell(resting, day)
        assert resting.recall(f"Who met Ada on day {day}?", now=from_millis(NOW)).passages
        assert days(resting) == told(*range(day + 1))
        lay_down(resting)
    assert resting._store.model is not None
    counted = resting.cypher("MATCH (p:Passage {source: 'days'}) RETURN count(*) AS n")
    assert counted["n"].to_pylist() == [3]


def test_a_change_that_cannot_wait_opens_the_file(resting: Memory) -> None:
    shared(resting).derived = None
    lay_down(resting)
    tell(resting, 1)
    assert days(resting) == told(1)
    lay_down(resting)
    resting.forget(source="days")
    assert days(resting) == set()
    assert resting.doctor(deep=True).sound


def test_a_change_that_fails_at_rest_is_taken_back(resting: Memory, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise StoreError("it failed")

    with monkeypatch.context() as patched:
        patched.setattr(steps, "after", fail)
        with pytest.raises(StoreError, match="it failed"):
            tell(resting, 1)
    assert days(resting) == set()
    tell(resting, 2)
    assert days(resting) == told(2)


def test_another_program_cannot_write_a_file_that_rests(resting: Memory) -> None:
    done = subprocess.run(
        [sys.executable, "-c", OPEN, str(resting.path)], capture_output=True, text=True, check=False
    )
    assert "Could not set lock on file" in done.stderr


def test_another_file_in_its_place_is_noticed(resting: Memory, tmp_path: Path) -> None:
    with opened(tmp_path / "other.memini") as other:
        other.remember("Mary met Percy.", time=from_millis(NOW))
    shutil.copyfile(tmp_path / "other.memini", resting.path)
    with pytest.warns(UserWarning, match="journal beside it|another program wrote it"):
        assert resting.stats().passages == 1
    assert resting._store.model is None


def test_who_reads_keeps_the_file_open(memory: Memory, monkeypatch: pytest.MonkeyPatch) -> None:
    memory.add(corpus(61, 20))
    monkeypatch.setattr(rest, "IDLE", 0.0)
    with memory._store.snapshot():
        begun = threading.Thread(target=shared(memory).rest.begin)
        begun.start()
        begun.join()
        assert not shared(memory).rest.resting
        assert memory.stats().passages > 0
    lay_down(memory)


def test_a_file_in_use_does_not_rest(memory: Memory) -> None:
    memory.stats()
    shared(memory).rest.begin()
    assert not shared(memory).rest.resting


def test_files_are_looked_at_by_themselves(memory: Memory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rest, "IDLE", 0.0)
    monkeypatch.setattr(rest, "LOOK", 0.01)
    monkeypatch.setattr(rest, "_files", WeakSet())
    rest._watchers.clear()
    rest.watch(shared(memory).rest)
    until = time.monotonic() + 60
    while not shared(memory).rest.resting:
        assert time.monotonic() < until
        time.sleep(0.01)


def _end_at_rest(path: Path) -> None:
    rest.IDLE = 0.0
    memory = opened(path)
    tell(memory, 1)
    lay_down(memory)
    tell(memory, 2)
    os._exit(0)


def test_a_process_that_ends_at_rest_loses_nothing(tmp_path: Path) -> None:
    path = tmp_path / "a.memini"
    child = multiprocessing.get_context("spawn").Process(target=_end_at_rest, args=(path,))
    child.start()
    child.join()
    assert child.exitcode == 0
    with opened(path) as memory:
        assert days(memory) == told(1, 2)
        assert memory.doctor(deep=True).sound


def test_a_file_that_rests_can_be_closed_and_opened(resting: Memory) -> None:
    path, before = resting.path, found(resting)
    resting.close()
    with opened(path) as memory:
        assert found(memory) == before


def put_away(memory: Memory, place: Path) -> Path:
    """All files of a store somewhere else, though it is open."""
    place.mkdir()
    for each in memory.path.parent.glob(f"{memory.path.name}*"):
        each.rename(place / each.name)
    return place / memory.path.name


@pytest.mark.parametrize("kept", [True, False])
def test_a_file_that_was_moved_while_it_is_open_is_whole_where_it_is(
    memory: Memory, tmp_path: Path, *, kept: bool
) -> None:
    tell(memory, 0)
    if kept:
        memory._store.hold()
    moved = put_away(memory, tmp_path / "elsewhere")
    for write in (
        lambda: tell(memory, 1),
        lambda: memory.cypher("CREATE NODE TABLE N(id INT64 PRIMARY KEY)", write=True),
    ):
        with pytest.raises(StoreError, match="was moved, removed or replaced while it was open"):
            write()
    memory.close()
    assert not memory_files(tmp_path)
    with opened(moved) as again:
        assert days(again) == told(0)
        assert again.doctor(deep=True).sound


def memory_files(folder: Path) -> list[str]:
    return sorted(each.name for each in folder.iterdir() if each.is_file())


def test_a_file_that_was_replaced_while_it_is_open_takes_nothing_that_would_be_lost(
    memory: Memory, tmp_path: Path
) -> None:
    tell(memory, 0)
    memory.backup(tmp_path / "backup.memini")
    tell(memory, 1)
    before = tmp_path / "before.memini"
    memory.path.rename(before)
    shutil.copy(tmp_path / "backup.memini", memory.path)
    with pytest.raises(StoreError, match="was moved, removed or replaced while it was open"):
        tell(memory, 2)
    before.replace(memory.path)
    tell(memory, 3)
    assert days(memory) == told(0, 1, 3)


@pytest.mark.parametrize("way", ["backup", "cypher", "remember"])
def test_a_file_that_could_not_be_opened_again_is_opened_by_the_next_who_needs_it(
    memory: Memory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise StoreError("Too many open files")

    tell(memory, 0)
    file = shared(memory)
    with monkeypatch.context() as patched:
        patched.setattr(open_file, "open_database", fail)
        with pytest.raises(StoreError, match="Too many"):
            file.reopen()
    # the number of its descriptor belongs to another file by now
    number, other = file.descriptor, tmp_path / "other"
    other.write_bytes(bytes(1 << 16))
    with other.open("rb") as taken:
        os.dup2(taken.fileno(), number)
    try:
        if way == "backup":
            memory.backup(tmp_path / "backup.memini")
            with opened(tmp_path / "backup.memini") as copy:
                assert days(copy) == told(0)
        elif way == "cypher":
            memory.cypher("CREATE NODE TABLE Note(id INT64 PRIMARY KEY)", write=True)
        tell(memory, 1)
        assert days(memory) == told(0, 1)
    finally:
        os.close(number)
    memory.close()
    with opened(memory.path) as again:
        assert days(again) == told(0, 1)


def test_a_file_for_which_there_was_no_descriptor_closes_no_other(
    memory: Memory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.open

    def none_left(path: Path, *rest: int) -> int:
        if path == memory.path:
            raise OSError(24, "Too many open files")
        return real(path, *rest)

    tell(memory, 0)
    file = shared(memory)
    with monkeypatch.context() as patched:
        patched.setattr(os, "open", none_left)
        with pytest.raises(StoreError, match="cannot be opened: Too many open files"):
            file.reopen()
    (tmp_path / "other").touch()
    with (tmp_path / "other").open("rb") as other:
        # it has the number of the descriptor that was closed
        if other.fileno() != file.descriptor:
            os.dup2(other.fileno(), file.descriptor)
        number = file.descriptor
        tell(memory, 1)
        assert os.path.samestat(os.fstat(number), os.fstat(other.fileno()))
        if other.fileno() != number:
            os.close(number)
    assert days(memory) == told(0, 1)


def test_a_close_that_was_interrupted_leaves_nothing_open(
    memory: Memory, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    tell(memory, 0)
    file = shared(memory)
    with monkeypatch.context() as patched:
        patched.setattr(open_file.OpenFile, "checkpoint", interrupt)
        with pytest.raises(KeyboardInterrupt):
            memory.close()
    assert file.database.is_closed
    with opened(memory.path) as again:
        tell(again, 1)
        # with a checkpoint of what it was, if it were open
        monkeypatch.setattr(rest, "IDLE", 0.0)
        file.rest.begin()
        tell(again, 2)
        assert days(again) == told(0, 1, 2)
    with opened(memory.path) as again:
        assert days(again) == told(0, 1, 2)
