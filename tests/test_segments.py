from __future__ import annotations

import time

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from memini_kuzu.text.segments import LIMIT, segment

PROSE = st.text(alphabet=st.sampled_from(list("ab é.!?…。」\"')\u00a0\u2003\x1c\r\n\t")), max_size=300)


def squeezed(text: str) -> str:
    return "".join(text.split())


@given(text=PROSE | st.text(max_size=200), limit=st.integers(1, 40))
@example(text="\ufeff\x00 a", limit=1)
def test_passages_are_pieces_of_the_text_in_order_and_lose_only_white_space(text: str, limit: int) -> None:
    passages = segment(text, limit)

    assert squeezed("".join(passages)) == squeezed(text)
    at = 0
    for passage in passages:
        assert 0 < len(passage) <= limit
        assert passage == passage.strip()
        found = text.find(passage, at)
        assert found >= 0
        at = found + len(passage)


@given(
    words=st.lists(st.text(alphabet="abc", min_size=1, max_size=8), max_size=60),
    gap=st.sampled_from([" ", "\n", ". ", "\n\n"]),
    limit=st.integers(9, 40),
)
def test_no_word_within_the_limit_is_cut(words: list[str], gap: str, limit: int) -> None:
    text = gap.join(words)

    assert [word for passage in segment(text, limit) for word in passage.split()] == text.split()


@given(text=PROSE, limit=st.integers(1, 40))
def test_cutting_a_passage_again_changes_nothing(text: str, limit: int) -> None:
    for passage in segment(text, limit):
        assert segment(passage, limit) == [passage]


def test_a_text_within_the_limit_is_one_passage_stripped_at_its_ends() -> None:
    text = "\n  One.\n\nTwo.  Three.\r\n\r\n"

    assert segment(text) == ["One.\n\nTwo.  Three."]


@pytest.mark.parametrize("text", ["", " ", "\n\n\t\u2003\n"])
def test_a_blank_text_has_no_passages(text: str) -> None:
    assert segment(text) == []


def test_short_paragraphs_that_follow_each_other_share_a_passage() -> None:
    assert segment("one\n\ntwo\n\nthree\n\nfour", limit=8) == ["one\n\ntwo", "three", "four"]


@pytest.mark.parametrize("blank", ["\n\n", "\r\n\r\n", "\n \t\n", "\n\n\n\n"])
def test_paragraphs_end_at_blank_lines_of_any_kind(blank: str) -> None:
    assert segment(f"First one.{blank}Second one.", limit=12) == ["First one.", "Second one."]


def test_a_paragraph_over_the_limit_is_cut_between_sentences() -> None:
    text = 'He said "Go." She went! Did she? (Yes.) Pi is 3.14 here.'

    assert segment(text, limit=20) == ['He said "Go."', "She went! Did she?", "(Yes.)", "Pi is 3.14 here."]


def test_sentences_without_spaces_between_them_are_cut_too() -> None:
    assert segment("今日は雨です。「明日は？」と彼は言った。晴れ！", limit=14) == [
        "今日は雨です。「明日は？」",
        "と彼は言った。晴れ！",
    ]


def test_a_list_without_full_stops_is_cut_between_lines() -> None:
    assert segment("buy bread\nbuy red wine\ncall Ada", limit=13) == ["buy bread", "buy red wine", "call Ada"]


def test_a_sentence_over_the_limit_is_cut_between_words() -> None:
    assert segment("the quick brown fox", limit=10) == ["the quick", "brown fox"]


def test_a_word_over_the_limit_is_cut_anywhere() -> None:
    assert segment("see abcdefghij ok", limit=4) == ["see", "abcd", "efgh", "ij", "ok"]


def test_the_limit_is_2000_characters_unless_told() -> None:
    assert [len(passage) for passage in segment("x" * 4500)] == [LIMIT, LIMIT, 500]
    assert LIMIT == 2000


@pytest.mark.parametrize("limit", [0, -1])
def test_a_limit_below_one_is_refused_by_its_value(limit: int) -> None:
    with pytest.raises(ValueError, match=f"limit = {limit}; "):
        segment("text", limit)


@pytest.mark.parametrize(
    "unit",
    [
        "The cat sat on the mat. ",
        "word ",
        "x",
        ".",
        '."',
        ".'\" x",
        "\n",
        " \n",
        "a \n\n",
        "。",
        "\r",
        "…)",
        "\u3000",
    ],
)
def test_a_megabyte_of_anything_takes_linear_time(unit: str) -> None:
    text = "a" + unit * (1_000_000 // len(unit)) + "b"
    begin = time.thread_time()
    segment(text)

    # a quadratic scan takes minutes; the time of this thread alone, as a machine may be busy with others
    assert time.thread_time() - begin < 10
