"""Damage a store in every way that a disk does, and see that it is found out.

A store is closed, or its process is killed so that the journal holds changes that the file lacks. Of copies
of it the file is cut at every page and the journal at every record and every 512 bytes, and in others single
bits are flipped. Opened for reading and for writing, each copy must either hold all that was told, or be
refused with an error of the store that says what is lost, and be left as it is. Where it is refused,
`Memory.recover` must name the loss and bring the store to one that opens, and in which `memini doctor` finds
nothing, or says what; or it must say that the file cannot be read any more.

    python scripts/damage.py --flips 200 --every 1
"""

from __future__ import annotations

import argparse
import os
import pickle
import random
import signal
import sys
import tempfile
import threading
import traceback
import warnings
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING, Any

from crash_operations import LATER, START, clear, opened, sentences
from soundness import differences, state, unsound

from memini_kuzu.errors import StoreError
from memini_kuzu.memory import Memory
from memini_kuzu.records import Record
from memini_kuzu.store.engine.checksum import PAGE
from memini_kuzu.store.engine.journal import AT_RECORDS, RECORD
from memini_kuzu.times import DAY, from_millis

if TYPE_CHECKING:
    from collections.abc import Iterator
    from multiprocessing.connection import Connection

__all__ = ["Damage", "cuts", "flips", "inflict", "prepare"]

CONTEXT = get_context("forkserver")
CONTEXT.set_forkserver_preload(["memini_kuzu.memory", "crash_operations", "soundness"])
"""A child that dies of a damaged file is what is looked for; it starts as a fork that has memini loaded."""

CONDITIONS = ("closed", "killed")

FILES = {"file": "", "journal": ".journal"}

DOCUMENTS, CHANGES = 25, 4
"""Documents in the file, and changes that the journal alone holds."""

STEP = 512
"""Bytes between two cuts of the journal."""

PATIENCE = 120.0
"""Seconds after which a process is stuck."""

SHOWN = 20
"""Lines of what is wrong that are printed."""


@dataclass(frozen=True, slots=True)
class Damage:
    """What happens to a copy.

    Parameters
    ----------
    what : str
        ``file`` or ``journal``.
    how : str
        ``cut``, or ``flip`` of a bit.
    place : int
        Bytes that are left, or the number of the bit.
    """

    what: str
    how: str
    place: int

    def of(self, content: bytes) -> bytes:
        """The content, damaged."""
        if self.how == "cut":
            return content[: self.place]
        damaged = bytearray(content)
        damaged[self.place // 8] ^= 1 << self.place % 8
        return bytes(damaged)

    def __str__(self) -> str:
        if self.how == "cut":
            return f"{self.what} cut to {self.place:,} bytes"
        return f"{self.what} with bit {self.place % 8} of byte {self.place // 8:,} flipped"


@dataclass(frozen=True, slots=True)
class Case:
    """A store that is to be damaged.

    Parameters
    ----------
    files : dict of str to bytes
        The store and what stands beside it, by the ends of their names.
    expected : Path
        What it holds, as `soundness.state` gives it, pickled.
    """

    files: dict[str, bytes]
    expected: Path


# --- the children ---


def _guarded(send: Connection, target: Any, *given: Any) -> None:
    try:
        target(send, *given)
    except Exception as error:  # noqa: BLE001  whatever it is
        where = traceback.extract_tb(error.__traceback__)[-1]
        send.send(("wrong", f"{type(error).__name__}: {error} ({Path(where.filename).name}:{where.lineno})"))


def _fill(send: Connection, path: Path, condition: str, seed: int) -> None:
    """Make the store, and close it or wait to be killed."""
    chance = random.Random(seed)  # noqa: S311  content, not secrets
    store, memory = opened(path)
    memory.add(
        Record(sentences(chance, 1), START + day * DAY, f"source {day % 3}", id=f"d{day}")
        for day in range(DOCUMENTS)
    )
    if condition == "killed":
        # in the file so far
        store._engine.checkpoint()  # noqa: SLF001
        for day in range(DOCUMENTS, DOCUMENTS + CHANGES):
            memory.remember(sentences(chance, 1), time=from_millis(START + day * DAY), source="later")
    send.send(("state", state(store)))
    if condition == "killed":
        send.send(("ready", None))
        signal.pause()
    memory.close()


def _look(send: Connection, path: Path, expected: Path, *, recovers: bool) -> None:
    """Open a damaged store in both ways, and recover it where it is refused."""
    wanted = pickle.loads(expected.read_bytes())  # noqa: S301  our own
    files = [path.with_name(path.name + end) for end in FILES.values()]
    before = [file.read_bytes() for file in files]
    refused = opens = False
    for way in ("reading", "writing"):
        send.send(("step", way))
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            try:
                store, memory = opened(path, read_only=way == "reading")
            except StoreError as error:
                refused = True
                send.send(("outcome", f"refused: {type(error).__name__}"))
                if str(path) not in str(error):
                    send.send(("wrong", f"{way}: the error names no store: {error}"))
                continue
        opens = True
        with memory:
            lines = differences(state(store), wanted)
        if lines and told:
            send.send(("outcome", "opened with a warning"))
        elif lines:
            send.send(("wrong", f"{way}: other content, and nothing is said: {'; '.join(lines)}"))
        else:
            send.send(("outcome", "whole"))
    if refused and not opens:
        for file, content in zip(files, before, strict=True):
            if not file.exists() or file.read_bytes() != content:
                send.send(("wrong", f"{file.name} was refused, and is another one after"))
    if refused and recovers:
        send.send(("step", "recovering"))
        # of a log that is set aside
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            _recover(send, path)


def _recover(send: Connection, path: Path) -> None:
    try:
        lost = Memory.recover(path)
    except StoreError as error:
        send.send(("outcome", f"not recovered: {type(error).__name__}"))
        return
    if not lost:
        send.send(("wrong", "what was refused is recovered, and nothing is named as lost"))
    store, memory = opened(path)
    with memory:
        problems = [each for each in memory.doctor(deep=True).findings if each.status == "problem"]
        if problems:
            send.send(("outcome", "recovered, doctor says what is wrong"))
        else:
            send.send(("outcome", "recovered and sound"))
            for line in unsound(store):
                send.send(("wrong", f"recovered, and doctor does not see: {line}"))
            memory.remember("Ada Stone visited the harbour again.", time=from_millis(LATER))


class _Child:
    """A process that sends messages, with an end to patience."""

    def __init__(self, target: Any, *given: Any, **named: Any) -> None:
        self._receive, send = CONTEXT.Pipe(duplex=False)
        arguments = (send, _Called(target, named), *given)
        self.process = CONTEXT.Process(target=_guarded, args=arguments, daemon=True)
        self.process.start()
        send.close()
        self._patience = threading.Timer(PATIENCE, self.process.kill)
        self._patience.daemon = True
        self._patience.start()

    def messages(self) -> Iterator[tuple[str, Any]]:
        """What it sends until it ends."""
        with suppress(EOFError, OSError):
            while True:
                yield self._receive.recv()

    def ended(self) -> int | None:
        """Its exit code."""
        self.process.join()
        self._patience.cancel()
        self._receive.close()
        return self.process.exitcode


@dataclass(frozen=True, slots=True)
class _Called:
    """A function with named arguments that a child can be given."""

    target: Any
    named: dict[str, Any]

    def __call__(self, *given: Any) -> None:
        self.target(*given, **self.named)


# --- the parent ---


def prepare(folder: Path, condition: str, seed: int) -> Case:
    """Make a store that is to be damaged.

    Parameters
    ----------
    folder : Path
        For it.
    condition : str
        ``closed``, or ``killed`` with changes in the journal.
    seed : int
        Of its content.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "damaged.memini"
    clear(path)
    child = _Child(_fill, path, condition, seed)
    expected = folder / "expected"
    for what, value in child.messages():
        if what == "wrong":
            raise RuntimeError(value)
        if what == "state":
            expected.write_bytes(pickle.dumps(value))
        elif what == "ready":
            child.process.kill()
    child.ended()
    ends = ("", ".journal", ".wal")
    files = {end: path.with_name(path.name + end) for end in ends}
    return Case({end: file.read_bytes() for end, file in files.items() if file.exists()}, expected)


def cuts(case: Case, every: int) -> Iterator[Damage]:
    """All ways to cut its two files.

    Parameters
    ----------
    case : Case
        The store.
    every : int
        Of the file's pages, only each so-manieth.
    """
    size = len(case.files[""])
    for page in range(0, size // PAGE, every):
        yield Damage("file", "cut", page * PAGE)
    journal = case.files[".journal"]
    places = {*range(0, len(journal), STEP), *_records(journal)}
    # the head, field by field
    places |= set(range(0, AT_RECORDS + 1, 4))
    for place in sorted(places):
        if place < len(journal):
            yield Damage("journal", "cut", place)


def _records(journal: bytes) -> Iterator[int]:
    place = AT_RECORDS
    while place < len(journal):
        yield place
        # and in the middle of its head
        yield place + RECORD.size // 2
        place += RECORD.size + RECORD.unpack_from(journal, place)[0]


def flips(case: Case, number: int, seed: int) -> Iterator[Damage]:
    """So many flips of a bit in each of several places.

    Parameters
    ----------
    case : Case
        The store.
    number : int
        In the file and in the journal, and a quarter of it in the first page, and in the journal's head.
    seed : int
        Of their places.
    """
    chance = random.Random(seed)  # noqa: S311  places, not secrets
    for what, end in FILES.items():
        size = 8 * len(case.files[end])
        narrow = 8 * (PAGE if what == "file" else AT_RECORDS)
        for place in (
            *(chance.randrange(size) for _ in range(number)),
            *(chance.randrange(narrow) for _ in range(number // 4)),
        ):
            yield Damage(what, "flip", place)
    # what Kùzu uses of the first page
    for _ in range(number // 4):
        yield Damage("file", "flip", chance.randrange(8 * 28))


def inflict(folder: Path, case: Case, damage: Damage, *, recovers: bool = True) -> dict[str, Any]:
    """Damage a copy and look at it.

    Parameters
    ----------
    folder : Path
        For the copy.
    case : Case
        The store.
    damage : Damage
        What is to happen to it.
    recovers : bool
        Recover it where it is refused.

    Returns
    -------
    dict of str to Any
        What came of it: ``outcomes`` by step, and ``violations``.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "damaged.memini"
    clear(path)
    damaged = {
        end: damage.of(content) if FILES[damage.what] == end else content
        for end, content in case.files.items()
    }
    for end, content in damaged.items():
        path.with_name(path.name + end).write_bytes(content)
    child = _Child(_look, path, case.expected, recovers=recovers)
    outcomes: dict[str, str] = {}
    wrong: list[str] = []
    step = "starting"
    for what, value in child.messages():
        if what == "step":
            step = value
        elif what == "outcome":
            outcomes[step] = value
        else:
            wrong.append(f"{step}: {value}")
    code = child.ended()
    if code:
        wrong.append(f"{step}: the process ended with {code}")
    return {"damage": str(damage), "outcomes": outcomes, "violations": wrong}


def main() -> None:
    """Damage, look, and print what came of it."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--flips", type=int, default=50, help="bits of the file, and of the journal")
    parser.add_argument("--every", type=int, default=97, help="cut the file at every so-manieth page")
    parser.add_argument("--recover", type=int, default=5, help="recover every so-manieth that is refused")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--condition", choices=CONDITIONS, action="append")
    parser.add_argument("--only", choices=("cut", "flip"))
    arguments = parser.parse_args()
    wrong: list[str] = []
    damages = 0
    with tempfile.TemporaryDirectory(dir=os.environ.get("TMPDIR")) as name:
        for condition in arguments.condition or CONDITIONS:
            case = prepare(Path(name) / condition, condition, arguments.seed)
            all_damages = [*cuts(case, arguments.every), *flips(case, arguments.flips, arguments.seed)]
            came: dict[tuple[str, str], Counter[str]] = {}
            for number, damage in enumerate(all_damages):
                if arguments.only not in {None, damage.how}:
                    continue
                damages += 1
                recovers = number % arguments.recover == 0
                row = inflict(Path(name) / "copy", case, damage, recovers=recovers)
                counted = came.setdefault((damage.what, damage.how), Counter())
                counted.update(f"{step} {outcome}" for step, outcome in row["outcomes"].items())
                wrong += [f"{condition}, {damage}: {line}" for line in row["violations"]]
            print(f"{condition}: {len(case.files['']) // PAGE:,} pages")
            for (what, how), counted in came.items():
                print(f"  {what}, {how}")
                for outcome, count in sorted(counted.items()):
                    print(f"    {count:6,}  {outcome}")
    for line in wrong[:SHOWN]:
        print(line)
    print(f"{damages:,} damages, {len(wrong):,} violations")
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
