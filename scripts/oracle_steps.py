"""Operations: what each does to a store, and to the oracle."""

from __future__ import annotations

import copy
import shutil
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
from oracle_lookup import unlike
from oracle_model import Edge, Oracle, Refused
from oracle_state import mismatches, read_state

from memini_kuzu.config import Parameters
from memini_kuzu.errors import MeminiError
from memini_kuzu.extraction import Mention, canonical
from memini_kuzu.memory import Memory
from memini_kuzu.records import Record
from memini_kuzu.tables import EDGE_SCHEMA, timestamps
from memini_kuzu.times import DAY, from_millis

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray
    from oracle_model import Row


__all__ = [
    "PARAMETERS",
    "Add",
    "AliasAdd",
    "AliasRemove",
    "Bad",
    "Compact",
    "Consolidate",
    "Embed",
    "ExportImport",
    "ForgetDocuments",
    "ForgetEntity",
    "ForgetPair",
    "LoadEdges",
    "LoadEvents",
    "Merge",
    "Remember",
    "Reopen",
    "Retune",
    "Run",
    "Step",
    "Wait",
]

PARAMETERS = (
    Parameters(),
    Parameters(tau_fast=2.0, tau_slow=900.0, coupling=0.2, capacity=7.0, impulse=3.0),
)


class Words:
    """Every capitalised word is a mention, and every full stop ends a sentence."""

    identity = "words/1"

    def extract(self, texts: Iterable[str], *, processes: int = 1) -> Iterator[list[Mention]]:
        """One list of mentions a text."""
        del processes
        for text in texts:
            found, start = [], 0
            for word in text.split():
                start = text.index(word, start)
                name = word.strip(".:")
                if name.istitle():
                    found.append(Mention(canonical(name), name, "NAME", text[:start].count("."), start))
                start += len(word)
            yield found


class Letters:
    """An embedder: how often a text holds each of some letters."""

    name, dimension = "letters/1", 4

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """One row a text."""
        return np.array([[text.count(letter) for letter in "abeo"] for text in texts], dtype=np.float32)


class Step:
    """One operation with all that it takes; printed, it can be made again."""

    def on_store(self, run: Run) -> None:
        """Do it to the store."""
        raise NotImplementedError

    def on_oracle(self, run: Run) -> None:
        """Do it to the oracle; Refused where the store must refuse."""
        raise NotImplementedError


@dataclass(frozen=True)
class Add(Step):
    """Take in records."""

    records: tuple[Record, ...]

    def on_store(self, run: Run) -> None:
        """Do it to the store."""
        run.memory.add(self.records)

    def on_oracle(self, run: Run) -> None:
        """Do it to the oracle."""
        run.oracle.add(self.records)


@dataclass(frozen=True)
class Remember(Step):
    """Take in one text."""

    record: Record

    def on_store(self, run: Run) -> None:
        """Do it to the store."""
        record = self.record
        time = None if record.time is None else from_millis(record.time)
        run.memory.remember(record.text, time=time, source=record.source, title=record.title, id=record.id)

    def on_oracle(self, run: Run) -> None:
        """Do it to the oracle."""
        run.oracle.add([self.record])


@dataclass(frozen=True)
class LoadEvents(Step):
    """Load event rows: a table in memory where there is no suffix, otherwise a file."""

    rows: tuple[Row, ...]
    both: bool
    suffix: str
    keep: bool = True
    kind: str = ""

    def _table(self) -> pa.Table:
        source, target, amount, time = (list(values) for values in zip(*self.rows, strict=True))
        dates = [from_millis(each).isoformat() for each in time]
        table = pa.table({"source": source, "target": target, "amount": amount, "time": dates})
        return table.append_column("kind", pa.array([self.kind] * len(self.rows))) if self.kind else table

    @property
    def _label(self) -> str:
        told = repr((self.rows, self.kind)).encode()
        return f"{zlib.crc32(told)}{self.suffix}" if self.suffix else "a table"

    def on_store(self, run: Run) -> None:
        """Do it to the store."""
        table = self._table()
        path = run.folder / self._label
        if self.suffix == ".csv":
            pa.csv.write_csv(table, path)
        elif self.suffix:
            pq.write_table(table, path)
        run.memory.load_events(path if self.suffix else table, both=self.both, keep_events=self.keep)

    def on_oracle(self, run: Run) -> None:
        """Do it to the oracle."""
        identity = self._label if self.suffix else f"table {next(run.tables)} of {run.path.name}"
        run.oracle.load_events(
            identity, self._label, self.rows, both=self.both, keep=self.keep, kind=self.kind
        )


@dataclass(frozen=True)
class LoadEdges(Step):
    """Load a Parquet file of folded edges; names of entities come beside it or not."""

    rows: tuple[Edge, ...]
    names: tuple[tuple[int, str], ...]

    @property
    def _label(self) -> str:
        return f"edges-{zlib.crc32(repr(self.rows).encode())}.parquet"

    def on_store(self, run: Run) -> None:
        """Do it to the store."""
        columns: dict[str, Any] = {
            name: [getattr(row, name) for row in self.rows]
            for name in ("source", "target", "fast", "slow", "events")
        }
        columns |= {
            f"{name}_seen": timestamps([getattr(row, name) for row in self.rows])
            for name in ("first", "last")
        }
        columns["as_of"] = timestamps([row.as_of for row in self.rows])
        path, beside = run.folder / self._label, run.folder / f"names-{self._label}"
        pq.write_table(pa.table(columns).select(EDGE_SCHEMA.names), path)
        ids, names = [number for number, _ in self.names], [name for _, name in self.names]
        pq.write_table(
            pa.table({"id": pa.array(ids, pa.int64()), "name": pa.array(names, pa.string())}), beside
        )
        run.memory.load_edges(path, entities=beside if self.names else None)

    def on_oracle(self, run: Run) -> None:
        """Do it to the oracle."""
        run.oracle.load_edges(self._label, self._label, self.rows, dict(self.names))


@dataclass(frozen=True)
class AliasAdd(Step):
    """Let a name stand for an entity."""

    name: str
    entity: str

    def on_store(self, run: Run) -> None:
        """Do it to the store."""
        run.memory.alias_add(self.name, self.entity)

    def on_oracle(self, run: Run) -> None:
        """Do it to the oracle."""
        run.oracle.alias_add(self.name, self.entity)


@dataclass(frozen=True)
class AliasRemove(Step):
    """Take an alias back."""

    name: str

    def on_store(self, run: Run) -> None:
        """Do it to the store."""
        run.memory.alias_remove(self.name)

    def on_oracle(self, run: Run) -> None:
        """Do it to the oracle."""
        run.oracle.alias_remove(self.name)


@dataclass(frozen=True)
class ForgetDocuments(Step):
    """Forget a source (one with a suffix is a file that was loaded), or dates, or both."""

    source: str | None
    since: int | None
    until: int | None

    def on_store(self, run: Run) -> None:
        """Do it to the store."""
        since, until = (None if each is None else from_millis(each) for each in (self.since, self.until))
        is_file = self.source is not None and self.source.endswith((".csv", ".parquet"))
        source = str(run.folder / str(self.source)) if is_file else self.source
        run.memory.forget(source=source, since=since, until=until)

    def on_oracle(self, run: Run) -> None:
        """Do it to the oracle."""
        run.oracle.forget_documents(self.source, self.since, self.until)


@dataclass(frozen=True)
class ForgetEntity(Step):
    """Forget an entity."""

    name: str

    def on_store(self, run: Run) -> None:
        """Do it to the store."""
        run.memory.forget(entity=self.name)

    def on_oracle(self, run: Run) -> None:
        """Do it to the oracle."""
        run.oracle.forget_entity(self.name)


@dataclass(frozen=True)
class ForgetPair(Step):
    """Forget an association."""

    one: str
    other: str

    def on_store(self, run: Run) -> None:
        """Do it to the store."""
        run.memory.forget(association=(self.one, self.other))

    def on_oracle(self, run: Run) -> None:
        """Do it to the oracle."""
        run.oracle.forget_pair(self.one, self.other)


@dataclass(frozen=True)
class Consolidate(Step):
    """A maintenance pass as of the present, or of an earlier time, which changes nothing."""

    threshold: float
    ago: int = 0
    keep: int | None = None

    def on_store(self, run: Run) -> None:
        """Do it to the store."""
        now = from_millis(run.now - self.ago * DAY)
        run.memory.consolidate(now=now, threshold=self.threshold, keep=self.keep)

    def on_oracle(self, run: Run) -> None:
        """Do it to the oracle."""
        run.oracle.consolidate(self.threshold, self.keep)


@dataclass(frozen=True)
class Wait(Step):
    """Let days go by."""

    days: int

    def on_store(self, run: Run) -> None:
        """Do it to the store."""
        run.now += self.days * DAY

    def on_oracle(self, run: Run) -> None:
        """Do it to the oracle."""
        run.oracle.now += self.days * DAY


@dataclass(frozen=True)
class Retune(Step):
    """Give the store other parameters."""

    parameters: Parameters

    def on_store(self, run: Run) -> None:
        """Do it to the store."""
        run.memory.retune(self.parameters)

    def on_oracle(self, run: Run) -> None:
        """Do it to the oracle."""
        run.oracle.retune(self.parameters)


@dataclass(frozen=True)
class Compact(Step):
    """Write the file anew: nothing that the store tells changes."""

    def on_store(self, run: Run) -> None:
        """Do it to the store."""
        run.memory.compact()

    def on_oracle(self, run: Run) -> None:
        """Do it to the oracle."""


@dataclass(frozen=True)
class Merge(Step):
    """Merge a store with a history of its own."""

    steps: tuple[Step, ...]
    skip_known: bool = False

    def on_store(self, run: Run) -> None:
        """Do it to the store."""
        path = run.child.memory.path
        run.child.memory.close()
        run.memory.merge(path, skip_known=self.skip_known)

    def on_oracle(self, run: Run) -> None:
        """Do it to the oracle."""
        run.oracle.merge(run.child.oracle, skip_known=self.skip_known)


@dataclass(frozen=True)
class ExportImport(Step):
    """Go on with an import of an export."""

    def on_store(self, run: Run) -> None:
        """Do it to the store."""
        name = f"copy {next(run.tables)}"
        run.memory.export(run.folder / name)
        run.memory.close()
        run.path = run.folder / f"{name}.memini"
        Memory.import_(run.path, run.folder / name).close()
        run.open()

    def on_oracle(self, run: Run) -> None:
        """Nothing changes."""
        del run


@dataclass(frozen=True)
class Reopen(Step):
    """Close the store and open it again, with an embedder or without."""

    embedder: bool

    def on_store(self, run: Run) -> None:
        """Do it to the store."""
        run.memory.close()
        run.embedder = self.embedder
        run.open()

    def on_oracle(self, run: Run) -> None:
        """Do it to the oracle."""
        run.oracle.embedder = self.embedder


@dataclass(frozen=True)
class Embed(Step):
    """Give every passage a vector."""

    def on_store(self, run: Run) -> None:
        """Do it to the store."""
        run.memory.embed()

    def on_oracle(self, run: Run) -> None:
        """Do it to the oracle."""
        run.oracle.embed()


@dataclass(frozen=True)
class Bad(Step):
    """Something that must be refused."""

    kind: str

    KINDS: ClassVar = (
        "add",
        "budget",
        "columns",
        "edges",
        "entity",
        "export",
        "future",
        "merge",
        "nothing",
        "source",
        "threshold",
    )

    def on_store(self, run: Run) -> None:
        """Do it to the store."""
        memory = run.memory
        time = from_millis(run.now - DAY)
        table = {"source": ["Ada"], "target": ["Bob"], "time": [time.isoformat()]}
        calls: dict[str, Callable[[], object]] = {
            "add": lambda: memory.add([Record("Ada met Bob."), Record(" ")]),
            "budget": lambda: memory.consolidate(keep=-1),
            "columns": lambda: memory.load_events(pa.table({"source": ["Ada"], "time": [time]})),
            "edges": lambda: memory.load_edges(run.folder / "none.parquet"),
            "entity": lambda: memory.forget(entity="Nobody"),
            "export": lambda: memory.export(run.folder),
            "future": lambda: memory.load_events(pa.table(table), pa.table(table | {"time": ["2200-01-01"]})),
            "merge": lambda: memory.merge(run.path),
            "nothing": memory.forget,
            "source": lambda: memory.forget(source="nowhere"),
            "threshold": lambda: memory.consolidate(threshold=-1.0),
        }
        calls[self.kind]()

    def on_oracle(self, run: Run) -> None:
        """Refuse it."""
        del run
        raise Refused(self.kind)


class Run:
    """A store and the oracle that goes with it.

    Parameters
    ----------
    folder : Path
        Where files are.
    name : str
        The store's.
    parameters : Parameters
        Its dynamics.
    now : int
        The present, milliseconds since 1970.
    """

    def __init__(self, folder: Path, name: str, parameters: Parameters, now: int) -> None:
        self.folder, self.path, self.now, self.embedder = folder, folder / name, now, False
        self.tables = iter(range(1_000_000))
        self.oracle = Oracle(parameters, now, Words())
        self.child: Run
        # a copy costs a tenth of a new store
        empty = folder.parent / f"empty-{PARAMETERS.index(parameters)}.memini"
        if not empty.exists():
            Memory.open(empty, parameters=parameters, extractor=Words()).close()
        shutil.copyfile(empty, self.path)
        self.memory: Memory
        self.open()

    def open(self) -> None:
        """Open the store."""
        embedder = Letters() if self.embedder else None
        self.memory = Memory.open(
            self.path, create=False, extractor=Words(), clock=lambda: self.now, embedder=embedder
        )

    def step(self, step: Step) -> list[str]:
        """Do one operation on both sides; how they differ after it."""
        if isinstance(step, Merge):
            self.child = Run(self.folder, f"{next(self.tables)}.other", self.oracle.parameters, self.now)
            for each in step.steps:
                if found := self.child.step(each):
                    return [f"in the other store, after {each}: {line}" for line in found]
        if found := self._both(step):
            return found
        try:
            state, findings = read_state(self.memory), self.memory.doctor().findings
            in_memory = unlike(self.memory._store)  # noqa: SLF001 - users see no lookups
        except Exception as error:  # noqa: BLE001 - a store that cannot be read is a finding
            return [f"cannot be read: {type(error).__name__}: {error}"]
        return [
            *mismatches(state, self.oracle),
            *in_memory,
            *(f"doctor: {each.check}: {each.detail}" for each in findings if each.status == "problem"),
        ]

    def _both(self, step: Step) -> list[str]:
        """Do it; what one side refused and the other did not."""
        before = copy.deepcopy(self.oracle) if isinstance(step, AliasRemove | Retune) else None
        refused = ""
        try:
            step.on_oracle(self)
        except Refused as error:
            refused = str(error)
        may_refuse = before is not None and self.oracle.may_refuse
        try:
            step.on_store(self)
        except MeminiError as error:
            if not (refused or may_refuse):
                return [f"refused, and should not be: {error}"]
            self.oracle = before or self.oracle
        except Exception as error:  # noqa: BLE001 - whatever a store throws is a finding
            return [f"{type(error).__name__}: {error}"]
        else:
            if refused:
                return [f"not refused, and should be: {refused}"]
        return []

    @property
    def over(self) -> bool:
        """Whether only bounds are promised from here on."""
        return bool(self.oracle.blurred)
