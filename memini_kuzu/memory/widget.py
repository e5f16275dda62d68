"""The graph of a memory in a notebook: what `memini explore` draws, as a widget (extra ``notebook``)."""

from __future__ import annotations

import re
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import anywidget
import traitlets

from memini_kuzu.dynamics import spectrum
from memini_kuzu.errors import MeminiError
from memini_kuzu.resources import PAGE

if TYPE_CHECKING:
    from collections.abc import Callable

    from memini_kuzu.insight.neighbourhood import Neighbourhood

__all__ = ["GraphWidget", "bundled"]

LIBRARIES = (
    "d3-dispatch.min.js",
    "d3-quadtree.min.js",
    "d3-timer.min.js",
    "d3-force.min.js",
    "graphology.umd.min.js",
    "sigma.min.js",
)
"""In this order: each needs those before it."""

MODULES = ("dom.js", "dynamics.js", "programs.js", "picture.js", "network.js", "widget.js")
"""In this order: each imports from those before it."""

IMPORT = re.compile(r'^import (\{[^}]*\}) from "\./([\w.]+)";$', re.MULTILINE)
EXPORT = re.compile(r"^export (?:function|const) (\w+)", re.MULTILINE)


def bundled() -> str:
    """The page's modules and libraries as one ES module, which is what a notebook takes.

    Returns
    -------
    str
        It exports ``render``, as anywidget asks.

    Examples
    --------
    >>> bundled().endswith("export default { render: modules['widget.js'].render };")
    True
    """
    # a notebook that has a loader of modules would keep the libraries from being found
    shadowed = "const define = undefined, exports = undefined, module = undefined;"
    parts = [f"{{ {shadowed}\n{_read(f'vendor/{name}')}\n}}" for name in LIBRARIES]
    parts.append("const modules = {};")
    for name in MODULES:
        text = _read(name)
        names = ", ".join(EXPORT.findall(text))
        body = EXPORT.sub(lambda found: found[0].removeprefix("export "), IMPORT.sub(_imported, text))
        parts.append(f"modules['{name}'] = (() => {{\n{body}\nreturn {{ {names} }};\n}})();")
    parts.append("export default { render: modules['widget.js'].render };")
    return "\n".join(parts)


def _read(name: str) -> str:
    return (PAGE / name).read_text(encoding="utf-8")


def _imported(found: re.Match[str]) -> str:
    return f"const {found[1]} = modules['{found[2]}'];"


class GraphWidget(anywidget.AnyWidget):
    """A graph that can be moved through time, and expanded while the memory is open.

    Parameters
    ----------
    entity : str or None
        In the middle.
    read : callable
        Gives the neighbourhood of an entity; of None the strongest associations.
    parameters : Parameters
        The dynamics.
    """

    _esm = bundled()
    _css = _read("widget.css")
    entity = traitlets.Unicode(allow_none=True).tag(sync=True)
    answers: traitlets.List[dict[str, Any]] = traitlets.List().tag(sync=True)
    error = traitlets.Unicode().tag(sync=True)

    def __init__(
        self, entity: str | None, read: Callable[[str | None], Neighbourhood], parameters: Any
    ) -> None:
        self._read = read
        self._constants = asdict(spectrum(parameters))
        super().__init__(entity=entity, answers=[self._asked(entity)])
        self.on_msg(self._told)

    def _asked(self, entity: str | None) -> dict[str, Any]:
        found = self._read(entity).to_dict()
        for each in (found, *found["associations"]):
            for name in ("now", "first_seen", "last_seen"):
                if name in each:
                    each[name] = each[name].isoformat()
        return {**found, "spectrum": self._constants}

    def _told(self, _: object, content: dict[str, Any], __: object) -> None:
        """Somebody expands an entity."""
        self.error = ""  # the same error again would be no change, which is not told
        try:
            self.answers = [*self.answers, self._asked(str(content["expand"]))]
        except MeminiError as error:
            # the memory is closed, or the entity is gone; the cell shows what it has
            self.error = str(error)
