"""The handlers' surroundings: their environment, and a service that they call."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager

from tests.command.servers import Answer, Request, server


def _answer(request: Request) -> Answer:
    body = {
        "method": request.method,
        "path": request.path,
        "body": request.body.decode(),
        "asked by": request.headers.get("x-asked-by"),
    }
    status = 404 if request.path.startswith("/missing") else 200
    return Answer(status, {"Content-Type": "application/json"}, json.dumps(body).encode())


@contextmanager
def surroundings() -> Iterator[dict[str, str]]:
    """Serve what handlers call; yield the variables that both templates are given."""
    with server(_answer) as service:
        yield {
            "GREETING": "hello",
            "HOSTNAME": "replica-1",
            "LANG": "C.UTF-8",
            "SERVICE": service.url,
        }
