"""The commands top and forecast: what matters now, and what comes next."""

from typing import Annotated

import typer

from memini_kuzu.cli._app import STORE, By, Db, Json, K, Now, Order, Wait, command, opened_file
from memini_kuzu.cli._print import show_json, show_table

__all__ = ["forecast", "top"]


@command("memini top", "memini top -k 20 --by telling --now 2026-06-01")
def top(
    *,
    db: Db = STORE,
    k: K = 10,
    by: By = Order.STRENGTH,
    now: Now = None,
    as_json: Json = False,
    wait: Wait = 0.0,
) -> None:
    """List the first associations of the store; lift is how much more often than chance the two meet."""
    with opened_file(db, wait=wait) as memory:
        found = memory.top(k, by=by.value, now=now)
    if as_json:
        show_json(found)
    elif not found:
        typer.echo("there are no associations")
    else:
        show_table(
            ["from", "to", "strength", "consolidated", "lift", "events", "last seen"],
            [
                (
                    *(one.source, one.target, one.strength, one.consolidated),
                    *("" if one.lift is None else one.lift, one.events, one.last_seen),
                )
                for one in found
            ],
        )


@command("memini forecast 'Ada Lovelace'", "memini forecast Lisbon -k 3 --now 2026-06-01 --json")
def forecast(
    entity: Annotated[str, typer.Argument(metavar="ENTITY", help="Its name or an alias.")],
    *,
    db: Db = STORE,
    k: K = 10,
    now: Now = None,
    as_json: Json = False,
    wait: Wait = 0.0,
) -> None:
    """Say what an entity is probably associated with next, among what it has met.

    The share of each is its strength over that of all (Luce's choice rule). What it has never met may come
    too, and has no share.
    """
    with opened_file(db, wait=wait) as memory:
        found = memory.forecast(entity, now=now, k=k)
    if as_json:
        show_json(found)
    elif not found.expected:
        typer.echo(f"{found.entity} is associated with nothing")
    else:
        show_table(
            ["next", "share", "strength", "events", "first seen", "last seen"],
            [
                (one.target, f"{one.share:.1%}", one.strength, one.events, one.first_seen, one.last_seen)
                for one in found.expected
            ],
        )
        if found.known > len(found.expected):
            rest = max(0.0, 1 - sum(one.share for one in found.expected))
            typer.echo(f"and {found.known - len(found.expected):,} more, {rest:.1%} together")
