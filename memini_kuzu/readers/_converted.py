"""Documents of other programs: Word, e-books, notebooks, reStructuredText and Org."""

from __future__ import annotations

import json
import posixpath
import re
import zipfile
from typing import TYPE_CHECKING, Any, BinaryIO

from mdurl import decode as unquoted

from memini_kuzu.errors import RecordError
from memini_kuzu.readers._documents import NEEDS_FILES, page_record
from memini_kuzu.readers._inputs import TEXT_LIMIT, Input, NotUnderstoodError, brief, decode, read_text
from memini_kuzu.records import MARKDOWN
from memini_kuzu.text.markdown import heading

if TYPE_CHECKING:
    from memini_kuzu.records import Record

__all__ = ["read_docx", "read_epub", "read_notebook", "read_org", "read_rst"]

_ORG_TITLE = re.compile(r"^#\+TITLE:[ \t]*(\S.*)$", re.MULTILINE | re.IGNORECASE)
_ORG_ASIDE = re.compile(
    r"^[ \t]*#\+BEGIN_(?P<kind>SRC|EXAMPLE)\b.*?^[ \t]*#\+END_(?P=kind)[^\n]*$"
    r"|^[ \t]*:[\w-]+:[ \t]*$.*?^[ \t]*:END:[ \t]*$|^[ \t]*#\+\w+:[^\n]*$"
    r"|^[ \t]*(?-i:CLOCK|SCHEDULED|DEADLINE|CLOSED):[^\n]*$|^\*+[ \t]+(?-i:TODO|NEXT|WAITING|DONE)(?=[ \t])",
    re.MULTILINE | re.IGNORECASE | re.DOTALL,
)


def read_docx(stream: BinaryIO, given: Input) -> Record:
    """The record of a Word document: the text in blocks."""
    try:
        import mammoth  # noqa: PLC0415 - of an extra
    except ImportError:
        raise NotUnderstoodError(given.name, NEEDS_FILES) from None
    try:
        markup = mammoth.convert_to_html(
            stream, convert_image=mammoth.images.img_element(lambda _image: {})
        ).value
    except Exception as error:  # noqa: BLE001 - mammoth lets through what a broken file raises
        raise RecordError(given.name, f"is no Word document that can be read ({brief(error)})") from None
    return page_record(markup, given)


def read_epub(stream: BinaryIO, given: Input) -> Record:
    """The record of an e-book: its chapters in the order of reading."""
    try:
        import bs4  # noqa: PLC0415 - of an extra
    except ImportError:
        raise NotUnderstoodError(given.name, NEEDS_FILES) from None
    try:
        markup = _book(stream, given, bs4)
    except RecordError:
        raise
    except Exception as error:  # noqa: BLE001 - zipfile lets through what zlib raises, and errors of its own
        raise RecordError(given.name, f"is no e-book that can be read ({brief(error)})") from None
    return page_record(markup, given)


def _book(stream: BinaryIO, given: Input, bs4: Any) -> str:
    """The pages of an e-book, one behind the other."""
    with zipfile.ZipFile(stream) as book:
        pages = _chapters(book, bs4)
        if sum(book.getinfo(page).file_size for page in pages) > TEXT_LIMIT:
            raise RecordError(given.name, f"is over {TEXT_LIMIT // 2**20} MiB; split it")
        return "\n".join(book.read(page).decode("utf-8", "replace") for page in pages)


def _chapters(book: zipfile.ZipFile, bs4: Any) -> list[str]:
    """The names of the pages in an e-book, in the order of reading."""

    def parsed(name: str) -> Any:
        return bs4.BeautifulSoup(book.read(name).decode("utf-8", "replace"), "html.parser")

    package = str(parsed("META-INF/container.xml").find("rootfile")["full-path"])
    described = parsed(package)
    items = {str(item["id"]): unquoted(str(item["href"])) for item in described.find_all("item")}
    order = [items[str(each["idref"])] for each in described.find_all("itemref")]
    return [posixpath.normpath(posixpath.join(posixpath.dirname(package), page)) for page in order]


def read_notebook(stream: BinaryIO, given: Input) -> Record:
    """The record of a notebook: its cells as Markdown, those of code fenced; no outputs."""
    text = decode(read_text(stream, given), given.encoding, given.name)
    try:
        cells = json.loads(text)["cells"]
        parts = [(cell["cell_type"], "".join(cell["source"])) for cell in cells]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise RecordError(given.name, f"is no notebook that can be read ({brief(error)})") from None
    blocks = [f"```\n{words}\n```" if kind == "code" else words for kind, words in parts if words.strip()]
    body = "\n\n".join(blocks)
    return given.document(body, title=heading(body), form=MARKDOWN)


def read_rst(stream: BinaryIO, given: Input) -> Record:
    """The record of a text in reStructuredText, in blocks; nothing is inserted from other files."""
    text = decode(read_text(stream, given), given.encoding, given.name)
    try:
        from docutils.core import publish_parts  # noqa: PLC0415 - of an extra
    except ImportError:
        raise NotUnderstoodError(given.name, NEEDS_FILES) from None
    settings = {
        "file_insertion_enabled": False,
        "raw_enabled": False,
        "report_level": 5,
        "halt_level": 5,
        "embed_stylesheet": False,
        "stylesheet_path": "",
        "_disable_config": True,
    }
    try:
        markup = publish_parts(text, writer="html5", settings_overrides=settings)["whole"]
    except Exception as error:  # noqa: BLE001 - docutils lets through what its directives raise
        raise RecordError(given.name, f"is no reStructuredText that can be read ({brief(error)})") from None
    return page_record(markup, given, without=".system-message")


def read_org(stream: BinaryIO, given: Input) -> Record:
    """The record of an Org file, verbatim; code, drawers, keywords and plans are no prose."""
    text = decode(read_text(stream, given), given.encoding, given.name)
    title = _ORG_TITLE.search(text)
    aside = tuple(found.span() for found in _ORG_ASIDE.finditer(text))
    return given.document(text, title=title[1].strip() if title else None, aside=aside)
