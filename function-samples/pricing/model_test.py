from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from .model import FLOOR_MARGIN, LOYALTY_LIMIT, RATES, Inquiry, discount, quote

INQUIRY = Inquiry(product="sensor", quantity=1, month=3, region="eu", years=0)


@pytest.mark.parametrize(
    ("quantity", "off"),
    [
        (1, "0"),
        (9, "0"),
        (10, "0.025"),
        (50, "0.07"),
        (250, "0.125"),
        (999, "0.125"),
        (1000, "0.185"),
    ],
)
def test_larger_orders_cost_less_a_unit(quantity: int, off: str) -> None:
    assert discount(replace(INQUIRY, quantity=quantity)) == Decimal(off)


def test_loyalty_counts_up_to_a_limit() -> None:
    assert discount(replace(INQUIRY, years=2)) == Decimal("0.015")
    assert discount(replace(INQUIRY, years=50)) == LOYALTY_LIMIT


def test_a_single_unit_costs_its_list_price() -> None:
    assert quote(INQUIRY).unit_price == Decimal("26.13")


def test_no_discount_goes_below_the_floor() -> None:
    august = replace(INQUIRY, product="gateway", quantity=5000, month=8, years=50)
    cost = Decimal(RATES["products"]["gateway"]["cost"])
    assert quote(august).unit_price == (cost * (1 + FLOOR_MARGIN)).quantize(Decimal("0.01"))


def test_the_total_is_what_the_units_add_up_to() -> None:
    offer = quote(replace(INQUIRY, quantity=333))
    assert offer.total == offer.unit_price * 333


def test_every_month_and_region_has_a_rate() -> None:
    assert len(RATES["season"]) == 12
    for month in range(1, 13):
        for region in RATES["regions"]:
            assert quote(replace(INQUIRY, month=month, region=region)).unit_price > 0
