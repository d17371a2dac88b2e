"""The changes that the kernel would refuse: the tree is a file system that can only be read."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from typing import Any, NoReturn

from faas_sealed.runtime.handler.folder.resolver import Place, Resolver
from faas_sealed.runtime.handler.folder.substitutes import in_type_of
from faas_sealed.runtime.handler.folder.tree import failure

_rename, _replace, _link, _symlink = os.rename, os.replace, os.link, os.symlink
# The functions of os by what they do with one path.
MAKING = ("mkdir", "mkfifo", "mknod")
CHANGING = (
    *("chmod", "chown", "truncate", "utime", "setxattr", "removexattr"),
    *("lchown", "remove", "rmdir", "unlink"),
)
WITHOUT_FOLLOWING = ("lchown", "remove", "rmdir", "unlink", *MAKING)
OF_TWO_PATHS = (_rename, _replace, _link, _symlink)


class Changing:
    """Refuses to make or change what has a name in the tree."""

    def __init__(self, resolver: Resolver) -> None:
        self._resolver = resolver

    def make(self, name: str, given: Any, *_: Any, **__: Any) -> NoReturn:
        raise failure(self._resolver.tree.why_unmade(name), given)

    def change(self, name: str, given: Any, *_: Any, **__: Any) -> NoReturn:
        tree = self._resolver.tree
        raise failure(errno.EROFS if tree.has(name) else tree.why_absent(name), given)


class TwoPaths:
    """A function of two paths that would change what is at one of them or at both."""

    def __init__(self, plain: Callable[..., Any], resolver: Resolver) -> None:
        self._plain = plain
        self._resolver = resolver

    def __call__(self, src: Any, dst: Any, *args: Any, **options: Any) -> Any:
        places = self._places(self._resolver.find, src, dst, options)
        if places == (None, None):
            try:
                return self._plain(src, dst, *args, **options)
            except FileNotFoundError:
                places = self._places(self._resolver.find_linked, src, dst, options)
                if places == (None, None):
                    raise
        given: list[Any] = [os.fspath(src), os.fspath(dst)]
        for at, (place, name) in enumerate(zip(places, ("src_dir_fd", "dst_dir_fd"), strict=True)):
            if place is None:
                continue
            if place.name is not None:
                raise self._refused(at, place.name, *given)
            given[at] = in_type_of(given[at], place.path)
            options.pop(name, None)
        try:
            return self._plain(*given, *args, **options)
        except OSError as error:
            error.filename, error.filename2 = os.fspath(src), os.fspath(dst)
            raise

    def _places(
        self, find: Callable[..., Place | None], src: Any, dst: Any, options: dict[str, Any]
    ) -> tuple[Place | None, Place | None]:
        is_symlink = self._plain is _symlink  # its first argument is text, and no path yet
        source = None if is_symlink else find(src, options.get("src_dir_fd"), False)
        return source, find(dst, options.get("dir_fd" if is_symlink else "dst_dir_fd"), False)

    def _refused(self, at: int, name: str, src: Any, dst: Any) -> OSError:
        tree = self._resolver.tree
        if at == 0:
            number = errno.EROFS if tree.has(name) else tree.why_absent(name)
        elif self._plain in (_rename, _replace) and tree.has(name):
            number = errno.EROFS
        else:
            number = tree.why_unmade(name)
        if at == 0 and number == errno.EROFS and self._plain is _link:
            number = errno.EXDEV  # so that who has asked for a link makes a copy
        return OSError(number, os.strerror(number), src, None, dst)
