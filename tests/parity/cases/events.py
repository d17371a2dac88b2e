"""What a handler is given."""

from __future__ import annotations

from dataclasses import replace

from tests.parity.case import Case, Group, brief, value

_METHOD = "{'body': event.method, 'headers': {'X-Method': event.method}}"
_BODY = "('', {'X-Length': len(event.body), 'X-Type': type(event.body).__name__})"
_SENT = "sorted(pair for pair in event.headers.items() if pair[0].startswith('X-S'))"
_NAMES = "[name for name in {} if not name.startswith('_')]"

_ATTRIBUTES = (
    _NAMES.format("dir(event)"),
    _NAMES.format("vars(context)"),
    "[type(event.body).__name__, event.body.decode()]",
    "[type(each).__name__ for each in (event.method, event.path, context.hostname)]",
    "[type(event.query).__name__, type(event.headers).__name__]",
    "context.hostname",
    "event.user",
    "[setattr(event, 'user', 'me'), setattr(event, 'body', 'new'), event.user, event.body]",
    "sorted(event.headers.items())",
    "[event.headers.get('X-None'), event.headers.get('x_call_id'), 'X-CALL-ID' in event.headers]",
    "event.headers['X-None']",
    "event.query['none']",
    "[os.environ['GREETING'], 'NONE_SUCH' in os.environ]",
    "[os.path.basename(sys.argv[0]), sys.argv[1:]]",
    "[threading.current_thread() is threading.main_thread()]",
    "in_thread(lambda: event.path + str(event.body) + event.headers['X-Call-Id'])",
)

_PATHS = (
    "/",
    "/a",
    "/a/b/",
    "/a//b",
    "//a",
    "//",
    "/a/./b/../c",
    "/..",
    "/a%20b",
    "/a+b;c=d",
    "/a%2Fb",
    "/a%2Bb",
    "/%C3%BC/%E2%82%AC",
    "/%ff",
    "/%2541",
    "/a%3Fb",
    "/a?b/c",
    "/static/x",
    "/favicon.ico",
    "/_/health",
    "/function/name",
    "/.well-known/faas-seal",
    "/" + "a" * 5000,
)

_QUERIES = (
    "",
    "?",
    "?a=1&b=2",
    "?a=1&b=2&a=3",
    "?a=&b&c=1",
    "?a=%20%2B%26&b=x%3Dy",
    "?a=x+y",
    "?%C3%BC=%E2%82%AC",
    "?a=ü",
    "?a=%ff&b=%",
    "?a=1;b=2",
    "?=x&a==b",
    "?&&a=1&",
    "?a[]=1&a[]=2",
    "?a=/b?c",
    "?a=" + "x" * 5000,
)

_REQUEST_HEADERS: tuple[tuple[tuple[str, str], ...], ...] = (
    (("X-S", "1"),),
    (("x-s-lower", "1"), ("X-S-UPPER", "2")),
    (("X-S", "1"), ("X-S", "2")),
    (("X-S", ""),),
    (("X-S", "  a b  "),),
    (("X-S", "a, b"), ("X-S", "c")),
    (("X_S", "1"),),
    (("X-S", "é"),),
    (("X-S", "\udce9"),),
    (("X-S", "a" * 5000),),
)

_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "TRACE", "PROPFIND", "get")

_BODIES = (
    ("no body", None),
    ("empty body", b""),
    ("text", b"hello"),
    ("UTF-8", "ünï €".encode()),
    ("all bytes", bytes(range(256))),
    ("1 MiB", bytes(range(256)) * 4096),
)

_ECHO = "event.body"

_PREFLIGHT = (
    ("Origin", "https://page.example"),
    ("Access-Control-Request-Method", "POST"),
    ("Access-Control-Request-Headers", "x-function-key"),
)


def _bodies() -> list[Case]:
    cases = []
    for name, body in _BODIES:
        for how in ("in chunks", "with a length"):
            case = value(_ECHO, method="POST", body=body, length=how == "with a length")
            cases.append(replace(case, name=f"{name}, {how}"))
    return cases[1:]  # no body is sent in one way


ATTRIBUTES = Group("The event and its surroundings", "values", tuple(map(value, _ATTRIBUTES)))
PATHS = Group(
    "`event.path`",
    "values",
    tuple(replace(value("[event.path]", target=path), name=brief(path)) for path in _PATHS),
)
QUERIES = Group(
    "`event.query`",
    "values",
    tuple(
        replace(
            value("[list(pair) for pair in event.query.items(multi=True)]", target=f"/{query}"),
            name=brief(query) or "none",
        )
        for query in _QUERIES
    ),
)
REQUEST_HEADERS = Group(
    "`event.headers`",
    "values",
    tuple(
        replace(
            value(_SENT, headers=headers), name=brief(", ".join(f"{n}: {v!a}" for n, v in headers))
        )
        for headers in _REQUEST_HEADERS
    ),
)
PROXIES = Group(
    "Headers of proxies, and long heads",
    "values",
    (
        *(
            value(f"[event.headers.get({name!r})]", headers=((name, content),))
            for name, content in (
                ("X-Forwarded-For", "192.0.2.1"),
                ("X-Forwarded-Host", "shop.example"),
                ("X-Forwarded-Proto", "https"),
                ("Forwarded", "for=192.0.2.1"),
                ("X-Real-Ip", "192.0.2.1"),
            )
        ),
        *(
            replace(
                value("str(len(event.headers['X-Long']))", headers=(("X-Long", "x" * size),)),
                name=f"{size} bytes",
            )
            for size in (70_000, 260_000, 300_000)
        ),
        value("[event.headers['X-999']]", headers=tuple((f"X-{n}", str(n)) for n in range(1000))),
    ),
)
METHODS = Group(
    "`event.method`",
    "values",
    (
        *(replace(value(_METHOD, method=method), name=method) for method in _METHODS),
        replace(
            value(_METHOD, method="OPTIONS", headers=_PREFLIGHT),
            name="OPTIONS, a browser's preflight",
        ),
        replace(value("pieces_then(fail, 'a')", method="HEAD"), name="HEAD, of a generator"),
        replace(value("fail()", method="HEAD"), name="HEAD, of an exception"),
        replace(value(_METHOD, method="GET", body=b"hello"), name="GET with a body"),
        replace(value(_METHOD, method="DELETE", body=b"hello"), name="DELETE with a body"),
    ),
)
BODIES = Group("`event.body`", "values", tuple(_bodies()))
