"""Files, folders and standard input become records.

============================ ====================================================================
type                         what becomes a record
============================ ====================================================================
``.txt``                     the file, unless it holds a conversation
``.md``, ``.markdown``       the file without its YAML front matter
``.html``, ``.htm``          its text, a blank line between blocks (needs ``memini-kuzu[files]``)
``.pdf``                     its text, a blank line between pages (needs ``memini-kuzu[files]``)
``.jsonl``, ``.ndjson``      each line: an object with the fields that `Columns` names
``.csv``, ``.tsv``           each row, under a header with the columns that `Columns` names, parted by commas,
                             semicolons, tabs or bars
``.txt``, ``.json``,         where they hold a conversation, each message or turn: see `conversations`
``.html``, ``.eml``,
``.mbox``, ``.srt``,
``.vtt``
``-``                        standard input, see `read_stdin`
============================ ====================================================================

A folder is walked in sorted order. Names that begin with a dot are skipped, other types of file are not
considered, and links to folders are not followed; a file of another type that is named itself is an error.

The fields of a record come from the first of these that says anything:

- time: the `time` argument; the record's own (front matter ``time``, ``date`` or ``created``; in HTML the
  meta tags ``article:published_time`` and ``date``, then the first ``<time datetime>`` that is a date; a
  PDF's creation date); the file's modification date, for rows of JSONL and CSV too. Standard input has none.
- source: the `source` argument; the record's own; the file's full path.
- title: the record's own (front matter, HTML title, PDF title); the first heading of Markdown and HTML.
- id: a row's own; a whole number becomes its decimal text. A file that is one document has its name.

Text is kept verbatim, but for a byte-order mark, which tells UTF-8 and UTF-16; that of a page or a PDF is
what its markup holds. A page that is not in the given encoding is read in the one that it declares. JSONL and
CSV are streamed, so that memory does not grow with the file.
"""

from __future__ import annotations

from memini_kuzu.readers._files import Listing
from memini_kuzu.readers._inputs import TEXT_LIMIT
from memini_kuzu.readers._lines import LINE_LIMIT
from memini_kuzu.readers._walk import SUFFIXES, list_files, read, read_stdin
from memini_kuzu.records import Columns

__all__ = ["LINE_LIMIT", "SUFFIXES", "TEXT_LIMIT", "Columns", "Listing", "list_files", "read", "read_stdin"]
