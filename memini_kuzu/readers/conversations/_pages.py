"""Exports as pages: Telegram's ``messages.html``."""

from __future__ import annotations

import re
from datetime import datetime
from typing import TYPE_CHECKING, Any

from memini_kuzu.readers.conversations._turns import SYSTEM, LeftOut, Turn
from memini_kuzu.times import to_millis

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["page_turns"]

_WHEN = re.compile(
    r"(?P<d>\d{2})\.(?P<m>\d{2})\.(?P<y>\d{4}) (?P<clock>\d{2}:\d{2}:\d{2})(?: UTC(?P<zone>[+-]\d{2}:\d{2}))?"
)


def page_turns(soup: Any) -> Iterator[Turn | LeftOut] | None:
    """The turns of a page, None where it is no chat.

    Parameters
    ----------
    soup : bs4.BeautifulSoup
        The page.
    """
    messages = soup.select("div.history > div.message[id^=message]")
    return _turns(messages) if messages else None


def _turns(messages: list[Any]) -> Iterator[Turn | LeftOut]:
    speaker = ""
    for message in messages:
        if "service" in message.get("class", []):
            yield LeftOut(SYSTEM)
            continue
        body = message.select_one(".body")
        # a message that is passed on has a name of its own inside; the sender's is the body's child
        name = body and body.select_one(":scope > .from_name")
        speaker = " ".join(name.get_text(" ").split()) if name else speaker  # the next ones say no name
        text = message.select_one(".text")
        for line in text.find_all("br") if text else []:
            line.replace_with("\n")
        date = message.select_one(".date[title]")
        yield Turn(
            text.get_text().strip() if text else "",
            speaker,
            None if date is None else _when(str(date["title"])),
            str(message.get("id", "")).removeprefix("message"),
        )


def _when(title: str) -> str | int:
    found = _WHEN.search(title)
    if found is None:
        return title
    written = f"{found['y']}-{found['m']}-{found['d']}T{found['clock']}{found['zone'] or ''}"
    return to_millis(datetime.fromisoformat(written))
