"""Counts its calls, in a global of its module."""

calls = 0


def handle(event, context):
    global calls
    calls += 1
    return str(calls)
