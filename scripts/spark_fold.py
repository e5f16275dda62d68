"""Fold a stream of events on Spark: event Parquet in, edge and entity Parquet out, for `memini load-edges`.

The very expression that `memini load-events` runs on DuckDB: for streams that outgrow one machine.

    python scripts/spark_fold.py events.parquet folded/ --master spark://head:7077 --db notes.memini
    memini load-edges folded/edges.parquet --entities folded/entities.parquet --db notes.memini

Only the distinct names come to the driver, for what brings a name to its entity is Python. Aliases are
resolved when the edges are loaded.
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
from memini_kuzu.changes.folding import events_of, fold, identified, names_of
from memini_kuzu.config import Parameters
from memini_kuzu.records import EventColumns
from memini_kuzu.store import Store


class Engine(StrEnum):
    """What folds."""

    spark = "spark"
    duckdb = "duckdb"


COLUMNS = EventColumns()


def main(
    events: Annotated[
        str, typer.Argument(help="Parquet of events: a file, a folder or what the engine reads.")
    ],
    folder: Annotated[Path, typer.Argument(help="Where edges.parquet and entities.parquet go; new.")],
    *,
    engine: Annotated[Engine, typer.Option(help="What folds.")] = Engine.spark,
    master: Annotated[str, typer.Option(help="Spark's master: local[*], spark://…, yarn.")] = "local[*]",
    db: Annotated[Path | None, typer.Option(help="The store whose parameters count.")] = None,
    source_column: str = COLUMNS.source,
    target_column: str = COLUMNS.target,
    time_column: str = COLUMNS.time,
    amount_column: str | None = None,
    both: Annotated[bool, typer.Option("--both", help="Let each event count in both directions.")] = False,
) -> None:
    """Fold events into associations."""
    parameters = Parameters()
    if db is not None:
        with Store(db, read_only=True) as store:
            parameters = store.parameters
    columns = EventColumns(source_column, target_column, time_column, amount_column)
    folder.mkdir(parents=True)
    backend = _spark(master) if engine is Engine.spark else ibis.duckdb.connect()
    rows = events_of(backend.read_parquet(events), columns, parameters.impulse, both=both)
    if rows.source.type().is_string():
        found = names_of(rows).to_pyarrow()["name"]
        ids = Names().identify(pa.chunked_array([found]) if isinstance(found, pa.Array) else found)
        mapping = pa.table({"name": found, "id": pa.array(ids)})
        pq.write_table(mapping, folder / "entities.parquet")
        # read back by the engine, wherever it runs: the folder must be one that all of it sees
        rows = identified(rows, backend.read_parquet(str(folder / "entities.parquet")))
    _write(backend, engine, fold(rows, parameters), folder / "edges.parquet")
    backend.disconnect()


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


def _write(backend: Any, engine: Engine, edges: Any, path: Path) -> None:
    """Write where the rows are, not through the driver."""
    if engine is Engine.spark:
        # ibis has no writer of folders
        backend._session.sql(ibis.to_sql(edges, dialect="pyspark")).write.parquet(str(path))  # noqa: SLF001
    else:
        pq.write_table(edges.to_pyarrow(), path)


if __name__ == "__main__":
    typer.run(main)
