"""The handler of every contestant: just enough to show that the request has arrived."""

from __future__ import annotations

from typing import Any


def handle(event: Any, context: Any) -> dict[str, Any]:
    return {"statusCode": 200, "body": f"Hello {event.query.get('name', 'world')}"}
