"""A folder's own options: what its .memini.toml may say, and what it may not."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from typer.testing import CliRunner

from memini_kuzu.cli import _watch, app
from memini_kuzu.errors import InputError
from memini_kuzu.memory.following import Follower
from memini_kuzu.readers import list_files, read
from memini_kuzu.records import Record
from memini_kuzu.times import to_millis

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from memini_kuzu.memory import Memory

pytest_plugins = ["fixtures_memory"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "notes"
    (root / "drafts").mkdir(parents=True)
    (root / "a.md").write_text("Ada met Charles.\n")
    (root / "b.log").write_text("Ada wrote to Mary.\n")
    (root / "drafts" / "c.md").write_text("Ada may leave.\n")
    return root


def options(folder: Path, text: str) -> None:
    (folder / ".memini.toml").write_text(text, encoding="utf-8")


def records(folder: Path, **given: str) -> list[Record]:
    return [item for item in read(list_files([folder]), **given) if isinstance(item, Record)]


def test_a_folder_says_which_of_its_files_are_read_and_how(folder: Path) -> None:
    options(
        folder,
        'include = ["*.md", "*.log"]\nexclude = ["drafts/"]\nsource = "diary"\ntime = 2026-01-04\n'
        'encoding = "latin-1"\n',
    )
    (folder / "a.md").write_bytes("Ada met Zoë.\n".encode("latin-1"))
    found = records(folder)
    assert [(each.id, each.text) for each in found] == [
        ("notes/a.md", "Ada met Zoë.\n"),
        ("notes/b.log", "Ada wrote to Mary.\n"),
    ]
    assert {(each.source, each.time) for each in found} == {("diary", to_millis("2026-01-04"))}


def test_what_the_call_says_goes_before_what_the_folder_says(folder: Path) -> None:
    options(folder, 'exclude = ["a.md"]\nsource = "diary"\ntime = "2026-01-04T09:30"\n')
    listing = list_files([folder], exclude=["drafts/"])
    [found] = [item for item in read(listing, source="letters") if isinstance(item, Record)]
    assert (found.id, found.source, found.time) == ("notes/a.md", "letters", to_millis("2026-01-04T09:30"))
    assert listing.options == {str(folder / ".memini.toml"): ["time"]}


def test_each_folder_has_its_own(folder: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / "d.md").write_text("Grace met Ada.\n")
    options(folder, 'source = "diary"\nexclude = ["*.md"]\ninclude = ["*.log"]\n')
    found = [item for item in read(list_files([folder, other])) if isinstance(item, Record)]
    assert [each.source for each in found] == ["diary", "other/d.md"]


def test_those_of_an_inner_folder_do_not_count(folder: Path) -> None:
    options(folder / "drafts", 'source = "diary"\n')
    listing = list_files([folder])
    assert listing.options == {}
    assert {each.source for each in records(folder)} == {"notes/a.md", "notes/drafts/c.md"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            'extractor = "llm"',
            "no option 'extractor'; it may set include, exclude, source, time, encoding, name",
        ),
        ('embedder = "minilm"', "no option 'embedder'"),
        ('server = "http://127.0.0.1"', "no option 'server'"),
        ('db = "/tmp/a.memini"', "no option 'db'"),
        ("no-redaction = true", "no option 'no-redaction'"),
        ('[include]\na = "b"', "include = .*write a list of patterns"),
        ('exclude = "drafts/"', "exclude = 'drafts/': write a list of patterns"),
        ('exclude = ["!"]', "exclude = .*Invalid git pattern"),
        ("source = 7", "source = 7: write it in quotation marks"),
        ("time = 7", "time = 7: write a date, such as 2026-01-04"),
        ('time = "soon"', "time = 'soon': .* is not a date"),
        ('name = "a/b"', "name = 'a/b': .*is no name of a folder"),
        ('name = ".."', "is no name of a folder"),
        ("name = 7", "is no name of a folder"),
        ('encoding = "martian"', "encoding = 'martian': .*is unknown"),
        ("include = [", "is not TOML"),
        ("# " + "a" * 70_000, "is over 64 KiB"),
    ],
)
def test_what_a_folder_may_not_say_is_refused_by_name_and_changes_nothing(
    folder: Path, memory: Memory, text: str, message: str
) -> None:
    options(folder, text)
    with pytest.raises(InputError, match=rf"notes/\.memini\.toml.*{message}"):
        memory.ingest(folder)
    assert memory.stats().documents == 0


def test_a_pattern_that_is_none_is_refused(folder: Path) -> None:
    with pytest.raises(InputError, match=r"Invalid git pattern.*write patterns as in a \.gitignore"):
        list_files([folder], exclude=["!"])


def test_the_report_says_which_options_were_used(folder: Path, memory: Memory) -> None:
    options(folder, 'exclude = ["drafts/"]\nsource = "diary"\n')
    report = memory.ingest(folder, source="letters")
    assert report.options == {str(folder / ".memini.toml"): ["exclude"]}
    assert report.files["notes/.memini.toml"] == {"with options": 1}


def test_a_second_run_needs_no_flags(folder: Path, tmp_path: Path) -> None:
    options(folder, 'exclude = ["drafts/"]\n')
    db = tmp_path / "a.memini"
    done = CliRunner().invoke(app, ["ingest", str(folder), "--db", str(db), "--json"])
    assert json.loads(done.stdout)["added"] == 1
    assert f"options of {folder}/.memini.toml: exclude" in done.stderr
    again = CliRunner().invoke(app, ["ingest", str(folder), "--prune", "--db", str(db)])
    assert again.stdout.startswith("added 0, changed 0, unchanged 1")


def test_a_follower_keeps_to_them_as_they_are_at_each_look(folder: Path, memory: Memory) -> None:
    options(folder, 'exclude = ["drafts/"]\n')
    follower = Follower([folder])
    assert follower.step(memory).ingested.added == 1
    options(folder, "")
    assert follower.step(memory).ingested.added == 1
    assert memory.stats().documents == 2


def test_watching_goes_on_while_they_are_being_written(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def changes(*_: Any) -> Iterator[set[str]]:
        options(folder, "exclude = [")
        yield {".memini.toml"}
        options(folder, 'exclude = ["a.md"]\n')
        (folder / "d.md").write_text("Ada left.\n")
        yield {"d.md"}

    monkeypatch.setattr(_watch, "_changes", changes)
    _watch.follow(Follower([folder]), tmp_path / "a.memini", {})
    shown = capsys.readouterr()
    assert "is not TOML" in shown.err
    assert [line.split(",")[0] for line in shown.out.splitlines()] == ["added 2", "added 1"]


# --- two folders of one name


def another(tmp_path: Path) -> Path:
    other = tmp_path / "elsewhere" / "notes"
    other.mkdir(parents=True)
    (other / "a.md").write_text("Grace met Mary.\n")
    return other


def sources(memory: Memory) -> list[str]:
    return sorted(memory.cypher("MATCH (s:Source) RETURN s.name AS n")["n"].to_pylist())


def test_two_folders_of_one_name_are_two_where_one_is_named(
    folder: Path, tmp_path: Path, memory: Memory
) -> None:
    other = another(tmp_path)
    memory.ingest(folder)
    report = memory.ingest(other, name="letters")
    assert (report.added, report.changed, report.notices) == (1, 0, [])
    assert sources(memory) == ["letters/a.md", "notes/a.md", "notes/drafts/c.md"]
    assert memory.ingest(other, name="letters").unchanged == 1
    assert memory.prune(other, name="letters", dry_run=True).documents == 0
    (other / "a.md").unlink()
    assert memory.prune(other, name="letters").documents == 1
    assert sources(memory) == ["notes/a.md", "notes/drafts/c.md"]


def test_a_folder_may_keep_its_name_itself(folder: Path, tmp_path: Path, memory: Memory) -> None:
    other = another(tmp_path)
    options(other, 'name = "letters"\n')
    memory.ingest(folder, other)
    assert sources(memory) == ["letters/a.md", "notes/a.md", "notes/drafts/c.md"]
    assert memory.prune(other, dry_run=True).documents == 0
    follower = Follower([other], prune=True)
    assert follower.step(memory).ingested.unchanged == 1


def test_a_folder_that_looks_like_another_one_of_its_name_is_told_of(
    folder: Path, tmp_path: Path, memory: Memory
) -> None:
    memory.ingest(folder)
    assert memory.ingest(folder).notices == []
    other = another(tmp_path)
    (other / "a.md").rename(other / "z.md")
    [notice] = memory.ingest(other).notices
    assert notice.origin == "notes"
    assert "of 2 files that the store has of a folder of this name 0 are here" in notice.what
    assert "give it a name with --name" in notice.what


def test_a_name_is_for_one_folder(folder: Path, tmp_path: Path, memory: Memory) -> None:
    for paths in ((folder, another(tmp_path)), (folder / "a.md",)):
        with pytest.raises(InputError, match="name = 'letters' is for one folder"):
            memory.ingest(*paths, name="letters")
    with pytest.raises(InputError, match=r"'a/b' is no name of a folder"):
        memory.ingest(folder, name="a/b")
    assert memory.stats().documents == 0


def test_the_command_names_a_folder(folder: Path, tmp_path: Path) -> None:
    db = tmp_path / "a.memini"
    for more in ((), ("--prune",)):
        done = CliRunner().invoke(
            app, ["ingest", str(folder), "--name", "letters", *more, "--db", str(db)], catch_exceptions=False
        )
        assert not done.exit_code
    assert "unchanged 2" in done.stdout
    assert "gone: 0 documents" in done.stdout
