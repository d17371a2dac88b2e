from __future__ import annotations

from pathlib import Path

import click
from faas_sealed.formats.keys import SESSION
from faas_sealed.formats.wire import PROBLEM_TYPE

from faas_seal.calling.bodies import read_answer
from faas_seal.cli.printing import say_body
from faas_seal.errors import UnexpectedAnswer
from faas_seal.project.keystore import read_key_file


@click.command()
@click.argument("answer", type=click.Path(), default="-")
@click.option(
    "--session-file", metavar="FILE", required=True, help="The file that invoke has written."
)
def open_answer(answer: str, session_file: str) -> None:
    """Open a sealed answer that a callback has brought, and print its body.

    \b
      faas-seal open-answer --session-file call.session answer.bin
      faas-seal open-answer --session-file call.session < answer.bin

    ANSWER is the body of the callback, as it came. Ends with status 5 if it is no answer
    to that call, or cut short, or if the function has answered with an error. If the
    handler has failed, explain opens the trace in the printed body:

    \b
      faas-seal open-answer --session-file call.session answer.bin | faas-seal explain
    """
    session = SESSION.encode(read_key_file(Path(session_file), SESSION))
    with click.open_file(answer, "rb") as file:
        status, headers, body = read_answer(iter(lambda: file.read(2**16), b""), session)
        say_body(body)
    if status >= 300:
        ours = ("content-type", PROBLEM_TYPE) in [(name.lower(), value) for name, value in headers]
        hint = "if there is a trace in it: faas-seal open-answer … | faas-seal explain"
        raise UnexpectedAnswer(f"the answer's status is {status}", hint=hint if ours else "")
