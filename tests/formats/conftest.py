from __future__ import annotations

from hypothesis import settings

# Others may use the same cores: no example fails for being slow.
settings.register_profile("formats", deadline=None, max_examples=60)
settings.load_profile("formats")
