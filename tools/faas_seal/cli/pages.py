"""The generated pages of docs/, written by `make docs`.

python -m faas_seal.cli.pages FOLDER
"""

from __future__ import annotations

import sys
import textwrap
from pathlib import Path

import click
from faas_sealed.settings import SETTINGS, Setting

from faas_seal.cli import VERBS, cli

HELP_WIDTH = 88
MARKDOWN_WIDTH = 120

_CLI = """\
# The command line

Made from the command's own help by `make docs`.
"""

_SETTINGS = """\
# Settings

Made from the table in `faas_sealed/settings.py` by `make docs`.

The runtime reads the settings once, at the start, from environment variables in lower case, as
OpenFaaS has them. In a stack file they stand under `environment`. A bad value ends the start with
one line that names it.

`seal_file`, `seal_transport` and `seal_denied` name files: each is the name of a secret, in
`/var/openfaas/secrets`, or an absolute path. These files may change at any time, and new requests
are then served from what they hold. A file that is not valid, or does not fit the others, is
refused with one line in the log, and what it held before stays in force; the others are taken.

{table}

Durations are Go's (`20ms`, `1m30s`) or whole seconds, at most 500 hours; `exec_timeout` and
`read_timeout` may be `0` for no limit, as with the watchdog.

`max_inflight`, `write_timeout` and `healthcheck_interval` are the watchdog's alone.
"""


def cli_page() -> str:
    """Return docs/cli.md: the help of every verb."""
    settings = {
        **cli.context_settings,
        "max_content_width": HELP_WIDTH,
        "terminal_width": HELP_WIDTH,
    }
    top = click.Context(cli, info_name="faas-seal", **settings)
    parts = [_CLI, _block(cli.get_help(top))]
    for verb in VERBS:
        command = cli.get_command(top, verb)
        assert command is not None
        context = click.Context(command, info_name=verb, parent=top)
        parts.append(f"\n## faas-seal {verb}\n\n{_block(command.get_help(context))}")
    return "".join(parts)


def settings_page() -> str:
    """Return docs/settings.md: the table of settings."""
    rows = ["| setting | default | meaning |", "|---|---|---|", *map(_row, SETTINGS)]
    paragraphs = [textwrap.fill(part, MARKDOWN_WIDTH) for part in _SETTINGS.split("\n\n")]
    return "\n\n".join(paragraphs).format(table="\n".join(rows)) + "\n"


PAGES = {"cli.md": cli_page, "settings.md": settings_page}


def _block(text: str) -> str:
    lines = "\n".join(line.rstrip() for line in text.splitlines())
    return f"```\n{lines}\n```\n"


def _row(setting: Setting) -> str:
    default = setting.default if isinstance(setting.default, str) else ""
    shown = setting.default_in_words or (f"`{default}`" if default else "none")
    return f"| `{setting.name}` | {shown} | {setting.meaning} |"


if __name__ == "__main__":
    for name, page in PAGES.items():
        Path(sys.argv[1], name).write_text(page(), "utf-8")
