from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import pytest

from .handler import handle

INQUIRY = {"product": "sensor", "quantity": 40, "month": 11, "region": "uk", "years": 3}


def answer(body: bytes) -> dict[str, Any]:
    event = SimpleNamespace(body=body, headers={}, method="POST", query={}, path="/")
    return handle(event, SimpleNamespace(hostname="test"))


def test_answers_an_inquiry_with_a_quote() -> None:
    response = answer(json.dumps(INQUIRY).encode())
    assert response["statusCode"] == 200
    assert response["body"] == {
        "currency": "EUR",
        "unit_price": "28.08",
        "total": "1123.20",
        "valid_days": 14,
    }


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"product": "yacht"}, "product must be one of sensor, gateway, service-hour"),
        ({"region": None}, "region must be one of eu, uk, us"),
        ({"quantity": 0}, "quantity must be a whole number from 1 to 100000"),
        ({"quantity": 2.5}, "quantity must be a whole number from 1 to 100000"),
        ({"quantity": True}, "quantity must be a whole number from 1 to 100000"),
        ({"month": 13}, "month must be a whole number from 1 to 12"),
        ({"years": -1}, "years must be a whole number from 0 to 100"),
    ],
)
def test_says_what_is_wrong_with_an_inquiry(changes: dict[str, Any], error: str) -> None:
    response = answer(json.dumps({**INQUIRY, **changes}).encode())
    assert response == {"statusCode": 400, "body": {"error": error}}


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (b"", "the body is not JSON"),
        (b"\xff", "the body is not JSON"),
        (b"[]", "the body is not a JSON object"),
    ],
)
def test_refuses_a_body_that_is_not_an_object(body: bytes, error: str) -> None:
    assert answer(body) == {"statusCode": 400, "body": {"error": error}}
