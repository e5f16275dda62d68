"""How many of the entities that a memory shows are worth showing: a sample for reading, and the written rule.

    python scripts/evaluate_entities.py notes.memini
    python scripts/evaluate_entities.py notes/ mail.mbox

Names a store, or files and folders, of which a store is made for the purpose. Lists 100 entities drawn
by a hash of their keys, the 40 strongest associations by w_f, the 40 that tell most
(`Memory.top`), and up to 50 entities whose label says what kind of thing they are, drawn in the
same way. What the rule of `memini entities --junk` finds is marked; its shares stand below each list.
The rest is for reading: no rule knows all that is wrong.
"""

from __future__ import annotations

import argparse
import hashlib
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from memini_kuzu import Memory
from memini_kuzu.insight.junk import looks_wrong
from memini_kuzu.readers import read
from memini_kuzu.times import to_millis

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from typing import Any

    from memini_kuzu.results import Association, Order

ENTITIES, ASSOCIATIONS, LABELLED = 100, 40, 50

UNTYPED = ("CONCEPT", "NAME", "TITLE")

ORDERS: dict[str, Order] = {"strongest associations": "strength", "associations that tell most": "telling"}

ENTITY = "MATCH (e:Entity) RETURN e.key AS key, e.name AS name, e.label AS label, e.mentions AS mentions"


def drawn(rows: list[dict[str, Any]], number: int) -> list[dict[str, Any]]:
    """So many rows by a hash of their keys, which no one chose."""
    return sorted(rows, key=lambda row: hashlib.blake2b(row["key"].encode()).hexdigest())[:number]


def first(memory: Memory, by: Order, now: datetime | None) -> list[Association]:
    """The first associations as of the last date; of the two directions of a pair, the first."""
    pairs: dict[frozenset[str], Association] = {}
    for each in [] if now is None else memory.top(10 * ASSOCIATIONS, by=by, now=now):
        pairs.setdefault(frozenset((each.source, each.target)), each)
    return list(pairs.values())[:ASSOCIATIONS]


def share(wrong: int, of: int) -> str:
    """A share in per cent, with its counts."""
    return f"{wrong} of {of}" + (f" ({100 * wrong / of:.0f} %)" if of else "")


def evaluate(memory: Memory) -> None:
    """Print the lists."""
    rows = memory.cypher(ENTITY).to_pylist()
    sample = drawn(rows, ENTITIES)
    print(f"## {len(sample)} of {len(rows):,} entities, drawn by hash")
    for row in sample:
        print(f"{looks_wrong(row['name']):16}{row['name']}  {row['label']} {row['mentions']}")
    print(f"by rule: {share(sum(bool(looks_wrong(row['name'])) for row in sample), len(sample))}\n")
    stats = memory.stats()
    for title, by in ORDERS.items():
        pairs = first(memory, by, stats.last_seen)
        print(f"## the {len(pairs)} {title}")
        wrong = 0
        for each in pairs:
            reasons = [reason for end in (each.source, each.target) if (reason := looks_wrong(end))]
            wrong += bool(reasons)
            figures = f"{each.strength:.3g} {each.events} {each.lift or 0:.3g}"
            print(f"{', '.join(reasons):16}{each.source} → {each.target}  {figures}")
        print(f"by rule: {share(wrong, len(pairs))}\n")
    typed = [row for row in rows if row["label"] not in UNTYPED]
    print(f"## labels of {min(LABELLED, len(typed))} of {len(typed):,} entities that have one")
    for row in drawn(typed, LABELLED):
        print(f"{row['label']:12}{row['name']}  {row['mentions']}")


def main(arguments: Sequence[str] | None = None) -> None:
    """Evaluate a store, or what is made of files and folders."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("paths", nargs="+", type=Path)
    parser.add_argument("--now", default="2100-01-01", help="the clock while files are taken in")
    chosen = parser.parse_args(arguments)
    [first, *more] = chosen.paths
    if not more and first.suffix == ".memini":
        with Memory.open(first, create=False, read_only=True) as memory:
            evaluate(memory)
        return
    now = to_millis(chosen.now)
    with (
        tempfile.TemporaryDirectory() as folder,
        Memory.open(Path(folder) / "made.memini", clock=lambda: now) as memory,
    ):
        memory.add(read(chosen.paths), skip_bad=True)
        evaluate(memory)


if __name__ == "__main__":
    main()
