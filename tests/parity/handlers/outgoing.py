"""Calls a service, whose address is in the environment."""

import os

import requests


def handle(event, context):
    answer = requests.request(
        event.method,
        os.environ["SERVICE"] + event.path,
        params=event.query,
        data=event.body,
        headers={"X-Asked-By": "function"},
        timeout=10,
    )
    return {
        "statusCode": answer.status_code,
        "body": answer.text,
        "headers": {"Content-Type": answer.headers["Content-Type"]},
    }
