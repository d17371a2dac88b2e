"""Settings, read once from the environment. Names are lower case, as OpenFaaS has them."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

from faas_sealed.formats.errors import SealError
from faas_sealed.formats.keys import AUTHOR_PUBLIC, TRANSPORT_SEED

ISOLATIONS = ("request", "burst", "warm")
KEY_FORMS = ("raw", "sealed")
# Where OpenFaaS mounts secrets.
SECRETS = Path("/var/openfaas/secrets")

# What poll(2) can wait, in milliseconds, is a little more.
LONGEST_SECONDS = 500 * 3600.0

_UNITS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1, "m": 60, "h": 3600}
_DURATION = re.compile(r"(?:(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|ms|s|m|h))+?", re.ASCII)
_SIZES = {"": 1, "B": 1, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30}
_SIZE = re.compile(r"(\d{1,12}) ?(B|KiB|MiB|GiB)?", re.ASCII)

_T = TypeVar("_T")


@dataclass(frozen=True)
class Settings:
    """How this function runs. Durations are in seconds, sizes in bytes.

    `docs/settings.md` lists every member with its meaning and default.
    """

    author: bytes
    file: Path
    pushed_file: Path | None
    transport: Path | None
    denied: Path | None
    accept: frozenset[str]
    discovery: bool
    audit: bool
    host: str
    port: int
    isolation: str
    workers: int
    waiting: int
    readers: int
    burst_requests: int
    linger: float
    warm_ttl: float
    max_body: int
    stream_timeout: float
    exec_timeout: float
    read_timeout: float
    log: str

    @classmethod
    def from_environ(cls, environ: Mapping[str, str], default_file: Path) -> Settings:
        """Read the settings, or raise SealError with one line that names the bad one."""

        def read(name: str, default: str, parse: Callable[[str], _T]) -> _T:
            text = environ.get(name) or default
            try:
                return parse(text)
            except ValueError as error:
                raise SealError(f"{name} is {text!r}: {error}") from None

        host, port = read("upstream_url", "http://127.0.0.1:5000", _address)
        return cls(
            author=_author(environ.get("seal_author")),
            file=default_file,
            pushed_file=_secret(environ, "seal_file"),
            transport=_secret(environ, "seal_transport"),
            denied=_secret(environ, "seal_denied"),
            accept=read("seal_accept", "raw,sealed", _key_forms),
            discovery=read("seal_discovery", "on", _choice("on", "off")) == "on",
            audit=read("seal_audit", "off", _choice("on", "off")) == "on",
            host=host,
            port=port,
            isolation=read("seal_isolation", "burst", _choice(*ISOLATIONS)),
            workers=read("seal_workers", str(default_workers()), _count),
            waiting=read("seal_waiting", "256", _count),
            readers=read("seal_readers", "64", _count),
            burst_requests=read("seal_burst_requests", "1000", _count),
            linger=read("seal_linger", "20ms", duration),
            warm_ttl=read("seal_warm_ttl", "60s", duration),
            max_body=read("seal_max_body", "32MiB", _size),
            stream_timeout=read("seal_stream_timeout", "10m", duration),
            exec_timeout=read("exec_timeout", "30s", _timeout),
            read_timeout=read("read_timeout", "30s", _timeout),
            log=read("seal_log", "text", _choice("text", "json")),
        )


def default_workers() -> int:
    """Return four handlers for each CPU that this container may use, at least four."""
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


def duration(text: str) -> float:
    """Parse a Go duration such as `1m30s`, or a whole number of seconds; more than zero."""
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


def _timeout(text: str) -> float:
    # The watchdog, whose settings these are, knows 0 as well: no limit.
    return LONGEST_SECONDS if text in ("0", "0s") else duration(text)


def _author(text: str | None) -> bytes:
    if not text:
        raise SealError("seal_author is not set: `faas-seal seal` writes it to the stack file")
    try:
        return AUTHOR_PUBLIC.decode(text)
    except SealError as error:
        raise SealError(f"seal_author: {error}") from None


def _secret(environ: Mapping[str, str], name: str) -> Path | None:
    """Return where a secret lies that is given by its name; a path stays what it is."""
    text = environ.get(name)
    if text and text.startswith(TRANSPORT_SEED.prefix):  # a message must not repeat it
        raise SealError(f"{name} is a {TRANSPORT_SEED.noun}, expected the name of the secret")
    return SECRETS / text if text else None


def _key_forms(text: str) -> frozenset[str]:
    forms = frozenset(form.strip() for form in text.split(","))
    if not forms <= frozenset(KEY_FORMS):
        raise ValueError("expected raw, sealed or raw,sealed")
    return forms


def _count(text: str) -> int:
    if not re.fullmatch(r"[1-9][0-9]{0,5}", text):
        raise ValueError("expected a whole number from 1 to 999999")
    return int(text)


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


def _address(text: str) -> tuple[str, int]:
    parts = urlsplit(text)
    if parts.scheme != "http" or not parts.hostname:
        raise ValueError("expected a URL such as http://127.0.0.1:5000")
    return parts.hostname, parts.port or 80
