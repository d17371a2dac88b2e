from __future__ import annotations

import click
from faas_sealed.formats.keys import AUTHOR_PUBLIC

from faas_seal.cli.lookup import describe_author, read_author, sealed_path, warn_if_forgotten
from faas_seal.cli.printing import say, say_json
from faas_seal.cli.shared_options import author_option, json_option, names_or_files, stack_option
from faas_seal.project.sealed import expected_author, read_sealed
from faas_seal.project.stackfile import find


@click.command()
@click.argument("target", metavar="NAME|FILE", shell_complete=names_or_files)
@author_option
@stack_option
@json_option
def verify(target: str, author: str | None, stack_option: str | None, as_json: bool) -> None:
    """Check that a sealed file is whole and signed by its author. This needs no key.

    \b
      faas-seal verify greet
      faas-seal verify function.sealed --author author.pub

    Without --author, the author of a function is the stack file's seal_author, and the
    author of a file is you. Ends with status 4 if the file does not verify.
    """
    path = sealed_path(target, stack_option)
    expected = read_author(author) if author else expected_author(find(stack_option), target)
    header = read_sealed(path, expected).header
    warn_if_forgotten(target, stack_option)
    if as_json:
        say_json(
            {
                "verified": True,
                "function": header.function,
                "author": AUTHOR_PUBLIC.encode(header.author),
                "content_id": header.content_id,
                "created": header.created,
            }
        )
    else:
        say(f"{path}: {header.function}, whole and signed by {describe_author(header.author)}")
