"""What the server's answers cost a model: tokens of the tools' descriptions, and of a recall.

    python scripts/measure_answers.py

takes in the notes of scripts/sample and asks over MCP for the five best passages. Tokens are estimated at
four bytes each, as context blocks count them. The JSON of the same recall, with its reasons, is what programs
read.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import anyio
from mcp import Client
from mcp.types import TextContent

from memini_kuzu import Memory, RuleExtractor
from memini_kuzu.recall.context import tokens
from memini_kuzu.service import OneMemory, build
from memini_kuzu.service.tools import TOOLS

NOTES = Path(__file__).parent / "sample" / "notes"

CUES = (
    "What did we measure at Saltmarsh Pier?",
    "Who works on the Kestrel firmware?",
    "What does Mira Okafor do?",
)

WIDE = 10_000
"""Tokens that no recall of five passages exceeds, so that all of them are counted."""


async def told(client: Client, asked: dict[str, object]) -> int:
    """Tokens of a recall's answer."""
    answer = await client.call_tool("recall", asked)
    return sum(tokens(part.text) for part in answer.content if isinstance(part, TextContent))


async def measure(memory: Memory) -> tuple[int, list[dict[str, int]]]:
    """Tokens of the tools' descriptions, and for each cue those of the passages and of what carries them."""
    [recall] = [tool for tool in TOOLS if tool.name == "recall"]
    rows = []
    async with Client(build(OneMemory(memory))) as client:
        listed = (await client.list_tools()).model_dump_json(by_alias=True, exclude_none=True)
        for cue in CUES:
            asked: dict[str, object] = {"cue": cue, "k": 5, "budget_tokens": WIDE}
            plain, why = [await told(client, {**asked, "reasons": reasons}) for reasons in (False, True)]
            body = recall.call(memory, recall.read_lenient({**asked, "reasons": True})).model_dump_json()
            passages = json.loads(body)["passages"]
            rows.append(
                {
                    "passages": len(passages),
                    "their texts": sum(tokens(passage["text"]) for passage in passages),
                    "answer": plain,
                    "with reasons": why,
                    "as JSON": tokens(body),
                }
            )
    return tokens(listed), rows


def main() -> None:
    """Print the table."""
    with (
        tempfile.TemporaryDirectory() as folder,
        Memory.open(Path(folder) / "a.memini", extractor=RuleExtractor()) as memory,
    ):
        memory.ingest(NOTES)
        tools, rows = anyio.run(measure, memory)
    print(f"descriptions of the tools: {tools} tokens")
    print(*(f"{name:>14}" for name in rows[0]))
    for row in rows:
        print(*(f"{number:14}" for number in row.values()))


if __name__ == "__main__":
    main()
