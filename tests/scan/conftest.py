from __future__ import annotations

from ..command.conftest import home, project, run
from ..leaks.conftest import sight

__all__ = ["home", "project", "run", "sight"]
