"""A conversation of thirty turns, for the adapters of all frameworks, and a model that follows a script."""

from __future__ import annotations

import re

TURNS = [f"Visitor{number} has room {100 + number} in Ribe." for number in range(29)]
"""What the user tells, one a turn."""

QUESTION = "Which room has Visitor2?"
"""The thirtieth turn."""

ANSWER = "Visitor2 has room 102 in Ribe."


def answer_from(read: str) -> str:
    """What the scripted model answers to `QUESTION`, from all that it has read; it knows nothing itself."""
    found = re.search(r"Visitor2 has room \d+ in Ribe\.", read)
    return found[0] if found else "I do not know."
