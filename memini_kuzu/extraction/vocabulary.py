"""Words that look like names or concepts and associate nothing.

Kept modest: a word listed here can never be recalled by, so each set holds only what stands in the most texts
and tells the least about any.
"""
# ruff: noqa: SIM905, word lists are read and edited as text

from __future__ import annotations

__all__ = ["EMPTY_MODIFIERS", "FILLERS", "NOT_SPEAKERS", "STOP_PHRASES", "STOP_WORDS"]

FILLERS = frozenset(
    """
    ah aw awesome aww awww bummer bye congrats congratulations cool dear fyi glad gon gonna good goodbye gotta
    great haha hello hey hi hmm kinda lol nah nope oh ok okay omg please sorry sure thank thanks thx
    totally ugh wan wanna welcome whoa woah woohoo wow ya yay yeah yep yes yup
    """.split()
)
"""Conversational words: capitalised at the start of a turn, taggers take them for people."""

STOP_PHRASES = FILLERS | frozenset(
    """
    anybody anyone anything bit bunch case couple course day deal dr eg end etc everybody everyone everything
    example fact front future ie kind lot matter minute moment mr mrs ms nobody nothing number one ones other
    others part past person place plenty point prof reason rest same side somebody someone something sort
    stuff thing time today tomorrow tonight type use way week while word year yesterday
    """.split()
)
"""Heads that stand for some other noun ("a kind of bread"), for a date, which the passage has already, or for
a title. Only a noun before them makes them a concept: "place" is none, "birth place" is one."""

EMPTY_MODIFIERS = FILLERS | frozenset(
    """
    additional certain different enough few fewer first former further general last latter less little
    many more most much multiple next numerous other own particular real same several similar single such
    total various whole
    """.split()
)
"""Adjectives that count, order, compare or praise: dropped in front, so "other painters" are "painters"."""

NOT_SPEAKERS = frozenset(
    """
    abstract added agenda alias answer arguments attention author caution cc class conclusion constants
    contents copyright date deadline default defaults definition deprecated description edit example
    examples extends format from goal goals hint hypothesis id idea implements important info inherits input
    keywords license location method module name namespace note notes options output parameter parameters
    params permission platforms property ps question re reason references release remark reminder requires
    result results return returns see source stability status subject summary syntax tags throws tip title
    to todo topic type types update url usage value values version warning when where who why yields
    """.split()
)
"""Words that stand before a colon at the start of a line as often as names do: headings, mail headers, and
what documentation says of a function."""

STOP_WORDS = frozenset(
    """
    a able about above across actually after again against ago all almost alone along already also
    although always am among an and another any anyway april are aren't around as ask asked at august away
    back be became because become becomes been before began begin being believe below beside besides best
    better between beyond billion both bring brought but by call called came can can't cannot certainly
    come comes coming could couldn't december did didn't do does doesn't doing don't done down during each
    easily eight either eleven else especially even ever every far february feel feeling feels felt
    finally find finds five for found four friday from gave get gets getting give given gives giving go
    goes going gone good got great had hadn't hard has hasn't have haven't having he he's help helped her
    here here's hers herself him himself his hope how however hundred hundreds i i'd i'll i'm i've if in
    indeed instead into is isn't it it's its itself january july june just keep kept knew know known knows
    large last later least left less let let's like liked likes little long look looked looking looks lot
    love loved made mainly make makes making many march may maybe me mean meant might million mine monday
    more most mostly much must my myself near nearly need needed needs neither never new next nice nine no
    nor not november now october of off often old on once one only onto or our ours ourselves out over
    perhaps put quite rather really said same saturday saw say saying says see seem seemed seems seen
    september seven shall she she's should shouldn't show showed shown shows simply since six small so
    some sometimes soon still such suddenly sunday take taken takes taking tell ten than that that's the
    their theirs them themselves then there there's therefore these they they'll they're they've think
    this those though thought thousand thousands three through throughout thursday thus till to today
    together told tomorrow tonight too took toward towards tried try trying tuesday turn turned twelve two
    under unless until up upon us use used uses using usually very via want wanted wants was wasn't we
    we'll we're we've wednesday well went were weren't what what's whatever when whenever where whereas
    whether which while who whoever whole whom whose why will with within without won't would wouldn't
    yesterday yet you you'd you'll you're you've your yours yourself
    """.split()
)
"""Function words, and the verbs, adverbs and numbers that are as common: they part the phrases."""
