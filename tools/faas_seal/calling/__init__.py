"""Calls to functions: key tokens, sealed bodies, discovery, and the `auth` that uses them."""
