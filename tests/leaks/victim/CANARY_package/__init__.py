from __future__ import annotations

from importlib import resources


def data() -> bytes:
    return resources.files(__package__).joinpath("CANARY_resource.bin").read_bytes()
