"""Structure before prose: mentions are looked for in prose only, and what an author linked is a mention."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from memini_kuzu.extraction import Mention, RuleExtractor
from memini_kuzu.extraction.links import with_links
from memini_kuzu.memory import Memory
from memini_kuzu.text.markdown import LINK, TAG, Link, plain_structure, read_structure
from memini_kuzu.times import to_millis

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NOTE = """---
aliases: [BC, The Boat Club]
tags: [places, sport/rowing]
run by:
  - "[[people/Mia Berg]]"
status: Closed for repairs by Jon Ray
opened: 2019-05-04
site: https://example.org/Ada
---
## Plans

Led by [[Mia Berg|Mia]] since **Ada** Lovelace left; see [the pier](piers/Pier%204.md "map"),
[the web](https://example.org/Grace) and ![[plan.png]]. Run `Fortran` at $Euler$ &amp; <https://example.org/Bob>.

> [!note] Opening hours
> Closed on Mondays #sport/rowing and [^1] {{date}}.

| boat | seats |
|------|-------|
| Green Heron | 4 |

- [ ] Ask Jon Ray

```python
boat = "Green Heron"
```

<div>Some Markup</div>
"""


def seen(text: str) -> tuple[str, list[tuple[str, str, str]]]:
    view, links = read_structure(text).view(text, 0, len(text))
    return view, [(link.name, link.kind, view[link.start : link.end]) for link in links]


def test_the_view_of_a_note_is_its_prose() -> None:
    view, _ = seen(NOTE)

    assert [block.split() for block in view.split("\n\n")] == [
        line.split()
        for line in (
            "Closed for repairs by Jon Ray",
            "Plans",
            "Led by Mia since Ada Lovelace left; see the pier, the web and . Run at &amp; .",
            "Opening hours Closed on Mondays sport/rowing and .",
            "boat",
            "seats",
            "Green Heron",
            "4",
            "Ask Jon Ray",
        )
    ]


def test_links_tags_and_properties_name_what_their_author_meant() -> None:
    _, links = seen(NOTE)

    assert links == [
        ("places", TAG, ""),
        ("sport", TAG, ""),
        ("rowing", TAG, ""),
        ("Mia Berg", LINK, ""),
        ("Mia Berg", LINK, "Mia"),
        ("Pier 4", LINK, "the pier"),
        ("sport", TAG, "sport/rowing"),
        ("rowing", TAG, "sport/rowing"),
    ]
    assert read_structure(NOTE).names == ("BC", "The Boat Club")


@pytest.mark.parametrize(
    ("link", "name"),
    [
        ("[[Ada]]", "Ada"),
        ("[[people/Ada.md#Early life|her]]", "Ada"),
        ("![[Ada]]", "Ada"),
        ("| [[people/Ada\\|her]] |\n|---|", "Ada"),
        ("| ![[ada.png\\|300]] |\n|---|", None),
        ("[her](../people/Ada.md#early)", "Ada"),
        ("[her][ref]\n\n[ref]: people/Ada.md", "Ada"),
        ("[[v1.2 plan]]", "v1.2 plan"),
        ("[[#Early life]]", None),
        ("![[ada.png]]", None),
        ("![Ada](ada.png)", None),
        ("[her](https://example.org/Ada.md)", None),
        ("[her](mailto:ada@example.org)", None),
        ("[[README]]", None),
        ("`[[Ada]]`", None),
        ("    [[Ada]]", None),
    ],
)
def test_a_link_names_the_note_that_it_leads_to(link: str, name: str | None) -> None:
    assert [found for found, _, _ in seen(link)[1]] == ([] if name is None else [name])


@pytest.mark.parametrize(
    "text",
    [
        "- DONE Call Mia Berg\n  id:: 6596d3b1\n  :LOGBOOK:\n  CLOCK: [2025-01-02 Thu 10:00]\n  :END:",
        "- LATER Call Mia Berg\n  SCHEDULED: <2025-01-05 Sun>",
        "- TODO Call Mia Berg",
        "Call Mia Berg ^c4ll-1d",
        "- [ ] Call Mia Berg",
        "Call Mia Berg",
    ],
)
def test_marks_of_tasks_and_blocks_are_no_prose(text: str) -> None:
    assert seen(text)[0].split() == ["Call", "Mia", "Berg"]


def test_a_rule_across_the_page_hides_no_prose() -> None:
    assert seen("---\n\none\n\n---\n\ntwo")[0] == "one\n\ntwo"


@settings(max_examples=150)
@given(st.text(st.sampled_from("aB [](){}#*_`|!\\<>&;:-$~\n\r\t\u00e9^%/.1"), max_size=120))
@example("[a](b\n\n[[c|d]](e)")
@example("| [[a\\|b]] | `c|` |\n|---|---|\n| x | y |")
def test_any_text_has_a_view_that_is_made_of_its_pieces_in_order(text: str) -> None:
    structure = read_structure(text)

    ends = [0, *(end for _, end in structure.pieces)]
    assert all(end <= start < last for end, (start, last) in zip(ends, structure.pieces, strict=False))
    view, links = structure.view(text, 0, len(text))
    assert all(0 <= link.start <= link.end <= len(view) for link in links)
    halves = [structure.view(text, 0, len(text) // 2), structure.view(text, len(text) // 2, len(text))]
    assert sum(len(links) for _, links in halves) == len(structure.links)


def test_a_link_takes_the_place_of_what_was_found_in_its_words() -> None:
    text = "It rained. Bob met Ines. Ada met Mara Voss."
    found = [
        Mention("bob", "Bob", "PERSON", 1, 11),
        Mention("ines", "Ines", "PERSON", 1, 19),
        Mention("mara voss", "Mara Voss", "PERSON", 2, 33),
    ]
    links = [
        Link("Ines Okonkwo", LINK, 19, 23),
        Link("weather", TAG, 25, 28),
        Link("Mara Voss", LINK, 33, 42),
    ]

    assert [(each.name, each.label, each.sentence) for each in with_links(found, links, text)] == [
        ("Bob", "PERSON", 1),
        ("Ines Okonkwo", "TITLE", 1),
        ("weather", "CONCEPT", 2),
        ("Mara Voss", "PERSON", 2),
    ]


def test_a_link_to_a_file_named_by_a_common_word_names_nothing() -> None:
    text = "The event loop, and pottery."
    loop, pottery = Link("events", LINK, 4, 14), Link("pottery", LINK, 20, 27)
    found = [Mention("event loop", "event loop", "CONCEPT", 0, 4)]
    assert [each.name for each in with_links(found, [loop, pottery], text)] == ["event loop", "pottery"]
    assert [each.name for each in with_links([], [loop._replace(name="Events")], text)] == ["Events"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Run `start`.", True),
        ("See:\n\n```\nstart\n```\n", True),
        ("See:\n\n    start\n", True),
        ("A *plain* note, [[Ada]], $x$ and <br>.", False),
    ],
)
def test_code_is_told(text: str, expected: bool) -> None:
    assert read_structure(text).has_code == expected


@pytest.mark.parametrize("aside", ["#+begin_src sh\nrun\n#+end_src", "var x;"])
def test_code_of_other_texts_is_told(aside: str) -> None:
    text = f":PROPERTIES:\n:ID: 1\n:END:\nAda.\n{aside}"
    data = (0, text.index("Ada"))
    assert not plain_structure(text, 0, [data]).has_code
    assert plain_structure(text, 0, [data, (text.index(aside), len(text))]).has_code


# --- what the store makes of it


@pytest.fixture
def memory(tmp_path: Path) -> Iterator[Memory]:
    with Memory.open(tmp_path / "a.memini", extractor=RuleExtractor()) as memory:
        yield memory


def write(folder: Path, name: str, text: str) -> Path:
    path = folder / "vault" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    stamp = to_millis("2026-03-01") * 1_000_000
    os.utime(path, ns=(stamp, stamp))
    return path


def names(memory: Memory) -> set[str]:
    return {row["n"] for row in memory.cypher("MATCH (e:Entity) RETURN e.name AS n").to_pylist()}


def test_a_vault_goes_in_whole_and_gives_no_entities_of_code_and_markup(
    memory: Memory, tmp_path: Path
) -> None:
    write(tmp_path, "Boat Club.md", NOTE)
    write(tmp_path, "empty.md", "")
    write(tmp_path, "daily.md", "---\ndate: {{date}}\n---\n# {{title}}\n")
    write(tmp_path, "Film.md", '---\ndirector: "[[Mara Voss]]"\nyear: 1984\n---\n')

    report = memory.ingest(tmp_path / "vault")

    assert (report.added, len(report.notices)) == (3, 1)
    assert report.files["vault/empty.md"] == {"is empty; there is no text to remember": 1}
    found = names(memory)
    assert {"Boat Club", "BC", "Mia Berg", "Mara Voss", "rowing", "Film"} <= found
    assert not {name for name in found if set(name) & set("[]|`{}$<>")}
    assert not {"Fortran", "Euler", "Some Markup", "Mia", "plan.png"} & found


@pytest.mark.parametrize(
    "cue", ["Boat Club", "BC", "rowing", "Who runs the boat club?", "closed for repairs"]
)
def test_a_note_is_found_by_its_file_its_aliases_its_tags_and_its_properties(
    memory: Memory, tmp_path: Path, cue: str
) -> None:
    write(tmp_path, "places/Boat Club.md", NOTE)
    write(tmp_path, "other.md", "Jon walked the dog on Monday, and the ferry was late.")
    memory.ingest(tmp_path / "vault")

    first = memory.recall(cue).passages[0]

    assert first.title == "Boat Club"
    assert first.text in NOTE


def test_passages_are_the_author_s_words(memory: Memory, tmp_path: Path) -> None:
    path = write(tmp_path, "a.md", NOTE)
    memory.ingest(path)

    texts = [row["t"] for row in memory.cypher("MATCH (p:Passage) RETURN p.text AS t").to_pylist()]

    assert "".join("".join(texts).split()) == "".join(NOTE.split())


def test_code_of_a_page_gives_no_entities(memory: Memory, tmp_path: Path) -> None:
    write(
        tmp_path,
        "a.html",
        "<p>Ada met Grace Hopper.</p><pre>Green Heron = Boat()</pre><p>Then Mia Berg left.</p>",
    )

    memory.ingest(tmp_path / "vault")

    assert "Grace Hopper" in names(memory)
    assert not {name for name in names(memory) if "Heron" in name}


def test_kinds_of_names_are_not_believed_in_a_text_with_code(memory: Memory, tmp_path: Path) -> None:
    for day in range(1, 5):
        write(
            tmp_path, f"{day}.md", "Ada Lovelace: I met Grace Hopper." + (" Run `meet`." if day < 3 else "")
        )
        memory.ingest(tmp_path / "vault")
        votes = memory.cypher("MATCH (e:Entity {key: 'ada lovelace'}) RETURN e.votes AS v, e.label AS l")

    assert votes.to_pylist() == [{"v": '{"NAME": 2, "PERSON": 2}', "l": "NAME"}]
