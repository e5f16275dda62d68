"""What one store costs a process in memory: while it is used, and while nobody asks it anything.

    python scripts/measure_memory.py --passages 10000

A Python process and `memini serve`, each with a copy of one store. Both are asked, told sentences and
asked by turns, and then left alone until the store's file rests. Of the resident memory, what is anonymous
is the process's own; the rest are pages of files, such as libraries, which processes share. Mentions are
found by rules: a model comes on top. What is installed counts too: in a Python process Arrow imports pandas
where it finds it.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import time
from importlib.util import find_spec
from pathlib import Path
from typing import IO, TYPE_CHECKING

import psutil
from bench_common import as_installed
from bench_loop import fill, sentences

from memini_kuzu import Memory
from memini_kuzu.store.engine.rest import IDLE, LOOK

if TYPE_CHECKING:
    from collections.abc import Iterator

WORK = """
import json, sys

def stage(name):
    print(name, flush=True)
    sys.stdin.readline()

path, told, asked = sys.argv[1], json.loads(sys.stdin.readline()), int(sys.argv[2])
from memini_kuzu import RuleExtractor
from memini_kuzu.memory import Memory
stage("imported")
memory = Memory.open(path, extractor=RuleExtractor())
stage("store open")
for _, question in told[:asked]:
    memory.recall(question)
stage("recalls")
for text, question in told:
    memory.remember(text, source="now")
    memory.recall(question)
stage("turns")
stage("at rest")
memory.close()
"""

ASKED = 5

SETTLED = 5.0
"""Seconds in which a file is brought to rest."""


def resident(process: int) -> str:
    """Resident memory of a process, and what of it is its own."""
    maps = psutil.Process(process).memory_maps()
    rss, anonymous = (sum(getattr(each, name) for each in maps) / 1e6 for name in ("rss", "anonymous"))
    return f"{rss:6.0f} {anonymous:10.0f} {rss - anonymous:6.0f}"


def python(path: Path, told: list[tuple[str, str]], environment: dict[str, str]) -> Iterator[tuple[str, int]]:
    """The stages of a Python process, and its id."""
    command = [sys.executable, "-c", WORK, str(path), str(ASKED)]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, env=environment) as child:
        say(child.stdin, json.dumps(told))
        assert child.stdout is not None  # noqa: S101  it is a pipe
        for line in child.stdout:
            yield line.strip(), child.pid
            say(child.stdin, "")


def say(pipe: IO[str] | None, line: str) -> None:
    """Write a line."""
    assert pipe is not None  # noqa: S101  it is a pipe
    pipe.write(f"{line}\n")
    pipe.flush()


def serve(path: Path, told: list[tuple[str, str]], environment: dict[str, str]) -> Iterator[tuple[str, int]]:
    """The stages of a server, and its id."""
    command = [sys.executable, "-m", "memini_kuzu", "--extractor", "rules", "serve", "--db", str(path)]
    command = [*command, "--port", "0"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment) as server:
        try:
            assert server.stderr is not None  # noqa: S101  it is a pipe
            url = next(line.split(" at ")[1].split(";")[0] for line in server.stderr if " at http" in line)
            yield "store open", server.pid
            with Memory.connect(url.strip()) as memory:
                for _, question in told[:ASKED]:
                    memory.recall(question)
                yield "recalls", server.pid
                for text, question in told:
                    memory.remember(text, source="now")
                    memory.recall(question)
            yield "turns", server.pid
            yield "at rest", server.pid
        finally:
            server.terminate()


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--passages", type=int, default=10_000)
    parser.add_argument("--turns", type=int, default=20, help="sentences told, each with a question after it")
    arguments = parser.parse_args()
    told = sentences(arguments.passages + arguments.turns)
    before, after = told[: arguments.passages], told[arguments.passages :]
    there = [name for name in ("pandas", "polars") if find_spec(name)]
    print(f"{arguments.passages:,} passages; installed: {', '.join(there) or 'neither pandas nor polars'}")
    print(f"{'':32} {'MB':>6} {'its own':>10} {'files':>6}")
    with tempfile.TemporaryDirectory() as made:
        first, environment = Path(made) / "first.memini", as_installed(Path(made) / "compiled")
        fill(first, before)
        names = {"recalls": f"{ASKED} recalls", "turns": f"{arguments.turns} turns"}
        for name, stages in (("Python", python), ("memini serve", serve)):
            path = Path(shutil.copyfile(first, Path(made) / f"{stages.__name__}.memini"))
            for stage, process in stages(path, after, environment):
                if stage == "at rest":
                    time.sleep(IDLE + LOOK + SETTLED)
                print(f"{name}, {names.get(stage, stage):{30 - len(name)}} {resident(process)}", flush=True)


if __name__ == "__main__":
    main()
