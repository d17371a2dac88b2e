"""Adds up what the rules say of an order."""

from __future__ import annotations

import json
from dataclasses import dataclass
from importlib import resources

from .order import Order
from .rules import RULES

_DATA = json.loads(resources.files(__package__).joinpath("weights.json").read_text("utf-8"))
_WEIGHTS = {rule: _DATA["rules"][rule.__name__] for rule in RULES}


@dataclass(frozen=True)
class Decision:
    """`evidence` is what to ask the customer for, if the order is not accepted."""

    verdict: str
    evidence: tuple[str, ...] = ()


def screen(order: Order) -> Decision:
    fired = [_WEIGHTS[rule] for rule in RULES if rule(order)]
    score = sum(weight["weight"] for weight in fired)
    if score < _DATA["thresholds"]["review"]:
        return Decision("accept")
    wanted = {weight["evidence"] for weight in fired if weight["evidence"]}
    verdict = "refuse" if score >= _DATA["thresholds"]["refuse"] else "review"
    return Decision(verdict, tuple(sorted(wanted)))
