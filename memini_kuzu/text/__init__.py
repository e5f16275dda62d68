"""Texts: where passages end, which words count, which mentions meet, what must not be stored.

In come strings; out go strings, spans and columns. Nothing here knows of a store.

- `segments`: texts are cut into passages.
- `markdown`: which parts of a text are prose, and what its author linked.
- `languages`: which language a text is in, and its function words.
- `analysis`: the words of a passage or a cue.
- `pairs`: the events that mentions make by standing together.
- `dates`: dates in a cue.
- `redaction`: secrets that are left out.
"""
