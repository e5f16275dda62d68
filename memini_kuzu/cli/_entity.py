"""The commands entities, and entity drop, rename, split and undo: find wrong entities, put them right."""

from typing import TYPE_CHECKING, Annotated

import typer

from memini_kuzu.cli._app import STORE, Db, Json, K, Wait, app, command, ending, opened_file
from memini_kuzu.cli._print import clean, show_json, show_table

if TYPE_CHECKING:
    from memini_kuzu.changes.entities import Edit

__all__ = ["drop", "entities", "rename", "split", "undo"]

Name = Annotated[str, typer.Argument(metavar="ENTITY", help="Its name or an alias.")]


@command("memini entities -k 50", "memini entities --junk")
def entities(
    *,
    db: Db = STORE,
    k: K = 20,
    junk: Annotated[bool, typer.Option("--junk", help="Only those that look wrong.")] = False,
    as_json: Json = False,
    wait: Wait = 0.0,
) -> None:
    """List the entities that the texts mention most, and why one looks wrong. Changes nothing."""
    with opened_file(db, wait=wait) as memory:
        found = memory.entities(k, junk=junk)
    if as_json:
        show_json(found)
    elif not found:
        typer.echo("no entity looks wrong" if junk else "there is no entity")
    else:
        show_table(
            ["entity", "label", "mentions", "events", "looks wrong"],
            [(one.name, one.label, one.mentions, one.events, one.wrong) for one in found],
        )


group = typer.Typer(
    help="Put entities right: drop, rename or split one. Undone by people, as it is done.",
    no_args_is_help=True,
    epilog=ending("memini entity drop 'Release Notes'", "memini entity undo 'Release Notes'"),
)
app.add_typer(group, name="entity")


@group.command(epilog=ending("memini entity drop 'Release Notes'"))
def drop(entity: Name, *, db: Db = STORE, as_json: Json = False, wait: Wait = 0.0) -> None:
    """Leave an entity out of all answers, whatever later documents say of it."""
    with opened_file(db, write=True, wait=wait) as memory:
        done = memory.entity_drop(entity)
    _show(done, f"{done.entity} is left out of all answers", as_json=as_json)


@group.command(epilog=ending("memini entity rename 'Ada Lovelase' 'Ada Lovelace'"))
def rename(
    entity: Name,
    name: Annotated[str, typer.Argument(metavar="NAME", help="The new one.")],
    *,
    db: Db = STORE,
    as_json: Json = False,
    wait: Wait = 0.0,
) -> None:
    """Give an entity another name; later documents that use the former one mean it too."""
    with opened_file(db, write=True, wait=wait) as memory:
        done = memory.entity_rename(entity, name)
    _show(done, f"{done.entity} is now called {done.name}", as_json=as_json)


@group.command(epilog=ending("memini entity split Ada 'Ada (ship)' --source ships --source logbook"))
def split(
    entity: Name,
    name: Annotated[str, typer.Argument(metavar="NAME", help="A name for the other one.")],
    *,
    source: Annotated[
        list[str],
        typer.Option("--source", metavar="SOURCE", help="One that means the other. Repeatable."),
    ],
    db: Db = STORE,
    as_json: Json = False,
    wait: Wait = 0.0,
) -> None:
    """Tell two entities of one name apart, by the sources that mean the other one."""
    with opened_file(db, write=True, wait=wait) as memory:
        done = memory.entity_split(entity, name, source)
    _show(done, f"what these sources say of {done.entity} is now of {done.name}", as_json=as_json)


@group.command(epilog=ending("memini entity undo 'Ada Lovelase'"))
def undo(
    entity: Annotated[str, typer.Argument(metavar="ENTITY", help="Its name before, or the one split off.")],
    *,
    db: Db = STORE,
    as_json: Json = False,
    wait: Wait = 0.0,
) -> None:
    """Take back that an entity was dropped, renamed or split off."""
    with opened_file(db, write=True, wait=wait) as memory:
        done = memory.entity_undo(entity)
    _show(done, f"{done.name or done.entity} is as it was", as_json=as_json)


def _show(done: "Edit", sentence: str, *, as_json: bool) -> None:
    if as_json:
        show_json(done)
    else:
        typer.echo(clean(sentence))
