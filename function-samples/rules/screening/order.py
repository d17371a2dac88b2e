"""What is known of an order, and how it is read."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any


class Malformed(ValueError):
    """An order that cannot be screened; the message is for the caller."""


@dataclass(frozen=True)
class Order:
    """`amount` is in cents, `account_days` how long the customer has had their account."""

    amount: int
    account_days: int
    orders_today: int
    mail: str
    billing_country: str
    shipping_country: str


def parse(members: Any) -> Order:
    """Read an order, or raise Malformed with the member that is wrong."""
    if not isinstance(members, dict):
        raise Malformed("the body is not a JSON object")
    values: dict[str, Any] = {field.name: members.get(field.name) for field in fields(Order)}
    for name in ("amount", "account_days", "orders_today"):
        if type(values[name]) is not int or values[name] < 0:
            raise Malformed(f"{name} must be a whole number, 0 or more")
    for name in ("billing_country", "shipping_country"):
        if not isinstance(values[name], str) or len(values[name]) != 2:
            raise Malformed(f"{name} must be a country's code of two letters")
    if not isinstance(values["mail"], str) or values["mail"].count("@") != 1:
        raise Malformed("mail must be an address")
    return Order(**values)
