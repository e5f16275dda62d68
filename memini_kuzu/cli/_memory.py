"""The basic commands: init, remember, ingest, recall, associations, consolidate, stats, cypher."""

import json
import sys
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from memini_kuzu.cli._app import (
    STORE,
    By,
    Db,
    Json,
    K,
    NoRedaction,
    Now,
    Order,
    RedactEmails,
    RedactPhones,
    Wait,
    command,
    masking,
    opened,
    opened_file,
)
from memini_kuzu.cli._cost import Yes, costs, estimated, show_estimate
from memini_kuzu.cli._print import clean, jsonable, note, show_json, show_table
from memini_kuzu.cli._recalled import show_recalled
from memini_kuzu.cli._scope import Since, Sources, Until, Where, pairs, scope
from memini_kuzu.config import FORGET_BELOW, Parameters
from memini_kuzu.errors import InputError, StoreError
from memini_kuzu.records import Columns, Record
from memini_kuzu.times import to_millis

if TYPE_CHECKING:
    from memini_kuzu.changes.report import IngestReport
    from memini_kuzu.dynamics import TimeConstants
    from memini_kuzu.extraction import Estimate

__all__ = [
    "ClockNow",
    "associations",
    "consolidate",
    "count",
    "cypher",
    "init",
    "masked",
    "recall",
    "remember",
    "standard_input",
    "stats",
]

DEFAULTS = Parameters()
COLUMNS = Columns()

ClockNow = Annotated[
    str | None,
    typer.Option("--now", metavar="TIME", help="What the clock shows, for replays; later dates are refused."),
]
Time = Annotated[
    str | None, typer.Option("--time", metavar="TIME", help="When it was said: 2026-01-04T09:30.")
]


@command("memini init --db notes.memini", "memini init --db fast.memini --tau-fast 1 --tau-slow 365")
def init(
    *,
    db: Db = STORE,
    tau_fast: Annotated[
        float, typer.Option("--tau-fast", metavar="DAYS", help="How long the fast variable lasts by itself.")
    ] = DEFAULTS.tau_fast,
    tau_slow: Annotated[
        float, typer.Option("--tau-slow", metavar="DAYS", help="How long the slow variable lasts by itself.")
    ] = DEFAULTS.tau_slow,
    coupling: Annotated[
        float, typer.Option("--coupling", metavar="C", help="How quickly the two exchange, per day.")
    ] = DEFAULTS.coupling,
    capacity: Annotated[
        float,
        typer.Option("--capacity", metavar="κ", help="How much more the slow variable holds; 1 or more."),
    ] = DEFAULTS.capacity,
    impulse: Annotated[
        float, typer.Option("--impulse", metavar="B", help="What one event adds to the fast variable.")
    ] = DEFAULTS.impulse,
    as_json: Json = False,
) -> None:
    """Make an empty store. Its parameters are its own for good."""
    parameters = Parameters(
        tau_fast=tau_fast, tau_slow=tau_slow, coupling=coupling, capacity=capacity, impulse=impulse
    )
    if db.exists():
        raise StoreError(f"{db} exists already; use it as it is, or name another path")
    from memini_kuzu.dynamics import time_constants

    with opened_file(db, write=True, create=True, parameters=parameters):
        constants = time_constants(parameters)
    if as_json:
        show_json({"path": db, "parameters": parameters, "time_constants": constants})
    else:
        typer.echo(_in_days(constants))


def _in_days(constants: "TimeConstants") -> str:
    """The effective time constants, for people."""
    return (
        f"an association fades over {constants.fast:.3g} days and, for {constants.slow_share:.2%} of it, "
        f"over {constants.slow:.3g} days"
    )


@command(
    "memini remember 'Ada moved to Lisbon.' --time 2026-03-01 --source diary",
    "memini remember - --title Minutes < minutes.txt",
    "memini remember 'The launch is in May.' --metadata project=orion",
    "memini remember 'Call Ada at 650-253-0000.' --redact-phones US",
)
def remember(
    text: Annotated[str, typer.Argument(metavar="TEXT", help="The text; - reads it from standard input.")],
    *,
    db: Db = STORE,
    time: Time = None,
    source: Annotated[str, typer.Option("--source", metavar="NAME", help="What it belongs to.")] = "",
    title: Annotated[str, typer.Option("--title", metavar="TITLE", help="Its title.")] = "",
    id: Annotated[  # noqa: A002 - the record's field
        str, typer.Option("--id", metavar="ID", help="Its id in its source; again, it is a new version.")
    ] = "",
    metadata: Annotated[
        list[str] | None,
        typer.Option(
            "--metadata", metavar="NAME=VALUE", help="What else is known of it, for --where. Repeatable."
        ),
    ] = None,
    redact_emails: RedactEmails = False,
    redact_phones: RedactPhones = None,
    no_redaction: NoRedaction = False,
    yes: Yes = False,
    now: ClockNow = None,
    as_json: Json = False,
    wait: Wait = 0.0,
) -> None:
    """Take in one text; the next recall sees it. Keys, tokens and passwords are masked first."""
    redaction = masking(emails=redact_emails, phones=redact_phones, nothing=no_redaction)
    words = standard_input() if text == "-" else text
    known = pairs(metadata, "--metadata") if metadata else None
    estimate = None
    if costs():
        record = Record(words, None if time is None else to_millis(time), source, title, id, "the text")
        estimate = estimated(db, [record], redaction=redaction, now=now, wait=wait)
        show_estimate(estimate, as_json=as_json, going=yes)
        if not yes:
            return
    with opened(db, write=True, create=True, now=now, wait=wait, redaction=redaction) as memory:
        report = memory.remember(words, time=time, source=source, title=title, id=id, metadata=known)
    if as_json:
        show_json(_with_estimate(report, estimate))
    elif report.unchanged:
        typer.echo("known already: nothing was changed")
    else:
        what = "a new version" if report.changed else "remembered"
        typer.echo(
            f"{what}: {count(report.passages, 'passage')}, {count(report.events, 'event')}{masked(report)}"
        )


def standard_input() -> str:
    """All of standard input: the text of a command that was given - for it."""
    try:
        return sys.stdin.buffer.read().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(
            f"standard input: byte {error.start} is not utf-8; convert it, or use memini ingest --encoding"
        ) from error


def _with_estimate(report: "IngestReport", estimate: "Estimate | None") -> Any:
    """The report for JSON; with what was foreseen, where the extractor costs."""
    return report if estimate is None else {**jsonable(report), "estimate": estimate}


def masked(report: "IngestReport") -> str:
    """What was masked, by kind; nothing where nothing was."""
    kinds = ", ".join(f"{number:,} {kind}" for kind, number in sorted(report.redacted.items()))
    return f"; masked: {kinds}" if kinds else ""


def count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


class Layout(StrEnum):
    """How `memini recall` shows what it found."""

    REASONS = "reasons"
    CONTEXT = "context"


@command(
    "memini recall 'Where does Ada live?' -k 3",
    "memini recall Lisbon --now 2026-06-01 --json",
    "memini recall Lisbon --format context --budget-tokens 800",
    "memini recall Lisbon --source diary --since 2026-01-01",
)
def recall(
    cue: Annotated[str, typer.Argument(metavar="CUE", help="A question, a name, some words.")],
    *,
    db: Db = STORE,
    k: K = 10,
    now: Now = None,
    layout: Annotated[
        Layout,
        typer.Option("--format", help="How to show it: with reasons, or as a context block for an LLM."),
    ] = Layout.REASONS,
    budget_tokens: Annotated[
        int | None,
        typer.Option(metavar="N", min=1, help="Only the best that fit a context block of so many tokens."),
    ] = None,
    sources: Sources = None,
    since: Since = None,
    until: Until = None,
    where: Where = None,
    full: Annotated[
        bool,
        typer.Option(
            "--full", help="Whole passages; a terminal is else shown the part around the words that were met."
        ),
    ] = False,
    as_json: Json = False,
    wait: Wait = 0.0,
) -> None:
    """Say what a cue brings to mind, and why. Changes nothing."""
    asked = scope(sources, since, until, where)
    with opened(db, wait=wait) as memory:
        found = memory.recall(cue, now=now, k=k, budget_tokens=budget_tokens, **asked)
    if found.unknown:
        note(
            f"{found.unknown:,} associations are left out: how strong they were then cannot be known, for "
            "they have had evidence or maintenance since, and events that were loaded and not kept"
        )
    if layout is Layout.CONTEXT:
        block = found.context()
        show_json(block) if as_json else typer.echo(clean(block.text))
    elif as_json:
        show_json({"passages": found.passages, "entities": found.entities, "paths": found.paths})
    else:
        show_recalled(found, full=full)


@command(
    "memini associations 'Ada Lovelace' -k 5",
    "memini associations Lisbon --about 'tram museum' --now 2026-06-01",
    "memini associations Lisbon --by telling",
)
def associations(
    entity: Annotated[str, typer.Argument(metavar="ENTITY", help="Its name or an alias.")],
    *,
    db: Db = STORE,
    about: Annotated[
        str | None, typer.Option(help="Only by what was said with these words.", metavar="WORDS")
    ] = None,
    k: K = 10,
    now: Now = None,
    by: By = Order.STRENGTH,
    sources: Sources = None,
    since: Since = None,
    until: Until = None,
    where: Where = None,
    as_json: Json = False,
    wait: Wait = 0.0,
) -> None:
    """List what an entity leads to, strongest first; lift is how much more often than chance the two meet."""
    asked = scope(sources, since, until, where)
    with opened(db, wait=wait) as memory:
        found = memory.associations(entity, about=about, now=now, k=k, by=by.value, **asked)
    if as_json:
        show_json(found)
    elif not found:
        typer.echo(f"{entity} is associated with nothing" + (f" by {about!r}" if about else ""))
    else:
        show_table(
            ["entity", "strength", "consolidated", "lift", "events", "first seen", "last seen"],
            [
                (
                    *(one.target, one.strength, one.consolidated, "" if one.lift is None else one.lift),
                    *(one.events, one.first_seen, one.last_seen),
                )
                for one in found
            ],
        )


@command("memini kinds 'Ada Co.' -k 5")
def kinds(
    entity: Annotated[str, typer.Argument(metavar="ENTITY", help="Its name or an alias.")],
    *,
    db: Db = STORE,
    k: K = 10,
    now: Now = None,
    as_json: Json = False,
    wait: Wait = 0.0,
) -> None:
    """List what kinds of loaded events lead from an entity, strongest first."""
    with opened_file(db, wait=wait) as memory:
        found = memory.kinds(entity, now=now, k=k)
    if as_json:
        show_json(found)
    elif not found:
        typer.echo(f"no kept event leads from {entity}")
    else:
        show_table(
            ["entity", "kind", "strength", "consolidated", "events", "first seen", "last seen"],
            [
                (
                    *(one.target, one.kind or "", one.strength, one.consolidated),
                    *(one.events, one.first_seen, one.last_seen),
                )
                for one in found
            ],
        )


@command(
    "memini consolidate --dry-run",
    "memini consolidate --threshold 0.01 --now 2026-06-01",
    "memini consolidate --keep 100000",
)
def consolidate(
    *,
    db: Db = STORE,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Report, and write nothing.")] = False,
    threshold: Annotated[
        float,
        typer.Option("--threshold", metavar="STRENGTH", help="Forget where both variables are below it."),
    ] = FORGET_BELOW,
    keep: Annotated[
        int | None,
        typer.Option("--keep", metavar="N", help="A budget: keep only so many, those strongest now."),
    ] = None,
    now: Now = None,
    as_json: Json = False,
    wait: Wait = 0.0,
) -> None:
    """Forget what is spent. Never needed for right answers: it keeps the file small.

    All associations are brought to one date; those whose two variables are below the threshold are dropped,
    since they can never reach it again without new evidence. Passages stay.
    """
    with opened_file(db, write=not dry_run, wait=wait) as memory:
        report = memory.consolidate(now=now, threshold=threshold, keep=keep, dry_run=dry_run)
    if as_json:
        show_json(report)
        return
    over = "" if keep is None else f", {report.over_budget:,} over the budget"
    typer.echo(
        f"{count(report.edges, 'association')}: {report.forgotten:,} "
        f"{'would be forgotten' if dry_run else 'forgotten'}{over}, {report.strengthened:,} strengthened; "
        f"{count(report.unneeded_passages, 'passage')} that no association needs; "
        f"{report.seconds:.2f} s{', nothing was written' if dry_run else ''}"
    )
    if report.strengths:
        show_table(["quantile", "strength"], report.strengths.items())


@command("memini stats --db notes.memini", "memini stats --json")
def stats(*, db: Db = STORE, as_json: Json = False, wait: Wait = 0.0) -> None:
    """Say what the store holds."""
    with opened(db, wait=wait) as memory:
        found = memory.stats()
    if as_json:
        show_json(found)
        return
    rows: list[tuple[str, Any]] = [("file", found.path), ("size", f"{found.bytes / 1e6:,.1f} MB")]
    rows += [
        (name, f"{getattr(found, name):,}")
        for name in ("entities", "associations", "passages", "documents", "sources", "mentions", "aliases")
    ]
    rows += [
        ("first seen", found.first_seen),
        ("last seen", found.last_seen),
        ("extractor", found.extractor),
        ("dynamics", _in_days(found.time_constants)),
    ]
    show_table(None, rows)


@command(
    "memini cypher 'MATCH (e:Entity) RETURN e.name, e.mentions ORDER BY e.mentions DESC LIMIT 5'",
    "memini cypher 'MATCH (e:Entity {id: memini_id($name)}) RETURN e.name' --param name=Ada",
)
def cypher(
    query: Annotated[str, typer.Argument(metavar="QUERY", help="One statement; several with --write.")],
    *,
    db: Db = STORE,
    param: Annotated[
        list[str] | None,
        typer.Option(
            "--param", metavar="NAME=VALUE", help="A value of $NAME: JSON, or else text. Repeatable."
        ),
    ] = None,
    write: Annotated[bool, typer.Option("--write", help="Let it change the store.")] = False,
    allow_files: Annotated[
        bool, typer.Option("--allow-files", help="Let it read files of this machine.")
    ] = False,
    as_json: Json = False,
    wait: Wait = 0.0,
) -> None:
    """Run a Cypher query on the store."""
    parameters = dict(_parameter(text) for text in param or ())
    with opened_file(db, write=write, wait=wait) as memory:
        found = memory.cypher(query, parameters, write=write, files=allow_files)
    if as_json:
        show_json(found)
    elif found.num_columns:
        columns = [column.to_pylist() for column in found.columns]
        show_table(found.column_names, list(zip(*columns, strict=True)))


def _parameter(text: str) -> tuple[str, Any]:
    """Name and value of a ``name=value``."""
    name, sign, value = text.partition("=")
    if not name or not sign:
        raise typer.BadParameter(f"{text!r} is not NAME=VALUE", param_hint="--param")
    try:
        return name, json.loads(value, parse_constant=_refuse_constant)
    except ValueError:
        return name, value


def _refuse_constant(name: str) -> NoReturn:
    """NaN and Infinity are no JSON, though Python reads them."""
    raise ValueError(name)
