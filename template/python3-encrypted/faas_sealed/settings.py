"""The settings of a function: one table of names, defaults, forms and meanings.

The runtime reads the settings once, at the start. `faas-seal seal` checks them by the same
table, and docs/settings.md is made from it.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Container, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from faas_sealed.formats.errors import SealError
from faas_sealed.formats.keys import AUTHOR_PUBLIC, TRANSPORT_SEED

ISOLATIONS = ("burst", "request")
KEY_FORMS = ("raw", "sealed")
_LONGER_LINGER = "seal_linger: 60s keeps a process for so long after its last valid call"
# Where OpenFaaS mounts secrets.
SECRETS = Path("/var/openfaas/secrets")

# poll(2) counts milliseconds in 31 bits: 596 hours at most.
LONGEST_SECONDS = 500 * 3600.0

_UNITS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1, "m": 60, "h": 3600}
_DURATION = re.compile(r"(?:(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|ms|s|m|h))+?", re.ASCII)
_SIZES = {"": 1, "B": 1, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30}
_SIZE = re.compile(r"(\d{1,12}) ?(B|KiB|MiB|GiB)?", re.ASCII)


def duration(text: str) -> float:
    """Return the seconds in a Go duration such as `1m30s`, or in a whole number of seconds.

    Raises ValueError for any other text, for zero, and for more than 500 hours.
    """
    if text.isascii() and text.isdigit():
        seconds = float(text)
    elif _DURATION.fullmatch(text):
        seconds = sum(
            float(number) * _UNITS[unit] for number, unit in re.findall(r"([\d.]+)([a-zµ]+)", text)
        )
    else:
        raise ValueError("expected a duration such as 20ms, 30s or 1m30s")
    if not 0 < seconds <= LONGEST_SECONDS:
        raise ValueError("expected a duration of more than zero and at most 500h")
    return seconds


def timeout(text: str) -> float:
    """Return the seconds in a timeout of the watchdog; zero means no limit, and gives 500 hours."""
    return LONGEST_SECONDS if text in ("0", "0s") else duration(text)


def default_workers() -> int:
    """Return the default of `seal_workers`: four for each CPU of this container, at least four."""
    return max(4, round(4 * _cpus()))


def _cpus() -> float:
    available = float(len(os.sched_getaffinity(0)))
    for path, parse in (
        ("/sys/fs/cgroup/cpu.max", _cgroup2),
        ("/sys/fs/cgroup/cpu/cpu.cfs_quota_us", _cgroup1),
    ):
        try:
            available = min(available, parse(Path(path)))
        except (OSError, ValueError):
            continue
    return available


def _cgroup2(path: Path) -> float:
    quota, period = path.read_text().split()
    return float(quota) / float(period)


def _cgroup1(path: Path) -> float:
    quota = float(path.read_text())
    if quota <= 0:
        raise ValueError("no limit")
    return quota / float(path.with_name("cpu.cfs_period_us").read_text())


def _author(text: str) -> bytes:
    if not text:
        raise SealError("seal_author is not set: `faas-seal seal` writes it to the stack file")
    try:
        return AUTHOR_PUBLIC.decode(text)
    except SealError as error:
        raise SealError(f"seal_author: {error}") from None


def _secret(setting: str) -> Callable[[str], Path | None]:
    def parse(text: str) -> Path | None:
        """Return the path of the secret with this name; an absolute path stays as it is."""
        if text.startswith(TRANSPORT_SEED.prefix):
            raise SealError(f"{setting} is a {TRANSPORT_SEED.noun}, expected the name of a secret")
        return SECRETS / text if text else None

    return parse


def _key_forms(text: str) -> frozenset[str]:
    forms = frozenset(form.strip() for form in text.split(","))
    if not forms <= frozenset(KEY_FORMS):
        raise ValueError("expected raw, sealed or raw,sealed")
    return forms


def _isolation(text: str) -> str:
    if text == "warm":
        raise ValueError(f"expected burst or request; {_LONGER_LINGER}")
    return _choice(*ISOLATIONS)(text)


def _count(text: str) -> int:
    if not re.fullmatch(r"[1-9][0-9]{0,5}", text):
        raise ValueError("expected a whole number from 1 to 999999")
    return int(text)


def _count_or_zero(text: str) -> int:
    return 0 if text == "0" else _count(text)


def _size(text: str) -> int:
    match = _SIZE.fullmatch(text)
    if not match:
        raise ValueError("expected a size such as 32MiB or a number of bytes")
    return int(match[1]) * _SIZES[match[2] or ""]


def _choice(*allowed: str) -> Callable[[str], str]:
    def parse(text: str) -> str:
        if text not in allowed:
            raise ValueError(f"expected {' or '.join(allowed)}")
        return text

    return parse


def _on(text: str) -> bool:
    return _choice("on", "off")(text) == "on"


def _address(text: str) -> tuple[str, int]:
    parts = urlsplit(text)
    if parts.scheme != "http" or not parts.hostname:
        raise ValueError("expected a URL such as http://127.0.0.1:5000")
    return parts.hostname, parts.port or 80


@dataclass(frozen=True)
class Setting:
    """A row of the table: an environment variable, and the member of Settings that it sets.

    `parse` turns the variable's text into the member's value. For a bad text it raises
    ValueError, and `value` adds the text to the message. Where the text may be a secret, it
    raises SealError, and nothing is added. docs/settings.md shows `meaning`, and
    `default_in_words` for a default that is no fixed text.
    """

    name: str
    member: str
    default: str | Callable[[], str]
    parse: Callable[[str], Any]
    meaning: str
    default_in_words: str = ""

    def value(self, text: str) -> Any:
        """Return the value of a text, or of the default if the text is empty.

        Raises SealError with one line for a bad text.
        """
        if not text:
            text = self.default if isinstance(self.default, str) else self.default()
        try:
            return self.parse(text)
        except ValueError as error:
            raise SealError(f"{self.name} is {text!r}: {error}") from None


SETTINGS = (
    Setting(
        "seal_author",
        "author",
        "",
        _author,
        "public key (`fsap1_…`) of the one author whose sealed file is run. "
        "`faas-seal seal` writes it to the stack file",
        "none; required",
    ),
    Setting(
        "seal_file",
        "pushed_file",
        "",
        _secret("seal_file"),
        "the secret with a second sealed file, beside the one in the image. The function runs "
        "the newer of the two, so that `faas-seal push` can change its code",
    ),
    Setting(
        "seal_transport",
        "transport",
        "",
        _secret("seal_transport"),
        "the function's transport secret: one or two lines `fst1_…`. One of them belongs to the "
        "sealed file; key tokens may be sealed to either. `faas-seal seal` writes the secret's "
        "name to the stack file",
    ),
    Setting(
        "seal_accept",
        "accept",
        "raw,sealed",
        _key_forms,
        "the forms of key that the function takes: `raw`, `sealed` or both. Without `raw`, a raw "
        "key is answered 403 `raw-key-refused`; without `sealed`, a key token or resumed token is "
        "answered 400 `malformed-key`",
    ),
    Setting(
        "seal_denied",
        "denied",
        "",
        _secret("seal_denied"),
        "the secret with the ids of function keys that may no longer open the function, one id a "
        "line",
    ),
    Setting(
        "seal_discovery",
        "discovery",
        "on",
        _on,
        "`on`: `/.well-known/faas-seal` answers with the sealed file's first three lines, from "
        "which callers learn the transport key. `off`: it does not",
    ),
    Setting(
        "seal_pad",
        "pad",
        "off",
        _on,
        "`on` pads sealed answers to a power of two, and from 64 KiB on to a multiple of 64 KiB, "
        "so that their length says little about what is in them; of an answer that is produced in "
        "pieces, their number and rough size show",
    ),
    Setting(
        "seal_audit",
        "audit",
        "off",
        _on,
        "`on` writes one line of JSON about each request to the log",
    ),
    Setting(
        "seal_isolation",
        "isolation",
        "burst",
        _isolation,
        "how long a process lives: `request`, for one request; `burst`, until `seal_linger` after "
        "its last request with a valid key. A process executes the handler's modules once. So the "
        "requests of one process share the state of the modules, as in python3-http",
    ),
    Setting(
        "seal_workers",
        "workers",
        lambda: str(default_workers()),
        _count,
        "requests that are handled at once; further requests wait",
        "4 for each CPU of the container, at least 4",
    ),
    Setting(
        "seal_waiting",
        "waiting",
        "256",
        _count,
        "requests that may wait; a further one is answered 503 `busy`, with `Retry-After: 1`",
    ),
    Setting(
        "seal_readers",
        "readers",
        "64",
        _count,
        "slow requests that may be read beside those that are handled; a further one is answered "
        "503 `busy`",
    ),
    Setting(
        "seal_burst_requests",
        "burst_requests",
        "1000",
        _count_or_zero,
        "with `burst`, the requests that one process serves; then another process takes its place. "
        "`0` for no bound",
    ),
    Setting(
        "seal_linger",
        "linger",
        "20ms",
        duration,
        "with `burst`, how long a process waits for another request after the last one with a "
        "valid key. So long its memory keeps keys, plaintext and the state of modules. Raise it, "
        "for example to `60s`, for handlers that load a model or open connections. Requests "
        "without a valid key prolong a process by 200 ms at most in all",
    ),
    Setting(
        "seal_max_body",
        "max_body",
        "32MiB",
        _size,
        "largest body of a request, in bytes, `KiB`, `MiB` or `GiB`; a larger one is answered 413 "
        "`body-too-large`",
    ),
    Setting(
        "seal_stream_timeout",
        "stream_timeout",
        "10m",
        duration,
        "how long an answer that is produced piece by piece may take",
    ),
    Setting(
        "seal_log",
        "log",
        "text",
        _choice("text", "json"),
        "`json` adds time, level and call id to each line",
    ),
    Setting(
        "exec_timeout",
        "exec_timeout",
        "30s",
        timeout,
        "the watchdog's: a call that takes longer is answered 504 `deadline`, and its process is "
        "killed with all that it started. The time that a request waits counts, too. A function "
        "that is told to end, by SIGTERM or the end of standard input, waits this long at most "
        "for its calls",
    ),
    Setting(
        "read_timeout",
        "read_timeout",
        "30s",
        timeout,
        "the watchdog's: a request that is not whole after this time is answered 408 "
        "`slow-request`; a request that has found no free worker is answered 503 `busy`",
    ),
    Setting(
        "upstream_url",
        "address",
        "http://127.0.0.1:5000",
        _address,
        "the watchdog's: the URL at which it expects the function, and so at which the function "
        "listens",
    ),
)
BY_NAME = {setting.name: setting for setting in SETTINGS}


def check_names(names: Container[str]) -> None:
    """Raise SealError, with one line, for a name with which the runtime would not start."""
    if "seal_warm_ttl" in names:
        raise SealError(f"seal_warm_ttl is no setting: {_LONGER_LINGER}")


@dataclass(frozen=True)
class Settings:
    """The settings of this function. Durations are in seconds, sizes in bytes.

    The table has the meaning of each member but `file`, the path of the sealed file in the image.
    """

    file: Path
    author: bytes
    pushed_file: Path | None
    transport: Path | None
    denied: Path | None
    accept: frozenset[str]
    discovery: bool
    pad: bool
    audit: bool
    isolation: str
    workers: int
    waiting: int
    readers: int
    burst_requests: int
    linger: float
    max_body: int
    stream_timeout: float
    log: str
    exec_timeout: float
    read_timeout: float
    address: tuple[str, int]

    @classmethod
    def from_environ(cls, environ: Mapping[str, str], default_file: Path) -> Settings:
        """Return the settings, or raise SealError with one line that names the bad setting."""
        check_names(environ)
        values = {
            setting.member: setting.value(environ.get(setting.name, "")) for setting in SETTINGS
        }
        return cls(file=default_file, **values)

    @property
    def host(self) -> str:
        """The host that the function listens on."""
        return self.address[0]

    @property
    def port(self) -> int:
        """The TCP port that the function listens on."""
        return self.address[1]
