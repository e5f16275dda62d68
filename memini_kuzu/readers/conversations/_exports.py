"""Exports in JSON: ChatGPT, Claude, Telegram, Discord and Slack, told apart by the fields that they hold."""

from __future__ import annotations

import html
import json
import re
from typing import TYPE_CHECKING, Any, TypeAlias

from memini_kuzu.errors import RecordError
from memini_kuzu.readers._inputs import NotUnderstoodError, brief
from memini_kuzu.readers.conversations._turns import SYSTEM, LeftOut, Turn
from memini_kuzu.times import MILLIS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from memini_kuzu.readers._inputs import Input

__all__ = ["export_turns", "slack_names"]

_Object: TypeAlias = dict[str, Any]
_Turns: TypeAlias = "Iterator[Turn | LeftOut]"

BRANCHES, TOOLS, ATTACHED = (
    "messages of other branches left out",
    "messages to and from tools left out",
    "attachments left out",
)
"""What else a conversation with an assistant holds."""

_SECOND = 1000

TOPIC = 120
"""Characters of a message that tell what the replies to it are about."""

_ROLE = {"human": "user", "user": "user", "assistant": "assistant"}


def export_turns(text: str, given: Input, names: Mapping[str, str]) -> Iterator[Turn | LeftOut]:
    """The turns of an export.

    Parameters
    ----------
    text : str
        A file in JSON.
    given : Input
        For errors.
    names : mapping
        Slack's user ids, and what the users are called.

    Raises
    ------
    RecordError
        If it is no JSON, or of no export that is known.
    """
    try:
        data = json.loads(text)
    except json.JSONDecodeError as error:
        raise RecordError(
            given.name, f"is not JSON at line {error.lineno}, column {error.colno} ({error.msg}); correct it"
        ) from None
    except (ValueError, RecursionError) as error:
        raise RecordError(given.name, f"is JSON beyond what can be read ({brief(error)})") from None
    for fits, turns in _FORMS:
        if fits(data):
            return turns(data, names)
    raise NotUnderstoodError(
        given.name,
        "is JSON of no known export (ChatGPT, Claude, Telegram, Discord, Slack); "
        "write records as JSONL, one object a line",
    )


def _objects(data: Any) -> list[_Object]:
    return [each for each in data if isinstance(each, dict)] if isinstance(data, list) else []


def _any_with(data: Any, *keys: str) -> bool:
    return any(all(key in each for key in keys) for each in _objects(data)[:100])


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _epoch(value: Any) -> int | str | None:
    """Seconds or milliseconds since 1970, as numbers or as text, in milliseconds; what is neither as text."""
    try:
        number = None if value is None or isinstance(value, bool) else float(value)
        millis = None if number is None else round(number if abs(number) >= MILLIS else number * _SECOND)
    except (TypeError, ValueError, OverflowError):
        return None
    return millis if millis is None or abs(millis) < MILLIS * _SECOND else str(value)


def _chatgpt(data: Any, _names: Mapping[str, str]) -> _Turns:
    for talk in _objects(data if isinstance(data, list) else [data]):
        mapping = _nodes(talk)
        nodes = _branch(mapping, talk.get("current_node"))
        others = sum(_role(node) in _ROLE.values() for key, node in mapping.items() if key not in nodes)
        if others:
            yield LeftOut(BRANCHES, others)
        time = _epoch(talk.get("create_time"))
        title, own = _text(talk.get("title")), str(talk.get("conversation_id") or talk.get("id") or "")
        for key in nodes:
            message = mapping[key].get("message")
            if not isinstance(message, dict):
                continue
            time = _epoch(message.get("create_time")) or time
            role = _role(mapping[key])
            content = message.get("content")
            content = content if isinstance(content, dict) else {}
            hidden = (message.get("metadata") or {}).get("is_visually_hidden_from_conversation")
            if role not in _ROLE.values() or hidden:
                words = _parts(content)
                if words.strip():
                    yield LeftOut(TOOLS if role == "tool" else SYSTEM)
            elif content.get("content_type") not in {"text", "multimodal_text", None}:
                yield LeftOut(TOOLS)
            else:
                yield Turn(_parts(content), role, time, str(message.get("id") or key), title, own or title)


def _nodes(talk: _Object) -> dict[str, _Object]:
    """The messages of a conversation by id; none of any other object with a field of that name."""
    mapping = talk.get("mapping")
    nodes = mapping.items() if isinstance(mapping, dict) else ()
    return {key: node for key, node in nodes if isinstance(node, dict) and "message" in node}


def _role(node: Any) -> str:
    message = node.get("message") if isinstance(node, dict) else None
    author = message.get("author") if isinstance(message, dict) else None
    return _text(author.get("role")) if isinstance(author, dict) else ""


def _branch(mapping: dict[str, _Object], current: Any) -> list[str]:
    """The nodes from the root to the current one; without one, along the last answer of each."""
    if current not in mapping:
        children = {child for node in mapping.values() for child in node.get("children") or []}
        current = next((key for key in mapping if key not in children), None)
        met = set()
        while current in mapping and current not in met:
            met.add(current)
            below = [child for child in mapping[current].get("children") or [] if child in mapping]
            if not below:
                break
            current = below[-1]
    path: list[str] = []
    while current in mapping and current not in path[-1:] and len(path) <= len(mapping):
        path.append(current)
        current = mapping[current].get("parent")
    return path[::-1]


def _parts(content: _Object) -> str:
    """The words of a message, in whichever part they stand."""
    parts = content.get("parts")
    found = []
    for part in parts if isinstance(parts, list) else [content.get("text")]:
        if isinstance(part, dict):
            found.append(_text(part.get("text")))  # what was dictated
        else:
            found.append(_text(part))
    return "\n\n".join(each for each in found if each.strip())


_CLAUDE_SAID = ("text", "voice_note")


def _claude(data: Any, _names: Mapping[str, str]) -> _Turns:
    for talk in _objects(data if isinstance(data, list) else [data]):
        own, title = str(talk.get("uuid") or ""), _text(talk.get("name"))
        for message in _objects(talk.get("chat_messages")):
            content = _objects(message.get("content"))
            texts = [_text(part.get("text")) for part in content if part.get("type") in _CLAUDE_SAID]
            tools = sum(part.get("type") in {"tool_use", "tool_result"} for part in content)
            attached = len(_objects(message.get("attachments")))
            words = "\n\n".join(filter(str.strip, texts)) or ("" if tools else _text(message.get("text")))
            if tools:
                yield LeftOut(TOOLS, tools)
            if attached:
                yield LeftOut(ATTACHED, attached)
            if words.strip() or not (tools or attached):
                role = _ROLE.get(_text(message.get("sender")), "")
                time = message.get("created_at") or talk.get("created_at")
                yield Turn(words, role, time, str(message.get("uuid") or ""), title, own or title)


def _telegram(data: Any, _names: Mapping[str, str]) -> _Turns:
    several = "chats" in data
    # an account holds the chats that were left apart from the others
    lists = [data.get("chats"), data.get("left_chats")] if several else [{"list": [data]}]
    for chat in (chat for each in _objects(lists) for chat in _objects(each.get("list"))):
        own = str(chat.get("id") or "") if several else ""
        for message in _objects(chat.get("messages")):
            if message.get("type") != "message":
                yield LeftOut(SYSTEM)
                continue
            words = _telegram_text(message.get("text"))
            time = _epoch(message.get("date_unixtime"))
            speaker = _text(message.get("from")) or _text(chat.get("name"))
            yield Turn(
                words,
                speaker,
                _text(message.get("date")) if time is None else time,
                str(message.get("id") or ""),
                "",
                own,
            )


def _telegram_text(value: Any) -> str:
    if isinstance(value, list):
        return "".join(_text(part.get("text")) if isinstance(part, dict) else _text(part) for part in value)
    return _text(value)


def _attached(parts: Any, keys: tuple[str, ...]) -> str:
    """What stands in the boxes below a message: programs write all that they say there."""
    return "\n\n".join(
        words for part in _objects(parts) for words in (_text(part.get(key)) for key in keys) if words.strip()
    )


_DISCORD_SAID = frozenset({"Default", "Reply", "ThreadStarterMessage", "ChatInputCommand", "0", "19", ""})


def _discord(data: Any, _names: Mapping[str, str]) -> _Turns:
    for message in _objects(data["messages"]):
        author = message.get("author")
        author = author if isinstance(author, dict) else {}
        if str(message.get("type", "")) not in _DISCORD_SAID:
            yield LeftOut(SYSTEM)
            continue
        words = _text(message.get("content")) or _attached(message.get("embeds"), ("title", "description"))
        for user in _objects(message.get("mentions")):
            words = re.sub(rf"<@!?{re.escape(str(user.get('id')))}>", f"@{_discord_name(user)}", words)
        yield Turn(words, _discord_name(author), message.get("timestamp"), str(message.get("id") or ""))


def _discord_name(user: _Object) -> str:
    return next(
        (str(user[key]) for key in ("nickname", "global_name", "name", "username") if user.get(key)), ""
    )


def _discord_own(data: Any, _names: Mapping[str, str]) -> _Turns:
    """What Discord gives a user of their own messages: no names, the newest first."""
    for message in reversed(_objects(data)):
        yield Turn(_text(message.get("Contents")), "user", message.get("Timestamp"), str(message.get("ID")))


def _roles(data: Any, _names: Mapping[str, str]) -> _Turns:
    """Messages as the interfaces of language models take them: a role and a content each."""
    for message in _objects(data["messages"] if isinstance(data, dict) else data):
        role, content = _text(message.get("role")), message.get("content")
        words = content if isinstance(content, str) else _parts({"parts": content})
        time = message.get("created_at") or message.get("timestamp") or message.get("time")
        own = str(message.get("id") or "")
        if role not in _ROLE:
            yield LeftOut(TOOLS if role in {"tool", "function"} else SYSTEM)
        elif words.strip() or not message.get("tool_calls"):
            yield Turn(words, _ROLE[role], time if isinstance(time, str) else _epoch(time), own)


_SLACK_SAID = frozenset({"", "bot_message", "me_message", "file_share", "thread_broadcast", "file_comment"})
_SLACK_MARK = re.compile(r"<(?P<kind>[@#!]?)(?P<what>[^<>|\s]+)(?:\|(?P<label>[^<>]*))?>")


_SLACK_ATTACHED = ("pretext", "title", "text")


def _slack(data: Any, names: Mapping[str, str]) -> _Turns:
    topics: dict[str, str] = {}
    for message in _objects(data):
        if _text(message.get("subtype")) not in _SLACK_SAID or message.get("type") != "message":
            yield LeftOut(SYSTEM)
            continue
        written = _text(message.get("text")) or _attached(message.get("attachments"), _SLACK_ATTACHED)
        words = html.unescape(_SLACK_MARK.sub(lambda mark: _slack_mark(mark, names), written))
        user = _text(message.get("user"))
        profile = message.get("user_profile")
        profile = profile if isinstance(profile, dict) else {}
        speaker = (
            names.get(user)
            or _user_name({"profile": profile})
            or _text(message.get("username"))
            or _text((message.get("bot_profile") or {}).get("name"))
            or user
        )
        own, thread = _text(message.get("ts")), _text(message.get("thread_ts"))
        topics.setdefault(own, " ".join(words.split())[:TOPIC])
        # what a reply is about stands in the message that it answers
        topic = "" if thread == own else topics.get(thread, "")
        yield Turn(words, speaker, _epoch(message.get("ts")), own, topic)


def _slack_mark(mark: re.Match[str], names: Mapping[str, str]) -> str:
    kind, what, label = mark["kind"], mark["what"], mark["label"]
    if kind == "@":
        return f"@{names.get(what) or label or what}"
    if kind == "#":
        return f"#{label or what}"
    if kind == "!":
        return label or f"@{what.partition('^')[0]}"
    return label or what


def slack_names(text: str) -> dict[str, str]:
    """What the users of a Slack export are called, from its ``users.json``.

    Examples
    --------
    >>> slack_names('[{"id": "U1", "name": "ada", "profile": {"real_name": "Ada Lovelace"}}]')
    {'U1': 'Ada Lovelace'}
    """
    try:
        data = json.loads(text)
    except (ValueError, RecursionError):  # reported where the file itself is read
        return {}
    return {str(user["id"]): _user_name(user) for user in _objects(data) if user.get("id")}


def _user_name(user: _Object) -> str:
    profile = user.get("profile")
    profile = profile if isinstance(profile, dict) else {}
    places = ((user, "real_name"), (profile, "real_name"), (profile, "display_name"), (user, "name"))
    return next((_text(where[key]) for where, key in places if _text(where.get(key)).strip()), "")


def _lists(data: Any) -> _Turns:
    """The lists of users and channels beside the messages of a Slack export."""
    yield LeftOut("entries of a list of users or channels left out", len(data))


def _is_slack_list(data: Any) -> bool:
    return any(_any_with(data, "id", "name", mark) for mark in ("profile", "real_name", "creator", "members"))


_FORMS: tuple[tuple[Callable[[Any], bool], Callable[[Any, Mapping[str, str]], _Turns]], ...] = (
    (lambda data: any(map(_nodes, _objects(data if isinstance(data, list) else [data])[:100])), _chatgpt),
    (lambda data: _any_with(data if isinstance(data, list) else [data], "chat_messages"), _claude),
    (
        lambda data: (
            isinstance(data, dict)
            and (
                (isinstance(data.get("chats"), dict) and isinstance(data["chats"].get("list"), list))
                or (_any_with(data.get("messages"), "type", "date") and "channel" not in data)
            )
        ),
        _telegram,
    ),
    (
        lambda data: isinstance(data, dict) and _any_with(data.get("messages"), "author", "timestamp"),
        _discord,
    ),
    (lambda data: _any_with(data, "ID", "Timestamp", "Contents"), _discord_own),
    (lambda data: _any_with(data, "type", "ts"), _slack),
    (
        lambda data: _any_with(
            data["messages"] if isinstance(data, dict) and "messages" in data else data, "role", "content"
        ),
        _roles,
    ),
    (_is_slack_list, lambda data, _names: _lists(data)),
)
