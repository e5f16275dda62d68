"""Let the disk fill up in the middle of every operation that writes, and see that the store does not notice.

A child has a store open. The room that is left to it is cut down to a random amount, and it does one
operation (crash_operations.py). It must be done, or refused with an error of the store; no process may die.
Then there is room again, and the same process must hold the state before the operation or the one after it,
go on writing, and leave a sound store when it closes.

As root the disk is a small one of its own (tmpfs); otherwise, or with ``--way file``, no file may grow beyond
a size (RLIMIT_FSIZE). By default memini does not ask for free room first (`need_room`), since a disk may
fill up after it has asked; with ``--ask`` it does.

    python scripts/full_disk.py --trials 10
"""

from __future__ import annotations

import argparse
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import traceback
from collections import Counter
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING, Any

from crash_operations import OPERATIONS, STORE, Worker
from soundness import differences, state, unsound

from memini_kuzu.errors import InputError, StoreError, UnknownEntityError
from memini_kuzu.store import Store
from memini_kuzu.store.engine import database
from memini_kuzu.times import from_millis

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from multiprocessing.connection import Connection

__all__ = ["NAMES", "fill_up", "prepare"]

CONTEXT = get_context("forkserver")
CONTEXT.set_forkserver_preload(["memini_kuzu.memory", "crash_operations", "ibis.backends.duckdb"])

BEFORE = ("add", "note table", "note table", "add with vectors", "alias add", "remember", "note")
"""What was done to the store before."""

NUMBER = 31
"""Of the operation, which says when it happens."""

NAMES = (*(name for name in OPERATIONS if name != "reopen"), "close")

DISK = 256 << 20
"""Bytes of the small disk."""

MOST = 48.0
"""MB that are left to an operation, at most."""

PATIENCE = 120.0

SHOWN, SHORT = 30, 200


def _chance(*parts: object) -> random.Random:
    return random.Random("/".join(map(str, parts)))  # noqa: S311  operations, not secrets


def _perform(worker: Worker, name: str, seed: int) -> None:
    """One operation; what memini refuses for another reason than the disk is done."""
    if name == "close":
        worker.close()
        return
    with suppress(InputError, UnknownEntityError):
        OPERATIONS[name][1](worker, NUMBER, _chance(seed, name))


def _guarded(send: Connection, target: Callable[..., None], *given: Any) -> None:
    try:
        target(send, *given)
    except Exception as error:  # noqa: BLE001  whatever it is
        where = traceback.extract_tb(error.__traceback__)[-1]
        send.send(("wrong", f"{type(error).__name__}: {error} ({Path(where.filename).name}:{where.lineno})"))


def _make(send: Connection, folder: Path, seed: int) -> None:
    worker = Worker(folder, seed)
    for number, name in enumerate(BEFORE):
        OPERATIONS[name][1](worker, number, _chance(seed, name, number))
    worker.close()
    send.send(("made", None))


def _begin(folder: Path, seed: int) -> Worker:
    """Open the store, and let its journal hold a change."""
    worker = Worker(folder, seed)
    worker.memory.remember(
        "Ada Stone saw the harbour.", time=from_millis(1_750_000_000_000), source="source 1"
    )
    return worker


def _rehearse(send: Connection, folder: Path, name: str, seed: int, swap: bool) -> None:  # noqa: FBT001
    """Tell what the store holds before and after the operation."""
    with _swapping(swap):
        worker = _begin(folder, seed)
        send.send(("before", state(worker.store)))
        _perform(worker, name, seed)
        if name == "close":
            worker.open()
        send.send(("after", state(worker.store)))
        worker.close()


@dataclass(frozen=True, slots=True)
class _Trial:
    """What is tried, and how much room there is."""

    name: str
    seed: int
    swap: bool
    way: str
    room: int
    asks: bool


def _try(send: Connection, folder: Path, trial: _Trial) -> None:
    name, seed, swap, way, room = trial.name, trial.seed, trial.swap, trial.way, trial.room
    if not trial.asks:
        database.ROOM = 0
    with _swapping(swap):
        worker = _begin(folder, seed)
        send.send(("step", "full"))
        try:
            with (_filled if way == "disk" else _limited)(folder, room):
                _perform(worker, name, seed)
            outcome = "done"
        except StoreError as error:
            outcome = "refused"
            send.send(("message", f"{type(error).__name__}: {str(error).replace(str(folder), '')}"))
        send.send(("outcome", outcome))
        send.send(("step", "going on"))
        if name == "close":
            worker.open()
        send.send(("found", state(worker.store)))
        worker.memory.remember("Grace Rivers saw the violin.", source="source 2")
        worker.memory.consolidate(threshold=0.0)
        for line in unsound(worker.store):
            send.send(("wrong", f"after it: {line}"))
        send.send(("step", "closing"))
        expected = state(worker.store)
        worker.close()
        worker.open()
        for line in differences(state(worker.store), expected):
            send.send(("wrong", f"opened again: {line}"))
        worker.close()
        left = [each.name for each in folder.iterdir() if each.suffix in {".wal", ".standby", ".new"}]
        if left:
            send.send(("wrong", f"left beside it: {', '.join(left)}"))


@contextmanager
def _swapping(swap: bool) -> Iterator[None]:  # noqa: FBT001
    Store.prefers_swap = lambda *_, **__: swap  # type: ignore[method-assign]
    yield


@contextmanager
def _filled(folder: Path, room: int) -> Iterator[None]:
    """A disk on which so much is free, and no more."""
    filler = folder.with_name("filler")
    free = shutil.disk_usage(folder).free
    with filler.open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, max(free - room, 1))
    try:
        yield
    finally:
        filler.unlink()


@contextmanager
def _limited(folder: Path, room: int) -> Iterator[None]:
    """No file may grow beyond a size: that of the store and a little more or less, or a small one."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    size = (folder / STORE).stat().st_size
    limit = room // 1024 if room % 3 == 0 else size + room // 8 - round(MOST * (1 << 15))
    resource.setrlimit(resource.RLIMIT_FSIZE, (max(limit, 0), resource.RLIM_INFINITY))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))


def _child(target: Callable[..., None], *given: Any) -> tuple[list[tuple[str, Any]], int | None]:
    """What a child tells until it ends, and its exit code."""
    receive, send = CONTEXT.Pipe(duplex=False)
    process = CONTEXT.Process(target=_guarded, args=(send, target, *given), daemon=True)
    process.start()
    send.close()
    patience = threading.Timer(PATIENCE, process.kill)
    patience.start()
    told = []
    with suppress(EOFError, OSError):
        while True:
            told.append(receive.recv())
    process.join()
    patience.cancel()
    receive.close()
    return told, process.exitcode


def prepare(folder: Path, seed: int) -> Path:
    """Make the store that all trials begin with.

    Parameters
    ----------
    folder : Path
        For it.
    seed : int
        Of its content.
    """
    base = folder / "base"
    told, code = _child(_make, base, seed)
    if code or ("made", None) not in told:
        raise RuntimeError(f"{code}: {told}")
    return base


def _copied(base: Path, place: Path) -> Path:
    folder = place / "worked"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(base, folder)
    inputs = place / "inputs"
    if not inputs.exists():
        # what is read has its own disk
        inputs.symlink_to(base.with_name("inputs"), target_is_directory=True)
    return folder


def fill_up(
    base: Path,
    place: Path,
    name: str,
    seed: int,
    trials: int,
    *,
    way: str = "file",
    ask: bool = False,
    most: float = MOST,
) -> dict[str, Any]:
    """Let the disk fill up in one operation, again and again.

    Parameters
    ----------
    base : Path
        As `prepare` made it.
    place : Path
        The folder of the store; where `way` is ``disk``, a small disk of its own.
    name : str
        Of the operation.
    seed : int
        Of what it does, and of the room that is left.
    trials : int
        How often.
    way : str
        ``disk`` or ``file``.
    ask : bool
        Let memini ask first how much is free.
    most : float
        MB that are left, at most.

    Returns
    -------
    dict of str to Any
        ``outcomes`` and ``messages``, counted, and ``violations``.
    """
    outcomes: Counter[str] = Counter()
    messages: Counter[str] = Counter()
    wrong: list[str] = []
    swap = bool(_chance(seed, name, "swap").randrange(2))
    told, code = _child(_rehearse, _copied(base, place), name, seed, swap)
    states = dict(told)
    if code or "after" not in states:
        return {"outcomes": outcomes, "messages": messages, "violations": [f"{name} in peace: {told} {code}"]}
    chance = _chance(seed, name, "rooms")
    for number in range(trials):
        # from nothing to what a step needs at most: its journal, a copy of the file, what it writes anew
        room = (
            round(most * (1 << 20) * chance.random() ** chance.choice((1, 1, 4))) // 1024 * 1024 + number % 3
        )
        trial = _Trial(name, seed, swap, way, room, ask)
        told, code = _child(_try, _copied(base, place), trial)
        outcomes.update(value for what, value in told if what == "outcome")
        messages.update(value for what, value in told if what == "message")
        lines = list(_wrong(told, states))
        if code:
            outcomes["died"] += 1
            lines.append(f"the process ended with {code}, {told[-1] if told else 'at once'}"[:SHORT])
        wrong += [f"{name}, {room / (1 << 20):.2f} MB left: {line}" for line in lines]
    return {"outcomes": outcomes, "messages": messages, "violations": wrong}


def _wrong(told: list[tuple[str, Any]], states: dict[str, Any]) -> Iterator[str]:
    """What is wrong in a trial's tale."""
    for what, value in told:
        if what == "wrong":
            yield value
        elif what == "found" and (before := differences(value, states["before"])):
            after = differences(value, states["after"])
            if after:
                yield f"neither before nor after: {before[0]}; {after[0]}"


@contextmanager
def _disk(folder: Path, way: str) -> Iterator[Path]:
    place = folder / "disk"
    place.mkdir()
    if way == "file":
        yield place
        return
    command = ["mount", "-t", "tmpfs", "-o", f"size={DISK}", "tmpfs", str(place)]
    subprocess.run(command, check=True)
    try:
        yield place
    finally:
        subprocess.run(["umount", str(place)], check=True)  # noqa: S607


def main() -> None:
    """Fill the disk up, and print what came of it."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--trials", type=int, default=5, help="of each operation")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--way", choices=("disk", "file"), default="file" if os.geteuid() else "disk")
    parser.add_argument("--ask", action="store_true", help="let memini ask for free room first")
    parser.add_argument("--most", type=float, default=MOST, help="MB that are left, at most")
    parser.add_argument("--operation", choices=NAMES, action="append")
    parser.add_argument("--messages", action="store_true", help="print what is said, too")
    arguments = parser.parse_args()
    wrong: list[str] = []
    total: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as name, _disk(Path(name), arguments.way) as place:
        base = prepare(Path(name), arguments.seed)
        for operation in arguments.operation or NAMES:
            row = fill_up(
                base,
                place,
                operation,
                arguments.seed,
                arguments.trials,
                way=arguments.way,
                ask=arguments.ask,
                most=arguments.most,
            )
            total.update(row["outcomes"])
            wrong += row["violations"]
            counts = ", ".join(f"{count} {outcome}" for outcome, count in sorted(row["outcomes"].items()))
            print(f"{operation:24}{counts}", flush=True)
            if arguments.messages:
                for message, count in row["messages"].most_common():
                    print(f"    {count:4}  {message}")
    for line in wrong[:SHOWN]:
        print(line)
    counts = ", ".join(f"{count:,} {outcome}" for outcome, count in sorted(total.items()))
    print(f"{sum(total.values()):,} trials: {counts}; {len(wrong):,} violations")
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
