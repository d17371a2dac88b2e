"""Requests of requests and of Python's library. Arguments: the case, the function's URL."""

import http.client
import io
import json
import platform
import sys
import urllib.parse
import urllib.request

import requests

NAME, URL = [*sys.argv[1:], "", ""][:2]
PARTS = urllib.parse.urlsplit(URL)


def with_session():
    with requests.Session() as session:
        session.get(URL, cookies={"a": "1", "b": "x y"})
        session.post(f"{URL}/second", json={"a": 1})
        session.head(f"{URL}/third")


def with_library(method, body=None, **headers):
    connection = http.client.HTTPConnection(PARTS.netloc)
    connection.request(method, PARTS.path, body, headers)
    connection.getresponse().read()


CASES = {
    "get": lambda: requests.get(URL, params={"q": ["ü", "x y"], "empty": ""}),
    "json": lambda: requests.post(URL, json={"name": "ü"}),
    "form": lambda: requests.post(URL, data={"a": ["1", "2"], "b": "ü x"}),
    "files": lambda: requests.post(
        URL,
        data={"title": "größe"},
        files=[
            ("one", ("a b.png", b"\x89PNG\r\n\x1a\n\x00", "image/png")),
            ("two", ("größe.txt", "ü", "text/plain")),
            ("two", ("empty", b"")),
        ],
    ),
    "large file": lambda: requests.post(
        URL, files={"file": ("big.bin", b"0123456789abcdef" * 20_000)}
    ),
    "stream": lambda: requests.post(URL, data=iter([b"one ", b"two ", b"three"])),
    "file object": lambda: requests.put(URL, data=io.BytesIO(b"from a file")),
    "empty post": lambda: requests.post(URL),
    "delete with a body": lambda: requests.delete(URL, data="gone"),
    "get with a body": lambda: requests.get(URL, data="asked"),
    "patch": lambda: requests.patch(URL, json=[]),
    "options": lambda: requests.options(URL),
    "password": lambda: requests.get(URL, auth=("user", "pass:wörd")),
    "range": lambda: requests.get(URL, headers={"Range": "bytes=0-99", "If-Range": '"etag"'}),
    "no encodings": lambda: requests.get(
        URL, headers={"Accept-Encoding": None, "User-Agent": None}
    ),
    "header in latin-1": lambda: requests.get(URL, headers={"X-Name": "größe".encode("latin-1")}),
    "header in UTF-8": lambda: requests.get(URL, headers={"X-Name": "größe €".encode()}),
    "session": with_session,
    "mail": lambda: requests.post(
        URL,
        data="From: a@b\r\nSubject: x\r\n\r\nbody\r\n",
        headers={"Content-Type": "message/rfc822"},
    ),
    "events": lambda: requests.get(URL, headers={"Accept": "text/event-stream"}),
    "urllib": lambda: urllib.request.urlopen(f"{URL}?a=%20", b"a=1").read(),
    "http.client": lambda: with_library("GET", **{"X-Empty": ""}),
    "http.client, chunks": lambda: with_library("POST", iter([b"one", b"two"])),
    "http.client, a length of nothing": lambda: with_library("GET", **{"Content-Length": "0"}),
}

if NAME:
    CASES[NAME]()
else:
    version = f"requests {requests.__version__}, Python {platform.python_version()}"
    print(json.dumps({"cases": list(CASES), "version": version}))
