"""The commands serve and token: stores that other processes and other people use."""

import os
import signal
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from memini_kuzu.cli._app import (
    INTERRUPTED,
    STORE,
    Db,
    NoRedaction,
    RedactEmails,
    RedactPhones,
    Wait,
    command,
    extractor_asked,
    masking,
    memory_opener,
    opened_file,
    spare_lasting,
)
from memini_kuzu.cli._cost import costs
from memini_kuzu.cli._print import note
from memini_kuzu.errors import InputError
from memini_kuzu.text.redaction import Redaction

if TYPE_CHECKING:
    from collections.abc import Iterator

    from memini_kuzu.service import SignedTokens, UserMemories

__all__ = ["interrupt", "no_extra", "serve", "token"]

NO_KEY = (
    "tokens of users are signed with a key; set MEMINI_KEY to a random one: "
    'python -c "import secrets; print(secrets.token_urlsafe(32))"'
)


@command(
    "memini serve --db notes.memini",
    "memini serve --stdio --redact-emails",
    "memini serve --host 0.0.0.0 --allow-host memory.example.org",
    "memini serve --root users --open 50",
)
def serve(
    context: typer.Context,
    *,
    db: Db = STORE,
    root: Annotated[
        Path | None,
        typer.Option(
            "--root",
            metavar="FOLDER",
            help="Serve many users, each with a store of their own in this folder, made on first use; "
            "$MEMINI_KEY has the key that signs their tokens (memini token).",
        ),
    ] = None,
    limit: Annotated[
        int,
        typer.Option(
            "--open",
            metavar="N",
            min=1,
            help="With --root: how many stores are open at once, at about 130 MB of memory each.",
        ),
    ] = 32,
    stdio: Annotated[
        bool, typer.Option("--stdio", help="Speak MCP over standard input and output, not HTTP.")
    ] = False,
    host: Annotated[
        str,
        typer.Option(
            "--host",
            metavar="ADDRESS",
            help="Where to listen; others than this machine need a bearer token in $MEMINI_TOKEN, or --root.",
        ),
    ] = "127.0.0.1",
    port: Annotated[
        int, typer.Option("--port", metavar="N", min=0, max=65535, help="0 takes any that is free.")
    ] = 8765,
    allow_host: Annotated[
        list[str] | None,
        typer.Option("--allow-host", metavar="NAME", help="A name under which clients reach this host."),
    ] = None,
    log: Annotated[
        bool,
        typer.Option(
            "--log", help="Write a line of JSON about each request to standard error, without texts."
        ),
    ] = False,
    redact_emails: RedactEmails = False,
    redact_phones: RedactPhones = None,
    no_redaction: NoRedaction = False,
    wait: Wait = 0.0,
) -> None:
    """Own stores and share them: MCP for agents, JSON over HTTP for programs and for other commands."""
    redaction = masking(emails=redact_emails, phones=redact_phones, nothing=no_redaction)
    if root is None:
        _refuse_given(context, "limit", "--open", "is for --root")
    else:
        _refuse_given(context, "db", "--db", "names one store; --root has one for each user")
        _refuse_given(context, "stdio", "--stdio", "has one user; --root is for HTTP")
    spare_lasting()
    try:
        from memini_kuzu.service import serve_http, serve_stdio
    except ImportError as error:
        raise no_extra(error) from error
    if costs():
        note(f"each text that is remembered here is sent to {getattr(extractor_asked(), 'identity', '')}")
    # whatever ends the server, the stores are closed
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, interrupt)
    try:
        if stdio:
            with opened_file(db, write=True, create=True, wait=wait, redaction=redaction) as memory:
                serve_stdio(memory)
            return
        with (
            opened_file(db, write=True, create=True, wait=wait, redaction=redaction)
            if root is None
            else _users(root, limit, wait, redaction)
        ) as served:
            serve_http(
                served,
                host=host,
                port=port,
                token=os.environ.get("MEMINI_TOKEN") or None,
                names=allow_host or (),
                log=log,
                ready=lambda url: note(f"serving {root or db} at {url}; end with Ctrl-C"),
            )
    except KeyboardInterrupt:
        # a thread may wait for a line of standard input or answer a request, and Python would wait for it
        os._exit(INTERRUPTED)


def _refuse_given(context: typer.Context, name: str, option: str, reason: str) -> None:
    """Refuse an option that was typed; one of the environment is for other commands too."""
    source = context.get_parameter_source(name)
    if source is not None and source.name == "COMMANDLINE":
        raise typer.BadParameter(f"{reason}; leave one of them out", param_hint=option)


@contextmanager
def _users(root: Path, limit: int, wait: float, redaction: Redaction) -> "Iterator[UserMemories]":
    """The stores of users in a folder, which are closed afterwards."""
    from memini_kuzu.service import UserMemories

    opener = memory_opener(wait=wait, redaction=redaction, share=1 / limit)
    with UserMemories(root, _tokens(), opener, limit=limit) as memories:
        yield memories


@command("memini token ada", "memini token ada --days 1")
def token(
    user: Annotated[str, typer.Argument(metavar="USER", help="Any name or number of theirs.")],
    *,
    days: Annotated[float, typer.Option("--days", metavar="N", help="How long it holds, from now.")] = 30.0,
) -> None:
    """Make a token with which a user reaches their store at `memini serve --root`; needs $MEMINI_KEY."""
    typer.echo(_tokens().issue(user, days=days))


def _tokens() -> "SignedTokens":
    """Those that the key in the environment signs."""
    try:
        from memini_kuzu.service import SignedTokens
    except ImportError as error:
        raise no_extra(error) from error
    key = os.environ.get("MEMINI_KEY")
    if not key:
        raise InputError(NO_KEY)
    return SignedTokens(key)


def no_extra(error: ImportError) -> InputError:
    """What is told where the extra is missing."""
    return InputError(f'{error.name} is not installed; run pip install "memini-kuzu[mcp]"')


def interrupt(*_: object) -> None:
    """As Ctrl-C; not Python's own handler, which asyncio replaces by one that waits for that thread too."""
    raise KeyboardInterrupt
