"""What LangGraph's filters and namespace patterns mean."""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING, Any

from memini_kuzu.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from langgraph.store.base import MatchCondition

__all__ = ["holds", "matches"]

EQUAL: dict[str, Callable[[Any, Any], bool]] = {"$eq": operator.eq, "$ne": operator.ne}

ORDERED: dict[str, Callable[[float, float], bool]] = {
    "$gt": operator.gt,
    "$gte": operator.ge,
    "$lt": operator.lt,
    "$lte": operator.le,
}


def holds(value: Mapping[str, Any], asked: Mapping[str, Any] | None) -> bool:
    """Whether a value has all fields that a filter asks for.

    Parameters
    ----------
    value : mapping
        Of an item.
    asked : mapping, optional
        By field: what it equals, or an object of operators (``$eq``, ``$ne``, ``$gt``, ``$gte``, ``$lt``,
        ``$lte``), which compare numbers. What is no number is neither greater nor less.

    Raises
    ------
    InputError
        If an operator is not known, or is to compare with what is no number.

    Examples
    --------
    >>> holds({"age": 7, "at": {"town": "Ribe"}}, {"age": {"$gte": 7}, "at": {"town": "Ribe"}})
    True
    """
    return all(_equals(value.get(name), wanted) for name, wanted in (asked or {}).items())


def _equals(found: Any, wanted: Any) -> bool:
    if isinstance(wanted, dict):
        if any(name.startswith("$") for name in wanted):
            return all(_compared(found, name, each) for name, each in wanted.items())
        return isinstance(found, dict) and holds(found, wanted)
    if isinstance(wanted, list | tuple):
        return (
            isinstance(found, list)
            and len(found) == len(wanted)
            and all(_equals(*pair) for pair in zip(found, wanted, strict=True))
        )
    return bool(found == wanted)


def _compared(found: Any, name: str, wanted: Any) -> bool:
    if name in EQUAL:
        return EQUAL[name](found, wanted)
    if name not in ORDERED:
        raise InputError(f"filter: {name!r} is no operator; there are {', '.join([*EQUAL, *ORDERED])}")
    limit = _number(wanted)
    if limit is None:
        raise InputError(f"filter: {name} = {wanted!r}; pass a number")
    number = _number(found)
    return number is not None and ORDERED[name](number, limit)


def _number(value: Any) -> float | None:
    try:
        return float(value)
    except (TypeError, ValueError):
        return None


def matches(condition: MatchCondition, namespace: tuple[str, ...]) -> bool:
    """Whether a namespace begins or ends with a pattern, in which an asterisk is any label.

    Examples
    --------
    >>> from langgraph.store.base import MatchCondition
    >>> matches(MatchCondition("suffix", ("*", "v1")), ("docs", "draft", "v1"))
    True
    """
    path = condition.path
    part = namespace[: len(path)] if condition.match_type == "prefix" else namespace[-len(path) :]
    return len(namespace) >= len(path) and all(
        wanted in ("*", label) for wanted, label in zip(path, part if path else (), strict=True)
    )
