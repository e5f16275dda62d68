"""Opening and closing a memory, and what all its calls share."""

from __future__ import annotations

import reprlib
from pathlib import Path
from typing import TYPE_CHECKING, Self

from memini_kuzu.errors import InputError, UnknownEntityError
from memini_kuzu.extraction import canonical, default_extractor
from memini_kuzu.protocol import AssociativeMemory
from memini_kuzu.store import Store, reading
from memini_kuzu.store.likeness import entities_like
from memini_kuzu.store.strongest import ORDERS
from memini_kuzu.text.redaction import KEYS_ONLY, Redaction
from memini_kuzu.times import TimeLike, system_clock, to_millis

if TYPE_CHECKING:
    from collections.abc import Callable

    from memini_kuzu.config import Parameters
    from memini_kuzu.embedding import Embedder
    from memini_kuzu.extraction import Extractor
    from memini_kuzu.service.client import RemoteMemory
    from memini_kuzu.times import Clock


__all__ = ["EXTRACTOR", "OpenMemory", "check_count", "check_order", "check_text"]

EXTRACTOR = "extractor"
"""The key in MeminiMeta of what wrote the store's mentions."""


class OpenMemory(AssociativeMemory):
    """A memory that is open."""

    def __init__(
        self,
        store: Store,
        *,
        extractor: Extractor | None = None,
        clock: Clock = system_clock,
        hint: Callable[[str], None] | None = None,
        redaction: Redaction = KEYS_ONLY,
        embedder: Embedder | None = None,
    ) -> None:
        self._store = store
        self._extractor = extractor
        self._clock = clock
        self._hint = hint
        self._redaction = redaction
        self._embedder = embedder

    @classmethod
    def open(
        cls,
        path: Path | str,
        *,
        create: bool = True,
        read_only: bool = False,
        parameters: Parameters | None = None,
        wait: float = 0.0,
        extractor: Extractor | None = None,
        clock: Clock = system_clock,
        hint: Callable[[str], None] | None = None,
        redaction: Redaction = KEYS_ONLY,
        embedder: Embedder | None = None,
        share: float = 1.0,
    ) -> Self:
        """Open a store, or make it where there is none.

        Parameters
        ----------
        path : Path or str
            The file.
        create : bool
            Make it where it does not exist.
        read_only : bool
            Open without the right to write; several processes may do so at once.
        parameters : Parameters, optional
            The dynamics of a store that is made. A store keeps its own for good: others are refused.
        wait : float
            Seconds to wait for another process to close it.
        extractor : Extractor, optional
            Finds the mentions; by default spaCy where a model is installed, or else rules.
        clock : callable
            Gives the present in milliseconds since 1970.
        hint : callable, optional
            Takes one line of advice for the user.
        redaction : Redaction
            What is masked before a text is stored: keys, tokens and passwords by default.
        embedder : Embedder, optional
            Gives passages and cues vectors, so that recall also finds what is similar. None by default:
            words, names and dates alone. Passages that were taken in without it need `embed`.
        share : float
            The part of the machine's memory that the caches of this store may reckon with, above 0 and up to
            1. Where n stores are open at once, give each 1/n.

        Returns
        -------
        Memory
            To be closed; it is a context manager.

        Raises
        ------
        StoreLockedError
            If another process has it open.
        NotAStoreError
            If the path holds something else, or nothing and `create` is false.
        InputError
            If the store has other parameters than those given, or `share` is no part of the memory.

        Examples
        --------
        >>> import tempfile
        >>> from memini_kuzu import Memory
        >>> with Memory.open(Path(tempfile.mkdtemp()) / "a.memini") as memory:
        ...     memory.stats().entities
        0
        """
        if not 0 < share <= 1:
            raise InputError(f"share = {share}; pass the part of the memory, above 0 and up to 1")
        store = Store(
            Path(path), create=create, parameters=parameters, read_only=read_only, wait=wait, share=share
        )
        if parameters is not None and store.parameters != parameters:
            store.close()
            raise InputError(
                f"{path} has {store.parameters}, not {parameters}; a store keeps its parameters: open it "
                "without, or make a new one"
            )
        return cls(store, extractor=extractor, clock=clock, hint=hint, redaction=redaction, embedder=embedder)

    @staticmethod
    def connect(url: str, *, token: str | None = None, timeout: float = 60.0) -> RemoteMemory:
        """The memory that `memini serve` shares at an address, for any number of processes at once.

        Parameters
        ----------
        url : str
            Where it is served, such as ``http://127.0.0.1:8765/mcp``.
        token : str, optional
            The bearer token, where one is required.
        timeout : float
            Seconds to wait for an answer.

        Returns
        -------
        RemoteMemory
            With the methods remember, recall, associations, forget, stats and backup; a context manager.

        Raises
        ------
        InputError
            If the extra ``mcp`` is not installed.
        StoreError
            If no memory answers there.

        Examples
        --------
        >>> with Memory.connect("http://127.0.0.1:8765/mcp") as memory:  # doctest: +SKIP
        ...     memory.recall("Who met Babbage?")  # needs `memini serve`
        """
        try:
            from memini_kuzu.service.client import RemoteMemory  # noqa: PLC0415 - the extra mcp
        except ModuleNotFoundError as error:
            raise InputError(f'{error.name} is not installed; run pip install "memini-kuzu[mcp]"') from error
        return RemoteMemory(url, token=token, timeout=timeout)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._store.close()

    @property
    def path(self) -> Path:
        """The store's file."""
        return self._store.path

    @property
    def parameters(self) -> Parameters:
        """The dynamics of the store."""
        return self._store.parameters

    @property
    def extractor(self) -> Extractor:
        """What finds the mentions in texts."""
        if self._extractor is None:
            self._extractor = default_extractor(self._hint)
        return self._extractor

    def _resolve(self, entity: str, *, dropped: bool = False) -> tuple[int, str]:
        """Id and name of an entity, by its whole name or alias; of one that was dropped only if asked for."""
        check_text(entity, "entity", "the name of an entity")
        key = canonical(entity)
        found = reading.entity_named(self._store, key, entity.strip()) if key else None
        if found is not None:
            if found[0] in self._store.dropped() and not dropped:
                raise UnknownEntityError(
                    f"entity {found[1]!r} has been dropped; `memini entity undo {found[1]!r}` takes that back"
                )
            return found
        edits = max(1, len(key) // 4)
        near = entities_like(self._store, {key: edits} if key else {}, 3)["name"].to_pylist()
        hint = (
            f"; did you mean {', '.join(near)}?" if near else "; `memini recall` finds passages by any words"
        )
        raise UnknownEntityError(f"no entity is named {entity!r}{hint}")

    def _now(self, now: TimeLike | None) -> int:
        return self._clock() if now is None else to_millis(now)


def check_count(k: object, what: str, name: str = "k") -> None:
    """Refuse what is no number of things.

    Examples
    --------
    >>> check_count("3", "passages to return")
    Traceback (most recent call last):
    ...
    memini_kuzu.errors.InputError: k = '3'; pass how many passages to return, a whole number of at least 1
    """
    if not isinstance(k, int) or isinstance(k, bool) or k < 1:
        raise InputError(f"{name} = {k!r}; pass how many {what}, a whole number of at least 1")


def check_order(by: object) -> None:
    """Refuse what associations are not ordered by.

    Examples
    --------
    >>> check_order("date")
    Traceback (most recent call last):
    ...
    memini_kuzu.errors.InputError: by = 'date'; pass one of strength, telling
    """
    if by not in ORDERS:
        raise InputError(f"by = {by!r}; pass one of {', '.join(ORDERS)}")


def check_text(text: object, name: str, what: str) -> None:
    """Refuse what is no text.

    Examples
    --------
    >>> check_text(None, "cue", "a question")
    Traceback (most recent call last):
    ...
    memini_kuzu.errors.InputError: cue = None; pass a question as text
    """
    if not isinstance(text, str):
        remedy = f"decode it to text: {name}.decode()" if isinstance(text, bytes) else f"pass {what} as text"
        raise InputError(f"{name} = {reprlib.repr(text)}; {remedy}")
