"""What the site does beside Markdown: mkdocs.yml names this file as its hook.

Generated parts are filled in as `memini docs` does it. A fence ``math`` holds one equation a line, in LaTeX that
reads well as it stands (a terminal shows it so); it becomes MathML here, which browsers set by themselves.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from math_core import LatexToMathML

from memini_kuzu.cli._reference import fill_in

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig

__all__ = ["mathml", "on_config", "on_page_markdown"]

_CONVERTER = LatexToMathML()


def mathml(lines: str) -> str:
    """Equations, one a line, aligned at their first ``=``, as MathML.

    Parameters
    ----------
    lines : str
        LaTeX. What follows two spaces and a comma's worth of space, ``\\quad``, is up to the author.

    Raises
    ------
    math_core.LatexError
        If a line is no LaTeX.
    """
    rows = [line.strip().replace("=", "&=", 1) for line in lines.splitlines() if line.strip()]
    body = r" \\ ".join(rows)
    return _CONVERTER.convert_with_local_state(rf"\begin{{aligned}} {body} \end{{aligned}}", displaystyle=True)


def _fence(source: str, *_: object, **__: object) -> str:
    return f'<div class="math">{mathml(source)}</div>'


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Add the fence ``math``."""
    fences: dict[str, Any] = {"custom_fences": [{"name": "math", "class": "math", "format": _fence}]}
    config.mdx_configs["pymdownx.superfences"] = fences
    return config


def on_page_markdown(markdown: str, **_: object) -> str:
    """Fill in what is generated."""
    return fill_in(markdown)
