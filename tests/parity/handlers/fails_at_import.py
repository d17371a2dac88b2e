"""Fails when it is imported."""

raise LookupError("no such thing")
