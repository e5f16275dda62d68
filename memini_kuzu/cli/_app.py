"""What all commands share: the options, the open store, and what becomes of errors.

A command registers itself and makes three moves::

    @command("memini recall 'Where does Ada live?' -k 3")
    def recall(cue: Cue, *, db: Db = STORE, k: K = 10, as_json: Json = False, wait: Wait = 0.0) -> None:
        \"\"\"Say what a cue brings to mind.\"\"\"
        with opened(db, wait=wait) as memory:
            found = memory.recall(cue, k=k)
        show_json(found) if as_json else _show(found)

Errors need no care: a `MeminiError` becomes one line on standard error and exit code 1, a wrong command line
one line and exit code 2. The ways to print are in `_print`.

A module of commands imports at its top what its options need, and in a command what that one needs: help and
errors come at once.
"""

import contextlib
import io
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn, TypeVar, cast

import typer
from typer.core import TyperGroup

from memini_kuzu.cli._print import note
from memini_kuzu.cli._process import owned, spare_memory, spare_pandas
from memini_kuzu.config import Parameters
from memini_kuzu.errors import InputError, MeminiError
from memini_kuzu.text.redaction import KEYS_ONLY, NO_REDACTION, Redaction
from memini_kuzu.times import system_clock, to_millis

if TYPE_CHECKING:
    from memini_kuzu.embedding import Embedder
    from memini_kuzu.extraction import Extractor
    from memini_kuzu.memory import Memory
    from memini_kuzu.protocol import AssociativeMemory
    from memini_kuzu.times import Clock

__all__ = [
    "INTERRUPTED",
    "STORE",
    "By",
    "Db",
    "Json",
    "K",
    "NoRedaction",
    "Now",
    "Order",
    "RedactEmails",
    "RedactPhones",
    "Wait",
    "app",
    "command",
    "extractor_asked",
    "main",
    "masking",
    "memory_opener",
    "opened",
    "opened_file",
    "spare_lasting",
]

STORE = Path("memory.memini")
"""The store of a command that is given none."""

Db = Annotated[Path, typer.Option("--db", metavar="PATH", envvar="MEMINI_DB", help="The store's file.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON and nothing else.")]
Now = Annotated[
    str | None,
    typer.Option("--now", metavar="TIME", help="As of when: 2026-01-04 or 2026-01-04T09:30; else now."),
]
K = Annotated[int, typer.Option("-k", metavar="N", min=1, help="How many to show at most.")]


class Order(StrEnum):
    """What comes first of associations."""

    STRENGTH = "strength"
    TELLING = "telling"


By = Annotated[Order, typer.Option("--by", help="What comes first: the strongest, or those that tell most.")]
Wait = Annotated[
    float,
    typer.Option("--wait", metavar="SECONDS", min=0, help="Wait for another process to close the store."),
]
RedactEmails = Annotated[
    bool, typer.Option("--redact-emails", help="Mask e-mail addresses too, before anything is stored.")
]
RedactPhones = Annotated[
    str | None,
    typer.Option(
        "--redact-phones",
        metavar="COUNTRY",
        help="Mask phone numbers too, as they are dialled in this country, such as US, or with +.",
    ),
]
NoRedaction = Annotated[
    bool, typer.Option("--no-redaction", help="Store keys and passwords as they are; else they are masked.")
]

FAILED, WRONG_USAGE, INTERRUPTED = 1, 2, 130
"""Exit codes; 130 is what a shell gives a command that Ctrl-C ended."""

# typer names only this one of the errors that a wrong command line raises; its base is all of them
_USAGE_ERROR = cast("type[typer.BadParameter]", typer.BadParameter.__base__)

_extractor: ContextVar[str | None] = ContextVar("extractor", default=None)
"""The name of the extractor that is to be used in place of the default."""

_embedder: ContextVar[str | None] = ContextVar("embedder", default=None)
"""The name of the embedder; words, names and dates alone where there is none."""

_server: ContextVar[str | None] = ContextVar("server", default=None)
"""The address of the server that the commands use in place of a file."""

_Command = TypeVar("_Command", bound=Callable[..., None])


class _CommandLine(TyperGroup):
    """The group of all commands: every way in which one can end becomes an exit code here."""

    def main(self, *args: Any, **extra: Any) -> NoReturn:
        extra["standalone_mode"] = False
        try:
            code = super().main(*args, **extra)
            sys.stdout.flush()
        except _USAGE_ERROR as error:
            context = getattr(error, "ctx", None)
            help_command = f"{context.command_path if context else 'memini'} --help"
            note(f"{error.format_message().rstrip('.')}; see {help_command}")
            code = WRONG_USAGE
        except BrokenPipeError:
            _forget_stdout()
            code = FAILED
        except (MeminiError, OSError) as error:
            note(str(error))
            code = FAILED
        except (KeyboardInterrupt, typer.Abort):
            code = INTERRUPTED
        sys.exit(code)


def _forget_stdout() -> None:
    """Let nothing be written to a pipe whose reader is gone, at the end of the process either."""
    with contextlib.suppress(io.UnsupportedOperation):  # a test's stream has no descriptor
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


app = typer.Typer(
    cls=_CommandLine,
    invoke_without_command=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="The store is --db PATH, $MEMINI_DB or memory.memini. Exit codes: 0 done, 1 failed, 2 usage.",
)


def _show_version(value: bool) -> None:  # noqa: FBT001 - typer calls it so
    if value:
        from importlib import metadata

        try:
            version = metadata.version("memini-kuzu")
        except metadata.PackageNotFoundError:
            version = "(a checkout that is not installed)"
        typer.echo(f"memini {version}")
        raise typer.Exit


@app.callback()
def _memini(
    context: typer.Context,
    *,
    version: Annotated[  # noqa: ARG001 - its callback does the work
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version.")
    ] = False,
    server: Annotated[
        str | None,
        typer.Option(
            "--server",
            metavar="URL",
            envvar="MEMINI_SERVER",
            help="Use the memory that `memini serve` shares there, in place of a file.",
        ),
    ] = None,
    extractor: Annotated[
        str | None,
        typer.Option(
            "--extractor",
            metavar="NAME",
            help="What finds mentions: spacy, rules, llm, gliner or another package's; else spacy, or rules.",
        ),
    ] = None,
    embedder: Annotated[
        str | None,
        typer.Option(
            "--embedder",
            metavar="NAME",
            help="What compares meanings: minilm (extra dense) or one that is installed; else nothing does.",
        ),
    ] = None,
) -> None:
    """An associative memory in one local file: it learns what repeats and forgets what does not."""
    _server.set(server)
    _extractor.set(extractor)
    _embedder.set(embedder)
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


def main() -> None:
    """Run the command line and exit: 0 done, 1 failed, 2 wrong usage, 130 interrupted."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # a terminal that lacks a character gets its number, not a traceback
            stream.reconfigure(errors="backslashreplace")
    with owned():
        app(prog_name="memini")


def command(*examples: str, name: str | None = None) -> Callable[[_Command], _Command]:
    """Register a function as a command of `memini`.

    Parameters
    ----------
    *examples : str
        Lines that a user can type; they end the command's help.
    name : str, optional
        The command's name; by default the function's, with dashes.

    Returns
    -------
    callable
        A decorator. The function's docstring is the command's help.
    """
    return app.command(name, epilog=ending(*examples))


def ending(*examples: str) -> str:
    """The end of a command's help: lines that a user can type."""
    # \b keeps the lines as they are
    lines = "\n".join(f"  {example}" for example in examples)
    return f"\b\n{'Example' if len(examples) == 1 else 'Examples'}:\n{lines}"


def extractor_asked() -> "Extractor | None":
    """The extractor that ``--extractor`` names; None where the default is to do."""
    name = _extractor.get()
    if name is None:
        return None
    from memini_kuzu.extraction.plugins import extractor_named

    return extractor_named(name)


def embedder_asked(name: str | None = None) -> "Embedder | None":
    """The embedder of this name, or the one that ``--embedder`` names; None where neither is given."""
    name = name or _embedder.get()
    if name is None:
        return None
    from memini_kuzu.embedding.plugins import embedder_named

    return embedder_named(name)


def masking(*, emails: bool, phones: str | None, nothing: bool) -> Redaction:
    """What the options of a command that takes in texts ask to be masked.

    Parameters
    ----------
    emails, phones, nothing
        The values of ``--redact-emails``, ``--redact-phones`` and ``--no-redaction``.

    Examples
    --------
    >>> masking(emails=True, phones=None, nothing=False)
    Redaction(keys=True, emails=True, phones=None)
    """
    if nothing:
        if emails or phones is not None:
            raise typer.BadParameter(
                "masks nothing; leave out --redact-emails and --redact-phones, or this one",
                param_hint="--no-redaction",
            )
        return NO_REDACTION
    return Redaction(emails=emails, phones=None if phones is None else phones.upper())


@contextmanager
def opened(
    db: Path,
    *,
    write: bool = False,
    create: bool = False,
    wait: float = 0.0,
    now: str | None = None,
    redaction: Redaction = KEYS_ONLY,
) -> Iterator["AssociativeMemory"]:
    """The memory of a command that a server can answer too: that of ``--server``, or the store's file.

    Parameters
    ----------
    db, write, create, wait, now, redaction
        As of `opened_file`.

    Yields
    ------
    AssociativeMemory
        Closed afterwards.
    """
    server = _server.get()
    if server is None:
        with opened_file(db, write=write, create=create, wait=wait, now=now, redaction=redaction) as memory:
            yield memory
        return
    if now is not None and write:
        raise InputError("a server has a clock of its own; leave --now out, or use the file")
    if redaction != KEYS_ONLY:
        raise InputError(
            "a server masks what it was started to mask; leave --redact-… and --no-redaction out here, "
            "and pass them to memini serve"
        )
    if _extractor.get() is not None:
        raise InputError(
            "a server has an extractor of its own; leave --extractor out here, and pass it before "
            "memini serve: memini --extractor NAME serve"
        )
    if _embedder.get() is not None:
        raise InputError(
            "a server has an embedder of its own, or none; leave --embedder out here, and pass it before "
            "memini serve: memini --embedder NAME serve"
        )
    from memini_kuzu.memory import Memory

    with Memory.connect(server, token=os.environ.get("MEMINI_TOKEN")) as shared:
        yield shared


@contextmanager
def opened_file(
    db: Path,
    *,
    write: bool = False,
    create: bool = False,
    wait: float = 0.0,
    now: str | None = None,
    parameters: Parameters | None = None,
    redaction: Redaction = KEYS_ONLY,
    silent: bool = False,
    embedder: str | None = None,
) -> Iterator["Memory"]:
    """The store of a command.

    Parameters
    ----------
    db : Path
        Its file.
    write : bool
        Open it for writing; otherwise several commands may read it at once.
    create : bool
        Make it where there is none, and say so.
    wait : float
        Seconds to wait for another process to close it.
    now : str, optional
        What the clock shows, for commands that take in something.
    parameters : Parameters, optional
        The dynamics of a store that is made.
    redaction : Redaction
        What is masked before a text is stored.
    silent : bool
        Say nothing of a store that is made.
    embedder : str, optional
        The name of the embedder; by default that of ``--embedder``.

    Yields
    ------
    Memory
        Closed afterwards.

    Raises
    ------
    InputError
        If ``--server`` is given: a server offers only part of what the file does.
    """
    _refuse_server()
    _spare_pandas(embedder)
    from memini_kuzu.memory import Memory

    clock: Clock = system_clock
    if now is not None:
        moment = to_millis(now)
        clock = lambda: moment  # noqa: E731 - a clock that stands still
    missing = create and not db.exists()
    with Memory.open(
        db,
        create=create,
        read_only=not write,
        wait=wait,
        clock=clock,
        parameters=parameters,
        hint=note,
        extractor=extractor_asked(),
        redaction=redaction,
        embedder=embedder_asked(embedder),
    ) as memory:
        if missing and not silent:
            note(f"made a new store, {db}")
        yield memory


def memory_opener(*, wait: float, redaction: Redaction, share: float) -> Callable[[Path], "Memory"]:
    """What opens store after store for writing, or makes them; all have one extractor and one embedder.

    Parameters
    ----------
    wait : float
        Seconds to wait for another process to close one.
    redaction : Redaction
        What is masked before a text is stored.
    share : float
        The part of the machine's memory that the caches of each may reckon with.

    Returns
    -------
    callable
        Takes a file, gives a memory that is to be closed.

    Raises
    ------
    InputError
        If ``--server`` is given.
    """
    _refuse_server()
    _spare_pandas(None)
    from memini_kuzu.extraction import default_extractor
    from memini_kuzu.memory import Memory

    extractor = extractor_asked() or default_extractor(note)
    embedder = embedder_asked()

    def open_memory(path: Path) -> Memory:
        return Memory.open(
            path, wait=wait, extractor=extractor, redaction=redaction, embedder=embedder, share=share
        )

    return open_memory


def _spare_pandas(embedder: str | None) -> None:
    """Load no pandas, unless another package's plug-in is asked for, which may use it."""
    if (embedder or _embedder.get()) is None and _extractor.get() in {None, "spacy", "rules"}:
        spare_pandas()


def spare_lasting() -> None:
    """Let a process that lasts take little memory; before the store is imported, which makes arrays."""
    spare_memory()
    _spare_pandas(None)


def _refuse_server() -> None:
    if _server.get() is not None:
        raise InputError(
            "this command needs the store's file; a server offers remember, recall, associations, get, list, "
            "update, history, forget, stats and backup; leave --server and MEMINI_SERVER out"
        )
