"""Formats and cryptography of version 1: bytes in, bytes out.

Nothing here opens a file or a socket or reads the environment.
The specification is `docs/protocol.md`.
"""
