"""Conversations: a record a message, at its time, by its speaker; what nobody said is counted."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from memini_kuzu.errors import RecordError
from memini_kuzu.extraction import RuleExtractor
from memini_kuzu.memory import Memory
from memini_kuzu.readers import read
from memini_kuzu.records import Notice, Record, Skipped
from memini_kuzu.text.redaction import Redaction
from memini_kuzu.times import from_millis, to_millis

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

MODIFIED = to_millis("2026-03-01T12:00")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write(name: str, content: str | bytes | object, modified: int = MODIFIED) -> str:
    path = Path(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    if not isinstance(content, str | bytes):
        content = json.dumps(content)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    os.utime(path, ns=(modified * 1_000_000, modified * 1_000_000))
    return name


def told(*names: str) -> tuple[list[tuple[str, str]], dict[str, int | None]]:
    """The messages of files, each with its time to the second, and what was left out."""
    said, left = [], {}
    for item in read(names):
        if isinstance(item, Record):
            assert item.time is not None
            said.append((from_millis(item.time).strftime("%Y-%m-%dT%H:%M:%S"), item.text))
        else:
            assert isinstance(item, Notice), item
            left[item.what] = item.count
    return said, left


# --- chats line by line


ANDROID = """\
{0} - Messages and calls are end-to-end encrypted. Nobody outside this chat can read them.
{0} - Mia Berg: Shall we take the ferry?
{1} - Jon: Yes,
at noon: from pier 4

- bring Ada
{1} - Mia Berg: <Media omitted>
{1} - Jon: IMG-20250213-WA0001.jpg (file attached)
{1} - Jon: IMG-20250213-WA0002.jpg (file attached)
The pier
{1} - Jon: This message was deleted
{2} - Mia Berg: Until then <This message was edited>
"""


@pytest.mark.parametrize(
    ("dates", "days"),
    [
        (("03/02/2025, 09:15", "04/02/2025, 09:16", "14/02/2025, 21:05"), ("02-03", "02-04", "02-14")),
        (
            ("2/3/25, 9:15\u202fAM", "2/4/25, 9:16\u202fAM", "2/14/25, 9:05\u202fPM"),
            ("02-03", "02-04", "02-14"),
        ),
        (("03.02.25, 09:15", "04.02.25, 09:16", "14.02.25, 21:05"), ("02-03", "02-04", "02-14")),
        (("2025-02-03, 09:15", "2025-02-04, 09:16", "2025-02-14, 21:05"), ("02-03", "02-04", "02-14")),
        (("03/02/2025 à 09:15", "04/02/2025 à 09:16", "14/02/2025 à 21:05"), ("02-03", "02-04", "02-14")),
        (("3/2/2025 9:15 a. m.", "4/2/2025 9:16 a. m.", "14/2/2025 9:05 p. m."), ("02-03", "02-04", "02-14")),
        (("2025/2/3 上午9:15", "2025/2/4 上午9:16", "2025/2/14 下午9:05"), ("02-03", "02-04", "02-14")),
        (("3.2.2025 klo 9.15", "4.2.2025 klo 9.16", "14.2.2025 klo 21.05"), ("02-03", "02-04", "02-14")),
        (("3.02.25 г., 9:15", "4.02.25 г., 9:16", "14.02.25 г., 21:05"), ("02-03", "02-04", "02-14")),
        (("09:15, 03/02/2025", "09:16, 04/02/2025", "21:05, 14/02/2025"), ("02-03", "02-04", "02-14")),
        (("3/2/25, 9:15 π.μ.", "4/2/25, 9:16 π.μ.", "14/2/25, 9:05 μ.μ."), ("02-03", "02-04", "02-14")),
        (("3/2/25, 9:15 PG", "4/2/25, 9:16 PG", "14/2/25, 9:05 PTG"), ("02-03", "02-04", "02-14")),
        (
            (
                "\u0663\u200f/\u0662\u200f/\u0662\u0660\u0662\u0665\u060c \u0669:\u0661\u0665 \u0635",
                "4\u200f/2\u200f/2025\u060c 9:16 \u0635",
                "14\u200f/2\u200f/2025\u060c 9:05 \u0645",
            ),
            ("02-03", "02-04", "02-14"),
        ),
        # nothing but their order tells: in February they would go back in time
        (("01/02/2025, 09:15", "02/01/2025, 09:16", "03/01/2025, 21:05"), ("01-02", "02-01", "03-01")),
    ],
)
def test_a_chat_of_android_is_a_message_each_whatever_the_order_of_its_dates(
    dates: tuple[str, ...], days: tuple[str, ...]
) -> None:
    said, left = told(write("chat.txt", ANDROID.format(*dates)))

    assert said == [
        (f"2025-{days[0]}T09:15:00", "Mia Berg: Shall we take the ferry?"),
        (f"2025-{days[1]}T09:16:00", "Jon: Yes,\nat noon: from pier 4\n\n- bring Ada"),
        (f"2025-{days[1]}T09:16:00", "Jon: The pier"),
        (f"2025-{days[2]}T21:05:00", "Mia Berg: Until then"),
    ]
    assert left == {"system messages left out": 2, "messages without text left out": 2}


def test_a_chat_of_ios_marks_what_it_says_itself() -> None:
    chat = (
        "\ufeff[14.02.25, 09:15:22] The Crew: \u200eMessages and calls are end-to-end encrypted.\r\n"
        "[14.02.25, 09:15:40] ~\u202fMia Berg: Shall we take the ferry?\r\n"
        "\u200e[14.02.25, 09:16:00] Jon: \u200eimage omitted\r\n"
        "\u200e[14.02.25, 09:16:10] Jon: The pier \u200e<attached: 00000012-PHOTO.jpg>\r\n"
        "[14.02.25, 09:17:00] +49 170 1234567: Room 12: free\r\nat ten\r\n"
    )

    said, left = told(write("_chat.txt", chat))

    assert said == [
        ("2025-02-14T09:15:40", "Mia Berg: Shall we take the ferry?"),
        ("2025-02-14T09:16:10", "Jon: The pier"),
        ("2025-02-14T09:17:00", "+49 170 1234567: Room 12: free\nat ten"),
    ]
    assert left == {"system messages left out": 1, "messages without text left out": 1}


@pytest.mark.parametrize("words", ["I bought it at example.com (20 euros)", "<https://example.org/pier>"])
def test_what_only_looks_like_a_file_in_a_chat_is_told(words: str) -> None:
    said, left = told(write("a.txt", f"14/02/2025, 09:15 - Mia: {words}\n14/02/2025, 09:16 - Jon: Yes\n"))

    assert said[0] == ("2025-02-14T09:15:00", f"Mia: {words}")
    assert not left


def test_dates_that_nothing_tells_apart_are_read_by_a_rule_and_said_to_be() -> None:
    day_first = write("a.txt", "01/02/2025, 09:15 - Mia: Hello\n02/02/2025, 09:15 - Jon: Hello\n")
    month_first = write("b.txt", "1/2/25, 9:15 AM - Mia: Hello\n1/3/25, 9:15 AM - Jon: Hello\n")

    spanish = write("c.txt", "1/2/25, 9:15 a. m. - Mia: Hello\n2/2/25, 9:15 a. m. - Jon: Hello\n")

    for name, days in (
        (day_first, ["2025-02-01", "2025-02-02"]),
        (spanish, ["2025-02-01", "2025-02-02"]),
        (month_first, ["2025-01-02", "2025-01-03"]),
    ):
        said, left = told(name)
        assert [time[:10] for time, _ in said] == days
        assert left == {"dates read by guess: nothing tells whether the day or the month comes first": 2}


def test_a_date_that_is_none_is_an_error_that_names_it() -> None:
    items = list(read([write("a.txt", "31/12/2024, 09:15 - Mia: Hello\n31/02/2025, 09:15 - Mia: Again\n")]))

    assert [str(item) for item in items if not isinstance(item, Record)] == [
        "a.txt:2: time '31/02/2025, 09:15' is not a date; write it as 2026-01-04 or 2026-01-04T09:30:00"
    ]


def test_a_log_with_names_in_angle_brackets_is_a_chat() -> None:
    said, _ = told(write("a.txt", "2025-02-14 09:15:22 <mia> hello: there\n2025-02-14 09:15:30 <jon> hi\n"))

    assert said == [("2025-02-14T09:15:22", "mia: hello: there"), ("2025-02-14T09:15:30", "jon: hi")]


def test_discord_as_text_has_its_names_above_the_words() -> None:
    chat = (
        "==========\nGuild: Rowing\nChannel: general\n==========\n\n"
        "[14/02/2025 09:15] mia\nShall we take the ferry?\n\n[14/02/2025 21:16] jon\nYes.\nAt noon.\n\n"
    )

    said, _ = told(write("a.txt", chat))

    assert said == [
        ("2025-02-14T09:15:00", "mia: Shall we take the ferry?"),
        ("2025-02-14T21:16:00", "jon: Yes.\nAt noon."),
    ]


@pytest.mark.parametrize(
    "text",
    [
        "Mia Berg: a note\n\nOn 14/02/2025, 09:15 - we met: it rained.\n",
        "Name: Mia\nAddress: Pier 4\nPhone: 12\nEmail: mia@example.org\n",
        "2025-02-14 09:15:22 ERROR: disk full\n2025-02-14 09:15:30 ERROR: disk full\n",
        "Ingredients: flour\nMethod: bake\nIngredients: salt\nMethod: cook\n",
        "The plan:\n\n10:30 Mia\n",
        "2025-02-14 09:15 - met Mia\n2025-02-15 09:15 - rain\n",
        "2025-02-14 09:15 Mia\n2025-02-15 09:15 Bought: rope\n2025-02-16 09:15 rain\n2025-02-17 09:15 sun\n",
    ],
)
def test_what_only_looks_like_a_chat_stays_one_document(text: str) -> None:
    assert [item.text for item in read([write("a.txt", text)]) if isinstance(item, Record)] == [text]


# --- transcripts and subtitles


@pytest.mark.parametrize(
    "transcript",
    [
        "[00:00:05] Mia Berg: Shall we start?\n[00:00:09] Jon: Yes.\n[00:01:02] Mia Berg: Ada leads.\n",
        "00:00:05\tMia Berg:\tShall we start?\n00:00:09\tJon:\tYes.\n00:01:02\tMia Berg:\tAda leads.\n",
        "Weekly\n\nMia Berg  0:05\nShall we start?\n\nJon  0:09\nYes.\n\nMia Berg  1:02\nAda leads.\n",
        "Mia Berg [00:05]: Shall we start?\nJon [00:09]: Yes.\nMia Berg [01:02]: Ada leads.\n",
    ],
)
def test_a_transcript_is_a_turn_each_at_its_place_in_the_recording(transcript: str) -> None:
    said, _ = told(write("2025-02-14 10.30 weekly.txt", transcript))

    assert said == [
        ("2025-02-14T10:30:05", "Mia Berg: Shall we start?"),
        ("2025-02-14T10:30:09", "Jon: Yes."),
        ("2025-02-14T10:31:02", "Mia Berg: Ada leads."),
    ]


def test_a_transcript_of_bare_names_is_a_turn_each_in_order() -> None:
    transcript = (
        "Mia: Shall we start?\nJon: Yes.\n00:01:00\nMia: Ada leads.\nShe knows the pier.\n"
        "Jon: Good.\nMia: Bye.\n"
    )

    records = [item for item in read([write("weekly.txt", transcript)]) if isinstance(item, Record)]

    assert [(record.speaker, record.text) for record in records][2] == (
        "Mia",
        "Mia: Ada leads.\nShe knows the pier.",
    )
    assert [(record.time or 0) - MODIFIED for record in records] == [0, 0, 60_000, 60_000, 60_000]
    assert len({record.id for record in records}) == 5


@pytest.mark.parametrize(
    "turns",
    [
        "Mia  0:03\nShall we start?\n\nJon  0:05\nYes.\n\nMia  0:07\nBye.\n",
        "Mia: Shall we start?\nJon: Yes.\n" * 8,
    ],
)
def test_what_stands_above_a_transcript_is_counted(turns: str) -> None:
    said, left = told(write("a.txt", f"Weekly of Orion\nin the boat house\n\n{turns}"))

    assert said[0][1] == "Mia: Shall we start?"
    assert left == {"lines above the first message left out": 2}


SRT = """1
00:00:01,000 --> 00:00:02,500
<i>Shall we take</i>

2
00:00:02,500 --> 00:00:04,000
the ferry? [music]

3
00:01:00,000 --> 00:01:02,000
- Yes.
- At noon.
"""
VTT = """WEBVTT - weekly

NOTE made by hand

intro
00:01.000 --> 00:02.500 align:start
<v Mia Berg>Shall we take</v>

00:00:02.500 --> 00:00:04.000
<v Mia Berg>the ferry &amp; Ada?</v>

00:01:00.000 --> 00:01:02.000
<v.loud Jon>Yes</v>

00:01:03.000 --> 00:01:04.000
<v Mia Berg>Good.</v>
"""


def test_subtitles_are_joined_to_sentences_at_their_time() -> None:
    said, left = told(write("film_20250214-103000.srt", SRT.replace("\n", "\r\n")))

    assert said == [
        ("2025-02-14T10:30:01", "Shall we take the ferry?"),
        ("2025-02-14T10:31:00", "Yes."),
        ("2025-02-14T10:31:00", "At noon."),
    ]
    assert left == {"sounds left out": 1}


def test_subtitles_with_voices_are_turns() -> None:
    said, left = told(write("2025-02-14.vtt", VTT))

    assert said == [
        ("2025-02-14T00:00:01", "Mia Berg: Shall we take the ferry & Ada?"),
        ("2025-02-14T00:01:00", "Jon: Yes"),
        ("2025-02-14T00:01:03", "Mia Berg: Good."),
    ]
    assert left == {}


CUE = "00:00:03,000 --> 00:00:04,000\nJon left.\n"


def test_a_blank_line_within_a_subtitle_ends_it_not() -> None:
    said, _ = told(write("a.srt", "1\n00:00:01,000 --> 00:00:02,000\nAda and\n\nMia rowed.\n\n2\n" + CUE))

    assert [text for _, text in said] == ["Ada and Mia rowed.", "Jon left."]


def test_captions_that_come_word_by_word_are_told_once() -> None:
    captions = (
        "WEBVTT\nKind: captions\n\nNOTE made by hand\n\n00:00:00.000 --> 00:00:02.000 align:start\n \n"
        "Ada<00:00:00.500><c> and</c>\n\n00:00:02.000 --> 00:00:02.010\nAda and\n \n\n"
        "00:00:02.010 --> 00:00:04.000\nAda and\nMia<00:00:03.000><c> rowed.</c>\n\n"
        "00:00:04.000 --> 00:00:04.010\nMia rowed.\n \n"
    )

    said, _ = told(write("a.vtt", captions))

    assert [text for _, text in said] == ["Ada and Mia rowed."]


def test_subtitles_without_a_date_count_from_the_date_of_the_file() -> None:
    said, _ = told(write("film.srt", SRT.encode("utf-16")))

    assert said[0] == ("2026-03-01T12:00:01", "Shall we take the ferry?")


# --- exports


def chatgpt_node(key: str, parent: str | None, children: list[str], message: object) -> dict[str, Any]:
    return {"id": key, "parent": parent, "children": children, "message": message}


def chatgpt_message(role: str, words: object, at: float | None, kind: str = "text") -> dict[str, Any]:
    return {"author": {"role": role}, "create_time": at, "content": {"content_type": kind, "parts": words}}


def chatgpt() -> list[dict[str, Any]]:
    start = to_millis("2025-02-14T09:15") / 1000
    mapping = {
        "r": chatgpt_node("r", None, ["s"], None),
        "s": chatgpt_node("s", "r", ["a"], chatgpt_message("system", ["You are kind."], None)),
        "a": chatgpt_node("a", "s", ["x", "b"], chatgpt_message("user", ["Which ferry?"], start)),
        "x": chatgpt_node("x", "a", [], chatgpt_message("assistant", ["None."], start + 1)),
        "b": chatgpt_node("b", "a", ["t"], chatgpt_message("assistant", ["At noon."], start + 5)),
        "t": chatgpt_node("t", "b", ["c"], chatgpt_message("tool", ["a page"], start + 6)),
        "c": chatgpt_node(
            "c",
            "t",
            [],
            chatgpt_message("user", [{"asset_pointer": "x"}, "This one?"], None, "multimodal_text"),
        ),
    }
    return [{"title": "Ferries", "id": "f1", "create_time": start, "current_node": "c", "mapping": mapping}]


def test_chatgpt_gives_the_branch_that_was_followed() -> None:
    said, left = told(write("any name.json", chatgpt()))

    assert said == [
        ("2025-02-14T09:15:00", "user: Which ferry?"),
        ("2025-02-14T09:15:05", "assistant: At noon."),
        ("2025-02-14T09:15:06", "user: This one?"),
    ]
    assert left == {
        "messages of other branches left out": 1,
        "system messages left out": 1,
        "messages to and from tools left out": 1,
    }


def test_an_export_holds_several_conversations_each_a_source_of_its_own() -> None:
    first, second = chatgpt()[0], chatgpt()[0] | {"id": "f2", "title": "Trains"}

    records = [item for item in read([write("a.json", [first, second])]) if isinstance(item, Record)]

    assert [(Path(record.source).name, record.title) for record in records[2:4]] == [
        ("a.json#f1", "Ferries"),
        ("a.json#f2", "Trains"),
    ]


def test_claude_gives_the_words_and_not_the_tools() -> None:
    message = {"created_at": "2025-02-14T09:15:00.250000Z", "text": "ignored", "attachments": []}
    export = [
        {
            "uuid": "c1",
            "name": "Ferries",
            "created_at": "2025-02-14T09:00:00Z",
            "chat_messages": [
                message
                | {
                    "uuid": "m1",
                    "sender": "human",
                    "text": "Which ferry?",
                    "attachments": [{"extracted_content": "a file"}],
                },
                message
                | {
                    "uuid": "m2",
                    "sender": "assistant",
                    "content": [
                        {"type": "text", "text": "Let me see."},
                        {"type": "tool_use", "name": "search"},
                        {"type": "text", "text": "At noon."},
                    ],
                },
            ],
        }
    ]

    said, left = told(write("conversations.json", export))

    assert said == [
        ("2025-02-14T09:15:00", "user: Which ferry?"),
        ("2025-02-14T09:15:00", "assistant: Let me see.\n\nAt noon."),
    ]
    assert left == {"attachments left out": 1, "messages to and from tools left out": 1}


def telegram() -> dict[str, Any]:
    return {
        "name": "Mia Berg",
        "type": "personal_chat",
        "id": 7,
        "messages": [
            {"id": 1, "type": "service", "date": "2025-02-14T10:15:00", "action": "phone_call", "text": ""},
            {
                "id": 2,
                "type": "message",
                "date": "2025-02-14T10:15:00",
                "date_unixtime": "1739524500",
                "from": "Mia Berg",
                "text": ["See ", {"type": "link", "text": "https://example.org"}, " at noon"],
            },
            {
                "id": 3,
                "type": "message",
                "date": "2025-02-14T10:16:00",
                "from": "Jon",
                "text": "",
                "photo": "x",
            },
            {"id": 4, "type": "message", "date": "2025-02-14T10:17:00", "from": "Jon", "text": "Yes"},
        ],
    }


@pytest.mark.parametrize("whole_account", [False, True])
def test_telegram_gives_messages_in_utc(whole_account: bool) -> None:
    export = {"chats": {"list": [telegram()]}} if whole_account else telegram()

    said, left = told(write("result.json", export))

    assert said == [
        ("2025-02-14T09:15:00", "Mia Berg: See https://example.org at noon"),
        ("2025-02-14T10:17:00", "Jon: Yes"),
    ]
    assert left == {"system messages left out": 1, "messages without text left out": 1}


def test_telegram_gives_the_chats_that_were_left_too() -> None:
    said = {"type": "message", "date": "2025-02-14T10:15:00", "from": "Jon"}
    chats = [{"id": n, "messages": [{**said, "id": 1, "text": text}]} for n, text in ((1, "Yes"), (2, "No"))]
    account = {"chats": {"list": chats[:1]}, "left_chats": {"list": chats[1:]}}

    records = [item for item in read([write("result.json", account)]) if isinstance(item, Record)]

    assert [(record.text, record.source.partition("#")[2]) for record in records] == [
        ("Jon: Yes", "1"),
        ("Jon: No", "2"),
    ]


def test_telegram_as_a_page_gives_the_same_kind_of_messages() -> None:
    page = """<html><body><div class="page_body chat_page"><div class="history">
    <div class="message service" id="message-1"><div class="body details">14 February 2025</div></div>
    <div class="message default clearfix" id="message2"><div class="body">
      <div class="pull_right date details" title="14.02.2025 10:15:00 UTC+01:00">10:15</div>
      <div class="from_name">Mia Berg </div>
      <div class="text">Shall we<br>take the <b>ferry</b>?</div></div></div>
    <div class="message default clearfix joined" id="message3"><div class="body">
      <div class="pull_right date details" title="14.02.2025 10:16:00 UTC+01:00">10:16</div>
      <div class="media_wrap"></div></div></div>
    <div class="message default clearfix joined" id="message4"><div class="body">
      <div class="pull_right date details" title="14.02.2025 10:17:00">10:17</div>
      <div class="text">Yes</div></div></div>
    </div></div></body></html>"""

    said, left = told(write("messages.html", page))

    assert said == [
        ("2025-02-14T09:15:00", "Mia Berg: Shall we\ntake the ferry?"),
        ("2025-02-14T10:17:00", "Mia Berg: Yes"),
    ]
    assert left == {"system messages left out": 1, "messages without text left out": 1}


def test_discord_gives_nicknames_and_leaves_out_who_joined() -> None:
    message = {"timestamp": "2025-02-14T10:15:00+01:00", "type": "Default"}
    mia = {"id": "1", "name": "mb", "nickname": "Mia"}
    jon = {"id": "2", "name": "jon", "nickname": ""}
    export = {
        "guild": {"name": "Rowing"},
        "channel": {"name": "general"},
        "messages": [
            message | {"id": "1", "type": "GuildMemberJoin", "content": "joined", "author": jon},
            message | {"id": "2", "content": "Ask <@2>", "author": mia, "mentions": [jon]},
            message | {"id": "3", "type": "Reply", "content": "Yes", "author": jon},
        ],
    }

    said, left = told(write("general.json", export))

    assert said == [("2025-02-14T09:15:00", "Mia: Ask @jon"), ("2025-02-14T09:15:00", "jon: Yes")]
    assert left == {"system messages left out": 1}


def test_slack_gives_names_for_ids_from_the_list_beside_the_channels() -> None:
    write(
        "export/users.json",
        [
            {"id": "U1", "name": "mb", "profile": {"real_name": "Mia Berg"}},
            {"id": "U2", "name": "jon", "real_name": "Jon Ray"},
        ],
    )
    write("export/channels.json", [{"id": "C1", "name": "general", "creator": "U1"}])
    message = {"type": "message", "ts": "1739524500.000250"}
    write(
        "export/general/2025-02-14.json",
        [
            message | {"subtype": "channel_join", "user": "U2", "text": "<@U2> has joined"},
            message
            | {"user": "U1", "text": "Ask <@U2> in <#C2|boats> &amp; read <https://a.org/x|this>, <!here>"},
            message | {"subtype": "bot_message", "username": "Deploys", "text": "Done <https://a.org>"},
            message | {"user": "U2", "text": "", "files": [{"id": "F1"}]},
        ],
    )

    said, left = told("export")

    assert said == [
        ("2025-02-14T09:15:00", "Mia Berg: Ask @Jon Ray in #boats & read this, @here"),
        ("2025-02-14T09:15:00", "Deploys: Done https://a.org"),
    ]
    assert (
        left
        == {
            "system messages left out": 1,
            "messages without text left out": 1,
            "entries of a list of users or channels left out": 1,
        }
        or left["entries of a list of users or channels left out"]
    )


def test_a_reply_in_a_thread_of_slack_is_about_the_message_that_it_answers() -> None:
    post = {"type": "message", "user": "Mia", "ts": "1739524500.000250", "text": "The ferry is late"}
    reply = {"type": "message", "user": "Jon", "ts": "1739524600.000000", "text": "Fog"}
    thread = {"thread_ts": post["ts"]}

    records = [
        item for item in read([write("a.json", [post | thread, reply | thread])]) if isinstance(item, Record)
    ]

    assert [record.title for record in records] == ["", "The ferry is late"]


BOX = {"type": "message", "ts": "1739524500", "username": "CI", "attachments": [{"text": "Failed."}]}
EMBED = {"author": {"name": "CI"}, "timestamp": "2025-02-14", "content": "", "embeds": [{"title": "Failed."}]}
VOICE = {
    "sender": "human",
    "created_at": "2025-02-14",
    "content": [{"type": "voice_note", "text": "Failed."}],
}


@pytest.mark.parametrize("export", [[BOX], {"messages": [EMBED]}, [{"chat_messages": [VOICE]}]])
def test_words_in_a_box_or_a_voice_note_are_told(export: object) -> None:
    said, left = told(write("a.json", export))

    assert [text.partition(": ")[2] for _, text in said] == ["Failed."]
    assert not left


def test_a_list_of_roles_and_contents_is_a_conversation() -> None:
    messages = [
        {"role": "system", "content": "You are kind."},
        {"role": "user", "content": "Which ferry?"},
        {
            "role": "assistant",
            "content": [{"type": "text", "text": "At noon."}],
            "created_at": "2025-02-14T09:15Z",
        },
        {"role": "tool", "content": "a page"},
    ]

    for content in (messages, {"messages": messages}):
        said, left = told(write("a.json", content))
        assert said == [
            ("2026-03-01T12:00:00", "user: Which ferry?"),
            ("2025-02-14T09:15:00", "assistant: At noon."),
        ]
        assert left == {"system messages left out": 1, "messages to and from tools left out": 1}


def test_times_in_milliseconds_are_read_and_what_is_no_time_is_an_error_that_names_it() -> None:
    messages = [
        {"role": "user", "content": "Which ferry?", "time": 1739524500000},
        {"role": "assistant", "content": "At noon.", "time": 1739524500000000},
    ]

    record, error = read([write("a.json", messages)])

    assert isinstance(record, Record)
    assert record.time == to_millis("2025-02-14T09:15")
    assert isinstance(error, RecordError)
    assert "time '1739524500000000' is a number" in str(error)


@pytest.mark.parametrize(
    ("content", "first"),
    [
        (lambda: json.dumps(chatgpt()), "user: Which ferry?"),
        (lambda: SRT, "Shall we take the ferry?"),
        (lambda: VTT, "Mia Berg: Shall we take the ferry & Ada?"),
        (lambda: f"{HEAD}\nAt noon.\n", "Jon: At noon."),
        (lambda: f"From jon Fri Feb 14 10:15:00 2025\n{HEAD}\nAt noon.\n", "Jon: At noon."),
    ],
)
def test_a_conversation_is_known_by_its_content_where_it_is_named_as_plain_text(
    content: Callable[[], str], first: str
) -> None:
    said, _ = told(write("any.txt", content()))

    assert said[0][1] == first


def test_json_of_no_known_export_is_an_error_alone_and_a_notice_in_a_folder() -> None:
    write("in/package.json", {"name": "x", "version": "1"})
    write("in/a.txt", "Ada")

    (alone,) = read(["in/package.json"])
    items = list(read(["in"]))

    assert "in/package.json: is JSON of no known export (ChatGPT" in str(alone)
    assert [type(item) for item in items] == [Record, Skipped]
    assert isinstance(items[1], Skipped)
    assert items[1].why.startswith("not read: is JSON of no known export")


def test_another_file_with_a_mapping_stops_no_folder() -> None:
    write("notes/a.json", {"mapping": {"left": "right"}})
    write("notes/b.txt", "Ada met Mia.")

    skipped, record = read(["notes"])

    assert isinstance(skipped, Skipped)
    assert "is JSON of no known export" in skipped.why
    assert isinstance(record, Record)


def test_broken_json_names_the_line() -> None:
    (error,) = read([write("a.json", '[{"mapping": \n oops')])

    assert str(error) == "a.json: is not JSON at line 2, column 2 (Expecting value); correct it"


# --- mail


MAIL = b"""\
From: =?utf-8?q?J=C3=B6rg_Ray?= <jon@example.org>
To: Mia Berg <mia@example.org>, ada@example.org
Cc: jon@example.org
Date: Fri, 14 Feb 2025 10:15:00 +0100
Subject: =?utf-8?q?Re=3A_AW=3A_The_ferry?=
Message-ID: <m1@example.org>
Content-Type: text/plain; charset=utf-8
Content-Transfer-Encoding: quoted-printable

It leaves at noon =E2=80=93 from pier 4.

On Thu, 13 Feb 2025 at 09:00, Mia Berg
<mia@example.org> wrote:

> Which ferry?
>> Long ago.

See you there.
--=20
Jon, rowing since 1999
"""


HEAD = "From: Jon <jon@example.org>\nDate: Fri, 14 Feb 2025 10:15:00 +0100\nSubject: x\n"


def test_a_mail_tells_people_time_and_title_and_nothing_of_others() -> None:
    (record, *notices) = read([write("a.eml", MAIL)])

    assert isinstance(record, Record)
    assert record.text == (
        "J\u00f6rg Ray to Mia Berg, ada@example.org, jon@example.org: "
        "It leaves at noon \u2013 from pier 4.\n\nSee you there."
    )
    assert (record.title, record.id) == ("The ferry", "m1@example.org")
    assert record.time == to_millis("2025-02-14T09:15")
    assert (record.speaker, record.people) == (
        "J\u00f6rg Ray",
        ("Mia Berg", "ada@example.org", "jon@example.org"),
    )
    assert {str(notice) for notice in notices} == {
        "a.eml: quoted lines left out: 4",
        "a.eml: lines of signatures left out: 1",
    }


@pytest.mark.parametrize(
    "tail",
    [
        "-----Original Message-----\nFrom: Mia Berg\nSent: Thursday\nTo: Jon\nSubject: Ferry\n\nWhich?\n",
        "\nVon: Mia Berg <mia@example.org>\nGesendet: Donnerstag\nAn: Jon\nBetreff: Ferry\n\nWhich ferry?\n",
        "________________\nDe : Mia Berg\nEnvoy\u00e9 : jeudi\n\u00c0 : Jon\nObjet : Ferry\n\nWhich?\n",
    ],
)
def test_an_answered_mail_below_its_repeated_head_is_left_out(tail: str) -> None:
    mail = f"{HEAD}\nAt noon.\n\n{tail}"

    (record, notice) = read([write("a.eml", mail)])

    assert isinstance(record, Record)
    assert record.text == "Jon: At noon."
    assert isinstance(notice, Notice)
    assert notice.what == "quoted lines left out"


@pytest.mark.parametrize(
    "listed",
    [
        "Flight: LH 123\nSeat: 12A\nHotel: Casa do Largo",
        "From: Oslo\nTo: Lerwick\nDate: 3 March",
        "Mail: mia@example.org\nPhone: 0123\nOffice: B 12",
        "____________________\nOrder: 4711\nItem: a rope\nTotal: 30",
    ],
)
def test_a_list_of_fields_in_a_mail_and_what_follows_it_are_told(listed: str) -> None:
    body = f"Hi Mia,\n\n{listed}\n\nAda meets us there."

    (record,) = read([write("a.eml", f"{HEAD}\n{body}\n")])

    assert isinstance(record, Record)
    assert record.text == f"Jon: {body}"


@pytest.mark.parametrize(
    "saved",
    [
        lambda mail: f"\ufeff{mail}".encode(),
        lambda mail: mail.encode("utf-16"),
        lambda mail: f"\r\n\r\n{mail}".encode(),
        lambda mail: f"From jon Fri Feb 14 10:15:00 2025\n{mail}".encode(),
    ],
)
def test_a_mail_that_was_saved_by_an_editor_has_its_head(saved: Callable[[str], bytes]) -> None:
    (record,) = read([write("a.eml", saved(f"{HEAD}\nThe pier is closed.\n"))])

    assert isinstance(record, Record)
    assert (record.text, record.time) == ("Jon: The pier is closed.", to_millis("2025-02-14T09:15"))


@pytest.mark.parametrize("encoding", ["utf-8", "cp1252"])
def test_the_head_of_a_mail_may_hold_letters_as_they_are(encoding: str) -> None:
    mail = HEAD.replace("Jon <", "J\u00f6rg Ray <").replace(": x", ": Gr\u00fc\u00dfe") + "\nHello.\n"

    (record,) = read([write("a.eml", mail.encode(encoding))])

    assert isinstance(record, Record)
    assert (record.speaker, record.title) == ("J\u00f6rg Ray", "Gr\u00fc\u00dfe")


def test_what_is_no_mail_is_an_error() -> None:
    (error,) = read([write("a.eml", "\0\1\2 and no header\n\ntext")])

    assert isinstance(error, RecordError)
    assert error.reason.startswith("is no mail")


def test_what_is_forwarded_is_told() -> None:
    mail = (
        f"{HEAD}\nSee below.\n\n---------- Forwarded message ---------\n"
        "From: Ada\nDate: Thu\nSubject: x\nTo: Jon\n\nThe pier is closed.\n"
    )

    (record,) = read([write("a.eml", mail)])

    assert isinstance(record, Record)
    assert record.text.endswith("The pier is closed.")


FORWARDED = "From: Ada <ada@example.org>\nDate: Thu\nSubject: x\nTo: Jon\n\nThe pier is closed.\n"


@pytest.mark.parametrize(
    "passed_on",
    [
        f"Begin forwarded message:\n\n{FORWARDED}",
        "> Begin forwarded message:\n>\n> From: Ada <ada@example.org>\n>\n> The pier is closed.\n",
        f"________________________________\n{FORWARDED}",
        f"-------- Mensaje reenviado --------\n{FORWARDED}",
        f"--\nJon\n\n-------- Forwarded Message --------\n{FORWARDED}",
    ],
)
def test_what_is_forwarded_is_told_whichever_program_marks_it(passed_on: str) -> None:
    mail = f"{HEAD.replace('Subject: x', 'Subject: Fwd: x')}\nSee below.\n\n{passed_on}"

    (record, *_) = read([write("a.eml", mail)])

    assert isinstance(record, Record)
    assert "See below." in record.text
    assert record.text.endswith("The pier is closed.")


def test_what_is_forwarded_as_a_page_is_told() -> None:
    mail = (
        f"{HEAD.replace('Subject: x', 'Subject: Fwd: x')}Content-Type: text/html\n\n"
        '<p>See below.</p><div class="gmail_quote">---------- Forwarded message ---------<br>'
        "From: Ada<br>Date: Thu<br>Subject: x<br>To: Jon<br><br>The pier is closed.</div>"
    )

    (record,) = read([write("a.eml", mail)])

    assert isinstance(record, Record)
    assert record.text.endswith("The pier is closed.")


def test_an_answer_to_what_was_forwarded_does_not_tell_it_again() -> None:
    mail = (
        f"{HEAD.replace('Subject: x', 'Subject: Re: Fwd: x')}\nThanks.\n\nOn Thu Mia wrote:\n"
        "> See below.\n>\n> ---------- Forwarded message ---------\n> The pier is closed.\n"
    )

    (record, _) = read([write("a.eml", mail)])

    assert isinstance(record, Record)
    assert record.text == "Jon: Thanks."


def test_a_mail_as_a_page_loses_what_its_program_quotes() -> None:
    mail = (
        f"{HEAD}Content-Type: text/html\n\n"
        '<p>At <b>noon</b>.</p><div class="gmail_quote">On Thu Mia wrote:'
        "<blockquote>Which?</blockquote></div>"
    )

    (record, notice) = read([write("a.eml", mail)])

    assert isinstance(record, Record)
    assert record.text == "Jon: At noon."
    assert str(notice) == "a.eml: quoted lines left out: 2"


def parted(kind: str, *parts: str) -> str:
    """A mail of several parts, each with its headers."""
    body = "".join(f"--b\n{part}\n" for part in parts)
    return f'{HEAD}Content-Type: multipart/{kind}; boundary="b"\n\n{body}--b--\n'


PLAIN, PAGE = "Content-Type: text/plain\n\n", "Content-Type: text/html\n\n"
PICTURE = 'Content-Type: image/png; name="a.png"\nContent-Disposition: inline; filename="a.png"\n\nx'


@pytest.mark.parametrize(
    ("mail", "words"),
    [
        (
            parted(
                "mixed",
                f"{PLAIN}The pier:",
                PICTURE,
                f"{PAGE}<p>Ada built it.</p>",
            ),
            "The pier:\n\nAda built it.",
        ),
        (
            parted(
                "alternative",
                f"{PLAIN} \n",
                f"{PAGE}<p>Ada built it.</p>",
            ),
            "Ada built it.",
        ),
        (
            parted(
                "alternative",
                f"{PAGE}<p>Ada</p>",
                f"{PLAIN}Ada built it.",
            ),
            "Ada built it.",
        ),
    ],
    ids=["around a picture", "beside an empty text", "twice"],
)
def test_a_mail_of_several_parts_gives_all_of_its_words_once(mail: str, words: str) -> None:
    (record, *_) = read([write("a.eml", mail)])

    assert isinstance(record, Record)
    assert record.text == f"Jon: {words}"


@pytest.mark.parametrize(
    ("named", "written", "words"),
    [
        ("gb2312", "gbk", "\u6731\u9555\u57fa"),
        ("iso-8859-1", "cp1252", "\u201cThe pier\u201d"),
        ("us-ascii", "cp1252", "\u201cThe pier\u201d"),
        ("euc-kr", "cp949", "\ub620\ubc29\uac01\ud558"),
    ],
)
def test_a_mail_holds_characters_that_its_encoding_has_on_windows_alone(
    named: str, written: str, words: str
) -> None:
    head = f"{HEAD}Content-Type: text/plain; charset={named}\nContent-Transfer-Encoding: 8bit\n\n"

    (record,) = read([write("a.eml", head.encode() + words.encode(written))])

    assert isinstance(record, Record)
    assert record.text == f"Jon: {words}"


def test_a_mail_that_is_attached_to_another_is_counted_as_a_file() -> None:
    inner = "Content-Type: message/rfc822\n\nFrom: Ada\nSubject: y\n\nThe pier is closed."

    said, left = told(write("a.eml", parted("mixed", "Content-Type: text/plain\n\nSee there.", inner)))

    assert [text for _, text in said] == ["Jon: See there."]
    assert left == {"attached files left out": 1}


def test_a_mailbox_is_a_mail_each() -> None:
    other = MAIL.replace(b"m1@", b"m2@").replace(b"10:15", b"11:15").replace(b"noon", b"one")
    box = b"From jon@example.org Fri Feb 14 10:15:00 2025\n%s\nFrom jon Fri Feb 14 11:15:00 2025\n%s" % (
        MAIL,
        other,
    )

    records = [item for item in read([write("inbox.mbox", box)]) if isinstance(item, Record)]

    assert [(record.id, record.time) for record in records] == [
        ("m1@example.org", to_millis("2025-02-14T09:15")),
        ("m2@example.org", to_millis("2025-02-14T10:15")),
    ]


@pytest.mark.parametrize("name", ["a.mbox", "a.json"])
def test_one_wrong_message_is_named_and_does_not_stand_for_its_file(name: str) -> None:
    mail = "From jon Fri Feb 14 10:15:00 2025\nFrom: Jon\nDate: {}\n\nHello.\n\n"
    messages = [{"role": "user", "content": "Hello.", "time": time} for time in ("2025-02-14", "soon")]
    box = mail.format("Fri, 14 Feb 2025 10:15:00 +0100") + mail.format("soon")
    write(f"in/{name}", box if name == "a.mbox" else messages)

    record, error = read(["in"])

    assert isinstance(record, Record)
    assert isinstance(error, RecordError)
    assert error.origin == f"in/{name}:2"


@pytest.mark.parametrize("name", ["a.eml", "a.mbox", "a.json", "a.srt"])
def test_a_conversation_without_a_message_is_an_error(name: str) -> None:
    empty = {"a.json": "[]", "a.mbox": "text\n", "a.eml": "", "a.srt": "\n"}[name]

    (item,) = read([write(name, empty)])

    assert not isinstance(item, Record)


# --- what the store makes of it


def ingested(folder: Path, name: str, **options: Any) -> tuple[Memory, Mapping[str, int]]:
    memory = Memory.open(folder / "a.memini", extractor=RuleExtractor(), **options)
    report = memory.ingest(name)
    return memory, {"added": report.added, "unchanged": report.unchanged, "notices": len(report.notices)}


def test_speakers_and_recipients_are_entities_and_sides_of_a_conversation_are_none(folder: Path) -> None:
    write("in/a.eml", MAIL)
    write("in/b.json", chatgpt())
    memory, report = ingested(folder, "in")
    with memory:
        names = {row["n"] for row in memory.cypher("MATCH (e:Entity) RETURN e.name AS n").to_pylist()}
        again = memory.ingest("in")

    assert report == {"added": 4, "unchanged": 0, "notices": 5}
    assert {"J\u00f6rg Ray", "Mia Berg"} <= names
    assert not {"user", "assistant", "User", "Assistant"} & names
    assert (again.added, again.changed, again.events) == (0, 0, 0)


def test_a_chat_that_has_grown_adds_its_new_messages_only(folder: Path) -> None:
    chat = "14/02/2025, 09:15 - Mia: ok\n14/02/2025, 09:15 - Mia: ok\n14/02/2025, 09:16 - Jon: ok\n"
    write("chat.txt", chat)
    memory, report = ingested(folder, "chat.txt")
    with memory:
        write("chat.txt", chat + "15/02/2025, 09:16 - Jon: The pier\n")
        grown = memory.ingest("chat.txt")

    assert report == {"added": 3, "unchanged": 0, "notices": 0}
    assert (grown.added, grown.unchanged) == (1, 3)


def test_addresses_of_people_are_masked_where_asked(folder: Path) -> None:
    write("a.eml", MAIL)
    memory, _ = ingested(folder, "a.eml", redaction=Redaction(emails=True))
    with memory:
        rows = memory.cypher("MATCH (p:Passage) RETURN p.text AS t").to_pylist()
        names = {row["n"] for row in memory.cypher("MATCH (e:Entity) RETURN e.name AS n").to_pylist()}

    assert rows[0]["t"].startswith("J\u00f6rg Ray to Mia Berg, [redacted:email], [redacted:email]: It leaves")
    assert not any("@" in name or "redacted" in name for name in names)
