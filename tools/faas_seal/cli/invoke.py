from __future__ import annotations

import re
import select
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from threading import Timer
from typing import Any
from urllib.parse import urlsplit

import click
import requests
from faas_sealed.formats.errors import MalformedTrace, SealError
from faas_sealed.formats.stream import CHUNK_BYTES

from faas_seal.calling.addresses import check_address, function_in, in_clear, is_loopback
from faas_seal.calling.bodies import CallResponse, whole_chunks
from faas_seal.calling.call import call
from faas_seal.calling.caller import Caller
from faas_seal.calling.problems import problem_in
from faas_seal.calling.raw_key import KeyInClear
from faas_seal.calling.traces import TRACE, Traces, printable
from faas_seal.cli.caller_options import caller_options
from faas_seal.cli.lookup import sealed_files
from faas_seal.cli.printing import say_body, warn
from faas_seal.cli.shared_options import function_names, pair
from faas_seal.errors import KeyExists, UnexpectedAnswer, UnsealedAnswer, UsageError
from faas_seal.project.key_source import KeySource
from faas_seal.project.keystore import keep_session
from faas_seal.project.stackfile import (
    DEFAULT_GATEWAY,
    StackFile,
    check_name,
    gateway_address,
)

_HINTS = {
    "unknown-key": "faas-seal inspect {name} shows which keys open it; is that the file deployed?",
    "malformed-key": "is what is sealed here deployed there? faas-seal up {name}",
    "token-mismatch": "something on the way changes the request: call the gateway directly",
    "expired-token": "is the clock of this machine right?",
    "raw-key-refused": "it takes key tokens only: leave out --raw, and run faas-seal seal {name} "
    "or name its author with --author",
    "function-expired": "faas-seal seal {name}, and deploy it",
    "busy": "try again, or raise seal_workers",
    "not-ready": "try again in a moment",
    "deadline": "raise exec_timeout in the stack file, and the gateway's timeouts",
    "body-too-large": "raise seal_max_body in the stack file",
    "handler-error": "see what it has logged: faas-cli logs {name} | faas-seal explain",
    "worker-died": "is it a native library, os._exit, or too little memory? faas-cli logs {name}",
    "missing-key": "something on the way removes the header: faas-seal doctor {name}",
}


@click.command()
@click.argument("target", metavar="NAME|URL", shell_complete=function_names)
@click.option("-d", "--data", help="The request's body. [standard input, unless a terminal]")
@click.option("-m", "--method", default="POST", show_default=True)
@click.option("-H", "--header", "headers", multiple=True, metavar="'NAME: VALUE'")
@click.option("--content-type", default="text/plain", show_default=True)
@click.option("--query", multiple=True, metavar="NAME=VALUE")
@click.option("--path", default="", help="What follows the function's address.")
@click.option(
    "-g", "--gateway", metavar="URL", help=f"[the stack file's, $OPENFAAS_URL, {DEFAULT_GATEWAY}]"
)
@click.option(
    "-a", "--async", "asynchronous", is_flag=True, help="Queue the call; not with a raw key."
)
@click.option("--callback", metavar="URL", help="Where the answer to --async is sent.")
@click.option("--sealed", is_flag=True, help="Seal the body, and open the answer.")
@click.option("--pad", is_flag=True, help="--sealed, and hide the length of the body.")
@click.option(
    "--session-file",
    metavar="FILE",
    help="Write the session here, with --sealed --async: it opens the answer.",
)
@click.option(
    "--sealed-file",
    metavar="FILE",
    type=click.Path(exists=True, dir_okay=False),
    help="The sealed file that a trace may come from, besides those in sealed/.",
)
@caller_options
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
    callback: str | None,
    sealed: bool,
    pad: bool,
    session_file: str | None,
    sealed_file: str | None,
    caller: Caller,
) -> None:
    """Call a function with its key, and print the answer's body.

    \b
      faas-seal invoke greet -d 'hello'
      faas-seal invoke greet --query name=Ada < request.json
      faas-seal invoke greet --sealed < request.json > answer.json
      faas-seal invoke greet --async --callback https://me.example/done -d 'hello'

    A function with a transport key gets a key token. It is good for this request alone,
    and for five minutes (24 hours with --async). --raw sends the key itself, readable to
    every proxy on the way.

    For someone else's function you need no file. Give its author's public key: the
    function is asked what they have signed, and your key or identity opens it. An identity
    is never sent, and with --author the key itself only where --raw says so.

    \b
      faas-seal invoke https://gateway.example/function/greet --author fsap1_…
      faas-seal invoke https://gateway.example/function/greet --key-env GREET_KEY

    With --sealed, headers and body travel sealed both ways, in pieces as they come. An
    answer that is cut short, or that the function has not sealed, ends with status 5.
    With --async, too, the callback brings the sealed answer, and open-answer opens it:

    \b
      faas-seal invoke greet --sealed --async --session-file call.session -d 'hello'
      faas-seal open-answer --session-file call.session < callback

    With --pad, the length of a sealed request says little about the body's. A pipe is sent as
    it is written: how many pieces arrive, and roughly how long each is, still shows. For
    answers the setting seal_pad does the same.

    If the handler fails, its sealed trace is opened with the key and the sealed file in
    sealed/, and printed to standard error. Redirects are not followed.
    """
    if callback and not asynchronous:
        raise UsageError("--callback is for --async")
    sealed = sealed or pad
    if (session_file is not None) != (asynchronous and sealed):
        raise UsageError(
            "--sealed --async and --session-file go together: the session opens the answer",
            hint="faas-seal invoke NAME --sealed --async --session-file call.session",
        )
    if session_file is not None and Path(session_file).exists():
        raise KeyExists(f"{session_file} exists, and keys are never overwritten")
    called = _address(target, gateway, caller.stack)
    check_address(called)
    below = f"/{path.lstrip('/')}" if path else ""
    url = (_queued(called) if asynchronous else called.rstrip("/")) + below
    if "://" in target:
        auth, name = caller.auth_at(called, sealed_body=sealed, pad=pad), caller.name_at(called)
    else:
        auth, name = caller.auth_of(target, sealed_body=sealed, pad=pad), target
    if auth.credential.raw and in_clear(url):
        warn(f"the key travels unencrypted to {urlsplit(url).hostname}: use https")
    fields = {"Content-Type": content_type, **dict(map(_header, headers))}
    if callback:
        fields["X-Callback-Url"] = callback
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", KeyInClear)
        try:
            response = call(
                method,
                url,
                auth,
                body=_body(data, caller.key, as_it_comes=sealed),
                headers=fields,
                query=[pair(item) for item in query],
            )
        except UnsealedAnswer as error:
            raise UnexpectedAnswer(str(error), hint=_hint(error.error, name)) from None
    with response:
        try:
            problem = problem_in(response)
            if problem is None:
                say_body(response.iter_content(2**16))
        except requests.RequestException:
            raise UnexpectedAnswer(
                "the answer ended early",
                hint=f"did the handler fail? faas-cli logs {name or 'NAME'} | faas-seal explain",
            ) from None
    if problem is not None:
        if problem.trace:
            files = sealed_files(str(caller.stack), (sealed_file,) if sealed_file else ())
            _show(problem.trace, Traces(files, [auth.credential.function_key]))
        reference = f" (reference {problem.reference})" if problem.reference else ""
        raise problem.error(f"{problem.error.title}{reference}", hint=_hint(problem.error, name))
    if 300 <= response.status_code < 400:
        raise UnexpectedAnswer(
            f"the answer is a redirect ({response.status_code}), which is not followed",
            status=response.status_code,
        )
    if not response.ok:
        raise UnexpectedAnswer(
            f"the answer's status is {response.status_code}",
            status=response.status_code,
            hint=_hint_of_status(response.status_code, url, name or "NAME"),
        )
    if session_file is not None:
        assert isinstance(response, CallResponse)
        keep_session(Path(session_file), name, response.session)
    if asynchronous:
        call_id = printable(response.headers.get("X-Call-Id", "unknown"))
        warn(f"the call is in the queue; its id is {call_id}", "note")


def _address(target: str, gateway: str | None, stack: Path) -> str:
    """Return the address that a target is, or a name's address for synchronous calls."""
    if "://" in target:
        if gateway:
            raise UsageError("give either an address or --gateway")
        return target
    named = "" if gateway or not stack.exists() else StackFile.load(stack).gateway
    return f"{gateway_address(gateway, named)}/function/{check_name(target)}"


def _queued(url: str) -> str:
    """Return where an asynchronous call to the function at `url` goes."""
    if not function_in(url):
        raise UsageError("--async is for a gateway's addresses, …/function/NAME")
    return re.sub(r"/(async-)?function/", "/async-function/", url, count=1).rstrip("/")


def _hint(error: type[SealError] | None, name: str) -> str:
    """Return what to do about an error of the runtime, if there is one."""
    return "" if error is None else _HINTS.get(error.reason, "").format(name=name or "NAME")


def _hint_of_status(status: int, url: str, name: str) -> str:
    """Return what to do about a status that either the handler or the gateway has chosen."""
    if status == requests.codes.not_found:
        here = f"faas-seal local-run {name}, or " if is_loopback(url) else ""
        return (
            f"unless the handler says so, the function is not there: {here}faas-seal up {name}. "
            f"The address was {url}; --gateway names another gateway"
        )
    if status >= 500:
        return f"unless the handler says so, its log tells why: faas-cli logs {name}"
    return ""


def _body(data: str | None, key: KeySource, *, as_it_comes: bool) -> bytes | Iterator[bytes]:
    """Return the body, read from standard input unless it is given; or its pieces.

    A file comes in whole chunks, so that padding tells no more of it than of bytes; what else
    there is to read comes as it has arrived.
    """
    if data is not None:
        return data.encode()
    if key.file == "-" or sys.stdin.isatty():
        return b""
    stdin: Any = sys.stdin.buffer
    note = Timer(1, warn, ("reading the body from standard input; -d '' sends no body", "note"))
    note.daemon = True
    note.start()
    try:
        begin: bytes = stdin.read1(CHUNK_BYTES)
    finally:
        note.cancel()
    if not as_it_comes or not begin:
        return begin + bytes(stdin.read())
    if stdin.seekable():
        return whole_chunks(stdin.read, begin)
    return _arriving(stdin, begin)


def _arriving(stdin: Any, begin: bytes) -> Iterator[bytes]:
    """Yield `begin` and the rest of a pipe: what is there at the time, at most a chunk at once."""
    piece = begin
    while piece:
        # Nothing is in the buffer of `stdin`, where select would not see it: read1 leaves none.
        while len(piece) < CHUNK_BYTES and select.select([stdin], [], [], 0)[0]:
            more = stdin.read1(CHUNK_BYTES - len(piece))
            if not more:
                break
            piece += more
        yield piece
        piece = stdin.read1(CHUNK_BYTES)


def _header(text: str) -> tuple[str, str]:
    name, colon, value = text.partition(":")
    if not colon or not name.strip():
        raise UsageError("a header has the form 'NAME: VALUE'")
    return name.strip(), value.strip()


def _show(trace: str, traces: Traces) -> None:
    """Print a sealed trace on standard error, opened if the sealed file is at hand."""
    try:
        opened = traces.open(trace)
    except MalformedTrace:
        opened = None
    if opened is None:
        warn("the trace is from a sealed file that is not here: give that file with --sealed-file")
        opened = trace if TRACE.fullmatch(trace) else ""
    click.echo(opened.rstrip("\n"), err=True)
