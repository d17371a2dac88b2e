"""`faas-seal doctor`: each thing that can be wrong, and what it says to do."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from faas_seal.project import keystore
from faas_seal.project.keystore import Keystore
from faas_seal.project.secrets import SecretFiles
from faas_seal.project.stackfile import LANGUAGE
from faas_seal.sealing.source import read_source
from faas_sealed.formats.bundle import pack
from faas_sealed.formats.errors import MalformedKey, NotReady
from faas_sealed.formats.file import Recipient, claimed_author, seal, verify
from faas_sealed.formats.keys import AUTHOR_PUBLIC, author_public
from faas_sealed.formats.wire import DISCOVERY_PATH

from tests.command.conftest import STACK, Run
from tests.command.deployed import AUTHOR, problem, sealed
from tests.command.servers import Answer, Request, server
from tests.command.serving.conftest import Project as LocalProject

TEMPLATE = Path(__file__).parents[3] / "template" / LANGUAGE
NOWHERE = "http://127.0.0.1:1"
ANOTHER = AUTHOR_PUBLIC.encode(author_public(bytes(32)))


def findings(run: Run, passed: bool | None, status: int, gateway: str = NOWHERE) -> str:
    """Return what doctor finds that has or has not passed, and what it says to do."""
    output = run("doctor", "--json", "--gateway", gateway, status=status).stdout
    return "\n".join(
        f"{check['subject']}: {check['finding']} -> {check['next_step']}"
        for check in json.loads(output)
        if check["passed"] is passed
    )


@pytest.mark.usefixtures("project")
def test_a_project_in_order_passes(run: Run) -> None:
    run("seal")
    said = findings(run, True, 0)
    assert "stack file: stack.yaml: greet" in said
    assert "greet: sealed as its source is" in said
    assert findings(run, False, 0) == ""


@pytest.mark.usefixtures("project")
def test_each_finding_is_a_line_with_a_mark(run: Run) -> None:
    lines = run("doctor", "--gateway", NOWHERE, status=1).stdout.splitlines()
    assert lines[lines.index("✗ greet: not sealed yet") + 1] == "    faas-seal seal greet"
    assert all(line[:2] in ("✓ ", "✗ ", "- ", "  ") for line in lines)


def change_source(project: Path) -> None:
    (project / "greet" / "handler.py").write_text("def handle(event, context): pass\n")


def break_source(project: Path) -> None:
    (project / "greet" / "handler.py").write_text("def handle(event, context:\n")


def alter_sealed_file(project: Path) -> None:
    path = project / "sealed" / "greet" / "function.sealed"
    path.write_bytes(path.read_bytes()[:-1] + b"#")


def open_key_to_others(project: Path) -> None:
    (project / ".faas-seal" / "greet.key").chmod(0o644)


def remove_gitignore(project: Path) -> None:
    subprocess.run(["git", "init", "--quiet", "."], check=True)
    (project / ".faas-seal" / ".gitignore").unlink()


def track_keys(project: Path) -> None:
    remove_gitignore(project)
    subprocess.run(["git", "add", ".faas-seal"], check=True)


def change_key(project: Path) -> None:
    (project / ".faas-seal" / "greet.key").unlink()
    Keystore(project).add("greet", bytes(32))


def lose_key(project: Path) -> None:
    (project / ".faas-seal" / "greet.key").unlink()


def replace_signing_key(_: Path) -> None:
    keystore.author_key_path().unlink()
    keystore.add_author(bytes(32))


def name_another_author(project: Path) -> None:
    stack = project / "stack.yaml"
    stack.write_text(re.sub("fsap1_.*", ANOTHER, stack.read_text()))


def move_source(project: Path) -> None:
    (project / "greet").rename(project / "moved")


def lose_the_sealed_file_and_open_the_signing_key(project: Path) -> None:
    shutil.rmtree(project / "sealed")
    open_signing_key_to_others(project)


def let_it_expire(project: Path) -> None:
    """Seal it as the formats can, for a moment that has passed."""
    path = project / "sealed" / "greet" / "function.sealed"
    read = read_source(project / "greet")
    file = seal(
        pack(read.files),
        function="greet",
        seed=keystore.author_seed(),
        recipients=[Recipient(Keystore(project).function_key("greet"))],
        created=1,
        expires=2,
    )
    state = project / ".faas-seal" / "greet.state"
    before = hashlib.sha256(path.read_bytes()).hexdigest()
    after = hashlib.sha256(file.serialise()).hexdigest()
    state.write_text(state.read_text().replace(before, after))
    path.write_bytes(file.serialise())


def lose_git_ignore_of_secrets(project: Path) -> None:
    subprocess.run(["git", "init", "--quiet", "."], check=True)
    (project / ".secrets" / ".gitignore").unlink()


def track_secrets(project: Path) -> None:
    lose_git_ignore_of_secrets(project)
    subprocess.run(["git", "add", ".secrets"], check=True)


def replace_transport_secret(project: Path) -> None:
    SecretFiles(project).write_transport("greet-transport", "greet", [bytes(32)])


def damage_transport_secret(project: Path) -> None:
    path = project / ".secrets" / "greet-transport"
    path.write_text(path.read_text().strip()[:-1])


def open_secrets_to_writers(project: Path) -> None:
    (project / ".secrets").chmod(0o777)


def take_secret_out_of_the_list(project: Path) -> None:
    stack = project / "stack.yaml"
    stack.write_text(stack.read_text().replace("secrets: [greet-transport]", "secrets: []"))


def set_no_transport(project: Path) -> None:
    stack = project / "stack.yaml"
    stack.write_text(stack.read_text().replace("seal_transport", "other"))


def refer_to_another_file(project: Path) -> None:
    (project / "greet" / "requirements.txt").write_text("-r base.txt\n")


def save_requirements_in_another_encoding(project: Path) -> None:
    (project / "greet" / "requirements.txt").write_text("# für flask\nflask\n", "latin-1")


def copy_in_clear(project: Path) -> None:
    (project / "common").mkdir()
    stack = project / "stack.yaml"
    stack.write_text(stack.read_text() + "configuration: {copy: [./common]}\n")


def make_requirements_unreadable(project: Path) -> None:
    """Also for root, whom no mode keeps out."""
    (project / "greet" / "requirements.txt").unlink()
    (project / "greet" / "requirements.txt").mkdir()


def open_config_to_others(_: Path) -> None:
    keystore.author_key_path().parent.chmod(0o755)


def open_keys_to_others(project: Path) -> None:
    (project / ".faas-seal").chmod(0o755)


def open_signing_key_to_others(_: Path) -> None:
    keystore.author_key_path().chmod(0o640)


def leave_plaintext(project: Path) -> None:
    shutil.copytree(project / "greet", project / "build" / "greet" / "function")


def alter_template(project: Path) -> None:
    shutil.copytree(TEMPLATE, project / "template" / LANGUAGE)
    (project / "template" / LANGUAGE / "index.py").write_text("# changed\n")


@pytest.mark.parametrize(
    ("damage", "finding"),
    [
        (
            change_source,
            "greet: the source has changed since it was sealed -> faas-seal seal greet",
        ),
        (break_source, "greet: handler.py does not compile"),
        (change_key, "greet: sealed for another key: it opens with "),
        (move_source, "greet: the source folder of greet does not exist: ./greet -> where is it"),
        (
            lose_the_sealed_file_and_open_the_signing_key,
            "greet: not sealed yet, and the signing key is refused -> chmod 600 ",
        ),
        (alter_sealed_file, "greet: the ciphertext is altered -> faas-seal seal greet"),
        (lose_key, "greet: there is no function key for greet: .faas-seal/greet.key does not exi"),
        (lose_key, "-> restore .faas-seal/greet.key from your copy; without one, faas-seal seal"),
        (replace_signing_key, "greet: greet belongs to the author fsap1_"),
        (replace_signing_key, "not yours -> faas-seal seal greet --author-key-file FILE, with its"),
        (name_another_author, "greet: the file is signed by fsap1_"),
        (name_another_author, f", expected {ANOTHER} -> faas-seal seal greet --author-key-file"),
        (let_it_expire, "greet: has expired -> faas-seal seal greet"),
        (
            refer_to_another_file,
            "requirements.txt, line 1 names a file that is not there: base",
        ),
        (save_requirements_in_another_encoding, "requirements.txt is not text in UTF-8"),
        (copy_in_clear, "puts ./common into every build in clear -> faas-seal seal greet"),
        (make_requirements_unreadable, "greet/requirements.txt: Is a directory"),
        (remove_gitignore, "git does not ignore .faas-seal -> echo '*' > .faas-seal/.gitignore"),
        (track_keys, "keys: git tracks .faas-seal/"),
        (lose_git_ignore_of_secrets, "git does not ignore .secrets -> echo '*'"),
        (track_secrets, "keys: git tracks .secrets/"),
        (replace_transport_secret, "does not fit the sealed file: the function would not start"),
        (damage_transport_secret, ".secrets/greet-transport: transport secret is"),
        (open_secrets_to_writers, "-> chmod go-w .secrets .secrets/greet-transport"),
        (take_secret_out_of_the_list, "which is not under secrets -> add secrets: [greet-trans"),
        (set_no_transport, "and the stack file sets no seal_transport -> faas-seal seal greet"),
        (open_config_to_others, "signing key: others can look into"),
        (open_key_to_others, "-> chmod 600 .faas-seal/greet.key"),
        (open_keys_to_others, "others can look into .faas-seal -> chmod 700 .faas-seal"),
        (open_signing_key_to_others, "signing key: "),
        (leave_plaintext, "build/greet holds the source -> faas-seal seal --clean greet"),
        (alter_template, "is not the one of this command: index.py"),
    ],
)
def test_what_is_wrong_is_found_and_nothing_is_changed(
    project: Path, run: Run, damage: Callable[[Path], None], finding: str
) -> None:
    run("seal")
    damage(project)
    before = {path: path.stat().st_mtime_ns for path in project.rglob("*")}
    assert finding in findings(run, False, 1)
    assert {path: path.stat().st_mtime_ns for path in project.rglob("*")} == before


def test_what_was_sealed_elsewhere_is_not_known_to_have_changed(project: Path, run: Run) -> None:
    run("seal")
    (project / ".faas-seal" / "greet.state").unlink()
    assert "greet: sealed elsewhere, and whether the source has" in findings(run, None, 0)


def test_only_the_functions_named_are_looked_at(project: Path, run: Run) -> None:
    stack = project / "stack.yaml"
    entry = STACK.partition("functions:\n")[2]
    stack.write_text(stack.read_text() + entry.replace("greet", "other"))
    run("seal", "greet")
    said = run("doctor", "greet", "--gateway", NOWHERE).stdout
    assert "✓ greet: sealed as its source is" in said
    assert "other" not in said
    assert "✗ other: " in run("doctor", "--gateway", NOWHERE, status=1).stdout
    assert "has no function 'gret'" in run("doctor", "gret", status=2).stderr


def test_without_a_stack_file_it_says_how_to_get_one(project: Path, run: Run) -> None:
    (project / "stack.yaml").unlink()
    assert "there is no stack file stack.yaml" in findings(run, False, 1)


def test_requirements_are_looked_at_before_the_first_seal_too(project: Path, run: Run) -> None:
    refer_to_another_file(project)
    assert "requirements.txt, line 1 names a file" in findings(run, False, 1)


@pytest.mark.usefixtures("project")
def test_what_is_not_needed_is_no_failure(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    run("seal")
    monkeypatch.setenv("PATH", "/nowhere")
    said = findings(run, None, 0)
    assert "faas-cli: not on PATH" in said
    assert "docker: not on PATH" in said
    assert f"gateway: {NOWHERE} does not answer" in said


@pytest.mark.usefixtures("project")
def test_what_goes_on_after_a_file_that_cannot_be_read(project: Path, run: Run) -> None:
    run("seal")
    make_requirements_unreadable(project)
    assert "gateway: " in findings(run, None, 1)


def test_a_transport_secret_that_is_elsewhere_is_no_failure(project: Path, run: Run) -> None:
    run("seal")
    (project / ".secrets").chmod(0o700)
    said = findings(run, None, 0)
    assert "-> chmod o+x .secrets; chmod o+r .secrets/greet-transport" in said
    (project / ".secrets" / "greet-transport").unlink()
    assert ".secrets/greet-transport is not here" in findings(run, None, 0)


@pytest.mark.usefixtures("project")
def test_without_the_signing_key_the_author_of_the_stack_file_counts(run: Run) -> None:
    run("seal")
    keystore.author_key_path().unlink()
    assert "greet: not known to be in order: there is no signing" in findings(run, None, 0)


def test_without_the_signing_key_an_altered_file_is_found(project: Path, run: Run) -> None:
    run("seal")
    keystore.author_key_path().unlink()
    alter_sealed_file(project)
    assert "greet: the ciphertext is altered" in findings(run, False, 1)


@pytest.mark.usefixtures("project")
@pytest.mark.parametrize(
    ("answer", "passed", "finding"),
    [
        (Answer(404), None, "-> faas-seal local-run greet, or faas-seal up greet"),
        (Answer(200, {}, b"hello"), False, "is not sealed -> faas-seal up greet"),
        (Answer(301, {"Location": "https://gateway.example/"}), None, "answers 301"),
        (Answer(500), False, "-> its log tells why: faas-cli logs greet"),
        (Answer(503), False, "answers 503: Service Unavailable"),
    ],
)
def test_what_else_a_gateway_may_answer(
    run: Run, answer: Answer, passed: bool | None, finding: str
) -> None:
    run("seal")
    with server(lambda _: answer) as gateway:
        assert finding in findings(run, passed, int(passed is False), f"{gateway.url}/")
    assert [request.path for request in gateway.requests] == ["/healthz", "/function/greet"]


def test_the_gateway_is_the_one_that_invoke_takes(
    project: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    run("seal")
    monkeypatch.setenv("OPENFAAS_URL", f"{NOWHERE}/")
    assert f"gateway: {NOWHERE} does not answer" in run("doctor").stdout
    stack = (project / "stack.yaml").read_text()
    (project / "stack.yaml").write_text(stack.replace("127.0.0.1:8080", "127.0.0.1:2"))
    assert "gateway: http://127.0.0.1:2 does not answer" in run("doctor").stdout


@pytest.mark.usefixtures("project")
def test_a_gateway_that_is_no_address_is_refused(run: Run) -> None:
    assert "is not an address" in run("doctor", "--gateway", "http://", status=2).stderr


def test_a_function_that_is_served_is_asked_without_its_key(
    tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "served"
    folder.mkdir()
    local = LocalProject(folder)
    local.add("program", "raise RuntimeError('it has run')\ndef handle(event, context): pass\n")
    local.seal()
    monkeypatch.setenv("HOME", local.variables["HOME"])
    monkeypatch.chdir(folder)
    with local.serving() as served:
        said = findings(run, True, 0, f"http://127.0.0.1:{served.port}")
        assert "program: deployed at" in said
        assert "the key header arrives" in said
        assert "program: deployed is what is sealed" in said

        def without_the_key(request: Request) -> Answer:
            answer = served.request(request.path, method=request.method)
            return Answer(answer.status, dict(answer.headers), answer.body)

        with server(without_the_key) as gateway:
            said = findings(run, False, 1, gateway.url)
        assert f"program: X-Function-Key does not arrive at {gateway.url}" in said
        assert "handler-error" not in served.stderr.text


def lines_of(project: Path) -> bytes:
    data = (project / "sealed" / "greet" / "function.sealed").read_bytes()
    return verify(data, claimed_author(data)).lines


def test_what_is_sealed_and_not_deployed_is_found(project: Path, run: Run) -> None:
    run("seal")
    deployed = Answer(body=lines_of(project))

    def answer(request: Request) -> Answer:
        return deployed if request.path.endswith(DISCOVERY_PATH) else problem(MalformedKey)

    with server(answer) as gateway:
        assert "greet: deployed is what is sealed" in findings(run, True, 0, gateway.url)
        before = content_id(run)
        change_source(project)
        run("seal")
        said = findings(run, False, 1, gateway.url)
        ids = f"deployed is content id {before}, sealed is {content_id(run)}"
        assert said == f"greet: {ids} -> faas-seal up greet"
        stack = project / "stack.yaml"
        stack.write_text(
            stack.read_text().replace("seal_author", "seal_file: x\n      seal_author")
        )
        assert "-> faas-seal up greet, or faas-seal push greet" in findings(
            run, False, 1, gateway.url
        )


@pytest.mark.usefixtures("project")
@pytest.mark.parametrize(
    ("deployed", "passed", "finding"),
    [
        (Answer(body=sealed(bytes(32), function="greet").lines), False, f"is signed by {AUTHOR}"),
        (Answer(body=b"<html>"), False, "this is not a sealed file"),
        (Answer(401), None, "not known to be what is sealed: "),
    ],
    ids=["another author's", "no sealed file", "discovery is off"],
)
def test_what_else_may_be_deployed(
    run: Run, deployed: Answer, passed: bool | None, finding: str
) -> None:
    run("seal")

    def answer(request: Request) -> Answer:
        return deployed if request.path.endswith(DISCOVERY_PATH) else problem(MalformedKey)

    with server(answer) as gateway:
        assert finding in findings(run, passed, int(passed is False), gateway.url)


@pytest.mark.usefixtures("project")
def test_another_function_of_the_author_is_not_what_is_sealed(run: Run) -> None:
    run("seal")
    file = seal(
        pack({"handler.py": b"def handle(event, context): pass"}),
        function="other",
        seed=keystore.author_seed(),
        recipients=[Recipient(bytes(32))],
        created=1,
    )

    def answer(request: Request) -> Answer:
        return (
            Answer(body=file.lines) if request.path.endswith(DISCOVERY_PATH) else problem(NotReady)
        )

    with server(answer) as gateway:
        assert "is the function other, expected greet -> " in findings(run, False, 1, gateway.url)
        assert "answers 503: The function is not ready" in findings(run, None, 1, gateway.url)


def test_a_key_of_ones_own_is_not_missed_where_recipients_alone_open_it(
    project: Path, run: Run
) -> None:
    identity = run("keygen", "--identity").stdout.strip()
    run("seal", "greet", "--no-own-key", "--to", identity)
    assert not (project / ".faas-seal" / "greet.key").exists()
    assert "greet: sealed as its source is" in findings(run, True, 0)


def content_id(run: Run) -> str:
    """Return the content id of what is sealed."""
    found: str = json.loads(run("inspect", "greet", "--json").stdout)["content_id"]
    return found
