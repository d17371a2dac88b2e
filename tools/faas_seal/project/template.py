"""The template that a project's functions are built from and served by."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from faas_seal.errors import CannotServe
from faas_seal.project.stackfile import LANGUAGE


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
    raise CannotServe(
        f"there is no template {lang}", hint="pip install --force-reinstall faas-seal"
    )
