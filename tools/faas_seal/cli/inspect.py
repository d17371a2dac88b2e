from __future__ import annotations

import datetime

import click
from faas_sealed.formats.errors import KeyRefused
from faas_sealed.formats.header import Header
from faas_sealed.formats.keys import AUTHOR_PUBLIC, TRANSPORT_PUBLIC
from rich.text import Text

from faas_seal.cli.lookup import describe_author, project, sealed_path, warn_if_forgotten
from faas_seal.cli.printing import console, say_json, warn
from faas_seal.cli.shared_options import json_option, names_or_files, stack_option
from faas_seal.project import keystore
from faas_seal.project.keystore import Keystore
from faas_seal.project.sealed import read_sealed
from faas_seal.sealing.terms import Terms


@click.command()
@click.argument("target", metavar="NAME|FILE", shell_complete=names_or_files)
@stack_option
@json_option
def inspect(target: str, stack_option: str | None, as_json: bool) -> None:
    """Show what a sealed file says of itself. This needs no key.

    \b
      faas-seal inspect greet
      faas-seal inspect sealed/greet/function.sealed --json

    Anybody who has the file can read all of this, the provider too. Only the names of
    recipients are not in the file: this project remembers them from seal --to. The
    signature is checked with the author that the file names; verify tells whether that is
    the right author.
    """
    header = read_sealed(sealed_path(target, stack_option)).header
    warn_if_forgotten(target, stack_option)
    terms = _known_terms(header, stack_option)
    if as_json:
        say_json(_members(header, terms))
        return
    for label, value in _rows(header, terms):
        console().print(Text.assemble((f"{label:16}", "bold"), value))


def _known_terms(header: Header, stack: str | None) -> Terms:
    """Return the terms that this project remembers of the function: recipients have names there."""
    try:
        return Terms.load(Keystore(project(stack)).terms_path(header.function))
    except KeyRefused as error:
        warn(f"the names of recipients are not known: {error}")
        return Terms()


def _rows(header: Header, terms: Terms) -> list[tuple[str, str]]:
    rows = [
        ("function", header.function),
        ("author", describe_author(header.author)),
        ("signature", "verifies with that author's key"),
        ("content id", header.content_id),
        ("created", _time(header.created)),
        ("expires", _time(header.expires)),
        ("preload", ", ".join(header.preload) or "nothing"),
        ("ciphertext", f"{header.length:,} bytes"),
    ]
    if header.transport is not None:
        # Its 1,216 bytes are for programs.
        rows.append(("transport key", f"{TRANSPORT_PUBLIC.encode(header.transport)[:22]}…"))
    for slot in header.slots:
        until = f", until {_time(slot.expires)}" if slot.expires is not None else ""
        name = terms.name_of(slot.to.id) if slot.to else ""
        to = f", of {name and name + ', '}identity {slot.to.id}" if slot.to else ""
        rows.append(("opens with key", slot.id + until + to))
    return rows


def _members(header: Header, terms: Terms) -> dict[str, object]:
    return {
        "function": header.function,
        "author": AUTHOR_PUBLIC.encode(header.author),
        "yours": header.author == keystore.known_author(),
        "verified": True,
        "content_id": header.content_id,
        "created": header.created,
        "expires": header.expires,
        "transport": header.transport and TRANSPORT_PUBLIC.encode(header.transport),
        "preload": list(header.preload),
        "length": header.length,
        "sha256": header.sha256.hex(),
        "slots": [
            {
                "id": slot.id,
                "expires": slot.expires,
                "to": slot.to and slot.to.id,
                "name": terms.name_of(slot.to.id) or None if slot.to else None,
            }
            for slot in header.slots
        ],
    }


def _time(seconds: int | None) -> str:
    if seconds is None:
        return "never"
    try:
        time = datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc)
    except (OverflowError, ValueError, OSError):
        return f"{seconds} seconds after 1970"
    return time.strftime("%Y-%m-%d %H:%M:%S UTC")
