"""Pydantic AI's agents use the toolset through the real package, with scripted models."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from fixtures_talk import ANSWER, QUESTION, TURNS, answer_from

from memini_kuzu import Memory, RuleExtractor

pytest.importorskip("pydantic_ai", reason='the extra "pydantic-ai" is not installed')

from pydantic_ai import Agent, ModelMessage, ModelResponse, TextPart, ToolCallPart, ToolReturnPart
from pydantic_ai.models.function import AgentInfo, FunctionModel

from memini_kuzu.integrations.pydantic_ai import MeminiToolset
from memini_kuzu.service.tools import INSTRUCTIONS, OFFERED

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def memory(tmp_path: Path) -> Iterator[Memory]:
    with Memory.open(tmp_path / "a.memini", extractor=RuleExtractor()) as opened:
        yield opened


def returned(messages: list[ModelMessage]) -> list[ToolReturnPart]:
    return [part for message in messages for part in message.parts if isinstance(part, ToolReturnPart)]


def agent(memory: Memory, calls: list[ToolCallPart]) -> Agent[None, str]:
    """One that makes these calls, one after the other, and then says what the last one gave."""

    def scripted(messages: list[ModelMessage], _: AgentInfo) -> ModelResponse:
        done = returned(messages)
        part = calls[len(done)] if len(done) < len(calls) else TextPart(str(done[-1].content))
        return ModelResponse(parts=[part])

    return Agent(FunctionModel(scripted), toolsets=[MeminiToolset(memory)])


def test_a_model_is_told_what_the_table_of_tools_says(memory: Memory) -> None:
    seen: list[AgentInfo] = []

    def scripted(_: list[ModelMessage], info: AgentInfo) -> ModelResponse:
        seen.append(info)
        return ModelResponse(parts=[TextPart("Done.")])

    asyncio.run(Agent(FunctionModel(scripted), toolsets=[MeminiToolset(memory)]).run("Hello"))
    [info] = seen
    assert [(tool.name, tool.description, tool.parameters_json_schema) for tool in info.function_tools] == [
        (name, tool.description, tool.schema()) for name, tool in OFFERED.items()
    ]
    assert info.instructions == INSTRUCTIONS


def test_a_model_remembers_recalls_gets_and_forgets(memory: Memory) -> None:
    told = {"text": "Ada met Charles.", "time": "2026-03-01", "source": "diary", "id": "1"}
    calls = [
        ToolCallPart("remember", told),
        ToolCallPart("get", {"id": "1"}),
        ToolCallPart("forget", {"id": "1", "dry_run": False}),
        ToolCallPart("recall", '{"cue": "Charles", "k": "3", "now": null}'),
    ]
    run = asyncio.run(agent(memory, calls).run("Keep that, then forget it."))
    remembered, got, forgotten, recalled = [str(part.content) for part in returned(run.all_messages())]
    assert '"added":1' in remembered
    assert '"text":"Ada met Charles."' in got
    assert '"documents":1' in forgotten
    assert recalled == run.output == "Nothing in memory answers that."


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (ToolCallPart("associations", {"entity": "Nobody"}), "no entity is named 'Nobody'"),
        (ToolCallPart("recall", {"cue": "Ada", "limit": 3}), "'limit' is no argument of recall"),
        (ToolCallPart("get", {"id": "none"}), "no document has it"),
    ],
)
def test_a_model_is_told_what_it_asked_wrongly_and_goes_on(
    memory: Memory, call: ToolCallPart, said: str
) -> None:
    run = asyncio.run(agent(memory, [call, call, call, ToolCallPart("stats", {})]).run("Try."))
    first = returned(run.all_messages())[0]
    assert said in str(first.content)
    assert first.outcome == "failed"
    assert '"documents":0' in run.output


def test_thirty_turns_with_nothing_but_the_memory_between_them(memory: Memory) -> None:
    """Each turn is a run of its own without history: what the model knows, it has from the memory."""

    def scripted(messages: list[ModelMessage], _: AgentInfo) -> ModelResponse:
        request: Any = messages[0].parts[-1]
        done = returned(messages)
        if not done:
            asked = request.content.endswith("?")
            call = ("recall", {"cue": request.content}) if asked else ("remember", {"text": request.content})
            return ModelResponse(parts=[ToolCallPart(*call)])
        answer = answer_from(str(done[0].content)) if done[0].tool_name == "recall" else "Noted."
        return ModelResponse(parts=[TextPart(answer)])

    talking = Agent(FunctionModel(scripted), toolsets=[MeminiToolset(memory)])

    async def converse() -> list[str]:
        return [(await talking.run(turn)).output for turn in [*TURNS, QUESTION]]

    assert asyncio.run(converse()) == ["Noted."] * 29 + [ANSWER]
    assert memory.stats().documents == 29
