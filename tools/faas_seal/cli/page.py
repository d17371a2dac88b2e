"""docs/cli.md, made from the help of every verb: `make docs` writes it."""

from __future__ import annotations

import click

from faas_seal.cli import VERBS, cli

WIDTH = 88

_HEAD = """\
# The command line

Made from the command's own help by `make docs`.
"""


def page() -> str:
    """Return the page as it should be."""
    settings = {**cli.context_settings, "max_content_width": WIDTH, "terminal_width": WIDTH}
    top = click.Context(cli, info_name="faas-seal", **settings)
    parts = [_HEAD, _block(cli.get_help(top))]
    for verb in VERBS:
        command = cli.get_command(top, verb)
        assert command is not None
        context = click.Context(command, info_name=verb, parent=top)
        parts.append(f"\n## faas-seal {verb}\n\n{_block(command.get_help(context))}")
    return "".join(parts)


def _block(text: str) -> str:
    lines = "\n".join(line.rstrip() for line in text.splitlines())
    return f"```\n{lines}\n```\n"


if __name__ == "__main__":
    click.echo(page(), nl=False)
