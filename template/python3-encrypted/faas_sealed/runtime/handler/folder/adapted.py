"""Libraries whose C code opens a path by itself, but takes an open file or descriptor as well."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from faas_sealed.runtime.handler.folder.resolver import Resolver

# By module: what is called with a path, and as well with a file that is open for reading.
_TAKE_FILES = {
    "PIL.ImageFont": ("FreeTypeFont",),
    "h5py._hl.files": ("File",),
    "lxml.etree": ("parse",),
    "polars": (
        *("read_csv", "read_ipc", "read_json", "read_ndjson", "read_parquet"),
        *("scan_csv", "scan_ipc", "scan_ndjson", "scan_parquet"),
    ),
    "pyarrow.csv": ("read_csv",),
    "pyarrow.feather": ("read_feather", "read_table"),
    "pyarrow.json": ("read_json",),
    "pyarrow.parquet": ("ParquetFile", "read_metadata", "read_schema", "read_table"),
    "soundfile": ("SoundFile",),
}
# The same of a file's content.
_TAKE_CONTENT = {"onnxruntime.capi.onnxruntime_inference_collection": ("InferenceSession",)}
# Parameters of these that are paths, where they are not given by position.
_PATHS = ("file", "font", "input_file", "name", "path_or_bytes", "source")


class Adapted:
    """Gives these libraries, in place of a path of the tree, what they take as well."""

    def __init__(self, resolver: Resolver) -> None:
        self._resolver = resolver
        self.after_import: dict[str, Callable[[Any], None]] = {
            "ssl": self._adapt_ssl,
            "cv2": self._adapt_cv2,
        }
        for table, instead in ((_TAKE_FILES, _opened), (_TAKE_CONTENT, _read)):
            for module, names in table.items():
                self.after_import[module] = functools.partial(
                    self._give, names=names, instead=instead
                )

    def _give(self, module: Any, names: tuple[str, ...], instead: Callable[..., Any]) -> None:
        for name in names:
            thing = getattr(module, name, None)  # there may be another version of the library
            if isinstance(thing, type):
                thing.__init__ = self._giving(thing.__init__, instead)  # type: ignore[misc]
            elif thing is not None:
                setattr(module, name, self._giving(thing, instead))

    def _giving(self, plain: Callable[..., Any], instead: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(plain)
        def call(*args: Any, **options: Any) -> Any:
            given = [instead(each) if self._is_file(each) else each for each in args]
            for name in _PATHS:
                if self._is_file(options.get(name)):
                    options[name] = instead(options[name])
            return plain(*given, **options)

        return call

    def _adapt_cv2(self, module: Any) -> None:
        plain = module.imread

        @functools.wraps(plain)
        def imread(filename: Any, *args: Any, **options: Any) -> Any:
            if not self._is_file(filename):
                return plain(filename, *args, **options)
            from numpy import frombuffer

            flags = args[0] if args else options.get("flags", module.IMREAD_COLOR)
            return module.imdecode(frombuffer(_read(filename), "uint8"), flags)

        module.imread = imread

    def _adapt_ssl(self, module: Any) -> None:
        context = module.SSLContext
        load_chain, load_locations = context.load_cert_chain, context.load_verify_locations

        @functools.wraps(load_chain)
        def load_cert_chain(
            context: Any, certfile: Any, keyfile: Any = None, password: Any = None
        ) -> None:
            with self._lent(certfile, keyfile) as paths:
                load_chain(context, *paths, password)

        @functools.wraps(load_locations)
        def load_verify_locations(
            context: Any, cafile: Any = None, capath: Any = None, cadata: Any = None
        ) -> None:
            with self._lent(cafile) as paths:
                load_locations(context, *paths, capath, cadata)

        context.load_cert_chain = load_cert_chain
        context.load_verify_locations = load_verify_locations

    def _is_file(self, path: Any) -> bool:
        if not isinstance(path, (str, bytes, os.PathLike)):
            return False
        place = self._resolver.find(path)
        return place is not None and place.name in self._resolver.tree.files

    @contextmanager
    def _lent(self, *paths: Any) -> Iterator[list[Any]]:
        """Lend, for paths of the tree, other paths by which the kernel finds what is there."""
        descriptors: list[int] = []
        lent = list(paths)
        try:
            for at, path in enumerate(paths):
                if self._is_file(path):
                    descriptors.append(os.open(path, os.O_RDONLY))
                    lent[at] = f"/proc/self/fd/{descriptors[-1]}"
            yield lent
        finally:
            for descriptor in descriptors:
                os.close(descriptor)


def _opened(path: Any) -> Any:
    return open(path, "rb")  # noqa: PTH123


def _read(path: Any) -> bytes:
    with open(path, "rb") as file:  # noqa: PTH123
        content: bytes = file.read()
        return content
