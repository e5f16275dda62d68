"""The language of a text, and the function words of a language.

What is written without blanks shows its language by its script. Elsewhere two witnesses have to agree that a
text is not in English: its function words, and a naive Bayes classifier over its bytes (py3langid). Either
alone errs on a line of chat or a list of names; where they differ, a text is taken for English.
"""

from __future__ import annotations

import re
import runpy
import unicodedata
from collections import Counter, defaultdict
from functools import cache, lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from py3langid.langid import LanguageIdentifier

__all__ = [
    "ENGLISH",
    "HAN",
    "KANA",
    "PARTICLES",
    "SYLLABIC",
    "UNSPACED",
    "detect",
    "function_words",
    "languages",
    "unspaced_character",
]

ENGLISH = "en"

SAMPLE = 10_000
"""Characters that are looked at: a document shows its language on its first pages."""

HAN = "\u3005\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
KANA = "\u3041-\u309f\u30a1-\u30fa\u30fc-\u30ff\uff66-\uff9f"
HANGUL = "\u1100-\u11ff\u3130-\u318f\uac00-\ud7af"
SYLLABIC = HAN + KANA + HANGUL
"""Scripts with a syllable or more a character."""

ALPHABETIC = {"th": "\u0e00-\u0e7f", "lo": "\u0e80-\u0eff", "my": "\u1000-\u109f", "km": "\u1780-\u17ff"}
"""Scripts with a sound a character, written without blanks, and their languages."""

UNSPACED = SYLLABIC + "".join(ALPHABETIC.values())
"""What the inside of a character class takes, as the three before it."""

CHARACTERS_A_WORD = 2
"""Of Chinese and Japanese words, the commonest length: to weigh them against words with blanks between."""

KANA_SHARE = 0.1
"""Japanese prose is a third kana and more; Chinese has none, but for a name."""

MARGIN = 2
"""How many times more function words another language must have than English, those that both have aside: an
English sentence may name Ben van Beurden, or quote the title of a film."""

LEAST = 2
"""Function words below which another language may be a coincidence: "Ada" is Malay for "there is"."""

_OPENERS = ("", *'.!?:¿¡«"“„')

PARTICLES = frozenset(
    (  # noqa: SIM905 - a list reads better as text
        "af al av bin d da das de degli dei del della delle der des di do dos du el ibn la le ten ter van "
        "von zu zum zur"
    ).split()
)
"""What joins the parts of a name."""

_IN_A_NAME = re.compile(
    rf"(?<!\w)([A-ZÀ-ÖØ-Þ][\w.]* )((?:(?:{'|'.join(sorted(PARTICLES))}) ){{1,2}})(?=[A-ZÀ-ÖØ-Þ])"
)

_LATIN = re.compile(r"(?![ªºµ])[A-Za-z\u00c0-\u024f\u1e00-\u1eff]")
_IN_DETECTOR = {"no": "nb"}
"""What py3langid calls otherwise than spaCy."""


@cache
def unspaced_character() -> re.Pattern[str]:
    """A character of those scripts. Compiling a class of so many takes milliseconds, and not all need it."""
    return re.compile(f"[{UNSPACED}]")


@cache
def _word() -> re.Pattern[str]:
    """A word between blanks."""
    return re.compile(rf"(?:(?![{UNSPACED}])[^\W\d_])+(?:['’][^\W\d_]+)*")


@cache
def _word_lists() -> dict[str, Path]:
    """Where spaCy lists function words. Read as files: importing them loads all of spaCy."""
    found = find_spec("spacy")
    places = [] if found is None else found.submodule_search_locations or []
    return {
        path.parent.name: path for place in places for path in Path(place, "lang").glob("*/stop_words.py")
    }


def languages() -> frozenset[str]:
    """The languages that can be told: ISO 639 codes of those whose function words spaCy has.

    Examples
    --------
    >>> {"en", "de", "zh"} <= languages()
    True
    """
    return frozenset(_word_lists())


@cache
def function_words(language: str) -> frozenset[str]:
    """Words of a language that tell no text from another, in lower case.

    Parameters
    ----------
    language : str
        One of `languages`; of others none is known.

    Examples
    --------
    >>> "oder" in function_words("de"), "Vertrag" in function_words("de")
    (True, False)
    """
    path = _word_lists().get(language)
    words = [] if path is None else runpy.run_path(str(path))["STOP_WORDS"]
    return frozenset(_folded(word) for word in words)


def _folded(text: str) -> str:
    return unicodedata.normalize("NFKC", text).casefold().replace("’", "'")


@cache
def _speakers_of() -> dict[str, tuple[str, ...]]:
    """The languages that have a word among their function words."""
    found: defaultdict[str, list[str]] = defaultdict(list)
    for language in sorted(languages()):
        for word in function_words(language):
            found[word].append(language)
    return {word: tuple(those) for word, those in found.items()}


def detect(text: str, among: Collection[str] | None = None) -> str:
    """The language of a text.

    Parameters
    ----------
    text : str
        Any text; of a long one the beginning is read.
    among : collection of str, optional
        The languages that come into question; by default `languages`.

    Returns
    -------
    str
        ISO 639 code; ``en`` where nothing speaks for another language.

    Examples
    --------
    >>> detect("Der Betriebsrat prüft die Verträge."), detect("Bye, Joanna!"), detect("财务部审核发票")
    ('de', 'en', 'zh')
    """
    possible = languages() if among is None else among
    sample = text[:SAMPLE]
    words = [match.group() for match in _word().finditer(sample)]
    unspaced = "".join(unspaced_character().findall(sample))
    if len(unspaced) > CHARACTERS_A_WORD * len(words):
        language = _by_script(unspaced)
        return language if language in possible else ENGLISH
    latin = 2 * len(_LATIN.findall(sample)) >= sum(map(len, words))
    counts = _witnesses(sample, possible)
    speaking = {
        language for language, (own, english) in counts.items() if own >= LEAST and own > MARGIN * english
    }
    if latin and not speaking:
        return ENGLISH
    for name, _ in _detector().rank(sample):
        language = _IN_DETECTOR.get(name, name)
        if language in possible:
            return language if language in speaking or not latin else ENGLISH
    return ENGLISH


def _witnesses(text: str, possible: Collection[str]) -> dict[str, tuple[int, int]]:
    """How many words of a text have a function in a language and not in English, and conversely.

    What belongs to a name speaks for no other language: a word with a capital, but where it opens a sentence,
    and what stands between two of them (*Ana de la Cruz*).
    """
    bare = _IN_A_NAME.sub(lambda name: name[1] + " " * len(name[2]), text)
    own = _functions(bare, possible)
    english = own if bare == text else _functions(text, possible)
    return {
        language: (
            sum(number for use, number in own.items() if language in use and ENGLISH not in use),
            sum(number for use, number in english.items() if language not in use and ENGLISH in use),
        )
        for language in {language for use in own for language in use} - {ENGLISH}
    }


def _functions(text: str, possible: Collection[str]) -> Counter[frozenset[str]]:
    """How many words of a text have a mere function in these languages, and no others, of those possible."""
    found: Counter[frozenset[str]] = Counter()
    for match in _word().finditer(text):
        word = match.group()
        uses = _uses(word).intersection(possible)
        if uses and (word[0].islower() or _opens(text, match.start())):
            found[uses] += 1
    return found


def _opens(text: str, start: int) -> bool:
    """Whether a sentence opens there."""
    before = text[max(0, start - 3) : start]
    return "\n" in before or before.rstrip()[-1:] in _OPENERS


def _by_script(unspaced: str) -> str:
    """The language of what is written without blanks."""
    han, kana, hangul = (len(re.findall(f"[{script}]", unspaced)) for script in (HAN, KANA, HANGUL))
    counts = {language: len(re.findall(f"[{script}]", unspaced)) for language, script in ALPHABETIC.items()}
    japanese = kana > KANA_SHARE * (han + kana)
    counts |= {"ja": (han + kana) * japanese, "zh": (han + kana) * (not japanese), "ko": hangul}
    return max(counts, key=lambda language: counts[language])


@lru_cache(maxsize=1 << 15)
def _uses(word: str) -> frozenset[str]:
    return frozenset(_use(_folded(word)))


def _use(word: str) -> Iterator[str]:
    """The languages in which a word, or what an apostrophe parts of it (*l'*, *'re*), has a mere function."""
    known = _speakers_of()
    yield from known.get(word, ())
    before, apostrophe, after = word.partition("'")
    if apostrophe:
        yield from {*known.get(before + apostrophe, ()), *known.get(apostrophe + after, ())}


@cache
def _detector() -> LanguageIdentifier:
    """The classifier, for the languages that both know; loading it takes a second or two."""
    from py3langid.langid import MODEL_FILE, LanguageIdentifier  # noqa: PLC0415, see above

    identifier = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
    identifier.set_languages(
        [name for name in identifier.labels if _IN_DETECTOR.get(name, name) in languages()]
    )
    return identifier
