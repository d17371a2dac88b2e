"""The Python of a function: this one, or with requirements a virtual environment of its own."""

from __future__ import annotations

import base64
import hashlib
import os
import subprocess
import sys
import threading
import time
import zipfile
from pathlib import Path

import pytest
from faas_seal.errors import CannotServe
from faas_seal.project.python_env import PythonEnv, find_interpreter
from faas_seal.project.requirements import read_requirements
from faas_seal.project.template import Template
from faas_seal.project.virtual_envs import UNUSED_SECONDS, remove_unused

NEEDED_BY_ALL = "cryptography\nflask\n"


def wheel(folder: Path, name: str, requires: str = "") -> Path:
    """Make a wheel with one module, which prints its name."""
    info = f"{name}-1.dist-info"
    metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: 1\n"
    files = {
        f"{name}.py": f"print({name!r})\n",
        f"{info}/METADATA": metadata + (f"Requires-Dist: {requires}\n" if requires else ""),
        f"{info}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    path = folder / f"{name}-1-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        record = ""
        for member, content in files.items():
            archive.writestr(member, content)
            digest = base64.urlsafe_b64encode(hashlib.sha256(content.encode()).digest())
            record += f"{member},sha256={digest.decode().rstrip('=')},{len(content)}\n"
        archive.writestr(f"{info}/RECORD", f"{record}{info}/RECORD,,\n")
    return path


class Workshop:
    """A template that needs the wheel `common`, and a function with the requirements of a test."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.said: list[str] = []
        common = wheel(folder, "common")
        wheel(folder, "wanted")
        digest = hashlib.sha256(common.read_bytes()).hexdigest()
        self.template = folder / "template"
        self.template.mkdir()
        (self.template / "requirements.in").write_text("common>=1\n")
        (self.template / "requirements.txt").write_text(f"common==1 --hash=sha256:{digest}\n")
        self.requirements = folder / "requirements.txt"

    def would_make(self) -> bool:
        """Tell whether an environment would be made, without making it."""
        stopping = threading.Event()
        stopping.set()
        try:
            self.find(stopping)
        except CannotServe as error:
            return "the gateway is ending" in str(error)
        return False

    def find(self, stopping: threading.Event | None = None) -> Path:
        return find_interpreter(self.env("function"), self.said.append, stopping)

    def env(self, name: str) -> PythonEnv:
        return PythonEnv(
            Template(self.template), self.requirements, self.folder / name, self.folder / "venvs"
        )


def environments(workshop: Workshop) -> list[str]:
    return sorted(path.parent.name for path in (workshop.folder / "venvs").glob("*/complete"))


def output(python: Path, code: str) -> str:
    done = subprocess.run([python, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout


@pytest.fixture
def workshop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workshop:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    return Workshop(tmp_path)


def test_a_function_without_requirements_runs_in_this_python(workshop: Workshop) -> None:
    (workshop.template / "requirements.in").write_text(NEEDED_BY_ALL)
    for text in (None, "", "# none\n\n"):
        if text is not None:
            workshop.requirements.write_text(text)
        assert workshop.find() == Path(sys.executable)
    assert not workshop.said


def test_requirements_are_installed_once(workshop: Workshop) -> None:
    workshop.requirements.write_text("wanted\n")
    python = workshop.find()
    assert output(python, "import common, wanted") == "common\nwanted\n"
    # It does not see the packages of this Python.
    with pytest.raises(subprocess.CalledProcessError):
        output(python, "import pytest")
    assert not workshop.would_make()
    assert workshop.find() == python
    assert workshop.said == ["making a virtual environment with the function's requirements, once"]
    for file in (workshop.requirements, workshop.template / "requirements.txt"):
        before = file.read_text()
        file.write_text(f"# changed\n{before}")
        assert workshop.would_make()
        file.write_text(before)
    assert not workshop.would_make()


def test_what_the_template_needs_is_installed_if_it_is_not_there(workshop: Workshop) -> None:
    assert workshop.would_make()
    (workshop.template / "requirements.in").write_text(NEEDED_BY_ALL)
    assert not workshop.would_make()


def test_a_failed_installation_shows_why_leaks_nothing_and_is_tried_again(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = workshop.folder / "seen"
    source = workshop.folder / "source"
    source.mkdir()
    (source / "pyproject.toml").write_text(
        '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'
    )
    backend = f"import os, shutil\nopen({str(seen)!r}, 'w').write(repr(dict(os.environ)))\n"
    (source / "backend.py").write_text(f"{backend}raise RuntimeError('no compiler here')\n")
    workshop.requirements.write_text(f"{source}\n")
    monkeypatch.setenv("GREET_KEY", "fsk1_canary")
    with pytest.raises(
        CannotServe, match="the function's requirements cannot be installed"
    ) as found:
        workshop.find()
    assert "-m pip install" in found.value.hint
    assert str(workshop.folder) in seen.read_text()
    assert "fsk1_canary" not in seen.read_text()
    built = wheel(workshop.folder, "built")
    (source / "backend.py").write_text(
        f"{backend}def build_wheel(folder, *_):\n"
        f"    return os.path.basename(shutil.copy({str(built)!r}, folder))\n"
    )
    assert output(workshop.find(), "import built") == "built\n"


def test_the_templates_pins_are_checked(workshop: Workshop) -> None:
    wheel(workshop.folder, "common", requires="wanted")
    with pytest.raises(CannotServe, match="hash"):
        workshop.find()


def test_functions_with_the_same_requirements_share_an_environment_until_long_unused(
    workshop: Workshop,
) -> None:
    workshop.requirements.write_text("wanted\n")
    first = find_interpreter(workshop.env("first"), workshop.said.append)
    assert find_interpreter(workshop.env("second"), workshop.said.append) == first
    assert workshop.said == ["making a virtual environment with the function's requirements, once"]
    venvs = workshop.env("first").venvs
    for name in ("old", "recent"):
        (venvs / name).mkdir()
        (venvs / name / "complete").touch()
    long_ago = time.time() - UNUSED_SECONDS - 60
    for venv in (venvs / "old", first.parents[1]):
        os.utime(venv / "complete", (long_ago, long_ago))
    remove_unused(venvs)
    # This process still holds the one that it has used.
    assert environments(workshop) == sorted(["recent", first.parents[1].name])


def test_what_the_requirements_name_makes_another_environment(workshop: Workshop) -> None:
    folder = workshop.folder
    (folder / "more").mkdir()
    named = {
        "-r base.txt": folder / "base.txt",
        "--constraint=more/bounds.txt": folder / "more" / "bounds.txt",
        "./wanted-1-py3-none-any.whl": folder / "wanted-1-py3-none-any.whl",
        "x @ file:more": folder / "more" / "module.py",
    }
    for line, file in named.items():
        workshop.requirements.write_text(f"{line}\n")
        file.touch()
        before = read_requirements(workshop.requirements)
        file.write_bytes(file.read_bytes() + b"# changed\n")
        assert read_requirements(workshop.requirements) != before, line
    (folder / "base.txt").write_text("-r requirements.txt\n-c more/bounds.txt\n")
    workshop.requirements.write_text("-rbase.txt\nhttps://x.example/y.whl\n")
    assert read_requirements(workshop.requirements).count(b"-rbase.txt") == 1
    assert b"# changed" in read_requirements(workshop.requirements)


MAKES = """\
import sys
from pathlib import Path
from faas_seal.project.python_env import PythonEnv, find_interpreter
from faas_seal.project.requirements import read_requirements
from faas_seal.project.template import Template
from faas_seal.project.virtual_envs import UNUSED_SECONDS, remove_unused

template, requirements, folder, venvs = map(Path, sys.argv[1:])
env = PythonEnv(Template(template), requirements, folder, venvs)
print(find_interpreter(env, print))
"""


def test_two_processes_that_make_an_environment_at_once_make_one(workshop: Workshop) -> None:
    workshop.requirements.write_text("wanted\n")
    env = workshop.env("function")
    paths = (workshop.template, workshop.requirements, env.folder, env.venvs)
    command = [sys.executable, "-c", MAKES, *map(str, paths)]
    makers = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    said = [maker.communicate()[0].splitlines() for maker in makers]
    assert [maker.returncode for maker in makers] == [0, 0, 0]
    assert len({lines[-1] for lines in said}) == 1
    assert sorted(map(len, said)) == [1, 1, 2]
    assert output(Path(said[0][-1]), "import common, wanted") == "common\nwanted\n"
    assert len(environments(workshop)) == 1
