"""The functions whose C code opens a path by itself: the kernel finds nothing of the tree.

They refuse a path of the tree, and say what to do instead.
"""

from __future__ import annotations

import ctypes
import functools
import os
from collections.abc import Callable
from typing import Any

from faas_sealed.runtime.handler.folder import advice
from faas_sealed.runtime.handler.folder.advice import in_memory_alone, path_in, refusal
from faas_sealed.runtime.handler.folder.resolver import Resolver
from faas_sealed.runtime.handler.folder.substitutes import Substitute

# The parameters of subprocess.Popen, after the command.
_OF_POPEN = (
    *("bufsize", "executable", "stdin", "stdout", "stderr", "preexec_fn", "close_fds", "shell"),
    "cwd",
)


class KernelOpeners:
    """Substitutes for these functions, which take their arguments as they do."""

    def __init__(self, resolver: Resolver) -> None:
        self._resolver = resolver
        self.after_import: dict[str, Callable[[Any], None]] = {
            "subprocess": self._wrap_subprocess,
            "sqlite3": self._wrap_sqlite3,
            "dbm.gnu": self._wrap_dbm,
            "dbm.ndbm": self._wrap_dbm,
        }

    def substitutes(self) -> dict[Any, Any]:
        """Return, for functions that are there from the start, what stands in their place."""
        loads_library = ctypes._dlopen  # type: ignore[attr-defined]
        runs = (os.execv, os.execve, os.posix_spawn, os.posix_spawnp, os.system)
        return {
            loads_library: self._refusing(
                loads_library, advice.LIBRARY, OSError, lambda name: "/" in name
            ),
            **{run: self._checking_command(run) for run in runs},
        }

    def _refusing(
        self,
        plain: Callable[..., Any],
        why: str,
        kind: type[Exception],
        is_path: Callable[[str], bool],
    ) -> Callable[..., Any]:
        """Return a function whose first argument must not lead into the tree.

        `is_path` tells whether the kernel would look for it in the current folder.
        """

        def call(*args: Any, **options: Any) -> Any:
            path = args[0] if args else options.get("database")  # as sqlite3 calls it
            if isinstance(path, (str, bytes, os.PathLike)):
                text = os.fsdecode(path)
                named = path_in(self._resolver, text)
                if named or (is_path(text) and self._resolver.leads_in(text)):
                    raise kind(in_memory_alone(named or text, why))
            return plain(*args, **options)

        return Substitute(plain, call)

    def _checking_command(self, plain: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **options: Any) -> Any:
            for argument in (*args, *options.values()):
                self._check_command(argument)
            return plain(*args, **options)

        return Substitute(plain, call)

    def _check_command(self, argument: Any) -> None:
        """Refuse a command, or a list of its words, that names what is in the tree."""
        words = [argument] if isinstance(argument, (str, bytes, os.PathLike)) else argument
        for word in words if isinstance(words, (list, tuple)) else ():
            if isinstance(word, (str, bytes, os.PathLike)):
                named = path_in(self._resolver, word)
                if named is not None:
                    raise refusal(named, advice.HAND_OVER)

    def _wrap_subprocess(self, module: Any) -> None:
        plain = module.Popen.__init__

        @functools.wraps(plain)
        def start(process: Any, args: Any, *others: Any, **options: Any) -> None:
            self._check_command(args)
            named = dict(zip(_OF_POPEN, others, strict=False)) | options
            self._check_command(named.get("executable"))
            folder = named.get("cwd")
            if folder is not None and self._resolver.leads_in(folder):
                raise refusal(os.fsdecode(folder), advice.OTHER_FOLDER)
            plain(process, args, *others, **options)

        module.Popen.__init__ = start

    def _wrap_sqlite3(self, module: Any) -> None:
        plain = module.connect
        connect = self._refusing(
            plain,
            advice.DATABASE,
            module.OperationalError,
            lambda name: not name.startswith((":memory:", "file:")),
        )
        module.connect = module.dbapi2.connect = connect

    def _wrap_dbm(self, module: Any) -> None:
        module.open = self._refusing(module.open, advice.COPY, OSError, bool)
