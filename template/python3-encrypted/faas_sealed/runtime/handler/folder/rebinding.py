"""The rebinding of Python's functions: wherever one is bound, its substitute is put."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from types import ModuleType
from typing import Any

# In these, os says which of its functions take what.
_SETS: tuple[set[Any], ...] = (
    os.supports_dir_fd,
    os.supports_effective_ids,
    os.supports_fd,
    os.supports_follow_symlinks,
)


def rebind(substitutes: Mapping[Any, Any]) -> None:
    """Put each value of `substitutes` where its key is bound in a module or class.

    Modules that are loaded later bind what they find: the substitute.
    """
    for functions in _SETS:
        functions |= {substitutes[plain] for plain in functions & substitutes.keys()}
    by_id = {id(plain): substitute for plain, substitute in substitutes.items()}
    for module in list(sys.modules.values()):
        name = getattr(module, "__name__", "")
        if isinstance(module, ModuleType) and not name.startswith("faas_sealed."):
            _rebind_in(module, by_id)
            for value in list(vars(module).values()):
                if isinstance(value, type) and value.__module__ == name:
                    _rebind_in(value, by_id)


def _rebind_in(holder: Any, by_id: Mapping[int, Any]) -> None:
    """Rebind the members of a module or class; a class may hold one as a static method."""
    for name, value in list(vars(holder).items()):
        if id(value) in by_id:
            setattr(holder, name, by_id[id(value)])
        elif isinstance(value, staticmethod) and id(value.__func__) in by_id:
            setattr(holder, name, staticmethod(by_id[id(value.__func__)]))
