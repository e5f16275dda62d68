"""The parts of the documentation that are generated: from the command line, docstrings, schema and faults.

A page says ``<!-- generated: faults -->`` where one belongs, and ``::: memini_kuzu.Memory`` where the
docstrings of a public name do. They are filled in when a page is shown, so they cannot differ from the
version in use.
"""

import inspect
import re
import textwrap
from collections.abc import Callable, Iterator
from importlib import import_module
from types import FunctionType
from typing import Any

import typer

from memini_kuzu.cli._app import app
from memini_kuzu.resources import folder

__all__ = ["GENERATED", "fill_in", "write_out_names"]

_METHODS = (FunctionType, staticmethod, classmethod, property)

_GENERATED = re.compile(r"^<!-- generated: ([\w-]+) -->$", re.MULTILINE)
_NAME = re.compile(r"^::: ([\w.]+)$", re.MULTILINE)


def fill_in(page: str) -> str:
    """A page with its generated parts, as the site has it too.

    Parameters
    ----------
    page : str
        Markdown with lines such as ``<!-- generated: command-line -->``.

    Raises
    ------
    KeyError
        If a page names a part that is not in `GENERATED`.

    Examples
    --------
    >>> fill_in("<!-- generated: macros -->").splitlines()[0]
    '```cypher'
    """
    return _GENERATED.sub(lambda found: GENERATED[found[1]](), page)


def write_out_names(page: str) -> str:
    """A page with the docstrings of the names that it lists; the site has mkdocstrings do it.

    Examples
    --------
    >>> write_out_names("::: memini_kuzu.config.Parameters.to_json").splitlines()[3]
    'Parameters.to_json() -> str'
    """
    return _NAME.sub(lambda found: "\n".join(_documented(found[1])).rstrip(), page)


def _documented(dotted: str) -> Iterator[str]:
    """Markdown of a name, and of the public members of a class."""
    holder, _, name = dotted.rpartition(".")
    try:
        owner: Any = import_module(holder)
    except ModuleNotFoundError:  # a member of a class
        module, _, kind = holder.rpartition(".")
        owner = getattr(import_module(module), kind)
        name = f"{kind}.{name}"
    found = getattr(owner, dotted.rpartition(".")[2])
    yield from _entry(name, found, level=4 if inspect.isclass(owner) else 3)
    if inspect.isclass(found):
        for member, value in _members(found):
            yield from _entry(f"{name}.{member}", value, level=4)


def _members(kind: type) -> Iterator[tuple[str, Any]]:
    """Public methods and properties of a class and of those classes of memini's that it builds on."""
    seen = set()
    for each in kind.__mro__:
        for name, value in vars(each).items() if each.__module__.startswith("memini_kuzu") else ():
            if not name.startswith("_") and name not in seen and isinstance(value, _METHODS):
                seen.add(name)
                yield name, getattr(kind, name)


def _entry(name: str, found: Any, *, level: int) -> Iterator[str]:
    try:
        signature = str(_as_written(inspect.signature(found)))
    except (TypeError, ValueError):  # a value, a property, or an exception of Python's own kind
        signature = ""
    call = f"{name}{signature.replace('(self)', '()').replace('(self, ', '(')}"
    yield f"{'#' * level} `{name}`\n"
    yield _fenced("text", f"{call}\n\n{inspect.getdoc(found) or ''}")


class _Written(str):
    """A piece of a signature that is shown as it stands, without quotes."""

    __slots__ = ()
    __repr__ = str.__str__


def _as_written(signature: inspect.Signature) -> inspect.Signature:
    """A signature with annotations as in the source, and without the addresses of functions."""
    return signature.replace(
        parameters=[
            each.replace(
                annotation=_written(each.annotation),
                default=_Written("…") if isinstance(each.default, FunctionType) else each.default,
            )
            for each in signature.parameters.values()
        ],
        return_annotation=_written(signature.return_annotation),
    )


def _written(annotation: Any) -> Any:
    return _Written(annotation) if isinstance(annotation, str) else annotation


def _fenced(language: str, text: str) -> str:
    return f"```{language}\n{text.strip()}\n```\n"


def _command_line() -> str:
    """Every command with its help, options and examples, from the application itself."""
    root = typer.main.get_command(app)
    context = typer.Context(root, info_name="memini")
    return "\n".join(_command(root, context, level=2))


def _command(command: Any, context: Any, *, level: int) -> Iterator[str]:
    yield f"{'#' * level} `{context.command_path}`\n"
    yield f"{inspect.cleandoc(command.help)}\n"
    yield _fenced("text", command.get_usage(context).removeprefix("Usage: "))
    records = [parameter.get_help_record(context) for parameter in command.get_params(context)]
    arguments = [
        (parameter.metavar, parameter.help)
        for parameter in command.params
        if parameter.param_type_name == "argument"
    ]
    options = [record for record in records if record and record[0].startswith("-")]
    yield "| argument or option | meaning |\n|---|---|"
    yield from (f"| `{_cell(name)}` | {_cell(meaning)} |" for name, meaning in [*arguments, *options])
    yield ""
    ending = textwrap.dedent((command.epilog or "").replace("\b\n", "")).strip()
    title, colon, examples = ending.partition(":\n")
    if colon:
        yield f"{title}:\n"
        yield _fenced("console", re.sub("^", "$ ", textwrap.dedent(examples), flags=re.MULTILINE))
    elif ending:
        yield f"{ending}\n"
    for name, each in getattr(command, "commands", {}).items():
        nested = typer.Context(each, info_name=name, parent=context)
        yield from _command(each, nested, level=level + 1 if context.parent else level)


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def _schema() -> str:
    """The files that make a store's tables, in the order in which they are applied."""
    files = sorted(folder("schema").glob("*.cypher"))
    return "\n".join(
        f"### `{file.name}`\n\n{_fenced('cypher', file.read_text(encoding='utf-8'))}" for file in files
    )


def _macros() -> str:
    return _fenced("cypher", (folder("udfs") / "memini.cypher").read_text(encoding="utf-8"))


def _faults() -> str:
    from memini_kuzu.store.engine.faults import FAULTS

    return "\n".join(
        f"## `{fault.name}`\n\n{fault.happens}\n\n*In memini:* {fault.kept_off_by}\n" for fault in FAULTS
    )


GENERATED: dict[str, Callable[[], str]] = {
    "command-line": _command_line,
    "schema": _schema,
    "macros": _macros,
    "faults": _faults,
}
"""What is put where a page says ``<!-- generated: … -->``."""
