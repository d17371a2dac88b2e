"""Functions as they are published: whole ones, each called a few times, in this order."""

from __future__ import annotations

import hashlib
import hmac
import io
import json
from collections.abc import Callable
from pathlib import Path

from PIL import Image

from tests.parity.case import Case, Group

FOLDER = Path(__file__).parents[1] / "functions"

_JSON = (("Content-Type", "application/json"),)
_FORM = (("Content-Type", "application/x-www-form-urlencoded"),)


def _function(
    name: str,
    *cases: Case,
    shown: Callable[[bytes], bytes] = bytes,
    left_out: frozenset[str] = frozenset(),
) -> Group:
    # What a module remembers, it remembers for as long as its process lives.
    settings = {"seal_workers": "1", "seal_linger": "60s"}
    return Group(
        name, name, cases, settings=settings, folder=FOLDER, shown=shown, left_out=left_out
    )


def _post(
    name: str, body: bytes, target: str = "/", headers: tuple[tuple[str, str], ...] = ()
) -> Case:
    return Case(name, "POST", target, headers, body)


def _post_json(name: str, value: object, target: str = "/", method: str = "POST") -> Case:
    return Case(name, method, target, _JSON, json.dumps(value).encode())


def _signed(name: str, kind: str, payload: object) -> Case:
    body = json.dumps(payload).encode()
    # The secret that the function is given (tests/parity/service.py).
    signature = hmac.new(b"hello", body, hashlib.sha256).hexdigest()
    headers = (("X-GitHub-Event", kind), ("X-Hub-Signature-256", f"sha256={signature}"))
    return Case(name, "POST", "/", (*_JSON, *headers), body)


def _picture() -> bytes:
    out = io.BytesIO()
    image = Image.new("RGB", (60, 40), (200, 30, 30))
    image.paste((20, 20, 220), (30, 0, 60, 40))
    image.save(out, "PNG")
    return out.getvalue()


def _pixels(body: bytes) -> bytes:
    """Describe an image; its bytes depend on how the libraries were built."""
    try:
        image = Image.open(io.BytesIO(body))
    except OSError:
        return body
    corners = [image.getpixel((x, 0)) for x in (0, image.width - 1)]
    near = [[value // 8 for value in pixel] for pixel in corners if isinstance(pixel, tuple)]
    return f"{image.format} {image.size} {near}".encode()


def _samples(body: bytes) -> bytes:
    """Leave out the metrics of the process, and when one was created."""
    lines = [line for line in body.splitlines() if line.startswith((b"orders_", b"order_size"))]
    return b"\n".join(line for line in lines if b"_created" not in line) or body


def _form(*parts: tuple[str, bytes]) -> Case:
    body = b"".join(
        b"--B\r\nContent-Disposition: form-data; %b\r\n\r\n%b\r\n" % (disposition.encode(), data)
        for disposition, data in parts
    )
    kind = (("Content-Type", "multipart/form-data; boundary=B"),)
    return Case(f"{len(parts)} parts", "POST", "/", kind, body + b"--B--\r\n")


_SALES = """\
day,city,amount
2026-01-03,Berlin,10
2026-01-02,München,2.5
2026-01-04,Rom,1
2026-01-04,Berlin,4
"""
_COMMITS = {"repository": {"full_name": "a/b"}, "commits": [{"message": "größe"}, {"message": "x"}]}

FUNCTIONS = (
    _function(
        "github_webhook",
        _signed("ping", "ping", {"zen": "x"}),
        _signed("push", "push", _COMMITS),
        _signed("other", "star", {}),
        _post("unsigned", b"{}", headers=(("X-Hub-Signature-256", "sha256=00"),)),
        Case("get"),
    ),
    _function(
        "thumbnail",
        _post("png", _picture(), "/?size=20", (("Content-Type", "image/png"),)),
        _post("jpeg", _picture(), "/?size=10&format=jpeg", (("Content-Type", "image/png"),)),
        _post("no image", b"x"),
        shown=_pixels,
    ),
    _function(
        "invoice_pdf",
        _post_json(
            "two items",
            {"number": "R-1", "items": [{"name": "a", "price": 1}, {"name": "bé", "price": 2.5}]},
        ),
        _post_json("none", {"number": "R-2", "items": []}),
    ),
    _function(
        "csv_report",
        _post("json", _SALES.encode(), headers=(("Content-Type", "text/csv"),)),
        _post("csv", _SALES.encode(), "/?format=csv"),
    ),
    _function(
        "price_model",
        Case("model", target="/model"),
        _post_json("predict", [[1, 2], [0, 0], [-1.5, 4]]),
    ),
    _function(
        "page",
        Case("greeting", target="/?name=%3CAda%3E&item=x&item=%C3%BC"),
        Case("defaults"),
        Case("asset", target="/assets/style.css"),
        Case("missing asset", target="/assets/none.css"),
        Case("asset elsewhere", target="/assets/..%2Fhandler.py"),
        # They are made of the time of the file.
        left_out=frozenset({"etag", "last-modified"}),
    ),
    _function(
        "metrics",
        Case("first", target="/?kind=book&items=3"),
        Case("second", target="/?kind=book&items=30"),
        Case("third", target="/"),
        Case("metrics", target="/metrics"),
        Case("metrics again", target="/metrics"),
        shown=_samples,
    ),
    _function(
        "todos_sqlalchemy",
        _post_json("add", {"title": "größe"}),
        _post_json("add another", {"title": "b"}),
        Case("list"),
        _post_json("done", {"done": True}, "/2", "PATCH"),
        Case("delete", "DELETE", "/1"),
        Case("gone", target="/1"),
        Case("list what is left"),
    ),
    _function(
        "notes_sqlite",
        Case("list"),
        _post("add", "größer".encode()),
        Case("search", target="/?q=gr%C3%B6%C3%9Fe"),
    ),
    _function(
        "upload",
        _form(
            ('name="title"', "größe".encode()),
            ('name="one"; filename="a b.png"', bytes(range(256))),
            ('name="two"; filename="../größe.txt"', "ü".encode()),
            ('name="two"; filename="empty"', b""),
        ),
        _form(('name="big"; filename="big.bin"', b"0123456789" * 100_000)),
        _form(),
        _post("no form", b"x"),
    ),
    _function(
        "events",
        Case("events", target="/ticks", headers=(("Accept", "text/event-stream"),)),
        Case(
            "events go on",
            target="/ticks?count=2",
            headers=(("Accept", "text/event-stream"), ("Last-Event-ID", "7")),
        ),
    ),
    _function(
        "async_client",
        Case("three pages", target="/?path=/ok&path=/missing&path=/ok%3Fa=1"),
        Case("none"),
        Case("once more", target="/?path=/ok"),
    ),
    _function(
        "api_proxy",
        Case("get", target="/ok?a=1&a=2"),
        _post("post", "größe".encode(), "/ok"),
        Case("missing", target="/missing"),
    ),
    _function(
        "slack_command",
        _post("command", b"command=%2Fsay&user_name=ada&text=hello+gr%C3%B6%C3%9Fe", headers=_FORM),
        _post("without words", b"command=%2Fsay&user_name=ada&text=+", headers=_FORM),
        _post("too old", b"text=x", headers=(*_FORM, ("X-Slack-Request-Timestamp", "1"))),
    ),
    _function("archive", _post_json("two texts", {"b.txt": "größe", "a/c.txt": ""})),
    _function(
        "visits",
        Case("ada", target="/ada"),
        Case("ada again", target="/ada"),
        Case("bob", target="/bob"),
        Case("ada once more", target="/ada"),
    ),
    _function("word_count", _post("words", "one two\ngröße\n".encode()), _post("nothing", b"")),
    _function("settings_file", Case("settings", target="/?fahrenheit=50"), Case("defaults")),
)
