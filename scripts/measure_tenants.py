"""What many users cost: stores that are open, the engine's own share of it, and a server with users at work.

    python scripts/measure_tenants.py stores --stores 100
    python scripts/measure_tenants.py engine
    python scripts/measure_tenants.py serve --users 1000 --active 50 --minutes 5

- `stores`: the resident memory of the process, beyond that of the first store, while all are open and after
  all are closed; the time to open and close one.
- `engine`: the same of Kùzu databases without memini, by what is in them.
- `serve`: `memini serve --root` in a process of its own, over HTTP. All users are made; then they come and go
  at random. One who is there remembers and recalls by turns, with a pause in between. Every answer is
  searched for texts of others, and at the end every store is counted. Exit code 1 where a call failed, or a
  text is missing or was given to another user.
"""

from __future__ import annotations

import argparse
import asyncio
import ctypes
import os
import random
import secrets
import statistics
import subprocess
import sys
import tempfile
import time
import zlib
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import httpx2
import kuzu
import numpy as np
import psutil

from memini_kuzu import Memory, RuleExtractor
from memini_kuzu.service import SignedTokens
from memini_kuzu.service.places import store_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

SENTENCE = "Ada Lovelace wrote to Charles Babbage."

NODE = "CREATE NODE TABLE N{}(id INT64 PRIMARY KEY, value INT64)"
ROW = "CREATE (:N{} {{id: 1, value: 1}})"

DATABASES = {
    "nothing": [],
    "1 node table, empty": [NODE.format(0)],
    "1 node table, 1 row": [NODE.format(0), ROW.format(0)],
    "1 node table of 20 columns, 1 row": [
        f"CREATE NODE TABLE N0(id INT64 PRIMARY KEY, {', '.join(f'c{n} STRING' for n in range(20))})",
        "CREATE (:N0 {id: 1})",
    ],
    "1 node table, 1 relationship table, 1 edge": [
        NODE.format(0),
        ROW.format(0),
        "CREATE (:N0 {id: 2, value: 2})",
        "CREATE REL TABLE R(FROM N0 TO N0, value DOUBLE)",
        "MATCH (a:N0 {id: 1}) MATCH (b:N0 {id: 2}) CREATE (a)-[:R {value: 1.0}]->(b)",
    ],
    "7 node tables, empty": [NODE.format(n) for n in range(7)],
    "13 node tables, empty": [NODE.format(n) for n in range(13)],
    "13 node tables, 1 row each": [text.format(n) for n in range(13) for text in (NODE, ROW)],
}
"""Kùzu databases, and the statements that make them."""

FIRST, VISIT = "remember, the first text of all", "recall, the first of a visit"
"""Calls that have to make or open a store."""

PLACES = ("Oslo", "Lisbon", "Turin", "Ghent", "Malmo", "Graz")


def resident(process: int | None = None) -> int:
    """Bytes of resident memory, of this process by default."""
    return int(psutil.Process(process).memory_info().rss)


@dataclass
class Costs:
    """What stores cost, each."""

    open: float
    """MB of memory while it is open."""
    closed: float
    """MB of memory after it is closed."""
    disk: float
    """MB on disk."""
    opening: float
    """ms."""
    closing: float
    """ms."""


def measure(paths: Sequence[Path], opened: Callable[[Path], Memory | kuzu.Database]) -> Costs:
    """Open all, close all; the first one twice, since it loads what all need."""
    opened(paths[0]).close()
    before = resident()
    stores, opening, closing = [], [], []
    for path in paths:
        begun = time.perf_counter()
        stores.append(opened(path))
        opening.append(time.perf_counter() - begun)
    during = resident()
    for store in stores:
        begun = time.perf_counter()
        store.close()
        closing.append(time.perf_counter() - begun)
    ctypes.CDLL(None).malloc_trim(0)
    beside = [file.stat().st_size for file in paths[0].parent.iterdir()]
    return Costs(
        open=(during - before) / len(paths) / 1e6,
        closed=(resident() - before) / len(paths) / 1e6,
        disk=sum(beside) / len(paths) / 1e6,
        opening=statistics.median(opening) * 1000,
        closing=statistics.median(closing) * 1000,
    )


def measure_stores(folder: Path, stores: int) -> Costs:
    """Stores of one sentence."""
    paths = [folder / f"{number}.memini" for number in range(stores)]
    for path in paths:
        with Memory.open(path, extractor=RuleExtractor()) as memory:
            memory.remember(SENTENCE, time="2026-03-01")
    return measure(paths, lambda path: Memory.open(path, extractor=RuleExtractor()))


def measure_engine(folder: Path, stores: int, statements: Sequence[str]) -> Costs:
    """Databases of Kùzu, with the settings that memini has."""

    def opened(path: Path) -> kuzu.Database:
        return kuzu.Database(str(path), buffer_pool_size=1 << 28, max_db_size=1 << 40, auto_checkpoint=False)

    paths = [folder / f"{number}.kuzu" for number in range(stores)]
    for path in paths:
        database = opened(path)
        connection = kuzu.Connection(database)
        for statement in (*statements, "CHECKPOINT"):
            connection.execute(statement)
        connection.close()
        database.close()
    return measure(paths, opened)


def show(rows: dict[str, Costs]) -> None:
    """Print what was measured."""
    print(f"{'each':44} {'MB open':>8} {'MB closed':>10} {'MB on disk':>11} {'ms open':>8} {'ms close':>9}")
    for name, row in rows.items():
        print(
            f"{name:44} {row.open:8.1f} {row.closed:10.1f} {row.disk:11.2f} {row.opening:8.1f} "
            f"{row.closing:9.1f}"
        )


def engine(stores: int) -> None:
    """Each database in a process of its own: none gets the memory that another one left."""
    rows = {}
    for name in DATABASES:
        done = subprocess.run(
            [sys.executable, __file__, "engine", "--stores", str(stores), "--of", name],
            check=True, capture_output=True, text=True,
        )  # fmt: skip
        rows[name] = Costs(*map(float, done.stdout.split()))
    show(rows)


@dataclass
class Log:
    """What a run found."""

    seconds: defaultdict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    """By what was called."""
    told: Counter[str] = field(default_factory=Counter)
    """Texts by user."""
    failures: list[str] = field(default_factory=list)
    memory: list[tuple[float, int]] = field(default_factory=list)
    """Times and bytes."""
    begun: float = 0.0
    """When the measured time began."""


class User:
    """One who talks to the server.

    Parameters
    ----------
    name : str
        It occurs in each of their texts, and in no other's.
    client : httpx2.AsyncClient
        Of all users.
    tokens : SignedTokens
        With the server's key.
    log : Log
        Of all users.
    """

    def __init__(self, name: str, client: httpx2.AsyncClient, tokens: SignedTokens, log: Log) -> None:
        self.name = name
        self._client = client
        self._headers = {"Authorization": f"Bearer {tokens.issue(name, days=1)}"}
        self._log = log

    async def _post(
        self, tool: str, called: str, arguments: dict[str, object]
    ) -> dict[str, list[dict[str, str]]]:
        begun = time.perf_counter()
        answer = await self._client.post(f"/v1/{tool}", json=arguments, headers=self._headers)
        self._log.seconds[called].append(time.perf_counter() - begun)
        if not answer.is_success:
            self._log.failures.append(f"{self.name}: {answer.status_code} {answer.text}")
            return {}
        found: dict[str, list[dict[str, str]]] = answer.json()
        return found

    async def remember(self, place: str, called: str = "remember") -> None:
        """Tell something that only this user tells."""
        number = self._log.told[self.name]
        text = f"Kim {self.name.title()} met Sam Lind in {place} about matter {number}."
        if await self._post("remember", called, {"text": text, "id": str(number)}):
            self._log.told[self.name] += 1

    async def recall(self, place: str, called: str = "recall") -> None:
        """Ask what every user has told something about; only this one's may come back."""
        found = await self._post("recall", called, {"cue": f"Who met Sam Lind in {place}?", "k": 5})
        texts = [passage["text"] for passage in found.get("passages", [])]
        if not texts or any(f"Kim {self.name.title()} " not in text for text in texts):
            self._log.failures.append(f"{self.name}: recalled {texts}")


@dataclass(frozen=True)
class Plan:
    """Who comes."""

    users: int
    active: int
    """Users at a time, and stores that may be open."""
    warming: float
    """Seconds in which the first users come, before anything is measured."""
    minutes: float
    stay: float
    """Seconds that a user stays, on average."""
    pause: float
    """Seconds between two turns of a user, on average."""


async def work(plan: Plan, url: str, key: str, server: int) -> Log:
    """Make all users, then let so many of them at a time come, talk, and go."""
    log = Log()
    chance = random.Random(14)  # noqa: S311 - chance that can be repeated
    limits = httpx2.Limits(max_connections=plan.active, max_keepalive_connections=plan.active)
    async with httpx2.AsyncClient(base_url=url, timeout=120, limits=limits) as client:
        everybody = [User(f"user{number:04}", client, SignedTokens(key), log) for number in range(plan.users)]
        waiting = iter(everybody)

        async def arrive() -> None:
            for user in waiting:
                await user.remember(chance.choice(PLACES), FIRST)

        async def watch() -> None:
            while True:
                log.memory.append((time.monotonic(), resident(server)))
                await asyncio.sleep(1)

        watching = asyncio.create_task(watch())
        begun = time.monotonic()
        await asyncio.gather(*(arrive() for _ in range(4)))
        spent = time.monotonic() - begun
        print(f"{plan.users} users made in {spent:.0f} s; memory {resident(server) / 1e6:.0f} MB", flush=True)
        gone = everybody.copy()
        log.begun = time.monotonic() + plan.warming
        end = log.begun + plan.minutes * 60

        async def come_and_go() -> None:
            await asyncio.sleep(chance.uniform(0, plan.warming))
            while time.monotonic() < end:
                user = gone.pop(chance.randrange(len(gone)))
                until = min(time.monotonic() + chance.expovariate(1 / plan.stay), end)
                await user.recall(chance.choice(PLACES), VISIT)
                while time.monotonic() < until:
                    await asyncio.sleep(chance.expovariate(1 / plan.pause))
                    await user.remember(chance.choice(PLACES))
                    await user.recall(chance.choice(PLACES))
                gone.append(user)

        async def forget_the_warming() -> None:
            await asyncio.sleep(plan.warming)
            log.seconds = defaultdict(list, {FIRST: log.seconds[FIRST]})

        await asyncio.gather(forget_the_warming(), *(come_and_go() for _ in range(plan.active)))
        watching.cancel()
    return log


def serve(folder: Path, plan: Plan) -> int:
    """Run it, count what is in the stores afterwards, and print the table."""
    root, key = folder / "users", secrets.token_urlsafe(32)
    server = subprocess.Popen(
        [sys.executable, "-m", "memini_kuzu", "--extractor", "rules", "serve",
         "--root", root, "--open", str(plan.active), "--port", "0"],
        stderr=subprocess.PIPE, text=True, env={**os.environ, "MEMINI_KEY": key},
    )  # fmt: skip
    try:
        assert server.stderr is not None  # noqa: S101 - for the type checker
        url = next(line.split(" at ")[1].split(";")[0] for line in server.stderr if " at http" in line)
        alone = resident(server.pid)
        log = asyncio.run(work(plan, url.removesuffix("/mcp"), key, server.pid))
    finally:
        server.terminate()
        server.communicate(timeout=120)
    for name, told in log.told.items():
        with Memory.open(store_of(root, name), read_only=True) as memory:
            if (kept := memory.stats().documents) != told:
                log.failures.append(f"{name}: {told} told, {kept} kept")
    print(f"{'':31} {'calls':>7} {'p50 ms':>8} {'p95 ms':>8} {'max ms':>8}")
    for called, seconds in sorted(log.seconds.items()):
        p50, p95 = np.percentile(seconds, [50, 95]) * 1000
        print(f"{called:31} {len(seconds):7} {p50:8.0f} {p95:8.0f} {max(seconds) * 1000:8.0f}")
    print(f"\nmemory of the server: {alone / 1e6:.0f} MB before the first user, at most "
          f"{max(size for _, size in log.memory) / 1e6:.0f} MB, and after each minute (MB):")  # fmt: skip
    shown = [size for at, size in log.memory if at >= log.begun and (at - log.begun) % 60 < 1]
    print("  " + " ".join(f"{size / 1e6:.0f}" for size in shown))
    print(f"calls that failed or gave another's text, stores that miss a text: {len(log.failures)}")
    for failure in log.failures[:20]:
        print(failure, file=sys.stderr)
    return 1 if log.failures else 0


def main() -> int:
    """Print what was asked for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=("stores", "engine", "serve"))
    parser.add_argument("--stores", type=int, default=20, help="stores or databases that are open at once")
    parser.add_argument("--of", choices=DATABASES, help="only this database, as plain numbers")
    parser.add_argument("--users", type=int, default=1000)
    parser.add_argument("--active", type=int, default=50, help="users at a time, and stores that may be open")
    parser.add_argument("--minutes", type=float, default=5.0)
    parser.add_argument("--warming", type=float, default=60.0, help="seconds before the measured minutes")
    parser.add_argument("--stay", type=float, default=120.0, help="seconds that a user is there, on average")
    parser.add_argument(
        "--pause", type=float, default=10.0, help="seconds between a user's turns, on average"
    )
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        if arguments.what == "serve":
            plan = Plan(
                arguments.users,
                arguments.active,
                arguments.warming,
                arguments.minutes,
                arguments.stay,
                arguments.pause,
            )
            return serve(folder, plan)
        if arguments.what == "stores":
            show({f"{arguments.stores} stores of one sentence": measure_stores(folder, arguments.stores)})
            packed = len(zlib.compress((folder / "0.memini").read_bytes(), level=1))
            print(f"one of them compresses to {packed / 1e6:.2f} MB (zlib, level 1)")
        elif arguments.of:
            costs = measure_engine(folder, arguments.stores, DATABASES[arguments.of])
            print(costs.open, costs.closed, costs.disk, costs.opening, costs.closing)
        else:
            engine(arguments.stores)
    return 0


if __name__ == "__main__":
    sys.exit(main())
