"""Results as texts that a model reads: the memory's own words in lines of their own, with few tokens."""

from __future__ import annotations

from typing import TYPE_CHECKING

from memini_kuzu.recall.context import one_line

if TYPE_CHECKING:
    from memini_kuzu.service.results import AssociationsResult, PathResult, RecallResult

__all__ = ["associations_told", "recall_told"]

PATHS = 3
"""Reasons of a passage that are told."""


def recall_told(found: RecallResult) -> str:
    """The context block, then what it leaves out, then reasons if they were asked for.

    Parameters
    ----------
    found : RecallResult
        Of a recall.

    Returns
    -------
    str
        Stored texts are set in; all other lines are the memory's own.
    """
    if not found.passages:
        return "Nothing in memory answers that."
    parts = [found.context]
    if found.omitted:
        parts.append(f"({found.omitted} more did not fit; ask with a larger budget_tokens.)")
    if found.unknown:
        parts.append(
            f"({found.unknown} associations were not followed: how strong they were then is unknown.)"
        )
    if found.paths:
        parts.append("\n".join(["Why:", *_reasons(found)]))
    return "\n\n".join(parts)


def _reasons(found: RecallResult) -> list[str]:
    told = []
    for passage in found.passages:
        own = passage.id, passage.source, passage.position
        paths = [path for path in found.paths if (path.passage, path.source, path.position) == own][:PATHS]
        told.append(f"- id {one_line(passage.id)}: {'; '.join(map(_reason, paths))}")
    return told


def _reason(path: PathResult) -> str:
    through = ", ".join(map(one_line, path.through))
    return (
        f"{path.kind} {through}" if path.strength is None else f"{path.kind} {through} ({path.strength:.2g})"
    )


def associations_told(found: AssociationsResult) -> str:
    """One line an association.

    Parameters
    ----------
    found : AssociationsResult
        Strongest first.

    Returns
    -------
    str
        Name, strength, number of events and dates.
    """
    if not found.associations:
        return "It has no associations."
    source = one_line(found.associations[0].source)
    lines = [
        f"- {one_line(each.target)}: {each.strength:.2g}, {each.events} events, "
        f"{each.first_seen:%Y-%m-%d} to {each.last_seen:%Y-%m-%d}"
        for each in found.associations
    ]
    return "\n".join([f"{source} is associated with (strength; 1 is one statement just made):", *lines])
