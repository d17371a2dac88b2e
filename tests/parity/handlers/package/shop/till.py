from .basket import Basket

rate = Basket.rate
