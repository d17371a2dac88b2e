from __future__ import annotations

import re
import sys
import warnings
from threading import Timer
from urllib.parse import urlsplit

import click
import requests
from faas_sealed.formats.errors import MalformedTrace
from faas_sealed.formats.keys import FUNCTION_KEY

from faas_seal.cli.common import (
    function_key,
    function_names,
    key_options,
    sealed_files,
    stack_option,
    warn,
)
from faas_seal.client import FunctionKey, KeyInClear, call, check_address, in_clear, problem_in
from faas_seal.errors import KeyWouldLeak, UnexpectedAnswer, UsageError
from faas_seal.keystore import KeySource
from faas_seal.stackfile import DEFAULT_GATEWAY, StackFile, check_name, find, gateway_address
from faas_seal.traces import TRACE, Traces

_FUNCTION_URL = re.compile(r".*/function/([^/.]+)")
_HINTS = {
    "unknown-key": "faas-seal inspect {name} shows which keys open it; is that the file deployed?",
    "function-expired": "faas-seal seal {name}, and deploy it",
    "busy": "try again, or raise seal_workers",
    "not-ready": "try again in a moment",
    "deadline": "raise exec_timeout, here and in the stack file",
    "body-too-large": "raise seal_max_body in the stack file",
}

_NOT_FOUND = "unless the handler says so, it is not deployed there: faas-seal up; faas-cli list"


@click.command()
@click.argument("target", metavar="NAME|URL", shell_complete=function_names)
@click.option("-d", "--data", help="The request's body. [standard input, unless a terminal]")
@click.option("-m", "--method", default="POST", show_default=True)
@click.option("-H", "--header", "headers", multiple=True, metavar="'NAME: VALUE'")
@click.option("--content-type", default="text/plain", show_default=True)
@click.option("--query", multiple=True, metavar="NAME=VALUE")
@click.option("--path", default="", help="What follows /function/NAME in the address.")
@click.option(
    "-g", "--gateway", metavar="URL", help=f"[the stack file's, $OPENFAAS_URL, {DEFAULT_GATEWAY}]"
)
@click.option("-a", "--async", "asynchronous", is_flag=True, help="Refused with a raw key.")
@click.option(
    "--sealed-file",
    metavar="FILE",
    type=click.Path(exists=True, dir_okay=False),
    help="The sealed file that a trace may come from, besides those in sealed/.",
)
@stack_option
@key_options("key", "function key")
def invoke(
    target: str,
    data: str | None,
    method: str,
    headers: tuple[str, ...],
    content_type: str,
    query: tuple[str, ...],
    path: str,
    gateway: str | None,
    asynchronous: bool,
    sealed_file: str | None,
    stack_option: str | None,
    key: KeySource,
) -> None:
    """Call a function with its key, and print the answer's body.

    \b
      faas-seal invoke greet -d 'hello'
      faas-seal invoke greet --query name=Ada < request.json
      faas-seal invoke https://gateway.example/function/greet --key-env GREET_KEY

    If the handler fails, its sealed trace is opened with the key and the sealed file in
    sealed/, and printed to standard error. Redirects are not followed.
    """
    if asynchronous:
        raise KeyWouldLeak(
            "an asynchronous call would leave the key in the queue, which stores every header",
            hint="call it without --async",
        )
    name, url = _address(target, path, gateway, stack_option)
    check_address(url)
    held = _key(key, name, stack_option)
    if in_clear(url):
        warn(f"the key travels unencrypted to {urlsplit(url).hostname}: use https")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", KeyInClear)
        response = call(
            method,
            url,
            held,
            body=_body(data, key),
            headers={"Content-Type": content_type, **dict(map(_header, headers))},
            query=[_pair(item) for item in query],
        )
    with response:
        try:
            problem = problem_in(response)
            if problem is None:
                _print(response)
        except requests.RequestException:
            raise UnexpectedAnswer("the answer ended early") from None
    if problem is not None:
        if problem.trace:
            files = sealed_files(stack_option, (sealed_file,) if sealed_file else ())
            _show(problem.trace, Traces(files, [held.secret]))
        reference = f" (reference {problem.reference})" if problem.reference else ""
        hint = _HINTS.get(problem.error.reason, "").format(name=name)
        raise problem.error(f"{problem.error.title}{reference}", hint=hint)
    if response.is_redirect:
        raise UnexpectedAnswer(f"the answer is a redirect ({response.status_code}), not followed")
    if not response.ok:
        hint = _NOT_FOUND if response.status_code == 404 else ""
        raise UnexpectedAnswer(f"the answer's status is {response.status_code}", hint=hint)


def _address(
    target: str, path: str, gateway: str | None, stack_option: str | None
) -> tuple[str, str]:
    """Return the function's name, empty where it cannot be told, and its address."""
    below = f"/{path.lstrip('/')}" if path else ""
    if "://" in target:
        if gateway:
            raise UsageError("give either an address or --gateway")
        found = _FUNCTION_URL.match(urlsplit(target).path)
        return (found[1] if found else ""), target.rstrip("/") + below
    path_of_stack = find(stack_option)
    named = "" if gateway or not path_of_stack.exists() else StackFile.load(path_of_stack).gateway
    return check_name(target), f"{gateway_address(gateway, named)}/function/{target}{below}"


def _key(key: KeySource, name: str, stack_option: str | None) -> FunctionKey:
    if not name and not key:
        raise UsageError(
            "this address names no function, so that its key is unknown",
            hint="give the key with --key-file, --key-env or --key-command",
        )
    return FunctionKey(FUNCTION_KEY.encode(function_key(key, name, stack_option)))


def _body(data: str | None, key: KeySource) -> bytes:
    if data is not None:
        return data.encode()
    if key.file == "-" or sys.stdin.isatty():
        return b""
    note = Timer(1, warn, ("reading the body from standard input; -d '' sends none", "note"))
    note.daemon = True
    note.start()
    try:
        begin = sys.stdin.buffer.read(1)
    finally:
        note.cancel()
    return begin + sys.stdin.buffer.read()


def _header(text: str) -> tuple[str, str]:
    name, colon, value = text.partition(":")
    if not colon or not name.strip():
        raise UsageError("a header has the form 'NAME: VALUE'")
    return name.strip(), value.strip()


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals:
        raise UsageError("--query has the form NAME=VALUE")
    return name, value


def _print(response: requests.Response) -> None:
    for piece in response.iter_content(2**16):
        sys.stdout.buffer.write(piece)
        sys.stdout.buffer.flush()


def _show(trace: str, traces: Traces) -> None:
    """Print a sealed trace on standard error, opened if the sealed file is here."""
    try:
        opened = traces.open(trace)
    except MalformedTrace:
        opened = None
    if opened is None:
        warn("the trace is of a sealed file that is not here: name that with --sealed-file")
        opened = trace if TRACE.fullmatch(trace) else ""
    click.echo(opened.rstrip("\n"), err=True)
