"""Documents that were read and have their mentions: ready to be written."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from memini_kuzu.extraction.headings import file_mention, person, speaker, title_mention
from memini_kuzu.extraction.links import with_links
from memini_kuzu.extraction.mentions import Text, unkinded
from memini_kuzu.records import MARKDOWN
from memini_kuzu.store.metadata import metadata_to_json
from memini_kuzu.text.markdown import plain_structure, read_structure
from memini_kuzu.text.redaction import blank

if TYPE_CHECKING:
    from collections.abc import Iterator

    from memini_kuzu.extraction import Mention
    from memini_kuzu.records import Record
    from memini_kuzu.text.markdown import Structure

__all__ = [
    "Document",
]


@dataclass(slots=True)
class Document:
    """A record on its way into the store."""

    record: Record
    time: int
    id: int
    name: str
    digest: str
    language: str
    spans: list[tuple[int, int]]
    texts: list[str]
    mentions: list[list[Mention]] = field(default_factory=list)
    names: tuple[str, ...] = ()
    former: int | None = None
    structure: Structure | None = None

    @property
    def metadata(self) -> str | None:
        """What it brings beside its text, as the store keeps it; None where nothing tells."""
        return None if self.record.metadata is None else metadata_to_json(self.record.metadata)

    @property
    def title(self) -> str:
        """What the document is called."""
        return self.record.title or next(iter(self.record.names), "")

    def words(self, passage: int) -> str:
        """What a passage is found by beside its text: its title, and in the first one all names."""
        return "\n".join(dict.fromkeys([self.title, *(self.record.names if passage == 0 else ())]))

    def heading(self, passage: int) -> Mention | None:
        """What heads a passage: who speaks it, where the source tells; else what the title names.

        The title of a conversation is a topic, and often a sentence: it is found by its words.
        """
        if self.record.speaker:
            return person(self.record.speaker)
        named = title_mention(self.record.title) if self.record.title else file_mention(self.title)
        return named or speaker(self.texts[passage])

    def given(self, passage: int) -> list[Mention]:
        """What a passage mentions by where it comes from: who takes part, and other names of the document."""
        found: list[Mention | None] = []
        if passage == 0:
            found += [person(name) for name in self.record.people]
            found += [file_mention(name) for name in self.record.names]
            found += [title_mention(name) for name in self.names]
        heading = self.heading(passage)
        unique = {each.key: each for each in found if each is not None}
        if heading is not None:
            unique.pop(heading.key, None)
        return list(unique.values())

    def prose(self) -> Iterator[Text]:
        """The texts that mentions are looked for in, one for each passage."""
        text, lead = self.record.text, self.record.lead
        self.structure = structure = (
            read_structure(text, lead)
            if self.record.form == MARKDOWN
            else plain_structure(text, lead, self.record.aside, self.record.links)
        )
        self.names = structure.names
        for start, end in self.spans:
            yield Text(blank(structure.view(self.record.text, start, end)[0]), self.language)

    def found(self, mentions: list[list[Mention]]) -> None:
        """Take what the extractor found in `prose`; what the author linked stands for what it covers.

        In a text with code it is not believed what kinds of names it found: models of a language have learned
        from news and talk, and take an error's name for a person.
        """
        if self.structure is not None:
            for (start, end), each in zip(self.spans, mentions, strict=True):
                view, links = self.structure.view(self.record.text, start, end)
                found = [unkinded(one) for one in each] if self.structure.has_code else each
                self.mentions.append(with_links(found, links, view))
        self.structure = None  # a batch of long documents would hold more of it than of text

    @property
    def version(self) -> str:
        """What tells this version of the document from others: its text and its date."""
        return f"{self.digest}@{self.time}"
