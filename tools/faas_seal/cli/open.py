from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import click
from faas_sealed.formats import bundle

from faas_seal.calling.traces import ANY_TIME
from faas_seal.cli.lookup import describe_author, function_key, read_author, sealed_path
from faas_seal.cli.printing import say
from faas_seal.cli.shared_options import author_option, key_options, names_or_files, stack_option
from faas_seal.errors import UsageError
from faas_seal.project.key_source import KeySource
from faas_seal.project.sealed import read_sealed


@click.command("open")
@click.argument("target", metavar="NAME|FILE", shell_complete=names_or_files)
@click.option("-o", "--out", required=True, metavar="FOLDER", help="A folder that is new or empty.")
@author_option
@stack_option
@key_options("key", "function key")
def open_(
    target: str, out: str, author: str | None, stack_option: str | None, key: KeySource
) -> None:
    """Decrypt a sealed file back to its source.

    \b
      faas-seal open greet --out greet-source
      faas-seal open function.sealed --out source --key-file partner.key

    Takes the key in .faas-seal/, or the one given. Without --author, the file must
    verify with the author that it names.
    """
    folder = Path(out)
    if folder.exists() and not (folder.is_dir() and not any(folder.iterdir())):
        raise UsageError(f"{folder} exists and is not empty", hint="name a new folder")
    path = sealed_path(target, stack_option)
    sealed = read_sealed(path, read_author(author) if author else None)
    held = function_key(key, sealed.header.function, stack_option)
    files = bundle.unpack(sealed.bundle(sealed.content_key(held, ANY_TIME)))
    _write(folder, files)
    say(f"{folder}: {len(files)} files of {sealed.header.function}")
    say(f"author {describe_author(sealed.header.author)}")


def _write(folder: Path, files: dict[str, bytes]) -> None:
    """Write all files or none: the folder appears when it is whole."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    try:
        for name, content in files.items():
            path = temporary / name
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("xb") as file:
                file.write(content)
        temporary.replace(folder)
    except BaseException:
        shutil.rmtree(temporary)
        raise
