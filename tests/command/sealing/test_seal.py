"""One seal: how often it reads, verifies and parses, and what it remembers."""

from __future__ import annotations

import ast
import builtins
import json
import shutil
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from faas_seal.project import keystore
from faas_seal.project.keystore import Keystore
from faas_seal.project.stackfile import StackFile
from faas_seal.sealing.options import SealOptions
from faas_seal.sealing.seal import plan_seal
from faas_sealed.formats.hpke import PrivateKey
from faas_sealed.formats.keys import FUNCTION_KEY, IDENTITY_PUBLIC, identity_id
from nacl.signing import VerifyKey

from tests.command.conftest import HANDLER, Run, contents


class Counts:
    """How often files were read, signatures verified, and modules parsed and compiled."""

    def __init__(self) -> None:
        self.read: Counter[str] = Counter()
        self.verified = 0
        self.parsed: Counter[str] = Counter()
        self.compiled: Counter[str] = Counter()


@pytest.fixture
def counts(monkeypatch: pytest.MonkeyPatch) -> Counts:
    """Counts that start where the test sets them to zero."""
    counts = Counts()
    read_bytes, verify, compile_ = Path.read_bytes, VerifyKey.verify, builtins.compile

    def counting_read_bytes(path: Path) -> bytes:
        counts.read[path.name] += 1
        return read_bytes(path)

    def counting_verify(*arguments: Any) -> bytes:
        counts.verified += 1
        return verify(*arguments)

    def counting_compile(source: Any, filename: Any, *arguments: Any, **options: Any) -> Any:
        # `ast.parse` compiles to a tree; a string or bytes is parsed, a tree is not.
        which = counts.compiled if isinstance(source, ast.AST) else counts.parsed
        which[Path(str(filename)).name] += 1
        return compile_(source, filename, *arguments, **options)

    monkeypatch.setattr(Path, "read_bytes", counting_read_bytes)
    monkeypatch.setattr(VerifyKey, "verify", counting_verify)
    monkeypatch.setattr(builtins, "compile", counting_compile)
    return counts


@pytest.mark.parametrize("changed", [False, True], ids=["unchanged", "changed"])
@pytest.mark.parametrize("secret", [True, False], ids=["with its secret", "without"])
def test_a_sealed_file_in_place_is_read_and_verified_once(
    project: Path, run: Run, counts: Counts, changed: bool, secret: bool
) -> None:
    run("seal")
    if changed:
        (project / "greet" / "handler.py").write_text(f"{HANDLER}# changed\n")
    if not secret:  # then the transport key is that of the file in place
        shutil.rmtree(project / ".secrets")
    counts.read.clear()
    counts.verified = 0
    said = run("seal").stdout
    assert ("unchanged" not in said) == changed
    assert counts.read["function.sealed"] == 1
    # What is signed is verified, too, before it is written.
    assert counts.verified == 1 + changed


def test_each_module_is_parsed_and_compiled_once(project: Path, run: Run, counts: Counts) -> None:
    (project / "greet" / "rates.py").write_text("import json\n")
    (project / "greet" / "handler.py").write_text(f"from .rates import json\n{HANDLER}")
    for _ in range(2):
        counts.parsed.clear()
        counts.compiled.clear()
        run("seal")
        ours = ("handler.py", "rates.py")
        assert {name: counts.parsed[name] for name in ours} == dict.fromkeys(ours, 1)
        assert {name: counts.compiled[name] for name in ours} == dict.fromkeys(ours, 1)


def test_a_plan_has_everything_in_memory_and_writes_nothing(project: Path) -> None:
    files = contents(project.parent)
    seal = plan_seal(StackFile.load(project / "stack.yaml"), SealOptions())
    (plan,) = seal.plans
    assert contents(project.parent) == files
    assert plan.file is not None
    assert plan.function_key is not None
    assert plan.file.content_key(plan.function_key, 0)
    assert seal.edits_stack_file
    assert seal.write_author_key() == keystore.author_key_path()


def test_terms_of_an_older_command_are_read_and_written_in_the_same_form(
    project: Path, run: Run
) -> None:
    """The member is called `invokers` since the first file of this form."""
    ada = PrivateKey(bytes([1]) * 32)
    recipient: dict[str, object] = {
        "name": "Ada",
        "identity": IDENTITY_PUBLIC.encode(ada.public),
        "expires": None,
        "key": FUNCTION_KEY.encode(bytes(32)),
    }
    members = {
        "invokers": [recipient],
        "expires": None,
        "own_key": True,
        "transport": False,
    }
    store = Keystore(project)
    store.prepare()
    path = store.terms_path("greet")
    path.touch(0o600)
    path.write_text(json.dumps(members))
    said = run("seal", "--key-expires", "2099-12-31", "--to", IDENTITY_PUBLIC.encode(ada.public))
    assert f"opens for Ada ({identity_id(ada.public)})" in said.stdout
    recipient["expires"] = 4102444800
    assert json.loads(path.read_text()) == members
