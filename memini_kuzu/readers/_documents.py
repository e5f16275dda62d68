"""Plain text, Markdown, HTML and PDF: one record a file."""

from __future__ import annotations

import itertools
import logging
import re
import warnings
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple

import yaml

from memini_kuzu.errors import RecordError, TimeError
from memini_kuzu.readers._inputs import Input, NotUnderstoodError, brief, decode, read_text, show
from memini_kuzu.readers.conversations._clocks import date_alone
from memini_kuzu.readers.conversations._pages import page_turns
from memini_kuzu.readers.conversations._turns import numbered, records_of
from memini_kuzu.records import MARKDOWN, Notice
from memini_kuzu.text.frontmatter import LOADER, front_matter
from memini_kuzu.text.markdown import heading, linked, unlinked
from memini_kuzu.times import to_millis

if TYPE_CHECKING:
    from collections.abc import Iterator

    from memini_kuzu.records import Item, Record
    from memini_kuzu.text.frontmatter import Matter

__all__ = [
    "NEEDS_FILES",
    "page_record",
    "page_text",
    "plain",
    "read_html",
    "read_markdown",
    "read_pdf",
    "read_plain",
]

NEEDS_FILES = 'needs a reader that is not installed; pip install "memini-kuzu[files]"'

BLOCKS = frozenset(
    """
    address article aside blockquote body caption center dd details dialog dir div dl dt fieldset figcaption
    figure footer form h1 h2 h3 h4 h5 h6 header hgroup hr html legend li main menu nav ol optgroup option p
    pre search section select summary table tbody tfoot thead tr ul
    """.split()  # noqa: SIM905 - forty quoted names say no more
)
"""Elements that start a paragraph of their own; a table's row is one."""

GAP = "\n\n"
"""What stands between two blocks."""

UNSEEN = ["head", "title", "script", "style", "noscript", "template"]
"""Elements whose text no reader of the page sees."""

MENUS = ("nav", "header", "footer")
"""Elements whose links lead about the site, the same on every page: they say nothing of this one."""

UNCLOSED = "its front matter is not closed, and was taken as text; end it with a line ---"

OWN_FIELDS = frozenset({"title", "time", "date", "created"})
"""Fields of front matter that a record holds already."""

_FIELD = re.compile(r"-{3,}[ \t]*\r?\n\w[\w -]*:[ \t\r\n]")
_CHARSET = re.compile(rb"""<meta[^>]{1,200}?charset\s*=\s*["']?\s*([\w.:-]+)""", re.IGNORECASE)
_SPACE = re.compile(r"[ \t\n\r\f]+")  # of HTML: a no-break space is a character of the text


def read_plain(stream: BinaryIO, given: Input, head: bytes = b"") -> Record:
    """The record of a plain text: `head`, and what the stream still holds."""
    return plain(decode(read_text(stream, given, head), given.encoding, given.name), given)


def plain(text: str, given: Input) -> Record:
    """The record of a text that is one document."""
    return given.document(text)


def read_markdown(stream: BinaryIO, given: Input) -> Iterator[Item]:
    """The record of a Markdown file, and what was odd in its front matter.

    Front matter that says more than a title and times belongs to the text: properties are the author's words.
    """
    text = decode(read_text(stream, given), given.encoding, given.name)
    matter = front_matter(text)
    fields, odd = _fields(text, matter)
    begin = 0
    if matter is not None:
        blank = not text[matter.start : matter.end].strip()
        # what is no front matter that can be read stays in the text: a rule across the page, a template
        begin = matter.body if blank or (fields and fields.keys() <= OWN_FIELDS) else 0
    body = text if matter is None else text[matter.body :]
    told = next(filter(None, map(fields.get, ("time", "date", "created"))), None)
    told = unlinked(told) if isinstance(told, str) else told
    numbers, guessed = date_alone(told, given.modified) if isinstance(told, str) else (None, False)
    time, undated = given.dated(numbers or told)
    if guessed:
        odd = odd or f"date {told} was read as {numbers}; write it in that form"
    title = fields.get("title")
    named = unlinked(title) if isinstance(title, str) else ""
    yield given.document(text[begin:], time=time, title=named or heading(body), form=MARKDOWN)
    if title and not isinstance(title, str):
        odd = f"title {show(title)} is no text"
    for what in filter(None, (odd, undated and f"{undated}; the date of the file was taken")):
        yield Notice(given.name, what)


def _fields(text: str, matter: Matter | None) -> tuple[dict[Any, Any], str]:
    """The fields of front matter, and what is wrong with it."""
    if matter is None:
        return {}, UNCLOSED if _FIELD.match(text) else ""
    try:
        # all values as text: one date that is none does not cost the others
        fields = yaml.load(text[matter.start : matter.end], Loader=LOADER)  # noqa: S506 - makes text alone
    except Exception as error:  # noqa: BLE001 - YAML raises its own, and RecursionError
        mark = getattr(error, "problem_mark", None)
        # The mark counts from 0, in a text that begins on line 2.
        line = "" if mark is None else f" at line {mark.line + 2}"
        problem = brief(getattr(error, "problem", None) or error)
        return {}, f"its front matter is not YAML{line} ({problem}), and was taken as text; correct it"
    return {str(key).lower(): fields[key] for key in fields} if isinstance(fields, dict) else {}, ""


def read_html(stream: BinaryIO, given: Input) -> Iterator[Item]:
    """The record of a page, the text that its reader sees in blocks; of a chat's page, its messages."""
    soup = _soup(_markup(read_text(stream, given), given), given.name)
    turns = page_turns(soup)
    if turns is not None:
        yield from records_of(given, numbered(turns))
    else:
        yield _page(soup, given)


def page_record(markup: str, given: Input, without: str = "") -> Record:
    """The record of a document that was made a page, less the elements that a CSS selector names."""
    soup = _soup(markup, given.name)
    for element in soup.select(without) if without else ():
        element.extract()
    return _page(soup, given)


def _page(soup: Any, given: Input) -> Record:
    try:
        title = _inner(soup.find("title")) or _inner(soup.find("h1"))
        time = _html_time(soup)
        text, aside, links = _visible(soup)
    except Exception as error:  # noqa: BLE001 - bs4 lets through what the parser below it raises
        raise RecordError(given.name, f"is not HTML that can be read ({brief(error)})") from None
    return given.document(text, time=time, title=title, aside=aside, links=links)


def page_text(markup: str, origin: str, without: str) -> tuple[str, int]:
    """The text that the reader of a page sees, less what a CSS selector names, and the lines of that."""
    soup = _soup(markup, origin)
    apart = soup.select(without) if without else []
    whole = _visible(soup)[0] if apart else ""
    for element in apart:
        element.extract()
    text = _visible(soup)[0]
    return text, max(0, _lines(whole) - _lines(text))


def _lines(text: str) -> int:
    return sum(bool(line.strip()) for line in text.split("\n"))


def _soup(markup: str, origin: str) -> Any:
    try:
        import bs4  # noqa: PLC0415 - of an extra
    except ImportError:
        raise NotUnderstoodError(origin, NEEDS_FILES) from None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # its guesses that the text is XML, or the name of a file
            return bs4.BeautifulSoup(markup, "html.parser")
    except Exception as error:  # noqa: BLE001 - bs4 lets through what the parser below it raises
        raise RecordError(origin, f"is not HTML that can be read ({brief(error)})") from None


def _visible(soup: Any) -> tuple[str, tuple[tuple[int, int], ...], tuple[tuple[str, int, int], ...]]:
    """The blocks of a page, a blank line between them, where those of code stand, and what is linked."""
    import bs4  # noqa: PLC0415 - the soup is its own

    for element in soup.find_all(UNSEEN):
        element.extract()
    blocks = list(_blocks(soup, bs4))
    starts = list(itertools.accumulate((len(block.text) + len(GAP) for block in blocks), initial=0))
    placed = list(zip(starts, blocks, strict=False))
    code = tuple((start, start + len(block.text)) for start, block in placed if block.is_code)
    links = tuple(
        (name, start + first, start + last)
        for start, block in placed
        if not block.is_code
        for name, first, last in block.links
    )
    return GAP.join(block.text for block in blocks), code, links


def _markup(data: bytes, given: Input) -> str:
    """A page as text: in the given encoding, or where it is not that, in the one that the page declares."""
    try:
        return decode(data, given.encoding, given.name)
    except RecordError:
        declared = _CHARSET.search(data[:2048])
        if declared is None:
            raise
        return decode(data, declared[1].decode("ascii", "replace"), given.name)


def _html_time(soup: Any) -> object:
    """When a page says that it was published; None where it does not."""
    told: dict[str, str] = {}
    for meta in soup.find_all("meta", content=True):
        key = str(meta.get("property") or meta.get("name") or "").lower()
        told.setdefault(key, str(meta["content"]))
    if own := told.get("article:published_time") or told.get("date"):
        return own
    for element in soup.find_all("time", datetime=True):
        value = str(element["datetime"])
        try:
            to_millis(value)
        except (TimeError, OverflowError):  # HTML allows durations and times of day here
            continue
        return value
    return None


def _inner(element: Any) -> str:
    return "" if element is None else " ".join(element.get_text().split())


class _Block(NamedTuple):
    """A block of a page: its text, whether it is code, and what is linked from where in it."""

    text: str
    is_code: bool
    links: list[tuple[str, int, int]]


class _Piece(NamedTuple):
    """A piece of a block's text, and the link that it stands in."""

    text: str
    link: Any = None


def _blocks(soup: Any, bs4: Any) -> Iterator[_Block]:
    """The blocks of text in a page, in order; those without text left out."""
    root = (id(soup), False)
    # of each element: the block around it, whether that keeps white space, and the link around it
    place: dict[int, tuple[tuple[int, bool], Any]] = {id(soup): (root, None)}
    current, pieces = root, list[_Piece]()
    for node in soup.descendants:
        within, link = place[id(node.parent)]
        if isinstance(node, bs4.Tag):
            if node.name in BLOCKS:
                yield from _block(pieces, keep=current[1])
                within = (id(node), within[1] or node.name == "pre")
                current, pieces = within, []
            elif node.name in ("td", "th"):
                pieces.append(_Piece(" "))
            elif node.name == "br":
                pieces.append(_Piece("\n"))
            elif node.name == "a":
                link = node
            place[id(node)] = within, link
        elif type(node) in (bs4.NavigableString, bs4.CData):  # not comments, declarations, scripts
            if within != current:
                yield from _block(pieces, keep=current[1])
                current, pieces = within, []
            pieces.append(_Piece(str(node) if within[1] else _SPACE.sub(" ", node), link))
    yield from _block(pieces, keep=current[1])


def _block(pieces: list[_Piece], *, keep: bool) -> Iterator[_Block]:
    text = "".join(piece.text for piece in pieces)
    if not keep:
        text = "\n".join(_SPACE.sub(" ", line).strip() for line in text.split("\n"))
    text = text.strip("\n" if keep else "\n ")
    if text and not text.isspace():
        yield _Block(text, keep, list(_links(text, pieces)))


def _links(text: str, pieces: list[_Piece]) -> Iterator[tuple[str, int, int]]:
    """The notes that are linked in a block, with the start and the end of the words.

    Where words stand in the text is told by what is no white space before them: only that is as it was.
    """
    solid: list[int] | None = None
    before = 0
    for _, together in itertools.groupby(pieces, key=lambda piece: id(piece.link)):
        run = list(together)
        link = run[0].link
        words = sum(len("".join(piece.text.split())) for piece in run)
        name = (
            "" if link is None or not words or link.find_parent(MENUS) else linked(str(link.get("href", "")))
        )
        if name:
            solid = [at for at, letter in enumerate(text) if not letter.isspace()] if solid is None else solid
            yield name, solid[before], solid[before + words - 1] + 1
        before += words


def read_pdf(stream: BinaryIO, given: Input) -> Record:
    """The record of a PDF: the text of its pages."""
    try:
        import pypdf  # noqa: PLC0415 - of an extra
    except ImportError:
        raise NotUnderstoodError(given.name, NEEDS_FILES) from None
    locked = False
    try:
        with _quiet("pypdf"):
            reader = pypdf.PdfReader(stream)
            locked = reader.is_encrypted  # an empty password has been tried by then
            pages = [page.extract_text().strip() for page in reader.pages]
            about = reader.metadata
            title = "" if about is None else str(about.title or "").strip()
            time = None if about is None else _pdf_time(about)
    except Exception as error:  # noqa: BLE001 - pypdf raises nearly anything on a broken file
        if locked:
            raise RecordError(given.name, "is encrypted; save a copy without the password") from None
        raise RecordError(given.name, f"is not a PDF that can be read ({brief(error)})") from None
    # Broken fonts map to halves of characters, which nothing can store.
    text = "\n\n".join(page for page in pages if page).encode(errors="replace").decode()
    if not text:
        raise RecordError(given.name, "is empty; a scanned PDF needs text recognition (OCR) first")
    return given.document(text, time=time, title=title.encode(errors="replace").decode())


def _pdf_time(about: Any) -> object:
    """When a PDF was made: a date, the text that is none, or None."""
    try:
        return about.creation_date
    except ValueError:
        return str(about.creation_date_raw)


@contextmanager
def _quiet(name: str) -> Iterator[None]:
    """Silence a logger: pypdf reports every oddity of a file on stderr."""
    logger = logging.getLogger(name)
    level = logger.level
    logger.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        logger.setLevel(level)
