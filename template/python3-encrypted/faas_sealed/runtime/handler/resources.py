"""The resources of the handler's packages, for `importlib.resources`: paths of the tree."""

from __future__ import annotations

import importlib.resources
import pathlib
import sys
from typing import Any, NoReturn

from faas_sealed.runtime.handler.folder.advice import READ, refusal

if sys.version_info >= (3, 11):
    from importlib.resources.abc import Traversable, TraversableResources
else:
    from importlib.abc import Traversable, TraversableResources


class Resources(TraversableResources):
    """The resources of one package: what lies in `folder`, the path of a folder."""

    def __init__(self, folder: str) -> None:
        self._folder = folder

    def files(self) -> Traversable:
        return Resource(self._folder)

    def resource_path(self, resource: Any) -> NoReturn:
        _refuse(Resource(self._folder, resource))


class Resource(type(pathlib.Path())):  # type: ignore[misc]
    """The path of a resource. Whoever asks for one in a file system asks for the kernel's."""


def _refuse(resource: Resource) -> NoReturn:
    raise refusal(str(resource), READ)


importlib.resources.as_file.register(Resource, _refuse)  # type: ignore[attr-defined]
