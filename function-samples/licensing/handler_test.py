from __future__ import annotations

from datetime import date, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from .code import License, Mistyped, issue, read
from .handler import DAYS, handle

ADA = License("Ada Lovelace", "team", date(2100, 1, 1))


@pytest.fixture
def client() -> FlaskClient:
    app = Flask(__name__)

    @app.route("/", methods=["GET", "POST"])
    @app.route("/<path:_>", methods=["GET", "POST"])
    def call(_: str = "") -> Any:
        return handle(SimpleNamespace(), SimpleNamespace())

    return app.test_client()


@pytest.mark.parametrize("form", ["data", "json"])
def test_a_license_that_was_issued_is_valid(client: FlaskClient, form: str) -> None:
    wanted: dict[str, Any] = {form: {"customer": " Ada Lovelace ", "edition": "team"}}
    issued = client.post("/issue", **wanted)
    assert issued.status_code == 200
    assert issued.headers["Content-Disposition"] == "attachment; filename=license.txt"
    assert client.get("/check", query_string={"code": issued.text.strip()}).json == {
        "valid": True,
        "customer": "Ada Lovelace",
        "edition": "team",
        "until": (date.today() + timedelta(days=DAYS)).isoformat(),
    }


@pytest.mark.parametrize("wanted", [{}, {"customer": "Ada"}, {"customer": "", "edition": "team"}])
def test_what_is_missing_is_said(client: FlaskClient, wanted: dict[str, str]) -> None:
    refused = client.post("/issue", data=wanted)
    assert refused.status_code == 400
    assert "standard, team, site" in refused.text


@pytest.mark.parametrize("body", [[], "Ada"])
def test_json_that_is_no_object_is_refused(client: FlaskClient, body: object) -> None:
    refused = client.post("/issue", json=body)
    assert refused.status_code == 400
    assert "standard, team, site" in refused.text


def test_other_paths_are_not_found(client: FlaskClient) -> None:
    assert client.get("/").status_code == 404
    assert client.get("/issue").status_code == 404


def test_a_license_ends(client: FlaskClient) -> None:
    code = issue(License("Ada", "site", date.today() - timedelta(days=1)))
    assert client.get("/check", query_string={"code": code}).get_json()["valid"] is False


def test_a_code_that_was_changed_is_none_of_ours(client: FlaskClient) -> None:
    code = issue(ADA)
    assert read(code.lower().replace("-", " ")) == ADA
    for at in range(0, len(code) - 1, 7):
        other = "A" if code[at] != "A" else "B"
        with pytest.raises(Mistyped):
            read(code[:at] + other + code[at + 1 :])
    refused = client.get("/check", query_string={"code": "no!"})
    assert (refused.status_code, refused.get_json()["valid"]) == (422, False)
    with pytest.raises(Mistyped):
        read("")
