"""One process owns the store, many use it: over both transports, with the SDK's own client."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from contextlib import contextmanager
from dataclasses import fields
from datetime import UTC, datetime
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any

import pytest
from typer.testing import CliRunner

from memini_kuzu import (
    AssociativeMemory,
    IngestReport,
    InputError,
    Memory,
    Record,
    RecordError,
    RuleExtractor,
    Stats,
    StoreError,
    UnknownEntityError,
)

pytest.importorskip("mcp", reason='the extra "mcp" is not installed')

import anyio
import httpx2
from mcp import Client, StdioServerParameters
from mcp.types import TextContent

from memini_kuzu.changes.scope import ForgetReport
from memini_kuzu.cli import app
from memini_kuzu.recall.context import HEAD
from memini_kuzu.records import Notice
from memini_kuzu.service import OneMemory, application, build, results
from memini_kuzu.service.client import NotServedError
from memini_kuzu.times import to_millis

if TYPE_CHECKING:
    from collections.abc import Iterator

    from typer.testing import Result

ROOT = Path(__file__).parent.parent
OFFERED = {"remember", "recall", "associations", "forget", "get", "list", "update", "stats"}
TOKEN = "a-token-of-enough-characters"  # noqa: S105 - of this test


def environment(**extra: str) -> dict[str, str]:
    """That of a user: no server, no store and no token but those that are given."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("MEMINI_")}
    return {**kept, "PYTHONPATH": str(ROOT), **extra}


def command(*args: object) -> list[str]:
    """With the rules in place of spaCy: what is served is the same, and it starts sooner."""
    return [sys.executable, "-m", "memini_kuzu", "--extractor", "rules", *map(str, args)]


@contextmanager
def serving(path: Path, *args: object, **extra: str) -> Iterator[str]:
    """A server in a process of its own; its address."""
    process = subprocess.Popen(
        command("serve", "--db", path, "--port", 0, *args),
        stderr=subprocess.PIPE,
        text=True,
        env=environment(**extra),
    )
    try:
        assert process.stderr is not None
        lines = []
        for line in process.stderr:
            lines.append(line)
            if " at http" in line:
                yield line.split(" at ")[1].split(";")[0]
                return
        pytest.fail("".join(lines))
    finally:
        process.terminate()
        process.communicate(timeout=20)


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with serving(tmp_path_factory.mktemp("served") / "a.memini") as address:
        yield address


def cli(*args: object, **extra: str) -> Result:
    """A command of this process, which is not that of the server."""
    without = dict.fromkeys(("MEMINI_DB", "MEMINI_SERVER", "MEMINI_TOKEN"))
    return CliRunner().invoke(
        app, list(map(str, args)), env=without | extra, prog_name="memini", catch_exceptions=False
    )


def cli_process(*args: object, **extra: str) -> subprocess.CompletedProcess[str]:
    """A command of a process of its own."""
    line = [sys.executable, "-m", "memini_kuzu", *map(str, args)]
    return subprocess.run(
        line, capture_output=True, text=True, env=environment(**extra), timeout=60, check=False
    )


async def told(client: Client, tool: str, /, **arguments: object) -> str:
    """What a model reads of an answer."""
    answer = await client.call_tool(tool, arguments)
    [part] = answer.content
    assert isinstance(part, TextContent)
    assert answer.structured_content is None
    return ("error: " if answer.is_error else "") + part.text


async def converse(client: Client) -> None:
    """What an agent does: look at the tools, remember, recall, look, forget."""
    listed = (await client.list_tools()).tools
    assert {tool.name for tool in listed} == OFFERED
    for tool in listed:
        hints = tool.annotations
        assert hints is not None
        assert None not in {
            hints.read_only_hint, hints.destructive_hint, hints.idempotent_hint, hints.open_world_hint
        }  # fmt: skip
        assert tool.description
        assert all("description" in field for field in tool.input_schema["properties"].values())

    text = "Ada Lovelace wrote to Charles Babbage."
    answer = json.loads(await told(client, "remember", text=text, source="letters", time="2026-03-01"))
    assert answer["added"] == 1

    found = await told(client, "recall", cue="Who wrote to Babbage?", k="3", now=None, budget_tokens=None)
    [head, cited] = found.split("\n\n")
    assert head == HEAD
    assert cited.startswith("[1] 2026-03-01 00:00 | source letters | id ")
    assert cited.endswith(f"\n  {text}")
    why = await told(client, "recall", cue="Who wrote to Babbage?", reasons=True)
    assert why.startswith(found)
    assert "Why:\n- id " in why

    assert "- Charles Babbage: " in await told(client, "associations", entity="Ada Lovelace")
    assert "did you mean Ada Lovelace?" in await told(client, "associations", entity="Ada Lovelaced")

    assert (await told(client, "recall", cue="Ada", k=0)).startswith("error: k = 0")
    assert (await told(client, "recall", cue="Ada", limit=3)) == (
        "error: 'limit' is no argument of recall; it takes cue, k, budget_tokens, now, reasons, "
        "sources, since, until, where"
    )
    assert (await told(client, "recall")).startswith("error: cue is missing")
    assert (await told(client, "guess")).startswith("error: there is no tool 'guess'; there are remember, ")

    [identity] = answer["ids"]
    assert json.loads(await told(client, "get", id=identity))["text"] == text
    changed = json.loads(await told(client, "update", id=identity, text=f"{text} Twice.", time="2026-03-02"))
    assert changed["changed"] == 1
    [listed_text] = json.loads(await told(client, "list", text="Twice", sources=["letters"]))["documents"]
    assert (listed_text["id"], listed_text["versions"]) == (identity, 2)

    first = json.loads(await told(client, "forget", source="letters"))
    assert (first["dry_run"], first["documents"]) == (True, 1)
    assert json.loads(await told(client, "stats"))["documents"] == 1
    done = json.loads(await told(client, "forget", source="letters", dry_run=False))
    assert done["dry_run"] is False
    empty = json.loads(await told(client, "stats"))
    assert empty["documents"] == empty["entities"] == 0
    assert await told(client, "recall", cue="Ada") == "Nothing in memory answers that."


def test_an_agent_converses_over_standard_input_and_output(tmp_path: Path) -> None:
    async def main() -> None:
        server = StdioServerParameters(
            command=sys.executable,
            args=command("serve", "--stdio", "--db", tmp_path / "a.memini")[1:],
            env=environment(),
        )
        async with Client(server) as client:
            await converse(client)

    anyio.run(main)


def test_an_agent_converses_over_http(tmp_path: Path) -> None:
    async def main(address: str) -> None:
        async with Client(address) as client:
            await converse(client)

    with serving(tmp_path / "a.memini") as address:
        anyio.run(main, address)


def test_an_agent_remembers_messages_as_well_as_a_text(tmp_path: Path) -> None:
    talk = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Ada lives in Oslo.", "time": "2026-03-01"},
    ]

    async def main(memory: Memory) -> None:
        async with Client(build(OneMemory(memory))) as client:
            answer = json.loads(await told(client, "remember", text=talk, source="chat/7"))
            assert answer["added"] == 1
            assert answer["notices"] == [
                {"origin": "the messages", "what": "left out as of the system or a tool", "count": 1}
            ]
            assert json.loads(await told(client, "remember", text=talk[1], source="chat/7"))["unchanged"] == 1
            refused = await told(client, "remember", text=[{"role": "user"}])
            assert refused.startswith("error: message 1 has no 'content'")

    with Memory.open(tmp_path / "a.memini", extractor=RuleExtractor()) as memory:
        anyio.run(main, memory)
        [kept] = memory.list()
        assert (kept.text, kept.source) == ("user: Ada lives in Oslo.", "chat/7")
        assert kept.time == datetime(2026, 3, 1, tzinfo=UTC)


def test_a_server_makes_backups_beside_its_store_and_nowhere_else(tmp_path: Path) -> None:
    with serving(tmp_path / "a.memini") as address, Memory.connect(address) as shared:
        shared.remember("Ada Lovelace wrote to Charles Babbage.", time="2026-03-01")
        made = shared.backup("copy.memini")
        shared.remember("Grace Hopper found a moth.", time="2026-03-02")
        assert made == PurePath(tmp_path / "copy.memini")
        for name in ("../copy.memini", str(tmp_path / "other.memini"), "", ".hidden"):
            with pytest.raises(InputError, match="a file's name without folders"):
                shared.backup(name)
        with pytest.raises(StoreError, match="writes over nothing"):
            shared.backup("copy.memini")
        with pytest.raises(StoreError, match="belongs to"):
            shared.backup("a.memini.wal")
    with Memory.open(tmp_path / "copy.memini") as copy:
        assert copy.stats().documents == 1
        assert copy.doctor(deep=True).sound


def test_a_remote_memory_gives_what_the_memory_gives(tmp_path: Path) -> None:
    told = [
        ("Ada Lovelace wrote to Charles Babbage.", "2026-03-01"),
        ("Babbage built an Engine.", "2026-03-02"),
    ]
    with Memory.open(tmp_path / "here.memini", extractor=RuleExtractor()) as here:
        for text, day in told:
            here.remember(text, time=day, source="letters")
        recalled = here.recall("Who wrote to Babbage?", now="2026-03-03", k=3)
        brief = here.recall("Who wrote to Babbage?", now="2026-03-03", k=3, budget_tokens=60)
        associations = here.associations("Ada Lovelace", now="2026-03-03")
        going = here.forget(source="letters", dry_run=True)
        stats = here.stats()
        with serving(tmp_path / "there.memini") as address, Memory.connect(address) as there:
            for text, day in told:
                assert there.remember(text, time=day, source="letters").added == 1
            assert there.recall("Who wrote to Babbage?", now="2026-03-03", k=3) == recalled
            assert there.recall("Who wrote to Babbage?", now="2026-03-03", k=3, budget_tokens=60) == brief
            assert there.associations("Ada Lovelace", now="2026-03-03") == associations
            assert there.forget(source="letters", dry_run=True) == going
            remote = there.stats()
            for field in fields(Stats):
                if field.name not in {"path", "bytes", "extractor"}:
                    assert getattr(remote, field.name) == getattr(stats, field.name)


@pytest.mark.parametrize(
    ("result", "value"),
    [
        (results.StatsResult, Stats),
        (results.ForgetResult, ForgetReport),
        (results.RememberResult, IngestReport),
    ],
)
def test_the_results_of_the_tools_have_the_fields_of_the_values(result: Any, value: Any) -> None:
    # what concerns files: a text that is remembered has none
    names = {field.name for field in fields(value)} - {
        "skipped",
        "moved",
        "files",
        "folders",
        "options",
    }
    assert set(result.model_fields) == names


def test_a_scope_and_one_document_are_asked_for_over_a_server(tmp_path: Path) -> None:
    with serving(tmp_path / "a.memini") as address, Memory.connect(address) as memory:
        for source, name in (("chat/7", "Bruno"), ("chat/8", "Clara")):
            report = memory.remember(
                f"Ada Lovelace met {name} Lind in Oslo.",
                time="2026-03-01",
                source=source,
                metadata={"to": name},
            )
        for scope in ({"sources": "chat/8"}, {"sources": ["chat/8*"]}, {"where": {"to": "Clara"}}):
            found = memory.recall("Oslo", now="2026-03-02", **scope)
            assert [passage.text for passage in found] == ["Ada Lovelace met Clara Lind in Oslo."]
            assert [passage.document for passage in found] == report.ids
            targets = {each.target for each in memory.associations("Ada Lovelace", **scope)}
            assert targets == {"Clara Lind", "Oslo"}
        assert not memory.recall("Oslo", now="2026-03-02", until="2026-03-01").passages
        assert memory.forget(id=report.ids[0]).documents == 1
        assert [passage.source for passage in memory.recall("Oslo", now="2026-03-02")] == ["chat/7"]


def test_one_document_is_handled_over_a_server_as_where_the_file_is(tmp_path: Path) -> None:
    talk = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Ada lives in Oslo.", "time": datetime(2026, 3, 1, tzinfo=UTC)},
        {"role": "assistant", "content": [{"type": "text", "text": "Noted."}], "time": "2026-03-01T10:00"},
    ]
    records = [
        Record("Ada met Charles.", to_millis("2026-03-02"), "diary", "Day", "1", metadata={"to": "Charles"}),
        Notice("diary", "drawings left out", 2),
        Record("Ada met Grace.", to_millis("2026-03-03"), "diary"),
    ]
    wrong = [{"role": "user", "content": "Hello."}, {"content": "Ada."}]

    def handled(memory: AssociativeMemory) -> list[object]:
        told = memory.remember(talk, source="chat/7", metadata={"project": "orion"})
        added = memory.add(records)
        known = memory.add(records[:1])
        with pytest.raises(InputError) as refused:
            memory.remember(wrong)
        changed = memory.update(told.ids[0], "user: Ada lives in Rome.", time="2026-04-01", title="Home")
        page = memory.list(sources="diary", k=1)
        return [
            told, added, known, str(refused.value), changed,
            memory.get(told.ids[0]), memory.history(told.ids[0]), memory.list(ids=told.ids[0]),
            page, memory.list(sources="diary", after=page[-1].id), memory.list(where={"project": "orion"}),
        ]  # fmt: skip

    with Memory.open(tmp_path / "here.memini", extractor=RuleExtractor()) as here:
        expected = handled(here)
    with serving(tmp_path / "there.memini") as address, Memory.connect(address) as there:
        assert handled(there) == expected
        with pytest.raises(InputError, match="message 2: a server takes text, time, source"):
            there.add([Record("Ada left.", speaker="Ada", origin="message 2")])
        with pytest.raises(RecordError, match="broken"):
            there.add([RecordError("a.jsonl:1", "broken")])
        with pytest.raises(InputError, match="record 2: the text is empty"):
            there.add([Record("Ada left."), Record(" ")])
        for content in (object(), "Ada \ud83d", float("nan")):
            with pytest.raises(InputError, match="cannot be sent as JSON"):
                there.remember({"role": "user", "content": content})
        assert there.stats().documents == 4


def test_many_records_go_to_a_server_in_several_requests(tmp_path: Path) -> None:
    path, records = tmp_path / "a.memini", [Record(f"Ada met Bo{n}.", id=str(n)) for n in range(1_200)]
    with serving(path) as address, Memory.connect(address) as memory:
        report = memory.add(records)
        assert (report.added, len(report.ids)) == (1_200, 1_000)
        # a text of the size of a request goes alone
        assert memory.add([Record("Ada. " * 100_000), Record("Ada left.")]).added == 2
        # what stands beside the texts counts too: a body may have 4 MiB
        told = [Record("Ada.", id=f"m{n}", metadata={"value": "x" * 50_000}) for n in range(100)]
        assert memory.add(told).added == 100


def test_errors_are_raised_on_the_other_side_as_what_they_are(url: str) -> None:
    with Memory.connect(url) as memory:
        with pytest.raises(UnknownEntityError, match="no entity is named 'Nobody'"):
            memory.associations("Nobody")
        with pytest.raises(InputError, match="the cue is empty"):
            memory.recall("")
        with pytest.raises(InputError, match="the text is empty"):
            memory.remember(" ")
        with pytest.raises(NotServedError, match="ingest needs the store's file"):
            memory.ingest("notes")
        assert not hasattr(memory, "no_such_method")


def test_a_server_that_is_not_there_is_said_to_be_missing() -> None:
    with pytest.raises(StoreError, match="start one with: memini serve"):
        Memory.connect("http://127.0.0.1:9/mcp")


def test_commands_use_the_server_in_place_of_the_file(url: str) -> None:
    assert cli("--server", url, "remember", "Grace Hopper found a Moth.", "--source", "log").exit_code == 0
    recalled = cli("recall", "Who found a moth?", "--json", MEMINI_SERVER=url)
    assert json.loads(recalled.stdout)["passages"][0]["text"] == "Grace Hopper found a Moth."
    assert "Moth" in cli("associations", "Grace Hopper", MEMINI_SERVER=url).stdout
    assert json.loads(cli("stats", "--json", MEMINI_SERVER=url).stdout)["documents"] >= 1
    [found] = json.loads(cli("list", "--source", "log", "--json", MEMINI_SERVER=url).stdout)
    assert cli("update", found["id"], "Grace Hopper found two Moths.", MEMINI_SERVER=url).exit_code == 0
    assert "two Moths" in cli("get", found["id"], MEMINI_SERVER=url).stdout
    assert "current" in cli("history", found["id"], MEMINI_SERVER=url).stdout
    assert cli("forget", "--source", "log", "--yes", MEMINI_SERVER=url).exit_code == 0
    refused = cli_process("consolidate", MEMINI_SERVER=url)
    assert refused.returncode == 1
    assert "this command needs the store's file" in refused.stderr


def test_what_is_told_to_a_server_is_masked_as_it_was_started_to(tmp_path: Path) -> None:
    key = "AKIA" + "IOSFODNN7EXAMPLE"
    masked = {"aws-access-key": 1, "email": 1}
    path = tmp_path / "a.memini"
    with serving(path, "--redact-emails") as address, Memory.connect(address) as memory:
        assert memory.remember(f"Ada wrote {key} to ada@example.org.").redacted == masked
        [passage] = memory.recall("Ada").passages
        assert passage.text == "Ada wrote [redacted:aws-access-key] to [redacted:email]."
    assert key.encode() not in path.read_bytes()
    with serving(tmp_path / "b.memini", "--no-redaction") as address, Memory.connect(address) as memory:
        assert memory.remember(key).redacted == {}


def test_without_the_server_a_second_process_is_told_at_once_who_has_the_store(tmp_path: Path) -> None:
    path = tmp_path / "a.memini"
    with serving(path):
        refused = cli("remember", "Ada met Charles.", "--db", path)
        assert refused.exit_code == 1
        assert "is locked: process " in refused.stderr


@pytest.mark.slow
def test_processes_and_an_agent_share_a_store_and_nothing_is_lost(tmp_path: Path) -> None:
    each = 4
    failures: list[str] = []

    def talk(name: str, address: str) -> None:
        for number in range(each):
            text = f"Ada told {name} story{number}."
            done = cli_process("remember", text, "--source", name, MEMINI_SERVER=address)
            if done.returncode:
                failures.append(done.stderr)

    async def agent(address: str) -> None:
        async with Client(address) as client:
            for number in range(each * 5):
                text = f"Ada told the agent tale{number}."
                answer = await client.call_tool("remember", {"text": text, "source": "agent"})
                assert not answer.is_error
                assert not (await client.call_tool("recall", {"cue": "Ada", "k": 3})).is_error

    with serving(tmp_path / "a.memini") as address:
        threads = [threading.Thread(target=talk, args=(name, address)) for name in ("one", "two")]
        for thread in threads:
            thread.start()
        anyio.run(agent, address)
        for thread in threads:
            thread.join()
        assert not failures
    with Memory.open(tmp_path / "a.memini", read_only=True) as memory:
        counted = memory.cypher("MATCH (d:Document) RETURN d.source AS source, count(*) AS n ORDER BY source")
        assert dict(zip(*counted.to_pydict().values(), strict=True)) == {
            "agent": each * 5, "one": each, "two": each
        }  # fmt: skip
        assert memory.doctor().sound


def test_beyond_this_machine_a_token_and_a_name_are_required(tmp_path: Path) -> None:
    with Memory.open(tmp_path / "a.memini", extractor=RuleExtractor()) as memory:
        with pytest.raises(InputError, match="a bearer token is required"):
            application(memory, host="0.0.0.0")  # noqa: S104 - refused
        with pytest.raises(InputError, match="--allow-host"):
            application(memory, host="0.0.0.0", token=TOKEN)  # noqa: S104 - refused
        with pytest.raises(InputError, match="the token has 5 characters"):
            application(memory, host="127.0.0.1", token="short")  # noqa: S106 - refused


def test_a_token_keeps_out_who_does_not_bring_it(tmp_path: Path) -> None:
    # as a file of settings made on Windows gives it
    with serving(tmp_path / "a.memini", MEMINI_TOKEN=f"{TOKEN}\r") as address:
        with pytest.raises(StoreError, match="MEMINI_TOKEN"):
            Memory.connect(address)
        with pytest.raises(StoreError):
            Memory.connect(address, token="another-token-of-some-length")  # noqa: S106 - a wrong one
        for token in ("new\nline " + TOKEN, "é" + TOKEN):
            with pytest.raises(InputError, match="the token holds what no header can") as told:
                Memory.connect(address, token=token)
            assert TOKEN not in str(told.value)
        with Memory.connect(address, token=f" {TOKEN}\r\n") as memory:
            assert memory.stats().documents == 0


@pytest.mark.parametrize(
    ("headers", "status"),
    [({"Host": "evil.example"}, 421), ({"Origin": "https://evil.example"}, 403)],
)
def test_web_pages_of_others_are_kept_out(url: str, headers: dict[str, str], status: int) -> None:
    message = {"jsonrpc": "2.0", "id": 1, "method": "ping"}
    accept = {"Accept": "application/json, text/event-stream"}
    assert httpx2.post(url, json=message, headers={**accept, **headers}).status_code == status


def test_a_port_that_is_taken_is_named(url: str, tmp_path: Path) -> None:
    port = url.split(":")[2].split("/", maxsplit=1)[0]
    refused = cli("serve", "--db", tmp_path / "a.memini", "--port", port)
    assert refused.exit_code == 1
    assert f"cannot serve at 127.0.0.1:{port}" in refused.stderr
