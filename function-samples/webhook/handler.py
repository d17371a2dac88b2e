"""Takes events from a payment provider, if they are signed."""

from __future__ import annotations

import json
import time
from typing import Any

from .signature import Refused, verify

# What we act on; the provider sends much else.
HANDLED = {"payment.succeeded": "book", "payment.refunded": "unbook"}


def handle(event: Any, context: Any) -> dict[str, Any]:
    try:
        verify(event.headers.get("X-Signature", ""), event.body, time.time())
    except Refused as error:
        return {"statusCode": 401, "body": {"error": str(error)}}
    try:
        message = json.loads(event.body)
        name, action = message["id"], HANDLED.get(message["type"])
    except (ValueError, TypeError, KeyError):
        return {"statusCode": 400, "body": {"error": "the body is not an event"}}
    if action is None:
        return {"statusCode": 204}
    return {"statusCode": 202, "body": {"id": name, "action": action}}
