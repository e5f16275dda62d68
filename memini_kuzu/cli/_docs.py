"""The command docs: the pages of the documentation, which ship with the version in use."""

import difflib
import re
import sys
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Annotated, NamedTuple

import typer

from memini_kuzu.cli._app import Json, command
from memini_kuzu.cli._print import console, show_json, show_table
from memini_kuzu.cli._reference import fill_in, write_out_names
from memini_kuzu.errors import InputError

__all__ = ["FOLDER", "Page", "docs", "pages"]

FOLDER = Path(str(files("memini_kuzu"))) / "docs"

SUBJECTS = ("", "tutorials", "how-to", "reference", "explanation", "evidence")
"""The folders of the pages, in the order in which one would read them."""

_COMMENT = re.compile(r"^<!--.*?-->\n", re.MULTILINE | re.DOTALL)


class Page(NamedTuple):
    """A page of the documentation.

    Parameters
    ----------
    name : str
        What `memini docs` is asked for, such as ``backup``; no two pages have the same.
    subject : str
        Its folder, one of `SUBJECTS`.
    title : str
        Its first heading.
    """

    name: str
    subject: str
    title: str

    def text(self) -> str:
        """Its Markdown, with what is generated and without comments."""
        source = (FOLDER / self.subject / f"{self.name}.md").read_text(encoding="utf-8")
        return _COMMENT.sub("", write_out_names(fill_in(source)))


def pages() -> Iterator[Page]:
    """All pages, in the order in which one would read them.

    Examples
    --------
    >>> next(pages()).name
    'index'
    """
    for subject in SUBJECTS:
        for file in sorted((FOLDER / subject).glob("*.md")):
            with file.open(encoding="utf-8") as lines:
                title = next(line for line in lines if line.startswith("# "))
            yield Page(file.stem, subject, title[2:].strip())


@command("memini docs", "memini docs backup")
def docs(
    page: Annotated[
        str | None, typer.Argument(metavar="PAGE", help="A name of the list that `memini docs` shows.")
    ] = None,
    *,
    as_json: Json = False,
) -> None:
    """Show the documentation of this version: the list of its pages, or one of them."""
    known = {each.name: each for each in pages()}
    if page is None:
        if as_json:
            show_json(list(known.values()))
        else:
            show_table(["page", "subject", "title"], known.values())
        return
    # the path of a link in another page names it as well
    name = page.rpartition("/")[2].removesuffix(".md")
    if name not in known:
        close = difflib.get_close_matches(name, known) or ["index"]
        raise InputError(
            f"no page is named {page!r}; did you mean {' or '.join(close)}? memini docs lists all"
        )
    found = known[name]
    if as_json:
        show_json({**found._asdict(), "text": found.text()})
    elif sys.stdout.isatty():
        from rich.markdown import Markdown

        console().print(Markdown(found.text()))
    else:
        typer.echo(found.text())
