from __future__ import annotations

import hashlib
from pathlib import Path
from urllib.parse import urlencode

import click
from faas_sealed.formats.keys import FUNCTION_KEY
from faas_sealed.formats.wire import KEY_HEADER

from faas_seal.calling.addresses import Destination, destination
from faas_seal.calling.caller import Caller
from faas_seal.calling.tokens import bind_request, make_token, token_expiry
from faas_seal.cli.caller_options import caller_options
from faas_seal.cli.shared_options import function_names, pair
from faas_seal.cli.times import duration, span
from faas_seal.errors import UsageError
from faas_seal.project.stackfile import check_name


@click.command()
@click.argument("target", metavar="NAME|URL", shell_complete=function_names)
@click.option("-m", "--method", metavar="TEXT", help="[GET, or POST where there is a body]")
@click.option("--path", default="", help="What follows the function's address, and ?QUERY.")
@click.option("--query", multiple=True, metavar="NAME=VALUE")
@click.option(
    "--data-file",
    metavar="FILE",
    type=click.Path(),
    help="The request's body. [none]",
)
@click.option("--any-request", is_flag=True, help="Make a token for any request: see above.")
@click.option(
    "--lifetime", metavar="DURATION", default="5m", show_default=True, help="Such as 90s, 12h, 7d."
)
@caller_options
def header(
    target: str,
    method: str | None,
    path: str,
    query: tuple[str, ...],
    data_file: str | None,
    any_request: bool,
    lifetime: str,
    caller: Caller,
) -> None:
    """Print the header that opens a function for one request of another HTTP client.

    \b
      faas-seal header greet | curl -H @- http://127.0.0.1:8080/function/greet
      faas-seal header greet --path '/x?name=Ada' --data-file request.json

    curl reads the header from standard input, or from a file that bash makes:

    \b
      curl -H @<(faas-seal header greet --query name=Ada) \\
        'http://127.0.0.1:8080/function/greet?name=Ada'

    A function with a transport key gets a key token, bound to method, path, query and
    body as they are sent. With --any-request the token is bound to no request: whoever
    sees it can use it for an input of their own until it expires. A token for one request
    lives at most 7 days, and one for any request at most 366. For an asynchronous call the
    token must live as long as the queue may hold the call: --method POST --lifetime 24h.

    Without --author, a function whose transport key is not known here gets the key itself;
    with --raw any function does. With curl -H "$(…)" a token or key would stand on a
    command line, where other users of the machine can see it.
    """
    at_address = "://" in target
    auth = caller.auth_at(target) if at_address else caller.auth_of(check_name(target))
    held = auth.credential
    bound = bool(method or path or query or data_file)
    if any_request and bound:
        raise UsageError("--any-request goes with no --method, --path, --query or --data-file")
    if held.raw or held.function is None:
        if any_request:
            raise UsageError("the key itself is good for any request already")
        click.echo(f"{KEY_HEADER}: {FUNCTION_KEY.encode(held.function_key)}")
        return
    bind = None
    if not any_request:
        url = target if at_address else f"http://gateway/function/{target}"
        body = Path(data_file).read_bytes() if data_file else b""
        to = _destination(url, held.function.function, held.address, path, query)
        method = (method or ("POST" if data_file else "GET")).upper()
        bind = bind_request(method, to, hashlib.sha256(body).digest())
    seconds = span(lifetime) or duration(lifetime, "--lifetime 5m")
    exp = token_expiry(held.function, seconds, bound=bind is not None)
    token = make_token(held.function, held.function_key, exp, bind=bind)
    click.echo(f"{KEY_HEADER}: {token}")


def _destination(
    url: str, function: str, address: str, path: str, query: tuple[str, ...]
) -> Destination:
    """Return where a request goes, by its address and the options."""
    path, _, given = path.partition("?")
    at = destination(url, function, address)
    found = [part for part in (at.query, given, urlencode([pair(item) for item in query])) if part]
    if len(found) > 1:
        raise UsageError("give the query once: in the address, with --path or with --query")
    below = f"{at.path.rstrip('/')}/{path.lstrip('/')}" if path else at.path
    return Destination(below, "".join(found), at.queued)
