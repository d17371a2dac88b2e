from __future__ import annotations

import json
import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from faas_seal.project import keystore
from faas_seal.project.keystore import Keystore
from faas_seal.project.stackfile import StackFile
from faas_sealed.formats import bundle
from faas_sealed.formats.file import SealedFile, verify
from faas_sealed.formats.keys import AUTHOR_SEED, FUNCTION_KEY

from tests.command.conftest import HANDLER, Run, contents
from tests.support import FAAS_SEAL, PATIENCE

TEMPLATE = Path(__file__).parents[3] / "template" / "python3-encrypted"


def sealed(project: Path, name: str = "greet") -> SealedFile:
    author = keystore.known_author()
    assert author
    return verify((project / "sealed" / name / "function.sealed").read_bytes(), author)


def opened(project: Path, name: str = "greet") -> dict[str, bytes]:
    file = sealed(project, name)
    key = Keystore(project).function_key(name)
    return bundle.unpack(file.bundle(file.content_key(key, 0)))


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def change(project: Path) -> None:
    handler = project / "greet" / "handler.py"
    handler.write_text(handler.read_text() + "# changed\n")


def git(project: Path, *arguments: str) -> None:
    subprocess.run(["git", *arguments], cwd=project, check=True, capture_output=True)


def test_seals_the_handler_and_points_the_stack_file_to_it(project: Path, run: Run) -> None:
    run("seal", "greet")
    assert names(project / "sealed" / "greet") == {"function.sealed", "requirements.txt"}
    assert (project / "sealed" / "greet" / "requirements.txt").read_text() == "# nothing\n"
    assert opened(project)["handler.py"] == HANDLER.encode()
    function = StackFile.load(project / "stack.yaml").function("greet")
    assert (function.handler, function.source) == ("./sealed/greet", "./greet")
    header = sealed(project).header
    assert header.function == "greet"
    public = StackFile.load(project / "stack.yaml").function("greet").environment["seal_author"]
    run("verify", "greet", "--author", public)


def test_no_byte_of_the_source_is_in_the_sealed_folder(project: Path, run: Run) -> None:
    canary = "canary_8134_rate"
    (project / "greet" / "handler.py").write_text(f"{HANDLER}# {canary}\n")
    (project / "greet" / f"{canary}.csv").write_text(canary)
    run("seal")
    files = contents(project / "sealed")
    assert files
    assert not any(canary.encode() in content for _, _, content in files.values())
    assert canary.encode() in b"".join(opened(project).values())


@pytest.mark.usefixtures("project")
def test_makes_the_keys_that_are_missing_and_says_where(run: Run, home: Path) -> None:
    result = run("seal", "greet")
    assert str(home / ".config" / "faas-seal" / "author.key") in result.stderr
    assert ".faas-seal/greet.key" in result.stderr
    assert "made" not in run("seal", "greet").stderr


def test_git_sees_nothing_of_keys_and_state(project: Path, run: Run) -> None:
    git(project, "init")
    run("seal")
    git(project, "add", "--all")
    tracked = subprocess.run(
        ["git", "ls-files"], cwd=project, check=True, capture_output=True, text=True
    ).stdout.split()
    assert "sealed/greet/function.sealed" in tracked
    assert not any(name.startswith(".faas-seal") for name in tracked)


def test_unchanged_source_changes_nothing_on_disk(project: Path, run: Run) -> None:
    run("seal")
    before = contents(project)
    result = run("seal")
    assert contents(project) == before
    assert "unchanged" in result.stdout


@pytest.mark.parametrize(
    "path",
    ["sealed/greet/function.sealed", "sealed/greet/requirements.txt", ".faas-seal/greet.state"],
)
def test_seals_anew_what_is_missing_or_altered(project: Path, run: Run, path: str) -> None:
    run("seal")
    (project / path).write_bytes((project / path).read_bytes()[:-1])
    assert "unchanged" not in run("seal").stdout
    run("verify", "greet")
    (project / path).unlink()
    assert "unchanged" not in run("seal").stdout
    run("verify", "greet")
    assert "unchanged" in run("seal").stdout


def test_every_change_of_the_source_is_sealed(project: Path, run: Run) -> None:
    run("seal")
    first = sealed(project).header
    change(project)
    run("seal")
    assert opened(project)["handler.py"].endswith(b"# changed\n")
    (project / "greet" / "requirements.txt").write_text("numpy\n")
    run("seal")
    assert (project / "sealed" / "greet" / "requirements.txt").read_text() == "numpy\n"
    (project / "greet" / "requirements.txt").unlink()
    run("seal")
    assert (project / "sealed" / "greet" / "requirements.txt").read_text() == ""
    assert sealed(project).header.created > first.created


def test_created_rises_even_if_the_clock_does_not(project: Path, run: Run) -> None:
    times = []
    for _ in range(3):
        change(project)
        run("seal")
        times.append(sealed(project).header.created)
    assert times[0] < times[1] < times[2]


def test_the_state_tells_nothing_to_who_has_no_key(project: Path, run: Run, home: Path) -> None:
    run("seal")
    state = (project / ".faas-seal" / "greet.state").read_text()
    (project / "stack.yaml").write_text(
        (project / "stack.yaml").read_text().replace("seal_author", "other")
    )
    (home / ".config" / "faas-seal" / "author.key").unlink()
    run("seal")
    other = (project / ".faas-seal" / "greet.state").read_text()
    assert state.splitlines()[0] != other.splitlines()[0]


def test_a_new_key_seals_anew(project: Path, run: Run) -> None:
    run("seal")
    old = sealed(project).header.slots[0].id
    (project / ".faas-seal" / "greet.key").unlink()
    said = run("seal").stderr
    assert f"callers with key {old} can no longer call greet" in said
    assert f"it opens with key {sealed(project).header.slots[0].id} now" in said
    assert opened(project)["handler.py"] == HANDLER.encode()


def test_nobody_is_locked_out_without_a_word(
    project: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    run("seal")
    stored = sealed(project).header.slots[0].id
    monkeypatch.setenv("PARTNER_KEY", FUNCTION_KEY.encode(os.urandom(32)))
    said = run("seal", "greet", "--key-env", "PARTNER_KEY").stderr
    partners = sealed(project).header.slots[0].id
    assert f"with key {stored} can no longer" in said
    assert "callers" not in run("seal", "greet", "--key-env", "PARTNER_KEY").stderr
    said = run("seal").stderr
    assert f"with key {partners} can no longer call greet" in said
    assert f"with key {stored} now" in said
    change(project)
    assert "callers" not in run("seal").stderr


def test_a_source_folder_that_was_moved_is_named_and_where_to_say_so(
    project: Path, run: Run
) -> None:
    (project / "greet").rename(project / "hello")
    assert "functions.greet, handler: …" in run("seal", status=1).stderr
    (project / "hello").rename(project / "greet")
    run("seal")
    (project / "greet").rename(project / "hello")
    said = run("seal", status=1).stderr
    assert "the source folder of greet does not exist: ./greet" in said
    assert "functions.greet, x-faas-seal: {source: …}" in said
    stack = project / "stack.yaml"
    stack.write_text(stack.read_text().replace("source: ./greet", "source: ./hello"))
    run("seal")


def test_takes_keys_from_elsewhere_and_keeps_no_copy(
    project: Path, run: Run, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key, seed = os.urandom(32), os.urandom(32)
    monkeypatch.setenv("GREET_KEY", FUNCTION_KEY.encode(key))
    options = ("--key-env", "GREET_KEY", "--author-key-file", "-")
    run("seal", "greet", *options, input=AUTHOR_SEED.encode(seed))
    assert not (home / ".config").exists()
    assert not list((project / ".faas-seal").glob("*.key"))
    run("open", "greet", "--out", "source", "--key-env", "GREET_KEY")
    assert (project / "source" / "handler.py").read_text() == HANDLER


@pytest.mark.usefixtures("project")
def test_one_key_is_not_for_two_functions(run: Run) -> None:
    run("seal", "greet", "other", "--key-env", "KEY", status=2)
    run("seal", "greet", "--key-file", "-", "--author-key-file", "-", status=2)


def test_seals_every_function_of_the_template(project: Path, run: Run) -> None:
    stack = project / "stack.yaml"
    stack.write_text(
        stack.read_text()
        + "  price:\n    lang: python3-encrypted\n    handler: ./price\n    image: p\n"
        + "  page:\n    lang: node20\n    handler: ./page\n    image: p\n"
    )
    (project / "price").mkdir()
    (project / "price" / "handler.py").write_text(HANDLER)
    result = json.loads(run("seal", "--json").stdout)
    assert set(result) == {"greet", "price"}
    assert names(project / "sealed") == {"greet", "price"}
    assert "handler: ./page" in stack.read_text()


@pytest.mark.parametrize(
    "spoil",
    [
        lambda project: (project / "greet" / "handler.py").write_text("def handle("),
        lambda project: (project / "greet" / "handler.py").unlink(),
        lambda project: (project / "greet" / "key.txt").write_text(FUNCTION_KEY.encode(bytes(32))),
        lambda project: (project / "greet" / "link").symlink_to("/etc/hostname"),
        lambda project: (project / "greet" / "a\\b").touch(),
    ],
    ids=["syntax error", "no handler", "key", "link", "name"],
)
@pytest.mark.parametrize("before", [False, True], ids=["first", "again"])
def test_a_failure_leaves_what_was_there(
    project: Path, run: Run, spoil: object, before: bool
) -> None:
    assert callable(spoil)
    if before:
        run("seal")
    spoil(project)
    files = contents(project.parent)
    result = run("seal", status=1)
    assert result.stderr.startswith("faas-seal: error: ")
    assert contents(project.parent) == files


def test_an_uneditable_stack_file_fails_before_anything_is_written(project: Path, run: Run) -> None:
    stack = project / "stack.yaml"
    stack.write_text(stack.read_text() + "    ${SECRETS:-secrets: [one]}\n")
    files = contents(project)
    run("seal", status=1)
    assert contents(project) == files


def test_one_bad_function_keeps_the_others_as_they_were(project: Path, run: Run) -> None:
    stack = project / "stack.yaml"
    stack.write_text(
        stack.read_text() + "  bad:\n    lang: python3-encrypted\n    handler: ./bad\n"
    )
    files = contents(project.parent)
    run("seal", status=1)
    assert contents(project.parent) == files


def test_a_disk_that_fills_up_leaves_what_was_there(project: Path, run: Run) -> None:
    run("seal")
    change(project)
    files = contents(project)
    limited = (
        "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (512, 512)); "
        "from faas_seal.cli import main; main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", limited, "seal"],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert done.stderr == "faas-seal: error: File too large\n"
    assert contents(project) == files


def test_refuses_to_add_to_a_folder_with_other_files(project: Path, run: Run) -> None:
    (project / "sealed" / "greet").mkdir(parents=True)
    (project / "sealed" / "greet" / "handler.py").write_text(HANDLER)
    assert "holds more than a sealed function: handler.py" in run("seal", status=1).stderr


def test_macos_may_leave_its_file_there(project: Path, run: Run) -> None:
    (project / "sealed" / "greet").mkdir(parents=True)
    (project / "sealed" / "greet" / ".DS_Store").touch()
    run("seal")


@pytest.mark.parametrize(
    ("name", "content"),
    [(f"{'x' * 200}/{'y' * 100}", b""), ("big", bytes(2**26 + 1)), (os.fsdecode(b"\xff"), b"")],
    ids=["long name", "too large", "no text"],
)
def test_refuses_what_no_bundle_can_hold(
    project: Path, run: Run, name: str, content: bytes
) -> None:
    path = project / "greet" / name
    path.parent.mkdir(exist_ok=True)
    try:
        path.write_bytes(content)
    except OSError as error:
        pytest.skip(f"this file system takes no such name: {error}")
    assert "cannot be sealed" in run("seal", status=1).stderr


def test_refuses_a_source_that_holds_the_sealed_folder(project: Path, run: Run) -> None:
    stack = project / "stack.yaml"
    stack.write_text(stack.read_text().replace("./greet", "."))
    (project / "handler.py").write_text(HANDLER)
    assert "holds the sealed folder" in run("seal", status=1).stderr


def test_refuses_a_sealed_folder_without_a_source(project: Path, run: Run) -> None:
    run("seal")
    stack = project / "stack.yaml"
    stack.write_text(stack.read_text().replace("x-faas-seal", "x-other"))
    assert "names no source" in run("seal", status=1).stderr


def test_refuses_a_function_of_another_template(project: Path, run: Run) -> None:
    stack = project / "stack.yaml"
    stack.write_text(stack.read_text().replace("python3-encrypted", "python3-http"))
    assert "lang is python3-http" in run("seal", "greet", status=2).stderr
    assert "no function with lang" in run("seal", status=2).stderr


def test_takes_over_another_authors_function_only_if_asked_to(
    project: Path, run: Run, home: Path
) -> None:
    run("seal")
    theirs = keystore.known_author()
    (home / ".config" / "faas-seal" / "author.key").unlink()
    files = contents(project.parent)
    assert "belongs to the author" in run("seal", status=4).stderr
    assert contents(project.parent) == files
    run("seal", "--new-author")
    assert keystore.known_author() != theirs
    run("verify", "greet")


def test_preloads_the_libraries_and_warns_of_those_that_nothing_installs(
    project: Path, run: Run
) -> None:
    (project / "greet" / "handler.py").write_text(f"import flask, numpy, json\n{HANDLER}")
    result = run("seal")
    assert sealed(project).header.preload == ("flask", "numpy")
    assert "imports numpy, which requirements.txt lacks" in result.stderr


def test_says_what_it_left_out(project: Path, run: Run) -> None:
    (project / "greet" / "tests").mkdir()
    (project / "greet" / "tests" / "test_it.py").touch()
    (project / "greet" / ".env").touch()
    assert "left out .env, tests/" in run("seal").stdout


def test_keeps_the_modes_of_what_it_replaces(project: Path, run: Run) -> None:
    (project / "stack.yaml").chmod(0o640)
    run("seal")
    assert stat.S_IMODE((project / "stack.yaml").stat().st_mode) == 0o640


def test_edits_a_linked_stack_file_where_it_lies(project: Path, run: Run) -> None:
    (project / "stack.yaml").rename(project / "functions.yml")
    (project / "stack.yaml").symlink_to("functions.yml")
    run("seal")
    assert (project / "stack.yaml").is_symlink()
    assert "seal_author" in (project / "functions.yml").read_text()


def test_works_from_another_folder(
    project: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(project.parent)
    run("seal", "--yaml", "project/stack.yaml")
    assert opened(project)["handler.py"] == HANDLER.encode()
    run("verify", "greet", "-f", "project/stack.yaml")


# What would still carry the plaintext.


def left_build(project: Path) -> Path:
    build = project / "build" / "greet"
    (build / "function").mkdir(parents=True)
    (build / "function" / "handler.py").write_text(HANDLER)
    return build


def test_warns_of_a_build_folder_of_the_source_and_removes_it_if_asked_to(
    project: Path, run: Run
) -> None:
    build = left_build(project)
    result = run("seal")
    assert "build/greet holds the source" in result.stderr
    assert "faas-seal seal --clean greet" in result.stderr
    assert build.exists()
    run("seal", "--clean", "greet")
    assert not build.exists()
    assert "build" not in run("seal").stderr


@pytest.mark.parametrize(("answer", "stays"), [("y", False), ("n", True), ("", True)])
def test_offers_to_remove_it_where_there_is_a_terminal(
    project: Path, answer: str, stays: bool
) -> None:
    build = left_build(project)
    ours, theirs = os.openpty()
    process = subprocess.Popen(
        [*FAAS_SEAL, "seal"],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        stdin=theirs,
        stdout=subprocess.DEVNULL,
        stderr=theirs,
    )
    os.close(theirs)
    shown = b""
    while b"[y/N]" not in shown:
        shown += os.read(ours, 1024)
    os.write(ours, f"{answer}\n".encode())
    assert process.wait(PATIENCE) == 0
    os.close(ours)
    assert build.exists() is stays


@pytest.mark.skipif(not shutil.which("faas-cli"), reason="faas-cli is not on PATH")
def test_knows_the_build_folders_that_faas_cli_makes(project: Path, run: Run) -> None:
    def build() -> bytes:
        command = ["faas-cli", "build", "--shrinkwrap", "--yaml", "stack.yaml"]
        subprocess.run(command, cwd=project, check=True, capture_output=True)
        files = (path for path in (project / "build").rglob("*") if path.is_file())
        return b"".join(path.read_bytes() for path in files)

    shutil.copytree(TEMPLATE, project / "template" / TEMPLATE.name)
    (project / "greet" / "handler.py").write_text(f"{HANDLER}# canary_5577\n")
    assert b"canary_5577" in build()
    assert "build/greet holds the source" in run("seal").stderr
    assert b"canary_5577" not in build()
    assert (project / "build" / "greet" / "function" / "function.sealed").exists()
    assert "build/greet" not in run("seal").stderr


def test_says_nothing_of_a_build_folder_of_the_sealed_function(project: Path, run: Run) -> None:
    build = left_build(project)
    (build / "function" / "function.sealed").touch()
    assert "warning" not in run("seal", "--clean").stderr
    assert build.exists()


@pytest.mark.parametrize(
    ("addition", "warning"),
    [
        ("  old:\n    lang: python3-http\n    handler: ./greet\n", "functions.old is built from"),
        (f"# {FUNCTION_KEY.encode(bytes(32))}\n", "stack.yaml holds a function key"),
    ],
)
def test_warns_of_what_else_the_stack_file_gives_away(
    project: Path, run: Run, addition: str, warning: str
) -> None:
    stack = project / "stack.yaml"
    assert "warning" not in run("seal").stderr
    stack.write_text(stack.read_text() + addition)
    assert warning in run("seal", "greet").stderr


def test_warns_of_a_password_in_the_requirements(project: Path, run: Run) -> None:
    requirements = project / "greet" / "requirements.txt"
    requirements.write_text("--index-url https://me:swordfish@packages.example/simple\n")
    result = run("seal")
    assert "has a password" in result.stderr
    assert "swordfish" not in result.output
    requirements.write_text("--index-url https://${TOKEN}@packages.example/simple\n")
    assert "password" not in run("seal").stderr


def test_warns_of_keys_that_git_tracks(project: Path, run: Run) -> None:
    git(project, "init")
    run("seal")
    assert "git tracks .faas-seal/" not in run("seal").stderr
    git(project, "add", "--force", ".faas-seal/greet.key")
    assert "git tracks .faas-seal/" in run("seal").stderr


def test_mentions_once_that_git_has_the_source(project: Path, run: Run) -> None:
    git(project, "init")
    git(project, "add", "greet")
    assert "git tracks ./greet" in run("seal").stderr
    change(project)
    assert "git tracks" not in run("seal").stderr


def test_a_sibling_that_is_imported_as_a_library_is_told_of(project: Path, run: Run) -> None:
    (project / "greet" / "words.py").write_text("WORD = 'hello'\n")
    (project / "greet" / "handler.py").write_text("from words import WORD\n" + HANDLER)
    assert "greet imports words, a module of its own: from .words import" in run("seal").stderr
    (project / "greet" / "handler.py").write_text("from .words import WORD\n" + HANDLER)
    assert "a module of its own" not in run("seal").stderr
