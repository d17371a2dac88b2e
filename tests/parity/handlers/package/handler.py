"""Imports its modules in each way, and reads its files in each way."""

import importlib
import importlib.resources
import inspect
import os
import pickle
import pkgutil
import sys
from pathlib import Path

import function.rates
from function.rates import STANDARD
from function.shop import till

from . import rates
from .shop.basket import Basket

FOLDER = os.path.dirname(__file__)
main = False

if __name__ == "__main__":
    main = True


def lazily():
    from .late import LATE

    return LATE


def read(path):
    with open(path) as file:
        return file.read()


def write(path):
    with open(path, "w") as file:
        file.write("written")
    return read(path)


def handle(event, context):
    return eval(event.headers["X-Evaluate"], globals() | {"event": event, "context": context})
