"""Attacks that look for canaries on every surface of docs/threats.md."""

import pytest

pytest.register_assert_rewrite(f"{__name__}.traffic")
