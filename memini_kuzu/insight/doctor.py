"""`doctor`: is the store sound, and what to do where it is not. Reads only."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from memini_kuzu.changes.reports import kept_reports
from memini_kuzu.dynamics import propagate, time_constants
from memini_kuzu.dynamics.pairs import common_pairs, without_pairs
from memini_kuzu.dynamics.removal import unaccounted
from memini_kuzu.errors import MeminiError, StoreLockedError
from memini_kuzu.identity import text_digest
from memini_kuzu.store import Store, health
from memini_kuzu.store.catalog import EMBEDDING, tables
from memini_kuzu.store.engine import ProcessLock, engine_version, storage_version
from memini_kuzu.store.ledger import read_ledger
from memini_kuzu.store.schema import latest_version
from memini_kuzu.store.vectors import read_space, read_unembedded
from memini_kuzu.tables import edges_from_arrow
from memini_kuzu.text.analysis import analyse
from memini_kuzu.text.languages import ENGLISH

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from pathlib import Path

__all__ = ["Diagnosis", "Finding", "diagnose", "examine"]

AGREEMENT = 1e-9
"""Relative difference that rounding may make between the macros and Python."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at.

    Parameters
    ----------
    check : str
        What was looked at.
    status : str
        ``ok``; ``note`` for what is worth knowing; ``problem`` for what is wrong.
    detail : str
        What was found.
    remedy : str
        What to do about it; empty where there is nothing to do.
    """

    check: str
    status: Literal["ok", "note", "problem"]
    detail: str
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """All findings on a store.

    Parameters
    ----------
    path : str
        The file.
    findings : tuple of Finding
        In the order of looking.
    """

    path: str
    findings: tuple[Finding, ...]

    @property
    def sound(self) -> bool:
        """Whether nothing is wrong."""
        return all(finding.status != "problem" for finding in self.findings)

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return {"path": self.path, "sound": self.sound, "findings": [asdict(each) for each in self.findings]}


def diagnose(path: Path, *, wait: float = 0.0, deep: bool = False) -> Diagnosis:
    """Look at a store that is not open: the file, who holds it, and what is in it.

    Parameters
    ----------
    path : Path
        The file.
    wait : float
        Seconds to wait for another process to close it.
    deep : bool
        As for `examine`.

    Returns
    -------
    Diagnosis
        A file that cannot be opened is a finding, not an error.

    Examples
    --------
    >>> from pathlib import Path
    >>> diagnose(Path("/nowhere/a.memini")).sound
    False
    """
    findings = list(_file(path))
    if all(finding.status != "problem" for finding in findings):
        try:
            with Store(path, read_only=True, wait=wait) as store:
                findings += [
                    Finding("lock", "ok", "no other process is writing"),
                    *_contents(store, deep=deep),
                ]
        except StoreLockedError as error:
            pid = error.pid if error.pid is not None else ProcessLock(path).holder()
            holder = "another process" if pid is None else f"process {pid}"
            remedy = "close it, look again with --wait SECONDS, or share the store: memini serve"
            findings.append(Finding("lock", "problem", f"{holder} has the store open", remedy))
        except MeminiError as error:
            findings.append(Finding("open", "problem", str(error), "put a backup in its place"))
    return Diagnosis(str(path), tuple(findings))


def examine(store: Store, *, deep: bool = False) -> Diagnosis:
    """Look at an open store; see `Memory.doctor`."""
    opened = (_size(store.path), Finding("engine", "ok", _engine()))
    return Diagnosis(str(store.path), (*opened, *_contents(store, deep=deep)))


def _file(path: Path) -> Iterator[Finding]:
    """What a file is that nobody has open here: closing it would give up the locks that Kùzu has on it."""
    if not path.is_file():
        what = "is a folder" if path.is_dir() else "does not exist"
        yield Finding(
            "file",
            "problem",
            f"{path} {what}",
            f"name the store's file, or make one: memini init --db {path}",
        )
        return
    yield _size(path)
    with path.open("rb") as file:
        version = storage_version(file.read(16))
    if version is None:
        yield Finding(
            "engine", "problem", "the file is no Kùzu database", "name the store's file, or restore a backup"
        )
    elif version != engine_version()[1]:
        yield Finding(
            "engine",
            "problem",
            f"the file has format {version}, this memini has {_engine()}",
            "open it with the memini that wrote it, `memini export` there and `memini import` here",
        )
    else:
        yield Finding("engine", "ok", _engine())


def _size(path: Path) -> Finding:
    return Finding("file", "ok", f"{path.stat().st_size / 1e6:,.1f} MB")


def _engine() -> str:
    release, version = engine_version()
    return f"Kùzu {release}, file format {version}"


def _contents(store: Store, *, deep: bool) -> Iterator[Finding]:
    missing = tables().keys() - health.present_tables(store)
    if missing:
        detail = f"tables are missing: {', '.join(sorted(missing))}"
        yield Finding("schema", "problem", detail, "restore a backup; memini did not do this")
        return
    yield Finding("schema", "ok", f"version {latest_version()}")
    constants = time_constants(store.parameters)
    yield Finding(
        "parameters",
        "ok",
        f"{store.parameters}: {constants.fast:.3g} and {constants.slow:.3g} days, "
        f"slow share {constants.slow_share:.2%}",
    )
    yield _macros(store)
    yield _words(store)
    yield _sums(store)
    yield from _vectors(store)
    yield _journal(store, deep=deep)
    yield from _ingested(store)
    if deep:
        yield _texts(store)
        yield _strengths(store)
    broken = {"relationships that only one of their ends knows": health.one_sided(store)} | {
        what: health.dangling(store, references, targets)
        for what, (references, targets) in health.REFERENCES.items()
    }
    for what, query in health.CONTRADICTIONS.items():
        broken[what] = health.count(store, query)
    broken["entities with another label than their mentions agree on"] = health.wrong_labels(store)
    remedy = "restore a backup, or ingest into a new store"
    for what, number in broken.items():
        if number:
            yield Finding("rows", "problem", f"{number:,} {what}", remedy)
    lone = health.lone_entities(store)
    if lone:
        yield Finding("rows", "note", f"{lone:,} entities that nothing refers to any more; they do no harm")
    if not lone and not any(broken.values()):
        yield Finding("rows", "ok", "none is orphaned")


def _macros(store: Store) -> Finding:
    table = health.sample_association(store)
    if not table.num_rows:
        return Finding("macros", "ok", "no association to try them on")
    row = table.to_pylist()[0]
    fast, slow = propagate(np.array([row["fast"]]), np.array([row["slow"]]), 30.0, store.parameters)
    wrong = max(abs(row["later_fast"] - fast[0]), abs(row["later_slow"] - slow[0]))
    if wrong > AGREEMENT * max(row["fast"], row["slow"]):
        return Finding(
            "macros",
            "problem",
            f"memini_fast and memini_slow differ from the parameters by {wrong:.3g}",
            "write the store anew with its parameters: memini retune",
        )
    return Finding("macros", "ok", "they agree with the parameters")


def _words(store: Store) -> Finding:
    wrong = health.wrong_terms(store)
    if wrong:
        return Finding(
            "words",
            "problem",
            f"{wrong:,} rows of words differ from the passages' own",
            "restore a backup, or ingest into a new store: recall by words misses passages",
        )
    return Finding("words", "ok", "they are those of the passages")


def _journal(store: Store, *, deep: bool) -> Finding:
    state = store.journal(deep=deep)
    if state.damage:
        return Finding("journal", "problem", state.damage, "put a backup in the store's place")
    summed = "; every byte of the file is as it was written" if deep and state.summed else ""
    if not state.changes:
        return Finding("journal", "ok", f"all is in the file, up to change {state.sequence:,}{summed}")
    return Finding(
        "journal",
        "ok",
        f"{state.changes:,} changes up to {state.sequence:,} are beside the file: copy both, or `memini "
        f"backup`{summed}",
    )


def _ingested(store: Store) -> Iterator[Finding]:
    """What the last ingestion of files did; nothing where none is kept."""
    for last in kept_reports(store)[:1]:
        done = f"{last.time:%Y-%m-%d %H:%M}: {last.added:,} added, {last.changed:,} changed"
        left_out = sum(each.count for each in last.left_out) + last.more
        if last.failure:
            yield Finding(
                "ingested", "note", f"{done}, then: {last.failure}", "put that right, and ingest again"
            )
        elif left_out:
            first = last.left_out[0]
            why = f"{first.count:,} {first.why}, such as {first.such_as[0]}"
            remedy = "see all reasons in memini explore, under Health, or by Memory.reports"
            yield Finding("ingested", "note", f"{done}, {left_out:,} left out: {why}", remedy)
        else:
            yield Finding("ingested", "ok", f"{done}, nothing left out")


def _texts(store: Store) -> Finding:
    """Every text against the words that it was analysed into, and whole documents against their digests."""
    passages = health.texts(store).to_pylist()
    wrong = sum(
        all(analyse(found_by, row["language"]) != row["terms"] for found_by in _found_by(row))
        for row in passages
    )
    if wrong:
        return Finding(
            "texts",
            "problem",
            f"{wrong:,} of {len(passages):,} texts are not those that were told",
            "restore a backup, or ingest these documents again",
        )
    digests = dict(health.digests(store))
    # the name of a file that stands for a title is no part of what the text is known by
    whole = sum(
        digests.get(row["document"]) in {text_digest(row["title"], row["text"]), text_digest("", row["text"])}
        for row in passages
    )
    return Finding(
        "texts", "ok", f"{len(passages):,} have the words that were told, {whole:,} the very letters"
    )


def _found_by(row: dict[str, Any]) -> Iterator[str]:
    """What the words of a passage may have been taken from: the first of a file is found by its name too."""
    yield f"{row['title']}\n{row['text']}"
    name = row["record"].rpartition("/")[2].rpartition(".")[0]
    yield f"{row['title']}\n{name}\n{row['text']}"


def _strengths(store: Store) -> Finding:
    """The associations against the fold of the ledger."""
    edges = edges_from_arrow(store.read_edges())
    sums = read_ledger(store.read).fold(store.parameters)
    missing = len(without_pairs(sums, edges))
    other = unaccounted(edges, sums, store.parameters)
    here, there = common_pairs(edges, sums)
    # more events than the ledger has were loaded and not kept
    told = int((other[here] & (edges.events[here] <= sums.events[there])).sum())
    if told:
        return Finding(
            "strengths",
            "problem",
            f"{told:,} of {len(edges):,} associations are not what their events make them",
            "compute them anew from the events: memini retune with the store's own parameters",
        )
    foreign = int(other.sum())
    return Finding(
        "strengths",
        "ok",
        f"{len(edges) - foreign:,} associations are the fold of their events, {foreign:,} have events that "
        f"were not kept, {missing:,} were forgotten",
    )


def _vectors(store: Store) -> Iterator[Finding]:
    """Nothing where no embedder was ever used."""
    space = read_space(store.read)
    if space is None:
        return
    if EMBEDDING not in health.present_tables(store):
        yield Finding("vectors", "problem", f"the table {EMBEDDING} is missing", "restore a backup")
        return
    stray = health.dangling(store, *health.VECTOR_REFERENCES)
    missing = len(read_unembedded(store.read))
    total = health.count(store, health.COUNT_VECTORS)
    if stray:
        detail = f"{stray:,} of {total:,} vectors are of no passage"
        yield Finding("vectors", "problem", detail, "restore a backup, or ingest into a new store")
    elif missing:
        detail = f"{missing:,} passages have no vector of {space}"
        yield Finding("vectors", "note", detail, "compute them: Memory.embed() or memini embed")
    else:
        yield Finding("vectors", "ok", f"{total:,} of {space}")


def _sums(store: Store) -> Finding:
    passages, words = health.sums(store)
    counted = store.sums()
    if (counted.passages, counted.words) not in {(passages, words), (0, 0)} or (
        passages and not counted.passages
    ):
        return Finding(
            "sums",
            "problem",
            f"the store counts {counted.passages:,} passages, and there are {passages:,} of {words:,} words",
            "restore a backup, or ingest into a new store: scores of words are off",
        )
    spoken = health.languages(store)
    if spoken.keys() != counted.languages:
        return Finding(
            "sums",
            "problem",
            f"the store counts passages in {_list(counted.languages)}, and there are some in {_list(spoken)}",
            "restore a backup, or ingest into a new store: cues are read in the wrong languages",
        )
    inside = f", in {_list(spoken)}" if spoken.keys() - {ENGLISH} else ""
    return Finding("sums", "ok", f"{passages:,} passages of {words:,} words{inside}")


def _list(languages: Collection[str]) -> str:
    return ", ".join(sorted(languages)) or "no language"
