"""The selection of files to seal: a source folder, and what the stack file copies into it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from faas_seal.errors import SourceRefused
from faas_seal.sealing.ignored import IGNORE_FILE, NEVER, Ignored

# Python puts this file into every virtual environment.
_ENVIRONMENT = "pyvenv.cfg"


@dataclass(frozen=True)
class Part:
    """A file or folder that is a part of the function's folder, under a name in there.

    The source folder itself has an empty name. `shown` is the path as the author wrote it.
    """

    name: str
    path: Path
    shown: str


@dataclass(frozen=True)
class Selection:
    """The files of a function's folder: those to seal, by name, and those that are left out.

    A folder that is left out as a whole is named once, with a slash at its end.
    """

    parts: tuple[Part, ...]
    files: dict[str, Path]
    left_out: list[str]
    ignored: Ignored = field(repr=False)

    def locate(self, name: str) -> Path | None:
        """Return the file that has this name in the function's folder, sealed or left out."""
        path = locate(self.parts, name)
        return path if path is not None and path.is_file() else None


def locate(parts: Sequence[Part], name: str) -> Path | None:
    """Return what has a name in the function's folder: the last part's that has such a thing."""
    place = PurePosixPath(name)
    for part in reversed(parts):
        if place.is_relative_to(part.name):
            below = place.relative_to(part.name)
            path = part.path / below if below.parts else part.path
            if path.exists():
                return path
    return None


def select(parts: Sequence[Part]) -> Selection:
    """Select the files of these parts. The later part counts where two have one name.

    Raises SourceRefused for a link that leads out of all parts or around in a circle, and for
    anything but files and folders.
    """
    walk = _Walk(parts)
    ignored = Ignored.of(part.name for part in parts if part.name)
    files: dict[str, Path] = {}
    for part in parts:
        if not part.name:
            ignored = ignored.below(part.path, "")
        for name, path in walk.part(part, ignored):
            files[name] = path
    left_out = [name for name in dict.fromkeys(walk.left_out) if name not in files]
    return Selection(tuple(parts), files, left_out, ignored)


class _Walk:
    """A walk through the parts. Links are followed as long as they stay in the parts."""

    def __init__(self, parts: Sequence[Part]) -> None:
        self._roots = [part.path.resolve() for part in parts]
        self.left_out: list[str] = []

    def part(self, part: Part, ignored: Ignored) -> Iterator[tuple[str, Path]]:
        if part.path.is_dir():
            inner = ignored.below(part.path, part.name) if part.name else ignored
            yield from self._folder(part.path, part.name, inner, (part.path.resolve(),))
        else:
            yield part.name, part.path

    def _folder(
        self,
        folder: Path,
        name: str,
        ignored: Ignored,
        above: tuple[Path, ...],
        *,
        left_out: bool = False,
    ) -> Iterator[tuple[str, Path]]:
        """Yield name and path of each file to seal.

        `above` are the real paths of this folder and those above it. `left_out` says that this
        folder is left out, but for what a pattern with `!` names.
        """
        for path in sorted(folder.iterdir()):
            within = f"{name}/{path.name}" if name else path.name
            is_folder = path.is_dir()
            shown = f"{within}/" if is_folder else within
            if NEVER.match_file(shown):
                continue
            if self._is_left_out(path, shown, ignored) or (left_out and not ignored.takes(shown)):
                if is_folder and ignored.takes_below(shown):
                    inner = (*above, path.resolve())
                    yield from self._folder(path, within, ignored, inner, left_out=True)
                else:
                    self.left_out.append(shown)
                continue
            if path.is_symlink():
                self._check_link(path, folder, above)
            if is_folder:
                below = ignored.below(path, within)
                yield from self._folder(path, within, below, (*above, path.resolve()))
            elif path.is_file():
                yield within, path
            else:
                raise SourceRefused(
                    f"{path} is neither a file nor a folder",
                    hint=f"remove it, or name it in {self._ignore_file(folder)}",
                )

    def _is_left_out(self, path: Path, shown: str, ignored: Ignored) -> bool:
        if ignored.matches(shown) or (path.is_symlink() and ignored.matches(f"{shown}/")):
            return True
        environment = shown.endswith("/") and (path / _ENVIRONMENT).is_file()
        return environment and not ignored.takes(shown)

    def _check_link(self, path: Path, folder: Path, above: tuple[Path, ...]) -> None:
        hint = f"put the file itself there, or name it in {self._ignore_file(folder)}"
        try:
            target = path.resolve(strict=True)
        except (OSError, RuntimeError):  # RuntimeError: a circle, before Python 3.13
            raise SourceRefused(
                f"{path} is a link that leads nowhere: to {path.readlink()}", hint=hint
            ) from None
        if not any(target.is_relative_to(root) for root in self._roots):
            raise SourceRefused(
                f"{path} is a link that leads out of {self._shown(folder)}: to {target}", hint=hint
            )
        if target in above:
            raise SourceRefused(
                f"{path} is a link to a folder that it stands in, and leads around in a circle",
                hint=hint,
            )

    def _shown(self, folder: Path) -> Path:
        """Return the part that a folder belongs to."""
        return next(path for path in (folder, *folder.parents) if path.resolve() in self._roots)

    def _ignore_file(self, folder: Path) -> Path:
        return self._shown(folder) / IGNORE_FILE
