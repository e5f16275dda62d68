"""Mentions by a language model behind any OpenAI-compatible endpoint. Never used unless it is named.

Texts go out in batches, a few requests at a time, and what comes back is checked: it must be JSON of the
schema, with one list for each text, and a mention counts only where its words stand in the text. Answers that
are wrong, late or missing are asked for again, after ever longer pauses; a request that the endpoint refuses
for good ends the extraction.
"""

from __future__ import annotations

import json
import math
import os
import random
import time
import urllib.error
import urllib.request
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from http.client import HTTPException
from itertools import islice
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from memini_kuzu.errors import InputError, MeminiError
from memini_kuzu.extraction.estimate import Estimate
from memini_kuzu.extraction.mentions import CONCEPT, Mention, encodable, mention
from memini_kuzu.extraction.sentences import sentence_starts

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

__all__ = ["EndpointError", "Estimate", "LLMExtractor"]

PROMPT = """List what each text mentions: people, places, organisations, works, products, events, and the
concepts that it is about. Leave out pronouns, numbers and dates. Copy each mention letter by letter from the
text. The label is PERSON, ORG, GPE, LOC, PRODUCT, WORK_OF_ART, EVENT, or CONCEPT for what is no name. Answer
with one item for each text, in their order."""

VERSION = 1
"""Of the prompt and the schema; raise it when the same text may give other mentions."""

SCHEMA = {
    "type": "object",
    "properties": {
        "texts": {
            "type": "array",
            "items": {
                "type": "array",
                "items": {
                    "type": "object",
                    "properties": {"words": {"type": "string"}, "label": {"type": "string"}},
                    "required": ["words", "label"],
                    "additionalProperties": False,
                },
            },
        }
    },
    "required": ["texts"],
    "additionalProperties": False,
}

BYTES_PER_TOKEN = 4
"""Of English text, for estimates."""

MENTIONS_PER_TOKEN = 0.1
"""One mention in ten tokens, for estimates."""

TOKENS_PER_MENTION = 15
"""Of the answer, with the names of the fields."""

AGAIN = frozenset({408, 409, 425, 429, 500, 502, 503, 504, 529})
"""HTTP statuses after which the same request may succeed."""

LONGEST_PAUSE = 60.0
"""Seconds."""

EXCERPT = 200
"""Characters of a wrong answer that the error shows."""


class EndpointError(MeminiError, RuntimeError):
    """The endpoint refuses, or goes on answering wrongly."""


class _WrongAnswerError(Exception):
    """An answer that is worth asking for again; `pause` is how many seconds the endpoint wants to be left."""

    def __init__(self, message: str, pause: float | None = None) -> None:
        super().__init__(message)
        self.pause = pause


class LLMExtractor:
    """Finds mentions with a language model.

    Parameters
    ----------
    url : str, optional
        The endpoint, such as ``http://localhost:11434/v1``; $MEMINI_LLM_URL by default, read when used.
    key : str, optional
        Its key; $MEMINI_LLM_KEY by default. Local endpoints need none.
    model : str, optional
        The model's name; $MEMINI_LLM_MODEL by default.
    batch : int
        Texts a request.
    concurrency : int
        Requests at a time.
    timeout : float
        Seconds to wait for an answer.
    attempts : int
        How often a batch is asked for before the extraction ends.
    pause : float
        Seconds before the second attempt; each later one waits twice as long.
    prices : tuple of float, optional
        What a million tokens cost, those that are sent and those of the answers, for estimates;
        $MEMINI_LLM_PRICES by default, such as ``0.15 0.60``.

    Examples
    --------
    >>> LLMExtractor(model="small").estimate(["Ada met Charles."] * 20).requests
    3
    """

    def __init__(
        self,
        url: str | None = None,
        key: str | None = None,
        model: str | None = None,
        *,
        batch: int = 8,
        concurrency: int = 4,
        timeout: float = 60.0,
        attempts: int = 5,
        pause: float = 1.0,
        prices: tuple[float, float] | None = None,
    ) -> None:
        for name, value in (("batch", batch), ("concurrency", concurrency), ("attempts", attempts)):
            if value < 1:
                raise InputError(f"{name} = {value}; pass at least 1")
        self._url, self._key, self._model = url, key, model
        self._batch, self._concurrency = batch, concurrency
        self._timeout, self._attempts, self._pause = timeout, attempts, pause
        self._prices = prices

    @property
    def model(self) -> str:
        """The model's name."""
        return _setting(self._model, "MEMINI_LLM_MODEL", "the model's name")

    @property
    def identity(self) -> str:
        """Model and version of the prompt."""
        return f"llm/{self.model}/{VERSION}"

    def estimate(self, texts: Iterable[str]) -> Estimate:
        """What extracting from these texts would take; nothing is sent.

        Parameters
        ----------
        texts : iterable of str
            Passages.

        Returns
        -------
        Estimate
            Requests and tokens, and money where prices are known.

        Raises
        ------
        InputError
            If $MEMINI_LLM_PRICES cannot be read.
        """
        prices = _prices() if self._prices is None else self._prices
        count = tokens = 0
        for text in texts:
            count += 1
            tokens += -(-len(text.encode("utf-8", "replace")) // BYTES_PER_TOKEN)
        requests = -(-count // self._batch)
        overhead = -(-(len(PROMPT) + len(json.dumps(SCHEMA))) // BYTES_PER_TOKEN)
        answer = int(tokens * MENTIONS_PER_TOKEN * TOKENS_PER_MENTION)
        estimate = Estimate(count, requests, tokens + requests * overhead, answer)
        return estimate if prices is None else replace(estimate, price=estimate.cost(*prices))

    def extract(self, texts: Iterable[str], *, processes: int = 1) -> Iterator[list[Mention]]:
        """One list of mentions a text, in order of mention.

        Parameters
        ----------
        texts : iterable of str
            Passages; read some batches ahead.
        processes : int
            Not used: the work is done elsewhere.

        Yields
        ------
        list of Mention
            By offset, no two overlapping.

        Raises
        ------
        InputError
            If the endpoint or the model is not named.
        EndpointError
            If the endpoint refuses, or goes on answering wrongly.
        """
        del processes
        iterator = map(encodable, texts)
        waiting: deque[Future[list[list[Mention]]]] = deque()
        with ThreadPoolExecutor(self._concurrency) as pool:
            try:
                while True:
                    while len(waiting) < self._concurrency and (some := list(islice(iterator, self._batch))):
                        waiting.append(pool.submit(self._ask, some))
                    if not waiting:
                        return
                    yield from waiting.popleft().result()
            finally:
                for future in waiting:
                    future.cancel()

    def _ask(self, texts: list[str]) -> list[list[Mention]]:
        """The mentions of a batch, asked for until the answer is right."""
        request = self._request(texts)
        for attempt in range(1, self._attempts + 1):
            try:
                answer = self._answer(request, len(texts))
                return [_located(text, found) for text, found in zip(texts, answer, strict=True)]
            except _WrongAnswerError as error:
                if attempt == self._attempts:
                    raise EndpointError(
                        f"{request.full_url} failed {attempt} times, at last: {error}; "
                        "nothing of this batch was kept"
                    ) from error
                pause = self._pause * 2 ** (attempt - 1) * random.uniform(0.5, 1.0)  # noqa: S311 - no secret
                # spread, so that requests that failed together do not come back together
                time.sleep(min(max(pause, error.pause or 0.0), LONGEST_PAUSE))
        raise AssertionError  # pragma: no cover - the last attempt returns or raises

    def _request(self, texts: list[str]) -> urllib.request.Request:
        url = _setting(self._url, "MEMINI_LLM_URL", "the endpoint, such as http://localhost:11434/v1")
        if urlsplit(url).scheme not in {"http", "https"}:
            raise InputError(f"the endpoint {url!r} is no http or https address")
        key = self._key if self._key is not None else os.environ.get("MEMINI_LLM_KEY", "")
        body = {
            "model": self.model,
            "temperature": 0,
            "messages": [
                {"role": "system", "content": PROMPT},
                {"role": "user", "content": json.dumps({"texts": texts}, ensure_ascii=False)},
            ],
            "response_format": {
                "type": "json_schema",
                "json_schema": {"name": "mentions", "strict": True, "schema": SCHEMA},
            },
        }
        headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {key}"} if key else {})
        return urllib.request.Request(  # noqa: S310 - http or https, looked at above
            url.rstrip("/") + "/chat/completions", json.dumps(body).encode(), headers
        )

    def _answer(self, request: urllib.request.Request, count: int) -> list[list[tuple[str, str]]]:
        """Words and label of each mention of each text, as the model gave them."""
        try:
            with urllib.request.urlopen(request, timeout=self._timeout) as response:  # noqa: S310 - see _request
                content = json.loads(response.read())["choices"][0]["message"]["content"]
        except urllib.error.HTTPError as error:
            told = error.read(EXCERPT).decode(errors="replace")
            if error.code not in AGAIN:
                raise EndpointError(
                    f"{request.full_url} refuses with status {error.code} ({told}); correct the key, "
                    "the model or the address"
                ) from error
            pause = _seconds(error.headers.get("Retry-After"))
            raise _WrongAnswerError(f"status {error.code}: {told}", pause) from error
        except (OSError, HTTPException) as error:  # an answer that breaks off is no OSError
            raise _WrongAnswerError(f"no answer: {error}") from error
        except (ValueError, KeyError, IndexError, TypeError) as error:
            raise _WrongAnswerError(f"not the answer of a chat endpoint: {error!r}") from error
        return _checked(content, count)


def _setting(value: str | None, variable: str, what: str) -> str:
    found = value or os.environ.get(variable)
    if not found:
        raise InputError(f"the llm extractor needs {what}; pass it, or set {variable}")
    return found


def _prices() -> tuple[float, float] | None:
    """Those of the environment, of a million tokens sent and a million answered."""
    given = os.environ.get("MEMINI_LLM_PRICES", "")
    if not given.strip():
        return None
    try:
        sent, answered = map(float, given.replace(",", " ").split())
    except ValueError:
        sent = answered = math.nan
    if not (0 <= sent < math.inf and 0 <= answered < math.inf):
        raise InputError(
            f"MEMINI_LLM_PRICES = {given!r}; set it to what a million tokens cost, sent and answered, "
            "such as '0.15 0.60'"
        )
    return sent, answered


def _seconds(text: str | None) -> float | None:
    """Of a Retry-After header, where it counts seconds."""
    return float(text) if text is not None and text.isdecimal() else None


def _checked(content: Any, count: int) -> list[list[tuple[str, str]]]:
    """The answer, if it is of the schema and has a list for each text."""
    try:
        texts = json.loads(content)["texts"]
        if not isinstance(texts, list) or len(texts) != count:
            raise _WrongAnswerError(f"{count} texts were asked for; the answer: {content[:EXCERPT]!r}")
        found = [[(each["words"], each["label"]) for each in text] for text in texts]
    except (ValueError, KeyError, TypeError) as error:
        raise _WrongAnswerError(f"not of the schema: {str(content)[:EXCERPT]!r}") from error
    if not all(isinstance(part, str) for text in found for each in text for part in each):
        raise _WrongAnswerError(f"not of the schema: {content[:EXCERPT]!r}")
    return found


def _located(text: str, found: list[tuple[str, str]]) -> list[Mention]:
    """Every place where the words stand, longest words first; what the text does not hold is left out."""
    starts = sentence_starts(text)
    taken = bytearray(len(text))
    mentions = []
    for words, label in sorted(set(found), key=lambda each: (-len(each[0]), each)):
        at = text.find(words) if words.strip() else -1
        while at >= 0:
            end = at + len(words)
            if not any(taken[at:end]) and _whole(text, at, end):
                taken[at:end] = b"\x01" * (end - at)
                sentence = sum(start <= at for start in starts[1:])
                mentions.append(mention(words, label.upper() or CONCEPT, sentence, at))
            at = text.find(words, end)
    return sorted(filter(None, mentions), key=lambda each: each.start)


def _whole(text: str, start: int, end: int) -> bool:
    """Whether no word is cut: "Ada" does not stand in "Canada"."""
    return not (start and text[start - 1].isalnum() and text[start].isalnum()) and not (
        end < len(text) and text[end].isalnum() and text[end - 1].isalnum()
    )
