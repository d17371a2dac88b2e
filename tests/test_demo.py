"""The demo, run as `make demo` runs it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

DEMO = Path(__file__).resolve().parent.parent / "demo" / "demo.py"


def run_demo(*arguments: str) -> str:
    result = subprocess.run(
        [sys.executable, str(DEMO), *arguments], capture_output=True, text=True, timeout=300
    )
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


def test_the_demo_shows_what_it_says() -> None:
    transcript = run_demo()
    for line in (
        "✓ with a token: 200",
        "✓ without a key: 401",
        "✓ the same token for another question: 403",
        "✓ with question and answer sealed as well: 200",
        "✓ with the raw key: 200",
        "✓ with the key of another function: 403",
        "faas-seal: error: the ciphertext is altered",
        "✓ the folder that goes into the image: 0 hits",
        "All of it held",
    ):
        assert line in transcript
    assert "✗" not in transcript
