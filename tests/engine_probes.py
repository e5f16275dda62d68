"""Probes for the faults of the engine, each run in a process of its own: python engine_probes.py NAME FOLDER.

A probe uses the engine alone and says whether the fault still happens. Where the fault is a crash, the probe
says that it is armed, and comes to its end only if the fault is gone.
"""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import kuzu
import pyarrow as pa

if TYPE_CHECKING:
    from collections.abc import Callable

PROBES: dict[str, Callable[[Path], bool]] = {}

Rows = list[list[Any]]

SA_RESTART = 0x10000000
"""Interrupted system calls begin anew."""


def probe(function: Callable[[Path], bool]) -> Callable[[Path], bool]:
    PROBES[function.__name__] = function
    return function


class Session:
    """A database with one connection; it leaves in the log what is there when it is closed."""

    def __init__(self, path: Path, **options: Any) -> None:
        defaults = {
            "buffer_pool_size": 1 << 28,
            "max_db_size": 1 << 33,
            "auto_checkpoint": False,
            "compression": False,
        }
        self.database = kuzu.Database(str(path), **{**defaults, **options})
        self.connection = kuzu.Connection(self.database)
        self.connection.execute("CALL force_checkpoint_on_close=false")

    def run(self, *statements: str, batch: pa.Table | None = None, **parameters: Any) -> Rows:
        """Execute them, and give the rows of the last; ``LOAD FROM batch`` reads the table."""
        rows: Rows = []
        for statement in statements:
            # Kùzu looks the name `batch` up in this frame
            result = self.connection.execute(statement, parameters)
            rows = [] if isinstance(result, list) else result.get_all()
        del batch
        return rows

    def close(self) -> None:
        self.connection.close()
        self.database.close()


def fails(run: Callable[[], object], words: str) -> bool:
    """Whether it fails with these words; any other error ends the probe."""
    try:
        run()
    except (RuntimeError, ArithmeticError) as error:
        if words not in str(error):
            raise
        return True
    return False


def armed() -> None:
    """Say that the next statement is the one that crashes."""
    sys.stdout.write("armed\n")
    sys.stdout.flush()


def link(source: int, target: int) -> str:
    return f"MATCH (a:P {{id: {source}}}) MATCH (b:P {{id: {target}}}) CREATE (a)-[:R]->(b)"


def unlink(source: int, target: int) -> str:
    return f"MATCH (a:P {{id: {source}}})-[r:R]->(b:P {{id: {target}}}) DELETE r"


def graph(path: Path, *links: tuple[int, int]) -> Session:
    """Nodes 0 to 5 and these relationships, in the log only."""
    session = Session(path)
    session.run(
        "CREATE NODE TABLE P(id INT64 PRIMARY KEY, name STRING)", "CREATE REL TABLE R(FROM P TO P, w DOUBLE)"
    )
    session.run("UNWIND range(0, 5) AS id CREATE (:P {id: id})", *(link(*ends) for ends in links))
    return session


COUNT = "MATCH (p:P) RETURN count(*)"

LINKS = "MATCH (a:P)-[r:R]->(b:P) RETURN a.id, b.id"

CREATE_AS = "CREATE NODE TABLE Q AS MATCH (p:P) RETURN p.id AS id, p.name AS name"


@probe
def replay_loses_a_relationship(path: Path) -> bool:
    session = graph(path, (0, 1), (2, 0), (1, 2))
    session.run(unlink(1, 2), "MATCH (p:P {id: 2}) DETACH DELETE p")
    # asked from this end: a join may begin at the other, whose list is whole
    count = "MATCH (p:P {id: 0})-[r:R]->() RETURN count(*)"
    assert session.run(count) == [[1]]
    session.close()
    return Session(path).run(count) == [[0]]


@probe
def replay_leaves_ghosts(path: Path) -> bool:
    session = graph(path, (0, 1), (0, 2), (3, 1), (3, 2))
    session.run("MATCH (p:P {id: 0}) DETACH DELETE p")
    count = "MATCH (p:P {id: 2})<-[r:R]-() RETURN count(*)"
    assert session.run(count) == [[1]]
    session.close()
    return Session(path).run(count) == [[2]]


@probe
def replay_fails(path: Path) -> bool:
    session = graph(path, (0, 0), (1, 2))
    session.run(unlink(1, 2), "MATCH (p:P {id: 1}) DETACH DELETE p", "MATCH ()-[r:R]->() SET r.w = 1.0")
    session.close()
    return fails(lambda: Session(path), "csr_node_group")


@probe
def checkpoint_after_deletion_crashes(path: Path) -> bool:
    session = graph(path, (0, 1))
    session.run("CHECKPOINT", link(2, 3), unlink(2, 3), "CHECKPOINT")
    armed()
    return session.run(LINKS) != [[0, 1]]


@probe
def deaf_to_interrupts(path: Path) -> bool:
    Session(path).run("LOAD FROM batch RETURN id", batch=pa.table({"id": [1]}))
    # struct sigaction of glibc: the handler, 128 bytes of mask, the flags
    kept = (ctypes.c_char * 256)()
    ctypes.CDLL(None).sigaction(signal.SIGINT, None, kept)
    return bool(int.from_bytes(kept[136:140], sys.byteorder) & SA_RESTART)


@probe
def killed_checkpoint(path: Path) -> bool:
    def add(session: Session, first: int) -> None:
        numbers = pa.table({"id": pa.array(range(first, first + 20_000), pa.int64())})
        session.run("LOAD FROM batch CREATE (:P {id: id})", batch=numbers)

    child = os.fork()
    if child == 0:
        session = graph(path)
        add(session, 10)
        session.run("CHECKPOINT")
        add(session, 20_010)
        # a write beyond this size kills the process: the checkpoint adds 2.5 MB in pages of 4 KiB
        signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
        resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size + 300 * 4096,) * 2)
        session.run("CHECKPOINT")
        os._exit(0)
    assert os.WTERMSIG(os.waitpid(child, 0)[1]) == signal.SIGXFSZ
    armed()
    return fails(lambda: Session(path), "")


@probe
def rolled_back_copy_empties_a_table(path: Path) -> bool:
    session = graph(path, (0, 1), (1, 2))
    ends = pa.table({"from": [3], "to": [4], "w": [1.0]})
    session.run("CHECKPOINT", "BEGIN TRANSACTION", "COPY R FROM batch", "ROLLBACK", batch=ends)
    return session.run(LINKS) == []


@probe
def rolled_back_copy_crashes(path: Path) -> bool:
    session = graph(path)
    session.run("CHECKPOINT", "CREATE (:P {id: 6})", "BEGIN TRANSACTION")
    session.run("COPY P FROM batch", batch=pa.table({"id": [7, 8], "name": ["a", "b"]}))
    armed()
    # it spoils the memory, and what comes after crashes
    session.run("ROLLBACK", "UNWIND range(9, 13) AS id CREATE (:P {id: id, name: 'c'})", "CHECKPOINT")
    return session.run(COUNT) != [[12]]


@probe
def create_table_as_is_lost(path: Path) -> bool:
    session = graph(path)
    session.run(CREATE_AS)
    count = "MATCH (q:Q) RETURN count(*)"
    assert session.run(count) == [[6]]
    session.close()
    return Session(path).run(count) == [[0]]


@probe
def create_table_as_breaks_replay(path: Path) -> bool:
    session = graph(path)
    session.run(CREATE_AS, "MATCH (q:Q) SET q.name = 'a'")
    session.close()
    armed()
    Session(path)
    return False


@probe
def stray_log_is_replayed(path: Path) -> bool:
    graph(path).close()
    path.unlink()
    return not fails(lambda: Session(path).run(COUNT), "Table P does not exist")


@probe
def read_only_replays_the_log(path: Path) -> bool:
    graph(path).close()
    log = path.with_name(path.name + ".wal")
    before = (path.read_bytes(), log.read_bytes())
    session = Session(path, read_only=True)
    replayed = session.run(COUNT) == [[6]]
    session.close()
    return replayed and before == (path.read_bytes(), log.read_bytes())


@probe
def functions_write_to_the_log(path: Path) -> bool:
    graph(path).close()
    log = path.with_name(path.name + ".wal")
    before = log.stat().st_size
    session = Session(path, read_only=True)
    session.connection.create_function("same", lambda x: x, [kuzu.Type.INT64], kuzu.Type.INT64)
    session.close()
    return log.stat().st_size > before


@probe
def two_databases_lose_rows(path: Path) -> bool:
    first = Session(path)
    first.run("CREATE NODE TABLE P(id INT64 PRIMARY KEY)", "CHECKPOINT")
    second = Session(path)
    first.run("CREATE (:P {id: 1})", "CHECKPOINT")
    second.run("CREATE (:P {id: 2})", "CHECKPOINT")
    first.close()
    second.close()
    return Session(path).run(COUNT) == [[1]]


@probe
def second_writer_fails_at_once(path: Path) -> bool:
    session = Session(path)
    session.run("BEGIN TRANSACTION")
    other = kuzu.Connection(session.database)
    return fails(lambda: other.execute("BEGIN TRANSACTION"), "Only one write transaction at a time")


@probe
def commit_beside_a_reader_says_timeout(path: Path) -> bool:
    session = Session(path, auto_checkpoint=True)
    session.run("CREATE NODE TABLE P(id INT64 PRIMARY KEY)", "CALL checkpoint_threshold=0")
    reader = kuzu.Connection(session.database)
    reader.execute("BEGIN TRANSACTION READ ONLY")
    reader.execute(COUNT).get_all()
    said = fails(
        lambda: session.run("CREATE (:P {id: 1})"),
        "Timeout waiting for active transactions to leave the system",
    )
    reader.execute("COMMIT")
    return said and session.run(COUNT) == [[1]]


@probe
def results_crash_after_closing(path: Path) -> bool:
    session = graph(path)
    results = session.connection.execute(f"{COUNT}; {COUNT}")
    session.close()
    armed()
    del results
    return False


@probe
def no_columns_divide_by_zero(path: Path) -> bool:
    result = graph(path).connection.execute("CREATE (:P {id: 6})")
    assert not result.get_column_names()
    return fails(result.get_as_arrow, "division")


class WithoutPandas:
    """Hides pandas, which imports importlib.util."""

    @staticmethod
    def find_spec(name: str, *_: object) -> None:
        if name == "pandas":
            raise ModuleNotFoundError(name)


@probe
def arrow_needs_importlib_util(path: Path) -> bool:
    sys.meta_path.insert(0, WithoutPandas)
    # something else may have imported it: it goes as if nobody had
    sys.modules.pop("importlib.util", None)
    vars(sys.modules["importlib"]).pop("util", None)
    session = graph(path)
    return fails(
        lambda: session.run("LOAD FROM batch RETURN id", batch=pa.table({"id": [1]})), "no attribute 'util'"
    )


@probe
def macro_takes_no_parameter(path: Path) -> bool:
    session = Session(path)
    session.run("CREATE MACRO more(a) AS a + 1")
    assert session.run("WITH $x AS x RETURN more(x)", x=2) == [[3]]
    return fails(lambda: session.run("RETURN more($x)", x=2), "KU_UNREACHABLE")


@probe
def macro_with_case_or_lambda(path: Path) -> bool:
    def unopenable(name: str, body: str) -> bool:
        target = path.with_name(name)
        session = Session(target)
        session.run(f"CREATE MACRO broken(x) AS {body}", "CHECKPOINT")
        session.close()
        return fails(lambda: Session(target), "KU_UNREACHABLE")

    assert not unopenable("plain", "x + 1")
    # the workaround may go only when both are gone
    return unopenable("case", "CASE WHEN x < 0 THEN 0 ELSE x END") or unopenable(
        "lambda", "list_transform(x, y -> y)"
    )


@probe
def empty_piece_ends_the_rows(path: Path) -> bool:
    session = Session(path)
    some, none = pa.table({"a": [1, 2]}), pa.table({"a": pa.array([], pa.int64())})
    batch = pa.concat_tables([some, none, some])
    return session.run("LOAD FROM batch RETURN count(*)", batch=batch) == [[2]]


@probe
def export_drops_parentheses(path: Path) -> bool:
    session = Session(path)
    session.run("CREATE MACRO twice_more(a) AS (a + 1) * 2")
    exported = path.with_name("exported")
    session.run(f"EXPORT DATABASE '{exported}' (format='parquet')")
    return "AS a + 1 * 2" in (exported / "schema.cypher").read_text()


@probe
def lists_are_mixed_up(path: Path) -> bool:
    session = Session(path)
    session.run("CREATE NODE TABLE D(id INT64 PRIMARY KEY, items INT64[])")
    expected: dict[int, list[int]] = {}
    for new in ([0, 1], [2, 3], [4, 5]):
        batch = pa.table({"id": [*expected, *new], "items": [[id_, 10 * id_] for id_ in [*expected, *new]]})
        session.run("LOAD FROM batch MERGE (d:D {id: id}) SET d.items = items", "CHECKPOINT", batch=batch)
        expected |= {id_: [id_, 10 * id_] for id_ in new}
    return dict(session.run("MATCH (d:D) RETURN d.id, d.items")) != expected


@probe
def joined_statements_miss_new_relationships(path: Path) -> bool:
    session = Session(path)
    session.run(
        "CREATE NODE TABLE P(id INT64 PRIMARY KEY)",
        "CREATE REL TABLE R(FROM P TO P, w INT64)",
        "UNWIND range(0, 19) AS i CREATE (:P {id: i})",
    )
    batch = pa.table({"s": list(range(5)), "t": list(range(5, 10))})
    joined = "LOAD FROM batch MATCH (a:P {id: s}) MATCH (b:P {id: t})"
    session.run(f"{joined} CREATE (a)-[:R {{w: 1}}]->(b)", "CHECKPOINT", "BEGIN TRANSACTION", batch=batch)
    batch = pa.table({"s": list(range(10, 15)), "t": list(range(15, 20))})
    session.run(f"{joined} CREATE (a)-[:R {{w: 1}}]->(b)", batch=batch)
    session.run(f"{joined} MATCH (a)-[r:R]->(b) SET r.w = 2", "COMMIT", batch=batch)
    return session.run("MATCH ()-[r:R {w: 2}]->() RETURN count(*)") == [[1]]


@probe
def freed_end_is_lost(path: Path) -> bool:
    def used(session: Session) -> int:
        [[counted]] = session.run("CALL file_info() RETURN num_pages")
        return int(counted) - sum(number for _, number in session.run("CALL fsm_info() RETURN *"))

    session = Session(path)
    session.run("CREATE NODE TABLE P(id INT64 PRIMARY KEY, text STRING)")
    session.run("CREATE NODE TABLE Q(id INT64 PRIMARY KEY)", "CHECKPOINT")
    rows = pa.table({"id": range(50_000), "text": [str(id_) * 20 for id_ in range(50_000)]})
    session.run("COPY P FROM batch", batch=rows)
    session.run("DROP TABLE P", "CHECKPOINT")
    # the end is free at the first of these checkpoints, and no longer listed in the file at the second
    for id_ in range(2):
        session.run("CREATE (:Q {id: $id})", id=id_)
        session.run("CHECKPOINT")
    before = used(session)
    session.close()
    return used(Session(path)) > before + 100


@probe
def compression_loses_fractions(path: Path) -> bool:
    session = Session(path, compression=True)
    session.run("CREATE NODE TABLE D(id INT64 PRIMARY KEY, items DOUBLE[])")
    expected = {}
    for id_ in range(5):
        expected[id_] = ([1.0] * 9 + [1 / (3 + id_)]) * 10
        session.run("CREATE (:D {id: $id, items: $items})", id=id_, items=expected[id_])
        session.run("CHECKPOINT")
    return dict(session.run("MATCH (d:D) RETURN d.id, d.items")) != expected


@probe
def literals_of_other_types_skip_rows(path: Path) -> bool:
    session = Session(path)
    session.run("CREATE NODE TABLE P(id INT64 PRIMARY KEY, at TIMESTAMP_MS, day DATE)")
    session.run("CREATE (:P {id: 1, at: CAST('2026-01-01' AS TIMESTAMP_MS), day: date('2026-01-01')})")

    def found() -> list[Rows]:
        conditions = ("p.id > 0.5", *(f"p.{name} > timestamp('2025-01-01')" for name in ("at", "day")))
        return [session.run(f"MATCH (p:P) WHERE {each} RETURN p.id") for each in conditions]

    skipped = found()
    session.run("CALL enable_zone_map=false")
    assert found() == [[[1]], [[1]], [[1]]]
    return skipped == [[], [], []]


@probe
def paths_read_columns_of_other_types(path: Path) -> bool:
    session = Session(path)
    session.run(
        "CREATE NODE TABLE P(id INT64 PRIMARY KEY)",
        "CREATE NODE TABLE Q(id STRING PRIMARY KEY)",
        "CREATE REL TABLE R(FROM P TO P)",
        "CREATE (:P {id: 1})-[:R]->(:P {id: 2})",
    )

    def ids(pattern: str) -> list[str]:
        [[nodes]] = session.run(f"MATCH p = {pattern} RETURN nodes(p)")
        return [str(node["id"]) for node in nodes]

    assert ids("(a:P)-[:R]->(b:P)") == ids("(a)-[:R]->(b)") == ["1", "2"]
    return ids("(a:P)-[:R]->(b)") != ["1", "2"]


@probe
def set_after_a_dropped_column_crashes(path: Path) -> bool:
    session = Session(path, compression=True)
    session.run(
        "CREATE NODE TABLE P(id INT64 PRIMARY KEY, a INT64, b INT64)", "CREATE (:P {id: 1, a: 1, b: 1})"
    )
    session.run(
        "CHECKPOINT", "ALTER TABLE P DROP a", "ALTER TABLE P ADD c INT64", "ALTER TABLE P ADD d INT64"
    )
    armed()
    session.run("MATCH (p:P {id: 1}) SET p.c = 1, p.d = 1", "CHECKPOINT")
    return False


@probe
def one_match_is_a_cross_product(path: Path) -> bool:
    session = graph(path)

    def plan(ends: str) -> str:
        batch = pa.table({"s": [1], "t": [2]})
        return str(session.run(f"EXPLAIN LOAD FROM batch MATCH {ends} CREATE (a)-[:R]->(b)", batch=batch))

    assert "CROSS_PRODUCT" not in plan("(a:P {id: s}) MATCH (b:P {id: t})")
    return "CROSS_PRODUCT" in plan("(a:P {id: s}), (b:P {id: t})")


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    happens = PROBES[sys.argv[1]](Path(sys.argv[2]) / "probe")
    sys.stdout.write("happens\n" if happens else "gone\n")
