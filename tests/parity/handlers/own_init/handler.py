"""Its folder has an `__init__.py` of its own."""

from . import NAME


def handle(event, context):
    return NAME
