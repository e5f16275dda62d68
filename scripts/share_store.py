"""Two command lines and an MCP client use one store at once, for a while; then everything is counted.

    python scripts/share_store.py --seconds 60

The server runs in a process of its own, each command in another. Exit code 1 where anything failed or is
missing.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path

import anyio
from mcp import Client

from memini_kuzu import Memory

MEMINI = (sys.executable, "-m", "memini_kuzu")


def command_line(name: str, url: str, until: float, told: Counter[str], failures: list[str]) -> None:
    """Remember and recall by turns, each in a process of its own."""
    environment = {**os.environ, "MEMINI_SERVER": url}
    while time.monotonic() < until:
        text = f"Ada Lovelace told {name} about engine number {told[name]}."
        for words in (("remember", text, "--source", name), ("recall", "What about the engine?", "-k", "3")):
            done = subprocess.run(
                [*MEMINI, *words], capture_output=True, text=True, env=environment, check=False
            )
            if done.returncode:
                failures.append(done.stderr)
                return
        told[name] += 1


async def agent(url: str, until: float, told: Counter[str], failures: list[str]) -> None:
    """The same over one MCP connection."""
    async with Client(url) as client:
        while time.monotonic() < until:
            text = f"Grace Hopper told the agent about compiler number {told['agent']}."
            for tool, arguments in (
                ("remember", {"text": text, "source": "agent"}),
                ("recall", {"cue": "What about the compiler?", "k": 3}),
            ):
                answer = await client.call_tool(tool, arguments)
                if answer.is_error:
                    failures.append(str(answer.content))
                    return
            told["agent"] += 1


def main() -> int:
    """Run it."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=60.0)
    seconds = parser.parse_args().seconds
    told: Counter[str] = Counter()
    failures: list[str] = []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "shared.memini"
        server = subprocess.Popen(
            [*MEMINI, "serve", "--db", path, "--port", "0"], stderr=subprocess.PIPE, text=True
        )
        try:
            assert server.stderr is not None  # noqa: S101 - for the type checker
            url = next(line.split(" at ")[1].split(";")[0] for line in server.stderr if " at http" in line)
            until = time.monotonic() + seconds
            threads = [
                threading.Thread(target=command_line, args=(name, url, until, told, failures))
                for name in ("first", "second")
            ]
            for thread in threads:
                thread.start()
            anyio.run(agent, url, until, told, failures)
            for thread in threads:
                thread.join()
        finally:
            server.terminate()
            server.communicate()
        with Memory.open(path, read_only=True) as memory:
            table = memory.cypher("MATCH (d:Document) RETURN d.source AS source, count(*) AS documents")
            sound = memory.doctor().sound
    kept = {row["source"]: row["documents"] for row in table.to_pylist()}
    print(f"{'client':8} {'told':>6} {'kept':>6}")
    for name in ("first", "second", "agent"):
        print(f"{name:8} {told[name]:6} {kept.get(name, 0):6}")
    print(f"failures: {len(failures)}; doctor: {'sound' if sound else 'not sound'}")
    for failure in failures:
        print(failure, file=sys.stderr)
    return 1 if failures or not sound or kept != dict(told) else 0


if __name__ == "__main__":
    sys.exit(main())
