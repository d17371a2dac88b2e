"""Errors of pushing, with their facts as attributes. The command makes hints from the facts."""

from __future__ import annotations

from faas_seal.errors import GatewayRefused, Unreachable, UsageError


class TakesNoPushes(UsageError):
    """A function to which the stack file gives no secret for its code.

    `setting` would name that secret, and `secret` is the name that it would get.
    """

    def __init__(self, function: str, setting: str, secret: str) -> None:
        super().__init__(
            f"{function} takes no pushes: it needs a secret, and the setting {setting} to name it"
        )
        self.function = function
        self.setting = setting
        self.secret = secret


class NoGateway(Unreachable):
    """An address at which no gateway answers."""

    def __init__(self, address: str) -> None:
        super().__init__(f"no gateway answers at {address}")
        self.address = address


class NotServed(GatewayRefused):
    """A function that does not serve its new code in time. `seen` is a clause on what it serves."""

    def __init__(self, function: str, content_id: str, seconds: float, seen: str) -> None:
        super().__init__(f"{content_id} is not served after {seconds:.0f} s: {seen}")
        self.function = function
        self.content_id = content_id
