"""A second implementation of docs/protocol.md, to compare the first with.

It shares no code with `faas_sealed` and takes other ways where there are any: HKDF out
of HMAC, another library's Ed25519, JSON judged by its characters instead of written
again, zips read from the front instead of the end.
"""
