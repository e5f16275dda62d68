"""What users saw go wrong, each as the test that would have caught it, named after what they saw.

What may crash, be killed or wait runs in processes of its own. They come from one that has everything
imported already.
"""

from __future__ import annotations

import io
import multiprocessing
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
import warnings
from contextlib import contextmanager, redirect_stderr, redirect_stdout, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pyarrow as pa
import pytest
from fixtures_memory import NOW, Names, corpus
from soundness import differences, state, unsound, violations

from memini_kuzu.config import Parameters
from memini_kuzu.errors import (
    DamagedStoreError,
    InputError,
    MeminiError,
    NotAStoreError,
    QueryError,
    StoreError,
)
from memini_kuzu.extraction import RuleExtractor
from memini_kuzu.insight.doctor import diagnose
from memini_kuzu.memory import Memory
from memini_kuzu.memory import opening as memory_module
from memini_kuzu.records import Record
from memini_kuzu.store import rewriting, schema
from memini_kuzu.times import DAY

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from multiprocessing.synchronize import Barrier, Event

    from memini_kuzu.extraction import Mention

pytest_plugins = ["fixtures_memory"]

ROOT = Path(__file__).parent.parent

SIDE = (".wal", ".shadow", ".journal", ".journal.new", ".standby", ".standby.new")

CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload(["pytest", "memini_kuzu.cli", "memini_kuzu.insight.doctor"])

LONG = 60.0
"""Seconds after which a process is given up."""

OPENS = 20.0
"""Seconds to wait for a store that others open and close."""


# --- processes ---


class Refusal(NamedTuple):
    """An error that a process raised, as its answer."""

    kind: str
    words: str


def _answer(pipe: Any, work: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
    try:
        answer = work(*arguments)
    except MeminiError as error:
        answer = Refusal(type(error).__name__, str(error))
    pipe.send(answer)


class Child:
    """A process that answers with what a function of this module gives, or how it was refused."""

    def __init__(self, work: Callable[..., Any], *arguments: Any) -> None:
        self._pipe, theirs = CONTEXT.Pipe(duplex=False)
        self.process = CONTEXT.Process(target=_answer, args=(theirs, work, arguments), daemon=True)
        self.process.start()
        theirs.close()

    def answer(self) -> Any:
        """Its answer; None where it was killed."""
        assert self._pipe.poll(LONG), "the process does not answer"
        answer = None
        with suppress(EOFError):
            answer = self._pipe.recv()
        self.process.join(LONG)
        return answer

    def exit_code(self) -> int | None:
        self.answer()
        return self.process.exitcode


def opened(path: Path, **options: Any) -> Memory:
    return Memory.open(path, extractor=Names(), clock=lambda: NOW, **options)


def die(*_: Any) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _works_and_dies(path: Path, work: Callable[..., object], arguments: tuple[Any, ...]) -> None:
    memory = opened(path)
    work(memory, *arguments)
    die()


def killed_after(path: Path, work: Callable[..., object], *arguments: Any) -> None:
    """Another process opens the store, works, and is killed when the work is acknowledged."""
    assert Child(_works_and_dies, path, work, arguments).exit_code() == -signal.SIGKILL


def beside(path: Path, suffix: str) -> Path:
    return path.with_name(path.name + suffix)


def copy_all(path: Path, to: Path) -> None:
    """Copy a store with all that stands beside it."""
    for suffix in ("", *SIDE):
        if beside(path, suffix).exists():
            shutil.copy(beside(path, suffix), beside(to, suffix))


# --- what a store must be ---


def assert_sound(memory: Memory, *, forgotten: bool = False) -> None:
    """Doctor finds nothing, and neither does a computation of its own; where maintenance forgot, of less."""
    diagnosis = memory.doctor(deep=True)
    assert diagnosis.sound, [one for one in diagnosis.findings if one.status == "problem"]
    assert not (unsound if forgotten else violations)(memory._store)


def records_of(memory: Memory) -> set[str]:
    return set(memory.cypher("MATCH (d:Document) RETURN d.record AS r")["r"].to_pylist())


def associations_of(memory: Memory) -> dict[tuple[str, str], int]:
    """Events of every association, forwards; backwards there are the same."""
    found = []
    for pattern in ("(a:Entity)-[e:ASSOCIATES]->(b:Entity)", "(b:Entity)<-[e:ASSOCIATES]-(a:Entity)"):
        rows = memory.cypher(f"MATCH {pattern} RETURN a.key AS a, b.key AS b, e.events AS n").to_pylist()
        found.append({(row["a"], row["b"]): row["n"] for row in rows})
        assert len(found[-1]) == len(rows)
    assert found[0] == found[1]
    return found[0]


# --- an association that was told and never forgotten disappears ---

FIRST = (
    "Ada met Bob. Bob gave Cleo a letter. Cleo saw Dora and Emil.",
    "Ada wrote to Cleo. Emil met Ada. Fay met Gus.",
    "Bob saw Dora. Gus met Hal. Hal wrote to Ada and Fay.",
)


def tell_first(memory: Memory) -> None:
    for number, text in enumerate(FIRST):
        memory.remember(text, time="2025-01-01", source="s0", id=f"first {number}")


def tell_second(memory: Memory, turn: int = 0) -> None:
    memory.remember(
        f"Ada met Zoe {turn}. Zoe gave Bob and Cleo a letter. Yan saw Xia. Ada met Bob.",
        time="2025-02-01",
        source="s2",
        id=f"second {turn}",
    )


def forget_second(memory: Memory) -> None:
    memory.forget(source="s2")


def refused_forget(memory: Memory) -> None:
    with pytest.raises(InputError, match="s1"):
        memory.forget(source="s1")


def test_forgetting_a_source_and_a_refused_step_take_nothing_of_another(path: Path) -> None:
    with opened(path) as memory:
        tell_first(memory)
        told = associations_of(memory)
        tell_second(memory)
        assert associations_of(memory) != told
        forget_second(memory)
        refused_forget(memory)
        assert associations_of(memory) == told
        assert_sound(memory)
    with opened(path) as memory:
        assert associations_of(memory) == told
        assert records_of(memory) == {f"first {number}" for number in range(len(FIRST))}


def _forgets_again_and_again(memory: Memory) -> None:
    tell_first(memory)
    for turn in range(4):
        tell_second(memory, turn)
        tell_second(memory, -turn - 1)
        forget_second(memory)
        refused_forget(memory)


@pytest.mark.slow
def test_a_kill_after_repeated_forgetting_takes_nothing_of_another(path: Path, tmp_path: Path) -> None:
    other = Path(shutil.copy(path, tmp_path / "other.memini"))
    with opened(other) as memory:
        tell_first(memory)
        told = associations_of(memory)
    killed_after(path, _forgets_again_and_again)
    for read_only in (True, False):
        with opened(path, read_only=read_only) as memory:
            assert associations_of(memory) == told
            assert_sound(memory)


# --- readers destroy a store ---


def _adds(memory: Memory, seed: int, size: int = 12) -> None:
    memory.add(corpus(seed, size))
    memory.remember(f"Ada met Bob {seed}.", time="2025-01-01", source="told", id=f"told {seed}")


def _adds_and_forgets(memory: Memory, seed: int) -> None:
    _adds(memory, seed)
    memory.remember(f"Zoe met Bob {seed}.", time="2025-01-01", source="gone")
    memory.forget(source="gone")


def _looks(path: Path, barrier: Barrier, options: dict[str, Any]) -> tuple[bool, set[str]]:
    barrier.wait(LONG)
    with opened(path, **options) as memory:
        if not options.get("read_only"):
            memory.remember("Cleo met Dora.", time="2025-01-01", source="looked", id="looked")
        assert memory.recall("Ada").passages
        return memory.doctor().sound, records_of(memory)


@pytest.mark.slow
def test_readers_and_a_writer_that_open_at_once_after_a_kill_leave_the_store_whole(path: Path) -> None:
    told: set[str] = set()
    for turn, wait in enumerate((0.0, OPENS)):
        killed_after(path, _adds_and_forgets, turn)
        told |= {f"d{number}" for number in range(12)} | {f"told {turn}"}
        barrier = CONTEXT.Barrier(4)
        children = [
            Child(_looks, path, barrier, {"read_only": reads, "wait": wait})
            for reads in (True, True, False, True)
        ]
        answers = [child.answer() for child in children]
        refusals = [answer for answer in answers if isinstance(answer, Refusal)]
        assert {refusal.kind for refusal in refusals} <= {"StoreLockedError"}
        assert len(refusals) <= (0 if wait else 3)
        for answer in answers:
            if answer not in refusals:
                sound, records = answer
                assert sound
                assert told <= records
    with opened(path) as memory:
        assert_sound(memory)
        assert records_of(memory) - {"looked"} == told


def _commands(barrier: Barrier, *arguments: str) -> tuple[int, str, str]:
    """The command line in this process."""
    memory_module.default_extractor = lambda _hint: RuleExtractor()
    from memini_kuzu.cli import app

    printed, noted = io.StringIO(), io.StringIO()
    barrier.wait(LONG)
    with redirect_stdout(printed), redirect_stderr(noted):
        try:
            app(list(arguments), prog_name="memini")
        except SystemExit as ended:
            code = int(ended.code or 0)
    return code, printed.getvalue(), noted.getvalue()


@pytest.mark.slow
def test_four_commands_that_recall_at_once_after_a_kill_leave_the_store_whole(path: Path) -> None:
    killed_after(path, _adds_and_forgets, 1)
    barrier = CONTEXT.Barrier(4)
    command = ("recall", "Ada Bob", "-k", "100", "--json", "--db", str(path), "--wait")
    waits = ("0", "0", str(OPENS), str(OPENS))
    children = [Child(_commands, barrier, *command, wait) for wait in waits]
    for wait, answer in zip(waits, [child.answer() for child in children], strict=True):
        assert answer is not None
        code, printed, noted = answer
        assert code == 0 or (wait == "0" and "is locked" in noted), noted
        assert code != 0 or "Ada met Bob 1." in printed
    with opened(path) as memory:
        assert_sound(memory)
        assert "told 1" in records_of(memory)


# --- the process dies ---


def _consolidates_after_forgetting(path: Path) -> None:
    with opened(path) as memory:
        tell_first(memory)
        memory.consolidate()
        tell_second(memory)
        memory.forget(source="s2")
        memory.consolidate(threshold=0.0)
        memory.stats()
        assert_sound(memory, forgotten=True)


def _counts_after_a_checkpoint(path: Path) -> int:
    with opened(path) as memory:
        tell_first(memory)
        memory._store._engine.checkpoint()
        memory.remember(FIRST[0], time="2025-03-01", source="s2")
        memory.forget(source="s2")
        memory._store._engine.checkpoint()
        counted = memory.cypher("MATCH (e:Entity)<-[:MENTIONS]-() RETURN count(*) AS n")["n"][0].as_py()
        assert counted == memory.stats().mentions
        return int(counted)


@pytest.mark.slow
@pytest.mark.parametrize("work", [_consolidates_after_forgetting, _counts_after_a_checkpoint])
def test_the_process_survives_a_checkpoint_after_forgetting(path: Path, work: Callable[..., Any]) -> None:
    child = Child(work, path)
    assert child.exit_code() == 0
    with opened(path) as memory:
        assert_sound(memory, forgotten=True)
        assert len(records_of(memory)) == len(FIRST)


# --- a copy of the file is an empty memory, and doctor calls it sound ---

COPIED = "was copied while it was open, or without its journal"


def assert_says_that_it_was_copied(copy: Path) -> None:
    for read_only in (True, False, True):
        with pytest.raises(DamagedStoreError, match=COPIED):
            opened(copy, read_only=read_only)
    diagnosis = diagnose(copy)
    assert not diagnosis.sound
    assert any(COPIED in finding.detail for finding in diagnosis.findings)


@pytest.mark.parametrize("filled", [False, True])
def test_a_copy_of_the_file_alone_says_so_and_one_with_the_journal_has_everything(
    path: Path, tmp_path: Path, filled: bool
) -> None:
    if filled:
        with opened(path) as memory:
            memory.add(corpus(1, 12))
    alone, both, backup = (tmp_path / name for name in ("alone", "both", "backup"))
    with opened(path) as memory:
        tell_first(memory)
        told = state(memory._store)
        shutil.copy(path, alone)
        shutil.copy(path, both)
        shutil.copy(beside(path, ".journal"), beside(both, ".journal"))
        memory.backup(backup)
        assert state(memory._store) == told
        tell_second(memory)
    for copy in (both, backup):
        with opened(copy) as memory:
            assert not differences(state(memory._store), told)
            assert_sound(memory)
    assert_says_that_it_was_copied(alone)


@pytest.mark.slow
def test_a_copy_of_the_file_alone_after_a_kill_says_so(path: Path, tmp_path: Path) -> None:
    killed_after(path, tell_first)
    alone, both = tmp_path / "alone", tmp_path / "both"
    shutil.copy(path, alone)
    shutil.copy(path, both)
    shutil.copy(beside(path, ".journal"), beside(both, ".journal"))
    assert_says_that_it_was_copied(alone)
    for read_only in (True, False):
        with opened(both, read_only=read_only) as memory:
            assert len(records_of(memory)) == len(FIRST)
            assert_sound(memory)


@pytest.mark.parametrize("older", ["", ".journal"])
def test_a_file_and_a_journal_of_two_moments_say_so(memory: Memory, tmp_path: Path, older: str) -> None:
    """Copied one after the other while the store is open, and a checkpoint came between them."""
    path, mixed = memory.path, tmp_path / "mixed"
    tell_first(memory)
    shutil.copy(beside(path, older), beside(mixed, older))
    memory._store._engine.checkpoint()
    tell_second(memory)
    newer = "" if older else ".journal"
    shutil.copy(beside(path, newer), beside(mixed, newer))
    assert_says_that_it_was_copied(mixed)


@contextmanager
def serving(path: Path) -> Iterator[str]:
    """A server; its address."""
    process = subprocess.Popen(
        [sys.executable, "-m", "memini_kuzu", "serve", "--db", path, "--port", "0"],
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    try:
        assert process.stderr is not None
        for line in process.stderr:
            if " at http" in line:
                yield line.split(" at ")[1].split(";")[0]
                break
    finally:
        process.terminate()
        process.communicate(timeout=LONG)


@pytest.mark.slow
def test_a_copy_of_the_file_that_a_server_has_open_says_so(path: Path, tmp_path: Path) -> None:
    pytest.importorskip("mcp", reason='the extra "mcp" is not installed')
    alone, backup = tmp_path / "alone", tmp_path / "backup"
    with serving(path) as url, Memory.connect(url) as client:
        client.remember("Ada Lovelace wrote to Charles Babbage.", time="2025-01-01", id="letter")
        shutil.copy(path, alone)
        client.backup(backup.name)
    assert_says_that_it_was_copied(alone)
    with opened(backup) as memory:
        assert records_of(memory) == {"letter"}
        assert_sound(memory)


# --- a side file that is stale or damaged replaces a good store, in silence ---


def _stands_by(memory: Memory) -> None:
    """A checkpoint has begun, and the copy stands by."""
    from memini_kuzu.store.engine import standby
    from memini_kuzu.store.engine.checksum import checksum

    _adds(memory, 3, 3)
    shared = memory._store._engine._live
    standby.keep(memory.path, shared.descriptor)
    assert shared.journal is not None
    shared.journal.rewrite(shared.sequence, checksum(shared.descriptor))


def _adds_more(memory: Memory) -> None:
    """It has more changes than the others, and they are in its journal."""
    for seed in range(10, 14):
        _adds(memory, seed)


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory, empty_store: Path) -> Path:
    """Stores that were left in several ways, with what stands beside them; to be copied."""
    folder = tmp_path_factory.mktemp("stores")
    shutil.copy(empty_store, folder / "closed")
    with opened(folder / "closed") as memory:
        _adds(memory, 0, 3)
    for name in ("killed", "rewriting", "other"):
        copy_all(folder / "closed", folder / name)
    killed_after(folder / "killed", _adds, 3, 3)
    killed_after(folder / "rewriting", _stands_by)
    killed_after(folder / "other", _adds_more)
    with opened(folder / "closed") as memory:
        _adds(memory, 3, 3)
    return folder


TOLD = {"d0", "d1", "d2", "told 0", "told 3"}

LEFT_OVER = (".standby", ".standby.new", ".journal.new")
"""What has no meaning where the journal does not speak of it."""


EVERYTHING = "^$"
"""Everything is there and nothing is said."""

LEFT_LOG = "had a log beside it that memini did not write.*is as its last checkpoint left it; the log is"
"""Everything is there, and it is said where the log is."""

OTHER_JOURNAL = "is complete without the journal beside it, which is of another state of it: that is .* now"
USELESS_JOURNAL = "is complete without the journal beside it, which is damaged: that is .* now"

NO_JOURNAL = "refused: .*(was copied while it was open, or without its journal|its bytes are not those)"
"""Which of the two depends on the first page: files of one descent may have the same."""

DAMAGED_HEAD = (
    "refused: the journal .*is damaged in its head: what was told since the last checkpoint is lost"
)
CUT_JOURNAL = "refused: the journal of .*is damaged: changes? .*cannot be read"
NO_COPY = "refused: .*was being rewritten when its process ended, and the copy of it.*is missing or damaged"

OTHER, EMPTY, CUT, GARBAGE = "other", "empty", "cut", "garbage"
WAYS = (OTHER, EMPTY, CUT, GARBAGE)


def spoil(path: Path, stores: Path, suffix: str, how: str) -> None:
    """Put a side file in place that is of no use."""
    file = beside(path, suffix)
    if how == OTHER:
        there = beside(stores / "other", suffix)
        shutil.copy(there if there.exists() else stores / "other", file)
    elif how == EMPTY:
        file.write_bytes(b"")
    elif how == GARBAGE:
        file.write_bytes(b"garbage " * 500)
    else:
        source = next(one for one in (file, beside(stores / "other", suffix), path) if one.exists())
        content = source.read_bytes()
        file.write_bytes(content[: len(content) * 2 // 3])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "suffixes", "hows", "said"),
    [
        ("closed", LEFT_OVER, WAYS, EVERYTHING),
        ("killed", (*LEFT_OVER, ".wal"), WAYS, EVERYTHING),
        ("closed", (".wal",), (OTHER, CUT, GARBAGE), LEFT_LOG),
        ("closed", (".wal",), (EMPTY,), EVERYTHING),
        ("closed", (".journal",), (OTHER,), OTHER_JOURNAL),
        ("closed", (".journal",), (EMPTY, CUT, GARBAGE), USELESS_JOURNAL),
        ("killed", (".journal",), (OTHER,), NO_JOURNAL),
        ("killed", (".journal",), (CUT,), CUT_JOURNAL),
        ("killed", (".journal",), (EMPTY, GARBAGE), DAMAGED_HEAD),
        ("rewriting", (".standby",), WAYS, NO_COPY),
        ("rewriting", (".wal",), WAYS, EVERYTHING),
    ],
)
def test_a_side_file_never_takes_documents_away_in_silence(  # noqa: PLR0917 - the cases
    tmp_path: Path, stores: Path, name: str, suffixes: Iterable[str], hows: Iterable[str], said: str
) -> None:
    for how in hows:
        path = tmp_path / how
        copy_all(stores / name, path)
        for suffix in suffixes:
            spoil(path, stores, suffix, how)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            # a reader first: where that opens it, there is nothing left to say
            found = [told_when_opened(path, read_only=True), told_when_opened(path, read_only=False)]
        if any(found):
            assert all(re.search(said, refusal) for refusal in found), found
        else:
            assert re.search(said, "".join(str(one.message) for one in caught))


def told_when_opened(path: Path, *, read_only: bool) -> str:
    """What is said where it is not opened; otherwise all that was told is there."""
    try:
        with opened(path, read_only=read_only) as memory:
            assert records_of(memory) == TOLD
            assert memory.doctor().sound
    except DamagedStoreError as error:
        return f"refused: {error}"
    return ""


@pytest.mark.slow
@pytest.mark.parametrize("how", [CUT, GARBAGE])
def test_a_backup_in_the_place_of_a_store_whose_journal_is_damaged_opens(
    tmp_path: Path, stores: Path, how: str
) -> None:
    path = tmp_path / "a.memini"
    copy_all(stores / "killed", path)
    spoil(path, stores, ".journal", how)
    assert "Put a backup in its place" in told_when_opened(path, read_only=False)
    shutil.copy(stores / "closed", path)
    with pytest.warns(UserWarning, match=USELESS_JOURNAL):
        assert not told_when_opened(path, read_only=True)
    assert not told_when_opened(path, read_only=False)


# --- recall fails beside a writer ---


def failures_of(*steps: Callable[[], object], seconds: float) -> list[BaseException]:
    """What goes wrong where each of these steps is done again and again in a thread of its own."""
    until = time.monotonic() + seconds
    errors: list[BaseException] = []

    def again_and_again(step: Callable[[], object]) -> None:
        try:
            while time.monotonic() < until:
                step()
        except BaseException as error:  # noqa: BLE001 - the main thread looks at it
            errors.append(error)

    threads = [threading.Thread(target=again_and_again, args=(step,)) for step in steps]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return errors


@pytest.mark.slow
def test_what_is_read_beside_a_writer_is_of_one_state(memory: Memory) -> None:
    memory.add([Record("Ada met Bob.", NOW - 9 * DAY, "kept", id="kept")])
    pair = [Record(f"Ada met Bob and Cleo {n}.", NOW - 5 * DAY, "pair", id=f"pair {n}") for n in range(2)]
    seen: set[int] = set()

    def write() -> None:
        memory.add(pair)
        memory.consolidate(threshold=0.0)
        memory.forget(source="pair")

    def recalls() -> None:
        found = {passage.id for passage in memory.recall("Ada Cleo").passages}
        assert found in ({"kept"}, {"kept", "pair 0", "pair 1"})
        seen.add(len(found))

    def explains() -> None:
        associations = memory.explain("Ada Cleo", "kept").associations
        names = {name for one in associations for name in (one.source, one.target)}
        met = {one.events for one in associations if {one.source, one.target} == {"Ada", "Bob"}}
        assert met <= ({3} if "Cleo" in names else {1, 3})
        assert len(met) <= 1

    def counts() -> None:
        stats = memory.stats()
        row = (
            stats.documents,
            stats.passages,
            stats.sources,
            stats.entities,
            stats.associations,
            stats.mentions,
        )
        assert row in ((1, 1, 1, 2, 2, 2), (3, 3, 2, 3, 6, 8))

    assert not failures_of(write, recalls, recalls, explains, counts, seconds=3.0)
    assert seen == {1, 3}
    assert_sound(memory)


# --- removing an alias writes an impossible state ---


def test_an_alias_that_is_removed_after_a_maintenance_pass_leaves_no_impossible_state(path: Path) -> None:
    now = NOW
    with Memory.open(path, extractor=Names(), clock=lambda: now) as memory:
        memory.remember("Bob met Ada. Robert met Cleo and Dora. Ada met Dora.", source="first")
        memory.alias_add("Robert", "Bob")
        # just below what is kept, so that it is more than the slow variables of what is told next
        now += 3 * 365 * DAY
        assert memory.consolidate().forgotten
        for number in range(2):
            memory.remember(f"Robert met Cleo {number}. Bob met Dora {number}.", source="later")
        memory.alias_remove("Robert")
        assert_sound(memory, forgotten=True)
        impossible = (
            "MATCH ()-[e:ASSOCIATES]->() WHERE e.fast < 0 OR e.slow < 0 OR e.events < 1 RETURN e.fast"
        )
        assert not memory.cypher(impossible).num_rows
    with Memory.open(path, extractor=Names(), clock=lambda: now) as memory:
        assert_sound(memory, forgotten=True)


# --- what is told under an alias that is just being added lies behind the alias ---


def behind_aliases(memory: Memory) -> list[str]:
    query = "MATCH (a:Alias) MATCH (e:Entity) WHERE e.key = a.key RETURN e.name AS name"
    return list(memory.cypher(query)["name"].to_pylist())


class Interrupted(Names):
    """Names that let something happen in another thread before the texts from some number on."""

    def __init__(self, before: int, happens: Callable[[], object]) -> None:
        self._before, self._happens = before, happens

    def extract(self, texts: Iterable[str], *, processes: int = 1) -> Iterator[list[Mention]]:
        for number, found in enumerate(super().extract(texts, processes=processes)):
            if number == self._before:
                thread = threading.Thread(target=self._happens)
                thread.start()
                thread.join(LONG)
                assert not thread.is_alive()
            yield found


ROBERT = [
    Record(f"Robert met Ada and {name}. Robert left.", NOW - 5 * DAY, "told", id=name)
    for name in ("Cleo", "Dora", "Emil", "Fay")
]


@pytest.mark.parametrize("way", ["extractor", "records", "batches"])
def test_an_alias_that_is_added_during_an_ingest_gets_what_is_told(
    memories: Callable[[], Memory], monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    if way == "batches":
        # some of them are written before there is the alias: it brings them along
        monkeypatch.setattr("memini_kuzu.changes.ingestion.BATCH", 2)
    expected, found = memories(), memories()
    for memory in (expected, found):
        memory.remember("Bob met Ada.", time="2025-01-01", id="first")

    def add() -> None:
        found.alias_add("Robert", "Bob")

    def told() -> Iterator[Record]:
        for number, record in enumerate(ROBERT):
            if number == 3 and way != "extractor":
                add()
            yield record

    if way == "extractor":
        found._extractor = Interrupted(2, add)
    found.add(told())
    expected.alias_add("Robert", "Bob")
    expected.add(ROBERT)
    assert not behind_aliases(found)
    assert associations_of(found) == associations_of(expected)
    assert {one.target: one.events for one in found.associations("Robert")} == {
        one.target: one.events for one in expected.associations("Bob")
    }
    assert_sound(found)


def test_an_alias_that_is_added_while_events_are_loaded_gets_them(memory: Memory) -> None:
    memory.remember("Bob met Ada.", time="2025-01-01")
    added: list[int] = []

    def progress(events: int) -> None:
        if not added:
            memory.alias_add("Robert", "Bob")
        added.append(events)

    events = pa.table(
        {
            "source": ["Robert", "Cleo", "Robert"],
            "target": ["Ada", "Robert", "Bob"],
            "time": pa.array([NOW - DAY] * 3, pa.timestamp("ms")),
        }
    )
    memory.load_events(events, progress=progress)
    assert added
    assert not behind_aliases(memory)
    assert associations_of(memory) == {("bob", "ada"): 2, ("ada", "bob"): 1, ("cleo", "bob"): 1}
    assert_sound(memory, forgotten=True)


def test_a_merge_brings_evidence_to_the_entity_that_an_alias_stands_for(
    memories: Callable[[], Memory],
) -> None:
    memory, other, expected = memories(), memories(), memories()
    for one in (memory, expected):
        one.remember("Bob met Ada.", time="2025-01-01")
        one.alias_add("Robert", "Bob")
    other.add(ROBERT)
    other.remember("Bob and Robert met Gus.", time="2025-02-01", source="told", id="both")
    other.close()
    memory.merge(other.path)
    expected.add(ROBERT)
    expected.remember("Bob and Robert met Gus.", time="2025-02-01", source="told", id="both")
    assert not behind_aliases(memory)
    assert memory.associations("Robert") == memory.associations("Bob")
    assert associations_of(memory).keys() == associations_of(expected).keys()
    assert_sound(memory)
    memory.alias_remove("Robert")
    assert_sound(memory)


# --- import and create use one temporary name ---


def _waits_before_it_is_there(paused: Event, go: Event) -> None:
    """The next store that is made in this process waits when it is whole, before it is in its place."""
    move = schema.move

    def slow(work: Path, path: Path) -> None:
        paused.set()
        assert go.wait(LONG)
        move(work, path)

    schema.move = slow


def _imports(path: Path, folder: Path, paused: Event | None = None, go: Event | None = None) -> set[str]:
    if paused is not None and go is not None:
        _waits_before_it_is_there(paused, go)
    with Memory.import_(path, folder) as memory:
        return records_of(memory)


def _opens(path: Path, wait: float) -> set[str]:
    with opened(path, wait=wait) as memory:
        return records_of(memory)


@pytest.fixture
def exported(path: Path, tmp_path: Path) -> Path:
    with opened(path) as memory:
        tell_first(memory)
        memory.export(tmp_path / "exported")
    return tmp_path / "exported"


@pytest.mark.slow
def test_an_import_is_not_destroyed_by_who_makes_a_store_of_its_name(exported: Path, tmp_path: Path) -> None:
    path = tmp_path / "imported.memini"
    paused, go = CONTEXT.Event(), CONTEXT.Event()
    importing = Child(_imports, path, exported, paused, go)
    assert paused.wait(LONG)
    for refused in (Child(_opens, path, 0.0), Child(_imports, path, exported)):
        answer = refused.answer()
        assert isinstance(answer, Refusal)
        assert answer.kind == "StoreLockedError"
        assert f"process {importing.process.pid} has it open" in answer.words
    waiting = Child(_opens, path, LONG)
    go.set()
    everything = {f"first {number}" for number in range(len(FIRST))}
    # who waits may have opened it before the import does
    answer = importing.answer()
    assert answer == everything or answer.kind == "StoreLockedError"
    assert waiting.answer() == everything
    with opened(path) as memory:
        assert records_of(memory) == everything
        assert_sound(memory)
    assert leftovers(path) == []


def test_an_import_does_not_replace_a_store_that_was_made_while_it_read(
    exported: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "made.memini"
    from memini_kuzu.changes import exchange

    read = exchange._imported

    def slow(*arguments: Any) -> pa.Table:
        if not path.exists():
            with opened(path) as memory:
                memory.remember("Ada met Bob.", time="2025-01-01", id="made")
        return read(*arguments)

    monkeypatch.setattr(exchange, "_imported", slow)
    with pytest.raises(StoreError, match="exists; import makes a new store"):
        Memory.import_(path, exported)
    with opened(path) as memory:
        assert records_of(memory) == {"made"}


@pytest.mark.slow
def test_an_import_is_not_replaced_by_what_is_left_of_a_store_that_is_gone(
    exported: Path, tmp_path: Path, stores: Path
) -> None:
    path = tmp_path / "imported.memini"
    for suffix in (".journal", ".standby"):
        shutil.copy(beside(stores / "rewriting", suffix), beside(path, suffix))
    with pytest.raises(NotAStoreError, match="is left of a store that is gone"):
        Memory.import_(path, exported)
    assert not path.exists()
    assert beside(path, ".standby").exists()


# --- Cypher that writes, and what is killed midway ---


def leftovers(path: Path) -> list[str]:
    return sorted(file.name for file in path.parent.iterdir() if file.name.startswith(f".{path.name}."))


def _writes_with_cypher(memory: Memory) -> None:
    tell_first(memory)
    memory.cypher("CREATE NODE TABLE Note AS MATCH (p:Passage) RETURN p.id AS id, p.text AS text", write=True)
    memory.cypher("MATCH (n:Note) SET n.text = 'changed'", write=True)


NOTES = "MATCH (n:Note) RETURN count(*) AS n, count(DISTINCT n.text) AS texts"


@pytest.mark.slow
def test_a_table_that_a_query_made_keeps_its_rows(path: Path, tmp_path: Path) -> None:
    closed = Path(shutil.copy(path, tmp_path / "closed.memini"))
    with opened(closed) as memory:
        _writes_with_cypher(memory)
    killed_after(path, _writes_with_cypher)
    for store in (closed, path, closed, path):
        with opened(store) as memory:
            assert memory.cypher(NOTES).to_pylist() == [{"n": len(FIRST), "texts": 1}]
            assert_sound(memory)


def _fails_in_the_second_statement(path: Path) -> list[str]:
    said = []
    with opened(path) as memory:
        tell_first(memory)
        for second in ("CREATE (:Alias {key: 'a'})", "MATCH (n:Nothing) RETURN n", "RETURN nothing("):
            for first in (
                "CREATE (:Alias {key: 'a', name: 'A', entity: 1})",
                "CREATE NODE TABLE Note AS MATCH (p:Passage) RETURN p.id AS id",
                "MATCH (p:Passage) SET p.title = 'x'; CREATE (:Alias {key: 'a', name: 'A', entity: 1})",
            ):
                before = state(memory._store)
                with suppress(QueryError):
                    memory.cypher(f"{first}; {second}; CREATE (:Alias {{key: 'a'}})", write=True)
                    said.append("no error")
                said += differences(state(memory._store), before)
        tell_second(memory)
    return said


@pytest.mark.slow
def test_several_statements_happen_all_or_not_at_all(path: Path) -> None:
    child = Child(_fails_in_the_second_statement, path)
    assert child.answer() == []
    assert child.process.exitcode == 0
    with opened(path) as memory:
        assert_sound(memory)
        assert len(records_of(memory)) == len(FIRST) + 1
        assert not memory.alias_list()


OTHER_PARAMETERS = Parameters(tau_slow=1000.0)


def _dies_when_it_retunes(path: Path, place: str) -> None:
    if place == "filled":
        schema.move = die
    else:
        rewriting._fill = die
    with opened(path) as memory:
        memory.retune(OTHER_PARAMETERS)


@pytest.mark.slow
@pytest.mark.parametrize("place", ["exported", "filled"])
def test_a_killed_retune_is_in_nobodys_way(path: Path, place: str) -> None:
    with opened(path) as memory:
        tell_first(memory)
        told = state(memory._store)
    assert Child(_dies_when_it_retunes, path, place).exit_code() == -signal.SIGKILL
    assert leftovers(path)
    with opened(path, read_only=True) as memory:
        assert not differences(state(memory._store), told)
    with opened(path) as memory:
        assert not differences(state(memory._store), told)
        memory.retune(OTHER_PARAMETERS)
        assert memory.parameters == OTHER_PARAMETERS
        assert leftovers(path) == []
        assert_sound(memory)
    with opened(path) as memory:
        assert len(records_of(memory)) == len(FIRST)
        assert_sound(memory)


def _dies_when_it_imports(path: Path, folder: Path) -> None:
    schema.move = die
    Memory.import_(path, folder)


@pytest.mark.slow
@pytest.mark.parametrize("then", ["import", "create"])
def test_a_killed_import_is_in_nobodys_way(exported: Path, tmp_path: Path, then: str) -> None:
    path = tmp_path / "imported.memini"
    assert Child(_dies_when_it_imports, path, exported).exit_code() == -signal.SIGKILL
    assert not path.exists()
    assert leftovers(path)
    with Memory.import_(path, exported) if then == "import" else opened(path) as memory:
        assert len(records_of(memory)) == (len(FIRST) if then == "import" else 0)
        assert leftovers(path) == []
        assert_sound(memory)
