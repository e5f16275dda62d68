"""Markdown as its author meant it: which parts are prose, and what the links, tags and properties name.

The text itself is never changed. What is no prose (code, formulas, the marks of tables, markup, addresses) is
left out of the view that mentions are looked for in. These count as mentions because the author made them:

- a wikilink ``[[Target|words]]`` or a link to a note ``[words](folder/Target.md)`` mentions its target,
  whatever its words are; a link within the note, to an attachment or to the web names nothing;
- a tag ``#left/right``, in the text or among the properties, mentions each of its parts;
- a property whose value holds a wikilink mentions its target; any other text value is prose by itself;
- an alias is another name of the note.

Whether a text holds code is told as well.

Blocks and inline markup are markdown-it-py's, with the CommonMark rules, tables and formulas. Its inline
tokens have no positions, so each is looked for behind the one before it.
"""

from __future__ import annotations

import itertools
import re
from bisect import bisect_left, bisect_right
from dataclasses import dataclass, field
from functools import lru_cache
from operator import attrgetter, itemgetter
from typing import TYPE_CHECKING, Any, NamedTuple

import yaml
from markdown_it import MarkdownIt
from mdit_py_plugins.dollarmath import dollarmath_plugin
from mdurl import decode

from memini_kuzu.text.frontmatter import LABELS, RESOLVER, Matter, front_matter, scalars

if TYPE_CHECKING:
    from collections.abc import Sequence

    from markdown_it.rules_inline import StateInline
    from markdown_it.token import Token

__all__ = [
    "LINK",
    "TAG",
    "UNNAMED",
    "Link",
    "Structure",
    "heading",
    "linked",
    "plain_structure",
    "read_structure",
    "unlinked",
]

LINK, TAG = "link", "tag"
"""What kind of mention an author made."""

NOTES = frozenset(
    {"", ".md", ".markdown", ".mdx", ".org", ".rst", ".html", ".htm", ".txt", ".ipynb", ".canvas"}
)
"""Endings of what a link may lead to and name; others are attachments."""

UNNAMED = frozenset({"index", "readme", "untitled", "_index"})
"""Names of files that name nothing."""

SENTENCE = "\n\n"
"""What parts two blocks in the view: no sentence and no phrase goes over it."""


_WIKILINK = re.compile(  # in a table, the bar before the words is written \|
    r"(?P<embed>!?)\[\[(?P<target>[^\[\]|#^\n]*?)(?P<part>[#^][^\[\]|\n]*)?(?:\\?\|(?P<words>[^\[\]\n]*))?\]\]"
)
_INSERTED = re.compile(  # a tag; marks of footnotes and blocks, placeholders, addresses, which are no prose
    r"(?<![\w&/#])#(?P<tag>[^\W\d_][\w-]*(?:/[\w-]+)*)|\[\^[^\]\s]+\]|\{\{.*?\}\}|<%.*?%>|https?://[^\s<>]+"
    r"|(?<=\s)\^[a-zA-Z0-9-]+\s*\Z"
)
_MARKER = re.compile(  # of a callout, of a task
    r"\[![\w-]+\][+-]?[ \t]*|\[[ xX/-]\][ \t]+|(?:TODO|DOING|DONE|LATER|NOW|WAITING|CANCELED)[ \t]+"
)
_SCHEME = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]+:|//")
_NEWLINE = re.compile(r"\r\n?|\n")
_HEADING = re.compile(r" {0,3}(#{1,6})[ \t]+(\S.*)")
_FENCE = re.compile(r" {0,3}(```|~~~)")
_ADDRESS = re.compile(r"[a-z][a-z0-9+.-]*://\S+\Z", re.IGNORECASE)
_PLACEHOLDER = re.compile(r"\{\{.*?\}\}|<%.*?%>")
_ORG_DATA = re.compile(  # drawers, keywords, plans and states of tasks
    r"\s*(?::[\w-]+:[ \t]*$|#\+(?!begin_)|(?:CLOCK|SCHEDULED|DEADLINE|CLOSED):|\*+[ \t])",
    re.IGNORECASE | re.MULTILINE,
)
# lines that Logseq keeps for itself
_DATA = re.compile(r":LOGBOOK:|:END:|CLOCK: |(?:SCHEDULED|DEADLINE): <|(?:id|collapsed):: ")


class Link(NamedTuple):
    """A mention that the author made.

    Parameters
    ----------
    name : str
        What it names.
    kind : str
        `LINK` or `TAG`.
    start, end : int
        Its words, as offsets in the text.
    """

    name: str
    kind: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Structure:
    """What a text consists of.

    Parameters
    ----------
    pieces : list of tuple of int
        Start and end of each piece of prose, in order.
    gaps : list of str
        What stands before each piece in the view: nothing where markup was, white space where something was
        left out, `SENTENCE` where a block begins.
    links : list of Link
        In order.
    names : tuple of str
        Other names of the document.
    has_code : bool
        Whether some of it is code.
    """

    pieces: list[tuple[int, int]] = field(default_factory=list)
    gaps: list[str] = field(default_factory=list)
    links: list[Link] = field(default_factory=list)
    names: tuple[str, ...] = ()
    has_code: bool = False

    def view(self, text: str, start: int, end: int) -> tuple[str, list[Link]]:
        """The prose of a part of the text, and the links in it, as offsets in that prose.

        Parameters
        ----------
        text : str
            The text that this is the structure of.
        start, end : int
            The part.
        """
        parts: list[str] = []
        places: list[tuple[int, int, int]] = []
        length = 0
        first = bisect_right(self.pieces, start, key=itemgetter(1))
        last = bisect_left(self.pieces, end, key=itemgetter(0))
        for (a, b), gap in zip(self.pieces[first:last], self.gaps[first:last], strict=True):
            if parts:
                parts.append(gap)
                length += len(gap)
            piece = text[max(a, start) : min(b, end)]
            places.append((max(a, start), min(b, end), length))
            parts.append(piece)
            length += len(piece)
        within = slice(
            bisect_left(self.links, start, key=attrgetter("start")),
            bisect_left(self.links, end, key=attrgetter("start")),
        )
        return "".join(parts), [_moved(link, places) for link in self.links[within]]


def _moved(link: Link, places: list[tuple[int, int, int]]) -> Link:
    """A link with offsets in a view; one whose words are not shown stands where they would."""
    near = bisect_right(places, link.start, key=itemgetter(1))
    inside = [
        (max(a, link.start) - a + at, min(b, link.end) - a + at)
        for a, b, at in itertools.takewhile(lambda place: place[0] < link.end, places[near:])
    ]
    if inside:
        return link._replace(start=inside[0][0], end=inside[-1][1])
    a, b, at = places[near - 1] if near else (0, 0, 0)
    return link._replace(start=at + b - a, end=at + b - a)


def plain_structure(
    text: str,
    lead: int = 0,
    aside: Sequence[tuple[int, int]] = (),
    links: Sequence[tuple[str, int, int]] = (),
) -> Structure:
    """Of a text that is prose from `lead` on, but for some parts, with links in it: both in order.

    Examples
    --------
    >>> plain_structure("Ada: Hello", 5).view("Ada: Hello", 0, 10)
    ('Hello', [])
    """
    starts = [lead, *(end for _, end in aside)]
    ends = [*(start for start, _ in aside), len(text)]
    pieces = [(start, end) for start, end in zip(starts, ends, strict=True) if start < end]
    return Structure(
        pieces,
        [SENTENCE] * len(pieces),
        [Link(name, LINK, start, end) for name, start, end in links],
        has_code=any(not _ORG_DATA.match(text, start) for start, _ in aside),
    )


def read_structure(text: str, lead: int = 0) -> Structure:
    r"""Of a text in Markdown that begins behind `lead`, with front matter or without.

    Parameters
    ----------
    text : str
        The text.
    lead : int
        Characters in front that are no part of it.

    Returns
    -------
    Structure
        Its prose and links.

    Examples
    --------
    >>> text = "See [[Ada Lovelace|Ada]] and `code`.\n\n| a | b |\n|---|---|\n| c | d |\n"
    >>> structure = read_structure(text)
    >>> structure.view(text, 0, len(text))[0]
    'See Ada and  .\n\na\n\nb\n\nc\n\nd'
    >>> structure.links[0]
    Link(name='Ada Lovelace', kind='link', start=19, end=22)
    """
    builder = _Builder(text)
    begin = lead
    matter = front_matter(text) if not lead else None
    if matter is not None and builder.properties(matter):
        begin = matter.body
    builder.body(begin)
    links = sorted(builder.links, key=lambda link: link.start)
    return Structure(builder.pieces, builder.gaps, links, builder.names, builder.has_code)


def heading(text: str) -> str:
    """The title that a text in Markdown gives itself: its first heading, if that is of the first level.

    Examples
    --------
    >>> heading("intro, then"), heading("# On *Ada* #"), heading("## Plans"), heading("# {{title}}")
    ('', 'On *Ada*', '', '')
    """
    fence = ""
    for line in re.finditer(r"[^\n]+", text):
        mark = _FENCE.match(line[0])
        if mark and fence in ("", mark[1]):
            fence = "" if fence else mark[1]
        elif not fence and (found := _HEADING.match(line[0])):
            title = unlinked(found[2].rstrip().rstrip("#").rstrip())
            return title if found[1] == "#" and not _PLACEHOLDER.search(title) else ""
    return ""


def unlinked(text: str) -> str:
    """The text with its wikilinks replaced by the words that they show.

    Examples
    --------
    >>> unlinked("with [[people/Ada Lovelace|Ada]] in [[Paris]]")
    'with Ada in Paris'
    """
    return _WIKILINK.sub(lambda found: found["words"] or _note(found["target"]) or found["target"], text)


def linked(address: str) -> str:
    """The note that the address of a link leads to; empty for the web, for attachments and within a note.

    Examples
    --------
    >>> linked("people/Ada%20Lovelace.html#work"), linked("https://a.org/b.html"), linked("a.png")
    ('Ada Lovelace', '', '')
    """
    return "" if _SCHEME.match(address) else _note(decode(re.split("[#?]", address, maxsplit=1)[0]))


def _note(target: str) -> str:
    """The note that a link leads to: the end of its path, without the ending; empty for anything else."""
    name = target.strip().replace("\\", "/").rpartition("/")[2]
    stem, dot, ending = name.rpartition(".")
    if dot and stem and f".{ending.lower()}" in NOTES:
        name = stem
    elif dot and stem and re.fullmatch(r"[A-Za-z0-9]{1,5}", ending) and not ending.isdigit():
        return ""  # an attachment
    return "" if name.casefold() in UNNAMED else name


@lru_cache(maxsize=1)
def _parser() -> MarkdownIt:
    parser = MarkdownIt("commonmark").enable(["table", "strikethrough"])
    # entities and escapes stay tokens of their own, which know how they are written
    parser.disable("text_join")
    parser.use(dollarmath_plugin, allow_space=False, allow_digits=False)
    parser.inline.ruler.before("link", "wikilink", _wikilink)
    return parser


def _wikilink(state: StateInline, silent: bool) -> bool:  # noqa: FBT001 - as markdown-it calls it
    found = _WIKILINK.match(state.src, state.pos, state.posMax)
    if found is None:
        return False
    if not silent:
        state.push("wikilink", "", 0).content = found[0]
    state.pos = found.end()
    return True


class _Builder:
    """Collects the pieces of a text from front to back."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.pieces: list[tuple[int, int]] = []
        self.gaps: list[str] = []
        self.links: list[Link] = []
        self.names: tuple[str, ...] = ()
        self.has_code = False
        self._cursor = 0
        self._gap = SENTENCE

    def _piece(self, start: int, end: int) -> None:
        if start < end:
            self.pieces.append((start, end))
            self.gaps.append(self._gap)
            self._gap = ""

    def _apart(self, gap: str) -> None:
        """The next piece does not go on from the last one."""
        if len(gap) > len(self._gap):
            self._gap = gap

    # --- properties

    def properties(self, matter: Matter) -> bool:
        """Read what front matter names; false where it is text between two rules across the page."""
        try:
            root = yaml.compose(self.text[matter.start : matter.end], Loader=RESOLVER)
        except (yaml.YAMLError, ValueError, RecursionError):
            return True
        if not isinstance(root, yaml.MappingNode):
            return root is None
        names: list[str] = []
        met: set[int] = set()
        for key, value in root.value:
            for node in scalars(value, met):
                self._property(str(key.value).casefold(), node, matter.start, names)
        self.names = tuple(names)
        return True

    def _property(self, key: str, node: Any, offset: int, names: list[str]) -> None:
        start, end = offset + node.start_mark.index, offset + node.end_mark.index
        if key in {"alias", "aliases"}:
            names.append(str(node.value))
        elif key in {"tag", "tags"}:
            for tag in re.split(r"[,\s]+", str(node.value)) if node.tag.endswith(":str") else []:
                self._tag(tag.lstrip("#"), start, end)
        elif links := list(_WIKILINK.finditer(self.text, start, end)):
            for found in links:
                self._linked(found, show=False)
        elif node.tag.endswith(":str") and key not in LABELS and not _ADDRESS.match(node.value):
            quoted = self.text[start : start + 1] in {'"', "'"}
            self._apart(SENTENCE)
            self._piece(start + quoted, end - quoted)

    # --- the text

    def body(self, begin: int) -> None:
        """The blocks behind the front matter."""
        source = self.text[begin:]
        starts = [begin, *(begin + line.end() for line in _NEWLINE.finditer(source)), len(self.text)]
        self._cursor = begin
        for token in _parser().parse(source):
            self.has_code |= token.type in {"fence", "code_block"}
            if token.type == "inline" and token.map is not None:
                first, last = token.map
                self._cursor = max(self._cursor, starts[first])
                self._apart(SENTENCE)
                self._inline(token.children or [], starts[min(last, len(starts) - 1)])

    def _inline(self, tokens: list[Token], end: int) -> None:
        opened: list[tuple[str, int]] = []
        for place, token in enumerate(tokens):
            if token.type in {"text", "text_special"}:
                self._text(token, end, first=place == 0)
            elif token.type == "wikilink":
                self._wikilink(end)
            elif token.type in {"softbreak", "hardbreak"}:
                self._apart("\n")
            elif token.type == "link_open":
                opened.append((str(token.attrs.get("href", "")), len(self.pieces)))
            elif token.type == "link_close":
                self._close(*opened.pop(), end)
            else:
                self._markup(token, end)

    def _wikilink(self, end: int) -> None:
        at = self.text.find("[[", self._cursor, end)
        embed = at > self._cursor and self.text[at - 1] == "!"
        found = _WIKILINK.match(self.text, at - embed) if at >= 0 else None
        if found is not None:
            self._linked(found, show=True)
            self._cursor = found.end()

    def _markup(self, token: Token, end: int) -> None:
        """Go on behind marks, and behind what is no prose: code, formulas, HTML, images."""
        self.has_code |= token.type == "code_inline"
        if token.type == "image":
            self._skip(f"![{token.content}]", end)
            self._destination(end)
            self._apart(" ")
        elif token.content:
            for written in (token.markup, token.content, token.markup):
                self._skip(written, end)
            self._apart(" ")
        elif token.markup != "autolink":
            self._skip(token.markup, end)

    def _text(self, token: Token, end: int, *, first: bool) -> None:
        written = token.markup if token.type == "text_special" else token.content
        if not written:
            return
        start = self.text.find(written, self._cursor, end)
        if start < 0:  # written in another way than the parser gives it: all of the block is prose then
            start, written = self._cursor, self.text[self._cursor : end]
        marker = _MARKER.match(written) if first else None
        self._cursor = start + len(written)
        if _DATA.match(written):
            return
        at = start + (marker.end() if marker else 0)
        for found in _INSERTED.finditer(self.text, at, self._cursor):
            self._piece(at, found.start())
            if found["tag"]:
                self._tag(found["tag"], found.start("tag"), found.end("tag"))
                self._piece(found.start("tag"), found.end("tag"))
            else:
                self._apart(" ")
            at = found.end()
        self._piece(at, self._cursor)

    def _skip(self, written: str, end: int) -> None:
        """Go on behind something that is no prose."""
        at = self.text.find(written, self._cursor, end) if written else -1
        if at >= 0:
            self._cursor = at + len(written)

    def _close(self, address: str, before: int, end: int) -> None:
        """A link ends here: its words stand, and may name a note; its address is no prose."""
        pieces = self.pieces[before:]
        self._destination(end)
        name = linked(address)
        if name:
            start, last = (pieces[0][0], pieces[-1][1]) if pieces else (self._cursor, self._cursor)
            self.links.append(Link(name, LINK, start, last))

    def _destination(self, end: int) -> None:
        """Go on behind the address of a link, whose words have been read."""
        at = self.text.find("]", self._cursor, end)
        if at < 0 or self.text[self._cursor : at].strip(" *_~`\\"):
            return  # an address that is its own words
        self._cursor = at + 1
        if self.text[at + 1 : at + 2] == "(":
            helpers = _parser().helpers
            found = helpers.parseLinkDestination(self.text, at + 2, end)
            closing = self.text.find(")", found.pos if found.ok else at + 2, end)
            self._cursor = closing + 1 if closing >= 0 else self._cursor
        elif self.text[at + 1 : at + 2] == "[":
            closing = self.text.find("]", at + 2, end)
            self._cursor = closing + 1 if closing >= 0 else self._cursor

    def _linked(self, found: re.Match[str], *, show: bool) -> None:
        """A wikilink: its words are prose, its target is named."""
        group = "words" if found["words"] else "target"
        start, end = found.span(group)
        name = _note(found["target"])
        if found["embed"] and not name:
            self._apart(" ")
            return
        if group == "target" and name:
            start = self.text.rfind(name, start, end)
            end = start + len(name)
        if show:
            self._piece(start, end)
        if name:
            self.links.append(Link(name, LINK, start, end))

    def _tag(self, tag: str, start: int, end: int) -> None:
        for part in tag.split("/"):
            self.links.append(Link(part.replace("_", " "), TAG, start, end))
