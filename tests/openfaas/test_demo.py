"""The demo, run as `make demo-openfaas` runs it."""

from __future__ import annotations

import pytest

from tests.test_demo import run_demo


@pytest.mark.usefixtures("programs")
def test_the_demo_shows_it_with_faas_cli_and_docker() -> None:
    transcript = run_demo("--openfaas")
    for line in (
        "✓ with a token: 200",
        "✓ every layer of the image: 0 hits",
        "✓ the container's log: 0 hits",
        "All of it held",
    ):
        assert line in transcript
