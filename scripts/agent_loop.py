"""An agent's loop over MCP: recall, answer, remember. No language model is needed to see it work.

    memini serve --db agent.memini &
    python scripts/agent_loop.py http://127.0.0.1:8765/mcp

reads lines from standard input as what the user says; before each answer it recalls, and after it remembers.
Replace `answer` by a call of your model: `context` is what belongs into its prompt.
"""

from __future__ import annotations

import sys
from datetime import UTC, datetime

import anyio
from mcp import Client
from mcp.types import TextContent


def answer(said: str, context: str) -> str:
    """What a model would say; this one only shows what it would read."""
    return f"(an answer to {said!r} by a model that reads:)\n{context}"


async def converse(url: str, conversation: str) -> None:
    """One conversation over standard input and output."""
    async with Client(url) as client:
        for line in sys.stdin:
            said = line.strip()
            if not said:
                continue
            recalled = await client.call_tool("recall", {"cue": said, "k": 3})
            context = "\n".join(part.text for part in recalled.content if isinstance(part, TextContent))
            print(answer(said, context), flush=True)
            remembered = await client.call_tool("remember", {"text": said, "source": conversation})
            if remembered.is_error:
                print(remembered.content, file=sys.stderr)


if __name__ == "__main__":
    if len(sys.argv) != 2:  # noqa: PLR2004
        sys.exit(__doc__)
    anyio.run(converse, sys.argv[1], f"conversation {datetime.now(UTC):%Y-%m-%d %H:%M}")
