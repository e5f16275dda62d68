"""One process owns the store and shares it: MCP for models, JSON for programs (extra ``mcp``)."""

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
