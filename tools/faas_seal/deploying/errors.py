"""Errors of pushing, with the facts as attributes. The command makes its hints of these."""

from __future__ import annotations

from faas_seal.errors import GatewayRefused, Unreachable, UsageError


class TakesNoPushes(UsageError):
    """The stack file gives a function no secret for its code.

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
    """No gateway answers at an address."""

    def __init__(self, address: str) -> None:
        super().__init__(f"no gateway answers at {address}")
        self.address = address


class NotServed(GatewayRefused):
    """A function has not served its new code in time. `seen` is a clause that says what it did."""

    def __init__(self, function: str, content_id: str, seconds: float, seen: str) -> None:
        super().__init__(f"after {seconds:.0f} s {seen}, and not {content_id}")
        self.function = function
        self.content_id = content_id
