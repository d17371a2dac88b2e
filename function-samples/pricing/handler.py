"""A quote for an inquiry, both JSON."""

from __future__ import annotations

import json
from typing import Any

from .model import RATES, Inquiry, quote

MAX_QUANTITY = 100_000


class Invalid(ValueError):
    """An inquiry that cannot be priced; the message is for the caller."""


def handle(event: Any, context: Any) -> dict[str, Any]:
    try:
        inquiry = parse(event.body)
    except Invalid as error:
        return {"statusCode": 400, "body": {"error": str(error)}}
    offer = quote(inquiry)
    return {
        "statusCode": 200,
        "body": {
            "currency": RATES["currency"],
            "unit_price": str(offer.unit_price),
            "total": str(offer.total),
            "valid_days": RATES["valid_days"],
        },
    }


def parse(body: bytes) -> Inquiry:
    try:
        members = json.loads(body)
    except ValueError:
        raise Invalid("the body is not JSON") from None
    if not isinstance(members, dict):
        raise Invalid("the body is not a JSON object")
    return Inquiry(
        product=_choice(members, "product", RATES["products"]),
        quantity=_number(members, "quantity", 1, MAX_QUANTITY),
        month=_number(members, "month", 1, 12),
        region=_choice(members, "region", RATES["regions"]),
        years=_number({"years": 0, **members}, "years", 0, 100),
    )


def _choice(members: dict[str, Any], name: str, choices: dict[str, Any]) -> str:
    value = members.get(name)
    if not isinstance(value, str) or value not in choices:
        raise Invalid(f"{name} must be one of {', '.join(choices)}")
    return value


def _number(members: dict[str, Any], name: str, least: int, most: int) -> int:
    value = members.get(name)
    if type(value) is not int or not least <= value <= most:
        raise Invalid(f"{name} must be a whole number from {least} to {most}")
    return value
