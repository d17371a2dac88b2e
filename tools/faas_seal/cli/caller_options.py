"""The options of `invoke` and `header` that say who calls."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, TypeVar

import click

from faas_seal.calling.caller import Caller
from faas_seal.cli.lookup import read_author
from faas_seal.cli.shared_options import author_option, key_options, stack_option
from faas_seal.project.key_source import KeySource
from faas_seal.project.stackfile import find

Command = TypeVar("Command", bound=Callable[..., Any])


def caller_options(command: Command) -> Command:
    """Add the options that say who calls, passed to the command as `caller`."""

    @stack_option
    @key_options("key", "function key")
    @author_option
    @click.option(
        "--identity",
        metavar="FILE",
        type=click.Path(),
        help="Your identity. [~/.config/faas-seal/identity.key, if that opens the function]",
    )
    @click.option(
        "--function",
        metavar="NAME",
        help="The function's name, where the address does not say it.",
    )
    @click.option("--raw", is_flag=True, help="Send the key itself, and no key token.")
    @functools.wraps(command)
    def wrapped(
        *args: Any,
        key: KeySource,
        author: str | None,
        identity: str | None,
        function: str | None,
        raw: bool,
        stack_option: str | None,
        **values: Any,
    ) -> Any:
        caller = Caller(
            find(stack_option),
            key,
            identity,
            None if author is None else read_author(author),
            function or "",
            raw,
        )
        return command(*args, caller=caller, **values)

    return wrapped  # type: ignore[return-value]
