"""The command changes: the memory's own news."""

from typing import Annotated

import typer

from memini_kuzu.cli._app import STORE, Db, Json, K, Now, Wait, command, opened_file
from memini_kuzu.cli._print import day, show_json, show_table

__all__ = ["changes"]


@command(
    "memini changes --since 2026-05-01", "memini changes --since 2026-01-01 --now 2026-06-01 -k 3 --json"
)
def changes(
    *,
    since: Annotated[
        str | None, typer.Option("--since", metavar="TIME", help="Since when; 30 days before now by default.")
    ] = None,
    db: Db = STORE,
    k: K = 10,
    now: Now = None,
    as_json: Json = False,
    wait: Wait = 0.0,
) -> None:
    """Say what is new, confirmed, displaced by a rival, and faded since then."""
    with opened_file(db, wait=wait) as memory:
        found = memory.changes(since=since, now=now, k=k)
    if as_json:
        show_json(found)
        return
    typer.echo(f"{day(found.since)} to {day(found.now)}")
    for kind, rows in (("new", found.new), ("confirmed", found.confirmed), ("faded", found.faded)):
        if rows:
            typer.echo(f"\n{kind}: {len(rows):,} of {found.counts[kind]:,}")
            show_table(
                ["from", "to", "before", "strength", "first seen"],
                [
                    (one.source, one.target, _said(one.before), _said(one.strength), one.first_seen)
                    for one in rows
                ],
            )
    if found.displaced:
        typer.echo(f"\ndisplaced: {len(found.displaced):,} of {found.counts['displaced']:,}")
        show_table(
            ["entity", "former", "before", "strength", "rival", "before", "strength"],
            [
                (
                    one.entity,
                    one.former,
                    one.former_before,
                    one.former_strength,
                    one.rival,
                    one.rival_before,
                    one.rival_strength,
                )
                for one in found.displaced
            ],
        )
    if not any(found.counts.values()):
        typer.echo("nothing has changed")
    if found.unknown:
        typer.echo(
            f"\nof {found.unknown:,} with events that were not kept no ledger tells how strong they were"
        )


def _said(value: float | None) -> float | str:
    return "unknown" if value is None else value
