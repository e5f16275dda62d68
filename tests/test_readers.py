from __future__ import annotations

import csv
import io
import json
import os
import sys
import tracemalloc
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pypdf
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from memini_kuzu.errors import InputError, RecordError, TimeError
from memini_kuzu.readers import (
    LINE_LIMIT,
    SUFFIXES,
    TEXT_LIMIT,
    Columns,
    _inputs,
    _lines,
    list_files,
    read,
    read_stdin,
)
from memini_kuzu.records import Item, Notice, Record, Skipped
from memini_kuzu.text.markdown import read_structure
from memini_kuzu.times import to_millis

if TYPE_CHECKING:
    from collections.abc import Iterator

MODIFIED = to_millis("2026-03-01")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Tests write into a folder of their own and name their files as a user would: without a path."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write(name: str, content: str | bytes, modified: int = MODIFIED) -> str:
    path = Path(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    os.utime(path, ns=(modified * 1_000_000, modified * 1_000_000))
    return name


def records(items: Iterator[Item]) -> list[Record]:
    found = [item for item in items if not isinstance(item, Skipped)]
    assert [item for item in found if not isinstance(item, Record)] == []
    return [item for item in found if isinstance(item, Record)]


def skipped(items: Iterator[Item]) -> dict[str, str]:
    return {item.file: item.why for item in items if isinstance(item, Skipped)}


def one(name: str, **options: object) -> Record:
    (record,) = records(read([name], **options))  # type: ignore[arg-type]
    return record


def errors(items: Iterator[Item]) -> list[str]:
    return [str(item) for item in items if isinstance(item, RecordError)]


def fault(name: str, **options: object) -> str:
    (item,) = read([name], **options)  # type: ignore[arg-type]
    assert isinstance(item, RecordError)
    assert "\n" not in str(item)
    return str(item)


def texts(items: Iterator[Item]) -> list[str]:
    kept = [item for item in items if not isinstance(item, Skipped)]
    return [item.text if isinstance(item, Record) else f"! {item}" for item in kept]


def pdf(*pages: str, about: str = "") -> bytes:
    """A PDF by hand: a catalog, the page tree, one font, then a page and its content each."""
    kids = " ".join(f"{4 + 2 * i} 0 R" for i in range(len(pages)))
    objects = [
        "<< /Type /Catalog /Pages 2 0 R >>",
        f"<< /Type /Pages /Kids [{kids}] /Count {len(pages)} >>",
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    ]
    looks = "/MediaBox [0 0 612 792] /Resources << /Font << /F1 3 0 R >> >>"
    for i, text in enumerate(pages):
        drawing = f"BT /F1 12 Tf 72 700 Td ({text}) Tj ET"
        objects += [
            f"<< /Type /Page /Parent 2 0 R /Contents {5 + 2 * i} 0 R {looks} >>",
            f"<< /Length {len(drawing)} >>\nstream\n{drawing}\nendstream",
        ]
    objects.append(f"<< {about} >>")
    body, starts = b"%PDF-1.4\n", []
    for number, content in enumerate(objects, start=1):
        starts.append(len(body))
        body += f"{number} 0 obj\n{content}\nendobj\n".encode()
    table = "".join(f"{start:010} 00000 n \n" for start in starts)
    size = len(objects) + 1
    trailer = f"<< /Size {size} /Root 1 0 R /Info {len(objects)} 0 R >>"
    end = f"xref\n0 {size}\n0000000000 65535 f \n{table}trailer\n{trailer}\nstartxref\n{len(body)}\n%%EOF\n"
    return body + end.encode()


# --- paths and folders


def test_a_text_file_is_one_record_kept_verbatim(folder: Path) -> None:
    text = "  Ada met Grace.\r\n\r\n\tCafe\u0301 \u2028end \n"
    write("notes/ada.txt", text)

    assert one("notes/ada.txt") == Record(
        text=text,
        time=MODIFIED,
        source="notes/ada.txt",
        title="",
        id="ada.txt",
        origin="notes/ada.txt",
        names=("ada",),
        file="notes/ada.txt",
        former=((folder / "notes/ada.txt").resolve().as_posix(), "ada.txt"),
    )


def test_a_folder_is_walked_in_sorted_order_and_tells_of_every_file() -> None:
    for name in (
        *("b.txt", "a/z.TXT", "a/b/c.txt", "c.txt", ".hidden.txt", ".git/x.txt", "a/photo.jpg", "Makefile"),
        *(
            "node_modules/x/y.txt",
            "~$b.docx",
            "poetry.lock",
            "notes.memini",
            "empty.txt",
            "latin.txt",
            "bad.json",
        ),
    ):
        write(f"in/{name}", name)
    write("in/empty.txt", "")
    write("in/latin.txt", b"caf\xe9")

    items = list(read(["in"]))

    assert texts(iter(items)) == ["a/b/c.txt", "a/z.TXT", "b.txt", "c.txt"]
    assert {file: why.partition(" (")[0] for file, why in skipped(iter(items)).items()} == {
        "in/.git": "hidden",
        "in/.hidden.txt": "hidden",
        "in/Makefile": "of no type, which is not read; --include 'Makefile' reads it as text",
        "in/a/photo.jpg": "of type .jpg, which is not read; --include '*.jpg' reads it as text",
        "in/bad.json": "not read: is not JSON at line 1, column 1",
        "in/empty.txt": "is empty; there is no text to remember",
        "in/latin.txt": "not read: byte 3",
        "in/node_modules": "a folder of programs",
        "in/notes.memini": "a store of memini",
        "in/poetry.lock": "a lock or temporary file",
        "in/~$b.docx": "a lock or temporary file",
    }


def test_patterns_choose_files_and_ignore_files_are_honoured() -> None:
    for name in ("a.txt", "b.log", "drafts/c.txt", "keep/d.txt", "keep/e.txt", "old/f.txt", "g.md"):
        write(f"in/{name}", name)
    write("in/.gitignore", "drafts/\n*.txt\n!a.txt\n")
    write("in/keep/.memignore", "!d.txt\n")

    assert texts(read(list_files(["in"]))) == ["a.txt", "g.md", "keep/d.txt"]
    assert texts(read(list_files(["in"], exclude=["keep/", "*.md"]))) == ["a.txt"]
    assert texts(read(list_files(["in"], include=["*.log", "a.*"]))) == ["a.txt", "b.log"]
    assert skipped(read(list_files(["in"], include=["*.log"], exclude=["g*"]))) == {
        "in/.gitignore": "hidden",
        "in/a.txt": "not included",
        "in/drafts": "ignored",
        "in/g.md": "excluded",
        "in/keep/.memignore": "hidden",
        "in/keep/d.txt": "not included",
        "in/keep/e.txt": "ignored",
        "in/old/f.txt": "ignored",
    }


def test_a_file_is_known_by_its_folder_s_name_wherever_that_lies() -> None:
    for place in ("one/vault", "two/vault"):
        write(f"{place}/people/ada.txt", "Ada")

    by_folder = [one(f"{place}/vault/people/ada.txt") for place in ("one", "two")]
    by_walk = [records(read([f"{place}/vault"]))[0] for place in ("one", "two")]

    assert [(record.source, record.id) for record in by_walk] == [("vault/people/ada.txt", "ada.txt")] * 2
    assert [(record.source, record.id) for record in by_folder] == [("people/ada.txt", "ada.txt")] * 2


def test_two_files_of_one_name_in_a_call_are_refused_and_one_given_twice_is_read_once() -> None:
    for place in ("one/vault", "two/vault"):
        write(f"{place}/ada.txt", "Ada")

    with pytest.raises(InputError, match="are both known as vault; take them in by calls of their own"):
        read(["one/vault", "two/vault"])
    assert texts(read(["one/vault", "one/vault/ada.txt", "one/vault"])) == ["Ada"]


def test_a_hidden_folder_or_file_that_is_named_is_read() -> None:
    write(".notes/.a.txt", "hidden")
    write(".notes/b.txt", "b")

    assert texts(read([".notes", ".notes/.a.txt"])) == ["b", "hidden"]


def test_paths_are_read_in_the_order_given() -> None:
    write("b.txt", "b")
    write("a.txt", "a")

    assert texts(read([Path("b.txt"), "a.txt"])) == ["b", "a"]


def test_a_lone_path_is_read_as_one_path() -> None:
    assert texts(read(write("a.txt", "a"))) == ["a"]


def test_a_link_to_a_folder_is_not_followed_so_that_a_loop_ends() -> None:
    write("in/a.txt", "a")
    Path("in/loop").symlink_to(Path("in").resolve())

    assert texts(read(["in"])) == ["a"]


def test_a_missing_path_is_named_and_the_next_is_read() -> None:
    write("a.txt", "a")

    assert texts(read(["no.txt", "a.txt"])) == ["! no.txt: does not exist; check the path", "a"]


def test_an_unknown_type_that_is_named_is_an_error_that_lists_the_types() -> None:
    write("photo.jpg", "x")

    message = fault("photo.jpg")

    assert message.startswith("photo.jpg: is of no known type; ")
    assert all(suffix in message for suffix in SUFFIXES)


def test_a_pipe_and_a_dangling_link_are_reported_and_do_not_block() -> None:
    Path("in").mkdir()
    os.mkfifo("in/pipe.txt")
    Path("in/gone.txt").symlink_to("nowhere")

    assert skipped(read(["in"])) == {
        "in/gone.txt": "not read: does not exist; check the path",
        "in/pipe.txt": "not read: is not a regular file; pass - to read a pipe",
    }
    assert errors(read(["in/gone.txt"])) == ["in/gone.txt: does not exist; check the path"]


def test_a_file_that_may_not_be_read_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    write("a.txt", "a")
    monkeypatch.setattr(Path, "open", refuse)  # root may read everything, so the mode would not do

    assert fault("a.txt") == "a.txt: cannot be read: Permission denied"


def test_a_path_with_a_nul_is_an_error() -> None:
    assert fault("a\0.txt").endswith("cannot be read: embedded null byte")


def test_a_file_name_that_is_not_utf8_is_written_out() -> None:
    name = os.fsdecode(b"caf\xe9.txt")
    try:
        write(name, "text")
    except OSError:
        pytest.skip("this file system holds UTF-8 names only")

    assert one(name).id == "caf\\udce9.txt"
    assert one(name).source.endswith("/caf\\udce9.txt")


def test_files_of_one_name_are_told_apart_under_one_source() -> None:
    write("a/x.txt", "Ada")
    write("b/x.txt", "Grace")

    assert [record.id for record in read(["a", "b"], source="notes")] == ["a/x.txt", "b/x.txt"]  # type: ignore[union-attr]


def test_abandoning_a_read_closes_the_file() -> None:
    write("a.jsonl", '{"text": "a"}\n' * 3)
    reading = read(["a.jsonl"])
    next(reading)

    reading.close()  # type: ignore[attr-defined] - a ResourceWarning would fail the test


# --- time, source, title, id


@pytest.mark.parametrize("time", ["2026-02-03", date(2026, 2, 3), datetime(2026, 2, 3, tzinfo=UTC)])
def test_the_time_argument_goes_before_every_other_time(time: str | date) -> None:
    write("a.md", "---\ndate: nonsense\n---\ntext")
    write("b.jsonl", '{"text": "b", "time": 17}')

    assert {record.time for record in records(read(["a.md", "b.jsonl"], time=time))} == {
        to_millis("2026-02-03")
    }


def test_a_wrong_time_argument_raises_before_anything_is_read() -> None:
    with pytest.raises(TimeError, match="'soon' is not a date"):
        read(["-"], time="soon")


@pytest.mark.parametrize("encoding", ["nonsense", "hex", "a\0b"])
def test_an_unknown_encoding_raises_before_anything_is_read(encoding: str) -> None:
    with pytest.raises(InputError, match=r"encoding '.*' is unknown; name one such as utf-8"):
        read(["-"], encoding=encoding)


def test_the_source_argument_goes_before_the_own_source_even_when_empty() -> None:
    write("a.jsonl", '{"text": "a", "source": "own"}')

    assert [one("a.jsonl", source=source).source for source in ("set", "", None)] == ["set", "", "own"]


@pytest.mark.parametrize("name", ["a.txt", "a.jsonl", "a.csv"])
def test_a_file_dated_before_1970_needs_a_time_by_hand(name: str) -> None:
    write(name, {"a.txt": "x", "a.jsonl": '{"text": "x"}', "a.csv": "text\nx\n"}[name], modified=-1000)

    assert "its file's date lies outside 1970 to 2261" in fault(name)
    assert one(name, time="2026-01-01").time == to_millis("2026-01-01")


# --- text


def test_a_byte_order_mark_is_no_part_of_the_text() -> None:
    write("a.txt", b"\xef\xbb\xbfcaf\xe9")
    write("b.txt", "\ufeffb\ufeff")
    write("c.txt", "café".encode("utf-16"))

    assert one("a.txt", encoding="latin-1").text == "café"
    assert one("b.txt").text == "b\ufeff"
    assert one("c.txt", encoding="utf-16").text == "café"


@pytest.mark.parametrize("content", ["", " \n\t", "\ufeff"])
def test_an_empty_file_is_an_error(content: str) -> None:
    assert fault(write("a.txt", content)) == "a.txt: is empty; there is no text to remember"


def test_a_binary_file_is_an_error() -> None:
    for name in ("a.txt", "a.md", "a.html", "a.jsonl", "a.csv"):
        assert fault(write(name, b"GIF89a\0\1\2")).startswith(f"{name}: is binary: a NUL at byte 6; ")


def test_a_wrong_encoding_names_the_byte_and_the_remedy() -> None:
    write("a.txt", b"caf\xe9 au lait")

    assert fault("a.txt") == (
        "a.txt: byte 3 (0xe9) is not utf-8; pass --encoding with the right one, such as --encoding latin-1"
    )
    assert one("a.txt", encoding="latin-1").text == "café au lait"


def test_text_that_is_not_utf16_is_an_error() -> None:
    assert "is not utf-16" in fault(write("a.txt", "abc"), encoding="utf-16")


def test_a_text_over_the_limit_is_an_error_with_a_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    assert TEXT_LIMIT == 64 * 2**20
    monkeypatch.setattr(_inputs, "TEXT_LIMIT", 2**20)
    write("a.txt", "x" * 2**20)
    write("b.txt", "x" * 2**20 + "x")

    assert len(one("a.txt").text) == 2**20
    assert fault("b.txt") == "b.txt: is over 1 MiB; split it into smaller documents"


# --- Markdown


@pytest.mark.parametrize("key", ["time", "date", "created"])
@pytest.mark.parametrize("value", ["2026-01-04T09:30:00+01:00", '"2026-01-04 08:30"', "2026-01-04 08:30:00"])
def test_front_matter_tells_title_and_time_and_is_no_part_of_the_text(key: str, value: str) -> None:
    write("a.md", f"---\r\ntitle: On Ada\r\n{key}: {value}\r\n---\r\n# Heading\r\n\r\ntext\r\n")

    record = one("a.md")

    assert (record.title, record.time) == ("On Ada", to_millis("2026-01-04T08:30:00"))
    assert record.text == "# Heading\r\n\r\ntext\r\n"


def test_front_matter_takes_time_before_date_and_a_title_of_any_plain_type() -> None:
    write(
        "a.markdown",
        "---\ntitle: 2026-01-04\ncreated: 2024-01-01\ndate: 2025-01-01\ntime: 2026-01-01\n---\nx",
    )
    write("b.md", "---\ntitle: 1984\ntime:\ndate: 2025-01-01\n---\nx")

    assert (one("a.markdown").title, one("a.markdown").time) == ("2026-01-04", to_millis("2026-01-01"))
    assert (one("b.md").title, one("b.md").time) == ("1984", to_millis("2025-01-01"))


@pytest.mark.parametrize(
    ("matter", "reason", "title"),
    [
        ("title: [x\nb: y", "its front matter is not YAML at line 3 (", ""),
        ("date: {{date}}", "its front matter is not YAML at line 2 (found unhashable key)", ""),
        ("title: On Ada\ndate: 2026-13-45", "time '2026-13-45' is not a date", "On Ada"),
        ("title: On Ada\ndate: tomorrow", "time 'tomorrow' is not a date", "On Ada"),
        ("title: On Ada\ndate: [2026, 1]", "time ['2026', '1'] is of type list; write", "On Ada"),
        ("title: {a: b}", "title {'a': 'b'} is no text", ""),
    ],
)
def test_odd_front_matter_is_said_to_be_and_stops_nothing(matter: str, reason: str, title: str) -> None:
    record, notice = read([write("a.md", f"---\n{matter}\n---\n# {{{{title}}}}\n\ntext\n")])

    assert isinstance(record, Record)
    assert (record.title, record.time, record.names) == (title, MODIFIED, ("a",))
    assert record.text.endswith("text\n")
    assert isinstance(notice, Notice)
    assert notice.what.startswith(reason)


def test_front_matter_that_is_not_closed_is_text() -> None:
    record, notice = read([write("a.md", "---\ntitle: x\n\ntext")])

    assert isinstance(record, Record)
    assert record.text == "---\ntitle: x\n\ntext"
    assert (
        str(notice) == "a.md: its front matter is not closed, and was taken as text; end it with a line ---"
    )


def test_front_matter_of_a_billion_laughs_is_read_at_once() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 12)]
    text = "---\n" + "\n".join(lines) + "\ntime: *a11\n---\ntext"

    _, notice = read([write("a.md", text)])

    assert len(str(notice)) < 300
    assert len(read_structure(text).pieces) == 10


def test_front_matter_that_says_more_than_title_and_time_stays_in_the_text() -> None:
    text = "---\ntitle: On Ada\ndate: 2026-01-04\ntags: [maths]\n---\ntext"

    record = one(write("a.md", text))

    assert (record.text, record.title, record.time) == (text, "On Ada", to_millis("2026-01-04"))


def test_a_date_that_is_linked_is_a_date() -> None:
    assert one(write("a.md", '---\ndate: "[[2026-01-04]]"\n---\ntext')).time == to_millis("2026-01-04")


@pytest.mark.parametrize(
    ("told", "date", "guessed"),
    [("14/03/2025", "2025-03-14", 0), ("3/14/2025", "2025-03-14", 0), ("05.01.2025", "2025-01-05", 1)],
)
def test_a_date_of_numbers_is_read_and_a_guess_is_said_to_be_one(told: str, date: str, guessed: int) -> None:
    record, *notices = read([write("a.md", f"---\ndate: {told}\n---\ntext")])

    assert isinstance(record, Record)
    assert record.time == to_millis(date)
    assert len(notices) == guessed


def test_a_note_of_properties_alone_is_a_document() -> None:
    text = '---\ndirector: "[[Mara Voss]]"\nyear: 1984\n---\n'

    assert one(write("Film.md", text)).text == text


def test_a_table_of_an_old_mac_has_lines() -> None:
    write("a.csv", 'text,id\rAda,1\r"Ada\rmet Jon",2\r,3\r')

    first, second, error = read(["a.csv"])

    assert isinstance(first, Record)
    assert isinstance(second, Record)
    assert (first.text, first.id, second.text, second.id) == ("Ada", "1", "Ada\rmet Jon", "2")
    assert isinstance(error, RecordError)
    assert error.origin == "a.csv:5"


def test_a_file_that_is_named_by_a_date_is_of_that_date() -> None:
    record = one(write("2026-01-04 Meeting.md", "text"))

    assert (record.time, record.names) == (to_millis("2026-01-04"), ("2026-01-04 Meeting",))
    assert one(write("2026-01-05.txt", "text")).names == ()
    assert one(write("2026_01_05.md", "text")).time == to_millis("2026-01-05")
    assert one(write("2026.01.05 Meeting.md", "text")).time == to_millis("2026-01-05")


@pytest.mark.parametrize(
    "text",
    [
        "---\n\none\n\n---\n\ntwo",
        "---\n",
        "---\n\nalone",
        "---\n- a\n- b\n---\nx",
        "-- \nx",
        "x\n---\na: b\n---\n",
    ],
)
def test_a_rule_across_the_page_is_not_front_matter_and_loses_nothing(text: str) -> None:
    assert one(write("a.md", text)).text == text


def test_empty_front_matter_is_left_out() -> None:
    assert one(write("a.md", "---\n---\ntext")).text == "text"


@pytest.mark.parametrize(
    ("text", "title"),
    [
        ("intro\n\n# On *Ada* #\n\n# Second\n", "On *Ada*"),
        ("intro\n\n## Plans\n\n# Second\n", ""),
        ("# [[people/Ada|Ada]] today\n", "Ada today"),
        ("```sh\n# a comment\n~~~\n# too\n```\n# Real\n", "Real"),
        ("#hashtag\n####### seven\n    # code\n", ""),
        ("#\n# \nx", ""),
    ],
)
def test_the_title_of_markdown_is_its_first_heading_of_the_first_level(text: str, title: str) -> None:
    assert one(write("a.md", text)).title == title


# --- HTML

PAGE = """<?xml version="1.0"?><!DOCTYPE html>
<html><head><title> On
 Ada </title><style>p { color: red }</style>{head}</head>
<body><script>let x = "no";</script><!-- no --><template>no</template><noscript>no</noscript>
<h1>Ada &amp; Grace</h1>
<p>They <b>met</b>
   in&nbsp;May.<br>It rained.</p>loose <i>words</i>
<ul><li>one<li>two</ul><table><tr><th>a</th><td>b</td></tr><tr><td>c</table>
<pre>  keep
    this</pre><div>x<div></div>y</div></body></html>"""


def test_a_page_becomes_its_visible_text_in_blocks() -> None:
    record = one(write("a.html", PAGE))

    assert record.title == "On Ada"
    assert record.time == MODIFIED
    assert record.text.split("\n\n") == [
        "Ada & Grace",
        "They met in\u00a0May.\nIt rained.",
        "loose words",
        "one",
        "two",
        "a b",
        "c",
        "  keep\n    this",
        "x",
        "y",
    ]


@pytest.mark.parametrize(
    ("head", "time"),
    [
        (
            '<meta property="article:published_time" content="2026-01-05T10:00Z"><meta name="date">',
            "05",
        ),
        ('<meta name="Date" content="2026-01-04T10:00"><time datetime="2026-01-03T10:00">', "04"),
        ('<time datetime="PT2H">2 h</time><time datetime="2026-01-03T10:00">3 Jan</time>', "03"),
    ],
)
def test_the_time_of_a_page_is_when_it_says_that_it_was_published(head: str, time: str) -> None:
    assert one(write("a.htm", PAGE.replace("{head}", head))).time == to_millis(f"2026-01-{time}T10:00")


def test_a_page_with_a_publication_date_that_is_none_is_an_error() -> None:
    write("a.html", '<meta name="date" content="yesterday"><p>x')

    assert "time 'yesterday' is not a date" in fault("a.html")


def test_the_title_of_a_page_without_one_is_its_heading() -> None:
    assert one(write("a.html", "<h1>On <i>Ada</i></h1>x")).title == "On Ada"
    assert one(write("b.html", "x")).title == ""


def test_a_page_that_declares_its_encoding_is_read_in_it() -> None:
    write("a.html", b'<meta charset="iso-8859-1"><p>caf\xe9')
    write("b.html", b'<meta charset="nonsense"><p>caf\xe9')
    write("c.html", b"<p>caf\xe9")

    assert one("a.html").text == "café"
    assert "is not nonsense (unknown encoding: nonsense); pass --encoding" in fault("b.html")
    assert "byte 6 (0xe9) is not utf-8" in fault("c.html")


def test_a_page_without_text_or_that_no_parser_takes_is_an_error() -> None:
    assert fault(write("a.html", "<p><script>x</script></p>")).endswith(
        "is empty; there is no text to remember"
    )
    assert "b.html: is not HTML that can be read (" in fault(write("b.html", "<![nonsense <p>x"))


def test_a_page_nested_by_the_thousand_is_read() -> None:
    assert len(one(write("a.html", "<div>a<span>b" * 1500)).text.split("\n\n")) == 1500


def test_a_page_that_looks_like_a_file_name_does_not_warn() -> None:
    assert one(write("a.html", "notes.html")).text == "notes.html"


# --- PDF


def test_a_pdf_becomes_the_text_of_its_pages() -> None:
    write(
        "a.pdf",
        pdf("Ada met Grace.", "", "It rained.", about="/Title (On Ada) /CreationDate (D:20260104093000Z)"),
    )

    record = one("a.pdf")

    assert record.text == "Ada met Grace.\n\nIt rained."
    assert (record.title, record.time) == ("On Ada", to_millis("2026-01-04T09:30"))


def test_a_pdf_that_says_nothing_of_itself_takes_the_files_date() -> None:
    record = one(write("a.pdf", pdf("Ada")))

    assert (record.title, record.time) == ("", MODIFIED)


def test_a_pdf_with_a_date_that_is_none_needs_a_time_by_hand() -> None:
    write("a.pdf", pdf("Ada", about="/CreationDate (yesterday)"))

    assert "time 'yesterday' is not a date" in fault("a.pdf")
    assert one("a.pdf", time="2026-01-01").time == to_millis("2026-01-01")


def test_a_scanned_pdf_is_an_error_that_names_ocr() -> None:
    assert "is empty; a scanned PDF needs text recognition" in fault(write("a.pdf", pdf("")))


@pytest.mark.parametrize("content", [b"", b"plain", b"%PDF-1.4\n%%EOF", pdf("Ada")[:200]])
def test_a_broken_pdf_is_an_error_without_a_word_on_stderr(
    content: bytes, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    assert fault(write("a.pdf", content)).startswith("a.pdf: is ")
    assert capfd.readouterr().err == ""
    assert caplog.records == []


def test_an_encrypted_pdf_is_an_error_and_one_with_an_empty_password_is_read() -> None:
    for name, password in (("a.pdf", "secret"), ("b.pdf", "")):
        writer = pypdf.PdfWriter(clone_from=io.BytesIO(pdf("Ada met Grace.")))
        writer.encrypt(password, owner_password="owner", algorithm="RC4-128")  # noqa: S106 - a test's
        writer.write(name)

    assert fault("a.pdf") == "a.pdf: is encrypted; save a copy without the password"
    assert one("b.pdf").text == "Ada met Grace."


def test_links_between_pages_are_told_with_their_words() -> None:
    page = (
        '<nav><a href="index2.html">Home page</a></nav>'
        '<p> It  rained.  <a href="../people/Ada%20Lovelace.html#a"> The\n <b>countess</b> </a>came, '
        '<a href="https://example.org/b.html">he</a> and <a href="#c">she</a> and <a href="a.png">it</a>.'
        '<pre><a href="Code.html">x</a></pre><div><a href="Bo.htm"><p>Bo</p> left</a>'
        '<a href="Empty.html"> </a><a>nothing</a></div>'
    )
    record = one(write("a.html", page))
    told = [(name, record.text[start:end]) for name, start, end in record.links]
    assert told == [("Ada Lovelace", "The countess"), ("Bo", "Bo"), ("Bo", "left")]
    assert record.text.startswith("Home page\n\nIt rained. The countess came, he and she and it.")


@pytest.mark.parametrize(("name", "library"), [("a.html", "bs4"), ("a.pdf", "pypdf")])
def test_a_reader_that_is_not_installed_is_named_by_its_extra(
    name: str, library: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, library, None)

    assert fault(write(name, "x")).endswith('pip install "memini-kuzu[files]"')


# --- JSONL


def test_a_line_of_jsonl_is_a_record_with_its_own_fields() -> None:
    row = {
        "text": " Ada\n",
        "time": "2026-01-04",
        "source": "chat",
        "title": "Hello",
        "id": "D1:1",
        "more": [1],
    }
    write("a.ndjson", "\ufeff" + json.dumps(row) + "\r\n\r\n" + '{"text": "b\u2028c"}')

    first, second = records(read(["a.ndjson"]))

    at = Path("a.ndjson").resolve()
    key = f"{at.parent.name}/a.ndjson"
    assert first == Record(" Ada\n", to_millis("2026-01-04"), "chat", "Hello", "D1:1", "a.ndjson:1", file=key)
    assert second == Record(
        "b\u2028c", MODIFIED, key, "", "", "a.ndjson:3", file=key, former=(at.as_posix(), "")
    )


def test_columns_name_the_fields_of_jsonl() -> None:
    write("a.jsonl", '{"body": "a", "at": "2026-01-04", "room": 3, "head": "h", "key": 18446744073709551616}')

    record = one("a.jsonl", columns=Columns(text="body", time="at", source="room", title="head", id="key"))

    assert (record.text, record.source, record.title, record.id) == ("a", "3", "h", "18446744073709551616")
    assert record.time == to_millis("2026-01-04")


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ('{"text": "broken', "is not JSON at column 10 (Unterminated string starting at); correct the line"),
        ("[1, 2]", "[1, 2] is not an object; write each record as {...} on its own line"),
        ('"text"', "'text' is not an object"),
        ("[" * 100_000, "is JSON beyond what can be read"),
        (f'{{"text": "x", "id": {"9" * 5000}}}', "is JSON beyond what can be read"),
        ('{"body": "x", "when": 1}', "has no column 'text', only ['body', 'when']; name the right one"),
        ('{"text": null}', "text is null; make it a string"),
        ('{"text": 5}', "text 5 is of type int; make it a string"),
        ('{"text": " \\n"}', "is empty; there is no text to remember"),
        ('{"text": "a\\ud800b"}', "text holds half a character (\\ud800, position 1)"),
        (
            '{"text": "x", "time": 1767484800}',
            "time 1767484800 is a number; write it in ISO 8601: 2026-01-04T",
        ),
        ('{"text": "x", "time": 1.5}', "time 1.5 is a number"),
        ('{"text": "x", "time": true}', "time True is a number"),
        ('{"text": "x", "time": "1767484800000"}', "time '1767484800000' is a number"),
        ('{"text": "x", "time": "soon"}', "time 'soon' is not a date; write it as 2026-01-04"),
        ('{"text": "x", "time": "1969-12-31"}', "time 1969-12-31 lies outside 1970 to 2261"),
        ('{"text": "x", "time": "0001-01-01T00:00:00+05:00"}', "lies outside 1970 to 2261"),
        ('{"text": "x", "time": {}}', "time {} is of type dict"),
        ('{"text": "x", "id": 1.5}', "id 1.5 is of type float; make it a string or a whole number"),
        ('{"text": "x", "source": []}', "source [] is of type list"),
        (b'{"text": "caf\xe9"}', "byte 28 (0xe9) is not utf-8; pass --encoding"),
    ],
)
def test_a_bad_line_of_jsonl_is_reported_with_its_number_and_the_next_is_read(
    line: str | bytes, reason: str
) -> None:
    line = line if isinstance(line, bytes) else line.encode()
    write("a.jsonl", b'{"text": "a"}\n\n' + line + b'\n{"text": "b"}\n')

    first, error, last = read(["a.jsonl"])

    assert isinstance(error, RecordError)
    assert (error.origin, error.reason[: len(reason)]) == ("a.jsonl:3", reason) or reason in error.reason
    assert len(str(error)) < 300
    assert texts(iter([first, last])) == ["a", "b"]


@pytest.mark.parametrize("value", ['""', '" "', "null"])
def test_a_blank_field_is_one_that_is_not_there(value: str) -> None:
    write("a.jsonl", f'{{"text": "x", "time": {value}, "title": null, "source": "", "id": null}}')

    record = one("a.jsonl")

    assert (record.time, record.title, record.id) == (MODIFIED, "", "")
    assert record.source.endswith("/a.jsonl")


def test_a_time_of_eight_digits_is_a_date_of_iso_8601() -> None:
    assert one(write("a.jsonl", '{"text": "x", "time": "20260104"}')).time == to_millis("2026-01-04")


def test_a_line_of_50_megabytes_is_passed_over_in_bounded_memory() -> None:
    with Path("a.jsonl").open("wb") as file:
        file.write(b'{"text": "a"}\n{"text": "')
        file.writelines(b"x" * 1_000_000 for _ in range(50))
        file.write(b'"}\n{"text": "b"}\n')

    tracemalloc.start()
    found = texts(read(["a.jsonl"]))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert found == ["a", "! a.jsonl:2: the line is over 16 MiB; split its text into several records", "b"]
    assert peak < 3 * LINE_LIMIT


@given(length=st.integers(0, 40), end=st.sampled_from(["", "\n", "\r\n", '\n{"text": "z"}']))
def test_lines_are_told_apart_at_any_length_around_the_limit(length: int, end: str) -> None:
    line = '{"text":"' + "x" * length + '"}'
    data = ('{"text":"a"}\n' + line + end).encode()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_lines, "LINE_LIMIT", 24)
        patch.setattr(_lines, "CHUNK", 7)
        found = [(item.origin[-1], isinstance(item, Record)) for item in read_stdin(io.BytesIO(data))]

    assert [number for number, _ in found] == (["1", "2", "3"] if "z" in end else ["1", "2"])
    if length:
        assert dict(found)["2"] == (len(line + end[: end.find("\n")]) <= 24)


def test_jsonl_is_streamed() -> None:
    write("a.jsonl", (json.dumps({"text": "x" * 1000}) + "\n") * 2_000)

    tracemalloc.start()
    count = sum(1 for _ in read(["a.jsonl"]))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert count == 2_000
    assert peak < 1_000_000


@pytest.mark.parametrize("name", ["a.jsonl", "a.csv"])
def test_an_empty_file_of_rows_is_an_error(name: str) -> None:
    assert fault(write(name, "")).startswith(f"{name}: is empty; ")
    assert fault(write(name, "\n\n")).startswith(f"{name}: is empty; ")


@pytest.mark.parametrize("options", [{}, {"encoding": "utf-16"}])
def test_rows_in_utf16_are_read_with_a_mark_or_by_name(options: dict[str, str]) -> None:
    write("a.csv", "text,id\nMalmö,1\n".encode("utf-16"))
    write("a.jsonl", '{"text": "Malmö", "id": 1}\n'.encode("utf-16"))

    assert [(one(name, **options).text, one(name, **options).id) for name in ("a.csv", "a.jsonl")] == [
        ("Malmö", "1"),
        ("Malmö", "1"),
    ]


def test_rows_that_are_not_in_their_encoding_are_an_error() -> None:
    assert "is not utf-16 (" in fault(write("a.csv", b"\xff\xfet\0e\0x"))


@pytest.mark.parametrize(("name", "mark"), [("a.csv", ";"), ("a.csv", "\t"), ("a.tsv", "\t"), ("a.csv", "|")])
def test_columns_may_be_parted_by_other_marks_than_commas(name: str, mark: str) -> None:
    write(name, f'id{mark}text{mark}time\n7{mark}"Ada, {mark} Grace"{mark}2026-01-04\n')

    assert (one(name).id, one(name).text, one(name).time) == (
        "7",
        f"Ada, {mark} Grace",
        to_millis("2026-01-04"),
    )


def test_errors_hold_no_bytes_of_the_file() -> None:
    write("a.jsonl", b'{"text": "\xe9"}')

    (error,) = read(["a.jsonl"])

    assert isinstance(error, RecordError)
    assert (error.__traceback__, error.__context__) == (None, None)


# --- CSV


def test_a_row_of_csv_is_a_record_numbered_by_its_first_line() -> None:
    write(
        "a.csv", '\ufeffid, text ,time,extra\r\n7,"Ada, ""A""\r\n\r\nmet",2026-01-04,\r\n\r\n8,Grace,,x\r\n'
    )

    first, second = records(read(["a.csv"]))

    assert (first.id, first.text, first.time) == ("7", 'Ada, "A"\r\n\r\nmet', to_millis("2026-01-04"))
    assert (second.id, second.text, second.time) == ("8", "Grace", MODIFIED)
    assert (first.origin, second.origin) == ("a.csv:2", "a.csv:6")
    assert first.source.endswith("/a.csv")
    assert first.title == ""


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("x,y", "has 2 values under 3 columns; quote a value that holds a comma"),
        ("x,y,z,w", "has 4 values under 3 columns"),
        ('"q"z,,', "is not CSV (',' expected after '\"'); double the quotes inside a quoted value"),
        (",,", "is empty; there is no text to remember"),
        ("x,soon,", "time 'soon' is not a date"),
        ("x,1767484800,", "time '1767484800' is a number"),
        (b"caf\xe9,,", "byte 25 (0xe9) is not utf-8"),
        (b'"two\ncaf\xe9\nthree",,', "byte 30 (0xe9) is not utf-8"),
    ],
)
def test_a_bad_row_of_csv_is_reported_with_its_line_and_the_next_is_read(
    row: str | bytes, reason: str
) -> None:
    row = row if isinstance(row, bytes) else row.encode()
    write("a.csv", b"text,time,id\nfirst,,1\n" + row + b"\nlast,,2\n")

    first, error, last = read(["a.csv"])

    assert isinstance(error, RecordError)
    assert error.origin == ("a.csv:4" if b"two" in row else "a.csv:3")
    assert reason in error.reason
    assert texts(iter([first, last])) == ["first", "last"]


def test_a_quote_left_open_is_reported_with_the_lines_that_it_swallows() -> None:
    write("a.csv", 'text\na\n"open\nb\nc\n')

    assert texts(read(["a.csv"])) == [
        "a",
        "! a.csv:3: opens a quote that is not closed up to line 5; close it",
    ]


def test_an_over_long_line_of_csv_costs_one_row(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_lines, "LINE_LIMIT", 2**20)
    write("a.csv", f"text\na\n{'x' * 2**21}\nb\n")

    assert texts(read(["a.csv"])) == [
        "a",
        "! a.csv:3: the line is over 1 MiB; split its text into several records",
        "b",
    ]


def test_a_long_value_is_read_and_the_limit_of_the_csv_module_stays_as_it_was() -> None:
    write("a.csv", f"text\n{'x' * 500_000}\n")
    limit = csv.field_size_limit()

    reading = read(["a.csv"])

    assert len(texts(reading)[0]) == 500_000
    assert csv.field_size_limit() == limit


@pytest.mark.parametrize(
    ("content", "columns", "reason"),
    [
        ("body,at\nx,y\n", Columns(), "has no column 'text', only ['body', 'at']; name the right one"),
        (
            "text,at\nx,y\n",
            Columns(time="when"),
            "has no column 'when', only ['text', 'at']; name the right one",
        ),
        ("text,id,id\nx,1,2\n", Columns(), "has 2 columns 'id'; rename all but one"),
        ("text,id\n", Columns(), "has a header and no rows; there is nothing to remember"),
        (b"te\xe9t\nx\n", Columns(), "byte 2 (0xe9) is not utf-8"),
    ],
)
def test_a_header_that_cannot_be_used_is_one_error(
    content: str | bytes, columns: Columns, reason: str
) -> None:
    assert reason in fault(write("a.csv", content), columns=columns)


@settings(max_examples=40)
@given(
    rows=st.lists(
        st.tuples(
            st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0\r"), min_size=1).filter(
                lambda text: not text.isspace()
            ),
            st.text(st.characters(codec="ascii", exclude_characters="\0\r")),
        ),
        min_size=1,
        max_size=5,
    )
)
def test_csv_and_jsonl_give_back_every_text(rows: list[tuple[str, str]]) -> None:
    table = io.StringIO()
    csv.writer(table, quoting=csv.QUOTE_ALL).writerows([("text", "id"), *rows])
    write("a.csv", table.getvalue())
    write("a.jsonl", "".join(json.dumps({"text": text, "id": own}) + "\n" for text, own in rows))

    for name in ("a.csv", "a.jsonl"):
        assert [(record.text, record.id) for record in records(read([name]))] == rows


# --- standard input


def test_standard_input_is_one_plain_text_without_time_and_source() -> None:
    assert records(read_stdin(io.BytesIO(b"\n\nAda met\nGrace.\n"))) == [
        Record("\n\nAda met\nGrace.\n", origin="standard input")
    ]


def test_standard_input_is_jsonl_when_its_first_line_is_an_object() -> None:
    data = b'\n \n{"text": "a", "time": "2026-01-04"}\nbroken\n{"text": "b"}'

    assert texts(read_stdin(io.BytesIO(data), source="chat")) == [
        "a",
        "! standard input:4: is not JSON at column 1 (Expecting value); correct the line",
        "b",
    ]


def test_standard_input_of_json_lines_is_streamed() -> None:
    class Live(io.BytesIO):
        def read(self, *_: object) -> bytes:
            raise AssertionError("waited for the end of the input")

    reading = read_stdin(Live(b'{"text": "a"}\n{"text": "b"}\n'))

    assert texts(reading) == ["a", "b"]


@pytest.mark.parametrize("text", ['{\n  "a": 1\n}', "[1]\n", '"x"', "{not json}"])
def test_standard_input_that_only_looks_like_json_is_text(text: str) -> None:
    assert texts(read_stdin(io.BytesIO(text.encode()))) == [text]


def test_standard_input_whose_first_object_is_over_long_is_still_jsonl(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(_lines, "LINE_LIMIT", 2**20)
    monkeypatch.setattr("memini_kuzu.readers._walk.LINE_LIMIT", 2**20)
    data = b'{"text": "' + b"x" * 2**21 + b'"}\n{"text": "b"}\n'

    assert texts(read_stdin(io.BytesIO(data))) == [
        "! standard input:1: the line is over 1 MiB; split its text into several records",
        "b",
    ]


def test_a_dash_is_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    write("a.txt", "a")
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"\xef\xbb\xbfcaf\xe9")))

    assert texts(read(["a.txt", Path("-")], encoding="latin-1")) == ["a", "café"]


def test_standard_input_that_is_empty_binary_or_broken_is_an_error() -> None:
    class Broken(io.BytesIO):
        def readline(self, *_: object) -> bytes:
            raise OSError(5, "Input/output error")

    assert errors(read_stdin(io.BytesIO(b""))) == ["standard input: is empty; there is no text to remember"]
    assert errors(read_stdin(io.BytesIO(b"a\0")))[0].startswith(
        "standard input: is binary: a NUL at byte 1; "
    )
    assert errors(read_stdin(Broken())) == ["standard input: cannot be read: Input/output error"]
    assert texts(read_stdin(io.BytesIO("é".encode("utf-16")), encoding="utf-16")) == ["é"]
