"""Answers that need no key: readiness, discovery, and a browser's preflight."""

from __future__ import annotations

from faas_sealed.formats.file import SealedFile
from faas_sealed.formats.wire import DISCOVERY_PATH, KEY_HEADER, READY_PATH
from faas_sealed.runtime.shared.responses import Response
from faas_sealed.runtime.worker.request import Request
from faas_sealed.settings import Settings


def answer_without_key(request: Request, settings: Settings, sealed: SealedFile) -> Response | None:
    """Return the answer to a request that needs no key, or None for any other."""
    if request.method in ("GET", "HEAD"):
        if request.path == READY_PATH:
            return Response(200, [("Content-Type", "text/plain")], b"ready\n")
        if request.path == DISCOVERY_PATH and settings.discovery:
            content_type = ("Content-Type", "application/octet-stream")
            return Response(200, [content_type, ("Cache-Control", "no-store")], sealed.lines)
    return _preflight(request) if request.method == "OPTIONS" else None


def _preflight(request: Request) -> Response | None:
    """Answer a browser that asks what it may send (Fetch standard, CORS protocol)."""
    headers = request.headers
    wanted = headers.get("ACCESS_CONTROL_REQUEST_METHOD")
    if not wanted or "ORIGIN" not in headers:
        return None
    allowed = headers.get("ACCESS_CONTROL_REQUEST_HEADERS", KEY_HEADER)
    return Response(
        204,
        [
            ("Access-Control-Allow-Origin", "*"),
            ("Access-Control-Allow-Methods", wanted),
            ("Access-Control-Allow-Headers", allowed),
            ("Access-Control-Max-Age", "600"),
            ("Vary", "Access-Control-Request-Method, Access-Control-Request-Headers"),
        ],
    )
