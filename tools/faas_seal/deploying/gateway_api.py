"""The gateway's own interface to secrets. faas-cli cannot be used: it fills them with text only."""

from __future__ import annotations

import base64
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import requests
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from faas_seal.calling.sessions import session_to
from faas_seal.deploying.errors import NoGateway
from faas_seal.errors import GatewayRefused

TIMEOUT_SECONDS = 30
_INFO = "/system/info"
_NO_GATEWAY = "is this local-run? It serves each seal by itself: push is for a gateway"
# The file that faas-cli writes when it logs in.
_CONFIG = "config.yml"
_SCHEMES = {"basic": "Basic", "oauth2": "Bearer"}


@dataclass(frozen=True)
class Gateway:
    """A gateway, with the login that faas-cli has kept, if there is one."""

    address: str
    namespace: str = ""
    authorization: str = field(default="", repr=False)

    @classmethod
    def logged_in(cls, address: str, namespace: str = "") -> Gateway:
        """Return the gateway at `address`, with faas-cli's login to it if there is one."""
        return cls(address, namespace, _authorization(address))

    def provider(self) -> str:
        """Return the provider's name, such as `faasd` or `faas-netes`, or an empty string."""
        response = self._send("GET", _INFO)
        try:
            return str(response.json()["provider"]["provider"])
        except (ValueError, LookupError, TypeError):
            return ""

    def put_secret(self, name: str, value: bytes) -> bool:
        """Write a secret of any bytes; return whether it is a new one.

        Raises GatewayRefused, and NoGateway if nothing answers.
        """
        body = {
            "name": name,
            "namespace": self.namespace,
            "rawValue": base64.b64encode(value).decode(),
        }
        is_new = name not in self._secrets()
        self._send("POST" if is_new else "PUT", "/system/secrets", json=body)
        return is_new

    def _secrets(self) -> set[str]:
        query = {"namespace": self.namespace} if self.namespace else None
        response = self._send("GET", "/system/secrets", params=query)
        try:
            return {str(secret["name"]) for secret in response.json() or ()}
        except (ValueError, LookupError, TypeError):
            raise GatewayRefused(f"{self.address} does not list its secrets") from None

    def _send(self, method: str, path: str, **given: Any) -> requests.Response:
        headers = {"Authorization": self.authorization} if self.authorization else {}
        with session_to(self.address) as session:
            session.auth = lambda request: request  # no netrc: the login is faas-cli's
            try:
                response = session.request(
                    method,
                    f"{self.address}{path}",
                    headers=headers,
                    timeout=TIMEOUT_SECONDS,
                    allow_redirects=False,
                    **given,
                )
            except requests.RequestException:
                raise NoGateway(self.address) from None
        status = response.status_code
        if status == 401:
            raise GatewayRefused(
                f"{self.address} wants a login", hint=f"faas-cli login --gateway {self.address}"
            )
        if not 200 <= status < 300:
            said = " ".join(response.text.split())[:200]
            hint = _NO_GATEWAY if (path, status) == (_INFO, 404) else ""
            raise GatewayRefused(f"{self.address} answers {status}: {said}", hint=hint)
        return response


def _authorization(address: str) -> str:
    folder = os.environ.get("OPENFAAS_CONFIG")
    if not folder and os.environ.get("CI") == "true":
        folder = ".openfaas"  # as faas-cli has it
    path = (Path(folder) if folder else Path.home() / ".openfaas") / _CONFIG
    try:
        logins = YAML(typ="safe", pure=True).load(path.read_text())["auths"]
    except (OSError, YAMLError, LookupError, TypeError, UnicodeDecodeError):
        return ""
    for login in logins or ():
        if isinstance(login, dict) and str(login.get("gateway", "")).rstrip("/") == address:
            scheme = _SCHEMES.get(str(login.get("auth", "")))
            return f"{scheme} {login.get('token', '')}" if scheme else ""
    return ""
