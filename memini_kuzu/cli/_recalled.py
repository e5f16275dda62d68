"""How recall is shown to people: on a terminal, of a long passage the part around the words that were met."""

import re
from collections.abc import Collection
from typing import TYPE_CHECKING

import typer

from memini_kuzu.cli._print import console, day, plain

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

    from memini_kuzu import recall as recalling

__all__ = ["met", "show_recalled", "snippet"]

INDENT = "   "

LINES = 4
"""So many lines of a passage are shown, at most."""

WORD = re.compile(r"\w+")

AROUND = 6
"""A sixth of a snippet comes before the word at which it was cut: it says what the word is about."""


def met(text: str, terms: Collection[str]) -> list[tuple[int, int]]:
    """Where words of a text stand that a cue met.

    Parameters
    ----------
    text : str
        As it is stored.
    terms : collection of str
        Analysed words, which are beginnings of those in the text, or the words themselves.

    Returns
    -------
    list of (int, int)
        Begin and end of each.

    Examples
    --------
    >>> met("The Bakers bake.", ["baker"])
    [(4, 10)]
    """
    found = ((word.span(), word[0].casefold()) for word in WORD.finditer(text))
    return [
        span
        for span, word in found
        if any(word == term or (len(term) > 2 and word.startswith(term)) for term in terms)  # noqa: PLR2004
    ]


def snippet(text: str, terms: Collection[str], most: int) -> tuple[str, int]:
    """The part of a text that holds the most words of a cue, the first such.

    Parameters
    ----------
    text : str
        As it is stored.
    terms : collection of str
        As for `met`.
    most : int
        Characters, at most; a text that is no longer stays whole.

    Returns
    -------
    text : str
        Cut between words, with … where something is left out.
    left_out : int
        How many characters are.

    Examples
    --------
    >>> snippet("one two three four five six seven", ["five"], 14)
    ('…five six…', 25)
    """
    if len(text) <= most:
        return text, 0
    spans = met(text, terms)
    begins = [max(0, begin - most // AROUND) for begin, _ in spans] or [0]
    counts = [sum(begin <= a and b <= begin + most for a, b in spans) for begin in begins]
    begin = min(begins[counts.index(max(counts))], len(text) - most)
    end = begin + most
    if begin:
        begin = _between(text, begin, 1, end)
    if end < len(text):
        end = _between(text, end, -1, begin)
    part = text[begin:end].strip()
    return f"{'…' * (begin > 0)}{part}{'…' * (end < len(text))}", len(text) - len(part)


def _between(text: str, place: int, step: int, limit: int) -> int:
    """The next place between words; the place itself where there is none before the limit."""
    for here in range(place, limit, step):
        if text[here - 1].isspace() or text[here].isspace():
            return here
    return place


def show_recalled(found: "recalling.Recall", *, full: bool) -> None:
    """Print what a cue brought to mind, and why.

    Parameters
    ----------
    found : Recall
        What.
    full : bool
        Whole passages, also on a terminal.
    """
    if not found.passages:
        typer.echo("nothing comes to mind")
        return
    screen = console()
    for number, passage in enumerate(found.passages, 1):
        title = (
            "" if passage.title == passage.id.rpartition(".")[0] else passage.title
        )  # the name of its file
        about = "  ".join(filter(None, (passage.source, passage.id, title)))
        screen.print(plain(f"{number}. {day(passage.time)}  {about}  {passage.score:.3f}", "bold"))
        paths = [path for path in found.paths if path.leads_to(passage)]
        words = {word for path in paths if path.kind == "words" for word in path.through}
        _show_passage(screen, passage.text.strip("\n"), words, full=full)
        if paths:
            _show_indented(plain(f"why: {'; '.join(map(_reason, paths))}", "dim"))
    if found.entities:
        names = ", ".join(f"{entity.name} {entity.activation:.2f}" for entity in found.entities)
        screen.print(plain(f"entities: {names}"))


def _show_passage(screen: "Console", text: str, words: Collection[str], *, full: bool) -> None:
    """Print a passage; on a terminal the words that were met stand out, and a long one is cut around them."""
    if not screen.is_terminal:
        _show_indented(plain(text))
        return
    shown, left_out = snippet(text, words, LINES * _width(screen)) if not full else (text, 0)
    styled = plain(shown)
    for begin, end in met(styled.plain, words):
        styled.stylize("bold", begin, end)
    _show_indented(styled)
    if left_out:
        _show_indented(plain(f"{left_out:,} characters more: --full", "dim"))


def _width(screen: "Console") -> int:
    return max(screen.width - len(INDENT), 20)


def _show_indented(text: "Text") -> None:
    """Print lines under a heading; a terminal's width wraps them, and the indent stays."""
    screen = console()
    for line in text.wrap(screen, _width(screen)):
        screen.print(plain(INDENT) + line)


def _reason(path: "recalling.Path") -> str:
    facts = [] if path.strength is None else [f"strength {path.strength:.2g}"]
    if path.last_seen is not None and path.said is None:
        facts.append(f"seen {day(path.last_seen)}")
    return f"{path.kind} {path.way}" + (f" ({', '.join(facts)})" if facts else "")
