from __future__ import annotations

from hypothesis import HealthCheck, settings

# Others may use the same cores: no example fails for being slow, nor for being found slowly.
settings.register_profile(
    "formats", deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("formats")
