"""The command line `memini`: parse, one `Memory` call, print.

A module of commands registers them with `command` of `_app` when it is imported; ``memini --help`` lists them
in the order of the imports below.
"""

from memini_kuzu.cli import _memory  # noqa: F401  registers the basic commands, which come first in the help

# isort: split
from memini_kuzu.cli import _ingest  # noqa: F401  registers its command, which comes next

# isort: split
from memini_kuzu.cli import (
    _agents,  # noqa: F401  registers its commands
    _alias,  # noqa: F401  registers its commands
    _changes,  # noqa: F401  registers its command
    _docs,  # noqa: F401  registers its command
    _documents,  # noqa: F401  registers its commands
    _embed,  # noqa: F401  registers its command
    _entity,  # noqa: F401  registers its commands
    _events,  # noqa: F401  registers its commands
    _explain,  # noqa: F401  registers its commands
    _explore,  # noqa: F401  registers its command
    _mcp,  # noqa: F401  registers its commands
    _science,  # noqa: F401  registers its commands
    _serve,  # noqa: F401  registers its commands
    _survey,  # noqa: F401  registers its commands
    _watch,  # noqa: F401  registers its command
)
from memini_kuzu.cli._app import app, main

__all__ = ["app", "main"]
