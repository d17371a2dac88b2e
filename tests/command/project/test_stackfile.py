from __future__ import annotations

import shutil
import subprocess
from difflib import ndiff
from pathlib import Path

import pytest
from faas_seal.cli.hints import hint_for
from faas_seal.errors import StackFileRefused, UsageError
from faas_seal.project.stackfile import StackFile, find

from tests.command.conftest import STACK

BUSY = """\
# Our functions.
version: 1.0
provider:
    name:   openfaas      # the only one
    gateway: ${GATEWAY:-http://127.0.0.1:8080}

functions:

  # Says hello.
  greet:
      image: "ttl.sh/${USER_NAME:-me}/greet:1h"   # short-lived
      handler: './greet'     # the source
      lang: python3-encrypted

      secrets:
      - one
      -   two
      # What it is told.
      environment:
        # read by the watchdog
        write_timeout:   10s
      labels: {com.example/team: "a b", tier: 1.10}
  other: {lang: node20, handler: ./other, image: other}
configuration:
  copy:
    - ./common
"""

LAYOUTS = {
    "as faas-cli new writes it": STACK,
    "busy": BUSY,
    "windows line ends": BUSY.replace("\n", "\r\n"),
    "no line end at the end": "functions:\n  greet:\n    handler: ./greet",
    "quoted": STACK.replace("./greet", '"./greet"'),
    "empty environment": STACK + "    environment:\n",
    "flow style": "functions:\n  greet: {handler: ./greet, environment: {a: 'b'}} # end\n",
    "flow style, empty": "functions: {greet: {handler: ./greet, environment: {}}}\n",
    "environment with a merge": "x: &x\n  a: 1\nfunctions:\n  greet:\n    handler: ./greet\n"
    "    environment:\n      <<: *x\n      b: 2\n",
    "handler in a merge": "x: &x\n  handler: ./greet\nfunctions:\n  greet:\n    <<: *x\n",
    "extension without a source": STACK + "    x-faas-seal:\n      note: mine\n",
}

SECRETS = {
    "none": ("", ()),
    "nothing": ("    secrets:\n", ()),
    "nothing, with a comment": ("    secrets: # none\n    annotations: {a: b}\n", ()),
    "empty": ("    secrets: []\n", ()),
    "on a line": ("    secrets: [one, two] # two\n", ("one", "two")),
    "below": ("    secrets:\n      # of the till\n      - one\n      - two\n", ("one", "two")),
    "below, not indented": ("    secrets:\n    - one", ("one",)),
}


def stack(text: str) -> StackFile:
    return StackFile(Path("stack.yaml"), text)


def sealed(text: str, source: str = "./greet") -> StackFile:
    return stack(text).sealed("greet", handler="./sealed/greet", source=source, author="fsap1_x")


@pytest.mark.parametrize("text", LAYOUTS.values(), ids=LAYOUTS.keys())
def test_says_what_it_should_after_an_edit(text: str) -> None:
    before, after = stack(text).function("greet"), sealed(text).function("greet")
    assert (after.handler, after.source) == ("./sealed/greet", "./greet")
    assert after.environment == {**before.environment, "seal_author": "fsap1_x"}
    assert (after.lang, after.secrets) == (before.lang, before.secrets)


@pytest.mark.parametrize("text", LAYOUTS.values(), ids=LAYOUTS.keys())
def test_changes_only_the_lines_it_must(text: str) -> None:
    difference = list(ndiff(text.splitlines(), sealed(text).text.splitlines()))
    removed = [line for line in difference if line.startswith("- ")]
    added = [line for line in difference if line.startswith("+ ")]
    assert all("handler" in line for line in removed)
    assert len(removed) <= 1
    assert len(added) <= 5
    words = ("handler: ", "seal_author: fsap1_x", "source: ./greet", "x-faas-seal:", "environment:")
    assert all(any(word in line for word in words) for line in added)


@pytest.mark.parametrize("text", LAYOUTS.values(), ids=LAYOUTS.keys())
def test_an_edit_is_made_once(text: str) -> None:
    once = sealed(text)
    again = once.sealed("greet", handler="./sealed/greet", source="./greet", author="fsap1_x")
    assert again is once


def test_the_edit_of_a_busy_file_reads_as_a_person_would_write_it() -> None:
    expected = BUSY.replace(
        "'./greet'     # the source\n",
        "'./sealed/greet'     # the source\n      x-faas-seal:\n        source: ./greet\n",
    ).replace("environment:\n", "environment:\n        seal_author: fsap1_x\n")
    assert sealed(BUSY).text == expected


def test_the_edit_of_a_flow_mapping_stays_on_its_line() -> None:
    text = "functions: {greet: {handler: ./greet, environment: {}}}\n"
    assert sealed(text).text == (
        "functions: {greet: {x-faas-seal: {source: ./greet}, handler: ./sealed/greet, "
        "environment: {seal_author: fsap1_x}}}\n"
    )


@pytest.mark.parametrize("source", ["./a b", "./a: b", "./é", './"', "./a #b", "~", "null"])
def test_a_source_of_any_name_is_found_again(source: str) -> None:
    assert sealed(STACK, source).function("greet").source == source


@pytest.mark.parametrize(("members", "before"), SECRETS.values(), ids=SECRETS.keys())
def test_a_secret_is_added_to_those_that_are_there(members: str, before: tuple[str, ...]) -> None:
    text = STACK + members
    after = stack(text).with_secret("greet", "seal_transport", "greet-transport")
    function = after.function("greet")
    assert sorted(function.secrets) == sorted([*before, "greet-transport"])
    assert function.environment["seal_transport"] == "greet-transport"
    assert after.with_secret("greet", "seal_transport", "greet-transport") is after
    removed = [line for line in ndiff(text.splitlines(), after.text.splitlines()) if line[0] == "-"]
    assert all("secrets:" in line for line in removed)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "functions:\n  greet:\n    handler: a\n    handler: b\n",
            "line 4, column 5: 'handler' is there twice",
        ),
        ("functions: [\n", "not YAML: line 2, column 1: "),
        ("functions:\n  greet: {{ template }}\n", "not YAML: line 2, column 1"),
        ("functions:\n  greet:\n\thandler: a\n", "not YAML: line 3, column 1: "),
        ("functions:\n  greet: \0\n", "not YAML: "),
        ("just words", "not a stack file"),
        ("", "not a stack file"),
    ],
)
def test_refuses_what_is_no_stack_file(text: str, message: str) -> None:
    with pytest.raises(StackFileRefused, match=message) as caught:
        stack(text).function("greet")
    assert caught.value.hint


def test_names_the_functions_there_are_when_one_is_not() -> None:
    with pytest.raises(UsageError) as caught:
        stack(BUSY).function("great")
    assert "greet, other" in caught.value.hint


def test_chooses_each_function_once_or_all_of_ours() -> None:
    both = stack(BUSY)
    assert [function.name for function in both.chosen()] == ["greet"]
    assert [function.name for function in both.chosen(["other", "greet", "other"])] == [
        "other",
        "greet",
    ]
    with pytest.raises(UsageError, match="no function 'great'"):
        both.chosen(["greet", "great"])
    with pytest.raises(UsageError, match="no function with lang") as caught:
        stack("functions: {}\n").chosen()
    assert hint_for(caught.value) == "faas-seal new greet"


def test_without_a_stack_file_the_hint_is_ours() -> None:
    with pytest.raises(StackFileRefused) as caught:
        StackFile.load(Path("nowhere.yaml"))
    assert hint_for(caught.value).startswith("faas-seal new greet")


def test_takes_the_file_that_faas_cli_would_take(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "stack.yml").touch()
    assert find(None) == Path("stack.yml")
    (tmp_path / "stack.yaml").touch()
    assert find(None) == Path("stack.yaml")
    assert find("other.yml") == Path("other.yml")


def test_fills_in_the_environment_as_faas_cli_does(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GATEWAY", raising=False)
    assert stack(BUSY).gateway == "http://127.0.0.1:8080"
    monkeypatch.setenv("GATEWAY", "https://gateway.example")
    assert stack(BUSY).gateway == "https://gateway.example"


def test_keeps_a_variable_that_already_says_what_is_wanted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    text = STACK + "    environment:\n      seal_author: ${AUTHOR}\n"
    monkeypatch.setenv("AUTHOR", "fsap1_x")
    assert "${AUTHOR}" in sealed(text).text


@pytest.mark.skipif(not shutil.which("faas-cli"), reason="faas-cli is not on PATH")
def test_faas_cli_reads_the_edited_file(tmp_path: Path) -> None:
    (tmp_path / "stack.yaml").write_text(sealed(BUSY).text)
    done = subprocess.run(
        ["faas-cli", "generate", "--yaml", "stack.yaml"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert "seal_author: fsap1_x" in done.stdout


def test_a_source_that_a_merge_brings_is_anothers() -> None:
    text = sealed(STACK.replace("greet:\n", "greet: &greet\n", 1)).text
    text += "  other:\n    <<: *greet\n    handler: ./other\n"
    other = stack(text).function("other")
    assert (other.handler, other.source) == ("./other", None)
    both = stack(text).sealed("other", handler="./sealed/other", source="./other", author="fsap1_x")
    assert both.function("other").source == "./other"
    assert both.function("greet").source == "./greet"
