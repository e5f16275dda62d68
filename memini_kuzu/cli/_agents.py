"""The commands forget, backup, compact, recover and doctor: a store that is looked after."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from memini_kuzu.cli._app import STORE, Db, Json, Wait, command, opened, opened_file
from memini_kuzu.cli._print import clean, note, show_json, show_table

if TYPE_CHECKING:
    from memini_kuzu.changes.scope import ForgetReport

__all__ = ["backup", "compact", "doctor", "forget", "recover"]


@command(
    "memini forget --id 7",
    "memini forget --source notes.md",
    "memini forget --source notes.md --yes",
    "memini forget --since 2026-01-01 --until 2026-02-01",
    "memini forget --entity 'Ada Lovelace'",
    "memini forget --association Ada Lisbon --yes",
)
def forget(
    *,
    id: Annotated[  # noqa: A002 - the document's field
        str | None, typer.Option("--id", metavar="ID", help="This document alone, with all its versions.")
    ] = None,
    source: Annotated[
        str | None, typer.Option("--source", metavar="NAME", help="The documents of this source.")
    ] = None,
    since: Annotated[
        str | None, typer.Option("--since", metavar="TIME", help="Documents dated from then on.")
    ] = None,
    until: Annotated[
        str | None, typer.Option("--until", metavar="TIME", help="Documents dated before then.")
    ] = None,
    entity: Annotated[
        str | None,
        typer.Option("--entity", metavar="NAME", help="An entity; the passages that mention it stay."),
    ] = None,
    association: Annotated[
        tuple[str, str] | None,
        typer.Option("--association", metavar="A B", help="What joins two entities, both ways."),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do it; otherwise only say what would go.")] = False,
    db: Db = STORE,
    as_json: Json = False,
    wait: Wait = 0.0,
) -> None:
    """Take back exactly what a document, a source, dates, an entity or an association has contributed."""
    with opened(db, write=yes, wait=wait) as memory:
        report = memory.forget(
            id=id,
            source=source,
            since=since,
            until=until,
            entity=entity,
            association=association,
            dry_run=not yes,
        )
    if as_json:
        show_json(report)
        return
    _show_forgotten(report)
    if report.dry_run:
        note("nothing was changed; do it with --yes")


def _show_forgotten(report: "ForgetReport") -> None:
    rows = [
        ("documents", report.documents),
        ("passages", report.passages),
        ("events", report.events),
        ("associations deleted", report.associations),
        ("associations weakened", report.weakened),
        ("entities", report.entities),
        ("aliases", report.aliases),
        ("sources", report.sources),
        ("loads", report.loads),
    ]
    show_table(["would be forgotten" if report.dry_run else "forgotten", ""], rows)


@command(
    "memini backup notes-2026-01-04.memini", "memini --server http://127.0.0.1:8765/mcp backup copy.memini"
)
def backup(
    dest: Annotated[
        Path, typer.Argument(metavar="DEST", help="The new file; with --server a name beside the store.")
    ],
    *,
    db: Db = STORE,
    as_json: Json = False,
    wait: Wait = 0.0,
) -> None:
    """Copy the store into a file of its own, as it is at this moment, while others read and write."""
    with opened(db, wait=wait) as memory:
        made = memory.backup(dest)
    if as_json:
        show_json({"backup": str(made)})
    else:
        typer.echo(clean(str(made)))


@command("memini compact --db notes.memini")
def compact(*, db: Db = STORE, as_json: Json = False, wait: Wait = 0.0) -> None:
    """Write the store's file anew, without the space that it does not use and what it holds no longer."""
    with opened_file(db, write=True, wait=wait) as memory:
        report = memory.compact()
    if as_json:
        show_json(report)
    else:
        typer.echo(f"{report.after / 1e6:,.1f} MB, {report.before / 1e6:,.1f} MB before")


@command("memini recover --db notes.memini")
def recover(*, db: Db = STORE, as_json: Json = False) -> None:
    """Go on with what is left of a store that says, when it is opened, that part of it is lost."""
    from memini_kuzu.memory import Memory

    lost = Memory.recover(db)
    if as_json:
        show_json({"lost": lost})
        return
    for line in lost:
        typer.echo(clean(line))
    note("the store opens again" if lost else "nothing is lost: the store is as it was")


@command("memini doctor --db notes.memini", "memini doctor --deep", "memini doctor --json")
def doctor(
    *,
    db: Db = STORE,
    deep: Annotated[
        bool,
        typer.Option(
            "--deep", help="Also sum up the file, analyse all texts and fold the ledger: reads everything."
        ),
    ] = False,
    as_json: Json = False,
    wait: Wait = 0.0,
) -> None:
    """Look whether the store is sound, and say what to do where it is not; exit code 1 if it is not."""
    from memini_kuzu.insight.doctor import diagnose

    diagnosis = diagnose(db, wait=wait, deep=deep)
    if as_json:
        show_json(diagnosis.to_dict())
    else:
        show_table(
            ["check", "status", "found", "what to do"],
            [
                (each.check, each.status, clean(each.detail), clean(each.remedy))
                for each in diagnosis.findings
            ],
        )
    if not diagnosis.sound:
        raise typer.Exit(1)
