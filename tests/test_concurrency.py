"""Many at once: the short form of scripts/concurrency.py, and how a server ends."""

from __future__ import annotations

import json
import signal
import subprocess
from typing import TYPE_CHECKING, Any

import pytest
from concurrency import environment, memini, serve, settled, share, thread

from memini_kuzu.memory import Memory

pytest.importorskip("mcp", reason='the extra "mcp" is not installed')

import httpx2

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.slow


def test_threads_that_share_a_store_do_not_disturb_each_other(tmp_path: Path) -> None:
    tally = thread(tmp_path / "a.memini", 3.0)
    assert not tally.wrong
    assert tally.done["remember"]


def test_processes_that_share_a_store_do_not_disturb_each_other(tmp_path: Path) -> None:
    tally = share(tmp_path / "a.memini", 3.0)
    assert not tally.wrong
    assert tally.done["remember"]


def test_a_server_that_is_told_to_end_closes_the_store(tmp_path: Path) -> None:
    path = tmp_path / "a.memini"
    with serve(path) as (process, url), Memory.connect(url) as memory:
        memory.remember("Ada met Bob.", time="2025-01-01")
        assert not settled(process, path)


def test_a_server_ends_while_a_client_listens(tmp_path: Path) -> None:
    path = tmp_path / "a.memini"
    accept = {"Accept": "text/event-stream"}
    with serve(path) as (process, url), httpx2.stream("GET", url, headers=accept) as listening:
        assert listening.status_code == 200
        assert not settled(process, path)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_server_over_standard_input_ends_while_it_waits_for_more(
    tmp_path: Path, number: signal.Signals
) -> None:
    path = tmp_path / "a.memini"
    with subprocess.Popen(
        memini("serve", "--stdio", "--db", path),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=environment(),
    ) as process:

        def send(**message: Any) -> None:
            assert process.stdin is not None
            process.stdin.write(json.dumps({"jsonrpc": "2.0", **message}) + "\n")
            process.stdin.flush()

        assert process.stdout is not None
        client = {"name": "test", "version": "1"}
        hello = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": client}
        send(id=1, method="initialize", params=hello)
        process.stdout.readline()
        send(method="notifications/initialized")
        told = {"name": "remember", "arguments": {"text": "Ada met Bob.", "time": "2025-01-01"}}
        send(id=2, method="tools/call", params=told)
        assert '"added' in process.stdout.readline()
        try:
            assert not settled(process, path, number)
        finally:
            process.kill()
