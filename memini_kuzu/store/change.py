"""A change: all that is written to a store in one transaction, as one value.

Code that changes a store computes a `Change` from what it reads, and writes no file. `Store.apply` writes the
change to the journal and applies it by `write`; after a crash, `write` applies the changes of the journal.
Rows hold final values, not increments, so applying a change twice gives the same as applying it once.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from memini_kuzu.errors import StoreError
from memini_kuzu.store import catalog
from memini_kuzu.tables import column

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from memini_kuzu.store.catalog import Table
    from memini_kuzu.store.engine import Transaction

__all__ = ["Change", "together", "write"]

How = Literal["delete", "create", "append", "update", "replace"]

ORDER: dict[How, int] = {"delete": 0, "create": 1, "append": 1, "update": 2, "replace": 3}


class Part(NamedTuple):
    """What happens to one table.

    Parameters
    ----------
    how : str
        ``delete``: the rows of these keys; ``create``: new rows; ``append``: so many new nodes that COPY is
        worth a checkpoint; ``update``: some columns of existing rows; ``replace``: these are all the rows of
        a relationship table.
    table : str
        Name of the table.
    rows : pyarrow.Table
        The rows, or their keys.
    """

    how: How
    table: str
    rows: pa.Table


@dataclass(slots=True)
class Change:
    """What is to be deleted, created, updated and replaced; built part by part.

    Parameters
    ----------
    vectors : int or None
        Create the table of vectors again, for vectors of this dimension.
    parts : list of Part
        In any order: relationships are deleted before nodes, and created after them.

    Examples
    --------
    >>> change = Change()
    >>> change.create("Source", pa.table({"name": ["diary"], "passages": [1]}))
    >>> [part.table for part in Change.unpack(change.pack()).parts]
    ['Source']
    """

    vectors: int | None = None
    parts: list[Part] = field(default_factory=list)

    def delete(self, table: str, keys: pa.Table) -> None:
        """Delete rows; nodes together with all their relationships."""
        if keys.num_rows:
            declared = catalog.table(table, self.vectors)
            self.parts.append(Part("delete", table, declared.cast(keys.select(declared.keys))))

    def create(self, table: str, rows: pa.Table) -> None:
        """Create rows, with every column."""
        if rows.num_rows:
            self.parts.append(Part("create", table, self._whole(table, rows)))

    def append(self, table: str, rows: pa.Table) -> None:
        """Create very many nodes, with every column; the change must not touch other rows of their table."""
        if rows.num_rows:
            self.parts.append(Part("append", table, self._whole(table, rows)))

    def update(self, table: str, rows: pa.Table) -> None:
        """Overwrite some columns of existing rows; every column where the table holds lists."""
        if not rows.num_rows:
            return
        declared = catalog.table(table, self.vectors)
        if declared.holds_lists:
            # deleted and created: a SET of lists beside new rows may change those rows
            self.delete(table, rows)
            self.create(table, rows)
        else:
            self.parts.append(Part("update", table, declared.cast(rows)))

    def replace(self, table: str, rows: pa.Table) -> None:
        """Replace all rows of a relationship table by these."""
        self.parts.append(Part("replace", table, self._whole(table, rows)))

    def _whole(self, table: str, rows: pa.Table) -> pa.Table:
        dimension = rows["vector"].type.list_size if table == catalog.EMBEDDING else None
        wanted = catalog.table(table, dimension).columns
        return rows.select(wanted.names).cast(wanted)

    def set_meta(self, values: dict[str, str], existing: Iterable[str]) -> None:
        """Set metadata of the store.

        Parameters
        ----------
        values : dict of str to str
            Keys of MeminiMeta and their values.
        existing : iterable of str
            The keys that MeminiMeta has.
        """
        known = set(existing)
        for how, keys in (("update", values.keys() & known), ("create", values.keys() - known)):
            rows = pa.table(
                {"key": pa.array(sorted(keys), pa.string()), "value": [values[key] for key in sorted(keys)]}
            )
            (self.update if how == "update" else self.create)("MeminiMeta", rows)

    @property
    def empty(self) -> bool:
        """Whether there is nothing to do."""
        return not self.parts and self.vectors is None

    @property
    def deleted(self) -> NDArray[np.int64]:
        """Ids of the entities that it deletes."""
        ids = [
            column(part.rows, "id") for part in self.parts if (part.how, part.table) == ("delete", "Entity")
        ]
        return np.concatenate([np.zeros(0, dtype=np.int64), *ids])

    @property
    def nbytes(self) -> int:
        """Bytes of its rows in memory."""
        return sum(part.rows.nbytes for part in self.parts)

    @property
    def large(self) -> bool:
        """Whether it uses COPY: it is then not journaled but checkpointed before `apply` returns."""
        return self.appends or self.replaces

    @property
    def replaces(self) -> bool:
        """Whether it replaces the associations, of all relationships the only ones that are."""
        return any(part.how == "replace" for part in self.parts)

    @property
    def appends(self) -> bool:
        """Whether it uses COPY into a table that exists: a checkpoint must come before it, too."""
        return any(part.how == "append" for part in self.parts)

    @property
    def adds(self) -> bool:
        """Whether it only creates and updates rows, as what is told does."""
        return self.vectors is None and {part.how for part in self.parts} <= {"create", "update"}

    def ordered(self) -> list[Part]:
        """The parts in the order in which they take effect."""
        return sorted(self.parts, key=_order)

    def pack(self) -> bytes:
        """The change as bytes: one Arrow table of Arrow tables."""
        rows = [_ipc(part.rows) for part in self.parts]
        parts = pa.table(
            {
                "how": pa.array([part.how for part in self.parts], pa.string()),
                "table": pa.array([part.table for part in self.parts], pa.string()),
                "rows": pa.array(rows, pa.large_binary()),
            }
        )
        return _ipc(parts.replace_schema_metadata({"vectors": json.dumps(self.vectors)}))

    @classmethod
    def unpack(cls, packed: bytes) -> Change:
        """The change from the bytes of `pack`."""
        table = _table(packed)
        parts = [Part(row["how"], row["table"], _table(row["rows"])) for row in table.to_pylist()]
        return cls(json.loads(table.schema.metadata[b"vectors"]), parts)


def together(changes: Sequence[Change]) -> list[tuple[int, Change]]:
    """Fewer changes that have the effect of these, one after the other.

    The rows of several are created and updated at once. Kùzu may not find what the same transaction has
    created (`engine.faults`), so no row is touched twice: a change that deletes stands alone, and one that
    updates what was created before, or other columns of what was updated, begins anew.

    Parameters
    ----------
    changes : sequence of Change
        Small ones, in their order.

    Returns
    -------
    list of (int, Change)
        Changes, each for a transaction of its own, and how many of the given ones each stands for.

    Examples
    --------
    >>> one, other = Change(), Change()
    >>> one.create("Source", pa.table({"name": ["diary"], "passages": [1]}))
    >>> other.create("Source", pa.table({"name": ["mail"], "passages": [1]}))
    >>> [(number, change.parts[0].rows.num_rows) for number, change in together([one, other])]
    [(2, 2)]
    """
    found: list[tuple[int, Change]] = []
    for change in changes:
        joined = _joined(found[-1][1], change) if found else None
        if joined is None:
            found.append((1, change))
        else:
            found[-1] = found[-1][0] + 1, joined
    return found


def _joined(earlier: Change, later: Change) -> Change | None:
    """Both changes as one; None where the later one has to see the earlier one done."""
    if not (earlier.adds and later.adds):
        return None
    parts = list(earlier.parts)
    for part in later.parts:
        keys = catalog.table(part.table).keys
        place = None
        for number, before in enumerate(earlier.parts):
            if before.table != part.table:
                continue
            if before.how == part.how and before.rows.schema == part.rows.schema:
                place = number
            elif part.how == "update" and _common(before.rows, part.rows, keys):
                return None
        if place is None:
            parts.append(part)
            continue
        rows = parts[place].rows
        if part.how == "update":
            rows = _others(rows, part.rows, keys)
        parts[place] = Part(part.how, part.table, pa.concat_tables([rows, part.rows]))
    return Change(parts=parts)


def _common(rows: pa.Table, others: pa.Table, keys: list[str]) -> bool:
    """Whether a row of both has the same key."""
    found = rows.select(keys).join(others.select(keys), keys=keys, join_type="inner")
    return bool(found.num_rows)


def _others(rows: pa.Table, others: pa.Table, keys: list[str]) -> pa.Table:
    """The rows whose keys the others do not have."""
    return rows.join(others.select(keys), keys=keys, join_type="left anti").select(rows.column_names)


def _ipc(rows: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, rows.schema) as writer:
        writer.write_table(rows)
    return bytes(sink.getvalue())


def _table(packed: bytes) -> pa.Table:
    with pa.ipc.open_stream(packed) as reader:
        return reader.read_all()


def write(transaction: Transaction, change: Change, *, fresh: bool = False) -> None:
    """Write a change into a file; no other function writes rows.

    Parameters
    ----------
    transaction : Transaction
        An open one. Where a table is replaced or appended to, a standby copy of the file must exist: both use
        COPY, which Kùzu cannot roll back safely.
    change : Change
        The change to write.
    fresh : bool
        The file is new and not yet in use, so that COPY into its tables is safe.
    """
    if change.vectors is not None:
        _make_vectors(transaction, change.vectors)
    for part in change.ordered():
        table = catalog.table(part.table)
        if part.how == "delete":
            if table.ends is None:
                transaction.delete_nodes(table.name, table.keys[0], part.rows)
            else:
                transaction.run_each(*_relationship(table, "DELETE r"), part.rows)
        elif part.how == "append" or (part.how == "create" and fresh and table.ends is not None):
            transaction.run(f"COPY {table.name} FROM batch", batch=part.rows)
        elif part.how == "create":
            _create(transaction, table, part.rows)
        elif part.how == "update":
            _update(transaction, table, part.rows)
        else:
            _replace(transaction, table, part.rows)


def _order(part: Part) -> tuple[int, bool]:
    """Deletions first: relationships before nodes. Then the rest: nodes before relationships."""
    is_relationship = catalog.table(part.table).ends is not None
    return ORDER[part.how], is_relationship != (part.how == "delete")


def _make_vectors(transaction: Transaction, dimension: int) -> None:
    names = transaction.run("CALL show_tables() RETURN name AS name")["name"].to_pylist()
    if catalog.EMBEDDING in names:
        transaction.run("DROP TABLE Embedding")
    transaction.run(
        f"CREATE NODE TABLE Embedding(id INT64 PRIMARY KEY, time TIMESTAMP, vector FLOAT[{int(dimension)}])"
    )


def _looked_at(columns: list[str]) -> list[str]:
    """Names of columns, which are names indeed: a journal is a file, and anyone may have written it."""
    if not all(map(str.isidentifier, columns)):
        raise StoreError(f"{columns} are no names of columns; was the journal written by memini?")
    return columns


def _assigned(columns: list[str]) -> str:
    return ", ".join(f"{name}: {name}" for name in _looked_at(columns))


def _set(variable: str, columns: list[str], mark: str = "") -> str:
    return ", ".join(f"{variable}.{name} = {mark}{name}" for name in _looked_at(columns))


def _relationship(table: Table, rest: str) -> tuple[str, str]:
    """Statements on existing relationships: for one row with parameters, and for a batch."""
    assert table.ends is not None  # noqa: S101  only called for relationship tables
    (a, b), (source, target) = table.keys, table.ends
    a_key, b_key = (catalog.table(end).keys[0] for end in table.ends)
    single = f"MATCH (a:{source} {{{a_key}: ${a}}})-[r:{table.name}]->(b:{target} {{{b_key}: ${b}}}) {rest}"
    # one pattern (a {id})-[r]->(b {id}) over a batch takes twice as long from 2,000 rows on
    joined = (
        f"LOAD FROM batch MATCH (a:{source} {{{a_key}: {a}}}) MATCH (b:{target} {{{b_key}: {b}}}) "
        f"MATCH (a)-[r:{table.name}]->(b) {rest.replace('$', '')}"
    )
    return single, joined


def _create(transaction: Transaction, table: Table, rows: pa.Table) -> None:
    # the columns of the rows, not of the table: the journal of an older memini may lack some
    if table.ends is None:
        transaction.run(
            f"LOAD FROM batch CREATE (:{table.name} {{{_assigned(rows.column_names)}}})", batch=rows
        )
        return
    (a, b), (source, target) = table.keys, table.ends
    a_key, b_key = (catalog.table(end).keys[0] for end in table.ends)
    # an end node that all rows share is looked up once, as a parameter: a join reads all keys of its table
    shared = {name: rows[name][0].as_py() for name in (a, b) if pc.count_distinct(rows[name]).as_py() == 1}
    ends = [
        f"MATCH ({variable}:{label} {{{key}: {'$' * (name in shared)}{name}}})"
        for variable, label, key, name in (("a", source, a_key, a), ("b", target, b_key, b))
    ]
    if b in shared:
        ends.reverse()
    properties = _assigned([name for name in rows.column_names if name not in table.keys])
    # both ends in one MATCH would be a cross product
    transaction.run(
        f"LOAD FROM batch {' '.join(ends)} CREATE (a)-[:{table.name} {{{properties}}}]->(b)",
        shared,
        rows,
    )


def _update(transaction: Transaction, table: Table, rows: pa.Table) -> None:
    columns = [name for name in rows.column_names if name not in table.keys]
    if table.ends is None:
        [key] = table.keys
        transaction.run(
            f"LOAD FROM batch MATCH (n:{table.name} {{{key}: {key}}}) SET {_set('n', columns)}", batch=rows
        )
    else:
        transaction.run_each(*_relationship(table, f"SET {_set('r', columns, '$')}"), rows)


def _replace(transaction: Transaction, table: Table, rows: pa.Table) -> None:
    """COPY into a new table, which then replaces the old one."""
    [declaration] = [
        text for text in catalog.all_statements() if text.startswith(f"CREATE REL TABLE {table.name}(")
    ]
    fresh = f"{table.name}_NEW"
    transaction.run(declaration.replace(f"TABLE {table.name}(", f"TABLE {fresh}(", 1))
    if rows.num_rows:
        transaction.run(f"COPY {fresh} FROM batch", batch=rows)
    transaction.run(f"DROP TABLE {table.name}")
    transaction.run(f"ALTER TABLE {fresh} RENAME TO {table.name}")
