"""What a handler can get at, and whatever it imports: not the function key."""

from __future__ import annotations

from hashlib import sha256

import pytest

from tests.support import serve

# Looks at everything that is alive for a text or bytes with one of the digests in the query.
FILES = {
    "handler.py": """\
import gc
import os
import sys
from hashlib import sha256
from types import FrameType


def handle(event, context):
    wanted = event.query.getlist("digest")
    found = {digest_of(thing) for thing in alive(event, context)}
    return [digest in found for digest in wanted]


def alive(*first):
    yield from os.environ.values()
    seen = set()
    below = [*first, *gc.get_objects(), *sys._current_frames().values()]
    while below:
        thing = below.pop()
        if id(thing) in seen:
            continue
        seen.add(id(thing))
        yield thing
        below += gc.get_referents(thing)
        if isinstance(thing, FrameType):
            below += [thing.f_locals, thing.f_back]


def digest_of(thing):
    if isinstance(thing, str):
        thing = thing.encode("utf-8", "surrogatepass")
    return sha256(thing).hexdigest() if isinstance(thing, bytes) else None
"""
}


@pytest.mark.parametrize("form", ["raw", "token"])
@pytest.mark.parametrize("libraries", [[], ["flask"]], ids=["plain", "with Flask"])
def test_no_object_that_is_alive_is_the_function_key(libraries: list[str], form: str) -> None:
    with serve(FILES, preload=libraries, transport=[bytes(32)], seal_audit="on") as function:
        token = function.token(bind=None)
        key = token if form == "token" else function.key
        looked_for = (key.encode(), function.function_key, b"a header", b"a body")
        query = "&".join(f"digest={sha256(value).hexdigest()}" for value in looked_for)
        answer = function.request(
            f"/?{query}", method="POST", body=b"a body", headers=[("X-Other", "a header")], key=key
        )
        assert answer.status == 200, function.open_trace(answer.json()["trace"])
    assert answer.json() == [False, False, True, True]
