"""Sources of a key other than the keystore: a file, an environment variable, a command."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from faas_sealed.formats.errors import KeyRefused, MissingKey
from faas_sealed.formats.keys import TextForm

from faas_seal.errors import UsageError
from faas_seal.project.key_text import decode_bytes, parse_key
from faas_seal.project.keystore import read_key_file

_BY_HAND = "run it by hand, without a shell's pipes and variables: it must print the key alone"


@dataclass(frozen=True)
class KeySource:
    """The place that a key comes from. If all members are None, no place was given.

    `file` is a path, or `-` for standard input. `variable` is the name of an environment
    variable. `command` is split as a shell would split it, and run without a shell.
    """

    file: str | None = None
    variable: str | None = None
    command: str | None = None

    def __bool__(self) -> bool:
        return any(value is not None for value in (self.file, self.variable, self.command))

    def read(self, form: TextForm) -> bytes:
        """Return the key's bytes, or raise KeyRefused."""
        if self.file == "-":
            where = "standard input"
            return parse_key(decode_bytes(sys.stdin.buffer.read(), form, where), form, where)
        if self.file is not None:
            return read_key_file(Path(self.file), form)
        if self.variable is not None:
            if self.variable not in os.environ:
                raise MissingKey(
                    f"the environment variable {self.variable} is not set",
                    hint=f"export it, with a key's text: {form.prefix}…",
                )
            return parse_key(os.environ[self.variable], form, f"the variable {self.variable}")
        if self.command is not None:
            where = "the command's output"
            return parse_key(decode_bytes(_output(self.command), form, where), form, where)
        raise UsageError("no key was given")


def _output(command: str) -> bytes:
    try:
        argv = shlex.split(command)
        # Standard input is the request's body in `invoke`: the command must not eat it.
        done = subprocess.run(  # noqa: S603 - the user's own command, and no shell
            argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, check=False
        )
    except (OSError, ValueError, IndexError) as error:
        problem = error.strerror if isinstance(error, OSError) else None
        problem = problem or "it is not a command"
        raise KeyRefused(f"the key command cannot be run: {problem}", hint=_BY_HAND) from None
    if done.returncode:
        raise KeyRefused(f"the key command ended with status {done.returncode}", hint=_BY_HAND)
    return done.stdout
