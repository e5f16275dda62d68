"""The demo: a team's journal of eight months becomes a memory; see what it learns and what it lets go.

All dates are fixed, so that every run prints the same. The notes are in scripts/sample/: a journal, a plan,
and the plan as it was revised later.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from memini_kuzu import Memory, RuleExtractor
from memini_kuzu.config import FORGET_BELOW
from memini_kuzu.times import to_millis

SAMPLE = Path(__file__).parent / "sample"

TODAY = "2025-09-01"
LATER = ["2025-09-01", "2025-10-01", "2026-09-01", "2028-03-01"]

NEW_FACT = "Mira Okafor and Tomas Silva rented the workshop at Eastgate."
QUESTION = "Who rented the workshop?"
WHY = "Who will build the Plover buoy?"
ENTITY = "Mira Okafor"

WATCHED = [
    ("Mira Okafor", "Jonas Weber", "told on many days"),
    ("Mira Okafor", "Tomas Silva", "told once, today"),
    ("Heron", "Saltmarsh Pier", "in the revised plan"),
    ("Heron", "Halden Bridge", "in the first plan"),
    ("Bergen Fair", "Lena Fischer", "told in March"),
]
"""Associations whose course the demo follows, and what is special about each."""

States = dict[tuple[str, str], dict[str, Any]]

STATES = """
    MATCH (a:Entity)-[e:ASSOCIATES]->(b:Entity)
    WITH a, b, e, CAST($now, 'TIMESTAMP') AS now
    RETURN a.name AS source, b.name AS target, e.events AS events, e.last_seen AS last_seen,
        memini_fast(e, now) AS fast, memini_slow(e, now) AS slow
    ORDER BY source, target LIMIT 100000
"""
"""All associations, with both variables as they stand now."""


def main(
    *, rules: Annotated[bool, typer.Option("--rules", help="Use the rules, not the spaCy model.")] = False
) -> None:
    """Ingest the sample, recall now and later, run maintenance, and say why."""
    console = Console(highlight=False)
    with (
        TemporaryDirectory() as folder,
        Memory.open(
            Path(folder) / "journal.memini",
            extractor=RuleExtractor() if rules else None,
            clock=lambda: to_millis(TODAY),
            hint=console.print,
        ) as memory,
    ):
        ingest(console, memory, Path(folder) / "journal")
        new_fact(console, memory)
        recall_with_reasons(console, memory)
        associations_later(console, memory)
        strengths_later(console, memory)
        maintenance(console, memory)


def ingest(console: Console, memory: Memory, journal: Path) -> None:
    """Read the journal, then the same folder again after one file was revised."""
    console.rule("[bold]1. A journal becomes a memory")
    shutil.copytree(SAMPLE / "notes", journal)
    first = memory.ingest(journal)
    shutil.copy(SAMPLE / "revised" / "plan.md", journal)
    second = memory.ingest(journal)
    console.print(
        f"{first.added} dated notes gave {first.events} co-occurrence events. Then plan.md was revised and "
        f"the folder read again: {second.unchanged} unchanged, {second.changed} a new version."
    )
    constants = memory.stats().time_constants
    console.print(
        f"Of what is told once, {1 - constants.slow_share:.1%} fades with a time constant of "
        f"{constants.fast:.1f} days and {constants.slow_share:.1%} with one of {constants.slow:.0f} days; "
        "repetition adds up in the second.\n"
    )


def new_fact(console: Console, memory: Memory) -> None:
    """Remember one sentence and ask for it in the next call."""
    console.rule("[bold]2. A new fact is there in the next call")
    memory.remember(NEW_FACT, time=TODAY, id="new fact")
    console.print(f"told     {NEW_FACT}")
    console.print(f"asked    {QUESTION}")
    console.print(f"recalled {memory.recall(QUESTION, now=TODAY).passages[0].text}\n")


def recall_with_reasons(console: Console, memory: Memory) -> None:
    """Show the passages of a recall with their paths."""
    console.rule("[bold]3. Recall says why")
    console.print(f"asked    {WHY}")
    found = memory.recall(WHY, now=TODAY, k=2)
    for passage in found:
        console.print(f"recalled {passage.time:%Y-%m-%d}  {' '.join(passage.text.split())}")
        for path in found.paths:
            if path.passage == passage.id:
                strength = "" if path.strength is None else f", w_f {path.strength:.3f}"
                console.print(f"         [dim]because: {path.kind}, {' → '.join(path.through)}{strength}")
    console.print("\nThe same as a context block for an LLM, oldest first, to be cited by number:\n")
    console.print(found.context().text, markup=False, highlight=False)
    console.print()


def associations_later(console: Console, memory: Memory) -> None:
    """One entity at several dates."""
    console.rule(f"[bold]4. What {ENTITY} brings to mind, today and later")
    table = Table("asked on", "strongest associations then (w_f)", box=None)
    for now in LATER:
        strongest = memory.associations(ENTITY, now=now, k=3)
        table.add_row(now, ", ".join(f"{each.target} {each.strength:.2g}" for each in strongest))
    console.print(table)
    console.print("What was told today leads today; what was confirmed often leads ever after.\n")


def strengths_later(console: Console, memory: Memory) -> None:
    """Follow the fast variable of a few associations; each number is a closed form, nothing is updated."""
    console.rule("[bold]5. What lasts and what fades: w_f over time")
    table = Table("association", *LATER, box=None)
    states = {now: state(memory, now) for now in LATER}
    for source, target, why in WATCHED:
        strengths = [f"{states[now][source, target]['fast']:.4f}" for now in LATER]
        events = states[TODAY][source, target]["events"]
        table.add_row(f"{source} → {target}\n[dim]  {why}, {events}×", *strengths)
    console.print(table)
    console.print()


def maintenance(console: Console, memory: Memory) -> None:
    """Dry runs, then passes: what consolidated, and what was forgotten for which reason."""
    console.rule("[bold]6. Maintenance: what was strengthened, what is forgotten, and why")
    for now in (TODAY, LATER[-2], LATER[-1]):
        plan = memory.consolidate(now=now, dry_run=True)
        console.print(
            f"{now}, dry run: {plan.edges} associations, {plan.strengthened} strengthened since last told, "
            f"{plan.forgotten} to forget"
        )

    before = state(memory, LATER[-1])
    memory.consolidate(now=TODAY)
    changed = drift(before, state(memory, LATER[-1]))
    console.print(
        f"\nPass on {TODAY}. The strengths of {LATER[-1]} are as without it, to {changed:.0e}. "
        "Most consolidated (w_s, which repetition fills):"
    )
    console.print(table_of(sorted(state(memory, TODAY).values(), key=lambda row: -row["slow"])[:5]))

    now = LATER[-2]
    before = state(memory, now)
    done = memory.consolidate(now=now)
    kept = state(memory, now)
    console.print(
        f"\nPass on {now}: {done.forgotten} of {done.edges} forgotten. Both variables of each were below "
        f"{FORGET_BELOW}, and without new evidence neither can ever rise above the larger of the two. "
        "The strongest of them:"
    )
    gone = [before[pair] for pair in before if pair not in kept]
    console.print(table_of(sorted(gone, key=lambda row: -max(row["fast"], row["slow"]))[:5]))
    console.print(f"\nThose kept are as strong as without the pass, to {drift(before, kept):.0e}.")


def drift(before: States, after: States) -> float:
    """By how much, relatively, a pass has changed the fast variable of what it kept; at most."""
    return float(max(abs(row["fast"] / before[pair]["fast"] - 1) for pair, row in after.items()))


def table_of(rows: list[dict[str, Any]]) -> Table:
    """Associations with what is known of them."""
    table = Table("association", "events", "last told", "w_f", "w_s", box=None)
    for row in rows:
        table.add_row(
            f"{row['source']} → {row['target']}",
            str(row["events"]),
            f"{row['last_seen']:%Y-%m-%d}",
            f"{row['fast']:.5f}",
            f"{row['slow']:.5f}",
        )
    return table


def state(memory: Memory, now: str) -> States:
    """All associations as they stand at a date, by the names of source and target."""
    rows = memory.cypher(STATES, {"now": now}).to_pylist()
    return {(row["source"], row["target"]): row for row in rows}


if __name__ == "__main__":
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    app.command()(main)
    app()
