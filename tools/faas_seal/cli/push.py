from __future__ import annotations

import click

from faas_seal.cli.printing import say
from faas_seal.cli.run_seal import run_seal
from faas_seal.cli.shared_options import function_names, stack_option
from faas_seal.cli.times import duration
from faas_seal.deploying.gateway_api import Gateway
from faas_seal.deploying.push import SETTING, push_file, secret_of, wait_until_served
from faas_seal.project.files import replace_together
from faas_seal.project.stackfile import DEFAULT_GATEWAY, StackFile, find, gateway_address
from faas_seal.sealing.options import SealOptions


@click.command()
@click.argument("name", shell_complete=function_names)
@click.option(
    "-g", "--gateway", metavar="URL", help=f"[the stack file's, $OPENFAAS_URL, {DEFAULT_GATEWAY}]"
)
@click.option("-n", "--namespace", default="", help="The namespace of the function and its secret.")
@click.option("--setup", is_flag=True, help="Make the secret, and name it in the stack file.")
@click.option(
    "--wait", default="2m", show_default=True, help="How long to wait until the new code is served."
)
@click.option("--no-wait", is_flag=True, help="Do not wait until the new code is served.")
@stack_option
def push(
    name: str,
    gateway: str | None,
    namespace: str,
    setup: bool,
    wait: str,
    no_wait: bool,
    stack_option: str | None,
) -> None:
    """Give new code to a running function, without a build or a deployment.

    \b
      faas-seal push greet --setup
      faas-seal up greet
      faas-seal push greet

    The first two commands are needed once. After that, a push is enough for each change.

    Seals what has changed, and writes the sealed file into the secret that the function's
    seal_file names, with faas-cli's login to the gateway. The function notices by itself:
    requests under way finish with the old code, later ones get the new code, and no request
    fails.
    The function refuses a file that does not verify or is older than its present one.

    New libraries in requirements.txt, and new settings, need a new image: up builds and deploys it.
    """
    patience = duration(wait, "--wait 2m")
    stack = StackFile.load(find(stack_option))
    secret = None if setup else secret_of(stack.function(name))
    seal = run_seal(stack, SealOptions((name,)))
    stack = seal.after
    function = stack.function(name)
    address = gateway_address(gateway, stack.gateway)
    namespace = namespace or function.namespace
    (plan,) = seal.plans
    file = plan.sealed.serialise()
    if secret is None:
        secret = f"{name}-code"
        edited = stack.with_secret(name, SETTING, secret)
        push_file(Gateway.logged_in(address, namespace), secret, file)
        replace_together([edited.replacement()])
        say(f"{name}: made the secret {secret}; {stack.path} names it. Once: faas-seal up {name}")
        return
    push_file(Gateway.logged_in(address, namespace), secret, file)
    say(f"{name}: pushed to the secret {secret}")
    if no_wait:
        return
    suffix = f".{namespace}" if namespace else ""
    seconds = wait_until_served(f"{address}/function/{name}{suffix}", file, patience)
    say(f"{name}: served after {seconds:.1f} s")
