"""Takes one argument too few."""


def handle(event):
    return "x"
