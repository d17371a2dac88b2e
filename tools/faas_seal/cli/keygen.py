from __future__ import annotations

import os
from pathlib import Path

import click
from faas_sealed.formats.hpke import PrivateKey
from faas_sealed.formats.keys import (
    AUTHOR_PUBLIC,
    IDENTITY_PUBLIC,
    IDENTITY_SEED,
    TRANSPORT_PUBLIC,
    TRANSPORT_SEED,
    author_public,
    key_id,
)
from faas_sealed.formats.primitives import KEY_BYTES

from faas_seal.cli.lookup import check_function, project
from faas_seal.cli.printing import say, say_json, warn
from faas_seal.cli.shared_options import function_names, json_option, stack_option
from faas_seal.errors import UsageError
from faas_seal.project.keystore import (
    Keystore,
    add_author,
    identity_path,
    private_folder,
    read_key_file,
    write_author_key,
    write_function_key,
    write_key_file,
)
from faas_seal.project.secrets import SecretFiles, creation, transport_public, transport_secret
from faas_seal.project.stackfile import StackFile, check_name, find

# The path of a new key, the name of its member in JSON, and its id or public half.
_Made = tuple[Path, str, str]


@click.command()
@click.argument("name", required=False, shell_complete=function_names)
@click.option("--author", is_flag=True, help="Make your signing key instead.")
@click.option("--identity", is_flag=True, help="Make your identity instead.")
@click.option("--transport", is_flag=True, help="Make NAME's transport key, or its next one.")
@click.option("-o", "--output", metavar="FILE", help="Write the key here, and nowhere else.")
@stack_option
@json_option
def keygen(
    name: str | None,
    author: bool,
    identity: bool,
    transport: bool,
    output: str | None,
    stack_option: str | None,
    as_json: bool,
) -> None:
    """Make the function key or transport key of NAME, your signing key or your identity.

    seal makes missing keys. Use this to make keys beforehand, or elsewhere. An
    existing key is never overwritten. A new key does not replace a lost one: what is
    deployed opens only with the old key.

    \b
      faas-seal keygen greet
      faas-seal keygen greet --output partner.key
      faas-seal keygen --author
      faas-seal keygen --transport greet
      faas-seal keygen --identity

    Whoever holds the function key can call the function, and read it. Whoever holds the
    signing key can change the function. Keep a copy of the signing key where it cannot be
    lost.

    With an identity you call functions whose author seals a function key to you. Give the
    author its public half, fsip1_…, which is no secret, and all that --identity prints. If
    you have an identity already, its public half is printed again.

    If NAME has a transport key, --transport puts the next one before it, and drops a third
    one. The function takes what is sealed to either of the two. Once it has both, seal the
    function: that tells callers of the new one.
    """
    if author + identity + (name is not None) != 1 or (transport and name is None):
        raise UsageError(
            "give one of a function's name, --author and --identity", hint="faas-seal keygen greet"
        )
    if name is None:
        path, member, shown = _author(output) if author else _identity(output)
    else:
        check_name(name)
        if not output:
            check_function(name, stack_option)
        make = _transport if transport else _function
        path, member, shown = make(name, output, stack_option)
    label, noun = _LABELS[member]
    if as_json:
        say_json({"file": str(path), member: shown})
        return
    if identity:  # the line alone, as a file of recipients has it
        say(shown)
        return
    say(f"Wrote {noun}: {path}")
    say(f"{label:<18} {shown}")


_LABELS = {
    "author": ("Public key:", "signing key"),
    "id": ("Key ID:", "function key"),
    "identity": ("Public key:", "identity"),
    "transport": ("Public key:", "transport secret"),
}


def _author(output: str | None) -> _Made:
    seed = os.urandom(KEY_BYTES)
    path = Path(output) if output else add_author(seed)
    if output:
        write_author_key(path, seed)
    return path, "author", AUTHOR_PUBLIC.encode(author_public(seed))


def _identity(output: str | None) -> _Made:
    path = Path(output) if output else identity_path()
    if not output and path.exists():
        warn(f"you have an identity already: {path}", "note")
        return path, "identity", _public_identity(read_key_file(path, IDENTITY_SEED))
    seed = os.urandom(KEY_BYTES)
    if not output:
        private_folder(path.parent)
    public = _public_identity(seed)
    write_key_file(path, IDENTITY_SEED, seed, f"identity of {public}")
    warn(f"made your identity {path}: keep a copy of it", "note")
    return path, "identity", public


def _public_identity(seed: bytes) -> str:
    return IDENTITY_PUBLIC.encode(PrivateKey(seed).public)


def _function(name: str, output: str | None, stack: str | None) -> _Made:
    key = os.urandom(KEY_BYTES)
    path = Path(output) if output else Keystore(project(stack)).add(name, key)
    if output:
        write_function_key(path, name, key)
    return path, "id", key_id(key)


def _transport(name: str, output: str | None, stack: str | None) -> _Made:
    seed = os.urandom(KEY_BYTES)
    public = TRANSPORT_PUBLIC.encode(transport_public(seed))
    if output:
        path = Path(output)
        write_key_file(path, TRANSPORT_SEED, seed, f"transport secret of {name}")
        return path, "transport", public
    file = StackFile.load(find(stack))
    function = file.function(name)
    secret = transport_secret(function)
    files = SecretFiles(file.folder)
    before = files.transport_seeds(secret)[:1]
    path = files.write_transport(secret, name, [seed, *before])
    step = (
        "give the secret to the gateway, and then seal"
        if before
        else "the gateway needs the secret before the function"
    )
    warn(f"{step}: {' '.join(creation(secret, path, file, function))}", "note")
    return path, "transport", public
