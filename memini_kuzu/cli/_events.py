"""The commands load-events, load-edges, export, import and merge."""

from pathlib import Path
from typing import Annotated

import typer

from memini_kuzu.cli._app import STORE, Db, Json, Wait, command, opened_file
from memini_kuzu.cli._memory import ClockNow
from memini_kuzu.cli._print import clean, note, show_json, show_table
from memini_kuzu.cli._progress import CountProgress
from memini_kuzu.records import EventColumns

__all__ = ["export", "import_", "load_edges", "load_events", "merge"]

COLUMNS = EventColumns()


@command(
    "memini load-events trades.parquet --source-column seller --target-column buyer --time-column day",
    "memini load-events events/*.csv --both",
    name="load-events",
)
def load_events(
    files: Annotated[
        list[Path], typer.Argument(metavar="FILE…", help="Files: .parquet, .csv, .tsv, .jsonl, .arrow.")
    ],
    *,
    db: Db = STORE,
    source_column: Annotated[
        str, typer.Option("--source-column", metavar="NAME", help="The column of the sources …")
    ] = COLUMNS.source,
    target_column: Annotated[
        str, typer.Option("--target-column", metavar="NAME", help="… of the targets …")
    ] = COLUMNS.target,
    time_column: Annotated[
        str, typer.Option("--time-column", metavar="NAME", help="… of the times …")
    ] = COLUMNS.time,
    amount_column: Annotated[
        str | None,
        typer.Option("--amount-column", metavar="NAME", help="… of the amounts; else amount."),
    ] = None,
    kind_column: Annotated[
        str | None,
        typer.Option("--kind-column", metavar="NAME", help="… of the kinds of events; else kind."),
    ] = None,
    both: Annotated[bool, typer.Option("--both", help="Let each event count in both directions.")] = False,
    keep_events: Annotated[
        bool,
        typer.Option(
            "--keep-events/--no-keep-events",
            help="Keep the events too, to forget, plot, fit, retune and ask in the past by them.",
        ),
    ] = True,
    now: ClockNow = None,
    as_json: Json = False,
    wait: Wait = 0.0,
) -> None:
    """Take in (source, target, time[, amount]) rows. A file that was loaded before changes nothing.

    Text endpoints are names, integers are ids of entities. Files are committed in groups, each whole or
    not at all: after an error or a crash, the same command goes on from the last group.
    """
    columns = EventColumns(source_column, target_column, time_column, amount_column, kind_column)
    with (
        opened_file(db, write=True, create=True, now=now, wait=wait) as memory,
        CountProgress("events") as progress,
    ):
        report = memory.load_events(
            *files, columns=columns, both=both, keep_events=keep_events, progress=progress
        )
    if as_json:
        show_json(report)
    else:
        typer.echo(
            f"{report.events:,} events of {len(report.loaded)} files, {len(report.known)} known already: "
            f"{report.associations:,} associations touched, {report.entities:,} new entities"
        )


@command(
    "memini load-edges edges.parquet --entities entities.parquet",
    "memini load-edges edges.parquet --where \"fast >= 0.1 AND last_seen >= '2026-01-01'\"",
    name="load-edges",
)
def load_edges(
    path: Annotated[Path, typer.Argument(metavar="PATH", help="A Parquet file of edges, or a folder.")],
    *,
    db: Db = STORE,
    entities: Annotated[
        Path | None, typer.Option("--entities", metavar="PATH", help="Names of their ids: id, name.")
    ] = None,
    where: Annotated[
        str | None,
        typer.Option(
            "--where",
            metavar="SQL",
            help="Only edges that this is true of: source, target, fast, slow, as_of, events, first_seen, "
            "last_seen; with names also source_name, target_name.",
        ),
    ] = None,
    as_json: Json = False,
    wait: Wait = 0.0,
) -> None:
    """Add associations that were folded elsewhere, as by scripts/spark_fold.py; twice changes nothing."""
    with opened_file(db, write=True, create=True, wait=wait) as memory:
        report = memory.load_edges(path, entities=entities, where=where)
    if as_json:
        show_json(report)
    elif report.known:
        typer.echo("known already: nothing was changed")
    else:
        typer.echo(f"{report.associations:,} associations touched, {report.entities:,} new entities")


@command("memini export backup/")
def export(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="A new folder.")],
    *,
    db: Db = STORE,
    as_json: Json = False,
    wait: Wait = 0.0,
) -> None:
    """Write everything as Parquet files, exact to the bit."""
    with opened_file(db, wait=wait) as memory:
        rows = memory.export(folder)
    _show_rows(rows, as_json=as_json)


@command("memini import backup/ --db copy.memini", name="import")
def import_(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="What export wrote.")],
    *,
    db: Db = STORE,
    as_json: Json = False,
) -> None:
    """Make a new store of an export, the same to the bit."""
    from memini_kuzu.memory import Memory

    with Memory.import_(db, folder) as memory:
        stats = memory.stats()
    if as_json:
        show_json(stats)
    else:
        typer.echo(
            f"made {stats.path}: {stats.entities:,} entities, {stats.associations:,} associations, "
            f"{stats.passages:,} passages"
        )


@command("memini merge other.memini --db notes.memini")
def merge(
    other: Annotated[Path, typer.Argument(metavar="OTHER", help="The store to take in; it is only read.")],
    *,
    db: Db = STORE,
    skip_known: Annotated[
        bool, typer.Option("--skip-known", help="Leave out documents that both have, rather than refuse.")
    ] = False,
    as_json: Json = False,
    wait: Wait = 0.0,
) -> None:
    """Take in another store: the outcome is the memory that has seen what both have seen."""
    with opened_file(db, write=True, wait=wait) as memory:
        report = memory.merge(other, skip_known=skip_known)
    if as_json:
        show_json(report)
    else:
        typer.echo(
            clean(
                f"{report.documents:,} documents ({report.skipped:,} skipped), {report.passages:,} passages, "
                f"{report.associations:,} associations, {report.entities:,} new entities, "
                f"{report.loads:,} loads"
            )
        )
        if report.unresolved:
            names = ", ".join(map(repr, report.unresolved))
            note(
                f"aliases left out, because they name something else here: {names}; memini alias add makes "
                "them aliases here too"
            )


def _show_rows(rows: dict[str, int], *, as_json: bool) -> None:
    if as_json:
        show_json(rows)
    else:
        show_table(["file", "rows"], [(f"{name}.parquet", f"{count:,}") for name, count in rows.items()])
