"""Serving over HTTP: what programs get, who is turned away, and connections that are slow or idle."""

from __future__ import annotations

import asyncio
import json
import logging
import re
import shutil
import socket
import subprocess
import sys
import threading
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

import pytest
from test_server import TOKEN, command, environment, serving

from memini_kuzu import Memory, RuleExtractor, StoreError

pytest.importorskip("mcp", reason='the extra "mcp" is not installed')

import anyio
import httpx2

from memini_kuzu.cli._docs import FOLDER
from memini_kuzu.service import application
from memini_kuzu.service.api import openapi
from memini_kuzu.service.guard import _WholeBody
from memini_kuzu.service.http import PATH, listen, server
from memini_kuzu.service.log import LOG
from memini_kuzu.service.tools import TOOLS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PAGE = FOLDER / "how-to" / "server.md"
JSON = {"Content-Type": "application/json"}


@pytest.fixture(scope="module")
def memory(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Memory]:
    path = tmp_path_factory.mktemp("http") / "a.memini"
    with Memory.open(path, extractor=RuleExtractor()) as opened:
        opened.remember("Ada Lovelace wrote to Charles Babbage.", time="2026-03-01", source="letters", id="1")
        yield opened


@contextmanager
def listening(memory: Memory, *, token: str | None = None, idle: float = 30.0) -> Iterator[str]:
    """A server in a thread of this process; its address."""
    bound = listen("127.0.0.1", 0)
    running = server(application(memory, host="127.0.0.1", token=token), idle=idle)
    thread = threading.Thread(target=running.run, kwargs={"sockets": [bound]})
    thread.start()
    try:
        yield "http://{}:{}".format(*bound.getsockname())
    finally:
        running.should_exit = True
        thread.join()
        bound.close()


@pytest.fixture(scope="module")
def address(memory: Memory) -> Iterator[str]:
    with listening(memory) as url:
        yield url


def test_programs_get_passages_and_a_block_for_a_prompt(address: str) -> None:
    asked = {"cue": "Who wrote to Babbage?", "now": "2026-03-02"}
    found = httpx2.post(f"{address}/v1/recall", json=asked).json()
    [passage] = found["passages"]
    assert (passage["id"], passage["source"]) == ("1", "letters")
    assert found["context"].endswith(
        "[1] 2026-03-01 00:00 | source letters | id 1\n  Ada Lovelace wrote to Charles Babbage."
    )
    assert (found["omitted"], found["paths"]) == (0, [])
    assert httpx2.post(f"{address}/v1/recall", json={**asked, "reasons": True}).json()["paths"]
    assert httpx2.get(f"{address}/v1/stats").json()["documents"] == 1
    assert httpx2.get(f"{address}/openapi.json").json() == openapi()


def test_one_text_is_followed_by_its_id(tmp_path: Path) -> None:
    with (
        Memory.open(tmp_path / "a.memini", extractor=RuleExtractor()) as own,
        listening(own) as url,
    ):
        told = {"text": "Ada met Charles.", "time": "2026-03-01"}
        [identity] = httpx2.post(f"{url}/v1/remember", json=told).json()["ids"]
        new = {"id": identity, "text": "Ada met Mary.", "time": "2026-03-02"}
        assert httpx2.post(f"{url}/v1/update", json=new).json()["changed"] == 1
        versions = httpx2.post(f"{url}/v1/history", json={"id": identity}).json()["versions"]
        assert [version["current"] for version in versions].count(True) == 1
        assert len(versions) == 2
        assert httpx2.post(f"{url}/v1/get", json={"id": identity}).json()["text"] == "Ada met Mary."
        [one] = httpx2.post(f"{url}/v1/list", json={"text": "Mary"}).json()["documents"]
        assert one["id"] == identity
        assert httpx2.post(f"{url}/v1/get", json={"id": "nothing"}).status_code == 400


@pytest.mark.parametrize(
    ("path", "body", "status", "message"),
    [
        ("recall", b'{"cue": "Ada", "limit": 3}', 400, "'limit' is no argument of recall; it takes cue"),
        ("recall", b'{"cue": "Ada", "k": "3"}', 400, "k = '3'"),
        ("recall", b'{"cue": "Ada", "k": null}', 400, "k = None"),
        ("recall", b'{"cue": "\\ud800"}', 400, "Invalid JSON"),
        ("recall", b"{", 400, "Invalid JSON"),
        ("add", b'{"records": [{"title": "Day"}]}', 400, "records.0.text is missing"),
        (
            "add",
            b'{"records": [{"text": "A.", "k": 1}]}',
            400,
            "'records.0.k' is no argument of add; it takes text,",
        ),
        ("add", b'{"records": []}', 400, "records = []"),
        ("remember", b'{"text": [{"content": "Hi."}]}', 400, "message 1 has no 'role'"),
        ("remember", b'{"text": true}', 400, "text = True"),
        ("recall", b"[]", 400, "no JSON object"),
        ("recall", b'{"cue": " "}', 400, "the cue is empty"),
        ("associations", b'{"entity": "Nobody"}', 404, "no entity is named 'Nobody'"),
        ("backup", b'{"name": "../copy"}', 400, "a file's name without folders"),
        ("guess", b"{}", 404, "described at /openapi.json"),
    ],
)
def test_what_is_wrong_is_said(address: str, path: str, body: bytes, status: int, message: str) -> None:
    answer = httpx2.post(f"{address}/v1/{path}", content=body, headers=JSON)
    assert answer.status_code == status
    assert message in answer.json()["error"]["message"]


def test_a_body_that_is_not_sent_as_json_is_refused(address: str) -> None:
    # a form of any web page may send that
    answer = httpx2.post(
        f"{address}/v1/recall", content=b'{"cue": "Ada"}', headers={"Content-Type": "text/plain"}
    )
    assert answer.status_code == 415


@pytest.mark.parametrize(("name", "status"), [("Host", 421), ("Origin", 403)])
def test_the_api_keeps_web_pages_of_others_out(address: str, name: str, status: int) -> None:
    answer = httpx2.get(f"{address}/v1/stats", headers={name: "https://evil.example"})
    assert (answer.status_code, answer.json()["error"]["kind"]) == (status, "InputError")


def test_a_token_is_asked_for_everywhere_but_for_health(memory: Memory) -> None:
    with listening(memory, token=TOKEN) as url:
        assert httpx2.get(f"{url}/health").json() == {"status": "ok"}
        for path in ("/v1", "/v1/stats", "/openapi.json", "/mcp", "/nowhere"):
            assert httpx2.get(f"{url}{path}").status_code == 401
        allowed = httpx2.get(f"{url}/v1/stats", headers={"Authorization": f"Bearer {TOKEN}"})
        assert allowed.status_code == 200


def test_a_body_over_the_limit_is_refused(address: str) -> None:
    answer = httpx2.post(f"{address}/v1/remember", content=b" " * (5 << 20), headers=JSON)
    assert answer.status_code == 413


def test_a_body_that_does_not_arrive_is_given_up() -> None:
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        if sent:
            await anyio.sleep_forever()
        return {"type": "http.request", "body": b"{", "more_body": True}

    async def send(message: Any) -> None:
        sent.append(message)

    async def never(*_: object) -> None:
        pytest.fail("the application was called")

    async def slow() -> dict[str, Any]:
        await anyio.sleep(0.01)
        return {"type": "http.request", "body": b" ", "more_body": True}

    anyio.run(_WholeBody(never, seconds=0.1), {"type": "http"}, slow, send)
    assert sent[0]["status"] == 408


def test_connections_send_small_packets_at_once() -> None:
    async def main() -> int:
        with listen("127.0.0.1", 0) as bound:
            accepted: asyncio.Future[int] = asyncio.get_running_loop().create_future()

            def connected(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
                one = writer.get_extra_info("socket")
                accepted.set_result(one.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
                writer.close()

            async with await asyncio.start_server(connected, sock=bound):
                _, writer = await asyncio.open_connection(*bound.getsockname())
                found = await accepted
                writer.close()
                return found

    assert asyncio.run(main())


@pytest.mark.parametrize("begun", [b"", b"GET /health HTTP/1.1\r\nHost: local"])
def test_a_connection_whose_request_does_not_begin_is_closed(memory: Memory, begun: bytes) -> None:
    with listening(memory, idle=0.5) as url:
        host, port = url.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port)), timeout=20) as one:
            for byte in begun:
                one.send(bytes([byte]))
            assert one.recv(100) == b""


def test_a_connection_stays_open_between_requests_and_is_closed_when_idle(memory: Memory) -> None:
    request = b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n"
    with listening(memory, idle=2.0) as url:
        host, port = url.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port)), timeout=20) as one:
            for _ in range(3):
                one.sendall(request)
                answer = b""
                while not answer.endswith(b"}"):
                    answer += one.recv(1000)
                assert answer.startswith(b"HTTP/1.1 200")
            assert one.recv(100) == b""


def test_the_log_says_what_was_asked_for_and_no_text(
    memory: Memory, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, LOG.name), listening(memory, token=TOKEN) as url:
        allowed = {"Authorization": f"Bearer {TOKEN}"}
        httpx2.post(f"{url}/v1/recall?secret=1", json={"cue": "secret"}, headers=allowed)
        httpx2.get(f"{url}/v1/secret", headers=allowed)
        httpx2.get(f"{url}/v1/stats", headers={"Authorization": "Bearer secret"})
    lines = [json.loads(record.message) for record in caplog.records if record.name == LOG.name]
    assert [(line["method"], line["path"], line["status"]) for line in lines] == [
        ("POST", "/v1/recall", 200),
        ("GET", "other", 404),
        ("GET", "/v1/stats", 401),
    ]
    assert all(line["bytes"] > 0 and line["ms"] >= 0 for line in lines)
    for forbidden in ("secret", TOKEN, "Babbage"):
        assert forbidden not in caplog.text


def test_an_answer_that_takes_too_long_is_not_said_to_be_a_server_that_is_missing(
    memory: Memory, monkeypatch: pytest.MonkeyPatch
) -> None:
    answered = threading.Event()
    monkeypatch.setattr(Memory, "stats", lambda _: answered.wait(20))
    with listening(memory) as url, Memory.connect(url) as remote:
        remote._http.timeout = 0.1
        try:
            with pytest.raises(StoreError, match=r"gave no answer in 0\.1 s, and may still do"):
                remote.stats()
        finally:
            answered.set()


def test_a_failure_is_answered_and_logged_without_its_message(
    memory: Memory, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fails(*_: object, **__: object) -> None:
        raise ZeroDivisionError("secret text")

    monkeypatch.setattr(Memory, "stats", fails)
    with caplog.at_level(logging.INFO), listening(memory) as url:
        answer = httpx2.get(f"{url}/v1/stats")
    assert (answer.status_code, answer.json()["error"]["message"]) == (
        500,
        "the server failed; its log says where",
    )
    assert "ZeroDivisionError at " in caplog.text
    assert "secret text" not in caplog.text


@pytest.mark.parametrize(
    ("method", "asked"),
    [("tools/call", {"name": "stats"}), ("resources/read", {"uri": "memini://stats"})],
)
def test_a_failure_is_told_to_models_and_logged_without_its_message(
    memory: Memory,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    method: str,
    asked: dict[str, str],
) -> None:
    def fails(*_: object, **__: object) -> None:
        raise ZeroDivisionError("secret text")

    monkeypatch.setattr(Memory, "stats", fails)
    with caplog.at_level(logging.INFO), listening(memory) as url:
        answer = httpx2.post(
            f"{url}/mcp",
            json={"jsonrpc": "2.0", "id": 1, "method": method, "params": asked},
            headers={"Accept": "application/json, text/event-stream"},
        )
    assert answer.json()["error"]["message"] == "the server failed; its log says where"
    assert "ZeroDivisionError at " in caplog.text
    assert "secret text" not in caplog.text


ENDLESS = """
import runpy, sys, threading
from memini_kuzu import Memory

def endless(_):
    print("asked", file=sys.stderr, flush=True)
    threading.Event().wait()

Memory.stats = endless
runpy.run_module("memini_kuzu", run_name="__main__")
"""


def test_a_request_that_is_being_answered_does_not_keep_the_server_from_its_end(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", ENDLESS, "serve", "--db", str(tmp_path / "a.memini"), "--port", "0"],
        stderr=subprocess.PIPE, text=True, env=environment(),
    )  # fmt: skip
    try:
        assert process.stderr is not None
        line = next(line for line in process.stderr if " at http" in line)
        url = line.split(" at ")[1].split(PATH)[0]

        def ask() -> None:
            # an error, or the end of the connection
            with suppress(httpx2.HTTPError):
                httpx2.get(f"{url}/v1/stats", timeout=60)

        asking = threading.Thread(target=ask)
        asking.start()
        assert next(process.stderr) == "asked\n"
        process.terminate()
        assert process.wait(60) == 130
        asking.join()
    finally:
        process.kill()
        process.communicate()
    assert not (tmp_path / "a.memini.pid").exists()


def test_every_line_of_standard_input_is_answered(tmp_path: Path) -> None:
    greeting = {
        "protocolVersion": "2025-06-18",
        "capabilities": {},
        "clientInfo": {"name": "test", "version": "1"},
    }
    lines = [
        json.dumps({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": greeting}),
        json.dumps({"jsonrpc": "2.0", "method": "notifications/initialized"}),
        "{",
        *(
            json.dumps({"jsonrpc": "2.0", "id": number, "method": "tools/call", "params": params})
            for number, params in (
                (7, {"name": "recall", "arguments": {"cue": "\ud800"}}),
                (8, {"name": "recall", "arguments": {"cue": "Ada", "k": None}}),
            )
        ),
    ]
    process = subprocess.Popen(
        command("serve", "--stdio", "--db", tmp_path / "a.memini"),
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment(),
    )  # fmt: skip
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write("\n".join(lines) + "\n")
    process.stdin.flush()
    answers = [json.loads(process.stdout.readline()) for _ in range(4)]
    process.communicate(timeout=30)
    by_id = {answer["id"]: answer for answer in answers}
    assert set(by_id) == {1, None, 7, 8}
    assert by_id[None]["error"]["code"] == by_id[7]["error"]["code"] == -32700
    assert by_id[8]["result"]["content"][0]["text"] == "Nothing in memory answers that."


def blocks(language: str) -> list[str]:
    """The programs of the page about the server that speak to its API."""
    found = re.findall(rf"^```{language}\n(.*?)^```$", PAGE.read_text(), re.DOTALL | re.MULTILINE)
    return [block for block in found if "/v1/" in block]


def run_block(program: list[str], block: str, address: str) -> str:
    text = block.replace("http://127.0.0.1:8765", address)
    done = subprocess.run(program, input=text, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_the_documentation_speaks_to_the_api_with_curl(tmp_path: Path) -> None:
    with serving(tmp_path / "a.memini") as url:
        [block] = blocks("console")
        commands = [line[2:] for line in block.splitlines() if line.startswith(("$ ", "> "))]
        printed = run_block(["bash", "-e"], "\n".join(commands), url.removesuffix("/mcp"))
    assert '"added":1' in printed
    assert "Ada Lovelace met Charles Babbage." in printed


@pytest.mark.skipif(shutil.which("node") is None, reason="Node.js is not installed")
def test_the_documentation_speaks_to_the_api_with_javascript(tmp_path: Path) -> None:
    with serving(tmp_path / "a.memini") as url:
        told = {"text": "Ada Lovelace met Charles Babbage."}
        httpx2.post(url.replace("/mcp", "/v1/remember"), json=told)
        [block] = blocks("javascript")
        printed = run_block(["node", "--input-type=module", "-"], block, url.removesuffix("/mcp"))
    assert "Ada Lovelace met Charles Babbage." in printed


def test_the_api_does_what_its_description_says(tmp_path: Path) -> None:
    schemathesis = pytest.importorskip("schemathesis")
    from hypothesis import HealthCheck, given, settings
    from schemathesis.checks import not_a_server_error
    from schemathesis.specs.openapi import checks

    with Memory.open(tmp_path / "a.memini", extractor=RuleExtractor()) as memory:
        memory.remember("Ada Lovelace wrote to Charles Babbage.", time="2026-03-01")
        app = application(memory, host="127.0.0.1")
        schema = schemathesis.openapi.from_asgi("/openapi.json", app, headers={"Host": "localhost"})
        operations = [found.ok() for found in schema.get_all_operations()]
        assert len(operations) == len(TOOLS)
        held = [
            not_a_server_error,
            checks.status_code_conformance,
            checks.content_type_conformance,
            checks.response_schema_conformance,
            checks.negative_data_rejection,
            checks.unsupported_method,
        ]
        for operation in operations:
            # a path that takes nothing cannot be asked wrongly
            for mode in (
                schemathesis.GenerationMode if operation.body else [schemathesis.GenerationMode.POSITIVE]
            ):

                @given(case=operation.as_strategy(generation_mode=mode))
                @settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
                def called(case: Any) -> None:
                    case.call_and_validate(checks=held, headers={"Host": "localhost"})

                called()
