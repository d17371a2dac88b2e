"""The credential of a call: a function key, and what is known of the function it opens."""

from __future__ import annotations

from dataclasses import dataclass, field

from faas_sealed.formats.header import Header

from faas_seal.calling.tickets import KeptTickets
from faas_seal.calling.tokens import check_lifetime
from faas_seal.errors import UnknownTransportKey, UsageError


@dataclass(frozen=True)
class Credential:
    """A function key (32 bytes), and how a call presents it.

    `function` is the verified header of the function's sealed file, or None if only the key is
    known. `address` is the function's own address, where it is not `…/function/NAME`. With
    `sealed_body`, bodies travel sealed both ways, and with `pad` the request's is padded.
    `lifetime` is the lifetime of a token in seconds, or None for the usual one. `tickets` tells
    whether key tokens ask for tickets, which `kept` then holds; a credential that replaces this
    one begins without.

    Raises UnknownTransportKey where bodies could not be sealed, LifetimeRefused, and UsageError
    for padding without sealed bodies.
    """

    function_key: bytes = field(repr=False)
    function: Header | None = None
    address: str = ""
    sealed_body: bool = False
    pad: bool = False
    lifetime: int | None = None
    tickets: bool = True
    kept: KeptTickets = field(default_factory=KeptTickets, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.lifetime is not None:
            check_lifetime(self.lifetime, bound=True)
        if self.pad and not self.sealed_body:
            raise UsageError("only sealed bodies are padded", hint="give sealed_body=True, too")
        if self.sealed_body and self.raw:
            raise UnknownTransportKey(
                "bodies are sealed to a function's transport key, which is not known here",
                hint="make the key by FunctionKey.of_project, from_file with sealed_file, or "
                "discover",
            )

    @property
    def raw(self) -> bool:
        """Whether the key itself is sent, because the function has no known transport key."""
        return self.function is None or self.function.transport is None
