"""Documents of other programs are read as blocks of text; their code is no prose."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import pytest

from memini_kuzu.readers import read
from memini_kuzu.records import MARKDOWN, Record, RecordError
from memini_kuzu.text.markdown import plain_structure, read_structure


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def one(name: str) -> Record:
    (record,) = read([name])
    assert isinstance(record, Record), record
    return record


def archive(name: str, files: dict[str, str]) -> str:
    with zipfile.ZipFile(name, "w") as made:
        for inner, text in files.items():
            made.writestr(inner, text)
    return name


def prose(record: Record) -> str:
    structure = (
        read_structure(record.text)
        if record.form == MARKDOWN
        else plain_structure(record.text, 0, record.aside)
    )
    return structure.view(record.text, 0, len(record.text))[0]


def test_a_word_document_is_its_text_in_blocks() -> None:
    main = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
    types = "http://schemas.openxmlformats.org/package/2006/content-types"
    relations = "http://schemas.openxmlformats.org/package/2006/relationships"
    office = "http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument"
    body = "".join(f"<w:p><w:r><w:t>{words}</w:t></w:r></w:p>" for words in ("Ada met Grace.", "It rained."))
    archive(
        "Trip.docx",
        {
            "[Content_Types].xml": (
                f'<Types xmlns="{types}"><Default Extension="rels" ContentType='
                '"application/vnd.openxmlformats-package.relationships+xml"/>'
                '<Override PartName="/word/document.xml" ContentType='
                '"application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"/></Types>'
            ),
            "_rels/.rels": (
                f'<Relationships xmlns="{relations}">'
                f'<Relationship Id="r1" Type="{office}" Target="word/document.xml"/></Relationships>'
            ),
            "word/document.xml": f'<w:document xmlns:w="{main}"><w:body>{body}</w:body></w:document>',
        },
    )

    assert (one("Trip.docx").text, one("Trip.docx").names) == ("Ada met Grace.\n\nIt rained.", ("Trip",))


def test_an_e_book_is_its_chapters_in_the_order_of_reading() -> None:
    archive(
        "a.epub",
        {
            "META-INF/container.xml": '<container><rootfile full-path="in/book.opf"/></container>',
            "in/book.opf": (
                '<package><manifest><item id="two" href="b%20two.xhtml"/>'
                '<item id="one" href="one.xhtml"/></manifest>'
                '<spine><itemref idref="one"/><itemref idref="two"/></spine></package>'
            ),
            "in/one.xhtml": "<html><head><title>The Pier</title></head><p>Ada met Grace.</p></html>",
            "in/b two.xhtml": "<html><body><p>It rained.</p></body></html>",
        },
    )

    assert (one("a.epub").text, one("a.epub").title) == ("Ada met Grace.\n\nIt rained.", "The Pier")


def test_a_notebook_is_its_cells_without_outputs() -> None:
    cells = [
        {"cell_type": "markdown", "source": ["# Tides\n", "Ada measured."]},
        {"cell_type": "code", "source": "boat = Green()", "outputs": [{"text": "no"}]},
    ]
    Path("a.ipynb").write_text(json.dumps({"cells": cells, "nbformat": 4}))

    record = one("a.ipynb")

    assert (record.text, record.title) == ("# Tides\nAda measured.\n\n```\nboat = Green()\n```", "Tides")
    assert prose(record) == "Tides\n\nAda measured."


def test_restructured_text_is_its_blocks_and_inserts_nothing() -> None:
    Path("secret.txt").write_text("secret")
    Path("a.rst").write_text(
        "Tides\n=====\n\nAda *measured* :unknown:`it`.\n\n.. include:: secret.txt\n\n"
        ".. code:: python\n\n   Green()\n"
    )

    record = one("a.rst")

    assert record.title == "Tides"
    assert "Ada measured" in record.text
    assert "secret" not in record.text
    assert "Green" in record.text
    assert "Green" not in prose(record)


def test_an_org_file_is_kept_and_its_code_is_no_prose() -> None:
    text = "#+TITLE: Tides\n* Plans\nAda measured.\n#+BEGIN_SRC python\nGreen()\n#+END_SRC\n"
    Path("a.org").write_text(text)

    record = one("a.org")

    assert (record.text, record.title) == (text, "Tides")
    assert "Ada measured." in prose(record)
    assert "Green" not in prose(record)


def test_tasks_of_org_are_prose_without_their_states_plans_and_clocks() -> None:
    Path("a.org").write_text(
        "* TODO Call Mia\nSCHEDULED: <2025-01-05 Sun>\n"
        ":LOGBOOK:\nCLOCK: [2025-01-02 Thu 10:00]\n:END:\nAda asked.\n* Done by Jon\n"
    )

    record = one("a.org")

    assert prose(record).split() == ["Call", "Mia", "Ada", "asked.", "*", "Done", "by", "Jon"]
    assert not plain_structure(record.text, 0, record.aside).has_code


@pytest.mark.parametrize("name", ["a.docx", "a.epub", "a.ipynb"])
def test_what_only_has_the_name_is_an_error(name: str) -> None:
    Path(name).write_bytes(b"[1, 2]")

    (error,) = read([name])

    assert isinstance(error, RecordError)
    assert "that can be read" in error.reason


def test_a_damaged_e_book_is_an_error() -> None:
    name = "META-INF/container.xml"
    with zipfile.ZipFile("a.epub", "w", zipfile.ZIP_DEFLATED) as made:
        made.writestr(name, "<container>")
    book = bytearray(Path("a.epub").read_bytes())
    book[30 + len(name)] = 0b111  # behind the local header: a kind of block that there is not
    Path("a.epub").write_bytes(book)

    (error,) = read(["a.epub"])

    assert isinstance(error, RecordError)
    assert "is no e-book that can be read (Error -3 while decompressing data" in error.reason
