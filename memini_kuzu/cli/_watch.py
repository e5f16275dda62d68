"""`memini watch`: keep a store in step with folders."""

import contextlib
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Annotated, Any

import typer

from memini_kuzu.cli._app import (
    STORE,
    Db,
    NoRedaction,
    RedactEmails,
    RedactPhones,
    Wait,
    command,
    masking,
    opened_file,
)
from memini_kuzu.cli._ingest import note_left_out, note_options, summary
from memini_kuzu.cli._print import note
from memini_kuzu.errors import InputError, StoreLockedError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from memini_kuzu.memory.following import Follower

__all__ = ["follow", "watch"]

CALM = 2.0
"""Seconds without a change after which a burst of edits is over."""


@command("memini watch notes/ --db notes.memini", "memini watch notes/ --prune --exclude 'drafts/'")
def watch(
    paths: Annotated[
        list[Path], typer.Argument(metavar="FOLDER", help="The folders; each is taken in first.")
    ],
    *,
    db: Db = STORE,
    include: Annotated[
        list[str] | None, typer.Option("--include", metavar="PATTERN", help="Read only files like this.")
    ] = None,
    exclude: Annotated[
        list[str] | None, typer.Option("--exclude", metavar="PATTERN", help="Do not read files like this.")
    ] = None,
    source: Annotated[
        str | None, typer.Option("--source", metavar="NAME", help="The source of everything.")
    ] = None,
    encoding: Annotated[
        str | None, typer.Option("--encoding", metavar="NAME", help="Of text; else utf-8.")
    ] = None,
    name: Annotated[
        str | None,
        typer.Option("--name", metavar="NAME", help="What the folder is known by, in place of its name."),
    ] = None,
    prune: Annotated[bool, typer.Option("--prune", help="Forget documents whose files are gone.")] = False,
    redact_emails: RedactEmails = False,
    redact_phones: RedactPhones = None,
    no_redaction: NoRedaction = False,
    wait: Wait = 60.0,
) -> None:
    """Keep a store in step with folders until Ctrl-C. Other processes may use it between two changes.

    A folder's .memini.toml may set include, exclude, source, time, encoding and name; what is given here
    goes before.
    A burst of edits is taken in when two seconds have passed without one.
    """
    from memini_kuzu.memory.following import Follower

    for path in paths:
        if not path.is_dir():
            raise InputError(f"{path} is no folder; name one that is there")
    follower = Follower(
        paths, tuple(include or ()), tuple(exclude or ()), source, encoding=encoding, prune=prune, name=name
    )
    options = {
        "redaction": masking(emails=redact_emails, phones=redact_phones, nothing=no_redaction),
        "wait": wait,
    }
    with contextlib.suppress(KeyboardInterrupt):
        follow(follower, db, options)


def follow(follower: "Follower", db: Path, options: dict[str, Any], stop: Event | None = None) -> None:
    """Look at once, and again after every burst of changes, until `stop`."""
    _look(follower, db, options, first=True)
    pending = True  # what changed during the first look is told by no event: the watch begins after it
    for changes in _changes(follower.paths, stop):
        # a file that is missing is looked for once more, in the quiet after the burst
        if changes or pending:
            try:
                pending = _look(follower, db, options)
            except InputError as error:  # a .memini.toml that is being written
                note(f"{error}; looking again at the next change")


def _changes(paths: "list[Path] | Any", stop: Event | None) -> "Iterator[set[Any]]":
    try:
        from watchfiles import watch as changed
    except ImportError:
        raise InputError('folders are watched by watchfiles; run pip install "memini-kuzu[watch]"') from None
    milliseconds = round(CALM * 1000)
    return changed(
        *paths,
        debounce=milliseconds * 10,
        step=milliseconds,
        stop_event=stop,
        rust_timeout=milliseconds,
        yield_on_timeout=True,
        raise_interrupt=True,
    )


def _look(follower: "Follower", db: Path, options: dict[str, Any], *, first: bool = False) -> bool:
    """Take in what has changed; whether another look is due."""
    try:
        with opened_file(db, write=True, create=True, **options) as memory:
            step = follower.step(memory)
    except StoreLockedError as error:
        note(f"{error}; looking again at the next change")
        return True
    report = step.ingested
    if first:
        note_options(report)
    note_left_out(report)
    if report.added or report.changed or report.moved or report.skipped:
        typer.echo(summary(report))
    if step.forgotten is not None:
        typer.echo(f"forgotten: {step.forgotten.documents:,}")
    elif step.missing and not follower.prune:
        note(f"{step.missing:,} documents have no file any more; --prune forgets them")
    return bool(step.missing) and follower.prune
