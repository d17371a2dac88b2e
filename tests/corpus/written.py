"""Requests that no client was made to send: written by hand, at the edges of HTTP/1.1.

Each is one connection. Other than those of the corpus they need not be answered by the function.
"""

from __future__ import annotations

from tests.corpus.requests_sent import Connection, Sent

_CHUNKS = b"3\r\nabc\r\n0\r\n\r\n"


def _sent(
    *headers: bytes,
    method: str = "GET",
    target: bytes = b"/function/seen",
    version: bytes = b"1.1",
    host: bytes = b"Host: gateway.example\r\n",
    body: bytes = b"",
) -> Sent:
    head = b"%b %b HTTP/%b\r\n%b" % (method.encode(), target, version, host)
    lines = b"".join(header + b"\r\n" for header in headers)
    return Sent(method, head + lines + b"\r\n" + body)


def _post(*headers: bytes, body: bytes, version: bytes = b"1.1") -> Sent:
    return _sent(*headers, method="POST", body=body, version=version)


_SINGLE = {
    "folded header": _sent(b"X-Folded: one\r\n two\r\n\tthree"),
    "folded first line": _sent(host=b" Host: x\r\n"),
    "line feeds alone": Sent("GET", b"GET /function/seen HTTP/1.1\nHost: x\nX-A: 1\n\n"),
    "blank line first": Sent("GET", b"\r\n" + _sent().data),
    "spaces around a value": _sent(b"X-A: \t a b \t"),
    "tab in a value": _sent(b"X-A: a\tb"),
    "control character in a value": _sent(b"X-A: a\x01b"),
    "DEL in a value": _sent(b"X-A: a\x7fb"),
    "NUL in a value": _sent(b"X-A: a\0b"),
    "carriage return in a value": _sent(b"X-A: a\rb"),
    "space before the colon": _sent(b"X-A : 1"),
    "space in a name": _sent(b"X A: 1"),
    "no colon": _sent(b"nonsense"),
    "no name": _sent(b": 1"),
    "underscore in a name": _sent(b"X_A: 1"),
    "odd names": _sent(b"x.a!b: 1", b"X-1-a: 2"),
    "no host": _sent(host=b""),
    "two hosts": _sent(b"Host: other"),
    "host that is none": _sent(host=b"Host: a b\r\n"),
    "empty host": _sent(host=b"Host:\r\n"),
    "URL without a host": _sent(target=b"http://shop.example/function/seen", host=b""),
    "URL with another host": _sent(target=b"http://shop.example:1/function/seen/a?b"),
    "HTTP/1.2": _sent(version=b"1.2"),
    "HTTP/2.0": _sent(version=b"2.0"),
    "HTTP/0.9": Sent("GET", b"GET /function/seen\r\n\r\n"),
    "HTTP/1.0 with chunks": _post(b"Transfer-Encoding: chunked", body=_CHUNKS, version=b"1.0"),
    "HTTP/1.0 without a host": _sent(version=b"1.0", host=b""),
    "two spaces": _sent(target=b" /function/seen"),
    "space in the target": _sent(target=b"/function/seen/a b"),
    "control character in the target": _sent(target=b"/function/seen/\x01"),
    "UTF-8 in the path": _sent(target="/function/seen/ü".encode()),
    "latin-1 in the path": _sent(target=b"/function/seen/\xfc"),
    "UTF-8 in the query": _sent(target="/function/seen?a=ü".encode()),
    "number sign": _sent(target=b"/function/seen/a?b#c"),
    "broken escapes in the query": _sent(target=b"/function/seen?a=%zz&%"),
    "semicolons in the query": _sent(target=b"/function/seen?a=1;b=2&c"),
    "quotes in the query": _sent(target=b"/function/seen?a=\"x\"&b='y'&c=<>"),
    "question marks": _sent(target=b"/function/seen??a=?b"),
    "nothing asked": _sent(target=b"/function/seen?"),
    "method that is no word": _sent(method="G@T"),
    "method in lower case": _sent(method="get"),
    "TRACE": _sent(method="TRACE"),
    "expectation of something else": _post(b"Expect: 200-ok", b"Content-Length: 3", body=b"abc"),
    "chunks with extensions": _post(
        b"Transfer-Encoding: chunked", body=b'3;a=b\r\nabc\r\n2;c="d"\r\nde\r\n0\r\n\r\n'
    ),
    "chunk without a size": _post(b"Transfer-Encoding: chunked", body=b"x\r\nabc\r\n0\r\n\r\n"),
    "chunk with a space after its size": _post(
        b"Transfer-Encoding: chunked", body=b"3 ;a=b\r\nabc\r\n0\r\n\r\n"
    ),
    "chunks of another case": _post(b"Transfer-Encoding: Chunked", body=_CHUNKS),
    "chunks and a length": _post(b"Content-Length: 5", b"Transfer-Encoding: chunked", body=_CHUNKS),
    "chunks twice": _post(b"Transfer-Encoding: chunked, chunked", body=_CHUNKS),
    "chunks in two headers": _post(
        b"Transfer-Encoding: chunked", b"Transfer-Encoding: chunked", body=_CHUNKS
    ),
    "gzip and chunks": _post(b"Transfer-Encoding: gzip, chunked", body=_CHUNKS),
    "identity": _post(b"Transfer-Encoding: identity", b"Content-Length: 3", body=b"abc"),
    "no chunk": _post(b"Transfer-Encoding: chunked", body=b"0\r\n\r\n"),
    "trailers that were not announced": _post(
        b"Transfer-Encoding: chunked", body=b"3\r\nabc\r\n0\r\nX-Checksum: 1\r\n\r\n"
    ),
    "one length twice": _post(b"Content-Length: 3", b"Content-Length: 3", body=b"abc"),
    "two lengths": _post(b"Content-Length: 3", b"Content-Length: 4", body=b"abc"),
    "list of lengths": _post(b"Content-Length: 3, 3", body=b"abc"),
    "length with a sign": _post(b"Content-Length: +3", body=b"abc"),
    "negative length": _post(b"Content-Length: -1", body=b""),
    "no length in the header": _post(b"Content-Length:", body=b""),
    "unknown encoding of the body": _post(
        b"Content-Encoding: x", b"Content-Length: 3", body=b"abc"
    ),
    "empty User-Agent": _sent(b"User-Agent:"),
    "Accept in other letters": _sent(b"Accept: Text/Event-Stream"),
    "events as a second choice": _sent(b"Accept: application/json, text/event-stream"),
    "events, with headers of one connection": _sent(
        b"Accept: text/event-stream", b"Connection: X-Mine", b"X-Mine: 1", b"TE: trailers"
    ),
    "web socket": _sent(
        b"Connection: Upgrade",
        b"Upgrade: websocket",
        b"Sec-WebSocket-Key: eA==",
        b"Sec-WebSocket-Version: 13",
    ),
    "start time of the caller": _sent(b"X-Start-Time: 5"),
    "1000 headers": _sent(*(b"X-%d: %d" % (number, number) for number in range(1000))),
    "head of 255 KiB": _sent(b"X-Long: " + b"x" * (255 * 1024)),
    "head of 300 KiB": _sent(b"X-Long: " + b"x" * (300 * 1024)),
    "head of a MiB": _sent(b"X-Long: " + b"x" * (2**20 - 200)),
    "head of a MiB and 8 KiB": _sent(b"X-Long: " + b"x" * (2**20 + 2**13)),
    "the watchdog's readiness": _sent(target=b"/function/seen/_/ready"),
    "the watchdog's health, by POST": _sent(method="POST", target=b"/function/seen/_/health"),
    "below the watchdog's health": _sent(target=b"/function/seen/_/health/x"),
    "no such path": _sent(target=b"/nowhere"),
}

WRITTEN = (
    *(Connection(f"written: {name}", (sent,)) for name, sent in _SINGLE.items()),
    Connection(
        "written: pipelined",
        (
            _sent(target=b"/function/seen/1"),
            _post(b"Content-Length: 3", body=b"abc"),
            _post(b"Transfer-Encoding: chunked", body=_CHUNKS),
            _sent(method="HEAD"),
            _sent(b"Connection: close", target=b"/function/seen/last"),
        ),
        pipelined=True,
    ),
    Connection(
        "written: a line end after a body",
        (_post(b"Content-Length: 3", body=b"abc\r\n"), _sent(target=b"/function/seen/2")),
    ),
)
