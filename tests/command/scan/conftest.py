from __future__ import annotations

from tests.command.conftest import home, project, run
from tests.leaks.conftest import sight

__all__ = ["home", "project", "run", "sight"]
