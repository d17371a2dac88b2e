VALUE = 7


def fails():
    raise LookupError("vendored")
