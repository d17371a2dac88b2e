"""Answers a thumbnail of an image, with a mark that nobody sees."""

from __future__ import annotations

from typing import Any

from .picture import Unusable, thumbnail

MOST_PIXELS = 512


def handle(event: Any, context: Any) -> dict[str, Any]:
    try:
        size = int(event.query.get("size", "128"))
    except ValueError:
        return {"statusCode": 400, "body": {"error": "size is a whole number"}}
    try:
        if not 16 <= size <= MOST_PIXELS:
            raise Unusable(f"size is 16 to {MOST_PIXELS} pixels")
        picture = thumbnail(event.body, size)
    except Unusable as error:
        return {"statusCode": 422, "body": {"error": str(error)}}
    return {"headers": {"Content-Type": "image/png"}, "body": picture}
