"""Ends its process or its thread, by the path of the request."""

import os
import sys


def handle(event, context):
    if event.path == "/exit":
        sys.exit(3)
    os._exit(3)
