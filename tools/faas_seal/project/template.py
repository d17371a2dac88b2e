"""Where the template lies whose index.py serves the functions."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from faas_seal.project.stackfile import LANGUAGE
from faas_seal.serving.refusals import CannotServe


@dataclass(frozen=True)
class Template:
    """A folder as `faas-cli template pull` leaves it."""

    folder: Path

    @property
    def index(self) -> Path:
        return self.folder / "index.py"

    @property
    def requirements(self) -> Path:
        """What the image is built with, pinned by hashes."""
        return self.folder / "requirements.txt"

    @property
    def constraints(self) -> Path:
        """What the runtime needs by name, with the versions that it can do with."""
        return self.folder / "requirements.in"


def find_template(project: Path, lang: str) -> Template:
    """Return the template of `lang`: the project's own, or the one that came with the command.

    Raises CannotServe if there is none.
    """
    package = Path(__file__).parents[1]
    candidates = [
        project / "template" / lang,
        package / "template" / LANGUAGE,
        # An editable installation: the package lies in the checkout's tools/.
        package.parents[1] / "template" / LANGUAGE,
    ]
    for folder in candidates:
        if (folder / "index.py").is_file():
            return Template(folder.resolve())
    raise CannotServe(
        f"there is no template {lang}", hint="pip install --force-reinstall faas-seal"
    )
