"""The function, as far as it is known without any key."""

from __future__ import annotations

from dataclasses import dataclass

from faas_sealed.formats.file import SealedFile
from faas_sealed.formats.hpke import PrivateKey
from faas_sealed.runtime.shared.deployed import Deployed
from faas_sealed.runtime.worker.access import KeyHeader
from faas_sealed.settings import Settings


@dataclass(frozen=True)
class Function:
    """What a zygote makes of what is deployed, for its workers."""

    sealed: SealedFile
    keys: KeyHeader
    denied: frozenset[str] = frozenset()

    @classmethod
    def of(cls, deployed: Deployed, settings: Settings) -> Function:
        transport = [PrivateKey(seed) for seed in deployed.transport]
        keys = KeyHeader(transport, settings.accept, deployed.sealed.header.context)
        return cls(deployed.sealed, keys, deployed.denied)
