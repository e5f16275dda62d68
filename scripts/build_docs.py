#!/usr/bin/env python3
r"""Build the documentation as a site, in build/site: `make docs`.

The pages of memini_kuzu/docs go to build/pages with their generated parts, as `memini docs` shows them, and
Zensical (zensical.toml) makes a site of these. It fails where a link or an anchor leads nowhere, and where a
page would have the browser fetch something from elsewhere.

A fence ``math`` holds one equation a line, in LaTeX that reads well as it stands, as in a terminal. It
becomes MathML here, which browsers set by themselves; symbols such as w_f in the text get a subscript.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from importlib.resources import files
from pathlib import Path

from math_core import LatexToMathML

from memini_kuzu.cli._docs import FOLDER
from memini_kuzu.cli._reference import fill_in

__all__ = ["fence", "fetched", "main", "mathml", "subscripted"]

CHECKOUT = Path(__file__).resolve().parents[1]
PAGES = CHECKOUT / "build" / "pages"
SITE = CHECKOUT / "build" / "site"
ASSETS = Path(__file__).resolve().parent / "site"

NEXT_ROW = r" \\ "

_FETCHED = re.compile(r"<(?:(?:script|img|iframe|source)\b[^>]*\bsrc|link\b[^>]*\bhref)=\"?https?://")
_CODE = re.compile(r"^```.*?^```|`[^`\n]+`", re.MULTILINE | re.DOTALL)
_SYMBOL = re.compile(r"(?<![\w{}])([A-Za-zα-ω])_(?:(\w)(?!\w)|\{([^}]+)\})")


def mathml(equations: str) -> str:
    """Equations, one a line and aligned at the first ``=`` of each, as MathML.

    Parameters
    ----------
    equations : str
        LaTeX.

    Raises
    ------
    math_core.LatexError
        If a line is not LaTeX.

    Examples
    --------
    >>> mathml("a = 1").startswith('<math display="block">')
    True
    """
    rows = [line.strip().replace("=", "&=", 1) for line in equations.splitlines() if line.strip()]
    aligned = rf"\begin{{aligned}} {NEXT_ROW.join(rows)} \end{{aligned}}"
    return LatexToMathML().convert_with_local_state(aligned, displaystyle=True)


def fence(source: str, *_: object, **__: object) -> str:
    """What Zensical puts in the place of a fence ``math``."""
    return f'<div class="math">{mathml(source)}</div>'


def subscripted(page: str) -> str:
    """A page whose symbols have their subscripts; what is code stays.

    Parameters
    ----------
    page : str
        Markdown.

    Examples
    --------
    >>> subscripted("w_f and x_{p,t}, but `w_f` and first_seen")
    '<i>w</i><sub>f</sub> and <i>x</i><sub>p,t</sub>, but `w_f` and first_seen'
    """
    parts = []
    at = 0
    for code in _CODE.finditer(page):
        parts += [_SYMBOL.sub(_subscript, page[at : code.start()]), code[0]]
        at = code.end()
    return "".join([*parts, _SYMBOL.sub(_subscript, page[at:])])


def _subscript(symbol: re.Match[str]) -> str:
    return f"<i>{symbol[1]}</i><sub>{symbol[2] or symbol[3]}</sub>"


def fetched(html: str) -> list[str]:
    """The tags that would have a browser fetch something from elsewhere.

    Examples
    --------
    >>> fetched('<a href="https://example.org"><script src="https://example.org/x.js"></script>')
    ['<script src="https://']
    """
    return [found[0] for found in _FETCHED.finditer(html)]


def main() -> int:
    """Write the pages, build, check."""
    for folder in (PAGES, SITE):
        shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(FOLDER, PAGES)
    shutil.copytree(ASSETS, PAGES / "assets")
    shutil.copy(str(files("ziamath") / "fonts" / "STIXTwoMath-Regular.ttf"), PAGES / "assets")
    for page in PAGES.rglob("*.md"):
        page.write_text(subscripted(fill_in(page.read_text(encoding="utf-8"))), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "zensical", "build", "--clean", "--strict"],
        cwd=CHECKOUT,
        # zensical.toml names this file for its fence
        env=os.environ | {"PYTHONPATH": os.pathsep.join([str(CHECKOUT), str(Path(__file__).parent)])},
        check=False,
    )
    if done.returncode:
        return done.returncode
    wrong = [
        f"{page.relative_to(SITE)}: {tag}"
        for page in sorted(SITE.rglob("*.html"))
        for tag in fetched(page.read_text(encoding="utf-8"))
    ]
    print("\n".join(wrong) or f"the site is {SITE / 'index.html'}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
