"""The search for the template of a function."""

from __future__ import annotations

from pathlib import Path

from faas_seal.project.template import Template, find_template


def test_the_projects_template_goes_before_the_commands_own(tmp_path: Path) -> None:
    own = find_template(tmp_path, "python3-encrypted")
    assert own.index.is_file()
    assert own.constraints.is_file()
    assert own.requirements.is_file()
    folder = tmp_path / "template" / "python3-encrypted-slim"
    folder.mkdir(parents=True)
    (folder / "index.py").touch()
    assert find_template(tmp_path, "python3-encrypted-slim") == Template(folder)
    assert find_template(tmp_path, "python3-encrypted") == own
