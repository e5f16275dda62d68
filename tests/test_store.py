"""The engine, its lock and gate, the schema and its migration, and the macros that are in the file."""

from __future__ import annotations

import errno
import json
import os
import shutil
import stat
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import kuzu
import numpy as np
import pyarrow as pa
import pytest
from crash import crash, violations
from fixtures_memory import DEFAULTS, NOW, START, Names, contents, corpus
from older_stores import to_version_7

import memini_kuzu.store.schema as schema_module
from memini_kuzu.config import Parameters
from memini_kuzu.dynamics import propagate
from memini_kuzu.errors import (
    InputError,
    NotAStoreError,
    QueryError,
    SchemaVersionError,
    StoreError,
    StoreLockedError,
)
from memini_kuzu.memory import Memory
from memini_kuzu.resources import folder
from memini_kuzu.store import Store, catalog
from memini_kuzu.store.engine import checkpoints, open_file, standby
from memini_kuzu.store.engine.checksum import checksum
from memini_kuzu.store.engine.gate import Gate
from memini_kuzu.store.engine.lock import ProcessLock
from memini_kuzu.tables import EDGE_SCHEMA, Edges, column, edges_from_arrow, edges_to_arrow, timestamps
from memini_kuzu.times import DAY, from_millis

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytest_plugins = ["fixtures_memory"]

KUZU_SPACES = "\t\v\x1c\x1f\xa0\u1680\u180e\u2003\u2028\u202f\u3000"
"""Characters that Kùzu takes for white space."""

EXTREMES = [
    DEFAULTS,
    Parameters(tau_fast=1e-3, tau_slow=1e3, coupling=1e-6, capacity=1.0),
    Parameters(tau_fast=1.0, tau_slow=1.01, coupling=1e3, capacity=1.0),
    Parameters(tau_fast=37.0, tau_slow=433.0, coupling=0.94, capacity=89.0),
    Parameters(tau_fast=10.0, tau_slow=1e7, coupling=100.0, capacity=1e4),
]


def run_python(code: str, *arguments: Any, **options: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        **options,
    )


HOLD = """
import sys
from pathlib import Path
from memini_kuzu.store import Store
with Store(Path(sys.argv[1]), read_only=sys.argv[2] == "read"):
    print("open", flush=True)
    sys.stdin.readline()
"""


class Holder:
    """Another process that has the store open until told to leave."""

    def __init__(self, path: Path, way: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", HOLD, str(path), way],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == "open\n"

    def leave(self) -> None:
        self.process.communicate("\n")


@pytest.fixture
def hold() -> Iterator[Callable[[Path, str], Holder]]:
    holders = []

    def start(path: Path, way: str) -> Holder:
        holders.append(Holder(path, way))
        return holders[-1]

    yield start
    for holder in holders:
        holder.process.kill()
        holder.process.communicate()


# --- macros ---


def random_edges(seed: int, size: int) -> Edges:
    chance = np.random.default_rng(seed)
    as_of = START + chance.integers(0, 3650 * DAY, size)
    pairs = chance.permutation(40 * 40)[:size]
    return Edges(
        pairs // 40,
        pairs % 40,
        10.0 ** chance.uniform(-3, 3, size),
        10.0 ** chance.uniform(-3, 3, size),
        as_of,
        np.ones(size, dtype=np.int64),
        as_of - DAY,
        as_of,
    )


def write_random_edges(store: Store, edges: Edges) -> None:
    ids = np.arange(40)
    with store.changing() as change:
        change.create(
            "Entity",
            pa.table(
                {
                    "id": ids,
                    "key": [f"k{number}" for number in ids],
                    "name": [f"n{number}" for number in ids],
                    "label": ["NAME"] * 40,
                    "first_seen": timestamps(ids * 0),
                    "last_seen": timestamps(ids * 0),
                    "mentions": ids * 0,
                    "headings": ids * 0,
                    "votes": ["{}"] * 40,
                }
            ),
        )
        change.replace("ASSOCIATES", edges_to_arrow(edges))


MACROS = """
MATCH (a:Entity)-[e:ASSOCIATES]->(b:Entity) WITH a, e, b, CAST($now, 'TIMESTAMP') AS now
RETURN a.id AS a, b.id AS b, memini_fast(e, now) AS fast, memini_slow(e, now) AS slow,
    memini_days(e, now) AS days
"""

PLAIN_KUZU = """
import json, sys
import kuzu
database = kuzu.Database(sys.argv[1], read_only=True, buffer_pool_size=1 << 28, max_db_size=1 << 40)
result = kuzu.Connection(database).execute(sys.argv[2], {"now": sys.argv[3]})
assert "memini_kuzu" not in sys.modules
print(json.dumps(result.get_as_arrow().to_pylist()))
"""


@pytest.mark.parametrize("parameters", EXTREMES, ids=str)
def test_macros_equal_the_dynamics(tmp_path: Path, parameters: Parameters) -> None:
    edges = random_edges(7, 400)
    with Store(tmp_path / "a.memini", create=True, parameters=parameters) as store:
        write_random_edges(store, edges)
        for now in (START - DAY, START + 1, START + 1000 * DAY, START + 3651 * DAY, START + 40_000 * DAY):
            table = store.read(MACROS, {"now": str(np.datetime64(now, "ms"))})
            assert_equal_the_dynamics(table.to_pylist(), edges, now, parameters)


def assert_equal_the_dynamics(
    rows: list[dict[str, Any]], edges: Edges, now: int, parameters: Parameters
) -> None:
    row = {pair: number for number, pair in enumerate(zip(edges.source, edges.target, strict=True))}
    order = [row[found["a"], found["b"]] for found in rows]
    assert len(rows) == len(edges)
    # a now before as_of counts as as_of
    days = np.maximum(now - edges.as_of, 0) / DAY
    fast, slow = propagate(edges.fast, edges.slow, days, parameters)
    normal = 1e-300  # below it a float64 runs out of digits
    for name, expected in (("fast", fast), ("slow", slow), ("days", days)):
        found = np.array([each[name] for each in rows])
        np.testing.assert_allclose(found, expected[order], rtol=1e-9, atol=normal, err_msg=name)


def test_macros_work_in_a_new_process_that_knows_no_memini(tmp_path: Path) -> None:
    edges, now = random_edges(8, 300), START + 5000 * DAY
    with Store(tmp_path / "a.memini", create=True, parameters=EXTREMES[3]) as store:
        write_random_edges(store, edges)
    found = run_python(PLAIN_KUZU, tmp_path / "a.memini", MACROS, np.datetime64(now, "ms"))
    assert not found.stderr
    assert_equal_the_dynamics(json.loads(found.stdout), edges, now, EXTREMES[3])


def test_a_moment_after_an_event_the_macros_are_exact(tmp_path: Path) -> None:
    """One event, slow = 0: the slow variable is a small difference of two exponentials near 1."""
    one = np.ones(1)
    as_of = np.array([START])
    edges = Edges(as_of * 0, as_of * 0 + 1, one, one * 0, as_of, as_of * 0 + 1, as_of, as_of)
    with Store(tmp_path / "a.memini", create=True) as store:
        write_random_edges(store, edges)
        for elapsed in (1, 1000, 60_000):
            [row] = store.read(MACROS, {"now": str(np.datetime64(START + elapsed, "ms"))}).to_pylist()
            fast, slow = propagate(one, one * 0, elapsed / DAY, DEFAULTS)
            assert row["fast"] == pytest.approx(fast[0], rel=1e-12)
            # absolute: 1e-15 of a statement is nothing, though relative to so little it is 1e-7
            assert row["slow"] == pytest.approx(slow[0], abs=1e-15)


# --- the lock: processes, handles, threads ---


def test_two_handles_on_one_path_share_the_store(path: Path) -> None:
    with Memory.open(path, extractor=Names()) as one, Memory.open(path, extractor=Names()) as other:
        one.remember("Ada met Bob.", time="2025-01-01")
        assert other.recall("Ada").passages[0].text == "Ada met Bob."
        other.remember("Cleo met Dora.", time="2025-01-02")
    with Memory.open(path, extractor=Names()) as again:
        assert again.stats().passages == 2


def test_a_path_and_a_link_to_it_share_the_store(path: Path) -> None:
    link = path.with_name("link.memini")
    link.symlink_to(path)
    with Memory.open(path, extractor=Names()) as one, Memory.open(link, extractor=Names()) as other:
        one.remember("Ada met Bob.", time="2025-01-01")
        assert other.stats().passages == 1


@pytest.mark.parametrize("read_only", [False, True])
def test_a_second_process_is_refused_with_the_pid_of_the_first(
    path: Path, hold: Callable[[Path, str], Holder], *, read_only: bool
) -> None:
    holder = hold(path, "write")
    with pytest.raises(StoreLockedError, match=f"process {holder.process.pid} has it open.*--wait") as error:
        Store(path, read_only=read_only)
    assert error.value.pid == holder.process.pid
    holder.leave()
    Store(path, read_only=read_only).close()


def test_waiting_succeeds_when_the_holder_leaves(path: Path, hold: Callable[[Path, str], Holder]) -> None:
    holder = hold(path, "write")
    timer = threading.Timer(0.3, holder.leave)
    timer.start()
    Store(path, wait=20.0).close()
    timer.join()


def test_a_store_whose_holder_was_killed_opens(path: Path, hold: Callable[[Path, str], Holder]) -> None:
    holder = hold(path, "write")
    holder.process.kill()
    holder.process.wait()
    Store(path).close()


@pytest.mark.slow
def test_several_processes_may_read_at_once_and_a_writer_is_refused(
    path: Path, hold: Callable[[Path, str], Holder]
) -> None:
    readers = [hold(path, "read"), hold(path, "read")]
    Store(path, read_only=True).close()
    with pytest.raises(StoreLockedError, match="another process, reading it") as error:
        Store(path)
    assert error.value.pid is None
    readers[0].leave()
    timer = threading.Timer(0.3, readers[1].leave)
    timer.start()
    Store(path, wait=20.0).close()
    timer.join()


def test_waiting_for_one_store_keeps_no_other_waiting(
    path: Path, tmp_path: Path, hold: Callable[[Path, str], Holder]
) -> None:
    other = Path(shutil.copy(path, tmp_path / "other.memini"))
    holder = hold(path, "write")
    waiting = threading.Thread(target=lambda: Store(path, wait=60.0).close())
    waiting.start()
    time.sleep(0.1)
    Store(other).close()
    # it waits as long as the holder is there: the other was opened meanwhile
    assert waiting.is_alive()
    holder.leave()
    waiting.join()


FORK = """
import os, sys
from memini_kuzu import Memory
from memini_kuzu.errors import StoreError
from memini_kuzu.extraction import RuleExtractor
memory = Memory.open(sys.argv[1], extractor=RuleExtractor())
memory.remember("Ada met Bob.", time="2025-01-01")
memory._store.hold()
told, hear = os.pipe()
child = os.fork()
if not child:
    os.read(told, 1)
    for call in (lambda: memory.remember("Cleo met Dora.", time="2025-01-02"), lambda: memory.recall("Ada"),
                 lambda: Memory.open(sys.argv[1])):
        try:
            call()
        except StoreError as error:
            print(error, flush=True)
    memory.close()
    os._exit(0)
memory.remember("Emil met Fay.", time="2025-01-03")
os.write(hear, b"!")
os.waitpid(child, 0)
os.kill(os.getpid(), 9)
"""


def test_a_fork_neither_waits_nor_writes_over_what_its_parent_was_told(path: Path) -> None:
    told = run_python(FORK, path).stdout.splitlines()
    assert [line.split()[1:4] for line in told[:2]] == [["was", "opened", "before"]] * 2
    assert "is locked: process" in told[2]
    with Memory.open(path, extractor=Names()) as memory:
        texts = memory.cypher("MATCH (p:Passage) RETURN p.text AS text ORDER BY text")["text"].to_pylist()
    assert texts == ["Ada met Bob.", "Emil met Fay."]


def test_a_store_opened_in_one_thread_is_closed_in_another(path: Path) -> None:
    opened: list[Store] = []
    thread = threading.Thread(target=lambda: opened.append(Store(path)))
    thread.start()
    thread.join()
    opened[0].close()
    Store(path).close()


def test_a_read_only_handle_writes_nothing(path: Path) -> None:
    with Memory.open(path, extractor=Names(), read_only=True) as memory:
        with pytest.raises(StoreError, match="open read-only; open it for writing"):
            memory.remember("Ada met Bob.", time="2025-01-01")
        with pytest.raises(StoreError, match="open read-only; open it for writing"):
            memory.cypher("CREATE (:Alias {key: 'a'})", write=True)
        with pytest.raises(StoreError, match="open read-only"):
            memory.consolidate()
        with pytest.raises(StoreError, match="open read-only in this process; close that"):
            Memory.open(path)
    with Memory.open(path), Memory.open(path, extractor=Names(), read_only=True) as memory:
        with pytest.raises(StoreError, match="open read-only"):
            memory.remember("Ada met Bob.", time="2025-01-01")
        assert memory.stats().passages == 0


def test_while_a_store_closes_others_open_and_it_does_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    closing, may_end = threading.Event(), threading.Event()
    stop = open_file.OpenFile.stop

    def slow(shared: open_file.OpenFile) -> None:
        if shared.path.name == "slow.memini":
            closing.set()
            assert may_end.wait(60)
        stop(shared)

    monkeypatch.setattr(open_file.OpenFile, "stop", slow)
    memory = Memory.open(tmp_path / "slow.memini")
    with ThreadPoolExecutor(3) as threads:
        closed = threads.submit(memory.close)
        assert closing.wait(60)
        again = threads.submit(Memory.open, tmp_path / "slow.memini")
        threads.submit(lambda: Memory.open(tmp_path / "other.memini").close()).result(timeout=60)
        assert not again.done()
        may_end.set()
        closed.result(timeout=60)
        again.result(timeout=60).close()


def test_a_closed_memory_says_so(memory: Memory) -> None:
    memory.close()
    memory.close()
    for use in (
        lambda: memory.recall("Ada"),
        lambda: memory.remember("Ada"),
        lambda: memory.cypher("RETURN 1"),
        memory.consolidate,
    ):
        with pytest.raises(StoreError, match="was closed; open it again"):
            use()


def test_closing_while_queries_run_ends_cleanly(path: Path) -> None:
    memory = Memory.open(path, extractor=Names())
    memory.remember("Ada met Bob.", time="2025-01-01")
    errors: list[BaseException] = []

    def ask() -> None:
        try:
            while True:
                memory.cypher("MATCH (e:Entity) RETURN e.name")
        except StoreError as error:
            errors.append(error)

    threads = [threading.Thread(target=ask, daemon=True) for _ in range(4)]
    for thread in threads:
        thread.start()
    time.sleep(0.2)
    memory.close()
    for thread in threads:
        thread.join(20)
        assert not thread.is_alive()
    assert all("was closed" in str(error) for error in errors)
    assert len(errors) == 4
    Store(path).close()


@pytest.mark.slow
def test_readers_and_a_writer_in_threads_lose_nothing(path: Path) -> None:
    written: list[int] = []
    errors: list[BaseException] = []
    with Memory.open(path, extractor=Names(), clock=lambda: NOW) as memory:
        memory.remember("Ada met Bob 0.", time="2025-01-01", id="0")

        def guarded(step: Callable[[], None]) -> Callable[[], None]:
            def loop() -> None:
                try:
                    while len(written) < 12 and not errors:
                        step()
                except BaseException as error:  # noqa: BLE001 - the main thread looks at it
                    errors.append(error)

            return loop

        def read() -> None:
            assert memory.recall("Ada").passages
            assert memory.associations("Ada")

        def write() -> None:
            number = len(written) + 1
            memory.remember(f"Ada met Bob {number}.", time="2025-01-02", id=str(number))
            written.append(number)
            if number % 5 == 0:
                memory.consolidate(threshold=0.0)

        threads = [threading.Thread(target=guarded(step)) for step in (read, read, read, read, write)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert not errors
        assert memory.stats().documents == len(written) + 1
        [association] = memory.associations("Ada")
        assert association.events == len(written) + 1


def test_the_gate_lets_readers_in_after_an_interrupted_wait() -> None:
    gate = Gate()
    entered, interrupted = threading.Event(), threading.Event()

    class InterruptedCondition(threading.Condition):
        def wait_for(self, predicate: Callable[[], Any], timeout: float | None = None) -> bool:
            if not predicate():
                interrupted.set()
                raise KeyboardInterrupt
            return super().wait_for(predicate, timeout)

    with gate.reading():
        gate._condition = InterruptedCondition()
        with pytest.raises(KeyboardInterrupt), gate.committing():
            pass
    assert interrupted.is_set()
    reader = threading.Thread(target=lambda: gate.reading().__enter__() or entered.set())
    reader.start()
    reader.join(5)
    assert entered.is_set()


def test_a_commit_waits_for_readers_and_keeps_new_ones_out() -> None:
    gate, order = Gate(), []
    reading, leave = threading.Event(), threading.Event()

    def first_reader() -> None:
        with gate.reading():
            reading.set()
            leave.wait(5)
            order.append("first reader")

    def writer() -> None:
        with gate.committing():
            order.append("commit")

    def second_reader() -> None:
        with gate.reading():
            order.append("second reader")

    threads = [threading.Thread(target=each) for each in (first_reader, writer, second_reader)]
    threads[0].start()
    reading.wait(5)
    threads[1].start()
    while not gate._commits_waiting:
        time.sleep(0.01)
    threads[2].start()
    leave.set()
    for thread in threads:
        thread.join(5)
    assert order == ["first reader", "commit", "second reader"]


# --- transactions ---


ALIAS = pa.table({"key": ["a"], "name": ["a"], "entity": [1], "undo": pa.nulls(1, pa.string())})


def test_an_error_in_the_middle_leaves_everything_as_it_was(memory: Memory) -> None:
    memory.add(corpus(1, 20))
    before = contents(memory)
    store = memory._store
    for large in (False, True):
        with pytest.raises(ZeroDivisionError), store.changing() as change:  # noqa: PT012 - in its middle
            change.create("Alias", ALIAS)
            raise ZeroDivisionError
        assert contents(memory) == before
        with pytest.raises(QueryError, match="duplicated primary key"), store.changing() as change:  # noqa: PT012
            if large:
                change.replace("ASSOCIATES", edges_to_arrow(Edges.empty()))
            change.delete("Passage", store.read("MATCH (p:Passage) RETURN p.id AS id"))
            change.create("Alias", pa.concat_tables([ALIAS, ALIAS]))  # at its end
        assert contents(memory) == before
    assert memory.add(corpus(2, 20)).documents == 20
    assert memory.recall("violin").passages
    assert not violations(store)


def test_a_table_that_was_read_outlives_the_database(memory: Memory) -> None:
    memory.add(corpus(1, 20))
    table = memory.cypher("MATCH (p:Passage) RETURN p.text AS text ORDER BY p.id LIMIT 20")
    texts = table.to_pylist()
    with pytest.raises(QueryError, match="duplicated primary key"), memory._store.changing() as change:
        change.create("Alias", pa.concat_tables([ALIAS, ALIAS]))
    memory.close()
    assert table.to_pylist() == texts


def test_all_edges_may_go_and_come_again(memory: Memory) -> None:
    memory.add(corpus(1, 20))
    store = memory._store
    edges = edges_from_arrow(store.read_edges())
    with store.changing() as change:
        change.replace("ASSOCIATES", edges_to_arrow(Edges.empty()))
    assert store.count("associations") == 0
    assert len(edges_from_arrow(store.read_edges())) == 0
    with store.changing() as change:
        change.create("ASSOCIATES", edges_to_arrow(edges))
    assert store.count("associations") == len(edges)


# --- Cypher from users ---


@pytest.mark.parametrize(
    "query",
    [
        "CREATE (:Alias {key: 'x'})",
        "MATCH (e:Entity) SET e.name = 'x'",
        "MATCH (p:Passage) DETACH DELETE p",
        "MERGE (:Alias {key: 'x'})",
        "DROP TABLE Alias",
        "ALTER TABLE Alias ADD x INT64",
        "CREATE MACRO f(x) AS x",
        "CREATE SEQUENCE s",
        "PROFILE CREATE (:Alias {key: 'x'})",
        "CHECKPOINT",
        "COMMIT",
        "ROLLBACK",
        "BEGIN TRANSACTION",
        "RETURN 1; COMMIT; CREATE (:Alias {key: 'x'})",
        "COMMIT; CREATE (:Alias {key: 'x'})",
        "RETURN ';'; COMMIT; CREATE (:Alias {key: 'x'})",
        "RETURN 1 /* ' */; COMMIT; CREATE (:Alias {key: 'x'}) /* ' */",
        "RETURN 1 // '\n; COMMIT; CREATE (:Alias {key: 'x'}) // '",
        "RETURN '\\''; COMMIT; CREATE (:Alias {key: '\\''})",
        "/* a */ COPY (MATCH (e:Entity) RETURN e.id) TO 'out.csv'",
        "PROFILE COPY (MATCH (e:Entity) RETURN e.id) TO 'out.csv'",
        "EXPORT DATABASE 'out'",
        "IMPORT DATABASE 'out'",
        "INSTALL httpfs",
        "LOAD EXTENSION 'out.so'",
        "ATTACH 'out' AS o (dbtype kuzu)",
        "CALL auto_checkpoint=true",
        "call `auto_checkpoint` = true",
        "CALL/* a */checkpoint_threshold=1",
        "EXPLAIN CALL force_checkpoint_on_close=true",
        *(f"CALL{space}auto_checkpoint{space}=true" for space in KUZU_SPACES),
        "LOAD FROM '/etc/passwd' (file_format = 'csv', header = false) RETURN *",
        "LOAD\u180eFROM '/etc/passwd' RETURN *",
        "MATCH (e:Entity) LOAD/**/WITH HEADERS (a STRING) FROM '/etc/passwd' RETURN a",
        "UNWIND [1] AS i LOAD FROM '/etc/passwd' RETURN *",
        "CALL READ_PARQUET('/etc/passwd') RETURN *",
        "CALL\u180ejson_scan('/etc/passwd') RETURN *",
        "CALL `READ_NPY`('/etc/passwd') RETURN *",
    ],
)
def test_a_reading_query_cannot_write(
    memory: Memory, query: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    memory.remember("Ada met Bob.", time="2025-01-01")
    before, files = contents(memory), sorted(tmp_path.iterdir())
    with pytest.raises(QueryError):
        memory.cypher(query)
    assert contents(memory) == before
    assert sorted(tmp_path.iterdir()) == files
    assert len(memory.recall("Ada")) == 1


@pytest.mark.parametrize(
    ("query", "value"),
    [
        ("RETURN ';' AS x", ";"),
        ("RETURN 1 AS x;", 1),
        ("// first\nRETURN 1 AS x; // last", 1),
        ("RETURN 1 /* ; */ AS x", 1),
        ("return 1 as x", 1),
        ("UNWIND [1] AS x RETURN x", 1),
        ("OPTIONAL MATCH (e:Entity {id: 0}) RETURN 1 AS x", 1),
        ("CALL show_tables() RETURN 1 AS x LIMIT 1", 1),
        ("CALL show_tables() WHERE name = 'Entity' RETURN 1 AS x", 1),
        ("CALL current_setting('auto_checkpoint') RETURN auto_checkpoint AS x", "False"),
        ("LOAD WITH HEADERS (a INT64) FROM 'one.csv' (file_format = 'csv', header = false) RETURN a AS x", 1),
    ],
)
def test_a_reading_query_may_be_written_in_many_ways(
    memory: Memory, query: str, value: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "one.csv").write_text("1\n")
    assert memory.cypher(query, files="LOAD" in query)["x"].to_pylist() == [value]


def test_a_query_may_write_when_told_so(memory: Memory) -> None:
    memory.remember("Ada met Bob.", time="2025-01-01")
    memory.cypher(
        "CREATE (:Alias {key: 'a', name: 'A', entity: 1}); MATCH (a:Alias) SET a.name = 'B'", write=True
    )
    assert memory.cypher("MATCH (a:Alias) RETURN a.name AS n").to_pylist() == [{"n": "B"}]


@pytest.mark.parametrize(
    ("query", "parameters", "said"),
    [
        ("MATCH (e:Entity {key: $key}) RETURN e.name", None, r"names \$key, and no value.*--param key=VALUE"),
        ("MATCH (e:Entity {key: $key}) RETURN e.name", {"Key": "ada"}, r"names \$key, and no value"),
        ("RETURN 1 AS x", {"key": "ada"}, r"names no \$key"),
        ("RETURN '$key' AS x // $key", {"key": "ada"}, r"names no \$key"),
        ("RETURN $key AS x", {"key": [1, "ada"]}, "refused the query: .*'ada'"),
    ],
)
def test_a_query_has_a_value_for_each_parameter(
    memory: Memory, query: str, parameters: Any, said: str
) -> None:
    memory.remember("Ada met Bob.", time="2025-01-01")
    with pytest.raises(QueryError, match=said):
        memory.cypher(query, parameters)
    assert memory.cypher("RETURN '$key' AS x // $key").to_pylist() == [{"x": "$key"}]


@pytest.mark.parametrize(
    ("query", "parameters", "said"),
    [
        ("MATCH (e:Entity) SET e.label = $label", None, r"names \$label, and no value"),
        ("MATCH (e:Entity) SET e.label = $label; RETURN $x", {"x": 1}, r"names \$label, and no value"),
        ("MATCH (e:Entity) SET e.label = 'X'; RETURN 1", {"label": "Y"}, r"names no \$label"),
    ],
)
def test_a_parameter_without_a_value_writes_nothing(
    memory: Memory, query: str, parameters: Any, said: str
) -> None:
    memory.remember("Ada met Bob.", time="2025-01-01")
    before = contents(memory)
    with pytest.raises(QueryError, match=said):
        memory.cypher(query, parameters, write=True)
    assert contents(memory) == before
    memory.cypher(
        "MATCH (e:Entity) SET e.label = $label; MATCH (e:Entity) SET e.name = '$label'",
        {"label": "X"},
        write=True,
    )
    found = memory.cypher("MATCH (e:Entity) RETURN DISTINCT e.label AS label, e.name AS name")
    assert found.to_pylist() == [{"label": "X", "name": "$label"}]


@pytest.mark.parametrize(
    "query",
    [
        "CREATE NODE TABLE Reading(id INT64 PRIMARY KEY, its DOUBLE[])",
        "CREATE REL TABLE Reads(FROM Entity TO Passage, `the values` FLOAT[])",
        "ALTER TABLE Entity ADD its STRUCT(a DOUBLE[])",
        "CREATE NODE TABLE `it's`(id INT64 PRIMARY KEY, its DOUBLE[][])",
    ],
)
def test_columns_of_which_the_engine_loses_values_are_refused(memory: Memory, query: str) -> None:
    memory.remember("Ada met Bob.", time="2025-01-01")
    before = memory.cypher("CALL show_tables() RETURN name ORDER BY name").to_pylist()
    with pytest.raises(QueryError, match=r"its|the values.* holds lists of doubles.*DOUBLE\[3\]"):
        memory.cypher(query, write=True)
    assert memory.cypher("CALL show_tables() RETURN name ORDER BY name").to_pylist() == before
    memory.cypher(query.replace("DOUBLE[]", "DOUBLE[3]").replace("FLOAT[]", "INT64[]"), write=True)
    assert memory.recall("Ada").passages


def test_a_write_that_fails_leaves_a_store_that_works(memory: Memory) -> None:
    memory.remember("Ada met Bob.", time="2025-01-01")
    memory.cypher("CREATE (:Alias {key: 'a', name: 'A', entity: 1})", write=True)
    before = contents(memory)
    with pytest.raises(QueryError, match="duplicated primary key"):
        memory.cypher("MATCH (p:Passage) SET p.title = 'x' WITH p CREATE (:Alias {key: 'a'})", write=True)
    assert contents(memory) == before
    memory.remember("Ada met Cleo.", time="2025-01-02")
    memory.cypher("MATCH (p:Passage) SET p.title = 'y'", write=True)
    assert memory.cypher("RETURN memini_key('The Ada') AS k").to_pylist() == [{"k": "ada"}]


HOSTILE = [
    'O\'Brien said "hi" to `Eve`',
    "'}) DETACH DELETE (n) //",
    "$name {id: 1}; MATCH (n) DETACH DELETE n; --",
    "back\\slash \\' \\u0041 \n new line \t tab",
    "nul \x00 inside, emoji 🧠, 漢字, \u202e right to left",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_is_kept_verbatim(memory: Memory, text: str) -> None:
    memory.remember(f"{text} Ada met Bob", time="2025-01-01", source=text, title=text, id=text)
    rows = memory.cypher(
        "MATCH (p:Passage) WHERE p.source = $text RETURN p.text AS t, p.title AS i, p.record AS r",
        {"text": text},
    )
    assert rows.to_pylist() == [{"t": f"{text} Ada met Bob", "i": text, "r": text}]
    [passage] = memory.recall(f"{text} Ada")
    assert (passage.id, passage.source, passage.title) == (text, text, text)


# --- creating and opening ---


def test_what_is_not_a_store_is_refused_and_left_alone(tmp_path: Path, path: Path) -> None:
    foreign = tmp_path / "foreign"
    database = kuzu.Database(str(foreign), buffer_pool_size=1 << 28, max_db_size=1 << 30)
    kuzu.Connection(database).execute("CREATE NODE TABLE P(id INT64 PRIMARY KEY)")
    database.close()
    (tmp_path / "junk").write_bytes(b"no database at all " * 1000)
    (tmp_path / "short").write_bytes(b"x")
    (tmp_path / "empty").write_bytes(b"")
    (tmp_path / "cut").write_bytes(path.read_bytes()[:5000])
    for name in ("foreign", "junk", "short", "empty", "cut"):
        before = (tmp_path / name).read_bytes()
        for read_only in (True, False):
            with pytest.raises(StoreError, match=str(tmp_path / name)) as error:
                Store(tmp_path / name, create=True, read_only=read_only)
            assert name == "cut" or isinstance(error.value, NotAStoreError)
        assert (tmp_path / name).read_bytes() == before
    with pytest.raises(NotAStoreError, match="is a folder; name the store's file"):
        Store(tmp_path, create=True)
    with pytest.raises(StoreError, match="does not exist; create it first"):
        Store(tmp_path / "missing" / "a.memini", create=True)
    for create, read_only in ((False, False), (True, True)):
        with pytest.raises(NotAStoreError, match=r"there is no store at .*memini init"):
            Store(tmp_path / "none.memini", create=create, read_only=read_only)
    assert not (tmp_path / "none.memini").exists()


@pytest.mark.parametrize("suffix", [".wal", ".journal"])
def test_what_is_left_of_a_store_that_is_gone_is_not_taken_for_a_new_one(tmp_path: Path, suffix: str) -> None:
    left = tmp_path / f"a.memini{suffix}"
    left.write_bytes(b"left over")
    with pytest.raises(NotAStoreError, match="put the store back beside it, or move it away"):
        Store(tmp_path / "a.memini", create=True)
    left.unlink()
    Store(tmp_path / "a.memini", create=True).close()


def test_a_store_keeps_its_parameters(tmp_path: Path) -> None:
    slow = Parameters(tau_slow=1000.0)
    with Memory.open(tmp_path / "a.memini", parameters=slow) as memory:
        assert memory.parameters == slow
    with Memory.open(tmp_path / "a.memini") as memory:
        assert memory.parameters == slow
    with pytest.raises(InputError, match="a store keeps its parameters"):
        Memory.open(tmp_path / "a.memini", parameters=DEFAULTS)
    Memory.open(tmp_path / "a.memini", parameters=slow).close()


def test_what_a_crash_left_of_a_new_store_is_cleared(tmp_path: Path) -> None:
    for name in (".a.memini.new", ".a.memini.new.wal", ".a.memini.new.lock"):
        (tmp_path / name).write_bytes(b"half")
    Store(tmp_path / "a.memini", create=True).close()
    assert not [file.name for file in tmp_path.iterdir() if file.name.startswith(".a.memini.new")]


@pytest.mark.slow
def test_processes_that_make_one_store_at_once_share_it(tmp_path: Path) -> None:
    code = """
import sys
from memini_kuzu.extraction import RuleExtractor
from memini_kuzu.memory import Memory
with Memory.open(sys.argv[1], wait=30.0, extractor=RuleExtractor()) as memory:
    memory.remember("The note of Ada Stone.", time="2025-01-01", id=sys.argv[2])
"""
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", code, tmp_path / "a.memini", str(number)],
            stderr=subprocess.PIPE,
            text=True,
        )
        for number in range(4)
    ]
    assert [process.communicate(timeout=60)[1] for process in processes] == [""] * 4
    with Store(tmp_path / "a.memini") as store:
        assert store.count("documents") == 4


# --- schema versions ---


def test_a_store_of_a_newer_memini_is_refused(path: Path) -> None:
    with Store(path) as store:
        store.set_meta("schema_version", "99")
    for _ in range(2):
        with pytest.raises(SchemaVersionError, match=r"schema version 99, .*upgrade with: pip install"):
            Store(path)


@pytest.fixture
def newer_schema(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A second schema file, which adds a column and a table."""
    place = Path(shutil.copytree(folder("schema"), tmp_path / "schema"))
    latest = schema_module.latest_version()
    (place / f"{latest + 1:04}_more.cypher").write_text(
        "ALTER TABLE Passage ADD mood STRING DEFAULT 'calm';\n// a comment; with a semicolon\n"
        "CREATE NODE TABLE Extra(id INT64 PRIMARY KEY);\n"
    )
    monkeypatch.setattr(catalog, "folder", lambda name: place if name == "schema" else folder(name))
    monkeypatch.setattr(catalog, "tables", catalog.tables.__wrapped__)
    return place


@pytest.fixture
def filled(path: Path) -> dict[str, list[str]]:
    with Memory.open(path, extractor=Names(), clock=lambda: NOW) as memory:
        memory.add(corpus(3, 30))
        return contents(memory)


def test_migration_through_a_link_migrates_what_it_leads_to(
    path: Path, filled: dict[str, list[str]], newer_schema: Path, tmp_path: Path
) -> None:
    del newer_schema
    (tmp_path / "links").mkdir()
    link = tmp_path / "links" / "link.memini"
    link.symlink_to(path)
    with Memory.open(link, extractor=Names(), clock=lambda: NOW) as memory:
        memory.remember("Ada met Zoe.", time="2025-01-01")
    assert link.is_symlink()
    with Memory.open(path, extractor=Names()) as memory:
        assert memory.stats().documents == len(filled["Document"]) + 1


def test_a_link_that_leads_to_nothing_yet_leads_to_the_new_store(tmp_path: Path) -> None:
    link, path = tmp_path / "link.memini", tmp_path / "new.memini"
    link.symlink_to(path)
    Memory.open(link).close()
    assert link.is_symlink()
    assert path.is_file()


@pytest.mark.parametrize("read_only", [False, True])
def test_migration_keeps_the_data(
    path: Path, filled: dict[str, list[str]], newer_schema: Path, *, read_only: bool
) -> None:
    del newer_schema
    with Memory.open(path, extractor=Names(), clock=lambda: NOW, read_only=read_only) as memory:
        found = contents(memory)
        for name in ("Entity", "Document", "ASSOCIATES", "MENTIONS", "Source"):
            assert found[name] == filled[name]
        assert memory.cypher("MATCH (p:Passage) RETURN DISTINCT p.mood AS mood").to_pylist() == [
            {"mood": "calm"}
        ]
        assert memory.recall("violin").passages
        assert memory._store.meta["schema_version"] == str(schema_module.latest_version())
        assert memory.associations("Ada")
        assert memory.doctor(deep=True).sound
    with Memory.open(path, extractor=Names(), clock=lambda: NOW) as memory:
        assert memory.add(corpus(4, 30)).documents == 30


VERSION_1 = [
    "ALTER TABLE MENTIONS DROP label",
    "ALTER TABLE Entity DROP votes",
    "ALTER TABLE Document DROP metadata",
    "ALTER TABLE Passage DROP language",
    "DROP TABLE OCCURS",
    "DROP TABLE Term",
    "DROP TABLE MeminiJournal",
    "DROP TABLE EventLog",
    "DROP TABLE Kind",
    "DROP TABLE Dropped",
    "DROP TABLE Split",
    "CREATE NODE TABLE MeminiStopword(word STRING PRIMARY KEY)",
    "CREATE (:MeminiStopword {word: 'zqnostopword'})",
    "MATCH (m:MeminiMeta {key: 'schema_version'}) SET m.value = '1'",
    (
        "CALL CREATE_FTS_INDEX('Passage', 'passage_terms', ['terms'], stemmer := 'none', "
        "stopwords := 'MeminiStopword')"
    ),
]


@pytest.mark.slow
@pytest.mark.parametrize("killed", [False, True])
@pytest.mark.parametrize("read_only", [False, True])
def test_a_store_of_version_1_gets_words_of_its_own_and_a_journal(
    path: Path, filled: dict[str, list[str]], *, read_only: bool, killed: bool
) -> None:
    code = """
import json, os, sys
import kuzu
database = kuzu.Database(sys.argv[1], buffer_pool_size=1 << 28, max_db_size=1 << 40, compression=False)
connection = kuzu.Connection(database)
for statement in json.loads(sys.argv[2]):
    connection.execute(statement)
if sys.argv[3] == "True":
    connection.execute("CALL force_checkpoint_on_close=false")
    connection.execute("MATCH (s:Source) SET s.passages = s.passages + 1")
    os._exit(0)  # what was told last is in the log only
connection.close()
database.close()
"""
    to_version_7(path)
    done = run_python(code, path, json.dumps(VERSION_1), killed)
    assert done.returncode == 0, done.stderr
    with Memory.open(path, extractor=Names(), clock=lambda: NOW, read_only=read_only) as memory:
        found = contents(memory)
        for name in ("Entity", "Document", "ASSOCIATES", "MENTIONS"):
            assert found[name] == filled[name]
        assert (found["Source"] == filled["Source"]) is not killed
        assert memory.recall("violin").passages
        assert memory.doctor(deep=True).sound
    with Memory.open(path, extractor=Names(), clock=lambda: NOW) as memory:
        assert memory.add(corpus(4, 30)).documents == 30
        assert not violations(memory._store)
        memory.retune(Parameters(tau_fast=4.0))
    assert not path.with_name(path.name + ".wal").exists()


def test_a_migration_that_fails_leaves_the_old_store(
    path: Path, filled: dict[str, list[str]], newer_schema: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    [added] = [file for file in newer_schema.iterdir() if "more" in file.name]
    good = added.read_text()
    added.write_text(good + "CREATE NODE TABLE Extra(id INT64 PRIMARY KEY);")
    before = path.read_bytes()
    with pytest.raises(QueryError, match="Extra already exists"):
        Store(path)
    assert path.read_bytes() == before
    # and one that is killed leaves a file beside it
    added.write_text(good)
    path.with_name(f".{path.name}.new").write_bytes(b"half")
    path.with_name(f".{path.name}.new.wal").write_bytes(b"half")
    Store(path).close()
    assert not path.with_name(f".{path.name}.new").exists()
    with Memory.open(path) as memory:
        assert contents(memory)["Entity"] == filled["Entity"]
    del monkeypatch


# --- disks ---


def test_a_folder_that_cannot_be_written_is_named(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("filelock.FileLock.acquire", refuse)
    for target in (path, path.with_name("new.memini")):
        with pytest.raises(
            StoreError, match=r"Permission denied; make the folder writable, or open .*read-only"
        ):
            Store(target, create=True)
    Store(path, read_only=True).close()


def test_a_store_that_needs_recovery_in_a_folder_that_cannot_be_written_says_so(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(30, "Read-only file system")

    place = tmp_path / "read only"
    place.mkdir()
    with Memory.open(path, extractor=Names(), clock=lambda: NOW) as memory:
        memory.remember("Ada met Bob.", time="2025-01-01")
        file = memory._store._engine._live
        assert file.journal is not None
        standby.keep(path, file.descriptor)
        file.journal.rewrite(file.sequence, checksum(file.descriptor))
        for end in ("", ".journal", ".standby"):
            shutil.copy(path.with_name(path.name + end), place)
        file.journal.undo_rewrite()
    with monkeypatch.context() as patched:
        patched.setattr("filelock.FileLock.acquire", refuse)
        for name in ("unlink", "replace"):
            patched.setattr(os, name, refuse)
        with pytest.raises(StoreError, match=r"has to be recovered .*\(Read-only file system\); copy it to"):
            Store(place / path.name, read_only=True)
    with Memory.open(place / path.name, extractor=Names()) as memory:
        assert memory.stats().documents == 1


def test_a_lock_that_cannot_be_written_is_given_back(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(Path, "write_text", refuse)
        with pytest.raises(StoreError, match="No space left"):
            Store(path)
    lock = ProcessLock(path)
    lock.acquire(wait=0.0)
    lock.release()


def test_a_full_disk_is_refused_before_anything_is_written(
    memory: Memory, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    memory.add(corpus(1, 10))
    before = contents(memory)
    with monkeypatch.context() as patched:
        patched.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=5 << 20))
        for write in (
            lambda: memory.remember("Ada met Bob."),
            lambda: memory.consolidate(threshold=0.0),
            lambda: memory.cypher("COPY Alias FROM 'none.csv'", write=True),
        ):
            with pytest.raises(StoreError, match=r"the disk is full: 5 MB are free .* make room"):
                write()
        assert contents(memory) == before
        assert memory.recall("Ada").passages
        with pytest.raises(StoreError, match="the disk is full"):
            Store(tmp_path / "new.memini", create=True)
    assert not (tmp_path / "new.memini").exists()
    assert memory.add(corpus(2, 20)).documents == 20
    Store(tmp_path / "new.memini", create=True).close()


DISK_FILLS_UP = """
import resource, signal, sys
from pathlib import Path
from memini_kuzu.extraction import RuleExtractor
from memini_kuzu.memory import Memory
from memini_kuzu.records import Record
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
path, way, more = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
with Memory.open(path, extractor=RuleExtractor()) as memory:
    biggest = path.stat().st_size if way == "consolidate" else 0
    resource.setrlimit(resource.RLIMIT_FSIZE, (biggest + more, resource.RLIM_INFINITY))
    for batch in range(100):
        memory.add([Record(f"Ada Stone wrote {batch} {n}. " * 40, 0, id=f"{batch}-{n}") for n in range(5)])
        print(batch, flush=True)
        if way == "consolidate":
            memory.consolidate(threshold=0.0)
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("way", "more"), [("add", 20_000), ("add", 150_000), ("consolidate", 4096), ("consolidate", 300_000)]
)
def test_a_disk_that_fills_up_in_the_middle_costs_no_data(path: Path, way: str, more: int) -> None:
    """Kùzu may end the process then, which no library can help; the store must not notice."""
    with Memory.open(path, extractor=Names()) as memory:
        memory.add(corpus(1, 20))
    done = run_python(DISK_FILLS_UP, path, way, more)
    assert done.returncode != 0
    acknowledged = len(done.stdout.split())
    with Memory.open(path, extractor=Names(), clock=lambda: NOW) as memory:
        documents = memory.stats().documents
        # the batch that was being written may be there, wholly
        assert documents in {20 + 5 * acknowledged, 25 + 5 * acknowledged}
        assert not violations(memory._store)
        assert memory.add(corpus(2, 20)).documents == 20


# --- kills ---


@pytest.mark.slow
def test_a_kill_at_any_moment_loses_nothing(tmp_path: Path) -> None:
    """The short form of scripts/crash.py."""
    for row in crash(tmp_path / "a.memini", 5, 5, longest=1.2):
        assert not row["violations"], row


@pytest.mark.parametrize("stage", ["copied", "rewritten", "put back"])
def test_a_kill_while_the_file_is_rewritten_goes_back_to_the_copy(path: Path, stage: str) -> None:
    with Memory.open(path, extractor=Names(), clock=lambda: NOW) as memory:
        memory.add(corpus(1, 20))
        memory.remember("Acknowledged, Ada.", time="2025-01-01")
        before = contents(memory)
        shared = memory._store._engine._live
        standby.keep(path, shared.descriptor)
        assert shared.journal is not None
        shared.journal.rewrite(shared.sequence, checksum(shared.descriptor))
        copies = {
            file.name: file.read_bytes()
            for file in (path, *(path.with_name(path.name + end) for end in (".journal", ".standby", ".wal")))
        }
        shared.journal.undo_rewrite()
    for name, content in copies.items():
        path.with_name(name).write_bytes(content)
    if stage == "rewritten":
        path.write_bytes(b"torn" * 5000)
        path.with_name(path.name + ".wal").write_bytes(b"torn")
    elif stage == "put back":
        path.with_name(path.name + ".standby").replace(path)
    with Memory.open(path, extractor=Names(), read_only=True) as memory:
        assert contents(memory) == before
    with Memory.open(path, extractor=Names()) as memory:
        assert contents(memory) == before
        assert memory.recall("violin").passages
    assert not path.with_name(path.name + ".standby").exists()


@pytest.fixture
def renamed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What was renamed since its folder was last on disk: a power failure could take that back."""
    waiting: list[str] = []
    replace, fsync, pwrite = os.replace, os.fsync, os.pwrite

    def note(source: str, target: str) -> None:
        replace(source, target)
        waiting.append(Path(target).name)

    def sync(descriptor: int) -> None:
        fsync(descriptor)
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            waiting.clear()

    def write(*given: Any) -> int:
        assert not waiting, "the journal tells of a file that may not be there"
        return pwrite(*given)

    monkeypatch.setattr(os, "replace", note)
    monkeypatch.setattr(os, "fsync", sync)
    monkeypatch.setattr(os, "pwrite", write)
    return waiting


def test_what_is_renamed_is_on_disk_before_anything_relies_on_it(
    tmp_path: Path, renamed: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "new.memini"
    with Memory.open(path, extractor=Names(), clock=lambda: NOW) as memory:
        assert not renamed, "made"
        memory.add(corpus(1, 20))
        memory.export(tmp_path / "exported")
        Memory.import_(tmp_path / "imported.memini", tmp_path / "exported").close()
        assert not renamed, "imported"
        memory.compact()
        assert not renamed, "written anew"
        memory.remember("Ada met Zoe.", time="2025-01-01")
        with monkeypatch.context() as patched:
            patched.setattr(open_file.OpenFile, "rewrite", lambda *_: (_ for _ in ()).throw(StoreError("no")))
            with pytest.raises(StoreError, match="no"):
                memory._store._engine.checkpoint()
        assert not renamed, "the copy put back"
        assert memory.stats().documents == 21


def test_a_step_that_is_refused_for_want_of_descriptors_is_not_done(
    memory: Memory, monkeypatch: pytest.MonkeyPatch
) -> None:
    memory.add(corpus(1, 20))
    before = contents(memory)
    real, places = os.open, iter(("the copy", "the journal"))

    def few(path: Any, *rest: Any) -> int:
        if path == memory.path.parent and next(places, "") == "the journal":
            raise OSError(24, "Too many open files")
        return real(path, *rest)

    with monkeypatch.context() as patched:
        patched.setattr(os, "open", few)
        with pytest.raises(StoreError, match=r"Too many open files.*nothing of this step was kept"):
            memory.consolidate(threshold=10.0)
    assert contents(memory) == before
    assert memory.consolidate(threshold=10.0).forgotten


def test_a_checkpoint_that_fails_leaves_the_store_as_it_was(
    memory: Memory, monkeypatch: pytest.MonkeyPatch
) -> None:
    memory.add(corpus(1, 20))
    before = contents(memory)
    with monkeypatch.context() as patched:
        patched.setattr("os.fsync", lambda _: (_ for _ in ()).throw(OSError(5, "Input/output error")))
        with pytest.raises(StoreError, match="Input/output error"):
            memory._store._engine.checkpoint()
        with pytest.raises(StoreError, match="Input/output error"):
            memory.consolidate(threshold=0.0)
    assert contents(memory) == before
    memory.consolidate(threshold=0.0)
    memory.close()


def at_rest() -> None:
    """Wait until what was told is in the file, and a long journal too."""
    for thread in threading.enumerate():
        if thread.name == "memini-write-behind":
            thread.join(60)


@pytest.mark.parametrize("limit", ["JOURNAL", "JOURNAL_CHANGES"])
def test_a_long_journal_is_brought_into_the_file(
    memory: Memory, monkeypatch: pytest.MonkeyPatch, limit: str
) -> None:
    monkeypatch.setattr(checkpoints, limit, 100_000 if limit == "JOURNAL" else 2)
    monkeypatch.setattr(checkpoints, "JOURNAL_SHARE", 1_000_000)
    journal = memory.path.with_name(memory.path.name + ".journal")
    for seed in range(4):
        memory.add(corpus(seed, 30))
        at_rest()
        assert journal.stat().st_size < 100_000
    assert not violations(memory._store)


def test_a_refusal_leaves_no_copy_on_a_full_disk(memory: Memory, monkeypatch: pytest.MonkeyPatch) -> None:
    memory.add(corpus(1, 10))
    before = contents(memory)
    # room enough until the copy stands there
    room = iter([1 << 30])
    with monkeypatch.context() as patched:
        patched.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=next(room, 5 << 20)))
        with pytest.raises(StoreError, match="the disk is full: 5 MB are free"):
            memory.consolidate(threshold=0.0)
    assert not memory.path.with_name(memory.path.name + ".standby").exists()
    assert contents(memory) == before
    memory.consolidate(threshold=0.0)


def test_a_backup_goes_to_a_disk_without_hard_links(
    memory: Memory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    memory.add(corpus(1, 10))
    monkeypatch.setattr("os.link", refuse)
    copy = memory.backup(tmp_path / "stick.memini")
    with pytest.raises(StoreError, match="writes over nothing"):
        memory.backup(copy)
    with Memory.open(copy, extractor=Names(), clock=lambda: NOW) as other:
        assert contents(other) == contents(memory)
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


@pytest.mark.parametrize("length", [84, 100])
def test_a_backup_whose_name_is_too_long_is_refused_as_such(
    memory: Memory, tmp_path: Path, length: int
) -> None:
    """A server failed at it: a name of 200 characters may have more bytes than a file's."""
    with pytest.raises(StoreError, match="cannot be written: File name too long"):
        memory.backup(tmp_path / ("中" * length))


def test_of_two_backups_of_one_name_at_once_one_is_whole_and_the_other_refused(
    memory: Memory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second wrote into the first one's file, which appeared half written."""
    memory.add(corpus(1, 10))
    target = tmp_path / "copy.memini"
    link, writing = os.link, memory._store._engine._live.writing

    def another_may_copy() -> bool:
        may = writing.acquire(blocking=False)
        if may:
            writing.release()
        return may

    def late(work: Path, there: Path) -> None:
        with ThreadPoolExecutor(1) as another:
            assert not another.submit(another_may_copy).result()
        link(work, there)

    monkeypatch.setattr("os.link", late)
    with ThreadPoolExecutor(2) as threads:
        both = [threads.submit(memory.backup, target) for _ in range(2)]
    [refused] = filter(None, (each.exception() for each in both))
    assert "writes over nothing" in str(refused)
    with Memory.open(target, extractor=Names(), clock=lambda: NOW) as other:
        assert contents(other) == contents(memory)


def test_times_of_the_store_are_those_that_were_written(memory: Memory) -> None:
    memory.remember("Ada met Bob.", time="2025-03-01T12:34:56.789+02:00")
    assert memory._store.first_seen() == memory._store.last_seen()
    [association] = memory.associations("Ada")
    assert association.last_seen.isoformat() == "2025-03-01T10:34:56.789000+00:00"
    edges = memory._store.read_edges()
    assert from_millis(int(column(edges, "as_of")[0])) == association.last_seen
    assert memory.path.samefile(memory._store.path)


def test_edges_have_the_columns_of_the_schema() -> None:
    declared = catalog.tables()["ASSOCIATES"].columns
    assert [(field.name, field.type) for field in declared] == [
        (field.name, field.type) for field in EDGE_SCHEMA
    ]


def test_a_closed_store_gives_its_memory_back(tmp_path: Path) -> None:
    psutil = pytest.importorskip("psutil")
    measured = psutil.Process().memory_info
    paths = [tmp_path / f"{number}.memini" for number in range(6)]
    for path in paths:
        Memory.open(path).close()
    before = measured().rss
    opened = [Memory.open(path) for path in paths]
    during = measured().rss
    for memory in opened:
        memory.close()
    # a store takes some 90 MB while it is open
    assert measured().rss - before < (during - before) / 4


@pytest.mark.parametrize("by_system", [0, 1, 70_000, 300_000], ids="{} bytes".format)
def test_a_copy_is_whole_however_much_of_it_the_system_makes(
    tmp_path: Path, by_system: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = np.random.default_rng(1).bytes(300_000)
    (tmp_path / "whole").write_bytes(content)

    def copied(source: int, target: int, count: int, at: int, to: int) -> int:
        if at >= by_system:
            raise OSError(errno.EXDEV, "not between these")
        # in two steps, as a system may
        return os.pwrite(target, os.pread(source, min(count, max(by_system // 2, 1)), at), to)

    monkeypatch.setattr(os, "copy_file_range", copied, raising=False)
    monkeypatch.setattr(standby, "CLONE", 0)
    with (tmp_path / "whole").open("rb") as file:
        standby.copy(file.fileno(), tmp_path / "copy")
    assert (tmp_path / "copy").read_bytes() == content
