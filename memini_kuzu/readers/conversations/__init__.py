"""Conversations: a record for each message or turn, with its speaker and its own time.

===================================== ====================================================================
kept in                               recognised by
===================================== ====================================================================
WhatsApp, logs of chats (``.txt``)    lines that open with a date, a time and a name
Discord, as text (``.txt``)           dates in brackets before a name, the words below
transcripts (``.txt``)                names with a position in the recording, or names that take turns
subtitles (``.srt``, ``.vtt``)        timings
ChatGPT, Claude, Telegram, Discord,   the fields that the export holds
Slack, lists of roles and contents
(``.json``)
Telegram (``.html``)                  the page's messages
mail (``.eml``, ``.mbox``)            headers
===================================== ====================================================================

System messages, messages without words (media, stickers), quoted lines, signatures and sounds are left out
and counted. Times without an offset are UTC. The text of a record begins with who says it.
A ``.txt`` file that holds any of these forms is read as such.
"""

from __future__ import annotations

from functools import lru_cache
from io import BytesIO
from typing import TYPE_CHECKING, BinaryIO

from memini_kuzu.errors import RecordError
from memini_kuzu.readers._inputs import decode, read_text
from memini_kuzu.readers.conversations._exports import export_turns, slack_names
from memini_kuzu.readers.conversations._lines import line_turns
from memini_kuzu.readers.conversations._mail import is_mail, is_mailbox, mail_turns, mbox_turns
from memini_kuzu.readers.conversations._recordings import is_subtitles, subtitle_turns
from memini_kuzu.readers.conversations._turns import numbered, records_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from memini_kuzu.readers._inputs import Input
    from memini_kuzu.records import Item

__all__ = ["EXPORT_LIMIT", "read_export", "read_mail", "read_mbox", "read_subtitles", "recognised"]

EXPORT_LIMIT = 512 * 2**20
"""Bytes of an export in JSON, at most: it is held in memory whole."""

USERS = "users.json"
"""Where a Slack export says what its users are called: beside the channels' folders."""


def recognised(data: bytes, text: str, given: Input) -> Iterator[Item] | None:
    """The messages of a file that is named as plain text, whatever its form; None where it holds none.

    Parameters
    ----------
    data : bytes
        The file.
    text : str
        The same, decoded.
    given : Input
        What is known of it.
    """
    if is_mailbox(data):
        return read_mbox(BytesIO(data), given)
    if is_mail(data):
        return read_mail(BytesIO(data), given)
    if is_subtitles(text):
        return records_of(given, subtitle_turns(text, given))
    if text.lstrip()[:1] in {"[", "{"}:
        try:
            return records_of(given, numbered(export_turns(text, given, _names(given))))
        except RecordError:  # brackets open many a text
            pass
    turns = line_turns(text, given)
    return None if turns is None else records_of(given, turns)


def read_subtitles(stream: BinaryIO, given: Input) -> Iterator[Item]:
    """What is said in a file of subtitles."""
    text = decode(read_text(stream, given), given.encoding, given.name)
    yield from records_of(given, subtitle_turns(text, given))


def read_export(stream: BinaryIO, given: Input) -> Iterator[Item]:
    """The messages of an export in JSON."""
    text = decode(read_text(stream, given, limit=EXPORT_LIMIT), given.encoding, given.name)
    yield from records_of(given, numbered(export_turns(text, given, _names(given))))


def _names(given: Input) -> dict[str, str]:
    """The users of the Slack export that a file lies in, if it does."""
    for folder in () if given.folder is None else (given.folder, given.folder.parent):
        users = folder / USERS
        if users.is_file():
            return _named(users, users.stat().st_mtime_ns)
    return {}


@lru_cache(maxsize=4)
def _named(users: Path, _modified: int) -> dict[str, str]:
    """Read once for the thousand days of an export; a list that has changed is read again."""
    return slack_names(users.read_text(encoding="utf-8-sig", errors="replace"))


def read_mail(stream: BinaryIO, given: Input) -> Iterator[Item]:
    """A mail."""
    yield from records_of(given, mail_turns(stream.read(EXPORT_LIMIT + 1), given))


def read_mbox(stream: BinaryIO, given: Input) -> Iterator[Item]:
    """The mails of a mailbox, streamed."""
    yield from records_of(given, mbox_turns(stream, given))
