from __future__ import annotations

from pathlib import Path

import click
from faas_sealed.formats.encoding import base64_encode
from faas_sealed.formats.file import Unsigned
from faas_sealed.formats.keys import AUTHOR_SEED, author_public

from faas_seal.cli.lookup import describe_author
from faas_seal.cli.printing import warn
from faas_seal.cli.shared_options import key_options
from faas_seal.project import keystore
from faas_seal.project.key_source import KeySource


@click.command()
@click.argument("file", type=click.Path())
@key_options("author-key", "signing key")
def sign(file: str, author_key: KeySource) -> None:
    """Print the signature for a file that seal --unsigned wrote.

    \b
      faas-seal sign greet.unsigned > greet.signature

    This is for a machine that has the signing key, and neither source nor function keys.
    It signs the first two lines of the file, line feeds included, with Ed25519. Another
    program can do that, too, and print the 64 bytes in URL-safe base64 without padding.
    The ciphertext after these lines is checked; it cannot be read here.
    """
    seed = author_key.read(AUTHOR_SEED) if author_key else keystore.author_seed()
    unsigned = Unsigned.parse(Path(file).read_bytes())
    signature = unsigned.signature(seed)
    header = unsigned.signed(signature).header
    warn(
        f"signed as {describe_author(author_public(seed))}: {header.function}, content id "
        f"{header.content_id}, opens with {len(header.slots)} keys",
        "note",
    )
    click.echo(base64_encode(signature))
