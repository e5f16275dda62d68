"""An agent's loop over a server: the same turns in this process, over HTTP, and over MCP by standard I/O."""

from __future__ import annotations

import asyncio
import shutil
import statistics
import subprocess
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from bench_common import NOW, Row
from bench_loop import TALK, sentences
from concurrency import environment, memini
from mcp import Client, StdioServerParameters

from memini_kuzu.extraction.rules import RuleExtractor
from memini_kuzu.memory import Memory
from memini_kuzu.records import Record
from memini_kuzu.times import DAY

if TYPE_CHECKING:
    from collections.abc import Callable

    from memini_kuzu.protocol import AssociativeMemory

MINUTE = 60_000

RULES = ("--extractor", "rules", "serve")

Series = tuple[list[float], list[float]]


def served(passages: int, turns: int) -> list[Row]:
    """So many turns in a memory of so many passages, each way beside the same in this process."""
    told = sentences(passages + turns)
    asked = told[passages:]
    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder) / "made.memini"
        with Memory.open(made, extractor=RuleExtractor()) as memory:
            memory.add(
                Record(text=text, source=f"talk {number // TALK}", time=NOW - 365 * DAY + number * MINUTE)
                for number, (text, _) in enumerate(told[:passages])
            )
        found: dict[str, Series] = {}
        for way, loop in WAYS.items():
            path = Path(folder) / f"{len(found)}.memini"
            shutil.copyfile(made, path)
            found[way] = loop(path, asked)
    floor = found.pop("in this process")
    rows = []
    for way, series in found.items():
        for what, ours, least in zip(("remember", "recall after it"), series, floor, strict=True):
            rows.append(_row(f"{what}, {way}", passages, ours, least))
    return rows


def _here(path: Path, asked: list[tuple[str, str]]) -> Series:
    with Memory.open(path, extractor=RuleExtractor()) as memory:
        return _turns(memory, asked)


def _over_http(path: Path, asked: list[tuple[str, str]]) -> Series:
    command = memini(*RULES, "--db", path, "--port", 0)
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment()) as process:
        try:
            assert process.stderr is not None  # noqa: S101  a pipe
            line = next(line for line in process.stderr if " at http" in line)
            with Memory.connect(line.split(" at ")[1].split(";")[0]) as memory:
                return _turns(memory, asked)
        finally:
            process.terminate()
            process.wait(timeout=60)


def _turns(memory: AssociativeMemory, asked: list[tuple[str, str]]) -> Series:
    remembered, recalled = [], []
    for text, question in asked:
        began = time.perf_counter()
        memory.remember(text, source="now")
        told = time.perf_counter()
        found = memory.recall(question)
        recalled.append(time.perf_counter() - told)
        remembered.append(told - began)
        _check(text, {passage.text for passage in found.passages}.__contains__)
    return remembered, recalled


def _over_stdio(path: Path, asked: list[tuple[str, str]]) -> Series:
    program, *arguments = memini(*RULES, "--stdio", "--db", path)
    server = StdioServerParameters(command=program, args=arguments, env=environment())

    async def converse() -> Series:
        remembered, recalled = [], []
        async with Client(server) as client:
            for text, question in asked:
                began = time.perf_counter()
                await client.call_tool("remember", {"text": text, "source": "now"})
                told = time.perf_counter()
                found = await client.call_tool("recall", {"cue": question, "budget_tokens": 10_000})
                recalled.append(time.perf_counter() - told)
                remembered.append(told - began)
                _check(text, str(found.content).__contains__)
        return remembered, recalled

    return asyncio.run(converse())


def _check(text: str, recalled: Callable[[str], bool]) -> None:
    if not recalled(text):
        raise RuntimeError(f"{text!r} is not recalled")


WAYS = {"in this process": _here, "HTTP": _over_http, "MCP over stdio": _over_stdio}


def _row(case: str, passages: int, ours: list[float], floor: list[float]) -> Row:
    median, least = statistics.median(ours), statistics.median(floor)
    late, least_late = (1e3 * float(np.quantile(each, 0.95)) for each in (ours, floor))
    note = (
        f"{1e3 * (median - least):+.1f} ms; p95 {late:.1f} ms, in this process {least_late:.1f} ms; "
        "floor: the same in this process"
    )
    return Row(
        "served", case, passages, median, least, median / least, max(ours) - min(ours), len(ours), note=note
    )
