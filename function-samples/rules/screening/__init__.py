"""The rules engine: an order in, a decision out.

Callers learn the verdict and what would help to change it: no rule, weight or threshold.
"""

from __future__ import annotations

from .decision import Decision, screen
from .order import Malformed, Order, parse

__all__ = ["Decision", "Malformed", "Order", "parse", "screen"]
