"""The options that say from what a command answers: sources, dates, metadata."""

from typing import TYPE_CHECKING, Annotated, TypedDict

import typer

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Scope", "Since", "Sources", "Until", "Where", "pairs", "scope"]

Sources = Annotated[
    list[str] | None,
    typer.Option(
        "--source",
        metavar="NAME",
        help="From this source alone; NAME* is all that begin so. Repeatable.",
    ),
]
Since = Annotated[
    str | None, typer.Option("--since", metavar="TIME", help="From what is dated from then on alone.")
]
Until = Annotated[
    str | None, typer.Option("--until", metavar="TIME", help="From what is dated before then alone.")
]
Where = Annotated[
    list[str] | None,
    typer.Option(
        "--where", metavar="NAME=VALUE", help="From documents with this metadata alone. Repeatable."
    ),
]


class Scope(TypedDict):
    """From what is answered; as of `Memory.recall`."""

    sources: list[str] | None
    since: str | None
    until: str | None
    where: dict[str, str] | None


def scope(
    sources: "Sequence[str] | None", since: str | None, until: str | None, where: "Sequence[str] | None"
) -> Scope:
    """The values of the options, as `Memory.recall` takes them.

    Examples
    --------
    >>> scope(["diary"], None, None, ["project=orion"])["where"]
    {'project': 'orion'}
    """
    return Scope(
        sources=list(sources) if sources else None,
        since=since,
        until=until,
        where=pairs(where, "--where") if where else None,
    )


def pairs(given: "Sequence[str]", option: str) -> dict[str, str]:
    """Names and values of ``NAME=VALUE``."""
    found = {}
    for text in given:
        name, sign, value = text.partition("=")
        if not name or not sign:
            raise typer.BadParameter(f"{text!r} is not NAME=VALUE", param_hint=option)
        found[name] = value
    return found
