"""What the last ingestions did, as a store keeps it: counts, and what was left out and why.

They stand as JSON in MeminiMeta, so that they go with a backup and an export. Nothing of what a document says
is in them but what an error quotes of a record that was left out, with secrets masked.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from memini_kuzu.notebook import Shown
from memini_kuzu.times import from_millis, to_millis

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable
    from datetime import datetime

    from memini_kuzu.changes.report import IngestReport
    from memini_kuzu.readers import Listing
    from memini_kuzu.store import Store
    from memini_kuzu.store.change import Change

__all__ = ["KeptReport", "LeftOut", "keep_report", "kept_reports", "withdraw_reports"]

KEY = "reports"
"""In MeminiMeta."""

LAST = 20
"""So many reports are kept."""

REASONS = 10
"""So many reasons of a report, those of most items first."""

EXAMPLES = 3
"""So many items of each reason, and so many names of what was read."""

LENGTH = 200
"""Characters of a name or a reason."""

OUTCOMES = frozenset({"added", "changed", "unchanged", "moved"})
"""What becomes of a file that gave documents."""


@dataclass(frozen=True, slots=True)
class LeftOut(Shown):
    """What an ingestion left out for one reason.

    Parameters
    ----------
    why : str
        The reason.
    count : int
        How many files, records or parts of files.
    such_as : tuple of str
        Where the first of them stand.
    """

    why: str
    count: int
    such_as: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class KeptReport(Shown):
    """What an ingestion of files did.

    Parameters
    ----------
    time : datetime
        When (UTC).
    read : tuple of str
        The first folders and files that were given, by the names by which they are known.
    added, changed, unchanged, moved, passages : int
        As in `IngestReport`.
    left_out : tuple of LeftOut
        What was left out, by reason; what most were left out for first.
    more : int
        How many were left out for yet other reasons.
    failure : str
        What ended it before all was read; empty where nothing did.
    """

    time: datetime
    read: tuple[str, ...]
    added: int
    changed: int
    unchanged: int
    moved: int
    passages: int
    left_out: tuple[LeftOut, ...]
    more: int
    failure: str = ""


def keep_report(
    store: Store,
    report: IngestReport,
    listing: Listing,
    *,
    now: int,
    failure: str,
    mask: Callable[[str], tuple[str, Any]],
) -> None:
    """Keep what an ingestion did; not where it found nothing new, nor where it failed and changed nothing.

    Parameters
    ----------
    store : Store
        Where.
    report : IngestReport
        What it did.
    listing : Listing
        What was to be read.
    now : int
        When, in milliseconds since 1970.
    failure : str
        What ended it; empty where nothing did.
    mask : callable
        Gives a text with its secrets masked, and how many there were.
    """

    def short(text: str) -> str:
        plain = mask(text)[0]
        return plain if len(plain) <= LENGTH else plain[: LENGTH - 1] + "…"

    left_out, more = _by_reason(report, short)
    made = KeptReport(
        time=from_millis(now),
        read=tuple(map(short, listing.names()[:EXAMPLES])),
        added=report.added,
        changed=report.changed,
        unchanged=report.unchanged,
        moved=report.moved,
        passages=report.passages,
        left_out=left_out,
        more=more,
        failure=short(failure),
    )
    kept = kept_reports(store)
    known = kept[0].left_out if kept else ()
    if report.added or report.changed or report.moved or (not failure and left_out != known):
        store.set_meta(KEY, _to_json([made, *kept][:LAST]))


def _by_reason(report: IngestReport, short: Callable[[str], str]) -> tuple[tuple[LeftOut, ...], int]:
    counts: Counter[str] = Counter()
    where: defaultdict[str, list[str]] = defaultdict(list)

    def note(why: str, place: str, count: int = 1) -> None:
        counts[why] += count
        if len(where[why]) < EXAMPLES:
            where[why].append(short(place))

    for error in report.skipped:
        note(short(error.reason), error.origin)
    for notice in report.notices:
        note(short(notice.what), notice.origin, 1 if notice.count is None else notice.count)
    for file, outcomes in report.files.items():
        for why in outcomes.keys() - OUTCOMES:
            note(short(why), file)
    ranked = counts.most_common()
    shown = tuple(LeftOut(why, count, tuple(where[why])) for why, count in ranked[:REASONS])
    return shown, sum(count for _, count in ranked[REASONS:])


def kept_reports(store: Store) -> list[KeptReport]:
    """The reports that a store keeps, the newest first.

    Parameters
    ----------
    store : Store
        Where.
    """
    return [
        KeptReport(
            **{
                **each,
                "time": from_millis(each["time"]),
                "read": tuple(each["read"]),
                "left_out": tuple(
                    LeftOut(one["why"], one["count"], tuple(one["such_as"])) for one in each["left_out"]
                ),
            }
        )
        for each in json.loads(store.stored_meta().get(KEY, "[]"))
    ]


def _to_json(reports: Iterable[KeptReport]) -> str:
    rows = [{**asdict(each), "time": to_millis(each.time)} for each in reports]
    return json.dumps(rows, ensure_ascii=False, separators=(",", ":"), sort_keys=True)


def withdraw_reports(store: Store, change: Change, sources: Collection[str]) -> None:
    """Take out the reports that name sources of which nothing is left.

    Parameters
    ----------
    store : Store
        Where.
    change : Change
        What is to be written.
    sources : collection of str
        Their names.
    """
    kept = kept_reports(store)
    gone = set(sources)
    left = [each for each in kept if gone.isdisjoint(_places(each))]
    if len(left) < len(kept):
        change.set_meta({KEY: _to_json(left)}, store.stored_meta())


def _places(report: KeptReport) -> set[str]:
    """The names in a report; of a record in a file also the file's, with each part of its path."""
    named = {*report.read, report.failure, *(place for each in report.left_out for place in each.such_as)}
    named |= {name.partition(":")[0] for name in named}
    parts = [name.split("/") for name in named]
    return {"/".join(path[start:]) for path in parts for start in range(len(path))}
