"""What every extractor and embedder must do: checks for the tests of plug-ins, and for memini's own.

Each check takes a function that makes the plug-in and raises AssertionError with what is wrong. With pytest::

    @pytest.mark.parametrize("check", EXTRACTOR_CHECKS)
    def test_my_extractor(check):
        check(MyExtractor)
"""

from __future__ import annotations

from itertools import islice, repeat
from typing import TYPE_CHECKING

import numpy as np

from memini_kuzu.embedding import Embedder, space_of, unit_vectors
from memini_kuzu.extraction import Extractor, canonical, mentions_of

if TYPE_CHECKING:
    from collections.abc import Callable

    MakeExtractor = Callable[[], Extractor]
    MakeEmbedder = Callable[[], Embedder]

__all__ = ["EMBEDDER_CHECKS", "EXTRACTOR_CHECKS", "check_embedder", "check_extractor"]

TEXTS = (
    "Ada Lovelace met Charles Babbage in London. She wrote to him on Monday.",
    "Caroline: Hey Mel! I joined the pottery class.\nMelanie: Great.",
    "",
    " \n\t",
    "42",
    "Ünal wohnt in Zürich, \U0001f3bb spielt er auch. 北京很大。",
    "https://example.org/a?b=c <b>Ada</b> `x = 1` | Ada | Babbage |",
    "half a character: \ud800",
    "Ada " * 400,
)
"""Texts of every kind that people have; an extractor may find what it likes in them."""


def _promises_one_list_a_text(make: MakeExtractor) -> None:
    """One list a text, in order, whatever the texts are; offsets lie within them."""
    found = list(mentions_of(make(), TEXTS))
    assert len(found) == len(TEXTS)
    assert found[2] == found[3] == [], "an empty text mentions nothing"


def _gives_mentions_in_order(make: MakeExtractor) -> None:
    """Mentions stand in the order of the text and do not overlap; sentences count up."""
    for text, mentions in zip(TEXTS, mentions_of(make(), TEXTS), strict=True):
        starts = [mention.start for mention in mentions]
        assert starts == sorted(set(starts)), f"mentions of {text[:40]!r} are not in order: {mentions}"
        sentences = [mention.sentence for mention in mentions]
        assert sentences == sorted(sentences), f"sentences of {text[:40]!r} go back: {mentions}"


def _gives_canonical_keys(make: MakeExtractor) -> None:
    """A key is its own canonical form, so that a name that is asked for finds it."""
    for mentions in mentions_of(make(), TEXTS):
        for mention in mentions:
            assert mention.key == canonical(mention.key), f"{mention.key!r} is not canonical"
            assert mention.name.strip() == mention.name != "", f"{mention.name!r} is not tidy"
            assert mention.label, f"{mention} has no label"


def _keeps_no_state(make: MakeExtractor) -> None:
    """A text gives the same mentions alone, among others, and again."""
    extractor = make()
    together = list(mentions_of(extractor, TEXTS))
    again = list(mentions_of(extractor, TEXTS))
    assert together == again, "the same texts gave other mentions the second time"
    alone = [mentions for text in TEXTS for mentions in mentions_of(extractor, [text])]
    assert together == alone, "alone a text gives others"


def _reads_as_needed(make: MakeExtractor) -> None:
    """A stream of texts may be endless."""
    endless = make().extract(repeat(TEXTS[0]))
    assert len(list(islice(endless, 3))) == 3  # noqa: PLR2004 - as many as were asked for


def _says_what_it_is(make: MakeExtractor) -> None:
    """Its identity is a text, and the same for each that is made alike."""
    identity = make().identity
    assert isinstance(identity, str)
    assert identity.strip(), "the identity is empty; it tells later what wrote a store"
    assert make().identity == identity


EXTRACTOR_CHECKS: tuple[Callable[[MakeExtractor], None], ...] = (
    _says_what_it_is,
    _promises_one_list_a_text,
    _gives_mentions_in_order,
    _gives_canonical_keys,
    _keeps_no_state,
    _reads_as_needed,
)
"""What `check_extractor` runs, one by one."""


def check_extractor(make: MakeExtractor) -> None:
    """Check that an extractor keeps its promise, see `extraction.Extractor`.

    Parameters
    ----------
    make : callable
        Makes the extractor; the class itself where it takes no arguments.

    Raises
    ------
    AssertionError
        At the first thing that is wrong.
    InputError
        If it gives more or fewer lists than texts, or mentions outside their text.

    Examples
    --------
    >>> from memini_kuzu import RuleExtractor
    >>> check_extractor(RuleExtractor)
    """
    for check in EXTRACTOR_CHECKS:
        check(make)


def _has_a_space(make: MakeEmbedder) -> None:
    """Name and dimension are the same for each that is made alike."""
    assert space_of(make()) == space_of(make())


def _gives_a_row_a_text(make: MakeEmbedder) -> None:
    """A finite row for each text, whatever it is."""
    assert len(unit_vectors(make(), TEXTS)) == len(TEXTS)


def _embeds_each_text_by_itself(make: MakeEmbedder) -> None:
    """A text has the same vector alone, among others, and again, but for rounding."""
    embedder, texts = make(), [TEXTS[0], TEXTS[1]]
    together = unit_vectors(embedder, texts)
    np.testing.assert_allclose(together, unit_vectors(embedder, texts), atol=1e-5)
    alone = np.concatenate([unit_vectors(embedder, [text]) for text in texts])
    np.testing.assert_allclose(together, alone, atol=1e-5)


def _tells_texts_apart(make: MakeEmbedder) -> None:
    """Two different texts have different vectors."""
    one, other = unit_vectors(make(), [TEXTS[0], TEXTS[1]])
    assert not np.allclose(one, other), "different texts have one vector"


EMBEDDER_CHECKS: tuple[Callable[[MakeEmbedder], None], ...] = (
    _has_a_space,
    _gives_a_row_a_text,
    _embeds_each_text_by_itself,
    _tells_texts_apart,
)
"""What `check_embedder` runs, one by one."""


def check_embedder(make: MakeEmbedder) -> None:
    """Check that an embedder keeps its promise, see `embedding.Embedder`.

    Parameters
    ----------
    make : callable
        Makes the embedder; the class itself where it takes no arguments.

    Raises
    ------
    AssertionError
        At the first thing that is wrong.
    InputError
        If it gives another shape than it promises, or numbers that are not finite.

    Examples
    --------
    >>> class Letters:
    ...     name, dimension = "letters/1", 26
    ...
    ...     def embed(self, texts):
    ...         alphabet = "abcdefghijklmnopqrstuvwxyz"
    ...         return np.array([[text.lower().count(letter) for letter in alphabet] for text in texts])
    >>> check_embedder(Letters)
    """
    for check in EMBEDDER_CHECKS:
        check(make)
