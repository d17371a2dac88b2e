"""Exposure: ways in which others can still get the source or the keys of a sealed function."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from faas_sealed.formats.errors import SealError

from faas_seal.project.keystore import FOLDER
from faas_seal.project.secrets import FOLDER as SECRETS
from faas_seal.project.stackfile import SEALED_FILE, StackFile, sealed_folder
from faas_seal.project.template import find_template
from faas_seal.sealing.source import Source, secret_in

# faas-cli copies a function's handler folder to build/NAME/function.
BUILD_FOLDER = "build"
HANDLER_FOLDER = "function"

_CREDENTIAL = re.compile(r"https?://[^/\s@$]+@")


def left_behind(stack: StackFile, name: str) -> Path | None:
    """Return a function's build folder if a build by faas-cli has left plaintext there."""
    build = stack.folder / BUILD_FOLDER / name
    handler = build / HANDLER_FOLDER
    # What a sealed folder or the template has is no copy.
    others = [sealed_folder(stack.folder, name)]
    with suppress(SealError):
        others.append(find_template(stack.folder, stack.function(name).lang).folder / "function")
    copied = any(
        (handler / path).exists() and not any((other / path).exists() for other in others)
        for path in stack.copied_paths
    )
    if handler.is_dir() and (copied or not (handler / SEALED_FILE).exists()):
        return build
    return None


def warnings_for(stack: StackFile, name: str, source: str) -> Iterator[str]:
    """Yield a line for each thing that would carry the function's source, or a key, to others."""
    folder = (stack.folder / source).resolve()
    for other in stack.functions.values():
        if other.name != name and other.handler and _overlap(stack.folder / other.handler, folder):
            yield f"functions.{other.name} is built from {other.handler}, the source of {name}"


def copied_in_clear(stack: StackFile) -> Iterator[str]:
    """Yield a line for each path that faas-cli copies into every build."""
    for path in stack.extra_paths:
        yield f"configuration.copy puts {path} into every build in clear"


def password_in(source: Source) -> str | None:
    """Return the name of a file of requirements that has a password in an address, or None."""
    for file, content in source.required.files.items():
        if _CREDENTIAL.search(content.decode()):
            return file
    return None


def warnings_of_project(stack: StackFile) -> Iterator[str]:
    """Yield a line for each place where others could read keys of the project."""
    if kind := secret_in(stack.text.encode()):
        yield f"{stack.path.name} holds {kind}, which goes wherever the stack file goes"
    for folder in (FOLDER, SECRETS):
        if _tracked_by_git(stack.folder, folder):
            yield f"git tracks {folder}/: git rm -r --cached {folder}, and replace the keys"
        for path in stack.extra_paths:
            if _overlap(stack.folder / path, (stack.folder / folder).resolve()):
                yield f"configuration.copy puts {path} into every build, with the keys in {folder}/"


def source_in_git(stack: StackFile, source: str) -> bool:
    """Tell whether git tracks files of the source folder."""
    return _tracked_by_git(stack.folder, source)


def open_to_git(project: Path, folder: str) -> bool:
    """Tell whether `git add` would add keys: the folder is in a repository, and not ignored."""
    done = _git(project, "check-ignore", "--quiet", "--no-index", f"{folder}/name.key")
    return done is not None and done.returncode == 1


def _overlap(path: Path, folder: Path) -> bool:
    path = path.resolve()
    return path.is_relative_to(folder) or folder.is_relative_to(path)


def _tracked_by_git(project: Path, path: str) -> bool:
    done = _git(project, "ls-files", "--", path)
    return done is not None and bool(done.stdout)


def _git(project: Path, *arguments: str) -> subprocess.CompletedProcess[bytes] | None:
    """Ask git, and return None where it is not installed."""
    try:
        return subprocess.run(  # noqa: S603
            ["git", *arguments],  # noqa: S607
            cwd=project,
            capture_output=True,
            check=False,
        )
    except FileNotFoundError:
        return None
