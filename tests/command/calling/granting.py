"""A function made from the formats, which grants tickets, and misbehaves as tests tell it."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from faas_seal import FunctionKey
from faas_seal.scan.search import Hit, Search
from faas_sealed.formats.errors import KeyRefused, MalformedKey, SealError, UnknownKey
from faas_sealed.formats.file import SealedFile
from faas_sealed.formats.hpke import PrivateKey
from faas_sealed.formats.keys import FUNCTION_KEY
from faas_sealed.formats.stream import Head, Opener, request_key, response_key, seal_pieces
from faas_sealed.formats.ticket import (
    RESUMED_PREFIX,
    TICKET_LIFETIME,
    grant_ticket,
    open_resumed,
    ticket_root,
)
from faas_sealed.formats.token import KeyToken, check_path, open_token, request_binding
from faas_sealed.formats.wire import DISCOVERY_PATH, KEY_HEADER, TICKET_HEADER

from tests.command.deployed import AUTHOR, ONE, problem, sealed
from tests.command.servers import Answer, Request, Server, server

KEY = bytes(range(100, 132))
NAME = "tested"


@dataclass(frozen=True)
class Taken:
    """A call whose token has opened. `form` is what an audit calls it."""

    form: str
    token: KeyToken
    request: Request
    body: bytes


@dataclass
class Granting:
    """What a function has been sent, and how it behaves.

    `seeds` are its transport seeds, `file` is what discovery shows, and `clock` is by how many
    seconds its clock is ahead. `refuse` may return the error of a call, `said` the answer to
    one, and `headers` what stands in place of its ticket.
    """

    running: Server
    file: SealedFile
    seeds: tuple[bytes, ...] = (ONE,)
    clock: float = 0
    lifetime: int = TICKET_LIFETIME
    refuse: Callable[[Taken], type[SealError] | None] = lambda _: None
    said: Callable[[Taken], Answer] = lambda taken: Answer(body=taken.body)
    headers: Callable[[str], dict[str, str]] = lambda ticket: {TICKET_HEADER: ticket}
    taken: list[Taken] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"{self.running.url}/function/{NAME}"

    @property
    def forms(self) -> list[str]:
        """The forms of the keys of all calls so far, whether they opened or not."""
        forms = {"fsx1": "sealed", "fsxr1": "resumed", "fsk1": "raw"}
        return [forms[call.headers[KEY_HEADER.lower()].split("_")[0]] for call in self.calls]

    @property
    def calls(self) -> list[Request]:
        return [asked for asked in self.running.requests if DISCOVERY_PATH not in asked.path]

    @property
    def discoveries(self) -> int:
        return len(self.running.requests) - len(self.calls)

    def key(self, **options: object) -> FunctionKey:
        """Return the function's key, with what its author has signed."""
        options = {"function": self.file.header, **options}
        return FunctionKey(FUNCTION_KEY.encode(KEY), **options)  # type: ignore[arg-type]

    def discovered(self, **options: object) -> FunctionKey:
        """Return the function's key, as its author and address find it."""
        own = FunctionKey(FUNCTION_KEY.encode(KEY))
        return FunctionKey.discover(self.url, author=AUTHOR, key=own, **options)  # type: ignore[arg-type]

    def answer(self, request: Request) -> Answer:
        if request.path.endswith(DISCOVERY_PATH):
            return Answer(body=self.file.lines)
        text = request.headers[KEY_HEADER.lower()]
        if text.startswith("fsk1_"):
            return Answer(body=request.body)
        try:
            form, token, seed = self._open(text)
        except MalformedKey:
            return problem(MalformedKey)
        body = request.body if token.session is None else _opened(request.body, token.session)
        taken = Taken(form, token, request, body)
        self.taken.append(taken)
        try:
            token.check_time(time.time() + self.clock)
            if token.key != KEY:
                raise UnknownKey
            token.check_request(_binding(request, token.session is not None))
        except KeyRefused as error:
            return problem(type(error))
        if refused := self.refuse(taken):
            return problem(refused)
        said = self.said(taken)
        if token.resume is not None:
            texp = int(time.time() + self.clock) + self.lifetime
            context = self.file.header.context
            ticket = grant_ticket(ticket_root(seed), token.key, token.resume, texp, context)
            said.headers |= self.headers(ticket)
        return said if token.session is None else _sealed(said, token.session)

    def _open(self, text: str) -> tuple[str, KeyToken, bytes]:
        context = self.file.header.context
        for seed in self.seeds:
            try:
                if text.startswith(RESUMED_PREFIX):
                    return "resumed", open_resumed(text, ticket_root(seed), context), seed
                return "sealed", open_token(text, PrivateKey(seed), context), seed
            except MalformedKey:
                continue
        raise MalformedKey


@contextmanager
def granting() -> Iterator[Granting]:
    """Serve such a function until the block ends."""
    function: Granting
    with server(lambda request: function.answer(request)) as running:
        function = Granting(running, sealed(KEY))
        yield function


def leaks_in(function: Granting, secret: bytes = KEY) -> set[Hit]:
    """Return where a secret stands in what the function was sent, in whatever form."""
    search = Search({"secret": secret})
    return {
        hit
        for number, asked in enumerate(function.running.requests)
        for hit in search.in_bytes(
            f"{asked.method} {asked.path} {asked.headers}\n".encode() + asked.body,
            f"request {number}",
        )
    }


def _opened(body: bytes, session: bytes) -> bytes:
    opener = Opener(request_key(session))
    pieces = opener.feed(body)
    opener.finish()
    return b"".join(pieces)


def _sealed(said: Answer, session: bytes) -> Answer:
    head = Head(tuple(said.headers.items()), said.status)
    return Answer(
        200 if said.status in (204, 205, 304) else said.status,
        body=b"".join(seal_pieces(response_key(session), head, [said.body])),
    )


def _binding(request: Request, is_sealed: bool) -> bytes:
    path, _, query = request.path.partition("?")
    inside = path.partition(f"function/{NAME}")[2]
    digest = hashlib.sha256(b"" if is_sealed else request.body).digest()
    return request_binding(request.method, check_path(inside), query.encode(), digest)
