"""Play random histories of all writing operations on a store and on an oracle, and compare after every step.

The oracle (`oracle_model.Oracle`) is a memory in plain dicts and lists. Few people, few sources and few dates
make the operations of a history meet each other. A history that ends in a mismatch is cut down to the steps
that it takes, and printed so that it can be played again:

    python scripts/oracle.py --histories 100 --seed 1
    python scripts/oracle.py --seed 1 --only 17
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

from oracle_model import Edge, Oracle
from oracle_state import NAMES, START
from oracle_steps import (
    PARAMETERS,
    Add,
    AliasAdd,
    AliasRemove,
    Bad,
    Compact,
    Consolidate,
    Embed,
    ExportImport,
    ForgetDocuments,
    ForgetEntity,
    ForgetPair,
    LoadEdges,
    LoadEvents,
    Merge,
    Remember,
    Reopen,
    Retune,
    Run,
    Step,
    Wait,
)

from memini_kuzu.extraction import canonical
from memini_kuzu.identity import stable_id
from memini_kuzu.records import Record
from memini_kuzu.store import Store, associations, loads
from memini_kuzu.store.model import rows
from memini_kuzu.times import DAY

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence


# --- stand-ins, and what histories are made of ---

SOURCES = ("diary", "letters", "")
DATES = tuple(START + day * DAY for day in (0, 1, 30, 31, 200))
THRESHOLDS = (0.0, 1e-3, 0.02, 0.3)
FILLER = "water under the old bridge " * 80
"""Makes a document longer than a passage; without a capital, it mentions nobody."""


# --- playing a history ---


@dataclass(slots=True)
class Outcome:
    """How a history went.

    Parameters
    ----------
    steps : list of Step
        What was played; the last step is the one after which the sides differed.
    wrong : list of str
        How they differed.
    """

    steps: list[Step] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)


def play(folder: Path, history: Iterable[Step] | History) -> Outcome:
    """Play a history until it is over or the sides differ.

    Parameters
    ----------
    folder : Path
        For the stores of many histories.
    history : iterable of Step, or History
        The steps, or what draws them as it goes.
    """
    outcome = Outcome()
    with tempfile.TemporaryDirectory(dir=folder) as place, _as_if_large():
        run = Run(Path(place), "a.memini", PARAMETERS[0], START + 210 * DAY)
        steps = history.steps(run) if isinstance(history, History) else iter(history)
        for step in steps:
            outcome.steps.append(step)
            outcome.wrong = run.step(step)
            if outcome.wrong or run.over:
                break
        run.memory.close()
    return outcome


@contextmanager
def _as_if_large() -> Iterator[None]:
    """Small stores are written and held in memory as large ones are."""
    with (
        # indexes of several segments
        patch.object(rows, "FEW", 1),
        # one in three writes replaces the table of associations
        patch.object(associations, "NEVER_SWAPPED", 0),
        patch.object(Store, "prefers_swap", lambda _, changed, total: (changed + total) % 3 == 0),
        # and what more than a few events are loaded from is appended
        patch.object(loads, "COPIED", 8),
    ):
        yield


def shortened(folder: Path, outcome: Outcome) -> Outcome:
    """The same mismatch, or another one, with all left out that it does not take."""
    place = 0
    while place < len(outcome.steps):
        for instead in _less(outcome.steps[place]):
            shorter = play(folder, [*outcome.steps[:place], *instead, *outcome.steps[place + 1 :]])
            if shorter.wrong:
                outcome = shorter
                break
        else:
            place += 1
    return outcome


def _less(step: Step) -> Iterator[list[Step]]:
    """Nothing in a step's place, or the step without one of its items."""
    yield []
    for name in ("records", "rows", "steps"):
        items = getattr(step, name, ())
        for place in range(len(items) if len(items) > 1 else 0):
            changed: dict[str, Any] = {name: items[:place] + items[place + 1 :]}
            yield [replace(step, **changed)]  # type: ignore[type-var]


def readable(line: str) -> str:
    """A line with names in the place of their ids."""
    for name in NAMES:
        line = line.replace(str(stable_id(canonical(name))), canonical(name))
    return line


# --- drawing a history ---


KINDS = {
    "tell": 8.0,
    "events": 3.0,
    "edges": 1.0,
    "alias_add": 3.0,
    "alias_remove": 2.0,
    "forget": 2.0,
    "forget_entity": 0.7,
    "forget_pair": 0.7,
    "consolidate": 2.0,
    "wait": 1.5,
    "merge": 1.0,
    "retune": 1.0,
    "compact": 0.4,
    "export": 0.5,
    "reopen": 1.0,
    "embed": 0.7,
    "bad": 1.0,
}
"""What steps there are, and how often each is drawn."""

FLAVOURS: tuple[tuple[str, ...], ...] = (
    (),
    ("alias_add", "alias_remove"),
    ("alias_add", "alias_remove", "consolidate", "wait"),
    ("alias_add", "alias_remove", "forget", "forget_entity", "forget_pair"),
    ("alias_add", "merge"),
    ("merge", "forget", "consolidate", "wait"),
    ("events", "edges", "forget", "forget_pair", "alias_remove"),
    ("retune", "consolidate", "wait", "alias_remove", "forget"),
)
"""What is drawn three times as often in a history, so that it meets itself."""

IN_ANOTHER = KINDS.keys() - {"wait", "merge", "retune", "compact", "export", "reopen", "embed", "bad"}
"""What happens to a store before it is merged."""


class History:
    """Draws steps.

    Parameters
    ----------
    seed : str
        The same seed gives the same steps.
    """

    def __init__(self, seed: str) -> None:
        self.chance = random.Random(seed)  # noqa: S311  a history, not a secret
        self.names = NAMES[: self.chance.choice((3, 4, len(NAMES)))]
        flavour = self.chance.choice(FLAVOURS)
        self.kinds = {kind: often * (3 if kind in flavour else 1) for kind, often in KINDS.items()}

    def steps(self, run: Run) -> Iterator[Step]:
        """Six to fourteen steps, each drawn when the ones before it are done."""
        for _ in range(self.chance.randint(6, 14)):
            yield self._step(run.oracle, self.kinds)

    def _step(self, oracle: Oracle, kinds: dict[str, float]) -> Step:
        [kind] = self.chance.choices(list(kinds), list(kinds.values()))
        step: Step = getattr(self, f"_{kind}")(oracle)
        return step

    def _name(self) -> str:
        return self.chance.choice(self.names)

    def _is(self, probability: float) -> bool:
        return self.chance.random() < probability

    def _time(self, oracle: Oracle) -> int:
        """One of a few dates, or the present."""
        return self.chance.choice((*DATES, oracle.now))

    def _record(self, oracle: Oracle) -> Record:
        chance = self.chance
        said = [
            f"{' met '.join(chance.sample(self.names, chance.randint(1, 3)))}."
            for _ in range(chance.randint(1, 3))
        ]
        if self._is(0.1):
            said.insert(1, f"{FILLER}.")
        return Record(
            chance.choice(("", "", "", f"{self._name()}: ")) + " ".join(said),
            chance.choice((None, self._time(oracle), self._time(oracle), self._time(oracle))),
            chance.choice(SOURCES),
            chance.choice(("", "", "", self._name(), f"{self._name()} (a tale)")),
            chance.choice(("", "1", "2", "2")),
        )

    def _tell(self, oracle: Oracle) -> Step:
        if self._is(0.5):
            return Remember(self._record(oracle))
        records = [self._record(oracle) for _ in range(self.chance.randint(1, 3))]
        return Add((*records, *self.chance.sample(records, self.chance.randint(0, 1))))

    def _ends(self, oracle: Oracle) -> list[str]:
        """Two names, seldom of one entity."""
        for _ in range(1 if self._is(0.05) else 9):
            ends = self.chance.sample(self.names, 2)
            one, other = (oracle.stands_for(stable_id(canonical(name))) for name in ends)
            if one != other:
                break
        return ends

    def _events(self, oracle: Oracle) -> Step:
        chance = self.chance
        suffix = chance.choice(("", ".csv", ".parquet"))
        as_ids = suffix != ".csv" and self._is(0.3)
        rows = []
        for _ in range(chance.randint(1, 3)):
            ends = self._ends(oracle)
            one, other = (stable_id(canonical(name)) if as_ids else name for name in ends)
            rows.append((one, other, chance.choice((1.0, 0.5, 2.0)), self._time(oracle)))
        keep = self._is(0.75)
        return LoadEvents(
            tuple(rows), self._is(0.5), suffix, keep, chance.choice(("", "told", "seen")) if keep else ""
        )

    def _edges(self, oracle: Oracle) -> Step:
        chance = self.chance
        rows, names = [], []
        for _ in range(chance.randint(1, 2)):
            ends = self._ends(oracle)
            first, last = sorted((chance.choice(DATES), chance.choice(DATES)))
            names += [(stable_id(canonical(name)), name) for name in ends]
            events = 1 if first == last else chance.randint(2, 4)
            one, other = names[-2:]
            rows.append(Edge(one[0], other[0], 0.5, 0.25, max(last, oracle.now - DAY), events, first, last))
        return LoadEdges(tuple(rows), tuple(dict.fromkeys(names)))

    def _alias_add(self, _: Oracle) -> Step:
        if self._is(0.03):
            return AliasAdd("", "Ada")
        return AliasAdd(*self.chance.sample((*self.names, "Countess"), 2))

    def _alias_remove(self, oracle: Oracle) -> Step:
        names = [alias.name for alias in oracle.aliases.values()]
        return AliasRemove(self.chance.choice(names)) if names else self._alias_add(oracle)

    def _forget(self, oracle: Oracle) -> Step:
        chance = self.chance
        loads = sorted({label for label, _ in oracle.loads.values()})
        source = chance.choice((None, *SOURCES, *loads))
        since, until = (chance.choice((None, self._time(oracle))) for _ in range(2))
        return ForgetDocuments(source, since, until)

    def _forget_entity(self, _: Oracle) -> Step:
        return ForgetEntity(self._name())

    def _forget_pair(self, _: Oracle) -> Step:
        return ForgetPair(*self.chance.sample(self.names, 2))

    def _consolidate(self, _: Oracle) -> Step:
        threshold = self.chance.choice(THRESHOLDS)
        if self._is(0.3):
            return Consolidate(threshold, keep=self.chance.randint(0, 8))
        return Consolidate(threshold, 0 if threshold else self.chance.choice((0, 400)))

    def _wait(self, _: Oracle) -> Step:
        return Wait(self.chance.choice((1, 30, 400, 900)))

    def _retune(self, _: Oracle) -> Step:
        return Retune(self.chance.choice(PARAMETERS))

    def _compact(self, _: Oracle) -> Step:
        return Compact()

    def _merge(self, oracle: Oracle) -> Step:
        kinds = {kind: often for kind, often in self.kinds.items() if kind in IN_ANOTHER}
        steps = tuple(self._step(oracle, kinds) for _ in range(self.chance.randint(1, 4)))
        return Merge(steps, skip_known=self._is(0.7))

    def _export(self, _: Oracle) -> Step:
        return ExportImport()

    def _reopen(self, _: Oracle) -> Step:
        return Reopen(embedder=self._is(0.4))

    def _embed(self, _: Oracle) -> Step:
        return Embed()

    def _bad(self, _: Oracle) -> Step:
        return Bad(self.chance.choice(Bad.KINDS))


def run_histories(
    seed: int, numbers: Iterable[int], *, shorten: bool = True
) -> Iterator[tuple[int, Outcome]]:
    """Play histories.

    Parameters
    ----------
    seed : int
        Of all of them.
    numbers : iterable of int
        Which.
    shorten : bool
        Leave steps out that a mismatch does not take.

    Yields
    ------
    number, outcome : int, Outcome
        How many steps were played, and what differed.
    """
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        for number in numbers:
            outcome = play(folder, History(f"{seed}/{number}"))
            if outcome.wrong and shorten:
                outcome = shortened(folder, outcome)
            yield number, outcome


def main(arguments: Sequence[str] | None = None) -> int:
    """Print every mismatch with its history; 1 if there is any."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--histories", type=int, default=100, help="how many (default: 100)")
    parser.add_argument("--seed", type=int, default=1, help="of the histories (default: 1)")
    parser.add_argument("--only", type=int, help="play the history of this number alone")
    parser.add_argument("--whole", action="store_true", help="do not leave steps out of a mismatch")
    options = parser.parse_args(arguments)
    numbers = range(options.histories) if options.only is None else [options.only]
    steps = wrong = 0
    for number, outcome in run_histories(options.seed, numbers, shorten=not options.whole):
        steps += len(outcome.steps)
        wrong += bool(outcome.wrong)
        if outcome.wrong:
            print(f"history {number} of seed {options.seed}:")
            print(*(f"    {step!r},".replace(FILLER, "[…]") for step in outcome.steps), sep="\n")
            print(*(f"  {readable(line)}" for line in outcome.wrong), sep="\n", flush=True)
    print(f"{len(numbers)} histories, {steps} steps, {wrong} mismatches")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
