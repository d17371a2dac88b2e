"""Tests of the sample: change them when you change the handler.

`faas-seal test NAME` runs them on what would be sealed; tests themselves are not sealed.
"""

from types import SimpleNamespace

from .handler import handle


def answer(**query):
    event = SimpleNamespace(body=b"", headers={}, method="GET", query=query, path="/")
    return handle(event, SimpleNamespace(hostname="test"))


def test_greets_by_name():
    response = answer(name="Ada")
    assert response["statusCode"] == 200
    assert response["body"] == "Hello, Ada!"


def test_greets_the_world_without_a_name():
    assert answer()["body"] == "Hello, world!"
