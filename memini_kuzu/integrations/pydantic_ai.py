"""Pydantic AI: the tools of a memory as a toolset (extra ``pydantic-ai``)."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from pydantic_ai import ToolDefinition, ToolFailed
from pydantic_ai.toolsets import AbstractToolset
from pydantic_ai.toolsets.abstract import ToolsetTool
from pydantic_core import SchemaValidator, core_schema
from typing_extensions import override

from memini_kuzu.errors import MeminiError
from memini_kuzu.service.tools import INSTRUCTIONS, OFFERED

if TYPE_CHECKING:
    from pydantic_ai import RunContext

    from memini_kuzu.protocol import AssociativeMemory

__all__ = ["MeminiToolset"]

WRITTEN = SchemaValidator(core_schema.dict_schema(core_schema.str_schema()))
"""A JSON object: the tool itself says what is wrong in it."""


class MeminiToolset(AbstractToolset[Any]):
    """What models are offered of a memory: the tools that `memini serve` offers, called in this process.

    Choose among them as among those of every toolset: ``filtered`` leaves some out, ``approval_required`` has
    a person asked first.

    Parameters
    ----------
    memory : Memory or RemoteMemory
        Open, as long as the toolset is used.
    id : str, optional
        The toolset's name among those of an agent.

    Examples
    --------
    >>> import asyncio, tempfile
    >>> from memini_kuzu import Memory
    >>> from pydantic_ai import Agent
    >>> from pydantic_ai.models.test import TestModel
    >>> with Memory.open(tempfile.mkdtemp() + "/a.memini") as memory:
    ...     _ = memory.remember("Ada met Charles.", source="diary")
    ...     tools = MeminiToolset(memory).filtered(lambda context, tool: tool.name == "stats")
    ...     asyncio.run(Agent(TestModel(), toolsets=[tools]).run("What is there?")).output.count("documents")
    1
    """

    def __init__(self, memory: AssociativeMemory, *, id: str | None = "memini") -> None:  # noqa: A002
        self._memory, self._id = memory, id

    @property
    @override
    def id(self) -> str | None:
        return self._id

    @override
    async def get_instructions(self, ctx: RunContext[Any]) -> str:
        return INSTRUCTIONS

    @override
    async def get_tools(self, ctx: RunContext[Any]) -> dict[str, ToolsetTool[Any]]:
        return {
            name: ToolsetTool(
                toolset=self,
                tool_def=ToolDefinition(
                    name=name, description=tool.description, parameters_json_schema=tool.schema()
                ),
                max_retries=1,
                args_validator=WRITTEN,
            )
            for name, tool in OFFERED.items()
        }

    @override
    async def call_tool(
        self, name: str, tool_args: dict[str, Any], ctx: RunContext[Any], tool: ToolsetTool[Any]
    ) -> str:
        try:
            # in a thread: the memory waits for the disk, and the loop may not
            return await asyncio.to_thread(OFFERED[name].answer, self._memory, tool_args)
        except MeminiError as error:
            # the model is told what to do, and may do something else
            raise ToolFailed(str(error)) from error
