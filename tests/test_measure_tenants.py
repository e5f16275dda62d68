"""The measurement of many users: it finds what it looks for, and runs."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("mcp", reason='the extra "mcp" is not installed')

import httpx2
from measure_tenants import Log, User
from test_server import environment

from memini_kuzu.service import SignedTokens

TOKENS = SignedTokens("a key of thirty-two bytes or more")


@pytest.mark.parametrize(
    ("texts", "status", "failed"),
    [
        (["Kim User0001 met Sam Lind in Oslo about matter 0."], 200, False),
        (["Kim User0001 met Sam Lind in Oslo.", "Kim User0002 met Sam Lind in Oslo."], 200, True),
        ([], 200, True),
        (["Kim User0001 met Sam Lind in Oslo."], 503, True),
    ],
)
def test_an_answer_with_anothers_text_or_with_none_fails(texts: list[str], status: int, failed: bool) -> None:
    def answer(_: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(status, json={"passages": [{"text": text} for text in texts]})

    async def ask() -> Log:
        log = Log()
        transport = httpx2.MockTransport(answer)
        async with httpx2.AsyncClient(base_url="http://test", transport=transport) as client:
            await User("user0001", client, TOKENS, log).recall("Oslo")
        return log

    assert bool(asyncio.run(ask()).failures) is failed


@pytest.mark.slow
@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("serve --users 4 --active 2 --warming 1 --minutes 0.05 --pause 0.2", "miss a text: 0"),
        ("stores --stores 2", "2 stores of one sentence"),
        ("engine --stores 2", "13 node tables, 1 row each"),
    ],
)
def test_the_measurement_runs(line: str, said: str) -> None:
    script = Path(__file__).parent.parent / "scripts" / "measure_tenants.py"
    done = subprocess.run(
        [sys.executable, script, *line.split()],
        capture_output=True, text=True, env=environment(), timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert said in done.stdout
