"""Substitutes: functions that know the tree, in place of Python's own."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from typing import Any

from faas_sealed.runtime.handler.folder.resolver import Place, Resolver

_MISSING: Any = object()


class Substitute:
    """A function in place of another one, `plain`, with its name and signature.

    It is an object, and so no method of a class that it is a member of; built-in functions are
    none either. It is pickled as they are, by name.
    """

    def __init__(self, plain: Callable[..., Any], ours: Callable[..., Any]) -> None:
        functools.update_wrapper(self, plain)
        self._ours = ours

    def __call__(self, *args: Any, **options: Any) -> Any:
        return self._ours(*args, **options)

    def __reduce__(self) -> str:
        return str(self.__name__)  # type: ignore[attr-defined]


class PathSubstitute(Substitute):
    """A function of a path: `plain`, but `ours` for a path that leads into the tree.

    `ours` gets the path's name in the tree, the path as it was given, and the other arguments.
    """

    def __init__(
        self,
        plain: Callable[..., Any],
        ours: Callable[..., Any],
        resolver: Resolver,
        follows: bool = True,
    ) -> None:
        super().__init__(plain, ours)
        self._plain = plain
        self._resolver = resolver
        self._follows = follows

    def __call__(self, path: Any = _MISSING, *args: Any, **options: Any) -> Any:
        if path is _MISSING:
            if "fd" not in options:
                return self._plain(*args, **options)
            path = options.pop("fd")
        dir_fd = options.get("dir_fd")
        follow = self._follows and options.get("follow_symlinks", True)
        place = self._resolver.find(path, dir_fd, follow)
        if place is None:
            try:
                return self._plain(path, *args, **options)
            except FileNotFoundError:
                place = self._resolver.find_linked(path, dir_fd, follow)
                if place is None:
                    raise
        if place.name is not None:
            given = path if isinstance(path, int) else os.fspath(path)
            return self._ours(place.name, given, *args, **options)
        options.pop("dir_fd", None)
        return for_kernel(self._plain, place, path, *args, **options)


class AccessSubstitute(PathSubstitute):
    """The function for os.access, which says no where others raise an error."""

    def __init__(self, plain: Callable[..., Any], *others: Any, **options: Any) -> None:
        super().__init__(plain, *others, **options)

        def must_have_access(*args: Any, **options: Any) -> bool:
            if plain(*args, **options):
                return True
            raise FileNotFoundError

        self._plain = must_have_access

    def __call__(self, path: Any = _MISSING, *args: Any, **options: Any) -> Any:
        try:
            return super().__call__(path, *args, **options)
        except OSError:
            return False


def for_kernel(
    plain: Callable[..., Any], place: Place, given: Any, *args: Any, **options: Any
) -> Any:
    """Call Python's own function with the path by which the kernel knows a place."""
    try:
        return plain(in_type_of(given, place.path), *args, **options)
    except OSError as error:
        error.filename = os.fspath(given)
        raise


def in_type_of(given: Any, path: str) -> str | bytes:
    """Return a path as bytes if the one that was given is bytes."""
    return os.fsencode(path) if isinstance(os.fspath(given), bytes) else path
