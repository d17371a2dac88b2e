from ..rates import STANDARD


class Basket:
    rate = STANDARD
