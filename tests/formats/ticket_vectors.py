"""What both implementations make of the vectors of tickets, resumed tokens and salts."""

from __future__ import annotations

from unittest import mock

from faas_sealed.formats.keys import AUTHOR_PUBLIC, TRANSPORT_SEED
from faas_sealed.formats.primitives import LABEL, context, salted_open, salted_seal
from faas_sealed.formats.ticket import accept_ticket, open_resumed, ticket_root

from tests.formats.second import ticket as second
from tests.formats.second.suite import Refused, hkdf
from tests.formats.second.suite import salted_open as second_salted_open
from tests.formats.second.suite import salted_seal as second_salted_seal
from tests.formats.second.text import parse_key
from tests.formats.token_vectors import first_judged, second_judged
from tests.formats.vector import Results, Vector


def first_ticket(vector: Vector) -> tuple[Results, dict[str, bytes]]:
    try:
        ticket = accept_ticket(vector.text("ticket"), vector["resume"], float(vector["now"]))
    except ValueError:
        raise Refused("ignored") from None
    return {"sealed": ticket.sealed, "texp": str(ticket.texp).encode()}, {}


def second_ticket(vector: Vector) -> tuple[Results, dict[str, bytes]]:
    resume, now = vector["resume"], float(vector["now"])
    ticket, texp = second.accept_ticket(vector.text("ticket"), resume, now)
    confirm = second.confirmation(resume, texp.to_bytes(8, "big") + ticket)
    return {"sealed": ticket, "texp": str(texp).encode(), "confirm": confirm}, {}


def first_resumed(vector: Vector) -> tuple[Results, dict[str, bytes]]:
    author = AUTHOR_PUBLIC.decode(vector.text("author"))
    root = ticket_root(TRANSPORT_SEED.decode(vector.text("transport")))
    aad = context(vector.text("function"), author)
    return {"root": root} | first_judged(open_resumed(vector.text("token"), root, aad), vector), {}


def second_resumed(vector: Vector) -> tuple[Results, dict[str, bytes]]:
    author = parse_key("fsap1_", vector.text("author"))
    transport = parse_key("fst1_", vector.text("transport"))
    token = second.read_resumed(vector.text("token"), transport, vector.text("function"), author)
    values = {"key": token.key, "bind": token.bind, "session": token.session}
    steps = {"root": token.root, "resume": token.resume, "texp": str(token.texp).encode()}
    return second_judged(values, token.exp, vector) | steps, {}


def first_salted(vector: Vector) -> tuple[Results, dict[str, bytes]]:
    key, aad = vector["key"], vector["aad"]
    info = vector["info"].removeprefix(LABEL)
    with mock.patch("os.urandom", lambda size: vector["random"][:size]):
        sealed = salted_seal(key, info, vector["plaintext"], aad)
    assert salted_open(key, info, sealed, aad) == vector["plaintext"]
    return {"sealed": sealed}, {}


def second_salted(vector: Vector) -> tuple[Results, dict[str, bytes]]:
    key, aad = vector["key"], vector["aad"]
    info = vector.text("info").removeprefix("faas-seal/v1 ")
    sealed = second_salted_seal(key, info, vector["plaintext"], aad, vector["random"])
    assert second_salted_open(key, info, sealed, aad) == vector["plaintext"]
    salt = sealed[:16]
    return {"salt": salt, "derived-key": hkdf(key, info, salt), "sealed": sealed}, {}
