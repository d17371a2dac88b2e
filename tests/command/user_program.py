"""A program as a user of faas_seal would write it: keys, sealing, calls and their errors."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TypeVar

import faas_seal
import requests
from faas_seal import AuthorKey, FunctionKey, Header, Identity, TransportKey

FILES: dict[str, bytes] = {"handler.py": b"def handle(event, context): return 'hello'"}

Refusal = TypeVar("Refusal", bound=faas_seal.SealError)


def refused(kind: type[Refusal], attempt: Callable[[], object]) -> Refusal:
    """Return the error of a kind with which an attempt fails."""
    try:
        attempt()
    except kind as error:
        return error
    raise AssertionError(f"expected {kind.__name__}")


def make_keys() -> tuple[AuthorKey, FunctionKey, Identity, TransportKey]:
    """Make keys, keep them as text, and read them again."""
    author, key = AuthorKey.generate(), FunctionKey.generate()
    identity, transport = Identity.generate(), TransportKey.generate()
    kept: dict[str, str] = {
        "author": author.text,
        "function": key.text,
        "identity": identity.text,
        "transport": transport.text,
    }
    kept = json.loads(json.dumps(kept))
    assert AuthorKey(kept["author"]) == author
    assert FunctionKey(kept["function"]) == key
    assert Identity(kept["identity"]) == identity
    assert TransportKey(kept["transport"]) == transport
    path = Path("identity.key")
    path.write_text(f"{identity.text}\n")
    path.chmod(0o644)
    refused(faas_seal.InsecureKeyFile, lambda: Identity.from_file(path)).path.chmod(0o600)
    assert Identity.from_file(path) == identity
    malformed = refused(faas_seal.MalformedKey, lambda: AuthorKey(kept["function"]))
    assert malformed.hint
    assert kept["function"] not in str(malformed)
    missing = refused(faas_seal.KeyFileMissing, lambda: FunctionKey.from_file("greet.key"))
    assert missing.path.name == "greet.key"
    return author, key, identity, transport


def seal_and_open(
    author: AuthorKey, key: FunctionKey, identity: Identity, transport: TransportKey
) -> bytes:
    sealed: bytes = faas_seal.seal(
        FILES,
        function="greet",
        author=author,
        keys=[key],
        identities=[identity, Identity.generate().public],
        transport=transport,
        expires=int(time.time()) + 3600,
    )
    header: Header = faas_seal.verify(sealed, author=author.public)
    assert header.function == "greet"
    assert len(header.slots) == 3
    assert faas_seal.open_sealed(sealed, author=author.public, key=key) == FILES
    assert faas_seal.open_sealed(sealed, author=author, key=identity) == FILES
    mine = FunctionKey.of_identity(identity, header, sealed_body=True, lifetime=60)
    assert mine.id != key.id
    other = AuthorKey.generate()
    wrong = refused(faas_seal.WrongAuthor, lambda: faas_seal.verify(sealed, author=other.public))
    assert (wrong.expected, wrong.found) == (other.public, author.public)
    stranger = FunctionKey.generate()
    refused(
        faas_seal.UnknownKey, lambda: faas_seal.open_sealed(sealed, author=author, key=stranger)
    )
    return sealed


class Gateway(BaseHTTPRequestHandler):
    """A stand-in for a gateway, which answers in clear and never as a function would."""

    keys: list[str] = []  # noqa: RUF012

    def do_POST(self) -> None:
        self.keys.append(self.headers["X-Function-Key"])
        if "chunked" in self.headers.get("Transfer-Encoding", ""):
            while size := int(self.rfile.readline(), 16):
                self.rfile.read(size + 2)
            self.rfile.readline()
        self.rfile.read(int(self.headers.get("Content-Length", "0")))
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"hello")

    def log_message(self, *_: object) -> None:
        pass


def pieces() -> Iterator[bytes]:
    yield b"one"
    yield b"two"


def call(url: str, sealed: bytes, author: AuthorKey, key: FunctionKey) -> None:
    function = faas_seal.verify(sealed, author=author)
    with_token = FunctionKey(key.text, function=function, address=url)
    answer: requests.Response = requests.post(url, data=b"body", auth=with_token, timeout=10)
    assert answer.text == "hello"
    assert isinstance(answer, faas_seal.CallResponse)
    assert answer.session == ""
    requests.post(url, data=b"body", auth=key, timeout=10)
    assert Gateway.keys[0].startswith("fsx1_")
    assert Gateway.keys[1] == key.text
    with faas_seal.session() as session:
        session.auth = key
        assert session.post(url, data=pieces(), stream=True, timeout=10).text == "hello"
        session.auth = FunctionKey(key.text, function=function, address=url, sealed_body=True)
        unsealed = refused(
            faas_seal.UnsealedAnswer, lambda: session.post(url, data=pieces(), timeout=10)
        )
        assert (unsealed.status, unsealed.error, unsealed.reference) == (200, None, "")
    unexpected = refused(
        faas_seal.UnexpectedAnswer,
        lambda: FunctionKey.discover(f"{url}/function/greet", author=author, key=key),
    )
    assert unexpected.status == 501
    queue = f"{url}/async-function/greet"
    refused(faas_seal.KeyWouldLeak, lambda: requests.post(queue, auth=key, timeout=10))
    refused(faas_seal.MalformedKey, lambda: faas_seal.read_answer([b"no answer"], "fss1_x"))


def main() -> None:
    author, key, identity, transport = make_keys()
    sealed = seal_and_open(author, key, identity, transport)
    with ThreadingHTTPServer(("127.0.0.1", 0), Gateway) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            call(f"http://127.0.0.1:{server.server_address[1]}", sealed, author, key)
        finally:
            server.shutdown()
            thread.join()
    print("all of it worked")


if __name__ == "__main__":
    main()
