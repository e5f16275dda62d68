"""A folder of notes and its store: edited, moved, renamed, emptied and deleted, they stay in step."""

from __future__ import annotations

import contextlib
import os
import random
import time
from functools import partial
from threading import Event, Thread
from typing import TYPE_CHECKING, Any

import pytest
from fixtures_memory import NOW, Names, assert_same_strengths, strengths

from memini_kuzu.cli import _watch
from memini_kuzu.identity import stable_id
from memini_kuzu.memory import Memory
from memini_kuzu.memory.following import Follower, Step
from memini_kuzu.records import Record
from memini_kuzu.times import DAY, to_millis

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

pytest_plugins = ["fixtures_memory"]

START = to_millis("2025-01-01")
NAMES = [
    f"{first} {last}" for first in ("Ada", "Mia", "Jon", "Ines") for last in ("Berg", "Ray", "Voss", "Lund")
]


class Vault:
    """A folder of notes that a test writes, and what its author said when."""

    def __init__(self, root: Path, seed: int = 7) -> None:
        self.root = root
        self.day = 0
        self.random = random.Random(seed)
        self.said: list[tuple[str, int]] = []

    def write(self, name: str, text: str | None = None, day: int | None = None) -> None:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(self.sentence() if text is None else text)
        self.day += 1
        at = (START + (self.day if day is None else day) * DAY) * 1_000_000
        os.utime(path, ns=(at, at))

    def sentence(self) -> str:
        one, two, three = self.random.sample(NAMES, 3)
        return f"{one} met {two}. Then [[{three}]] wrote to {one} in {self.random.randrange(10**6)} words.\n"

    def move(self, name: str, to: str) -> None:
        (self.root / to).parent.mkdir(parents=True, exist_ok=True)
        (self.root / name).rename(self.root / to)


@pytest.fixture
def vault(tmp_path: Path) -> Vault:
    return Vault(tmp_path / "vault")


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Callable[[str], Memory]]:
    memories: list[Memory] = []

    def open_(name: str) -> Memory:
        memories.append(Memory.open(tmp_path / f"{name}.memini", extractor=Names()))
        return memories[-1]

    yield open_
    for memory in memories:
        memory.close()


def passages(memory: Memory) -> list[tuple[Any, ...]]:
    """All that passages say and mention; not their place in a source, which tells how they came."""
    table = memory.cypher(
        "MATCH (p:Passage) OPTIONAL MATCH (p)-[m:MENTIONS]->(e:Entity) "
        "RETURN p.source AS s, p.record AS r, p.title AS i, p.text AS t, p.time AS d, p.words AS w, "
        "p.terms AS q, "
        "collect(e.key + '/' + CAST(m.count AS STRING)) AS m LIMIT 99999"
    )
    return sorted((*(row[key] for key in "sritdwq"), tuple(sorted(row["m"]))) for row in table.to_pylist())


def events(memory: Memory, source: str = "") -> dict[tuple[str, str, Any], float]:
    """All evidence, or that of a source: who was told of beside whom, when and how much."""
    table = memory.cypher(
        "MATCH (d:Document) WHERE $source IN ['', d.source] UNWIND range(1, size(d.source_at)) AS i "
        "RETURN d.event_entities[d.source_at[i]] AS s, d.event_entities[d.target_at[i]] AS t, "
        "d.event_times[d.time_at[i]] AS d, memini_amount(d.event_amounts[d.amount_at[i]]) AS a LIMIT 999999",
        {"source": source},
    )
    found: dict[tuple[str, str, Any], float] = {}
    for row in table.to_pylist():
        key = (row["s"], row["t"], row["d"])
        found[key] = found.get(key, 0.0) + row["a"]
    return found


@pytest.mark.parametrize("notes", [40, pytest.param(300, marks=pytest.mark.slow)])
def test_a_vault_that_lives_is_the_one_that_its_final_folder_makes(
    vault: Vault, opened: Callable[[str], Memory], notes: int
) -> None:
    some = notes // 8
    names = [f"{'people' if number % 3 else 'places'}/note {number}.md" for number in range(notes)]
    for name in names:
        vault.write(name)
    memory = opened("lived")
    assert memory.ingest(vault.root).added == notes
    told = events(memory)

    for name in names[:some]:
        vault.write(name)
    edited = memory.ingest(vault.root)
    after_edit = events(memory)

    for number, name in enumerate(names[2 * some : 3 * some]):
        vault.move(name, f"archive/note {2 * some + number}.md")
    for number, name in enumerate(names[3 * some : 4 * some]):
        vault.move(name, f"people/Other name {number}.md")
    moved = memory.ingest(vault.root)

    leaving = names[5 * some : 6 * some]
    for number, name in enumerate(leaving):
        if number % 2:
            (vault.root / name).write_text("")
        else:
            (vault.root / name).unlink()
    vault.write("places/new.md")
    vault.root.rename(vault.root.with_name("garden"))
    vault.root = vault.root.with_name("garden")
    renamed = memory.ingest(vault.root)
    gone = set().union(*(events(memory, f"vault/{name}") for name in leaving))
    planned = memory.prune(vault.root, dry_run=True)
    pruned = memory.prune(vault.root)

    assert (edited.changed, edited.unchanged, edited.moved) == (some, notes - some, 0)
    assert (moved.moved, moved.unchanged, moved.events) == (2 * some, notes - 2 * some, 0)
    assert (renamed.added, renamed.moved, renamed.unchanged) == (1, notes - some, 0)
    assert renamed.folders == ["vault"]
    assert (planned.documents, pruned.documents) == (some, some)
    assert told.items() <= after_edit.items()
    afresh = opened("afresh")
    afresh.ingest(vault.root)
    assert passages(memory) == passages(afresh)
    # all that was ever said, at its time, and nothing twice; less what was forgotten
    evidence = after_edit | events(afresh, "garden/places/new.md")
    assert gone
    assert events(memory) == pytest.approx({key: evidence[key] for key in evidence.keys() - gone})
    assert memory.ingest(vault.root).unchanged == notes - some + 1
    assert memory.doctor(deep=True).sound


def test_a_note_that_is_moved_says_nothing_new_and_one_that_is_edited_on_the_way_does(
    vault: Vault, opened: Callable[[str], Memory]
) -> None:
    vault.write("a.md", "# Plan\n\nAda Berg met Jon Ray.\n")
    memory = opened("a")
    memory.ingest(vault.root)
    before, strong = events(memory), strengths(memory, NOW)

    vault.move("a.md", "deep/er/b.md")
    moved = memory.ingest(vault.root)

    assert (moved.moved, moved.events, moved.files) == (1, 0, {"vault/deep/er/b.md": {"moved": 1}})
    assert events(memory) == before
    assert_same_strengths(strengths(memory, NOW), strong)
    assert [row[:3] for row in passages(memory)] == [("vault/deep/er/b.md", "b.md", "Plan")]

    vault.write("deep/er/b.md", "# Plan\n\nAda Berg met Mia Voss.\n")
    assert memory.ingest(vault.root).changed == 1
    assert memory.doctor(deep=True).sound


def test_a_copy_is_a_document_of_its_own(vault: Vault, opened: Callable[[str], Memory]) -> None:
    vault.write("a.md", "Ada Berg met Jon Ray.\n", day=1)
    memory = opened("a")
    memory.ingest(vault.root)

    vault.write("b.md", "Ada Berg met Jon Ray.\n", day=1)

    assert memory.ingest(vault.root).files == {"vault/a.md": {"unchanged": 1}, "vault/b.md": {"added": 1}}


def test_pruning_leaves_what_is_there_and_other_folders_alone(
    vault: Vault, opened: Callable[[str], Memory]
) -> None:
    vault.write("a.md")
    vault.write("b.txt")
    other = Vault(vault.root.with_name("other"))
    other.write("c.md")
    memory = opened("a")
    memory.ingest(vault.root, other.root)
    memory.remember("Ada Berg met Jon Ray.", source="diary")

    for path in (vault.root / "a.md", other.root / "c.md"):
        path.unlink()
    report = memory.ingest(vault.root, exclude=["*.txt"])
    memory.prune(vault.root)

    assert report.files == {"vault/b.txt": {"excluded": 1}}
    assert {row[0] for row in passages(memory)} == {"vault/b.txt", "other/c.md", "diary"}


def test_pruning_leaves_texts_whose_source_is_called_as_the_folder(
    vault: Vault, opened: Callable[[str], Memory]
) -> None:
    vault.write("a.md")
    vault.write("rows.jsonl", '{"text": "Jon Ray left.", "source": "vault", "id": "1"}\n')
    memory = opened("a")
    memory.remember("Ada Berg met Jon Ray.", source="vault")
    memory.remember([{"role": "user", "content": "Mia Voss came."}], source="vault/7")

    report = memory.ingest(vault.root)
    (vault.root / "a.md").unlink()
    memory.prune(vault.root)

    assert report.notices == []
    assert {row[3] for row in passages(memory)} == {
        "Ada Berg met Jon Ray.",
        "user: Mia Voss came.",
        "Jon Ray left.",
    }


def test_messages_of_a_chat_move_with_their_file(vault: Vault, opened: Callable[[str], Memory]) -> None:
    chat = "14/02/2025, 09:15 - Ada Berg: ok\n14/02/2025, 09:16 - Jon Ray: Mia Voss comes\n"
    vault.write("chat.txt", chat)
    vault.write("other.md")
    memory = opened("a")
    memory.ingest(vault.root)

    vault.move("chat.txt", "chats/With Ada.txt")
    report = memory.ingest(vault.root)

    assert (report.moved, report.events) == (2, 0)
    assert report.files["vault/chats/With Ada.txt"] == {"moved": 2}


def test_a_set_source_keeps_files_in_step_too(vault: Vault, opened: Callable[[str], Memory]) -> None:
    vault.write("a.md")
    vault.write("b.md")
    memory = opened("a")
    memory.ingest(vault.root, source="notes")
    vault.move("a.md", "c.md")
    (vault.root / "b.md").unlink()

    moved = memory.ingest(vault.root, source="notes")
    memory.prune(vault.root)

    assert (moved.moved, moved.events) == (1, 0)
    assert [row[:2] for row in passages(memory)] == [("notes", "vault/c.md")]


def test_a_store_that_knew_files_by_their_place_goes_on(
    vault: Vault, opened: Callable[[str], Memory]
) -> None:
    for name in ("a.md", "b.md", "c.md"):
        vault.write(name, f"Ada Berg met Jon Ray, said {name[0]}.\n", day=3)
    memory = opened("a")
    memory.add(
        [
            Record((vault.root / name).read_text(), START + 3 * DAY, (vault.root / name).as_posix(), "", name)
            for name in ("a.md", "b.md", "c.md")
        ]
    )
    before = events(memory)
    vault.move("a.md", "moved.md")
    vault.write("b.md", "Ada Berg met Mia Voss.\n")

    report = memory.ingest(vault.root)

    assert (report.moved, report.changed, report.added) == (2, 1, 0)
    assert before.items() <= events(memory).items()
    assert memory.prune(vault.root, dry_run=True).documents == 0
    assert {row[0] for row in passages(memory)} == {"vault/moved.md", "vault/b.md", "vault/c.md"}
    assert stable_id("vault/c.md", "c.md") in {
        row["i"] for row in memory.cypher("MATCH (d:Document) RETURN d.id AS i").to_pylist()
    }


# --- watching


@pytest.mark.parametrize("notes", [6, pytest.param(300, marks=pytest.mark.slow)])
def test_a_follower_reads_what_changed_and_forgets_what_is_gone_for_good(
    vault: Vault, opened: Callable[[str], Memory], notes: int
) -> None:
    for number in range(notes):
        vault.write(f"note {number}.md")
    memory = opened("a")
    follower = Follower([vault.root], prune=True)
    first = follower.step(memory)

    vault.write("note 0.md")
    vault.move("note 1.md", "moved/note 1.md")
    kept = (vault.root / "note 2.md").read_text()
    (vault.root / "note 2.md").unlink()
    (vault.root / "note 3.md").unlink()
    second = follower.step(memory)
    vault.write("note 2.md", kept, day=3)
    third = follower.step(memory)

    assert (first.ingested.added, first.missing) == (notes, 0)
    assert second.ingested.files == {"vault/moved/note 1.md": {"moved": 1}, "vault/note 0.md": {"changed": 1}}
    assert (second.forgotten, second.missing) == (None, 2)
    assert third.ingested.files == {"vault/note 2.md": {"unchanged": 1}}
    assert third.forgotten is not None
    assert (third.forgotten.documents, third.missing) == (1, 0)
    afresh = opened("afresh")
    afresh.ingest(vault.root)
    assert passages(memory) == passages(afresh)


@contextlib.contextmanager
def watched(
    vault: Vault, db: Path, monkeypatch: pytest.MonkeyPatch, after_first: Callable[[], None] = lambda: None
) -> Iterator[Callable[[int], None]]:
    """Watch the vault; gives what waits until the store has so many documents."""
    monkeypatch.setattr(_watch, "CALM", 0.1)
    stop, looked = Event(), Event()

    class Looking(Follower):
        def step(self, memory: Memory) -> Step:
            step = super().step(memory)
            if not looked.is_set():
                after_first()
                looked.set()
            return step

    following = Thread(
        target=_watch.follow, args=(Looking([vault.root], prune=True), db, {"wait": 30.0}, stop)
    )

    def eventually(wanted: int) -> None:
        assert looked.wait(60)
        until = time.monotonic() + 60
        while True:
            with Memory.open(db, wait=30.0) as memory:
                found = memory.stats().documents
            if found == wanted:
                return
            assert time.monotonic() < until, f"{found} documents, {wanted} wanted"
            time.sleep(0.2)

    following.start()
    try:
        yield eventually
    finally:
        stop.set()
        following.join(timeout=30)
    assert not following.is_alive()


def test_watch_says_which_files_and_rows_it_left_out(
    vault: Vault, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    vault.write("latin.txt")
    (vault.root / "latin.txt").write_bytes(b"Caf\xe9")
    vault.write("rows.jsonl", '{"text": 1}\n')
    stop = Event()
    stop.set()

    _watch.follow(Follower([vault.root]), tmp_path / "a.memini", {"wait": 30.0}, stop)

    told = capsys.readouterr().err
    assert "1 file not read: byte 3 (0xe9) is not utf-8" in told
    assert "rows.jsonl:1: text 1 is of type int" in told


def test_watch_takes_in_a_burst_of_edits_and_leaves_the_store_to_others_between(
    vault: Vault, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(4):
        vault.write(f"note {number}.md")
    with watched(vault, tmp_path / "watched.memini", monkeypatch) as eventually:
        eventually(4)
        for number in range(4, 8):
            vault.write(f"note {number}.md")
        (vault.root / "note 0.md").unlink()
        eventually(7)


def test_what_changes_while_watch_looks_for_the_first_time_is_taken_in_without_another_change(
    vault: Vault, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    vault.write("before.md")
    during = partial(vault.write, "during.md")
    with watched(vault, tmp_path / "watched.memini", monkeypatch, during) as eventually:
        eventually(2)


def test_watch_says_once_what_it_could_not_read(
    vault: Vault, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    vault.write("broken.docx", "not a Word document")
    vault.write("sound.bin")
    with watched(vault, tmp_path / "watched.memini", monkeypatch) as eventually:
        eventually(0)
        vault.write("good.md")
        eventually(1)
        vault.write("more.bin")
        vault.write("better.md")
        eventually(2)
    said = capsys.readouterr().err
    assert said.count("no Word document that can be read") == 1
    assert said.count("1 file of type .bin, which is not read") == 1
    assert said.count("2 files of type .bin, which is not read") == 1
