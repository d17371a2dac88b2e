from __future__ import annotations

from ..command.conftest import home, run
from ..leaks.conftest import sight

__all__ = ["home", "run", "sight"]
