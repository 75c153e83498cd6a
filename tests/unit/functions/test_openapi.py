import json
from http import HTTPStatus

import pytest

from functions import openapi
from functions.common.routes import Route
from functions.ingest import routes as ingest
from functions.ingest.handler import DOCUMENT
from functions.redrive.plan import Plan


def test_the_committed_document_is_current() -> None:
    assert DOCUMENT.read_text() == openapi.text(), "run: make openapi"


def test_a_declared_route_without_a_handler_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ingest, "ROUTES", (*ingest.ROUTES, Route("PUT", "/events", HTTPStatus.OK)))
    with pytest.raises(ValueError, match="PUT /events"):
        openapi.document()


def test_every_reference_leads_somewhere() -> None:
    document = openapi.document()
    names = {line.split('"')[3] for line in json.dumps(document, indent=1).splitlines() if '"$ref"' in line}
    assert names
    assert {name.rsplit("/", 1)[1] for name in names} <= document["components"]["schemas"].keys()


def test_only_the_redrive_routes_ask_for_the_token() -> None:
    guarded = {
        path
        for path, operations in openapi.document()["paths"].items()
        for operation in operations.values()
        if "security" in operation
    }
    assert guarded
    assert all(path.startswith("/redrive/") for path in guarded)
    assert guarded == {path for path in openapi.document()["paths"] if path.startswith("/redrive/")}


def test_a_plan_is_described_with_every_parameter_it_has() -> None:
    filters = dict.fromkeys(
        ("error_type", "error_category", "fingerprint", "correlation_id", "body_contains", "patch"), "x"
    )
    every = Plan(**filters, rate_per_second=1)
    described = openapi.document()["components"]["schemas"]["Plan"]["properties"]
    assert described.keys() == {*every.as_json(), "planDigest", "requestedBy"}
