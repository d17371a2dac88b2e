"""Imports a module beside it as if its folder were on the path."""

import rates


def handle(event, context):
    return str(rates.STANDARD)
