"""A function's deployment: all that decides how the local gateway runs it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from faas_sealed.formats.errors import FileRefused, SealError
from faas_sealed.settings import BY_NAME
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from faas_seal.errors import CannotServe, StackFileRefused
from faas_seal.project.python_env import PythonEnv
from faas_seal.project.sealed import read_sealed
from faas_seal.project.secrets import SECRET_SETTINGS, SecretFiles
from faas_seal.project.source_folder import REQUIREMENTS, source_of
from faas_seal.project.stackfile import SEALED_FILE, StackFile
from faas_seal.project.watching import Stamp, stamp
from faas_seal.serving.runtime_connections import LOOPBACK

NAMESPACE = "openfaas-fn"
_EXEC_TIMEOUT = BY_NAME["exec_timeout"]


@dataclass(frozen=True)
class Deployment:
    """A sealed function with its settings and the Python that runs it.

    `sealed` is the stamp that `sealed_file` had when this was read. `exec_timeout` is in
    seconds. `environment` has the stack file's settings, with paths in place of secrets' names.
    """

    name: str
    sealed_file: Path
    sealed: Stamp | None
    python_env: PythonEnv
    exec_timeout: float
    environment: Mapping[str, str] = field(repr=False)

    @property
    def folder(self) -> Path:
        """The function's folder for what is kept from one start to the next."""
        return self.python_env.folder

    @property
    def home(self) -> Path:
        return self.folder / "home"

    def variables(self, python: Path, port: int, sealed_file: str) -> dict[str, str]:
        """Return the variables that a container would have, and none of this process's.

        `sealed_file` is the path of the file that takes the place of the image's.
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


def load_deployment(stack_path: Path, name: str) -> Deployment:
    """Read a function's deployment from the stack file and its sealed file.

    Raises SealError for a function that cannot be served.
    """
    stack = StackFile.load(stack_path)
    project = stack.folder.resolve()
    function = stack.function(name)
    source_of(function)  # refuses a function of another template
    sealed_file = project / function.handler / SEALED_FILE
    if not sealed_file.is_file():
        raise CannotServe(f"the function {name} is not sealed", hint=f"faas-seal seal {name}")
    sealed = stamp(sealed_file)
    try:
        read_sealed(sealed_file)
    except FileRefused as error:
        hint = f"fetch the file again, or, if it is yours, seal it anew: faas-seal seal {name}"
        raise CannotServe(f"{sealed_file}: {error}", hint=hint) from None
    environment = dict(function.environment)
    # These files win over the stack file, as with faas-cli.
    for file in function.environment_file:
        environment |= _environment_file(project / file)
    try:
        exec_timeout = _EXEC_TIMEOUT.value(environment.get(_EXEC_TIMEOUT.name, ""))
    except SealError as error:
        raise StackFileRefused(f"functions.{name}.environment: {error}") from None
    return Deployment(
        name=name,
        sealed_file=sealed_file,
        sealed=sealed,
        python_env=PythonEnv.of(project, function, sealed_file.with_name(REQUIREMENTS)),
        exec_timeout=exec_timeout,
        environment=_with_paths(environment, project),
    )


def _with_paths(environment: dict[str, str], project: Path) -> dict[str, str]:
    """Return the settings with paths below .secrets/ in place of the names of secrets."""
    files = SecretFiles(project)
    named = {setting: environment.get(setting) for setting in SECRET_SETTINGS}
    # A setting that is an absolute path already stays as it is.
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
    return {str(key): str(value) for key, value in variables.items()}
