"""The commands get, list, update and history: documents by their ids."""

from typing import Annotated

import typer

from memini_kuzu.cli._app import STORE, Db, Json, Wait, command, opened
from memini_kuzu.cli._memory import ClockNow, count, masked, standard_input
from memini_kuzu.cli._print import clean, day, show_json, show_table
from memini_kuzu.cli._scope import Since, Sources, Until, Where, pairs, scope

__all__ = ["get", "history", "list_", "update"]

Id = Annotated[
    str, typer.Argument(metavar="ID", help="The document's id, as list shows it, or its record's.")
]

SHOWN = 60
"""Characters of a text in a list."""


@command("memini get 7", "memini get 7 --json")
def get(identity: Id, *, db: Db = STORE, as_json: Json = False, wait: Wait = 0.0) -> None:
    """Show a document: its text, and what is known of it."""
    with opened(db, wait=wait) as memory:
        found = memory.get(identity)
    if as_json:
        show_json(found)
        return
    rows = [
        ("id", found.id),
        ("source", found.source),
        ("record", found.record),
        ("title", found.title),
        ("time", found.time),
        ("versions", found.versions),
        *found.metadata.items(),
    ]
    show_table(None, rows)
    typer.echo(f"\n{clean(found.text)}")


@command("memini list -k 20", "memini list --source diary --since 2026-01-01 --text lisbon", name="list")
def list_(
    *,
    db: Db = STORE,
    sources: Sources = None,
    since: Since = None,
    until: Until = None,
    where: Where = None,
    text: Annotated[
        str | None, typer.Option("--text", metavar="WORDS", help="Whose text or title holds this alone.")
    ] = None,
    k: Annotated[int, typer.Option("-k", metavar="N", min=1, help="How many to show at most.")] = 50,
    after: Annotated[
        str | None, typer.Option("--after", metavar="ID", help="The last one of the page before.")
    ] = None,
    as_json: Json = False,
    wait: Wait = 0.0,
) -> None:
    """List documents, the newest first."""
    asked = scope(sources, since, until, where)
    with opened(db, wait=wait) as memory:
        found = memory.list(text=text, k=k, after=after, **asked)
    if as_json:
        show_json(found)
    elif not found:
        typer.echo("there is no such document")
    else:
        show_table(
            ["id", "time", "source", "text"],
            [(one.id, one.time, one.source, " ".join(one.text[:SHOWN].split())) for one in found],
        )


@command("memini update 7 'Ada lives in Rome now.' --time 2026-06-01")
def update(
    identity: Id,
    text: Annotated[
        str, typer.Argument(metavar="TEXT", help="The new text; - reads it from standard input.")
    ],
    *,
    time: Annotated[
        str | None, typer.Option("--time", metavar="TIME", help="The date of the new version; else now.")
    ] = None,
    title: Annotated[
        str | None, typer.Option("--title", metavar="TITLE", help="A new title; else the old one stays.")
    ] = None,
    metadata: Annotated[
        list[str] | None,
        typer.Option(
            "--metadata", metavar="NAME=VALUE", help="New metadata; else the old stays. Repeatable."
        ),
    ] = None,
    db: Db = STORE,
    now: ClockNow = None,
    as_json: Json = False,
    wait: Wait = 0.0,
) -> None:
    """Give a document a new version: its text replaces the old one, which stays in the associations."""
    known = pairs(metadata, "--metadata") if metadata else None
    words = standard_input() if text == "-" else text
    with opened(db, write=True, now=now, wait=wait) as memory:
        report = memory.update(identity, words, time=time, title=title, metadata=known)
    if as_json:
        show_json(report)
    elif report.unchanged:
        typer.echo("known already: nothing was changed")
    else:
        typer.echo(
            f"a new version: {count(report.passages, 'passage')}, {count(report.events, 'event')}"
            f"{masked(report)}"
        )


@command("memini history 7")
def history(identity: Id, *, db: Db = STORE, as_json: Json = False, wait: Wait = 0.0) -> None:
    """List all versions of a document with their dates; texts that were replaced are not kept."""
    with opened(db, wait=wait) as memory:
        found = memory.history(identity)
    if as_json:
        show_json(found)
    else:
        show_table(
            ["time", "digest", ""],
            [(day(one.time), one.digest, "current" if one.current else "") for one in found],
        )
