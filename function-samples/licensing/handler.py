"""Issues and checks license codes, as a Flask view would."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from flask import Response, abort, jsonify, request
from flask.typing import ResponseReturnValue

from .code import EDITIONS, License, Mistyped, issue, read

DAYS = 365


def handle(event: Any, context: Any) -> ResponseReturnValue:
    if request.path == "/issue" and request.method == "POST":
        return _issue()
    if request.path == "/check":
        return _check(request.args.get("code", ""))
    abort(404)


def _issue() -> Response:
    """Take a form or JSON; answer a file to keep."""
    wanted = request.get_json() if request.is_json else request.form
    members = wanted if isinstance(wanted, dict) else {}
    customer, edition = members.get("customer"), members.get("edition")
    if not isinstance(customer, str) or not customer.strip() or edition not in EDITIONS:
        abort(400, f"customer and edition ({', '.join(EDITIONS)}) are needed")
    license = License(customer.strip(), edition, date.today() + timedelta(days=DAYS))
    return Response(
        issue(license) + "\n",
        mimetype="text/plain",
        headers={"Content-Disposition": "attachment; filename=license.txt"},
    )


def _check(code: str) -> ResponseReturnValue:
    try:
        license = read(code)
    except Mistyped as error:
        return jsonify(valid=False, reason=str(error)), 422
    return jsonify(
        valid=license.until >= date.today(),
        customer=license.customer,
        edition=license.edition,
        until=license.until.isoformat(),
    )
