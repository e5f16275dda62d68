"""The commands serve, forget, backup, recover and doctor: a store that is shared and looked after."""

import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from memini_kuzu.cli._app import (
    INTERRUPTED,
    STORE,
    Db,
    Json,
    NoRedaction,
    RedactEmails,
    RedactPhones,
    Wait,
    command,
    masking,
    opened,
    opened_file,
)
from memini_kuzu.cli._cost import costs
from memini_kuzu.cli._print import clean, note, show_json, show_table
from memini_kuzu.errors import InputError

if TYPE_CHECKING:
    from memini_kuzu.changes.scope import ForgetReport

__all__ = ["backup", "doctor", "forget", "recover", "serve"]


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


@command(
    "memini serve --db notes.memini",
    "memini serve --stdio --redact-emails",
    "memini serve --host 0.0.0.0 --allow-host memory.example.org",
)
def serve(
    *,
    db: Db = STORE,
    stdio: Annotated[
        bool, typer.Option("--stdio", help="Speak MCP over standard input and output, not HTTP.")
    ] = False,
    host: Annotated[
        str,
        typer.Option(
            "--host",
            metavar="ADDRESS",
            help="Where to listen; others than this machine need a bearer token in $MEMINI_TOKEN.",
        ),
    ] = "127.0.0.1",
    port: Annotated[
        int, typer.Option("--port", metavar="N", min=0, max=65535, help="0 takes any that is free.")
    ] = 8765,
    allow_host: Annotated[
        list[str] | None,
        typer.Option("--allow-host", metavar="NAME", help="A name under which clients reach this host."),
    ] = None,
    log: Annotated[
        bool,
        typer.Option(
            "--log", help="Write a line of JSON about each request to standard error, without texts."
        ),
    ] = False,
    redact_emails: RedactEmails = False,
    redact_phones: RedactPhones = None,
    no_redaction: NoRedaction = False,
    wait: Wait = 0.0,
) -> None:
    """Own the store and share it: MCP for agents, JSON over HTTP for programs and for other commands."""
    redaction = masking(emails=redact_emails, phones=redact_phones, nothing=no_redaction)
    try:
        from memini_kuzu.service import serve_http, serve_stdio  # the extra mcp
    except ImportError as error:
        raise InputError(f'{error.name} is not installed; run pip install "memini-kuzu[mcp]"') from error
    # whatever ends the server, the store is closed
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _interrupt)
    try:
        with opened_file(db, write=True, create=True, wait=wait, redaction=redaction) as memory:
            if costs():
                note(f"each text that is remembered here is sent to {memory.extractor.identity}")
            if stdio:
                serve_stdio(memory)
                return
            token = os.environ.get("MEMINI_TOKEN") or None
            serve_http(
                memory,
                host=host,
                port=port,
                token=token,
                names=allow_host or (),
                log=log,
                ready=lambda url: note(f"serving {Path(db)} at {url}; end with Ctrl-C"),
            )
    except KeyboardInterrupt:
        if stdio:
            # a thread waits for the next line of standard input, and Python would wait for the thread
            os._exit(INTERRUPTED)
        raise


def _interrupt(*_: object) -> None:
    """As Ctrl-C; not Python's own handler, which asyncio replaces by one that waits for that thread too."""
    raise KeyboardInterrupt
