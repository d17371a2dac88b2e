from __future__ import annotations

import click

from faas_seal.calling.addresses import check_address
from faas_seal.cli.hints import hint_for
from faas_seal.cli.lookup import check_function
from faas_seal.cli.printing import console, say_json
from faas_seal.cli.shared_options import function_names, json_option, stack_option
from faas_seal.doctor.check import Check
from faas_seal.doctor.examination import examine
from faas_seal.project.stackfile import DEFAULT_GATEWAY, find, gateway_address

_MARKS = {True: ("✓", "green"), False: ("✗", "red"), None: ("-", "dim")}


@click.command()
@click.argument("names", metavar="[NAME]…", nargs=-1, shell_complete=function_names)
@click.option(
    "-g", "--gateway", metavar="URL", help=f"[the stack file's, $OPENFAAS_URL, {DEFAULT_GATEWAY}]"
)
@stack_option
@json_option
def doctor(
    names: tuple[str, ...], gateway: str | None, stack_option: str | None, as_json: bool
) -> int:
    """Look for what is wrong, and say what to do about it.

    \b
      faas-seal doctor
      faas-seal doctor greet --gateway https://gateway.example

    Looks at programs, keys, the stack file, the template, the gateway, and all functions or
    those named. Nothing is changed. A deployed function is asked whether the key header
    arrives, and whether its sealed file is the one here. That takes no key, and does not
    run the handler.

    ✓ is in order, ✗ is not, - is not needed or not known. Ends with status 1 if anything
    is not in order.
    """
    if gateway:
        gateway = gateway_address(gateway)
        check_address(gateway)
    for name in names:
        check_function(name, stack_option)
    checks = examine(find(stack_option), names, gateway)
    if as_json:
        found = list(checks)
        say_json([_members(check) for check in found])
    else:
        found = []
        for check in checks:
            _print(check)
            found.append(check)
    return int(any(check.passed is False for check in found))


def _members(check: Check) -> dict[str, object]:
    return {
        "subject": check.subject,
        "passed": check.passed,
        "finding": check.finding,
        "next_step": _next_step(check),
    }


def _next_step(check: Check) -> str:
    return (check.error and hint_for(check.error)) or check.next_step


def _print(check: Check) -> None:
    mark, style = _MARKS[check.passed]
    output = console()
    output.print(f"{mark} {check.subject}: {check.finding}", style=style)
    if step := _next_step(check):
        output.print(f"    {step}")
