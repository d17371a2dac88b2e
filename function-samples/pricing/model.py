"""The pricing model: what a competitor would like to read."""

from __future__ import annotations

import json
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from importlib import resources

RATES = json.loads(resources.files(__package__).joinpath("rates.json").read_text("utf-8"))

# From this quantity on, this much less on the list price.
VOLUME_TIERS = (
    (1000, Decimal("0.185")),
    (250, Decimal("0.125")),
    (50, Decimal("0.07")),
    (10, Decimal("0.025")),
)
LOYALTY_PER_YEAR = Decimal("0.0075")
LOYALTY_LIMIT = Decimal("0.045")

# Whatever the discounts add up to, a unit earns at least this on its cost.
FLOOR_MARGIN = Decimal("0.0825")

CENT = Decimal("0.01")


@dataclass(frozen=True)
class Inquiry:
    """What a customer asks for. `month` is 1 to 12, `years` how long they have been one."""

    product: str
    quantity: int
    month: int
    region: str
    years: int


@dataclass(frozen=True)
class Quote:
    unit_price: Decimal
    total: Decimal


def quote(inquiry: Inquiry) -> Quote:
    """Price an inquiry whose product and region are in the rates."""
    product = RATES["products"][inquiry.product]
    cost = Decimal(product["cost"])
    list_price = (
        cost
        * (1 + Decimal(product["margin"]))
        * Decimal(RATES["season"][inquiry.month - 1])
        * Decimal(RATES["regions"][inquiry.region])
    )
    price = max(list_price * (1 - discount(inquiry)), cost * (1 + FLOOR_MARGIN))
    unit_price = price.quantize(CENT, ROUND_HALF_UP)
    return Quote(unit_price, unit_price * inquiry.quantity)


def discount(inquiry: Inquiry) -> Decimal:
    """Return the share of the list price that is taken off, from 0 to 1."""
    volume = next((off for least, off in VOLUME_TIERS if inquiry.quantity >= least), Decimal(0))
    return volume + min(inquiry.years * LOYALTY_PER_YEAR, LOYALTY_LIMIT)
