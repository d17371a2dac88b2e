"""Does what a process can do once, and answers with the value of the header X-Evaluate."""

import codecs
import functools
import io
import json
import logging
import multiprocessing
import pickle
import socket
import sys
from concurrent.futures import ThreadPoolExecutor

executions = sys.__dict__.setdefault("executions", [])
executions.append(__name__)
multiprocessing.set_start_method("fork")

registered = sys.__dict__.setdefault("registered", {})
if "calls_total" in registered:
    raise ValueError("Duplicated timeseries: calls_total")
registered["calls_total"] = 0


class Money:
    pass


one = json.__dict__.setdefault("one", Money())
plain_dumps = json.dumps
json.dumps = lambda *args, **options: plain_dumps(*args, **options).replace("patched", "<patched>")
sys.stdout = io.TextIOWrapper(sys.stdout.buffer, encoding="utf-8")
logging.getLogger("own").addHandler(logging.StreamHandler(sys.stdout))
pool = ThreadPoolExecutor(1)
ours, theirs = socket.socketpair()
pickled = pickle.dumps(one)


@functools.lru_cache
def cached():
    return object()


first = cached()


def count():
    registered["calls_total"] += 1
    return registered["calls_total"]


def through_the_socket(text):
    ours.send(text.encode())
    return theirs.recv(100).decode()


def handle(event, context):
    return {"body": {"value": eval(event.headers.get("X-Evaluate", "None"), globals())}}
