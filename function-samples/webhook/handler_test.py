from __future__ import annotations

import json
import time
from types import SimpleNamespace
from typing import Any

import pytest

from .handler import handle
from .signature import TOLERANCE_SECONDS, Refused, sign, verify

NOW = 1_700_000_000.0
BODY = b'{"id": "evt_1", "type": "payment.succeeded"}'


def answer(body: bytes, signature: str | None) -> dict[str, Any]:
    headers = {} if signature is None else {"X-Signature": signature}
    return handle(SimpleNamespace(body=body, headers=headers), SimpleNamespace())


def test_a_signed_event_is_taken() -> None:
    assert answer(BODY, sign(BODY, time.time())) == {
        "statusCode": 202,
        "body": {"id": "evt_1", "action": "book"},
    }


def test_an_event_of_another_kind_is_taken_and_ignored() -> None:
    body = json.dumps({"id": "evt_2", "type": "customer.created"}).encode()
    assert answer(body, sign(body, time.time())) == {"statusCode": 204}


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b'{"id": "evt_1"}', b'{"type": "payment.succeeded"}', b'{"id": 1, "type": []}'],
)
def test_what_is_signed_but_is_no_event_is_refused(body: bytes) -> None:
    assert answer(body, sign(body, time.time())) == {
        "statusCode": 400,
        "body": {"error": "the body is not an event"},
    }


def test_an_event_without_a_signature_is_refused() -> None:
    assert answer(BODY, None)["statusCode"] == 401


@pytest.mark.parametrize("header", ["", "t=1", "t=1,v1=0", "t=x,v1=" + 64 * "0", " "])
def test_a_malformed_signature_is_refused(header: str) -> None:
    with pytest.raises(Refused, match="malformed"):
        verify(header, BODY, NOW)


def test_a_signature_is_for_one_body_and_one_time() -> None:
    verify(sign(BODY, NOW), BODY, NOW)
    with pytest.raises(Refused, match="match"):
        verify(sign(BODY, NOW), BODY + b" ", NOW)
    moved = sign(BODY, NOW).replace(f"t={int(NOW)}", f"t={int(NOW) + 1}")
    with pytest.raises(Refused, match="match"):
        verify(moved, BODY, NOW)


def test_an_event_that_was_recorded_is_too_old() -> None:
    verify(sign(BODY, NOW), BODY, NOW + TOLERANCE_SECONDS)
    with pytest.raises(Refused, match="old"):
        verify(sign(BODY, NOW), BODY, NOW + TOLERANCE_SECONDS + 1)
