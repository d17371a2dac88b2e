"""Transport keys: made, kept, exchanged, and told to the stack file."""

from __future__ import annotations

import json
import shutil
import stat
import subprocess
from pathlib import Path

import pytest
from faas_seal.project import keystore
from faas_seal.project.secrets import SecretFiles, transport_public
from faas_seal.project.stackfile import StackFile
from faas_sealed.formats.file import verify
from faas_sealed.formats.keys import TRANSPORT_PUBLIC, TRANSPORT_SEED

from tests.command.conftest import Run, contents

NAME = "greet-transport"


def seeds(project: Path, secret: str = NAME) -> tuple[bytes, ...]:
    return SecretFiles(project).transport_seeds(secret)


def named(project: Path) -> bytes | None:
    """Return the transport key that the sealed file names."""
    author = keystore.known_author()
    assert author
    data = (project / "sealed" / "greet" / "function.sealed").read_bytes()
    return verify(data, author).header.transport


def test_the_first_seal_makes_a_secret_and_says_where_it_must_go(project: Path, run: Run) -> None:
    said = run("seal").stderr
    create = "faas-cli secret create greet-transport --from-file .secrets/greet-transport"
    assert create in said
    (seed,) = seeds(project)
    assert named(project) == transport_public(seed)
    function = StackFile.load(project / "stack.yaml").function("greet")
    assert function.secrets == (NAME,)
    assert function.environment["seal_transport"] == NAME
    assert TRANSPORT_SEED.encode(seed) not in said
    assert "transport" not in run("seal").stderr


def test_the_user_of_a_container_can_read_the_secret_and_list_nothing(
    project: Path, run: Run
) -> None:
    run("seal")
    path = project / ".secrets" / NAME
    assert stat.S_IMODE(path.stat().st_mode) == 0o644
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o711


def test_a_folder_that_is_there_keeps_its_mode(project: Path, run: Run) -> None:
    (project / ".secrets").mkdir(mode=0o700)
    run("seal")
    assert stat.S_IMODE((project / ".secrets").stat().st_mode) == 0o700


@pytest.mark.usefixtures("project")
def test_git_sees_nothing_of_the_secret(run: Run) -> None:
    subprocess.run(["git", "init", "--quiet"], check=True)
    run("seal")
    subprocess.run(["git", "add", "--all"], check=True)
    listed = subprocess.run(["git", "ls-files"], capture_output=True, text=True, check=True)
    assert "stack.yaml" in listed.stdout
    assert ".secrets" not in listed.stdout


@pytest.mark.skipif(not shutil.which("faas-cli"), reason="faas-cli is not on PATH")
def test_a_build_holds_nothing_of_the_secret(project: Path, run: Run) -> None:
    run("new", "fresh")  # brings the template
    run("seal")
    subprocess.run(
        ["faas-cli", "build", "--shrinkwrap", "--yaml", "stack.yaml"],
        check=True,
        capture_output=True,
    )
    files = contents(project / "build")
    assert files
    secrets = [TRANSPORT_SEED.encode(seed).encode() for seed in seeds(project)]
    assert not any(secret in content for _, _, content in files.values() for secret in secrets)
    assert not any(".secrets" in name for name in files)


def test_secrets_are_not_copied_into_any_function(project: Path, run: Run) -> None:
    stack = project / "stack.yaml"
    stack.write_text(stack.read_text() + "configuration:\n  copy:\n    - ./.secrets\n")
    assert (
        "copies ./.secrets into every function, and that holds keys" in run("seal", status=1).stderr
    )
    assert (
        "puts ./.secrets into every build, with the keys in .secrets/"
        in run("doctor", "--gateway", "http://127.0.0.1:9", status=1).stdout
    )


def test_without_a_transport_key_nothing_is_made_until_it_is_wanted(
    project: Path, run: Run
) -> None:
    run("seal", "--no-transport")
    run("seal")
    assert named(project) is None
    assert not (project / ".secrets").exists()
    function = StackFile.load(project / "stack.yaml").function("greet")
    assert function.secrets == ()
    assert "seal_transport" not in function.environment
    run("seal", "--transport")
    assert named(project) == transport_public(seeds(project)[0])


def test_whoever_gives_it_up_is_told_what_still_names_it(project: Path, run: Run) -> None:
    run("seal")
    said = run("seal", "--no-transport").stderr
    assert "stack.yaml still gives greet the secret greet-transport" in said
    assert named(project) is None


def test_a_stack_file_may_name_another_secret(project: Path, run: Run) -> None:
    stack = project / "stack.yaml"
    stack.write_text(stack.read_text() + "    environment:\n      seal_transport: ours\n")
    run("seal", "--new-author")
    assert named(project) == transport_public(seeds(project, "ours")[0])
    assert StackFile.load(stack).function("greet").secrets == ("ours",)


def test_a_build_server_seals_without_the_secret(project: Path, run: Run) -> None:
    run("seal")
    before = named(project)
    shutil.rmtree(project / ".secrets")
    shutil.rmtree(project / ".faas-seal")
    run("seal")
    assert named(project) == before
    assert not (project / ".secrets").exists()


def test_a_secret_that_only_the_gateway_has_is_not_made_anew(project: Path, run: Run) -> None:
    run("seal")
    public = TRANSPORT_PUBLIC.encode(named(project) or b"")
    (project / "public").write_text(f"# of greet\n{public}\n")
    shutil.rmtree(project / ".secrets")
    shutil.rmtree(project / "sealed")
    refused = run("seal", status=3).stderr
    assert "names the transport secret greet-transport for greet" in refused
    assert "faas-seal keygen --transport greet makes another" in refused
    assert not (project / "sealed").exists()
    run("seal", "--transport-key", "public")
    assert TRANSPORT_PUBLIC.encode(named(project) or b"") == public
    assert "unchanged" in run("seal", "--transport-key", public).stdout


@pytest.mark.usefixtures("project")
def test_one_transport_key_is_not_for_two_functions(run: Run) -> None:
    run("new", "other")
    run("seal", "--transport-key", TRANSPORT_PUBLIC.encode(transport_public(bytes(32))), status=2)


def test_the_next_key_comes_first_and_the_oldest_goes(project: Path, run: Run) -> None:
    run("seal")
    (first,) = seeds(project)
    said = run("keygen", "--transport", "greet")
    second, kept = seeds(project)
    assert kept == first
    assert TRANSPORT_PUBLIC.encode(transport_public(second)) in said.stdout
    assert "--from-file .secrets/greet-transport" in said.stderr
    assert named(project) == transport_public(first)
    run("seal")
    assert named(project) == transport_public(second)
    run("keygen", "--transport", "greet")
    assert seeds(project)[1:] == (second,)


def test_a_transport_key_is_made_beforehand(project: Path, run: Run) -> None:
    result = json.loads(run("keygen", "--transport", "greet", "--json").stdout)
    assert result["file"] == ".secrets/greet-transport"
    assert "made the transport secret" not in run("seal").stderr
    assert TRANSPORT_PUBLIC.encode(named(project) or b"") == result["transport"]


def test_a_transport_key_is_written_elsewhere_only_if_asked_to(project: Path, run: Run) -> None:
    run("keygen", "--transport", "greet", "--output", "next.key")
    assert stat.S_IMODE((project / "next.key").stat().st_mode) == 0o600
    assert not (project / ".secrets").exists()


@pytest.mark.parametrize("lines", [0, 3])
def test_a_secret_with_another_number_of_keys_is_refused(
    project: Path, run: Run, lines: int
) -> None:
    key = TRANSPORT_SEED.encode(bytes(32))
    SecretFiles(project).write(NAME, ["# of greet", *[key] * lines])
    refused = run("seal", status=3).stderr
    assert f"found {lines} transport keys, expected one or two" in refused
    assert key not in refused
