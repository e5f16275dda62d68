"""`memini ingest`: files and folders become a memory."""

from collections import defaultdict
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from memini_kuzu.cli._app import (
    STORE,
    Db,
    Json,
    NoRedaction,
    RedactEmails,
    RedactPhones,
    Wait,
    command,
    masking,
    opened_file,
)
from memini_kuzu.cli._cost import Yes, costs, estimated, show_estimate
from memini_kuzu.cli._memory import ClockNow, count, masked
from memini_kuzu.cli._print import jsonable, note, show_json
from memini_kuzu.cli._progress import IngestProgress
from memini_kuzu.errors import RecordError
from memini_kuzu.records import Columns

if TYPE_CHECKING:
    from memini_kuzu.changes.report import IngestReport
    from memini_kuzu.changes.scope import ForgetReport
    from memini_kuzu.extraction import Estimate

__all__ = ["ingest", "note_left_out", "note_options", "summary"]

COLUMNS = Columns()

SHOWN_FILES = 3
"""Files named for each reason why some were not read."""


class OnError(StrEnum):
    """What happens at a bad record."""

    abort = "abort"
    skip = "skip"


@command(
    "memini ingest notes/ --db notes.memini",
    "memini ingest notes/ --prune --yes",
    "memini ingest chat.jsonl --text-column message --time-column sent_at --on-error skip",
    "memini ingest mail/ --redact-emails --redact-phones GB",
    "memini --extractor llm ingest notes/ --yes",
)
def ingest(
    paths: Annotated[
        list[Path],
        typer.Argument(
            metavar="PATH", help="Documents, exported chats, mail, JSONL, CSV; folders; - is stdin."
        ),
    ],
    *,
    db: Db = STORE,
    text_column: Annotated[
        str, typer.Option("--text-column", metavar="NAME", help="JSONL and CSV: where the text is.")
    ] = COLUMNS.text,
    time_column: Annotated[
        str, typer.Option("--time-column", metavar="NAME", help="… its date.")
    ] = COLUMNS.time,
    source_column: Annotated[
        str, typer.Option("--source-column", metavar="NAME", help="… what it belongs to.")
    ] = COLUMNS.source,
    title_column: Annotated[
        str, typer.Option("--title-column", metavar="NAME", help="… its title.")
    ] = COLUMNS.title,
    id_column: Annotated[
        str, typer.Option("--id-column", metavar="NAME", help="… its id in its source.")
    ] = COLUMNS.id,
    time: Annotated[
        str | None, typer.Option("--time", metavar="TIME", help="The date of everything, whatever it says.")
    ] = None,
    source: Annotated[
        str | None, typer.Option("--source", metavar="NAME", help="The source of everything.")
    ] = None,
    encoding: Annotated[
        str | None, typer.Option("--encoding", metavar="NAME", help="Of text; else utf-8.")
    ] = None,
    include: Annotated[
        list[str] | None,
        typer.Option("--include", metavar="PATTERN", help="In folders: read only files like '*.log'."),
    ] = None,
    exclude: Annotated[
        list[str] | None,
        typer.Option("--exclude", metavar="PATTERN", help="In folders: do not read files like 'drafts/'."),
    ] = None,
    name: Annotated[
        str | None,
        typer.Option("--name", metavar="NAME", help="What the folder is known by, in place of its name."),
    ] = None,
    prune: Annotated[
        bool,
        typer.Option(
            "--prune", help="Forget documents whose files are gone; without --yes only say how many."
        ),
    ] = False,
    on_error: Annotated[
        OnError, typer.Option("--on-error", help="At a bad record: stop, or report it and go on.")
    ] = OnError.abort,
    processes: Annotated[
        int, typer.Option("--processes", metavar="N", min=1, help="How many processes read the texts.")
    ] = 1,
    redact_emails: RedactEmails = False,
    redact_phones: RedactPhones = None,
    no_redaction: NoRedaction = False,
    yes: Yes = False,
    now: ClockNow = None,
    as_json: Json = False,
    wait: Wait = 0.0,
) -> None:
    """Take in files and folders. What is there already changes nothing; a changed document is a new version.

    A folder's .memini.toml may set include, exclude, source, time, encoding and name; what is given here
    goes before.
    A thousand documents make a batch, which is kept whole or not at all: after an error or a crash, the same
    command goes on from the last batch. Keys, tokens and passwords of known formats are masked first.
    """
    redaction = masking(emails=redact_emails, phones=redact_phones, nothing=no_redaction)
    skip_bad = on_error is OnError.skip
    columns = Columns(text_column, time_column, source_column, title_column, id_column)
    held, estimate, listing = None, None, None
    if costs():
        from memini_kuzu.readers import list_files, read

        # read once: standard input cannot be read again, and what was estimated is what is sent
        listing = list_files(paths, include=include or (), exclude=exclude or (), name=name)
        held = list(read(listing, columns=columns, time=time, source=source, encoding=encoding))
        try:
            estimate = estimated(db, held, redaction=redaction, now=now, wait=wait, skip_bad=skip_bad)
        except RecordError as error:
            _say_what_is_kept(error, 0)
        show_estimate(estimate, as_json=as_json, going=yes)
        if not yes:
            return
    with (
        opened_file(db, write=True, create=True, now=now, wait=wait, redaction=redaction) as memory,
        IngestProgress() as progress,
    ):
        try:
            if held is not None:
                report = memory.add(
                    held, listing=listing, skip_bad=skip_bad, processes=processes, progress=progress
                )
            else:
                report = memory.ingest(
                    *paths,
                    columns=columns,
                    time=time,
                    source=source,
                    encoding=encoding,
                    include=include or (),
                    exclude=exclude or (),
                    name=name,
                    skip_bad=skip_bad,
                    processes=processes,
                    progress=progress,
                )
            pruned = memory.prune(*paths, name=name, dry_run=not yes) if prune else None
        except RecordError as error:
            _say_what_is_kept(error, progress.done)
        except KeyboardInterrupt:
            note(f"interrupted; {_kept(progress.done)}")
            raise
    _show_ingested(report, estimate, pruned, as_json=as_json)


def _say_what_is_kept(error: RecordError, documents: int) -> NoReturn:
    raise RecordError(
        error.origin, f"{error.reason} (or pass --on-error skip); {_kept(documents)}"
    ) from error


def _kept(documents: int) -> str:
    if not documents:
        return "nothing was changed"
    return f"{count(documents, 'document')} are kept, and the same command goes on from there"


def _show_ingested(
    report: "IngestReport",
    estimate: "Estimate | None",
    pruned: "ForgetReport | None",
    *,
    as_json: bool,
) -> None:
    note_options(report)
    note_left_out(report)
    if as_json:
        told = jsonable(report) | ({} if estimate is None else {"estimate": jsonable(estimate)})
        show_json(told if pruned is None else {**told, "pruned": jsonable(pruned)})
        return
    typer.echo(summary(report))
    if pruned is not None:
        done = "would be forgotten; do it with --yes" if pruned.dry_run else "forgotten"
        typer.echo(f"gone: {count(pruned.documents, 'document')} {done}")


def note_left_out(report: "IngestReport") -> None:
    """Say what gave no document, and what was odd."""
    for error in report.skipped:
        note(f"skipped {error}")
    for notice in report.notices:
        note(str(notice))
    for why, files in _unread(report).items():
        some = ", ".join(files[:SHOWN_FILES]) + (", …" if len(files) > SHOWN_FILES else "")
        note(f"{count(len(files), 'file')} {why}: {some}")
    for folder in report.folders:
        note(f"the folder {folder} has another name now")


def note_options(report: "IngestReport") -> None:
    """Say which options the folders themselves have set."""
    for file, names in report.options.items():
        if names:
            note(f"options of {file}: {', '.join(names)}")


def _unread(report: "IngestReport") -> dict[str, list[str]]:
    """The files that gave no document, by the reason."""
    found: defaultdict[str, list[str]] = defaultdict(list)
    for file, outcomes in report.files.items():
        for why in outcomes.keys() - OUTCOMES:
            found[why].append(file)
    return dict(sorted(found.items()))


def summary(report: "IngestReport") -> str:
    """An ingestion in one line."""
    moved = f"moved {report.moved:,}, " if report.moved else ""
    return (
        f"added {report.added:,}, changed {report.changed:,}, unchanged {report.unchanged:,}, {moved}"
        f"skipped {len(report.skipped):,}: {count(report.passages, 'passage')}, "
        f"{count(report.events, 'event')}{masked(report)}"
    )


OUTCOMES = frozenset({"added", "changed", "unchanged", "moved"})
"""What becomes of a document."""
