"""The template that a project's functions are built from and served by."""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass
from pathlib import Path

from faas_seal.errors import CannotServe
from faas_seal.project.files import read_if_there
from faas_seal.project.stackfile import LANGUAGE, Function

# Major and minor.
PythonVersion = tuple[int, int]

_ARGUMENT = "PYTHON_VERSION"
_DEFAULT = re.compile(rf"^ARG {_ARGUMENT}=(\S+)", re.MULTILINE)
_VERSION = re.compile(r"(\d+)\.(\d+)")


@dataclass(frozen=True)
class Template:
    """A folder as `faas-cli template pull` leaves it."""

    folder: Path

    @property
    def index(self) -> Path:
        return self.folder / "index.py"

    @property
    def requirements(self) -> Path:
        """The packages of the image, pinned by hashes."""
        return self.folder / "requirements.txt"

    @property
    def constraints(self) -> Path:
        """The packages that the runtime imports, with the range of versions that it accepts."""
        return self.folder / "requirements.in"

    @property
    def python(self) -> str:
        """The version of Python that its Dockerfile takes by default, or an empty string."""
        dockerfile = (read_if_there(self.folder / "Dockerfile") or b"").decode(errors="replace")
        found = _DEFAULT.search(dockerfile)
        return found[1] if found else ""


def image_python(project: Path, function: Function | None = None) -> PythonVersion:
    """Return the Python that the image of a function has, or of any function of our template.

    If it cannot be told, this is taken to be the Python that runs this command.
    """
    lang = LANGUAGE if function is None else function.lang
    given = function.build_args.get(_ARGUMENT) if function is not None else None
    found = _VERSION.match(given or find_template(project, lang).python)
    return (int(found[1]), int(found[2])) if found else sys.version_info[:2]


def find_template(project: Path, lang: str) -> Template:
    """Return the template of `lang`: the project's own, or else the one installed with the command.

    Raises CannotServe if there is none.
    """
    package = Path(__file__).parents[1]
    candidates = [
        project / "template" / lang,
        package / "template" / LANGUAGE,
        # In an editable installation the package lies in the checkout's tools/.
        package.parents[1] / "template" / LANGUAGE,
    ]
    for folder in candidates:
        if (folder / "index.py").is_file():
            return Template(folder.resolve())
    raise CannotServe(f"there is no template {lang}", hint="install this package anew with pip")
