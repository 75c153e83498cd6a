import base64
import json
from http import HTTPStatus
from typing import Any, cast

import pytest
from aws_lambda_powertools.utilities.typing import LambdaContext
from botocore.exceptions import ClientError, ReadTimeoutError

from functions.common.api import Api
from functions.common.errors import NoTimeLeftError
from functions.common.problem import ProblemError, Violation
from functions.common.routes import Route

api = Api()
CONTEXT = cast(LambdaContext, None)


@api.serves(Route("POST", "/echo", HTTPStatus.OK))
def echo() -> dict[str, Any]:
    return {"got": api.json_body(100)}


@api.serves(Route("GET", "/broken", HTTPStatus.OK))
def broken() -> dict[str, Any]:
    raise ZeroDivisionError("secret internals")


REFUSALS: dict[str, Exception] = {
    "silent": ReadTimeoutError(endpoint_url="secret"),
    "throttled": ClientError({"Error": {"Code": "ThrottlingException"}}, "secret"),
    "out-of-time": NoTimeLeftError(),
    "forbidden": ClientError({"Error": {"Code": "AccessDeniedException"}}, "secret"),
}


@api.serves(Route("GET", "/needs/{service}", HTTPStatus.OK))
def needs(service: str) -> dict[str, Any]:
    raise REFUSALS[service]


@api.serves(Route("GET", "/invalid", HTTPStatus.OK))
def invalid() -> dict[str, Any]:
    raise ProblemError(HTTPStatus.UNPROCESSABLE_ENTITY, "Wrong.", [Violation("/a", "is wrong")])


@api.serves(Route("POST", "/things/{name}/{part}", HTTPStatus.ACCEPTED))
def thing(name: str, of: str) -> dict[str, Any]:
    return {"name": name, "part": of}


def request(method: str, path: str, body: str | None = None, **headers: str) -> dict[str, Any]:
    event: dict[str, Any] = {
        "version": "2.0",
        "rawPath": path,
        "headers": {name.replace("_", "-"): value for name, value in headers.items()},
        "requestContext": {"http": {"method": method, "path": path}, "stage": "$default"},
        "body": body,
        "isBase64Encoded": False,
    }
    return api.resolve(event, CONTEXT)


def problem(answer: dict[str, Any]) -> dict[str, Any]:
    document = json.loads(answer["body"])
    assert answer["headers"]["Content-Type"] == "application/problem+json"
    assert document["status"] == answer["statusCode"]
    assert document["correlationId"] == answer["headers"]["X-Correlation-Id"]
    assert {"type", "title", "detail"} <= document.keys()
    return document


JSON = {"content_type": "application/json"}


def test_a_handler_gets_the_paths_parameters_in_order_and_its_route_says_the_status() -> None:
    answer = request("POST", "/things/a/b")
    assert (answer["statusCode"], json.loads(answer["body"])) == (202, {"name": "a", "part": "b"})


def test_money_goes_through_unchanged() -> None:
    answer = request("POST", "/echo", '{"a":1.10}', content_type="application/json; charset=utf-8")
    assert answer["body"] == '{"got":{"a":1.10}}'


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        ("{", JSON, 400),
        ("", JSON, 400),
        ('{"a":NaN}', JSON, 400),
        ('"' + "x" * 100 + '"', JSON, 413),
        ("{}", {}, 415),
        ("{}", {"content_type": "text/plain"}, 415),
    ],
)
def test_a_body_that_cannot_be_read_is_a_problem(body: str, headers: dict[str, str], status: int) -> None:
    assert problem(request("POST", "/echo", body, **headers))["status"] == status


def test_the_limit_counts_bytes_and_holds_for_base64_bodies_too() -> None:
    assert request("POST", "/echo", '"' + "ä" * 49 + '"', **JSON)["statusCode"] == 200
    assert request("POST", "/echo", '"' + "ä" * 50 + '"', **JSON)["statusCode"] == 413
    event = {
        "rawPath": "/echo",
        "headers": {"content-type": "application/json"},
        "requestContext": {"http": {"method": "POST", "path": "/echo"}, "stage": "$default"},
        "body": base64.b64encode(b"[1]").decode(),
        "isBase64Encoded": True,
    }
    assert api.resolve(event, CONTEXT)["body"] == '{"got":[1]}'


@pytest.mark.parametrize(("method", "path"), [("GET", "/nowhere"), ("GET", "/echo")])
def test_an_unknown_route_is_a_problem(method: str, path: str) -> None:
    assert problem(request(method, path))["status"] == 404


def test_an_unexpected_error_is_answered_without_its_details() -> None:
    answer = request("GET", "/broken")
    assert problem(answer)["status"] == 500
    assert "secret" not in answer["body"]
    assert "Traceback" not in answer["body"]


@pytest.mark.parametrize(
    ("service", "status"), [("silent", 503), ("throttled", 503), ("out-of-time", 503), ("forbidden", 500)]
)
def test_a_service_that_may_answer_later_is_503_and_one_that_refuses_is_a_fault_of_ours(
    service: str, status: int
) -> None:
    answer = request("GET", f"/needs/{service}")
    assert problem(answer)["status"] == status
    assert "secret" not in answer["body"]


def test_violations_are_listed_with_their_pointers() -> None:
    assert problem(request("GET", "/invalid"))["violations"] == [{"pointer": "/a", "reason": "is wrong"}]


def test_a_safe_correlation_id_is_kept_and_any_other_replaced() -> None:
    kept = request("GET", "/nowhere", x_correlation_id="mine-1")
    assert problem(kept)["correlationId"] == "mine-1"
    for unsafe in ("two words", "", "x" * 129, "line\nbreak"):
        assert problem(request("GET", "/nowhere", x_correlation_id=unsafe))["correlationId"] != unsafe
