"""Calls to functions: key tokens, sealed bodies, discovery, and `requests` with all of it."""
