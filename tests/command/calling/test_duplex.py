"""Answers that arrive while the body is sent, by either scheme."""

from __future__ import annotations

import datetime
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from ipaddress import ip_address
from pathlib import Path

import faas_seal
import pytest
import requests
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.support import PATIENCE

Serve = Callable[[socket.socket], None]
PIECE = bytes(65536)
HEAD = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for 127.0.0.1, and its key, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.datetime.now(datetime.timezone.utc)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "both.pem"
    path.write_bytes(
        made.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return path


@contextmanager
def serving(serve: Serve, certificate: Path | None, connections: int = 1) -> Iterator[str]:
    """Serve so many connections, one after the other; yield the address."""
    context = None
    if certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)

    def run() -> None:
        for _ in range(connections):
            connection, _ = listener.accept()
            if context:
                connection = context.wrap_socket(connection, server_side=True)
            with connection:
                serve(connection)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(PATIENCE)
        thread = threading.Thread(target=run)
        thread.start()
        scheme = "https" if certificate else "http"
        yield f"{scheme}://127.0.0.1:{listener.getsockname()[1]}"
        thread.join(PATIENCE)


def after_head(connection: socket.socket) -> bytes:
    received = b""
    while b"\r\n\r\n" not in received:
        received += connection.recv(65536)
    return received.partition(b"\r\n\r\n")[2]


def echo(connection: socket.socket) -> None:
    """Answer with the body's chunks as they are."""
    rest = after_head(connection)
    connection.sendall(HEAD + rest)
    while not rest.endswith(b"0\r\n\r\n"):
        piece = connection.recv(65536)
        connection.sendall(piece)
        rest = (rest + piece)[-5:]


def refuse(connection: socket.socket) -> None:
    """Answer before the body is there, and read no more of it."""
    after_head(connection)
    with suppress(OSError):
        connection.sendall(b"HTTP/1.1 413 No\r\nContent-Length: 2\r\n\r\nno")
        connection.shutdown(socket.SHUT_WR)
        while connection.recv(65536):
            pass


@pytest.fixture(params=["http", "https"])
def tls(request: pytest.FixtureRequest, certificate: Path) -> Path | None:
    return certificate if request.param == "https" else None


@pytest.fixture
def session(certificate: Path) -> Iterator[requests.Session]:
    with faas_seal.session() as session:
        session.trust_env = False
        session.verify = str(certificate)
        yield session


def test_a_body_is_answered_while_it_is_sent(session: requests.Session, tls: Path | None) -> None:
    with serving(echo, tls) as url:
        pieces = (PIECE for _ in range(512))
        answer = session.post(url, data=pieces, stream=True, timeout=PATIENCE)
        assert sum(map(len, answer.iter_content(65536))) == 512 * len(PIECE)


def test_an_answer_before_the_end_of_the_body_is_taken(
    session: requests.Session, tls: Path | None
) -> None:
    with serving(refuse, tls, connections=2) as url:
        for _ in range(2):  # and the connection is not used again
            answer = session.post(url, data=(PIECE for _ in range(64)), timeout=PATIENCE)
            assert (answer.status_code, answer.text) == (413, "no")


def test_other_bodies_are_sent_as_ever(session: requests.Session, tls: Path | None) -> None:
    def twice(connection: socket.socket) -> None:
        for _ in range(2):
            body = after_head(connection)
            while body != b"whole":
                body += connection.recv(65536)
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")

    with serving(twice, tls) as url:
        for _ in range(2):
            assert session.post(url, data=b"whole", timeout=PATIENCE).text == "ok"


def test_a_silent_server_is_not_waited_for_longer_than_asked(
    session: requests.Session, tls: Path | None
) -> None:
    def say_nothing(connection: socket.socket) -> None:
        with suppress(OSError):
            while connection.recv(65536):
                pass

    with serving(say_nothing, tls) as url, pytest.raises(requests.exceptions.ReadTimeout):
        session.post(url, data=iter([b"x"]), timeout=(20, 0.1))


def test_a_body_without_pieces_has_an_end(session: requests.Session, tls: Path | None) -> None:
    with serving(echo, tls) as url:
        assert session.post(url, data=iter(()), timeout=PATIENCE).content == b""
