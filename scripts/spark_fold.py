"""Fold and maintain associations on Spark, as Parquet: for streams and stores that outgrow one machine.

    python scripts/spark_fold.py folded --events events.parquet --master spark://head:7077
    python scripts/spark_fold.py today --edges folded --events new.parquet --now 2026-01-04
    memini load-edges today/edges.parquet --entities today/entities.parquet --where "fast >= 0.1"

The first folds a stream of events into edges. The second adds new events to edges that were folded before,
brings all to one date and forgets what is weak: what `memini consolidate` does, for edges that no one machine
holds. The third loads what an application needs. All is one Ibis expression, the very one of `memini
load-events` on DuckDB.

``--edges`` is a folder that this script wrote, or what `memini export` wrote. It stays as it is: a round
writes a new folder. Each file of events is for one round, since edges do not tell which events they hold.

Only the distinct names of the events come to the driver, for what brings a name to its entity is Python.
Aliases are resolved when the edges are loaded. The dynamics are those of ``--db``, or what the folder of
``--edges`` says, or the defaults.
"""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path  # noqa: TC003, typer reads the annotations
from typing import Annotated, Any

import ibis
import pyarrow as pa
import pyarrow.parquet as pq
import typer

from memini_kuzu.changes.events import Names
from memini_kuzu.changes.folding import (
    advance,
    edges_of,
    events_of,
    fold,
    identified,
    names_of,
    refuse_bad,
    retain,
    superpose,
)
from memini_kuzu.config import FORGET_BELOW, Parameters
from memini_kuzu.errors import InputError, MeminiError
from memini_kuzu.records import EventColumns
from memini_kuzu.store import Store
from memini_kuzu.times import to_millis


class Engine(StrEnum):
    """What folds."""

    spark = "spark"
    duckdb = "duckdb"


COLUMNS = EventColumns()


def main(
    folder: Annotated[Path, typer.Argument(help="Where edges.parquet and entities.parquet go; new.")],
    *,
    events: Annotated[
        str | None, typer.Option(help="Parquet of events: a file, a folder or what the engine reads.")
    ] = None,
    edges: Annotated[
        Path | None, typer.Option(help="What is added to: a folder with edges.parquet and entities.parquet.")
    ] = None,
    now: Annotated[
        str | None, typer.Option(help="Bring all edges to this date, and forget what is weak then.")
    ] = None,
    forget_below: Annotated[
        float, typer.Option(help="What is weak: neither variable reaches this.", min=0.0)
    ] = FORGET_BELOW,
    engine: Annotated[Engine, typer.Option(help="What folds.")] = Engine.spark,
    master: Annotated[str, typer.Option(help="Spark's master: local[*], spark://…, yarn.")] = "local[*]",
    db: Annotated[Path | None, typer.Option(help="The store whose parameters count.")] = None,
    source_column: str = COLUMNS.source,
    target_column: str = COLUMNS.target,
    time_column: str = COLUMNS.time,
    amount_column: str | None = None,
    both: Annotated[bool, typer.Option("--both", help="Let each event count in both directions.")] = False,
) -> None:
    """Fold events into associations, and maintain them."""
    columns = EventColumns(source_column, target_column, time_column, amount_column)
    try:
        if events is None and edges is None:
            raise InputError("there is nothing to do; pass --events, --edges or both")
        date = None if now is None else to_millis(now)
        parameters = dynamics(db, edges)
        folder.mkdir(parents=True)
    except (MeminiError, OSError) as error:
        raise _refused(error) from None
    backend = _spark(master) if engine is Engine.spark else ibis.duckdb.connect()
    parts, entities = [], []
    if edges is not None:
        parts.append(edges_of(backend.read_parquet(str(edges / "edges.parquet"))))
        if (edges / "entities.parquet").exists():
            old = backend.read_parquet(str(edges / "entities.parquet"))
            entities.append(old.select("id", "name"))
    if events is not None:
        rows = events_of(backend.read_parquet(events), columns, parameters.impulse, both=both)
        names = _names(backend, rows, folder)
        if names is not None:
            rows = identified(rows, names)
            entities.append(names.group_by("id").aggregate(name=names.name.min()))
        parts.append(fold(rows, parameters))
    merged = superpose(parts[0].union(parts[1]), parameters) if len(parts) > 1 else parts[0]
    if date is not None:
        merged = retain(advance(merged, date, parameters), forget_below)
    _write(backend, engine, merged, folder / "edges.parquet")
    if entities:
        known = entities[0]
        if len(entities) > 1:
            # whoever has a name keeps it
            known = known.union(entities[1].anti_join(known, "id"))
        _write(backend, engine, known, folder / "entities.parquet")
    (folder / "parameters.json").write_text(parameters.to_json() + "\n", encoding="utf-8")
    backend.disconnect()


def _refused(error: Exception) -> typer.Exit:
    typer.echo(f"spark_fold: {error}", err=True)
    return typer.Exit(1)


def dynamics(db: Path | None, edges: Path | None) -> Parameters:
    """The parameters of all that is added up.

    Raises
    ------
    InputError
        If those of the store and of the edges differ.
    """
    asked = known = None
    if db is not None:
        with Store(db, read_only=True) as store:
            asked = store.parameters
    if edges is not None:
        known = _written(edges)
    if asked is not None and known is not None and asked != known:
        raise InputError(
            f"{edges} was folded with {known}, and {db} has {asked}; leave --db away, or bring the store to "
            "the others with memini retune"
        )
    return asked or known or Parameters()


def _written(edges: Path) -> Parameters | None:
    """What the folder of edges says: one of ours, or an export."""
    if (edges / "parameters.json").is_file():
        return Parameters.from_json((edges / "parameters.json").read_text(encoding="utf-8"))
    if (edges / "meta.parquet").is_file():
        meta = pq.read_table(edges / "meta.parquet").to_pylist()
        return next(Parameters.from_json(row["value"]) for row in meta if row["key"] == "parameters")
    return None


def _names(backend: Any, rows: Any, folder: Path) -> Any | None:
    """The ids of the names of events, where they have names; bad events are refused."""
    try:
        refuse_bad(rows)
        return _identify(backend, rows, folder / "names.parquet") if rows.source.type().is_string() else None
    except InputError as error:
        folder.rmdir()  # nothing is in it yet
        raise _refused(error) from None


def _identify(backend: Any, rows: Any, path: Path) -> Any:
    """The ids of the names of events: name and id."""
    found = names_of(rows).to_pyarrow()["name"]
    ids = Names().identify(pa.chunked_array([found]) if isinstance(found, pa.Array) else found)
    pq.write_table(pa.table({"name": found, "id": pa.array(ids)}), path)
    # read back by the engine, wherever it runs: the folder must be one that all of it sees
    return backend.read_parquet(str(path))


def _spark(master: str) -> Any:
    from pyspark.sql import SparkSession  # noqa: PLC0415, not needed for DuckDB

    session = (
        SparkSession.builder.master(master)
        .appName("memini-fold")
        # times without an offset are UTC
        .config("spark.sql.session.timeZone", "UTC")
        .config("spark.ui.showConsoleProgress", "false")
        .getOrCreate()
    )
    return ibis.pyspark.connect(session)


def _write(backend: Any, engine: Engine, rows: Any, path: Path) -> None:
    """Write where the rows are, not through the driver."""
    if engine is Engine.spark:
        # ibis has no writer of folders
        backend._session.sql(ibis.to_sql(rows, dialect="pyspark")).write.parquet(str(path))  # noqa: SLF001
    else:
        pq.write_table(rows.to_pyarrow(), path)


if __name__ == "__main__":
    typer.run(main)
