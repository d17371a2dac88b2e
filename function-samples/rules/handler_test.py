from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import pytest

from .handler import handle

ORDER = {
    "amount": 12_000,
    "account_days": 400,
    "orders_today": 1,
    "mail": "ada@example.org",
    "billing_country": "DE",
    "shipping_country": "DE",
}


def answer(body: bytes) -> dict[str, Any]:
    return handle(SimpleNamespace(body=body), SimpleNamespace())


def decision(**changes: object) -> Any:
    return answer(json.dumps({**ORDER, **changes}).encode())["body"]


def test_an_ordinary_order_is_accepted() -> None:
    assert decision() == {"decision": "accept", "ask_for": []}


def test_what_speaks_against_an_order_adds_up() -> None:
    assert decision(mail="x@mailinator.com") == {
        "decision": "review",
        "ask_for": ["another mail address"],
    }
    assert decision(mail="x@mailinator.com", account_days=3, shipping_country="US") == {
        "decision": "refuse",
        "ask_for": ["another mail address", "proof of address"],
    }


def test_a_customer_of_many_years_may_do_odd_things() -> None:
    assert decision(account_days=4000, orders_today=9, amount=99_000)["decision"] == "accept"


def test_the_caller_does_not_learn_which_rule_it_was() -> None:
    told = json.dumps(decision(account_days=1, amount=50_000, orders_today=7))
    assert "proof of payment" in told
    for secret in ("weight", "score", "rule", "new_account"):
        assert secret not in told


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"amount": -1}, "amount must be a whole number, 0 or more"),
        ({"orders_today": True}, "orders_today must be a whole number, 0 or more"),
        ({"billing_country": "Germany"}, "billing_country must be a country's code of two letters"),
        ({"mail": None}, "mail must be an address"),
    ],
)
def test_says_what_is_wrong_with_an_order(changes: dict[str, Any], error: str) -> None:
    assert answer(json.dumps({**ORDER, **changes}).encode()) == {
        "statusCode": 400,
        "body": {"error": error},
    }


@pytest.mark.parametrize("body", [b"", b"[]", b"{"])
def test_what_is_no_order_is_refused(body: bytes) -> None:
    assert answer(body)["statusCode"] == 400
