"""Resources and prompts of the MCP server, asked for with the SDK's own client."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from memini_kuzu import Memory, RuleExtractor

pytest.importorskip("mcp", reason='the extra "mcp" is not installed')

import anyio
import httpx2
from mcp import Client, MCPError
from mcp.client.streamable_http import streamable_http_client
from mcp.types import TextContent, TextResourceContents
from test_users import as_user, listening, post

from memini_kuzu.recall.context import HEAD
from memini_kuzu.service import OneMemory, build
from memini_kuzu.service.attached import NEWEST

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator
    from pathlib import Path


@pytest.fixture
def memory(tmp_path: Path) -> Iterator[Memory]:
    with Memory.open(tmp_path / "a.memini", extractor=RuleExtractor()) as opened:
        opened.remember("Ada met Charles.", time="2026-03-01", source="diary", title="Day | 1", id="1")
        opened.remember("Grace stayed at home.\nAll day.", time="2026-03-02", source="diary", id="2")
        yield opened


def conversation(memory: Memory, talk: Callable[[Client], Awaitable[None]]) -> None:
    async def main() -> None:
        with anyio.fail_after(60):
            async with Client(build(OneMemory(memory))) as client:
                await talk(client)

    anyio.run(main)


async def read(client: Client, uri: str) -> TextResourceContents:
    [content] = (await client.read_resource(uri)).contents
    assert isinstance(content, TextResourceContents)
    return content


def test_a_client_lists_the_newest_texts_and_reads_any(memory: Memory) -> None:
    async def talk(client: Client) -> None:
        stats, newest, first = (await client.list_resources()).resources
        assert (newest.title, newest.description) == ("Grace stayed at home. All day.", "2026-03-02 | diary")
        assert first.title == "Day / 1"
        assert (await read(client, newest.uri)).text == "Grace stayed at home.\nAll day."
        counted = await read(client, stats.uri)
        assert counted.mime_type == "application/json"
        assert json.loads(counted.text)["documents"] == 2
        [template] = (await client.list_resource_templates()).resource_templates
        told = await read(client, template.uri_template.replace("{id}", "1"))
        assert (told.text, told.mime_type) == ("Ada met Charles.", "text/plain")

    conversation(memory, talk)


def test_a_long_memory_lists_no_more_than_a_menu_shows(memory: Memory) -> None:
    memory.remember([{"role": "user", "content": f"Note {n}."} for n in range(NEWEST + 5)])

    async def talk(client: Client) -> None:
        assert len((await client.list_resources()).resources) == 1 + NEWEST

    conversation(memory, talk)


def test_a_prompt_asks_with_what_is_recalled(memory: Memory) -> None:
    async def talk(client: Client) -> None:
        [prompt] = (await client.list_prompts()).prompts
        assert [each.name for each in prompt.arguments or []] == ["about"]
        [message] = (await client.get_prompt(prompt.name, {"about": "Who met Charles?"})).messages
        assert isinstance(message.content, TextContent)
        assert message.role == "user"
        assert message.content.text.startswith("What do you remember about this: Who met Charles?\n\n")
        assert f"{HEAD}\n\n[1] 2026-03-01" in message.content.text
        [nothing] = (await client.get_prompt(prompt.name, {"about": "zeppelin"})).messages
        assert isinstance(nothing.content, TextContent)
        assert nothing.content.text.endswith("Nothing in memory answers that.")

    conversation(memory, talk)


def test_users_of_one_server_see_their_own_texts_alone(tmp_path: Path) -> None:
    texts = {"ada": "Ada hid a stone in Oslo.", "ben": "Ben hid a stone in Oslo."}

    async def seen(url: str, user: str, foreign: str) -> str:
        with anyio.fail_after(60):
            async with (
                httpx2.AsyncClient(headers=as_user(user), timeout=60) as http,
                Client(streamable_http_client(f"{url}/mcp", http_client=http)) as client,
            ):
                _, own = (await client.list_resources()).resources
                [message] = (await client.get_prompt("remembered", {"about": "Who hid a stone?"})).messages
                with pytest.raises(MCPError, match="no document has it"):
                    await client.read_resource(f"memini://document/{foreign}")
                return f"{own.title} {(await read(client, own.uri)).text} {message.content}"

    with listening(tmp_path / "users") as url:
        ids = {user: post(url, "remember", user, text=text)["ids"][0] for user, text in texts.items()}
        for user, other in (("ada", "ben"), ("ben", "ada")):
            shown = anyio.run(seen, url, user, ids[other])
            assert shown.count(texts[user]) == 3
            assert texts[other] not in shown


@pytest.mark.parametrize("uri", ["memini://document/none", "memini://people", "file:///etc/passwd"])
def test_a_resource_that_is_not_there_is_refused_with_what_there_is(memory: Memory, uri: str) -> None:
    async def talk(client: Client) -> None:
        with pytest.raises(MCPError, match=r"no document has it|there are memini://stats"):
            await client.read_resource(uri)

    conversation(memory, talk)


@pytest.mark.parametrize(
    ("name", "given", "said"),
    [
        ("guess", {"about": "Ada"}, "there is no prompt 'guess'; there is remembered"),
        ("remembered", {}, "remembered takes about"),
        ("remembered", {"about": "Ada", "k": "3"}, "not \\['about', 'k'\\]"),
        ("remembered", {"about": " "}, "the cue is empty"),
    ],
)
def test_a_prompt_that_cannot_be_made_is_refused(
    memory: Memory, name: str, given: dict[str, str], said: str
) -> None:
    async def talk(client: Client) -> None:
        with pytest.raises(MCPError, match=said):
            await client.get_prompt(name, given)

    conversation(memory, talk)
