"""Logs as Flask's applications do."""

from flask import current_app


def handle(event, context):
    current_app.logger.warning("warned")
    return current_app.name
