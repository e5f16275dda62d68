"""One process owns the store and shares it: an MCP server over stdio or streamable HTTP (extra ``mcp``)."""

from memini_kuzu.service.http import PATH, application, serve_http
from memini_kuzu.service.tools import build

__all__ = ["PATH", "application", "build", "serve_http"]
