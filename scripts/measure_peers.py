"""An agent's memories side by side, offline: what they find, and how long they take, in one run.

    python scripts/measure_peers.py --prepare environments --conversations locomo-dev --changing dyknow

Every memory gets the same turns, one after the other, in a process and an environment of its own, from
``scripts/peers/worker.py``, which says how each is set up. ``--prepare`` makes the environments by pip, which
needs a package index; ``--python mem0=…/bin/python`` names one that is there. No network is used otherwise.
A memory that cannot be run has a row that says why.

- ``--conversations``: the sets of `evaluate_retrieval.py`. The turns are remembered one by one, the questions
  asked at the end, each at its own time. recall@5 and @10: the share of a question's evidence among the first
  k, without the questions that nothing answers.
- ``--changing``: the sets of `evaluate_changing.py`. Everything told before a question is in the memory, and
  nothing after it. recall@1: what is true now stands first.
- ``--passages``: the agent's loop of `bench.py loop`, in a memory of so many passages. A sentence is
  remembered, and a question asked at once; milliseconds of the memory's own call, p50 and p95, how often the
  sentence just told is among the first 10, and the memory of the process.
"""

from __future__ import annotations

import json
import sys
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import evaluate_changing as changing
import evaluate_retrieval as retrieval
import numpy as np
import typer
from bench_common import NOW
from bench_loop import MINUTE, TALK, sentences
from evaluate_common import ALL, lines, sets
from peers.client import OTHERS, OWN, PeerError, Worker, prepare
from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table

from memini_kuzu.errors import InputError
from memini_kuzu.times import DAY, to_millis

if TYPE_CHECKING:
    from collections.abc import Sequence

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@dataclass(frozen=True)
class Plan:
    """What is measured."""

    conversations: Sequence[Path]
    changing: Sequence[Path]
    passages: Sequence[int]
    turns: int


@dataclass
class Row:
    """What was measured of one memory."""

    peer: str
    version: str = ""
    settings: str = ""
    dated: bool = False
    why: str = ""
    """Why there is nothing, or not all."""
    questions: int = 0
    recall_5: float | None = None
    recall_10: float | None = None
    changing_1: float | None = None
    changing_lowest: float | None = None
    fill_s: dict[int, float] = field(default_factory=dict)
    """Seconds to fill it, by passages."""
    remember_ms: dict[int, tuple[float, float]] = field(default_factory=dict)
    """p50 and p95, by passages."""
    recall_ms: dict[int, tuple[float, float]] = field(default_factory=dict)
    fresh: dict[int, float] = field(default_factory=dict)
    """Per cent of the questions about the sentence just told that find it among the first 10, by passages."""
    resident_mb: dict[int, float] = field(default_factory=dict)
    """Memory of its process after the loop, by passages."""
    lost: int = 0
    """Turns that it refused."""

    def count(self, refused: Sequence[str]) -> None:
        """Take the turns that were refused into account, and the last one's reason."""
        self.lost += len(refused)
        if refused:
            self.why = f"refused {self.lost}, the last: {refused[-1]}"


def told(folder: Path) -> list[dict[str, Any]]:
    """The turns of a set in the order of time."""
    turns = [
        {
            "id": row["id"],
            "text": row["text"],
            "time": to_millis(row["time"]),
            "source": row.get("source") or "",
            "title": row.get("title") or "",
        }
        for row in lines(folder / "corpus.jsonl")
    ]
    return sorted(turns, key=lambda turn: turn["time"])


def ask_conversations(row: Row, python: Path | str, folders: Sequence[Path]) -> None:
    """recall@5 and recall@10 over all questions of all conversations."""
    scores: list[dict[str, float]] = []
    for folder in folders:
        with Worker(row.peer, python) as worker:
            for turn in told(folder):
                worker.remember([turn])
            scores += [
                retrieval.score(question, worker.recall(question.text, question.time)[0])
                for question in retrieval.questions(folder)
                if question.category != retrieval.APART
            ]
            row.count(worker.refused)
    row.questions = len(scores)
    row.recall_5, row.recall_10 = (
        100 * float(np.mean([score[f"recall@{depth}"] for score in scores])) for depth in (5, 10)
    )


def ask_changing(row: Row, python: Path | str, folders: Sequence[Path]) -> None:
    """recall@1 over all questions about the present, and that of the regime where it is lowest."""
    hits: dict[str, list[float]] = {}
    for folder in folders:
        turns = told(folder)
        times = np.array([turn["time"] for turn in turns])
        with Worker(row.peer, python) as worker:
            done = 0
            for question in changing.questions(folder):
                if question.past:
                    continue
                until = int(np.searchsorted(times, question.time, "right"))
                if until > done:
                    worker.remember(turns[done:until])
                done = until
                found, _ = worker.recall(question.text, question.time)
                hits.setdefault(question.regime, []).append(changing.score(question, found)[0])
            row.count(worker.refused)
    row.changing_1 = 100 * float(np.mean([hit for each in hits.values() for hit in each]))
    regimes = [each for regime, each in hits.items() if regime not in {ALL, changing.MONTH}]
    row.changing_lowest = 100 * min(map(float, map(np.mean, regimes or hits.values())))


def loop(row: Row, python: Path | str, passages: int, turns: int) -> None:
    """The agent's turns in a memory of so many passages."""
    all_told = sentences(passages + turns)
    began = NOW - 365 * DAY
    with Worker(row.peer, python) as worker:
        row.fill_s[passages] = worker.remember(
            [
                _sentence(text, number, began + number * MINUTE, f"talk {number // TALK}")
                for number, (text, _) in enumerate(all_told[:passages])
            ]
        )
        remembered, recalled, fresh = [], [], []
        for number, (text, question) in enumerate(all_told[passages:]):
            now = NOW + number * MINUTE
            remembered.append(worker.remember([_sentence(text, passages + number, now, "now")]))
            found, seconds = worker.recall(question, now)
            recalled.append(seconds)
            fresh.append(str(passages + number) in found)
        row.count(worker.refused)
        row.resident_mb[passages] = worker.resident() / 1e6
    row.fresh[passages] = 100 * float(np.mean(fresh))
    row.remember_ms[passages], row.recall_ms[passages] = _quantiles(remembered), _quantiles(recalled)


def _sentence(text: str, number: int, time: int, source: str) -> dict[str, Any]:
    return {"id": str(number), "text": text, "time": time, "source": source, "title": ""}


def _quantiles(seconds: list[float]) -> tuple[float, float]:
    p50, p95 = 1000 * np.quantile(seconds, [0.5, 0.95])
    return float(p50), float(p95)


def measure(row: Row, python: Path | str, plan: Plan) -> None:
    """All that was asked for, of one memory.

    Raises
    ------
    PeerError
        What the memory raised; what was measured before it stands in the row.
    """
    with Worker(row.peer, python) as worker:
        row.version, row.settings = worker.opened["version"], worker.opened["settings"]
        row.dated = worker.opened["dated"]
    if plan.conversations:
        ask_conversations(row, python, plan.conversations)
    if plan.changing:
        ask_changing(row, python, plan.changing)
    for size in plan.passages:
        loop(row, python, size, plan.turns)


def run(peer: str, plan: Plan, pythons: dict[str, Path], prepared: Path | None) -> Row:
    """The row of one memory; with the reason where it could not be measured, or not to its end."""
    row = Row(peer)
    try:
        if peer in OWN:
            measure(row, sys.executable, plan)
        elif peer in pythons:
            measure(row, pythons[peer], plan)
        elif prepared is not None:
            measure(row, prepare(prepared, peer), plan)
        else:
            row.why = "it has no environment; pass --prepare FOLDER or --python PEER=PATH"
    except PeerError as error:
        row.why = str(error)
    return row


def show(rows: Sequence[Row], passages: Sequence[int], console: Console) -> None:
    """Print a table, and below it how each was set up."""
    heads = [
        head
        for size in passages
        for head in (
            f"remember ms, {size:,}",
            f"recall ms, {size:,}",
            f"just told, {size:,}",
            f"MB, {size:,}",
        )
    ]
    table = Table("memory", "@5", "@10", "changing @1", "lowest", *heads, box=SIMPLE)
    for row in rows:
        times = [
            shown
            for size in passages
            for shown in (
                _pair(row.remember_ms.get(size)),
                _pair(row.recall_ms.get(size)),
                _one(row.fresh.get(size)),
                _one(row.resident_mb.get(size)),
            )
        ]
        quality = (row.recall_5, row.recall_10, row.changing_1, row.changing_lowest)
        table.add_row(f"{row.peer} {row.version}", *map(_one, quality), *times)
    console.print(table)
    for row in rows:
        dates = "" if row.dated or not row.version else "; knows no dates"
        console.print(f"{row.peer}: {row.settings}{dates}", highlight=False)
        if row.why:
            console.print(f"  {row.why}", highlight=False)


def _one(value: float | None) -> str:
    return "" if value is None else f"{value:.1f}"


def _pair(value: tuple[float, float] | None) -> str:
    return "" if value is None else f"{value[0]:.1f} / {value[1]:.1f}"


def memories(given: Sequence[str]) -> Sequence[str]:
    """Those that were named, or all.

    Raises
    ------
    InputError
        If there is no such memory.
    """
    known = (*OWN, *OTHERS)
    if unknown := [peer for peer in given if peer not in known]:
        raise InputError(f"there is no memory {unknown[0]!r} here; there are {', '.join(known)}")
    return given or known


def interpreters(given: Sequence[str]) -> dict[str, Path]:
    """The environments that were named.

    Raises
    ------
    InputError
        If one is not written PEER=PATH, or there is no such peer or file.
    """
    found = {}
    for each in given:
        peer, _, path = each.partition("=")
        if peer not in OTHERS or not path:
            raise InputError(f"--python {each!r}: write PEER=PATH, where PEER is one of {', '.join(OTHERS)}")
        if not Path(path).is_file():
            raise InputError(f"--python {each!r}: there is no file {path}")
        # not resolved: what python links to belongs to no environment
        found[peer] = Path(path).absolute()
    return found


@app.command()
def main(
    peers: Annotated[
        list[str] | None, typer.Argument(help="Which memories; all by default.", metavar="PEER…")
    ] = None,
    *,
    conversations: Annotated[Path | None, typer.Option(help="Sets of evaluate_retrieval.py.")] = None,
    changed: Annotated[Path | None, typer.Option("--changing", help="Sets of evaluate_changing.py.")] = None,
    passages: Annotated[
        list[int] | None, typer.Option(help="How many the memory of the loop holds; may be repeated.", min=1)
    ] = None,
    turns: Annotated[int, typer.Option(help="How many turns of the loop are measured.", min=1)] = 200,
    python: Annotated[
        list[str] | None, typer.Option(help="An environment that is there: PEER=PATH of its interpreter.")
    ] = None,
    prepared: Annotated[
        Path | None, typer.Option("--prepare", help="Make environments in this folder, by pip.")
    ] = None,
    file: Annotated[Path | None, typer.Option("--json", help="Write the rows here as well.")] = None,
) -> None:
    """Measure memories side by side."""
    try:
        chosen = memories(peers or [])
        pythons = interpreters(python or [])
        talks, worlds = ([] if each is None else sets(each) for each in (conversations, changed))
    except (InputError, OSError) as error:
        typer.echo(f"measure_peers: {error}", err=True)
        raise typer.Exit(1) from None
    plan, rows = Plan(talks, worlds, passages or [], turns), []
    for peer in chosen:
        row = run(peer, plan, pythons, prepared)
        typer.echo(f"{row.peer} {row.version}: {row.why or 'measured'}", err=True)
        rows.append(row)
        if file is not None:
            file.write_text(json.dumps([asdict(each) for each in rows], indent=1) + "\n", encoding="utf-8")
    show(rows, plan.passages, Console(width=200))


if __name__ == "__main__":
    app()
