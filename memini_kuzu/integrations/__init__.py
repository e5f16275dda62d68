"""A memory in other people's frameworks: one module each, each an extra, each thin."""
