def price(n):
    return n * 7
