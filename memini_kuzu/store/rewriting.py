"""Rewriting a store's file: Kùzu can neither replace a macro nor drop one, and gives no space back.

Kùzu's EXPORT DATABASE writes all tables as Parquet, in bounded memory, the user's own included. Only the
tables of an export are used: it writes macros without their parentheses, which changes their meaning.
"""

from __future__ import annotations

import re
from contextlib import ExitStack
from typing import TYPE_CHECKING

from memini_kuzu.errors import StoreError
from memini_kuzu.resources import folder
from memini_kuzu.store import schema
from memini_kuzu.store.engine import EXPORTED, Draft, escaped, work_beside
from memini_kuzu.store.ledger import scaled_bits
from memini_kuzu.store.numbered import AMOUNTS

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import pyarrow as pa

    from memini_kuzu.config import Parameters
    from memini_kuzu.store.engine import Engine

__all__ = ["rewrite"]

EXPORT = "EXPORT DATABASE '{}' (format='parquet')"

TABLES = ("CREATE NODE TABLE ", "CREATE REL TABLE ", "CREATE SEQUENCE ", "CREATE TYPE ")

LEDGERS = ("Document", "EventLog")

ROWS = 64
"""So many documents or parts of loads are in memory while their amounts are scaled."""

SET_PARAMETERS = "MATCH (m:MeminiMeta {key: 'parameters'}) SET m.value = $parameters"

COMPLETE = "MATCH (m:MeminiJournal {id: 0}) SET m.journal = ''"
"""Set in the new file, which has no journal."""


def rewrite(
    engine: Engine, parameters: Parameters, edges: pa.Table | None = None, amounts: float = 1.0
) -> None:
    """Replace the store's file by a new one, atomically.

    Parameters
    ----------
    engine : Engine
        Open for writing, and the only one on the file in this process.
    parameters : Parameters
        Those of the new file.
    edges : pyarrow.Table, optional
        Its associations, `tables.EDGE_SCHEMA`; the same as before by default.
    amounts : float
        Factor for the amounts in the ledgers.

    Raises
    ------
    StoreError
        If the store holds macros or indexes that cannot be copied, or the disk is full.
    """
    path = engine.path
    with engine.exclusive():
        exported = work_beside(path, EXPORTED)
        try:
            # the store stays closed until the new file has replaced it
            with ExitStack() as closed, schema.building(path, locked=True) as work:
                engine.export(EXPORT.format(escaped(str(exported))))
                _check(exported)
                with Draft(work) as draft:
                    _fill(draft, exported, parameters, edges, amounts)
                closed.enter_context(engine.offline())
        except OSError as error:
            raise StoreError(f"{path} cannot be written: {error.strerror or error}") from error


def _check(exported: Path) -> None:
    """Refuse a store with macros or indexes that are not memini's: they cannot be copied faithfully."""
    own = {name.upper() for path in folder("udfs").glob("*.cypher") for name in _macros(path.read_text())}
    foreign = [
        name
        for name in _macros((exported / "schema.cypher").read_text())
        # Kùzu created a macro for the full-text index of schema version 1, and keeps it after the index
        if name.upper() not in own and not re.fullmatch(r"\d+_\w+_TOKENIZE", name.upper())
    ]
    indexes = (exported / "index.cypher").read_text() if (exported / "index.cypher").exists() else ""
    foreign += re.findall(r"CALL CREATE_\w+\('\w+',\s*'(\w+)'", indexes)
    if foreign:
        raise StoreError(
            f"the store holds macros or indexes that memini did not make, {', '.join(foreign)}, and Kùzu "
            "cannot copy "
            "them faithfully; make a new store from the documents with `memini init` and `memini ingest`"
        )


def _macros(text: str) -> list[str]:
    return re.findall(r"CREATE MACRO `?(\w+)`?\s*\(", text)


def _fill(
    draft: Draft, exported: Path, parameters: Parameters, edges: pa.Table | None, amounts: float
) -> None:
    for statement in _statements(exported / "schema.cypher", TABLES):
        draft.run(statement)
    if amounts != 1:
        for table in LEDGERS:
            _scale(exported / f"{table}.parquet", amounts)
    for statement in _statements(exported / "copy.cypher", ("COPY ",)):
        if edges is None or not statement.startswith("COPY `ASSOCIATES` "):
            # Kùzu writes this option in its exports but does not accept it
            plain = re.sub(
                r"(, | \()parallel=true\)$", lambda found: ")" if found[1] == ", " else "", statement
            )
            draft.run(re.sub(r' FROM "(.+?)"', lambda found: _from(exported, found[1]), plain, count=1))
    if edges is not None and edges.num_rows:
        draft.run("COPY ASSOCIATES FROM batch", batch=edges)
    for statement in schema.macros(parameters):
        draft.run(statement)
    draft.run(SET_PARAMETERS, {"parameters": parameters.to_json()})
    draft.run(COMPLETE)


def _scale(path: Path, amounts: float) -> None:
    """Multiply the amounts in an exported ledger."""
    from pyarrow import parquet  # noqa: PLC0415 - no recall needs it, and every store is opened by way of here

    scaled = path.with_suffix(".scaled")
    with parquet.ParquetFile(path) as file, parquet.ParquetWriter(scaled, file.schema_arrow) as writer:
        # Kùzu puts the variable of its query before the name
        [name] = [name for name in file.schema_arrow.names if name.endswith(f".{AMOUNTS}")]
        place = file.schema_arrow.get_field_index(name)
        for batch in file.iter_batches(ROWS):
            writer.write_batch(batch.set_column(place, name, scaled_bits(batch[name], amounts)))
    scaled.replace(path)


def _statements(path: Path, beginnings: Sequence[str]) -> list[str]:
    """The statements of an exported file with one of these beginnings; a statement ends with its line."""
    found = [text.strip() for text in re.split(r";\n", path.read_text() + "\n")]
    return [text for text in found if text.startswith(tuple(beginnings))]


def _from(exported: Path, name: str) -> str:
    return f" FROM '{escaped(str(exported / name))}'"
