"""The rules: each says of an order whether it holds. Their weights are data."""

from __future__ import annotations

from collections.abc import Callable

from .order import Order

Rule = Callable[[Order], bool]

THROWAWAY_MAIL = ("mailinator", "10minute", "trashmail")
# Of what a customer usually spends in their first month.
FIRST_MONTH_LIMIT = 38_500


def new_account_spends_much(order: Order) -> bool:
    return order.account_days < 30 and order.amount > FIRST_MONTH_LIMIT


def ships_abroad_from_a_new_account(order: Order) -> bool:
    return order.account_days < 7 and order.shipping_country != order.billing_country


def many_orders_in_a_day(order: Order) -> bool:
    return order.orders_today >= 5


def just_below_the_limit_of_review(order: Order) -> bool:
    return 96_000 <= order.amount < 100_000


def throwaway_address(order: Order) -> bool:
    domain = order.mail.partition("@")[2].lower()
    return any(part in domain for part in THROWAWAY_MAIL)


def long_known(order: Order) -> bool:
    return order.account_days > 730


RULES: tuple[Rule, ...] = (
    new_account_spends_much,
    ships_abroad_from_a_new_account,
    many_orders_in_a_day,
    just_below_the_limit_of_review,
    throwaway_address,
    long_known,
)
