"""One process owns the store and shares it: MCP for models, JSON for programs (extra ``mcp``).

What can be asked for (`tools`) needs no server: frameworks that call it themselves do without that extra.
"""

from typing import TYPE_CHECKING

from memini_kuzu.lazy import names_of

if TYPE_CHECKING:
    from memini_kuzu.service.http import PATH, application, serve_http
    from memini_kuzu.service.mcp_server import build, serve_stdio
    from memini_kuzu.service.memories import OPEN, OneMemory, UserMemories
    from memini_kuzu.service.tokens import SignedTokens

__all__ = [
    "OPEN",
    "PATH",
    "OneMemory",
    "SignedTokens",
    "UserMemories",
    "application",
    "build",
    "serve_http",
    "serve_stdio",
]

__getattr__ = names_of(
    __name__,
    {
        "memini_kuzu.service.http": ("PATH", "application", "serve_http"),
        "memini_kuzu.service.mcp_server": ("build", "serve_stdio"),
        "memini_kuzu.service.memories": ("OPEN", "OneMemory", "UserMemories"),
        "memini_kuzu.service.tokens": ("SignedTokens",),
    },
)
