"""The command line: what it prints, its exit codes, and what becomes of bad input."""

from __future__ import annotations

import io
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from datetime import date, datetime, timedelta, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

import kuzu
import numpy as np
import pyarrow as pa
import pytest
import typer
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from memini_kuzu import Memory, Parameters, RecordError, RuleExtractor
from memini_kuzu.cli import _progress, app
from memini_kuzu.cli._print import jsonable
from memini_kuzu.cli._recalled import snippet
from memini_kuzu.dynamics import time_constants
from memini_kuzu.memory import opening as memory_module

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from typer.testing import Result

ROOT = Path(__file__).parents[1]
GROUP: Any = typer.main.get_command(app)
COMMANDS: dict[str, Any] = GROUP.commands
BASIC = ("init", "remember", "ingest", "recall", "associations", "consolidate", "stats", "cypher")

RECORDS = [
    {
        "id": "1",
        "text": "Ada Lovelace met Charles Babbage in London.",
        "time": "2026-03-01",
        "source": "diary",
    },
    {
        "id": "2",
        "text": "Charles Babbage showed Ada Lovelace the engine.",
        "time": "2026-03-05T10:00:00+01:00",
        "source": "diary",
    },
    {
        "id": "3",
        "text": "Grace Hopper visited Paris.",
        "time": "2026-04-01",
        "source": "letters",
        "title": "Trip",
    },
]


@pytest.fixture(autouse=True)
def _rules(monkeypatch: pytest.MonkeyPatch) -> None:
    """The rules in place of spaCy: the command line is the same with and without a model."""
    monkeypatch.setattr(memory_module, "default_extractor", lambda _hint: RuleExtractor())
    for name in ("MEMINI_DB", "FORCE_COLOR", "TTY_COMPATIBLE", "COLUMNS"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="session")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store that holds RECORDS; not to be changed."""
    folder = tmp_path_factory.mktemp("filled")
    (folder / "records.jsonl").write_text("\n".join(map(json.dumps, RECORDS)))
    with Memory.open(folder / "a.memini", extractor=RuleExtractor()) as memory:
        memory.ingest(folder / "records.jsonl")
    return folder / "a.memini"


@pytest.fixture(scope="session")
def _empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("empty") / "a.memini"
    Memory.open(path).close()
    return path


@pytest.fixture
def store(_empty: Path, tmp_path: Path) -> Path:
    """An empty store of the test's own."""
    return Path(shutil.copy(_empty, tmp_path / "a.memini"))


@pytest.fixture
def full(filled: Path, tmp_path: Path) -> Path:
    """A store of the test's own that holds RECORDS."""
    return Path(shutil.copy(filled, tmp_path / "full.memini"))


def run(*args: object, stdin: bytes | None = None) -> Result:
    """Run the command line in this process; an unforeseen exception is raised."""
    return CliRunner().invoke(
        app, list(map(str, args)), input=stdin, catch_exceptions=False, prog_name="memini"
    )


def succeed(*args: object, stdin: bytes | None = None) -> str:
    """Standard output of a command that must succeed."""
    result = run(*args, stdin=stdin)
    assert result.exit_code == 0, result.output
    return result.stdout


def answer(*args: object, stdin: bytes | None = None) -> Any:
    """The JSON that a command prints, with nothing around it."""
    return json.loads(succeed(*args, "--json", stdin=stdin))


def fail(*args: object, code: int = 1, stdin: bytes | None = None) -> str:
    """The one line on standard error of a command that must fail and print nothing else."""
    result = run(*args, stdin=stdin)
    assert result.exit_code == code, result.output
    assert result.stdout == ""
    *notes, line = result.stderr.splitlines()
    assert all(note.startswith("memini: made a new store") for note in notes)
    assert line.startswith("memini: ")
    assert "Traceback" not in line
    return line


def process(*args: object, **settings: Any) -> subprocess.Popen[str]:
    """A process of its own that runs the command line."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), **settings.pop("environment", {})}
    return subprocess.Popen(
        [sys.executable, "-m", "memini_kuzu", *map(str, args)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
        **settings,
    )


def finish(started: subprocess.Popen[str]) -> tuple[int, str, str]:
    """Exit code, standard output and standard error."""
    out, err = started.communicate(timeout=120)
    return started.returncode, out, err


def content(path: Path) -> dict[str, Any]:
    """What a store holds, in numbers and dates."""
    found = answer("stats", "--db", path)
    return {name: value for name, value in found.items() if name not in ("path", "bytes")}


@contextmanager
def unchanged(path: Path) -> Iterator[None]:
    """Nothing in the store changes inside."""
    before = content(path)
    yield
    assert content(path) == before


# Help


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help_with_an_example_of_itself(name: str) -> None:
    command = COMMANDS[name]
    assert command.help
    shown = succeed(name, "--help")
    assert "Example" in shown
    assert f"  memini {name} " in shown
    assert all(parameter.help for parameter in command.params), "every option and argument says what it is"


def examples() -> list[str]:
    lines = (line.strip() for command in COMMANDS.values() for line in command.epilog.splitlines())
    return [line for line in lines if line.startswith("memini ")]


@pytest.mark.parametrize("example", examples())
def test_every_example_in_the_help_is_a_command_line_that_parses(example: str) -> None:
    words = shlex.split(example.partition(" < ")[0])[1:]
    if words[0].startswith("--"):  # an option of all commands, with its value
        assert words[0] in {option for parameter in GROUP.params for option in parameter.opts}
        words = words[2:]
    name, *args = words
    COMMANDS[name].make_context(name, args)


@pytest.mark.parametrize("name", BASIC)
def test_every_basic_command_takes_a_store_and_gives_json(name: str) -> None:
    options = {option for parameter in COMMANDS[name].params for option in parameter.opts}
    assert {"--db", "--json"} <= options


def test_without_a_command_the_overview_is_shown() -> None:
    shown = succeed()
    assert all(f"\n  {name} " in shown for name in COMMANDS)


def test_the_version_is_shown() -> None:
    assert succeed("--version").startswith("memini ")


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["recal", "x"], "No such command 'recal'"),
        (["recall"], "CUE"),
        (["recall", "x", "--bogus"], "--bogus"),
        (["recall", "x", "-k", "0"], "-k"),
        (["recall", "x", "-k", "many"], "-k"),
        (["stats", "--wait", "-1"], "--wait"),
        (["ingest", "a.txt", "--on-error", "maybe"], "--on-error"),
        (["ingest", "a.txt", "--processes", "0"], "--processes"),
        (["init", "--tau-fast", "long"], "--tau-fast"),
        (["cypher", "RETURN 1", "--param", "novalue"], "'novalue' is not NAME=VALUE"),
        (["remember", "x", "--no-redaction", "--redact-emails"], "masks nothing"),
    ],
)
def test_a_wrong_command_line_is_one_line_and_exit_code_2(args: list[str], message: str) -> None:
    assert message in fail(*args, code=2)


def test_a_wrong_command_line_names_the_help_of_its_command() -> None:
    assert fail("recall", "x", "--bogus", code=2).endswith("; see memini recall --help")


# init


def test_init_makes_a_store_and_says_its_time_constants_in_days(tmp_path: Path) -> None:
    path = tmp_path / "a.memini"
    assert "1.23 days" in (shown := succeed("init", "--db", path))
    assert "252 days" in shown
    with Memory.open(path, create=False) as memory:
        assert memory.parameters == Parameters()


def test_init_takes_the_parameters(tmp_path: Path) -> None:
    path = tmp_path / "a.memini"
    options = {"tau-fast": 2, "tau-slow": 99, "coupling": 0.5, "capacity": 7, "impulse": 3}
    made = answer("init", "--db", path, *(f"--{name}={value}" for name, value in options.items()))
    expected = Parameters(tau_fast=2, tau_slow=99, coupling=0.5, capacity=7, impulse=3)
    assert Parameters(**made["parameters"]) == expected
    assert made["time_constants"] == time_constants(expected)._asdict()
    with Memory.open(path, create=False) as memory:
        assert memory.parameters == expected


def test_init_refuses_a_store_that_exists(full: Path) -> None:
    with unchanged(full):
        assert "exists already" in fail("init", "--db", full)


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ("--tau-fast=-1", "tau_fast = -1.0"),
        ("--tau-fast=nan", "tau_fast = nan"),
        ("--tau-slow=inf", "tau_slow = inf"),
        ("--tau-slow=1", "tau_slow = 1.0 days is below"),
        ("--coupling=0", "coupling = 0.0"),
        ("--capacity=0.5", "capacity = 0.5"),
        ("--impulse=-2", "impulse = -2.0"),
    ],
)
def test_init_refuses_impossible_parameters_and_makes_nothing(
    tmp_path: Path, option: str, message: str
) -> None:
    assert message in fail("init", "--db", tmp_path / "a.memini", option)
    assert list(tmp_path.iterdir()) == []


def test_the_store_is_named_by_the_environment_too(filled: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MEMINI_DB", str(filled))
    assert answer("stats")["path"] == str(filled)


# remember


def test_what_is_remembered_is_recalled_by_the_next_command(store: Path) -> None:
    succeed(
        "remember", "Ada Lovelace moved to Lisbon.", "--db", store, "--time", "2026-03-01", "--source", "x"
    )
    [passage] = answer("recall", "Lisbon", "--db", store)["passages"]
    assert passage["text"] == "Ada Lovelace moved to Lisbon."
    assert passage["source"] == "x"
    assert passage["time"] == "2026-03-01T00:00:00+00:00"


def test_remember_says_whether_a_text_is_new_changed_or_known(store: Path) -> None:
    told = ("--db", store, "--id", "7", "--title", "Move", "--time", "2026-03-01")
    assert "remembered: 1 passage, 2 events" in succeed("remember", "Ada met Grace.", *told)
    assert "nothing was changed" in succeed("remember", "Ada met Grace.", *told)
    assert "a new version" in succeed("remember", "Ada left Grace.", *told)
    found = answer("remember", "Ada left Grace.", *told)
    assert found.pop("ids") == [answer("get", "7", "--db", store)["id"]]
    assert found == {
        "added": 0,
        "changed": 0,
        "unchanged": 1,
        "moved": 0,
        "passages": 0,
        "events": 0,
        "skipped": [],
        "redacted": {},
        "notices": [],
        "folders": [],
        "options": {},
        "files": {},
    }


def test_remember_reads_standard_input_verbatim(store: Path) -> None:
    text = "Ada wrote:\n\n\tÉtude № 1 {not json}\n"
    succeed("remember", "-", "--db", store, stdin=text.encode())
    assert answer("recall", "Étude", "--db", store)["passages"][0]["text"].strip() == text.strip()


def test_remember_makes_a_store_and_says_so(tmp_path: Path) -> None:
    path = tmp_path / "new.memini"
    result = run("remember", "Ada met Grace.", "--db", path)
    assert result.stderr == f"memini: made a new store, {path}\n"
    assert content(path)["documents"] == 1


@pytest.mark.parametrize(
    ("args", "message"),
    [
        ([""], "the text is empty"),
        ([" \n "], "the text is empty"),
        (["Ada", "--time", "yesterday"], "time 'yesterday' is not a date"),
        (["Ada", "--time", "1969-12-31"], "lies outside 1970"),
        (["Ada", "--time", "2261-01-01"], "after now"),
        (["Ada", "--now", "soon"], "time 'soon' is not a date"),
        (["Ada\udcff"], "half"),
    ],
)
def test_remember_refuses_what_it_cannot_keep(full: Path, args: list[str], message: str) -> None:
    with unchanged(full):
        assert message in fail("remember", "--db", full, *args)


def test_remember_refuses_bytes_that_are_no_text(full: Path) -> None:
    with unchanged(full):
        assert "byte 3 is not utf-8" in fail("remember", "-", "--db", full, stdin=b"caf\xe9")


# what is masked

KEY = "AKIA" + "IOSFODNN7EXAMPLE"


def texts(path: Path) -> list[str]:
    query = "MATCH (p:Passage) RETURN p.text AS text ORDER BY text"
    return [row["text"] for row in answer("cypher", query, "--db", path)]


def test_keys_are_masked_and_counted_without_being_asked(store: Path) -> None:
    told = succeed("remember", f"Ada wrote {KEY} to ada@example.org.", "--db", store)
    assert told.endswith("; masked: 1 aws-access-key\n")
    assert texts(store) == ["Ada wrote [redacted:aws-access-key] to ada@example.org."]


def test_emails_and_phones_are_masked_if_asked(store: Path, tmp_path: Path) -> None:
    pytest.importorskip("phonenumbers")
    (tmp_path / "a.txt").write_text(f"{KEY}, ada@example.org, 020 7946 0958")
    told = answer("ingest", tmp_path / "a.txt", "--db", store, "--redact-emails", "--redact-phones", "gb")
    assert told["redacted"] == {"aws-access-key": 1, "email": 1, "phone": 1}
    assert texts(store) == ["[redacted:aws-access-key], [redacted:email], [redacted:phone]"]


def test_nothing_is_masked_if_asked(store: Path, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text(KEY)
    assert "masked" not in succeed("ingest", tmp_path / "a.txt", "--db", store, "--no-redaction")
    assert texts(store) == [KEY]


@pytest.mark.parametrize("args", [["remember", "x"], ["ingest", "."], ["serve", "--stdio"]])
def test_a_country_that_is_none_is_refused_before_a_store_is_made(tmp_path: Path, args: list[str]) -> None:
    pytest.importorskip("phonenumbers")
    path = tmp_path / "new.memini"
    assert "'XX' is no country" in fail(*args, "--db", path, "--redact-phones", "xx")
    assert not path.exists()


def test_phones_without_their_library_are_refused_with_the_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "phonenumbers", None)
    path = tmp_path / "new.memini"
    line = fail("remember", "x", "--db", path, "--redact-phones", "US")
    assert 'pip install "memini-kuzu[privacy]"' in line
    assert not path.exists()
    assert run("remember", "ada@example.org", "--db", path, "--redact-emails").exit_code == 0


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ([], ["--redact-emails"], "pass them to memini serve"),
        ([], ["--no-redaction"], "pass them to memini serve"),
        (["--extractor", "rules"], [], "a server has an extractor of its own"),
    ],
)
def test_what_only_the_server_decides_is_refused_beside_its_address(
    before: list[str], after: list[str], message: str
) -> None:
    assert message in fail("--server", "http://127.0.0.1:9/mcp", *before, "remember", "x", *after)


# ingest


def write_lines(path: Path, *lines: object) -> Path:
    path.write_text("".join(f"{line if isinstance(line, str) else json.dumps(line)}\n" for line in lines))
    return path


def test_ingest_counts_what_was_added_changed_unchanged_and_skipped(store: Path, tmp_path: Path) -> None:
    path = write_lines(tmp_path / "r.jsonl", *RECORDS)
    result = run("ingest", path, "--db", store)
    assert result.stdout.startswith("added 3, changed 0, unchanged 0, skipped 0: 3 passages, ")
    assert result.stderr == "memini: 3 documents\n", "a plain line for each batch where there is no terminal"
    write_lines(
        path, RECORDS[0], RECORDS[1] | {"text": "Ada Lovelace left.", "time": "2026-03-09"}, "{broken"
    )
    report = answer("ingest", path, "--db", store, "--on-error", "skip")
    assert (report["added"], report["changed"], report["unchanged"]) == (0, 1, 1)
    assert [one["origin"] for one in report["skipped"]] == [f"{path.as_posix()}:3"]


def test_ingest_keeps_what_a_record_says_of_itself(filled: Path) -> None:
    found = answer("recall", "Paris", "--db", filled)["passages"][0]
    assert {name: found[name] for name in ("id", "source", "title", "time", "text")} == {
        "id": "3",
        "source": "letters",
        "title": "Trip",
        "time": "2026-04-01T00:00:00+00:00",
        "text": "Grace Hopper visited Paris.",
    }


def test_ingest_reads_the_columns_that_are_named(store: Path, tmp_path: Path) -> None:
    path = tmp_path / "chat.csv"
    path.write_text("body,sent,room,about,key\nAda met Grace in Rome.,2026-02-03,lobby,Hello,m1\n")
    columns = ("--text-column=body", "--time-column=sent", "--source-column=room", "--title-column=about")
    succeed("ingest", path, "--db", store, *columns, "--id-column=key")
    [found] = answer("recall", "Rome", "--db", store)["passages"]
    assert (found["id"], found["source"], found["title"]) == ("m1", "lobby", "Hello")
    assert found["time"].startswith("2026-02-03")


def test_ingest_sets_time_and_source_and_encoding(store: Path, tmp_path: Path) -> None:
    path = tmp_path / "note.txt"
    path.write_bytes("Ada met René in Orléans.".encode("latin-1"))
    options = ("--time", "2026-01-04T09:30", "--source", "diary", "--encoding", "latin-1")
    succeed("ingest", path, "--db", store, *options)
    [found] = answer("recall", "Orléans", "--db", store)["passages"]
    assert (found["source"], found["time"]) == ("diary", "2026-01-04T09:30:00+00:00")


def test_ingest_reads_standard_input(store: Path) -> None:
    report = answer("ingest", "-", "--db", store, stdin="\n".join(map(json.dumps, RECORDS)).encode())
    assert report["added"] == 3


def test_ingest_gives_the_same_with_two_processes(store: Path, full: Path, tmp_path: Path) -> None:
    path = write_lines(tmp_path / "r.jsonl", *RECORDS)
    succeed("ingest", path, "--db", store, "--processes", "2")
    assert content(store) == content(full)


BAD_FILES: dict[str, tuple[str, bytes, str]] = {
    "empty text": ("a.txt", b"", "is empty"),
    "empty JSONL": ("a.jsonl", b"", "is empty"),
    "empty CSV": ("a.csv", b"", "is empty"),
    "binary": ("a.txt", b"MZ\x00\x01", "is binary: a NUL at byte 2"),
    "wrong encoding": ("a.txt", b"caf\xe9", "--encoding latin-1"),
    "over-long line": (
        "a.jsonl",
        b'{"text": "' + b"a" * (50 << 20) + b'"}\n',
        "a.jsonl:1: the line is over 16 MiB",
    ),
    "missing column in JSONL": (
        "a.jsonl",
        b'{"body": "Ada"}\n',
        "a.jsonl:1: has no column 'text', only ['body']",
    ),
    "missing column in CSV": ("a.csv", b"body,time\nAda,2026-01-04\n", "has no column 'text'"),
    "broken line": ("a.jsonl", b'{"text": "Ada"}\n{"text": \n{"text": "Grace"}\n', "a.jsonl:2: is not JSON"),
    "future date": ("a.jsonl", b'{"text": "Ada", "time": "2260-01-01"}\n', "a.jsonl:1: is dated 2260-01-01"),
    "before 1970": (
        "a.jsonl",
        b'{"text": "Ada", "time": "1969-07-20"}\n',
        "a.jsonl:1: time 1969-07-20 lies outside",
    ),
    "no date": ("a.jsonl", b'{"text": "Ada", "time": "soon"}\n', "a.jsonl:1: time 'soon' is not a date"),
    "unknown type": ("a.xyz", b"Ada", "is of no known type"),
}


@pytest.mark.parametrize("case", BAD_FILES)
def test_a_bad_record_ends_the_ingestion_and_nothing_is_changed(
    full: Path, tmp_path: Path, case: str
) -> None:
    name, data, message = BAD_FILES[case]
    (tmp_path / name).write_bytes(data)
    with unchanged(full):
        line = fail("ingest", tmp_path / name, "--db", full)
    assert message in line
    assert line.endswith("(or pass --on-error skip); nothing was changed")


@pytest.mark.parametrize("case", BAD_FILES)
def test_a_bad_record_can_be_skipped_and_is_reported(full: Path, tmp_path: Path, case: str) -> None:
    name, data, message = BAD_FILES[case]
    (tmp_path / name).write_bytes(data)
    result = run("ingest", tmp_path / name, "--db", full, "--on-error", "skip")
    assert result.exit_code == 0
    [line] = [line for line in result.stderr.splitlines() if "skipped" in line]
    assert line.startswith("memini: skipped ")
    assert message in line
    assert "skipped 1:" in result.stdout


def test_the_good_records_around_a_skipped_one_are_kept(store: Path, tmp_path: Path) -> None:
    path = write_lines(tmp_path / "a.jsonl", RECORDS[0], "{broken", RECORDS[2])
    assert "added 2, changed 0, unchanged 0, skipped 1" in succeed(
        "ingest", path, "--db", store, "--on-error", "skip"
    )


@pytest.mark.parametrize("name", ["nowhere.txt", "nowhere"])
def test_ingest_refuses_a_path_that_does_not_exist(store: Path, tmp_path: Path, name: str) -> None:
    assert "does not exist" in fail("ingest", tmp_path / name, "--db", store)


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ("--encoding=klingon", "encoding 'klingon' is unknown"),
        ("--time=soon", "time 'soon' is not a date"),
        ("--now=soon", "time 'soon' is not a date"),
    ],
)
def test_ingest_refuses_settings_that_make_no_sense(
    full: Path, tmp_path: Path, option: str, message: str
) -> None:
    path = write_lines(tmp_path / "a.jsonl", RECORDS[0])
    with unchanged(full):
        assert message in fail("ingest", path, "--db", full, option)


def test_now_sets_the_clock_of_an_ingestion(store: Path, tmp_path: Path) -> None:
    path = write_lines(tmp_path / "a.jsonl", RECORDS[0] | {"time": "2050-06-01"})
    assert "is dated 2050-06-01" in fail("ingest", path, "--db", store, "--now", "2050-05-01")
    succeed("ingest", path, "--db", store, "--now", "2050-06-02")
    assert content(store)["last_seen"] == "2050-06-01T00:00:00+00:00"


def test_after_a_bad_record_the_earlier_batches_are_kept_and_the_same_command_goes_on(
    store: Path, tmp_path: Path
) -> None:
    lines: list[object] = [
        {"id": str(n), "text": f"Ada met Grace at {n}.", "time": "2026-01-04"} for n in range(2500)
    ]
    lines[2400] = "{broken"
    path = write_lines(tmp_path / "a.jsonl", *lines)
    result = run("ingest", path, "--db", store)
    assert result.exit_code == 1
    *_, line = result.stderr.splitlines()
    kept = content(store)["documents"]
    assert 0 < kept < 2400
    assert "a.jsonl:2401: is not JSON" in line
    assert f"{kept:,} documents are kept, and the same command goes on from there" in line
    lines[2400] = {"id": "2400", "text": "Ada met Grace at last.", "time": "2026-01-04"}
    write_lines(path, *lines)
    report = answer("ingest", path, "--db", store)
    assert (report["added"], report["unchanged"]) == (2500 - kept, kept)


# recall


def test_recall_prints_json_of_the_promised_form(filled: Path) -> None:
    found = answer("recall", "Who met Babbage in London?", "--db", filled, "-k", "2", "--now", "2026-04-02")
    assert list(found) == ["passages", "entities", "paths"]
    assert len(found["passages"]) == 2
    for passage in found["passages"]:
        assert {"id", "source", "time", "score", "text"} <= set(passage)
        assert datetime.fromisoformat(passage["time"]).tzinfo is not None
    assert found["passages"][0]["text"] == RECORDS[0]["text"]
    assert found["entities"]
    assert all(set(entity) == {"name", "label", "activation"} for entity in found["entities"])
    assert found["paths"]
    of_all = {"passage", "source", "position", "kind", "through", "score", "strength", "last_seen"}
    assert all(set(path) == of_all | {"said", "rival"} for path in found["paths"])


def test_recall_shows_passages_with_their_dates_and_reasons(filled: Path) -> None:
    shown = succeed("recall", "Who met Babbage in London?", "--db", filled)
    first, second, third, *_ = shown.splitlines()
    assert first.startswith("1. 2026-03-01  diary  1  ")
    assert second == "   Ada Lovelace met Charles Babbage in London."
    assert third.startswith("   why: words ")
    assert "strength " in shown
    assert "entities: " in shown.splitlines()[-1]


def test_recall_is_as_of_now(filled: Path) -> None:
    early = answer("recall", "Babbage", "--db", filled, "--now", "2026-03-02")
    assert [passage["id"] for passage in early["passages"]] == ["1"]


def test_recall_without_a_result_says_so_and_succeeds(filled: Path) -> None:
    assert succeed("recall", "xylophone", "--db", filled) == "nothing comes to mind\n"
    assert answer("recall", "xylophone", "--db", filled)["passages"] == []


@pytest.mark.parametrize(
    ("args", "message"),
    [
        ([""], "the cue is empty"),
        (["  "], "the cue is empty"),
        (["Ada", "--now", "2020-01-01"], "pass a now no earlier than 2026-03-01"),
        (["Ada", "--now", "1969-01-01"], "lies outside 1970"),
        (["Ada", "--now", "tomorrow"], "time 'tomorrow' is not a date"),
    ],
)
def test_recall_refuses_what_has_no_answer(filled: Path, args: list[str], message: str) -> None:
    assert message in fail("recall", "--db", filled, *args)


def test_a_remembered_escape_sequence_does_not_reach_the_terminal(store: Path) -> None:
    succeed("remember", "Ada sent \x1b[31mred\x07 ink.", "--db", store, "--source", "\x1b]0;title\x07")
    assert "\x1b" not in (shown := succeed("recall", "Ada", "--db", store))
    assert "␛[31mred␇ ink" in shown
    [passage] = answer("recall", "Ada", "--db", store)["passages"]
    assert passage["text"] == "Ada sent \x1b[31mred\x07 ink.", "JSON escapes what it holds"


# Terminals


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def on_a_terminal(monkeypatch: pytest.MonkeyPatch, *args: object) -> str:
    """What a command shows on a terminal of 40 columns, both streams together."""
    terminal = Terminal()
    with monkeypatch.context() as patch:
        patch.setenv("COLUMNS", "40")
        patch.setenv("TERM", "xterm")
        patch.delenv("NO_COLOR", raising=False)
        patch.setattr(sys, "stdout", terminal)
        patch.setattr(sys, "stderr", terminal)
        with pytest.raises(SystemExit) as ended:
            app(list(map(str, args)))
    assert not ended.value.code
    return terminal.getvalue()


def test_a_terminal_shows_a_bar_while_documents_come_in(
    store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_lines(tmp_path / "r.jsonl", *RECORDS)
    shown = on_a_terminal(monkeypatch, "ingest", path, "--db", store)
    assert "━" in shown
    assert "3 documents" in shown
    assert "memini: 3 documents" not in shown, "that is the line for a pipe"
    assert "added 3" in shown


def test_a_long_document_shows_where_there_is_no_terminal(
    store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_progress, "PASSAGES_A_LINE", 2)
    path = write_lines(tmp_path / "long.txt", *("Ada Lovelace left Paris. " * 70 + "\n" for _ in range(5)))
    result = run("ingest", path, "--db", store)
    lines = result.stderr.splitlines()
    assert lines == ["memini: 2 passages read", "memini: 4 passages read", "memini: 1 documents"]


def test_a_terminal_wraps_a_passage_within_its_indent(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = "Grace Hopper visited Paris and Rome, and came back by way of Lisbon and Madrid in the spring."
    succeed("remember", text, "--db", store, "--time", "2026-04-01")
    shown = on_a_terminal(monkeypatch, "recall", "Paris", "--db", store)
    assert "\x1b[1m1. 2026-04-01" in shown, "the heading is bold"
    lines = re.sub(r"\x1b\[[0-9;]*m", "", shown).splitlines()
    passage = lines[1 : next(number for number, line in enumerate(lines) if "why:" in line)]
    assert len(passage) > 1
    assert all(line.startswith("   ") and len(line) <= 40 for line in passage)
    assert " ".join(" ".join(passage).split()) == text


def test_a_terminal_shows_of_a_long_passage_the_part_around_the_words(
    store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = f"{'The sea was calm. ' * 40}Grace Hopper slept in Lisbon. {'The wind rose. ' * 40}"
    succeed("remember", text, "--db", store, "--time", "2026-04-01")
    shown = on_a_terminal(monkeypatch, "recall", "sleeping in Lisbon", "--db", store)
    assert "\x1b[1mslept" in shown or "\x1b[1mLisbon" in shown, "the words that were met are bold"
    plain = " ".join(re.sub(r"\x1b\[[0-9;]*m", "", shown).split())
    assert "Grace Hopper slept in Lisbon." in plain
    assert plain.count("…") == 2
    assert "characters more: --full" in plain
    assert plain.count("The sea") < 10
    whole = on_a_terminal(monkeypatch, "recall", "sleeping in Lisbon", "--db", store, "--full")
    assert " ".join(text.split()) in " ".join(re.sub(r"\x1b\[[0-9;]*m", "", whole).split())
    assert text.strip() in succeed("recall", "Lisbon", "--db", store), "a pipe gets it whole"


@given(st.text("ab \n", max_size=120), st.integers(3, 60))
def test_a_snippet_is_a_part_of_the_text_and_no_longer_than_asked(text: str, most: int) -> None:
    shown, left_out = snippet(text, ["ab", "b"], most)
    part = shown.removeprefix("…").removesuffix("…") if left_out else shown
    assert part in text
    assert len(part) <= most or not left_out
    assert len(part) + left_out == len(text)


# associations, consolidate, stats


def test_associations_are_listed_strongest_first(filled: Path) -> None:
    found = answer("associations", "Ada Lovelace", "--db", filled, "--now", "2026-06-01")
    strengths = [one["strength"] for one in found]
    assert strengths == sorted(strengths, reverse=True)
    assert found[0]["target"] == "Charles Babbage"
    assert found[0]["events"] == 2
    heading, first, *_ = succeed("associations", "Ada Lovelace", "--db", filled, "-k", "1").splitlines()
    assert heading.split("  ")[0] == "entity"
    assert all(name in heading for name in ("strength", "consolidated", "events", "first seen", "last seen"))
    assert first.startswith("Charles Babbage")
    assert first.endswith("2026-03-01  2026-03-05 09:00"), "in UTC"


def test_an_unknown_entity_is_an_error_that_names_similar_ones(filled: Path) -> None:
    assert "did you mean Ada Lovelace?" in fail("associations", "Ada Lovelase", "--db", filled)
    assert "no entity is named 'Zeppelin'" in fail("associations", "Zeppelin", "--db", filled)
    assert "no entity is named ''" in fail("associations", "", "--db", filled)


def test_an_entity_that_stands_alone_has_no_associations(store: Path) -> None:
    succeed("remember", "Paris.", "--db", store)
    assert "associated with nothing" in succeed("associations", "Paris", "--db", store)
    assert answer("associations", "Paris", "--db", store) == []


def test_a_dry_run_reports_and_writes_nothing(full: Path) -> None:
    with unchanged(full):
        shown = succeed("consolidate", "--dry-run", "--threshold", "1e9", "--db", full)
    edges = content(full)["associations"]
    assert f"{edges} associations: {edges} would be forgotten" in shown
    assert "nothing was written" in shown


def test_consolidate_forgets_and_reports_the_distribution(full: Path) -> None:
    report = answer("consolidate", "--db", full, "--now", "2026-06-01")
    assert report["dry_run"] is False
    assert report["forgotten"] == 0
    assert list(report["strengths"])[::6] == ["0%", "100%"]
    shown = succeed("consolidate", "--db", full, "--now", "2026-06-01")
    assert "0 forgotten" in shown
    assert shown.splitlines()[1].split() == ["quantile", "strength"]
    succeed("consolidate", "--db", full, "--now", "2099-01-01")
    assert content(full)["associations"] == 0


@pytest.mark.parametrize("threshold", ["-1", "nan"])
def test_consolidate_refuses_a_threshold_that_is_none(full: Path, threshold: str) -> None:
    with unchanged(full):
        assert "pass a strength of at least 0" in fail(
            "consolidate", "--db", full, f"--threshold={threshold}"
        )


def test_consolidate_keeps_to_a_budget(full: Path) -> None:
    edges = content(full)["associations"]
    with unchanged(full):
        plan = answer("consolidate", "--dry-run", "--keep", "3", "--db", full, "--now", "2026-06-01")
        refused = fail("consolidate", "--keep=-1", "--db", full)
    assert "keep = -1; pass how many associations to keep at most" in refused
    assert plan["over_budget"] == edges - 3
    shown = succeed("consolidate", "--keep", "3", "--db", full, "--now", "2026-06-01")
    assert f"0 forgotten, {edges - 3} over the budget" in shown
    assert f"{plan['unneeded_passages']} passages that no association needs" in shown
    assert content(full)["associations"] == 3
    assert "budget" not in succeed("consolidate", "--db", full, "--now", "2026-06-01")


def test_changes_are_the_news_between_two_moments(full: Path) -> None:
    span = ("--since", "2026-03-15", "--now", "2026-04-02", "--db", full)
    with unchanged(full):
        found = answer("changes", *span)
        shown = succeed("changes", *span, "-k", "1")
        still = succeed("changes", "--since", "2026-04-02", "--now", "2026-04-02", "--db", full)
        refused = fail("changes", "--since", "2026-05-01", "--now", "2026-04-02", "--db", full)
    assert found["counts"]["new"] == len(found["new"]) == 6  # without -k it would be 10 at most
    assert shown.splitlines()[0] == "2026-03-15 to 2026-04-02"
    assert f"new: 1 of {found['counts']['new']}" in shown
    assert still.splitlines()[1:] == ["nothing has changed"]
    assert "is later than now" in refused


def test_stats_say_what_the_store_holds(filled: Path) -> None:
    found = answer("stats", "--db", filled)
    assert (found["documents"], found["passages"], found["sources"]) == (3, 3, 2)
    assert found["first_seen"] == "2026-03-01T00:00:00+00:00"
    assert found["parameters"]["capacity"] == 40
    shown = succeed("stats", "--db", filled).splitlines()
    assert ["documents", "3"] in [line.split() for line in shown]
    assert any(line.startswith("dynamics ") and "252 days" in line for line in shown)


def test_stats_of_an_empty_store_have_no_dates(store: Path) -> None:
    assert content(store)["first_seen"] is None
    assert "first seen" in succeed("stats", "--db", store)


# entities


def test_entities_are_listed_with_what_looks_wrong(full: Path) -> None:
    found = answer("entities", "--db", full, "-k", "2")
    assert [set(one) for one in found] == [{"name", "label", "mentions", "events", "wrong"}] * 2
    shown = succeed("entities", "--db", full).splitlines()
    assert shown[0].split() == ["entity", "label", "mentions", "events", "looks", "wrong"]
    assert [one["name"] for one in answer("entities", "--junk", "--db", full)] == ["Trip"]
    succeed("entity", "drop", "Trip", "--db", full)
    assert succeed("entities", "--junk", "--db", full).strip() == "no entity looks wrong"


def test_entities_are_dropped_renamed_and_split_and_all_is_undone(full: Path) -> None:
    before = answer("entities", "--db", full, "-k", "100")
    assert succeed("entity", "drop", "Paris", "--db", full) == "Paris is left out of all answers\n"
    assert "Paris" not in succeed("entities", "--db", full)
    assert "memini entity undo 'Paris'" in fail("associations", "Paris", "--db", full)
    assert succeed("entity", "undo", "Paris", "--db", full) == "Paris is as it was\n"
    done = answer("entity", "rename", "Paris", "Lutetia", "--db", full)
    assert done == {"entity": "Paris", "done": "renamed", "name": "Lutetia"}
    succeed("entity", "undo", "Paris", "--db", full)
    refused = fail("entity", "split", "Paris", "Paris (Texas)", "--source", "nowhere", "--db", full)
    assert "'nowhere' is no source that mentions 'Paris'" in refused
    assert answer("entities", "--db", full, "-k", "100") == before


# cypher


def test_cypher_prints_a_table_and_json(filled: Path) -> None:
    query = (
        "MATCH (e:Entity {name: 'Ada Lovelace'}) "
        "RETURN e.name AS name, e.mentions AS mentions, e.last_seen AS seen"
    )
    assert succeed("cypher", query, "--db", filled).splitlines() == [
        "name          mentions  seen",
        "Ada Lovelace         2  2026-03-05 09:00",
    ]
    assert answer("cypher", query, "--db", filled) == [
        {"name": "Ada Lovelace", "mentions": 2, "seen": "2026-03-05T09:00:00+00:00"}
    ]


def test_cypher_without_rows_prints_the_headings_alone(filled: Path) -> None:
    query = "MATCH (e:Entity) WHERE e.name = $name RETURN e.name AS name"
    assert succeed("cypher", query, "--db", filled, "--param", "name=nobody") == "name\n"
    assert answer("cypher", query, "--db", filled, "--param", "name=nobody") == []


def test_cypher_parameters_are_json_or_else_text(filled: Path) -> None:
    values = {
        "a": "7",
        "b": "2.5",
        "c": "[1, 2]",
        "d": "plain",
        "e": '"7"',
        "f": "NaN",
        "g": "x=y",
        "h": "true",
    }
    options = [text for name, value in values.items() for text in ("--param", f"{name}={value}")]
    query = "RETURN $a AS a, $b AS b, $c AS c, $d AS d, $e AS e, $f AS f, $g AS g, $h AS h"
    assert answer("cypher", query, "--db", filled, *options) == [
        {"a": 7, "b": 2.5, "c": [1, 2], "d": "plain", "e": "7", "f": "NaN", "g": "x=y", "h": True}
    ]


def test_cypher_writes_only_where_it_is_allowed_to(full: Path) -> None:
    query = "MATCH (e:Entity {name: 'Paris'}) SET e.label = 'CITY'"
    with unchanged(full):
        assert "write" in fail("cypher", query, "--db", full)
    assert succeed("cypher", query, "--db", full, "--write") == ""
    label = "MATCH (e:Entity {name: 'Paris'}) RETURN e.label AS label"
    assert answer("cypher", label, "--db", full) == [{"label": "CITY"}]


def test_a_query_that_is_no_cypher_is_one_line(filled: Path) -> None:
    assert "Kùzu refused the query" in fail("cypher", "MATCH (nonsense\nRETURN", "--db", filled)


def test_json_has_a_form_for_what_arrow_and_numpy_hold() -> None:
    moment = datetime(2026, 1, 4, 9, tzinfo=timezone(timedelta(hours=1)))
    table = pa.table({"at": [datetime(2026, 1, 4)], "x": [float("nan")], "raw": [b"\x01"]})  # noqa: DTZ001 Kùzu's
    assert jsonable(table) == [{"at": "2026-01-04T00:00:00+00:00", "x": None, "raw": "01"}]
    assert jsonable((moment, date(2026, 1, 4), np.float64("inf"), np.arange(2), timedelta(days=1))) == [
        "2026-01-04T09:00:00+01:00",
        "2026-01-04",
        None,
        [0, 1],
        "1 day, 0:00:00",
    ]
    assert jsonable(RecordError("a:1", "is bad")) == {"origin": "a:1", "reason": "is bad"}
    with pytest.raises(TypeError, match="no form in JSON"):
        jsonable(object())


# Stores that cannot be opened

READERS: list[list[str]] = [
    ["recall", "Ada"],
    ["associations", "Ada"],
    ["consolidate"],
    ["consolidate", "--dry-run"],
    ["stats"],
    ["cypher", "RETURN 1"],
]
WRITERS: list[list[str]] = [["remember", "Ada met Grace."], ["ingest", __file__]]


@pytest.mark.parametrize("args", READERS)
def test_a_store_that_is_not_there_is_not_made_by_reading(tmp_path: Path, args: list[str]) -> None:
    path = tmp_path / "a.memini"
    assert f"there is no store at {path}; make one with: memini init" in fail(*args, "--db", path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("args", READERS + WRITERS)
def test_a_file_that_is_not_a_store_is_left_alone(tmp_path: Path, args: list[str]) -> None:
    path = tmp_path / "a.memini"
    path.write_text("Dear diary")
    assert "is not a memini store" in fail(*args, "--db", path)
    assert path.read_text() == "Dear diary"


@pytest.mark.parametrize("args", READERS + WRITERS)
def test_a_folder_is_not_a_store(tmp_path: Path, args: list[str]) -> None:
    assert "is a folder" in fail(*args, "--db", tmp_path)


def test_a_database_of_somebody_else_is_not_a_store(tmp_path: Path) -> None:
    path = tmp_path / "a.kuzu"
    kuzu.Database(str(path), max_db_size=1 << 30).close()
    assert "not a memini store" in fail("stats", "--db", path)


def test_a_store_cannot_be_made_in_a_folder_that_is_not_there(tmp_path: Path) -> None:
    path = tmp_path / "nowhere" / "a.memini"
    assert "does not exist; create it first" in fail("init", "--db", path)
    assert "does not exist; create it first" in fail("remember", "Ada", "--db", path)


@pytest.mark.parametrize("args", READERS + WRITERS)
def test_a_store_of_a_newer_memini_is_refused(store: Path, args: list[str]) -> None:
    newer = "MATCH (m:MeminiMeta {key: 'schema_version'}) SET m.value = '99'"
    succeed("cypher", newer, "--db", store, "--write")
    assert "has schema version 99" in (line := fail(*args, "--db", store))
    assert "pip install --upgrade memini-kuzu" in line


# Processes


def test_the_module_is_the_command() -> None:
    code, out, err = finish(process("--help"))
    assert (code, err) == (0, "")
    assert out.startswith("Usage: memini [OPTIONS] COMMAND")
    assert all(f"\n  {name} " in out for name in BASIC)


def test_exit_codes_and_lines_of_a_real_process(filled: Path) -> None:
    code, out, err = finish(process("stats", "--json", "--db", filled))
    assert (code, err) == (0, "")
    assert json.loads(out)["documents"] == 3
    code, out, err = finish(process("recall", "", "--db", filled))
    assert (code, out) == (1, "")
    assert err == "memini: the cue is empty; pass a question, a name or some words\n"
    code, out, err = finish(process("recall", "--db", filled))
    assert (code, out) == (2, "")
    assert err.count("\n") == 1


@pytest.mark.parametrize("args", [["remember", "Ada met Grace."], ["recall", "Ada"]])
def test_a_store_that_another_process_has_open_is_an_error_that_names_it(full: Path, args: list[str]) -> None:
    with Memory.open(full):
        code, out, err = finish(process(*args, "--db", full))
    assert (code, out) == (1, "")
    assert err.count("\n") == 1
    assert f"process {os.getpid()} has it open" in err
    assert "--wait SECONDS" in err


def test_a_command_waits_for_the_process_that_has_the_store(full: Path) -> None:
    with Memory.open(full):
        waiting = process("remember", "Ada met Grace.", "--db", full, "--wait", "60")
        time.sleep(2)
        assert waiting.poll() is None
    code, _, err = finish(waiting)
    assert code == 0, err


def test_two_processes_read_a_store_at_once(full: Path) -> None:
    with Memory.open(full, read_only=True):
        code, _, err = finish(process("recall", "Ada", "--db", full))
    assert (code, err) == (0, "")


def test_a_reader_that_leaves_early_ends_the_command_quietly(filled: Path) -> None:
    started = process("cypher", "UNWIND range(1, 200000) AS x RETURN x", "--db", filled)
    assert started.stdout is not None
    assert started.stderr is not None
    with started.stderr as errors, started.stdout as lines:
        assert lines.readline() == "     x\n"
        lines.close()
        assert errors.read() == ""
    # 0 where the system took the whole output before the reader left
    assert started.wait(timeout=60) in (0, 1)


def test_an_output_that_is_closed_from_the_start_ends_the_command_quietly(filled: Path) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    ended = subprocess.run(
        [sys.executable, "-m", "memini_kuzu", "stats", "--db", filled],
        stdout=writing,
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        check=False,
        timeout=60,
    )
    os.close(writing)
    assert (ended.returncode, ended.stderr) == (1, b"")


@pytest.mark.parametrize("later", [0.0, 3.0], ids=["at work", "waiting for more"])
def test_an_interrupted_ingestion_says_what_is_kept_and_ends_with_130(store: Path, later: float) -> None:
    started = process("ingest", "-", "--db", store, stdin=subprocess.PIPE)
    assert started.stdin is not None
    assert started.stderr is not None
    for number in range(2100):
        started.stdin.write(
            json.dumps({"id": str(number), "text": "Ada met Grace.", "time": "2026-01-04"}) + "\n"
        )
    started.stdin.flush()
    line = next(line for line in iter(started.stderr.readline, "") if "documents" in line)
    time.sleep(later)
    started.send_signal(signal.SIGINT)
    try:
        code = started.wait(timeout=60)
    finally:
        _, _, rest = finish(started)
    *_, last = rest.splitlines()
    kept = content(store)["documents"]
    assert line.startswith("memini: ")
    assert code == 130
    assert kept == 1000
    assert last == "memini: interrupted; 1,000 documents are kept, and the same command goes on from there"


def test_json_is_printed_where_the_locale_has_no_unicode(store: Path) -> None:
    succeed("remember", "Ada met Zoë in Kraków.", "--db", store)
    latin = {"PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"}
    code, out, err = finish(process("recall", "Zoë", "--db", store, "--json", environment=latin))
    assert (code, err) == (0, "")
    assert json.loads(out)["passages"][0]["text"] == "Ada met Zoë in Kraków."
    code, out, err = finish(process("recall", "Zoë", "--db", store, environment=latin))
    assert (code, err) == (0, "")
    assert r"Zo\xeb" in out


def test_the_advice_on_the_missing_model_is_given_once_on_standard_error(
    store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def without_model(hint: Callable[[str], None]) -> RuleExtractor:
        hint("no English spaCy model is installed")
        return RuleExtractor()

    monkeypatch.setattr(memory_module, "default_extractor", without_model)
    result = run("ingest", "-", "--db", store, "--json", stdin="\n".join(map(json.dumps, RECORDS)).encode())
    assert json.loads(result.stdout)["added"] == 3
    assert result.stderr.count("no English spaCy model is installed") == 1
