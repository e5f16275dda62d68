"""Kill a store's process at random moments, in every operation that writes, and see that nothing is lost.

A child process does one operation after the other on a store (crash_operations.py: it remembers, takes in new
versions, loads, exports and imports, merges, edits entities, forgets, retunes, embeds, backs up, runs Cypher)
and says after each that it is done. It is killed (SIGKILL) at a random moment: while it opens the store,
while it works, or just after an operation began. A second store, the mirror, has the same operations done to
it and is never killed. After a kill the store must hold, row by row, what the mirror holds after all
operations that were acknowledged, or after one more, which may have been committed and not acknowledged; and
what it holds must agree with itself (soundness.py). The next child goes on with the same store.

After some kills a second one follows while the store is opened, before anybody has seen it; after some,
readers and a writer open it at once; and now and then it is a server that is killed, while two clients
remember through it.

    python scripts/crash.py --kills 50
"""

from __future__ import annotations

import argparse
import importlib.util
import itertools
import queue
import random
import shutil
import signal
import sys
import tempfile
import threading
import time
import traceback
from collections import Counter
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING, Any

from crash_operations import (
    BESIDE,
    NOTES,
    STORE,
    Worker,
    ends_at,
    exact,
    kind,
    left_beside,
    opened,
    sentences,
)
from soundness import differences, ledger, state, unsound, violations

from memini_kuzu.errors import StoreError, StoreLockedError
from memini_kuzu.memory import Memory

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from multiprocessing.connection import Connection

    from soundness import State

__all__ = ["calm", "crash", "ledger", "violations"]

CONTEXT = get_context("forkserver")
"""Children are forks of a process that has imported memini and opened nothing: they start at once."""

PRELOADED = ["memini_kuzu.memory", "memini_kuzu.service", "pyarrow.parquet", "ibis.backends.duckdb"]

OPENING = 0.25
"""Seconds from the start of a child in which it opens the store, at most."""

WITHIN = 0.2
"""Seconds from the beginning of an operation to a kill, at most."""

AGAIN, RACED, SERVED = 0.2, 0.1, 0.06
"""Shares of the kills that another one follows while the store is opened, or a race; and of servers."""

READERS = 3

TOLD = 3
"""Tables that a line tells of where a state is another one."""

PATIENCE = 120.0
"""Seconds after which a process is stuck."""

CLIENTS = ("first client", "second client")

MADE = set(BESIDE)
"""Operations that make a store beside this one."""


# --- the children ---


def _work(send: Connection, folder: Path, seed: int, first: int, until: int) -> None:
    """Do operations until killed, or until they are all done, and tell of each."""
    # what libraries put aside there, such as DuckDB's tables, nobody clears after a kill
    tempfile.tempdir = str(folder.with_name("temporary"))
    worker = Worker(folder, seed)
    send.send(("ready",))
    for number in range(first, until):
        send.send(("begun", number))
        outcome = worker.perform(number)
        send.send(("done", number, outcome))
        if left := worker.leftovers(number):
            send.send(("wrong", f"{kind(seed, number)} leaves {', '.join(left)}"))
    worker.close()
    send.send(("closed",))


def _open(send: Connection, folder: Path) -> None:
    """Open the store and wait to be killed."""
    opened(folder / STORE)
    send.send(("ready",))
    time.sleep(PATIENCE)


def _look(send: Connection, folder: Path, names: tuple[str, ...], *, whole: bool) -> None:
    """Tell all that the store holds, and the ones beside it, and what does not agree."""
    began = time.perf_counter()
    store, memory = opened(folder / STORE)
    seconds = time.perf_counter() - began
    with memory:
        send.send(("state", STORE, state(store)))
        wrong = unsound(store) if not whole else violations(store)
        wrong += _problems(memory)
    for name in names:
        if (folder / name).exists():
            store, memory = opened(folder / name, read_only=True)
            with memory:
                send.send(("state", name, state(store)))
                wrong += [f"{name}: {line}" for line in (*unsound(store), *_problems(memory))]
    for line in wrong:
        send.send(("wrong", line))
    send.send(("looked", seconds))


def _problems(memory: Memory) -> list[str]:
    """What doctor finds."""
    return [
        f"doctor: {each.check}: {each.detail}"
        for each in memory.doctor().findings
        if each.status == "problem"
    ]


def _read(send: Connection, path: Path, wait: float) -> None:
    """Recall from the store while others open it too, and tell what it holds."""
    try:
        store, memory = opened(path, read_only=True, wait=wait)
    except StoreLockedError as error:
        send.send(("refused", str(error)))
        return
    with memory:
        memory.recall("Who painted the harbour with Ada Stone?")
        seen = state(store)
    # closed before: who waits for it does not wait for this process to be heard
    send.send(("state", "seen", seen))


def _write(send: Connection, path: Path, wait: float, note: dict[str, Any]) -> None:
    """Remember a text while others open the store too, and tell what it held before and after."""
    try:
        store, memory = opened(path, wait=wait)
    except StoreLockedError as error:
        send.send(("refused", str(error)))
        return
    with memory:
        before = state(store)
        memory.remember(**note)
        after = state(store)
    send.send(("state", "before", before))
    send.send(("state", "after", after))


def _serve(send: Connection, path: Path) -> None:
    """What `memini serve` does, with the extractor of all here."""
    from memini_kuzu.service import serve_http  # noqa: PLC0415 - the extra mcp

    _, memory = opened(path)
    with memory:
        serve_http(memory, port=0, ready=lambda url: send.send(("serving", url)))


def _guarded(send: Connection, target: Callable[..., None], *given: Any, **named: Any) -> None:
    """Run in a child; what goes wrong is told, not printed."""
    try:
        target(send, *given, **named)
    except Exception as error:  # noqa: BLE001  whatever it is
        where = traceback.extract_tb(error.__traceback__)[-1]
        send.send(("failed", f"{type(error).__name__}: {error} ({Path(where.filename).name}:{where.lineno})"))


class _Child:
    """A process that sends messages."""

    def __init__(self, target: Callable[..., None], *given: Any, **named: Any) -> None:
        self._receive, send = CONTEXT.Pipe(duplex=False)
        self._process = CONTEXT.Process(
            target=_guarded, args=(send, target, *given), kwargs=named, daemon=True
        )
        self._process.start()
        send.close()
        self.stuck = False
        self._patience = threading.Timer(PATIENCE, self._give_up)
        self._patience.daemon = True
        self._patience.start()

    def _give_up(self) -> None:
        self.stuck = True
        self.kill()

    def kill(self) -> None:
        """End it as the kernel would when memory runs out."""
        self._process.kill()

    def messages(self) -> Iterator[tuple[Any, ...]]:
        """What it sends until it ends."""
        # killed in the middle of a long message, it leaves a part of one
        with suppress(EOFError, OSError):
            while True:
                yield self._receive.recv()

    def ended(self) -> str:
        """Wait until it has ended: ``killed``, empty, or what was wrong with its end."""
        self._process.join()
        self._patience.cancel()
        self._receive.close()
        code = self._process.exitcode
        self._process.close()
        if self.stuck:
            return f"stuck for {PATIENCE:.0f} s"
        if code == -signal.SIGKILL:
            return "killed"
        return "" if code == 0 else f"ended with {code}"


def _told(child: _Child) -> tuple[dict[str, State], list[str], dict[str, Any]]:
    """States, what is wrong, and what else a child says that is not killed."""
    states: dict[str, State] = {}
    wrong: list[str] = []
    other: dict[str, Any] = {}
    for what, *values in child.messages():
        if what == "state":
            states[values[0]] = values[1]
        elif what in {"wrong", "failed"}:
            wrong.append(values[0])
        else:
            other[what] = values[0]
    end = child.ended()
    return states, wrong + ([end] if end else []), other


# --- the parent, which kills and looks ---


@dataclass(frozen=True, slots=True)
class _Moment:
    """When to kill: so long after the child has started, is ready, or has begun its `begun`-th operation."""

    name: str
    delay: float
    begun: int = 0

    def comes(self, message: tuple[Any, ...], begun: int) -> bool:
        """Whether the time runs from this message on."""
        return message[0] == self.name and (self.name != "begun" or begun == self.begun)


def _listen(child: _Child, told: queue.SimpleQueue[tuple[Any, ...] | None], moment: _Moment | None) -> None:
    """Pass on what a child says, and kill it at its moment, whatever the rest of this process does."""
    timer = threading.Timer(moment.delay if moment else 0.0, child.kill)
    if moment and moment.name == "start":
        timer.start()
    begun = 0
    for message in child.messages():
        begun += message[0] == "begun"
        if moment and moment.comes(message, begun):
            timer.start()
        told.put(message)
    timer.cancel()
    told.put(None)


@dataclass(slots=True)
class _Run:
    """A chapter: a store that is killed, its mirror, and what is known of both."""

    folder: Path
    seed: int
    done: int
    mirror: Worker
    wrong: list[str] = field(default_factory=list)
    copies: dict[str, list[State | None]] = field(default_factory=dict)
    touched: set[str] = field(default_factory=set)
    unsure: list[dict[str, Any]] = field(default_factory=list)
    last: int = field(init=False)
    where: str = "opening"
    settled: bool = True
    broken: bool = False

    def __post_init__(self) -> None:
        self.last = ends_at(self.done)

    @classmethod
    def begin(cls, folder: Path, seed: int, number: int) -> _Run:
        """Begin with operation `number`, and new stores."""
        for name in ("killed", "mirror", "inputs", "temporary"):
            shutil.rmtree(folder / name, ignore_errors=True)
        for name in ("killed", "temporary"):
            (folder / name).mkdir(parents=True)
        return cls(folder, seed, number, Worker(folder / "mirror", seed, rehearses=True))

    @property
    def killed(self) -> Path:
        """The folder of the store that is killed."""
        return self.folder / "killed"

    def expected(self) -> State:
        """What the mirror holds."""
        return state(self.mirror.store)

    def copied(self, name: str) -> State:
        """What a copy that this operation makes is to hold: an export has memini's own tables only."""
        left_out = NOTES if name == "exchange" else ()
        return {table: rows for table, rows in self.expected().items() if table not in left_out}

    def work(self, until: int, moment: _Moment | None) -> bool:
        """Let a child work until it is killed, or has done all and closed; whether it was killed.

        The mirror follows what is acknowledged, meanwhile.
        """
        self.where, self.settled = "opening", False
        child = _Child(_work, self.killed, self.seed, self.done, until)
        told: queue.SimpleQueue[tuple[Any, ...] | None] = queue.SimpleQueue()
        listener = threading.Thread(target=_listen, args=(child, told, moment))
        listener.start()
        for message in iter(told.get, None):
            with self._rehearsing():
                self._heed(*message)
        listener.join()
        return self._ended(child)

    @contextmanager
    def _rehearsing(self) -> Iterator[None]:
        """Tell of an error of the mirror, which nobody kills, as of any other; it is not asked again."""
        if self.broken:
            return
        try:
            yield
        except Exception as error:  # noqa: BLE001  whatever it is
            self.broken = True
            self.wrong.append(f"the mirror: {self.where}: {type(error).__name__}: {error}")

    def _ended(self, child: _Child) -> bool:
        end = child.ended()
        if end not in {"killed", ""}:
            self.wrong.append(f"the child {end}, {self.where}")
        return end == "killed"

    def _heed(self, what: str, *values: Any) -> None:
        if what == "ready":
            self.where = "ready"
        elif what == "begun":
            self.where = kind(self.seed, values[0])
            if self.where in MADE:
                # until it is acknowledged, the copy is as it was, or gone, or the new one
                self.touched.add(BESIDE[self.where])
                self.copies.setdefault(BESIDE[self.where], []).extend((None, self.copied(self.where)))
        elif what == "done":
            number, outcome = values
            name = kind(self.seed, number)
            expected = self.mirror.perform(number)
            if outcome != expected:
                self.wrong.append(f"{name} ended with {outcome}, and with {expected} in the mirror")
            if name in MADE:
                self.copies[BESIDE[name]] = [self.copied(name)]
            self.done = number + 1
            self.where = "closing" if self.done == self.last else f"after {name}"
        elif what in {"wrong", "failed"}:
            self.wrong.append(f"{self.where}: {values[0]}")

    def open_and_kill(self, delay: float) -> None:
        """Kill a child while it opens the store that another one has left."""
        child = _Child(_open, self.killed)
        timer = threading.Timer(delay, child.kill)
        timer.start()
        self.wrong += [f"opening: {values[0]}" for what, *values in child.messages() if what == "failed"]
        timer.cancel()
        self._ended(child)

    def serve(self, kill: int, delay: float) -> bool:
        """Let clients remember through a server until it is killed; whether it was."""
        self.where, self.settled = "serving", True
        child = _Child(_serve, self.killed / STORE)
        timer = threading.Timer(delay, child.kill)
        clients: list[_Client] = []
        for what, *values in child.messages():
            if what == "serving":
                timer.start()
                clients = [_Client(values[0], name, kill) for name in CLIENTS]
                for client in clients:
                    client.start()
            else:
                self.wrong.append(f"serving: {values[0]}")
        timer.cancel()
        for client in clients:
            client.join()
            with self._rehearsing():
                for note in client.acknowledged:
                    self.mirror.memory.remember(**note)
            self.unsure += client.asked
            self.wrong += client.wrong
        return self._ended(child)

    def race(self, number: int, waits: tuple[float, ...]) -> None:
        """Let a writer, and as many readers as there are more waits, open the store at once."""
        with self._rehearsing():
            self._race(number, waits)

    def _race(self, number: int, waits: tuple[float, ...]) -> None:
        path = self.killed / STORE
        if not path.exists():  # killed before it was made
            return
        note = _note("race", number)
        wait, *others = waits
        children = [_Child(_write, path, wait, note), *(_Child(_read, path, wait) for wait in others)]
        (written, *read), wrong, texts = zip(*map(_told, children), strict=True)
        self.wrong += [f"race: {line}" for lines in wrong for line in lines]
        refused = [other["refused"] for other in texts if "refused" in other]
        self.wrong += [f"race: {text!r} is not clear" for text in refused if " is locked" not in text]
        if len(refused) == len(children):
            self.wrong.append("race: all were refused")
        seen = [states["seen"] for states in read if states]
        for found in (written.get("before"), *seen):
            if found is not None:
                self.wrong += [f"race: {line}" for line in self.settle(found)]
                break
        allowed = [self.expected()]
        if "after" in written:
            self.mirror.memory.remember(**note)
            allowed.append(self.expected())
            self.wrong += [f"race: {line}" for line in differences(written["after"], allowed[-1])]
            # the writer has done what cleans up, and has closed
            if left := left_beside(path):
                self.wrong.append(f"race: {', '.join(left)} is left beside the store")
        for found in seen:
            if all(differences(found, one) for one in allowed):
                self.wrong.append(f"race: a reader saw neither state: {differences(found, allowed[-1])[0]}")

    def look(self) -> float:
        """Compare with the mirror, and look whether all agrees; the seconds that opening took."""
        whole = exact(self.last - 1)
        states, wrong, other = _told(_Child(_look, self.killed, tuple(self.touched), whole=whole))
        self.wrong += wrong
        with self._rehearsing():
            self._compare(states)
        return float(other.get("looked", 0.0))

    def _compare(self, states: dict[str, State]) -> None:
        for name in self.touched:
            found, allowed = states.get(name), self.copies[name]
            if found is None and None not in allowed:
                self.wrong.append(f"{name} is missing")
            elif found is not None:
                lines = [differences(found, one) for one in allowed if one is not None]
                if all(lines):
                    self.wrong += [f"{name}: {line}" for line in lines[-1]]
            self.copies[name] = [found]
        self.touched.clear()
        if STORE in states:
            self.wrong += self.settle(states[STORE])

    def settle(self, found: State) -> list[str]:
        """Let the mirror do what was committed and not acknowledged; how the states differ even so."""
        there = {row[1:3] for row in found["Document"]}
        for note in self.unsure:
            if (note["source"], note["id"]) in there:
                self.mirror.memory.remember(**note)
        self.unsure.clear()
        before = differences(found, self.expected())
        # what was once seen not to be committed may not be so later
        settled, self.settled = self.settled, True
        if not before or settled or self.done == self.last:
            return [f"not as after {self.done} operations: {line}" for line in before]
        name = kind(self.seed, self.done)
        self.mirror.perform(self.done)
        after = differences(found, self.expected())
        if after:
            return [f"not as after {self.done} operations ({_few(before)}) nor with {name} ({_few(after)})"]
        self.done += 1
        return []


def _few(lines: list[str]) -> str:
    more = len(lines) - TOLD
    return "; ".join([*lines[:TOLD], *([f"{more} more"] if more > 0 else [])])


def _note(source: str, *parts: int) -> dict[str, Any]:
    """A text to remember that is no numbered operation."""
    identity = "-".join(map(str, parts))
    chance = random.Random(f"{source}/{identity}")  # noqa: S311  a text, no secret
    return {"text": sentences(chance, 1), "time": "2025-02-01", "source": source, "id": identity}


class _Client(threading.Thread):
    """Remembers through a server until that is gone."""

    def __init__(self, url: str, name: str, kill: int) -> None:
        super().__init__()
        self._url, self._source, self._kill = url, name, kill
        self.acknowledged: list[dict[str, Any]] = []
        self.asked: list[dict[str, Any]] = []
        self.wrong: list[str] = []

    def run(self) -> None:
        """Remember one text after the other."""
        try:
            with Memory.connect(self._url, timeout=20.0) as memory:
                for number in itertools.count():
                    self.asked = [_note(self._source, self._kill, number)]
                    memory.remember(**self.asked[0])
                    self.acknowledged += self.asked
        except StoreError as error:
            if "no memory answers" not in str(error):
                self.wrong.append(f"{self._source}: {error}")
        except Exception as error:  # noqa: BLE001  whatever it is
            self.wrong.append(f"{self._source}: {type(error).__name__}: {error}")


def _moment(chance: random.Random, longest: float) -> _Moment:
    place = chance.random()
    if place < 1 / 8:
        return _Moment("start", chance.uniform(0.0, OPENING))
    if place < 5 / 8:
        return _Moment("begun", chance.uniform(0.0, WITHIN), begun=chance.randrange(1, 7))
    return _Moment("ready", chance.uniform(0.0, longest))


def crash(
    path: Path, kills: int, seed: int, *, longest: float = 0.8, keep: Path | None = None
) -> Iterator[dict[str, Any]]:
    """Kill a child so many times; what was found after each.

    Parameters
    ----------
    path : Path
        A folder for the stores; it is made where it is missing.
    kills : int
        How many times.
    seed : int
        Of the operations and the moments.
    longest : float
        Seconds of work before a kill, at most.
    keep : Path, optional
        A folder for the files of what was found wrong, as the kill has left them, and of the mirror.

    Yields
    ------
    dict
        One row a kill, and one without a number where a child has closed before it came.
    """
    chance = random.Random(seed)  # noqa: S311  moments, not secrets
    CONTEXT.set_forkserver_preload(PRELOADED)
    run, done = _Run.begin(path, seed, 0), 0
    served = importlib.util.find_spec("mcp") is not None
    while done < kills:
        if served and chance.random() < SERVED:
            moment = _Moment("serving", chance.uniform(0.0, longest))
            killed = run.serve(done + 1, moment.delay)
        else:
            moment = _moment(chance, longest)
            killed = run.work(run.last, moment)
        done += killed
        row: dict[str, Any] = {
            "kill": done if killed else None,
            "moment": moment.name,
            "after_s": moment.delay,
        }
        row |= {"killed_in": run.where, "acknowledged": run.done, "there": None, "reopen_s": None}
        before = path / "before"
        if keep is not None:
            shutil.rmtree(before, ignore_errors=True)
            shutil.copytree(run.killed, before / "killed")
        if killed and done < kills and chance.random() < AGAIN:
            # unseen, what the first has left is opened and killed again
            yield row | {"violations": run.wrong}
            run.wrong = []
            delay = chance.uniform(0.0, OPENING)
            run.open_and_kill(delay)
            done += 1
            row |= {"kill": done, "moment": "again", "after_s": delay, "killed_in": "opening"}
        if chance.random() < RACED:
            run.race(done, tuple(chance.choice((0.0, 0.3, 3.0)) for _ in range(1 + READERS)))
            row["moment"] += ", race"
        reopen = run.look()
        ends = run.done == run.last
        if ends and not run.wrong:
            run.race(done + 1_000_000, (0.0,))
        yield row | {"there": run.done, "reopen_s": reopen, "violations": run.wrong}
        if run.wrong and keep is not None:
            shutil.copytree(run.folder / "mirror", before / "mirror")
            kept = keep / f"seed {seed} kill {done}"
            shutil.rmtree(kept, ignore_errors=True)
            shutil.move(before, kept)
        if run.wrong or ends:
            run.mirror.close()
            run = _Run.begin(path, seed, run.last)
    run.mirror.close()


def calm(path: Path, operations: int, seed: int) -> Iterator[dict[str, Any]]:
    """Let children do so many operations and close, without a kill: nothing may be found.

    Parameters
    ----------
    path, seed
        As for `crash`.
    operations : int
        How many, at least.

    Yields
    ------
    dict
        One row a child.
    """
    chance = random.Random(seed)  # noqa: S311  moments, not secrets
    CONTEXT.set_forkserver_preload(PRELOADED)
    run = _Run.begin(path, seed, 0)
    while run.done < operations:
        run.work(min(run.last, run.done + chance.randrange(1, 12)), None)
        done = run.done
        reopen = run.look()
        row: dict[str, Any] = {"kill": None, "moment": "never", "after_s": 0.0, "killed_in": run.where}
        row |= {"acknowledged": done, "there": run.done, "reopen_s": reopen, "violations": run.wrong}
        yield row
        if run.wrong or run.done == run.last:
            run.mirror.close()
            run = _Run.begin(path, seed, run.last)
    run.mirror.close()


def main(arguments: Iterable[str] | None = None) -> int:
    """Print a line for each kill; 1 if anything was lost or torn."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--kills", type=int, default=50, help="how many times (default: 50)")
    parser.add_argument("--seed", type=int, default=1, help="of operations and moments (default: 1)")
    parser.add_argument("--calm", type=int, metavar="N", help="do N operations and kill nobody")
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="keep the files of what is found wrong")
    options = parser.parse_args(None if arguments is None else list(arguments))
    if options.keep is not None:
        options.keep.mkdir(parents=True, exist_ok=True)
    bad = kills = 0
    places: Counter[str] = Counter()
    print(
        f"{'kill':>5} {'moment':<13} {'after s':>7} {'killed in':<28} {'acknowledged':>12} {'there':>6} "
        f"{'reopen s':>8}  violations"
    )
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "crash"
        rows = (
            crash(path, options.kills, options.seed, keep=options.keep)
            if options.calm is None
            else calm(path, options.calm, options.seed)
        )
        for row in rows:
            bad += len(row["violations"])
            if row["kill"] is not None:
                kills += 1
                places[row["killed_in"]] += 1
            print(
                f"{row['kill'] or '-':>5} {row['moment']:<13} {row['after_s']:>7.3f} {row['killed_in']:<28} "
                f"{row['acknowledged']:>12} {'-' if row['there'] is None else row['there']:>6} "
                f"{'-' if row['reopen_s'] is None else format(row['reopen_s'], '.3f'):>8}  "
                f"{'; '.join(row['violations']) or 'none'}",
                flush=True,
            )
    inside = ", ".join(f"{name} {places[name]}" for name in sorted(places) if not name.startswith("after "))
    print(f"killed in: {inside}; between operations {sum(places.values()) - _inside(places)}")
    print(f"{kills} kills, {bad} violations")
    return 1 if bad else 0


def _inside(places: Counter[str]) -> int:
    return sum(number for name, number in places.items() if not name.startswith("after "))


if __name__ == "__main__":
    sys.exit(main())
