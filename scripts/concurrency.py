"""Use one store from many threads, and from many processes through a server, and see that nothing goes wrong.

Threads of one process remember, recall, forget what they told themselves, consolidate, and ask for statistics
and explanations. Then `memini serve` owns the store, a client writes through it, and four processes read:
two hold a connection (`Memory.connect`), two run the command line (`memini --server`). At the end the store
must hold what was answered, all in it must agree, and SIGTERM must have ended the server as Ctrl-C does, with
the journal brought in.

    python scripts/concurrency.py --seconds 60
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from crash_operations import START, opened, sentences
from soundness import violations

from memini_kuzu.errors import InputError, UnknownEntityError
from memini_kuzu.memory import Memory
from memini_kuzu.store.engine.journal import read
from memini_kuzu.times import DAY, from_millis

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from memini_kuzu.service.client import RemoteMemory

__all__ = ["Tally", "environment", "memini", "serve", "settled", "share", "thread"]

CUES = ("Who painted the harbour?", "Ada Stone", "the violin of Grace Rivers", "telescope", "nobody at all")

SELDOM = 0.3
"""Share of the slow operations that are drawn and done."""

GONE = {"associations": UnknownEntityError, "explain": InputError}
"""What is said where what is asked for was forgotten meanwhile."""

PATIENCE = 60.0

ENDS_WITHIN = 10.0
"""Seconds in which a server that is told to end has ended."""

INTERRUPTED = 130

CLIENT = """
import sys, time
from memini_kuzu.memory import Memory
until = time.monotonic() + float(sys.argv[2])
with Memory.connect(sys.argv[1]) as memory:
    done = 0
    while time.monotonic() < until:
        for cue in sys.argv[3:]:
            memory.recall(cue, k=3)
        memory.stats()
        done += len(sys.argv[3:]) + 1
print(done)
"""


@dataclass
class Tally:
    """What was done, what went wrong, and which documents the store must hold.

    Parameters
    ----------
    done : collections.Counter
        Operations, by name.
    wrong : list of str
        What went wrong.
    told : dict of str to set of str
        The ids of each source's documents.
    """

    done: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    told: dict[str, set[str]] = field(default_factory=dict)

    def step(self, name: str, call: Callable[[], Any]) -> Any:
        """Do one thing, and count it."""
        try:
            result = call()
        except GONE.get(name, ()):
            result = None
        except Exception as error:  # noqa: BLE001  whatever it is
            where = traceback.extract_tb(error.__traceback__)[-1]
            self.wrong.append(
                f"{name}: {type(error).__name__}: {error} ({Path(where.filename).name}:{where.lineno})"
            )
            return None
        self.done[name] += 1
        return result


def _use(memory: Memory, tally: Tally, number: int, seed: int, until: float) -> None:
    """What one thread does."""
    chance = random.Random(f"{seed}/{number}")  # noqa: S311  operations, not secrets
    source = f"thread {number}"
    mine = tally.told.setdefault(source, set())
    ways = ("recall",) * 8 + ("remember",) * 5 + ("explain", "stats", "associations", "forget", "consolidate")
    asked: dict[str, Callable[[], Any]] = {
        "recall": lambda: memory.recall(chance.choice(CUES)),
        "explain": lambda: [memory.explain(CUES[1], each.id) for each in memory.recall(CUES[1]).passages[:1]],
        "stats": memory.stats,
        "associations": lambda: memory.associations("Ada Stone"),
        "consolidate": lambda: memory.consolidate(threshold=0.0),
        "forget": lambda: memory.forget(source=source),
    }
    count = 0
    while time.monotonic() < until:
        way = chance.choice(ways)
        if way == "remember":
            count += 1
            name = f"{number}-{count}"
            if tally.step(way, lambda: _remember(memory, chance, source, name)):  # noqa: B023
                mine.add(name)
        elif way not in {"forget", "consolidate"} or (mine and chance.random() < SELDOM):
            done = tally.step(way, asked[way])
            if way == "forget" and done:
                mine.clear()


def _remember(memory: Memory | RemoteMemory, chance: random.Random, source: str, name: str) -> Any:
    when = from_millis(START + chance.randrange(100) * DAY)
    return memory.remember(sentences(chance, 1), time=when, source=source, id=name)


def _compare(path: Path, tally: Tally) -> None:
    """The store holds what was answered, and all in it agrees."""
    store, memory = opened(path)
    with memory:
        tally.wrong += violations(store)
        rows = store.read("MATCH (d:Document) RETURN d.source AS source, d.record AS id").to_pylist()
        there = {(row["source"], row["id"]) for row in rows}
        told = {(source, name) for source, names in tally.told.items() for name in names}
        if there != told:
            tally.wrong.append(f"{len(told - there)} documents are lost, {len(there - told)} are there again")


def thread(path: Path, seconds: float, *, threads: int = 8, seed: int = 1) -> Tally:
    """Use a store from several threads.

    Parameters
    ----------
    path : Path
        The store; it is made.
    seconds : float
        For how long.
    threads : int
        How many.
    seed : int
        Of what they do.
    """
    tally = Tally()
    store, memory = opened(path)
    with memory, ThreadPoolExecutor(threads) as pool:
        until = time.monotonic() + seconds
        for each in [pool.submit(_use, memory, tally, number, seed, until) for number in range(threads)]:
            each.result()
        tally.wrong += violations(store)
    _compare(path, tally)
    return tally


def environment() -> dict[str, str]:
    """That of a user: no server, no store and no token."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("MEMINI_")}
    # the commands run in a folder of their own
    return {**kept, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}


def memini(*given: object) -> list[str]:
    """The command line of a memini command."""
    return [sys.executable, "-m", "memini_kuzu", *map(str, given)]


@contextmanager
def serve(path: Path, *given: object) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A server in a process of its own, and its address; it is killed if it has not ended.

    Parameters
    ----------
    path : Path
        The store.
    *given : object
        More of the command line.
    """
    command = memini("serve", "--db", path, "--port", 0, *given)
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment())
    try:
        assert process.stderr is not None  # noqa: S101  a pipe
        lines: list[str] = []
        while " at http" not in (line := process.stderr.readline()):
            lines.append(line)
            if not line:
                raise RuntimeError("".join(lines))
        yield process, line.split(" at ")[1].split(";")[0]
    finally:
        process.kill()
        # what more it has said is little, and nobody asks
        process.communicate()


def settled(process: subprocess.Popen[Any], path: Path, number: signal.Signals = signal.SIGTERM) -> list[str]:
    """End a server by a signal: what is wrong with its end, and with what it leaves.

    Parameters
    ----------
    process : subprocess.Popen
        The server.
    path : Path
        Its store.
    number : signal.Signals
        Which signal.
    """
    process.send_signal(number)
    began = time.monotonic()
    try:
        code = process.wait(PATIENCE)
    except subprocess.TimeoutExpired:
        return [f"the server goes on {PATIENCE:.0f} s after it was told to"]
    wrong = []
    if time.monotonic() - began > ENDS_WITHIN:
        wrong.append(f"the server ended {time.monotonic() - began:.1f} s after it was told to")
    if code != INTERRUPTED:
        wrong.append(f"the server ended with {code}")
    if path.with_name(path.name + ".wal").exists() or path.with_name(path.name + ".pid").exists():
        wrong.append("a log or a pid is left beside the store")
    written = read(path.with_name(path.name + ".journal"))
    if written is not None and (written.head.follow or written.records):
        wrong.append("the journal was not brought into the file")
    return wrong


def share(path: Path, seconds: float, *, seed: int = 1) -> Tally:
    """Use a store from several processes, through a server.

    Parameters
    ----------
    path : Path
        The store; it is made.
    seconds : float
        For how long.
    seed : int
        Of what the writer does.
    """
    tally = Tally()
    with serve(path) as (process, url), ThreadPoolExecutor(5) as pool:
        tasks = [
            pool.submit(_write, url, tally, seed, seconds),
            *(pool.submit(_connect, url, tally, seconds) for _ in range(2)),
            *(pool.submit(_command, url, tally, seconds, way) for way in ("recall", "stats")),
        ]
        for task in tasks:
            task.result()
        tally.wrong += settled(process, path)
    _compare(path, tally)
    return tally


def _write(url: str, tally: Tally, seed: int, seconds: float) -> None:
    chance = random.Random(seed)  # noqa: S311  operations, not secrets
    mine = tally.told.setdefault("writer", set())
    until = time.monotonic() + seconds
    with Memory.connect(url) as memory:
        count = 0
        while time.monotonic() < until:
            count += 1
            name = str(count)
            if tally.step("remember", lambda: _remember(memory, chance, "writer", name)):  # noqa: B023
                mine.add(name)
            if count % 40 == 0 and tally.step("forget", lambda: memory.forget(source="writer")):
                mine.clear()


def _connect(url: str, tally: Tally, seconds: float) -> None:
    command = [sys.executable, "-c", CLIENT, url, str(seconds), *CUES]
    done = subprocess.run(command, capture_output=True, text=True, env=environment(), check=False)
    if done.returncode:
        tally.wrong.append(f"a reader ended with {done.returncode}: {done.stderr.strip()[-300:]}")
    else:
        tally.done["calls of connected readers"] += int(done.stdout)


def _command(url: str, tally: Tally, seconds: float, way: str) -> None:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        command = memini("--server", url, way, *(CUES[:1] if way == "recall" else ()), "--json")
        done = subprocess.run(command, capture_output=True, text=True, env=environment(), check=False)
        if done.returncode:
            tally.wrong.append(f"memini {way} ended with {done.returncode}: {done.stderr.strip()[-300:]}")
        tally.done[f"memini {way}"] += 1


def main() -> None:
    """Use a store in both ways, and print what came of it."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--seconds", type=float, default=10.0, help="of each way")
    parser.add_argument("--threads", type=int, default=8)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    wrong: list[str] = []
    operations = 0
    with tempfile.TemporaryDirectory() as name:
        for way in ("threads", "processes"):
            path = Path(name) / f"{way}.memini"
            if way == "threads":
                tally = thread(path, arguments.seconds, threads=arguments.threads, seed=arguments.seed)
            else:
                tally = share(path, arguments.seconds, seed=arguments.seed)
            print(f"{way}: " + ", ".join(f"{count:,} {each}" for each, count in sorted(tally.done.items())))
            wrong += [f"{way}: {line}" for line in tally.wrong]
            operations += tally.done.total()
    for line, count in Counter(wrong).most_common(30):
        print(f"{count} × {line}")
    print(f"{operations:,} operations, {len(wrong):,} violations")
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
