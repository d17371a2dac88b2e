from __future__ import annotations

import click
from click.shell_completion import get_completion_class

_VARIABLE = "_FAAS_SEAL_COMPLETE"


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    """Print a script for a shell that completes verbs, options and functions.

    \b
      faas-seal completion bash > ~/.local/share/bash-completion/completions/faas-seal
      faas-seal completion zsh > ~/.zfunc/_faas-seal
      faas-seal completion fish > ~/.config/fish/completions/faas-seal.fish

    A new shell then reads it. For zsh, ~/.zfunc must be in its fpath before compinit.
    """
    kind = get_completion_class(shell)
    assert kind is not None
    click.echo(kind(context.find_root().command, {}, "faas-seal", _VARIABLE).source())
