"""The OpenAI Agents SDK keeps its sessions in a memory, through the real package with scripted models."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import pytest
from fixtures_talk import ANSWER, QUESTION, TURNS, answer_from
from test_http import listening

from memini_kuzu import NO_REDACTION, InputError, Memory, RuleExtractor

pytest.importorskip("agents", reason='the extra "openai-agents" is not installed')

from agents import Agent, Model, ModelResponse, RunConfig, Runner, RunResult, Session, SessionSettings, Usage
from openai.types.responses import ResponseFunctionToolCall, ResponseOutputMessage, ResponseOutputText

from memini_kuzu.integrations.openai_agents import MeminiSession, memory_tools, recalling
from memini_kuzu.service.tools import OFFERED

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

QUIET = RunConfig(tracing_disabled=True)

USER = {"role": "user", "content": "What is the weather in Ribe?"}
CALL = {
    "type": "function_call",
    "call_id": "c1",
    "name": "weather",
    "arguments": '{"at": "Ribe"}',
    "id": "f1",
}
OUTPUT = {"type": "function_call_output", "call_id": "c1", "output": "Sturmflut, 9 °C \U0001f30a"}
REASONING = {"type": "reasoning", "id": "r1", "summary": [], "encrypted_content": "gAAAA"}
ASSISTANT = {
    "id": "m1",
    "type": "message",
    "role": "assistant",
    "status": "completed",
    "content": [{"type": "output_text", "text": "A storm is coming to Ribe.", "annotations": []}],
}
PICTURE: Any = {
    "role": "user",
    "content": [{"type": "input_image", "image_url": "https://example.org/a.png", "detail": "auto"}],
}
TURN: list[Any] = [USER, REASONING, CALL, OUTPUT, ASSISTANT]


class Scripted(Model):
    """A model that answers by a function of what it is given."""

    def __init__(self, script: Callable[[list[Any]], Any]) -> None:
        self.script = script
        self.read: list[list[Any]] = []

    async def get_response(self, *args: Any, **kwargs: Any) -> ModelResponse:
        del args
        asked = kwargs["input"]
        given = [{"role": "user", "content": asked}] if isinstance(asked, str) else list(asked)
        self.read.append(given)
        answer = self.script(given)
        if isinstance(answer, str):
            text = ResponseOutputText(text=answer, type="output_text", annotations=[])
            answer = ResponseOutputMessage(
                id=f"m{len(self.read)}", content=[text], role="assistant", status="completed", type="message"
            )
        return ModelResponse(output=[answer], usage=Usage(), response_id=None)

    def stream_response(self, *args: Any, **kwargs: Any) -> Any:
        raise NotImplementedError


def run(*args: Any, **kwargs: Any) -> RunResult:
    """As `Runner.run_sync`, which leaves its event loop open."""
    return asyncio.run(Runner.run(*args, **kwargs))


@pytest.fixture
def memory(tmp_path: Path) -> Iterator[Memory]:
    with Memory.open(tmp_path / "a.memini", extractor=RuleExtractor()) as opened:
        yield opened


def test_items_are_given_back_exactly_as_they_were_given(memory: Memory) -> None:
    session = MeminiSession("chat/7", memory)
    assert isinstance(session, Session)

    async def talk() -> None:
        assert await session.get_items() == []
        await session.add_items(TURN)
        await session.add_items([])
        await session.add_items([USER])
        assert await session.get_items() == [*TURN, USER]
        for limit in range(8):
            assert await session.get_items(limit) == [*TURN, USER][max(6 - limit, 0) :]

    asyncio.run(talk())


def test_a_limit_of_the_settings_holds_where_none_is_given(memory: Memory) -> None:
    session = MeminiSession("chat/7", memory, session_settings=SessionSettings(limit=2))
    asyncio.run(session.add_items(TURN))
    assert asyncio.run(session.get_items()) == TURN[-2:]
    assert asyncio.run(session.get_items(3)) == TURN[-3:]


def test_items_are_taken_back_one_by_one_the_last_first(memory: Memory) -> None:
    session = MeminiSession("chat/7", memory)

    async def talk() -> None:
        await session.add_items(TURN)
        for left in range(len(TURN), 0, -1):
            assert await session.pop_item() == TURN[left - 1]
            assert await session.get_items() == TURN[: left - 1]
        assert await session.pop_item() is None
        assert memory.stats().documents == 0
        await session.add_items(TURN)
        assert await session.get_items() == TURN

    asyncio.run(talk())


@pytest.mark.parametrize(
    "items",
    [
        [CALL, OUTPUT, USER],
        [{"role": "system", "content": "Be brief."}, USER],
        [
            {"role": "user", "content": [{"type": "input_image", "image_url": "https://example.org/a.png"}]},
            ASSISTANT,
        ],
        [{"role": "user", "content": "First.\n\n\n\nSecond. " + "Ada met Bo. " * 400}, CALL, OUTPUT],
        [USER, USER, USER, CALL, CALL],
    ],
    ids=["tools first", "instructions first", "image first", "long", "said twice"],
)
def test_items_of_every_kind_come_and_go(memory: Memory, items: list[Any]) -> None:
    session = MeminiSession("chat/7", memory)

    async def talk() -> None:
        await session.add_items(items)
        assert await session.get_items() == items
        popped = [await session.pop_item() for _ in items]
        assert popped == items[::-1]

    asyncio.run(talk())
    assert memory.stats().documents == 0


def test_sessions_are_apart_and_last(tmp_path: Path) -> None:
    path = tmp_path / "a.memini"

    async def talk(memory: Memory, number: int) -> list[Any]:
        session = MeminiSession(f"chat/{number}", memory)
        await session.add_items([{"role": "user", "content": f"Note {number}."}])
        return await session.get_items()

    for _ in range(2):
        with Memory.open(path, extractor=RuleExtractor()) as memory:
            asyncio.run(talk(memory, 7))
            read = asyncio.run(talk(memory, 8))
    assert read == [{"role": "user", "content": "Note 8."}] * 2
    with Memory.open(path) as memory:
        session = MeminiSession("chat/7", memory)
        asyncio.run(session.clear_session())
        asyncio.run(session.clear_session())
        assert asyncio.run(session.get_items()) == []
        assert len(asyncio.run(MeminiSession("chat/8", memory).get_items())) == 2


def test_sessions_of_one_id_add_side_by_side_and_lose_nothing(memory: Memory) -> None:
    """A web application makes a session for each request."""
    made: list[Any] = [{"role": "user", "content": f"Note {n}."} for n in range(20)]
    calls: list[Any] = [{**CALL, "call_id": f"c{n}"} for n in range(20)]

    async def talk() -> list[Any]:
        await asyncio.gather(
            *(
                MeminiSession("chat/7", memory).add_items([note, call])
                for note, call in zip(made, calls, strict=True)
            )
        )
        return await MeminiSession("chat/7", memory).get_items()

    items = asyncio.run(talk())
    assert sorted(map(str, items)) == sorted(map(str, [*made, *calls]))
    # what was added together stands together
    assert all(items[at + 1]["call_id"] == f"c{items[at]['content'][5:-1]}" for at in range(0, 40, 2))


def test_what_was_said_is_recalled_and_what_tools_gave_is_not(memory: Memory) -> None:
    asyncio.run(MeminiSession("chat/7", memory).add_items(TURN))
    assert [passage.text for passage in memory.recall("storm in Ribe")] == [
        "assistant: A storm is coming to Ribe.",
        "user: What is the weather in Ribe?",
    ]
    assert not memory.recall("Sturmflut").passages


def test_secrets_in_items_are_masked_unless_the_memory_masks_nothing(tmp_path: Path) -> None:
    key = "AKIA" + "IOSFODNN7EXAMPLE"
    items: list[Any] = [
        {"role": "user", "content": f'My "key" is {key}'},
        {**OUTPUT, "output": f'{{"k": "{key}"}}'},
    ]
    for redaction, expected in ((None, key.replace(key, "[redacted:aws-access-key]")), (NO_REDACTION, key)):
        settings = {} if redaction is None else {"redaction": redaction}
        with Memory.open(tmp_path / f"{expected[1]}.memini", extractor=RuleExtractor(), **settings) as memory:
            session = MeminiSession("chat/7", memory)
            asyncio.run(session.add_items(items))
            assert asyncio.run(session.get_items()) == json.loads(json.dumps(items).replace(key, expected))
            assert asyncio.run(session.pop_item())
            assert len(asyncio.run(session.get_items())) == 1


def test_a_session_works_over_a_server(memory: Memory) -> None:
    with listening(memory) as url, Memory.connect(url) as remote:
        session = MeminiSession("chat/7", remote)
        asyncio.run(session.add_items(TURN))
        assert asyncio.run(session.get_items()) == TURN
        assert asyncio.run(session.pop_item()) == ASSISTANT
        asyncio.run(session.clear_session())
        assert asyncio.run(session.get_items()) == []


def test_long_sessions_are_read_whole(memory: Memory) -> None:
    items: list[Any] = [{"role": "user", "content": f"Note {number}."} for number in range(205)]
    session = MeminiSession("chat/7", memory)
    asyncio.run(session.add_items(items))
    assert asyncio.run(session.get_items()) == items


def test_an_id_that_the_memory_masks_is_refused_before_anything_is_lost(memory: Memory) -> None:
    session = MeminiSession("AKIA" + "IOSFODNN7EXAMPLE", memory)
    with pytest.raises(InputError, match="masks this name as a secret"):
        asyncio.run(session.add_items(TURN))
    assert memory.stats().documents == 0


@pytest.mark.parametrize("name", ["", " ", "chat*", None])
def test_an_id_that_can_name_no_source_is_refused(memory: Memory, name: Any) -> None:
    with pytest.raises(InputError, match="pass a name that does not end in"):
        MeminiSession(name, memory)


def test_thirty_turns_of_an_agent_and_another_session_knows_them(memory: Memory) -> None:
    def script(read: list[Any]) -> str:
        said = read[-1]["content"]
        return answer_from(json.dumps(read)) if said.endswith("?") else "Noted."

    model = Scripted(script)
    agent = Agent(name="clerk", model=model)
    session = MeminiSession("chat/7", memory)

    async def converse() -> list[str]:
        return [
            (await Runner.run(agent, turn, session=session, run_config=QUIET)).final_output
            for turn in [*TURNS, QUESTION]
        ]

    assert asyncio.run(converse()) == ["Noted."] * 29 + [ANSWER]
    items: list[Any] = asyncio.run(session.get_items())
    assert [item["content"] for item in items[::2]] == [*TURNS, QUESTION]
    assert len(model.read[-1]) == 59

    # a new session has no history of its own: the block that is put before the question tells
    config = RunConfig(tracing_disabled=True, call_model_input_filter=recalling(memory))
    new = MeminiSession("chat/8", memory)
    assert run(agent, QUESTION, session=new, run_config=config).final_output == ANSWER
    assert [item["role"] for item in model.read[-1]] == ["user", "user"]
    # and is kept by none
    assert len(asyncio.run(new.get_items())) == 2
    assert run(agent, QUESTION, run_config=QUIET).final_output == "I do not know."


def test_nothing_is_put_before_a_message_that_brings_nothing_to_mind(memory: Memory) -> None:
    model = Scripted(lambda _: "Hello.")
    config = RunConfig(tracing_disabled=True, call_model_input_filter=recalling(memory))
    run(Agent(name="clerk", model=model), "Hello", run_config=config)
    picture: Any = [
        {"role": "user", "content": [{"type": "input_image", "image_url": "https://example.org/a.png"}]}
    ]
    run(Agent(name="clerk", model=model), picture, run_config=config)
    assert [len(read) for read in model.read] == [1, 1]


def test_neither_a_long_message_nor_a_long_memory_ends_a_run(memory: Memory) -> None:
    memory.remember("Ada met Charles.")
    model = Scripted(lambda read: read[0]["content"])
    config = RunConfig(tracing_disabled=True, call_model_input_filter=recalling(memory))
    for message in ("Who met Charles? " + "log " * 5_000, "log " * 5_000 + "Who met Charles?"):
        said = run(Agent(name="clerk", model=model), message, run_config=config).final_output
        assert "Ada met Charles." in said
    memory.remember("中文字" * 500)
    with pytest.warns(UserWarning, match="budget_tokens = 800 holds none of the passages"):
        said = run(Agent(name="clerk", model=model), "中文字", run_config=config).final_output
    assert said == "中文字"


def test_what_a_run_recalls_keeps_to_its_scope(memory: Memory) -> None:
    memory.remember("Ada met Charles.", source="ada")
    memory.remember("Bo met Charles.", source="bo")
    model = Scripted(lambda read: read[0]["content"])
    config = RunConfig(tracing_disabled=True, call_model_input_filter=recalling(memory, sources="bo"))
    said = run(Agent(name="clerk", model=model), "Who met Charles?", run_config=config).final_output
    assert "Bo met Charles." in said
    assert "Ada" not in said


def test_tools_are_those_of_the_table_and_a_model_calls_them(memory: Memory) -> None:
    tools = memory_tools(memory)
    assert [(tool.name, tool.description, tool.params_json_schema) for tool in tools] == [
        (name, tool.description, tool.schema()) for name, tool in OFFERED.items()
    ]
    calls = [
        ("remember", '{"text": "Ada met Charles.", "time": null}'),
        ("recall", '{"cue": "Charles", "k": "3"}'),
        ("associations", '{"entity": "Nobody"}'),
        ("recall", '{"cue": '),
        ("recall", "[]"),
        ("stats", ""),
    ]

    def script(read: list[Any]) -> Any:
        done = [item for item in read if item.get("type") == "function_call_output"]
        if len(done) == len(calls):
            return "Done."
        name, arguments = calls[len(done)]
        return ResponseFunctionToolCall(
            name=name, arguments=arguments, call_id=f"c{len(done)}", type="function_call"
        )

    model = Scripted(script)
    done = run(Agent(name="clerk", model=model, tools=list(tools)), "Go on.", run_config=QUIET)
    outputs = [item["output"] for item in model.read[-1] if item.get("type") == "function_call_output"]
    assert done.final_output == "Done."
    assert '"added":1' in outputs[0]
    assert "Ada met Charles." in outputs[1]
    assert outputs[2].startswith("error: no entity is named 'Nobody'")
    assert outputs[3].startswith("error: ")
    assert outputs[4] == "error: the arguments of recall are no JSON object"
    assert '"documents":1' in outputs[5]
