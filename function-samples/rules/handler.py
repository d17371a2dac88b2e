"""Screens an order: accept it, look at it, or refuse it."""

from __future__ import annotations

import json
from typing import Any

from .screening import Malformed, parse, screen


def handle(event: Any, context: Any) -> dict[str, Any]:
    try:
        order = parse(json.loads(event.body))
    except (ValueError, Malformed) as error:
        problem = str(error) if isinstance(error, Malformed) else "the body is not JSON"
        return {"statusCode": 400, "body": {"error": problem}}
    decision = screen(order)
    return {"body": {"decision": decision.verdict, "ask_for": list(decision.evidence)}}
