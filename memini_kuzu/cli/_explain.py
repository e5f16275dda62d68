"""The command explain: why a cue brings a passage to mind."""

from typing import Annotated

import typer

from memini_kuzu.cli._app import STORE, Db, Json, Now, Wait, command, opened_file
from memini_kuzu.cli._print import clean, day, show_json, show_table
from memini_kuzu.cli._scope import Since, Sources, Until, Where, scope

__all__ = ["explain"]


@command(
    "memini explain 'Where does Ada live?' D1:3",
    "memini explain Lisbon 7 --source diary --now 2026-06-01 --json",
    "memini explain Lisbon 7 --of diary",
)
def explain(
    cue: Annotated[str, typer.Argument(metavar="CUE", help="A question, a name, some words.")],
    passage_id: Annotated[str, typer.Argument(metavar="PASSAGE_ID", help="Its id, as recall shows it.")],
    *,
    of: Annotated[
        str | None,
        typer.Option("--of", metavar="NAME", help="The passage's source, where several have that id."),
    ] = None,
    sources: Sources = None,
    since: Since = None,
    until: Until = None,
    where: Where = None,
    db: Db = STORE,
    now: Now = None,
    as_json: Json = False,
    wait: Wait = 0.0,
) -> None:
    """Say why a cue leads to a passage: over what, how strong it is, and how strong it was a month before."""
    asked = scope(sources, since, until, where)
    with opened_file(db, wait=wait) as memory:
        found = memory.explain(cue, passage_id, now=now, source=of, **asked)
    if as_json:
        show_json(found)
        return
    passage = found.passage
    typer.echo(clean(f"{passage.id} of {day(passage.time)}, rank {found.rank}: {passage.text}"))
    show_table(
        ["kind", "through", "score", "strength", "last seen"],
        [(path.kind, path.way, path.score, path.strength, path.last_seen) for path in found.paths],
    )
    if found.associations:
        show_table(
            ["from", "to", "strength", "a month before", "events", "last seen"],
            [
                (
                    one.source,
                    one.target,
                    one.strength,
                    "unknown" if one.month_before is None else one.month_before,
                    one.events,
                    one.last_seen,
                )
                for one in found.associations
            ],
        )
