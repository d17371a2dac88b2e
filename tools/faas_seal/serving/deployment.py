"""What is run for a function of the stack file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from faas_sealed.formats.errors import FileRefused
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from faas_seal.errors import StackFileRefused
from faas_seal.project.keystore import Keystore
from faas_seal.project.sealed import read_sealed
from faas_seal.project.secrets import SECRET_SETTINGS, SecretFiles
from faas_seal.project.stackfile import SEALED_FILE, StackFile, substitute
from faas_seal.project.template import Template, find_template
from faas_seal.sealing.draft import REQUIREMENTS, source_of
from faas_seal.serving.connections import LOOPBACK
from faas_seal.serving.durations import parse_duration
from faas_seal.serving.refusals import CannotServe

# What tells one state of a file from another.
Stamp = tuple[int, int, int]

NAMESPACE = "openfaas-fn"
# The watchdog's own default.
_EXEC_TIMEOUT = "30s"


@dataclass(frozen=True)
class Program:
    """A sealed function, and the template that runs it.

    `folder` is one of its own, for what is kept from one start to the next;
    `exec_timeout` is in seconds; `sealed` is the stamp of the sealed file, where there is one.
    """

    name: str
    template: Template
    sealed_file: Path
    folder: Path
    exec_timeout: float
    environment: Mapping[str, str] = field(repr=False)
    sealed: Stamp | None = None

    @property
    def requirements(self) -> Path:
        return self.sealed_file.with_name(REQUIREMENTS)

    @property
    def home(self) -> Path:
        return self.folder / "home"

    def variables(self, python: Path, port: int, sealed_file: str) -> dict[str, str]:
        """Return the environment as a container would have it, and nothing of this one.

        `sealed_file` is where that of the image would be.
        """
        return {
            "PATH": f"{python.parent}:/usr/local/bin:/usr/bin:/bin",
            "HOME": str(self.home),
            "HOSTNAME": self.name,
            "LANG": "C.UTF-8",
            "PYTHONDONTWRITEBYTECODE": "1",
            "OPENFAAS_NAME": self.name,
            "OPENFAAS_NAMESPACE": NAMESPACE,
            "mode": "http",
            "fprocess": "python index.py",
            **self.environment,
            "upstream_url": f"http://{LOOPBACK}:{port}",
            "seal_file": sealed_file,
        }


def load_program(stack_path: Path, name: str) -> Program:
    """Read what the stack file says of a function, or raise SealError."""
    stack = StackFile.load(stack_path)
    project = stack.folder.resolve()
    function = stack.function(name)
    source_of(function)
    sealed_file = project / function.handler / SEALED_FILE
    if not sealed_file.is_file():
        raise CannotServe(f"the function {name} is not sealed", hint=f"faas-seal seal {name}")
    try:
        read_sealed(sealed_file)
    except FileRefused as error:
        raise CannotServe(f"{sealed_file}: {error}", hint=error.hint) from None
    environment = dict(function.environment)
    # faas-cli lets these win, too.
    for file in function.environment_file:
        environment |= _environment_file(project / file)
    timeout = environment.get("exec_timeout") or _EXEC_TIMEOUT
    try:
        exec_timeout = parse_duration(timeout)
    except ValueError as error:
        raise StackFileRefused(f"exec_timeout of {name}: {error}") from None
    return Program(
        name=name,
        template=find_template(project, function.lang),
        sealed_file=sealed_file,
        folder=Keystore(project).folder / "local" / name,
        exec_timeout=exec_timeout,
        environment=_with_paths(environment, project),
        sealed=stamp(sealed_file),
    )


def stamp(path: Path) -> Stamp | None:
    """Return the stamp of a file, or None while it is not there."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_ino, status.st_mtime_ns, status.st_size


def _with_paths(environment: dict[str, str], project: Path) -> dict[str, str]:
    """Return settings that name secrets with paths, where `faas-cli local-run` has them, too."""
    files = SecretFiles(project)
    named = {setting: environment.get(setting) for setting in SECRET_SETTINGS}
    # Where it is a path already, joining leaves it as it is.
    return environment | {key: str(files.path(value)) for key, value in named.items() if value}


def _environment_file(path: Path) -> dict[str, str]:
    try:
        members = YAML(typ="base").load(path.read_text())
    except OSError as error:
        raise StackFileRefused(f"{path} cannot be read: {error.strerror}") from None
    except (UnicodeDecodeError, YAMLError):
        raise StackFileRefused(f"{path} is not YAML") from None
    variables = members.get("environment") if isinstance(members, dict) else None
    if not isinstance(variables, dict):
        return {}
    return {str(key): substitute(str(value)) for key, value in variables.items()}
