"""HTTP APIs: the event, the response, routes, stages, CORS and limits, as the API Gateway guide documents them."""

import base64
import re
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import httpx
import pytest

from support import functions
from support.direct import DIRECT
from support.eventually import eventually
from support.functions import Function
from support.http_apis import ECHO, SCRIPTED, HttpApi

pytestmark = pytest.mark.evidence("documented", source="API Gateway guide, HTTP APIs")

type Aws = Callable[..., Any]

SERVICE_UNAVAILABLE = {"message": "Service Unavailable"}
SERVER_ERROR = {"message": "Internal Server Error"}


@pytest.fixture(scope="module")
def echoing(aws: Aws, echo: Function) -> Iterator[HttpApi]:
    """Answers every request with the event."""
    made = HttpApi(aws)
    made.route("$default", echo.arn)
    made.stage()
    made.stage("v1", StageVariables={"table": "orders"})
    yield made
    made.delete()


@pytest.fixture(scope="module")
def obedient(aws: Aws, scripted: Function) -> Iterator[HttpApi]:
    """Answers with what the request's body says."""
    made = HttpApi(aws)
    made.route("$default", scripted.arn)
    made.stage()
    yield made
    made.delete()


def returning(api: HttpApi, returned: Any, **more: Any) -> httpx.Response:
    """The response made of what a function returns."""
    return api.http.post("/", json={"return": returned, **more})


# the event


def test_the_event_has_payload_format_2(echoing: HttpApi) -> None:
    before = time.time() * 1000
    event = echoing.http.put(
        "/orders/1?a=1&a=2&b=x%20y&empty=",
        content='{"ä": 1}',
        headers=[
            ("Content-Type", "application/json"),
            ("X-Several", "1"),
            ("X-Several", "2"),
            ("Cookie", "one=1; two=2"),
            ("User-Agent", "test"),
        ],
    ).json()
    context = event.pop("requestContext")
    headers = event.pop("headers")
    assert event == {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": "/orders/1",
        "rawQueryString": "a=1&a=2&b=x%20y&empty=",
        "cookies": ["one=1", "two=2"],
        "queryStringParameters": {"a": "1,2", "b": "x y", "empty": ""},
        "body": '{"ä": 1}',
        "isBase64Encoded": False,
    }
    assert headers["x-several"] == "1,2"
    assert headers["content-type"] == "application/json"
    assert headers["content-length"] == "9"
    assert "cookie" not in headers
    assert all(name == name.lower() for name in headers)
    assert {"x-forwarded-for", "x-forwarded-port", "x-forwarded-proto"} <= headers.keys()
    http = context.pop("http")
    assert http.pop("sourceIp")
    assert http == {"method": "PUT", "path": "/orders/1", "protocol": "HTTP/1.1", "userAgent": "test"}
    assert re.fullmatch(r"\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d \+0000", context.pop("time"))
    assert before - 1000 <= context.pop("timeEpoch") <= time.time() * 1000 + 1000
    assert context.pop("requestId")
    assert context.pop("domainName")
    assert context == {
        "accountId": "000000000000",
        "apiId": echoing.id,
        "domainPrefix": echoing.id,
        "routeKey": "$default",
        "stage": "$default",
    }


def test_a_request_without_a_body_has_no_body_in_its_event(echoing: HttpApi) -> None:
    event = echoing.http.get("/").json()
    assert "body" not in event
    assert event["isBase64Encoded"] is False
    assert event["rawQueryString"] == ""
    assert not {"queryStringParameters", "pathParameters", "cookies", "stageVariables"} & event.keys()


def test_the_path_is_decoded_once(echoing: HttpApi) -> None:
    event = echoing.http.get("/a%20b/%C3%A4/c%2Fd/e%2520f").json()
    assert event["rawPath"] == "/a b/ä/c/d/e%20f"
    assert event["requestContext"]["http"]["path"] == event["rawPath"]


@pytest.mark.parametrize("media_type", ["text/plain", "application/json; charset=utf-8", "application/xml"])
def test_a_body_of_a_text_type_is_passed_on_as_text(echoing: HttpApi, media_type: str) -> None:
    event = echoing.http.post("/", content="<ä>", headers={"Content-Type": media_type}).json()
    assert (event["body"], event["isBase64Encoded"]) == ("<ä>", False)


@pytest.mark.parametrize(
    "media_type", ["application/octet-stream", "image/png", "application/x-www-form-urlencoded", None]
)
def test_a_body_of_another_type_is_passed_on_as_base64(echoing: HttpApi, media_type: str | None) -> None:
    body = bytes(range(256))
    headers = {"Content-Type": media_type} if media_type else {}
    event = echoing.http.post("/", content=body, headers=headers).json()
    assert event["isBase64Encoded"] is True
    assert base64.b64decode(event["body"]) == body


def test_the_request_id_of_the_event_is_the_one_of_the_response(echoing: HttpApi) -> None:
    first, second = echoing.http.get("/"), echoing.http.get("/")
    assert first.headers["Apigw-Requestid"] == first.json()["requestContext"]["requestId"]
    assert first.headers["Apigw-Requestid"] != second.headers["Apigw-Requestid"]


# the response


@pytest.mark.parametrize("returned", [{"orders": [1, "ä"]}, "text", ["a"], 5, None])
def test_a_result_without_a_status_code_becomes_the_body_of_a_200(obedient: HttpApi, returned: Any) -> None:
    response = returning(obedient, returned)
    assert response.status_code == 200
    assert response.headers["content-type"] == "application/json"
    assert response.json() == returned


def test_a_result_with_a_status_code_is_the_response(obedient: HttpApi) -> None:
    response = returning(
        obedient,
        {
            "statusCode": 202,
            "headers": {"Content-Type": "application/problem+json", "X-Number": 5, "X-Flag": True},
            "cookies": ["a=1; Secure", "b=2"],
            "body": '{"ä": 1}',
        },
    )
    assert response.status_code == 202
    assert response.headers["content-type"] == "application/problem+json"
    assert (response.headers["x-number"], response.headers["x-flag"]) == ("5", "true")
    assert response.headers.get_list("set-cookie") == ["a=1; Secure", "b=2"]
    assert response.json() == {"ä": 1}


def test_the_default_content_type_of_a_response_is_plain_text(obedient: HttpApi) -> None:
    response = returning(obedient, {"statusCode": "200", "body": "hello"})
    assert response.headers["content-type"] == "text/plain;charset=UTF-8"
    assert response.text == "hello"


def test_a_base64_body_is_decoded(obedient: HttpApi) -> None:
    body = bytes(range(256))
    response = returning(
        obedient,
        {
            "statusCode": 200,
            "headers": {"Content-Type": "image/png"},
            "body": base64.b64encode(body).decode(),
            "isBase64Encoded": True,
        },
    )
    assert response.content == body


@pytest.mark.parametrize(
    "returned",
    [
        {"statusCode": "abc"},
        {"statusCode": 42, "body": ""},
        {"statusCode": 200, "body": {"not": "text"}},
        {"statusCode": 200, "headers": "none"},
        {"statusCode": 200, "headers": {"X-Split": "a\r\nX-Injected: b"}},
        {"statusCode": 200, "body": "%%%", "isBase64Encoded": True},
    ],
)
def test_a_malformed_response_is_an_internal_server_error(obedient: HttpApi, returned: Any) -> None:
    response = returning(obedient, returned)
    assert (response.status_code, response.json()) == (500, SERVER_ERROR)


def test_a_function_that_fails_is_an_internal_server_error_without_details(obedient: HttpApi) -> None:
    response = returning(obedient, None, error="secret detail")
    assert (response.status_code, response.json()) == (500, SERVER_ERROR)
    assert response.headers["content-type"] == "application/json"
    assert response.headers["Apigw-Requestid"]


def test_a_head_request_gets_headers_alone(echoing: HttpApi) -> None:
    response = echoing.http.head("/")
    assert response.status_code == 200
    assert response.content == b""


# routes and stages


def test_the_documented_priority_decides_between_routes(api: HttpApi, echo: Function) -> None:
    for key in ("$default", "ANY /{proxy+}", "GET /pets/{proxy+}", "GET /pets/dog/{id}", "GET /pets/dog/1"):
        api.route(key, echo.arn)
    api.stage()

    def served_by(method: str, path: str) -> str:
        return api.http.request(method, path).json()["routeKey"]

    assert served_by("GET", "/pets/dog/1") == "GET /pets/dog/1"
    assert served_by("GET", "/pets/dog/2") == "GET /pets/dog/{id}"
    assert served_by("GET", "/pets/cat/1") == "GET /pets/{proxy+}"
    assert served_by("POST", "/test/5") == "ANY /{proxy+}"
    assert served_by("GET", "/") == "$default"


def test_path_variables_are_passed_on_decoded(api: HttpApi, echo: Function) -> None:
    api.route("POST /redrive/{id}/cancel", echo.arn)
    api.route("GET /files/{proxy+}", echo.arn)
    api.stage()
    assert api.http.post("/redrive/a%20b/cancel").json()["pathParameters"] == {"id": "a b"}
    assert api.http.get("/files/1/2/3.txt").json()["pathParameters"] == {"proxy": "1/2/3.txt"}


def test_a_request_without_a_matching_route_is_not_found(api: HttpApi, echo: Function) -> None:
    api.route("GET /orders", echo.arn)
    api.stage()
    for method, path in (("POST", "/orders"), ("GET", "/orders/"), ("GET", "/"), ("GET", "//orders")):
        response = api.http.request(method, f"{api.url}{path}")
        assert (response.status_code, response.json()) == (404, {"message": "Not Found"}), path
        assert response.headers["Apigw-Requestid"]


def test_without_a_stage_nothing_is_served(api: HttpApi, echo: Function) -> None:
    api.route("$default", echo.arn)
    response = api.http.get("/")
    assert (response.status_code, response.json()) == (404, {"message": "Not Found"})


def test_a_named_stage_is_the_first_segment_of_the_path(echoing: HttpApi) -> None:
    event = echoing.http.get("/v1/orders").json()
    assert event["rawPath"] == event["requestContext"]["http"]["path"] == "/v1/orders"
    assert event["requestContext"]["stage"] == "v1"
    assert event["stageVariables"] == {"table": "orders"}
    assert echoing.http.get("/v1").json()["requestContext"]["stage"] == "v1"
    assert echoing.http.get("/v10").json()["requestContext"]["stage"] == "$default"


def test_routes_match_without_the_stages_name(api: HttpApi, echo: Function) -> None:
    api.route("GET /orders", echo.arn)
    api.stage("v1")
    assert api.http.get("/v1/orders").json()["routeKey"] == "GET /orders"
    assert api.http.get("/orders").status_code == 404


def test_an_api_answers_under_its_host_name_too(echoing: HttpApi, engine_endpoint: str) -> None:
    port = urlsplit(engine_endpoint).port
    for host in (
        f"{echoing.id}.execute-api.localhost.localstack.cloud:{port}",
        f"{echoing.id}.execute-api.localhost",
    ):
        event = httpx.get(f"{engine_endpoint}/a%20b/c?x=1", headers={"Host": host}, **DIRECT).json()
        assert (event["rawPath"], event["queryStringParameters"]) == ("/a b/c", {"x": "1"})
        assert event["requestContext"]["domainName"] == host


@pytest.mark.evidence("ours")
def test_rest_apis_and_http_apis_are_served_side_by_side(
    aws: Aws, echoing: HttpApi, engine_endpoint: str
) -> None:
    rest = aws("apigateway")
    rest_id = rest.create_rest_api(name=f"test-{uuid4().hex[:8]}")["id"]
    try:
        root = rest.get_resources(restApiId=rest_id)["items"][0]["id"]
        place = {"restApiId": rest_id, "resourceId": root, "httpMethod": "GET"}
        rest.put_method(**place, authorizationType="NONE")
        rest.put_integration(
            **place, type="MOCK", requestTemplates={"application/json": '{"statusCode": 200}'}
        )
        rest.put_method_response(**place, statusCode="200")
        rest.put_integration_response(
            **place, statusCode="200", responseTemplates={"application/json": "rest"}
        )
        rest.create_deployment(restApiId=rest_id, stageName="v1")
        url = f"{engine_endpoint}/_aws/execute-api/{rest_id}/v1"
        assert httpx.get(url, **DIRECT).text == "rest"
        assert echoing.http.get("/v1").json()["version"] == "2.0"
        host = {"Host": f"{echoing.id}.execute-api.localhost"}
        assert httpx.get(f"{engine_endpoint}/v1/a", headers=host, **DIRECT).json()["rawPath"] == "/v1/a"
    finally:
        rest.delete_rest_api(restApiId=rest_id)


def test_a_deleted_api_is_served_no_more(aws: Aws, echo: Function) -> None:
    made = HttpApi(aws)
    made.route("$default", echo.arn)
    made.stage()
    assert made.http.get("/").status_code == 200
    made.client.delete_api(ApiId=made.id)
    assert made.http.get("/").status_code == 404
    made.delete()


def test_with_the_default_endpoint_disabled_nothing_is_found(aws: Aws, echo: Function) -> None:
    made = HttpApi(aws, DisableExecuteApiEndpoint=True)
    try:
        made.route("$default", echo.arn)
        made.stage()
        assert made.http.get("/").status_code == 404
    finally:
        made.delete()


# CORS

SHOP = {"Origin": "https://shop.example.com"}
PREFLIGHT = {**SHOP, "Access-Control-Request-Method": "POST"}
CORS = {
    "AllowOrigins": ["https://shop.example.com"],
    "AllowMethods": ["GET", "POST"],
    "AllowHeaders": ["Authorization", "Content-Type"],
    "ExposeHeaders": ["X-Correlation-Id"],
    "AllowCredentials": True,
    "MaxAge": 300,
}


@pytest.fixture(scope="module")
def cors_api(aws: Aws, scripted: Function) -> Iterator[HttpApi]:
    made = HttpApi(aws, CorsConfiguration=CORS)
    made.route("POST /", scripted.arn)
    made.stage()
    yield made
    made.delete()


def cors_headers(response: httpx.Response) -> dict[str, str]:
    start = "access-control-"
    return {
        name.removeprefix(start): value for name, value in response.headers.items() if name.startswith(start)
    }


def test_a_preflight_request_is_answered_without_a_route(cors_api: HttpApi) -> None:
    response = cors_api.http.options("/anything", headers=PREFLIGHT)
    assert (response.status_code, response.content) == (204, b"")
    assert cors_headers(response) == {
        "allow-origin": "https://shop.example.com",
        "allow-methods": "GET,POST",
        "allow-headers": "Authorization,Content-Type",
        "expose-headers": "X-Correlation-Id",
        "allow-credentials": "true",
        "max-age": "300",
    }


def test_a_preflight_request_of_another_origin_gets_no_permission(cors_api: HttpApi) -> None:
    response = cors_api.http.options("/", headers={**PREFLIGHT, "Origin": "https://evil.example.com"})
    assert cors_headers(response) == {}


def test_the_apis_cors_headers_replace_those_of_the_function(cors_api: HttpApi) -> None:
    returned = {"statusCode": 200, "headers": {"Access-Control-Allow-Origin": "*", "X-Correlation-Id": "1"}}
    response = cors_api.http.post("/", json={"return": returned}, headers=SHOP)
    assert cors_headers(response) == {
        "allow-origin": "https://shop.example.com",
        "expose-headers": "X-Correlation-Id",
        "allow-credentials": "true",
    }
    assert response.headers["x-correlation-id"] == "1"
    assert cors_headers(cors_api.http.post("/", json={"return": returned})) == {}


def test_errors_of_api_gateway_have_cors_headers_too(cors_api: HttpApi) -> None:
    response = cors_api.http.get("/missing", headers=SHOP)
    assert response.status_code == 404
    assert cors_headers(response)["allow-origin"] == "https://shop.example.com"


def test_without_a_cors_configuration_the_functions_headers_count(obedient: HttpApi) -> None:
    returned = {"statusCode": 200, "headers": {"Access-Control-Allow-Origin": "https://a.example.com"}}
    response = returning(obedient, returned)
    assert cors_headers(response) == {"allow-origin": "https://a.example.com"}


def test_without_a_cors_configuration_options_goes_to_a_route(echoing: HttpApi, engine_endpoint: str) -> None:
    own = {"Origin": engine_endpoint}
    event = echoing.http.options("/", headers=PREFLIGHT | own).json()
    assert event["requestContext"]["http"]["method"] == "OPTIONS"


# limits


def statuses(api: HttpApi, count: int, path: str = "/") -> list[int]:
    return [api.http.get(path).status_code for _ in range(count)]


def test_a_stage_throttles_beyond_its_burst(api: HttpApi, echo: Function) -> None:
    api.route("$default", echo.arn)
    api.stage(DefaultRouteSettings={"ThrottlingBurstLimit": 3, "ThrottlingRateLimit": 0.5})
    answers = statuses(api, 6)
    assert answers[:3] == [200, 200, 200]
    assert answers.count(429) >= 2
    response = next(r for r in (api.http.get("/") for _ in range(5)) if r.status_code == 429)
    assert response.json() == {"message": "Too Many Requests"}
    eventually(lambda: api.http.get("/").status_code == 200, within=10)


def test_a_route_has_its_own_limit(api: HttpApi, echo: Function) -> None:
    for key in ("GET /slow", "GET /fast"):
        api.route(key, echo.arn)
    api.stage(RouteSettings={"GET /slow": {"ThrottlingBurstLimit": 0, "ThrottlingRateLimit": 0}})
    assert statuses(api, 3, "/slow") == [429, 429, 429]
    assert statuses(api, 3, "/fast") == [200, 200, 200]


def test_routes_without_a_limit_of_their_own_share_the_stages(api: HttpApi, echo: Function) -> None:
    for key in ("GET /a", "GET /b", "GET /own"):
        api.route(key, echo.arn)
    few, many = ({"ThrottlingBurstLimit": burst, "ThrottlingRateLimit": 0} for burst in (2, 3))
    api.stage(DefaultRouteSettings=few, RouteSettings={"GET /own": many})
    answers = [api.http.get(path).status_code for path in ("/a", "/b", "/a", "/b")]
    assert answers == [200, 200, 429, 429]
    assert statuses(api, 4, "/own") == [200, 200, 200, 429]


def test_a_changed_limit_holds_at_once(api: HttpApi, echo: Function) -> None:
    api.route("$default", echo.arn)
    api.stage(DefaultRouteSettings={"ThrottlingBurstLimit": 0, "ThrottlingRateLimit": 0})
    assert statuses(api, 1) == [429]
    api.client.update_stage(
        ApiId=api.id,
        StageName="$default",
        DefaultRouteSettings={"ThrottlingBurstLimit": 10, "ThrottlingRateLimit": 10},
    )
    assert statuses(api, 3) == [200, 200, 200]


@pytest.mark.parametrize("size", [10 * 1024 * 1024 + 1, 7 * 1024 * 1024])
def test_a_body_over_the_limit_of_api_gateway_or_lambda_is_refused(echoing: HttpApi, size: int) -> None:
    response = echoing.http.post("/", content=b"x" * size, headers={"Content-Type": "text/plain"})
    assert (response.status_code, response.json()) == (413, {"message": "Request Entity Too Large"})


def test_an_integration_that_takes_too_long_is_service_unavailable(api: HttpApi, scripted: Function) -> None:
    api.route("POST /", scripted.arn, milliseconds=1000)
    api.stage()
    assert returning(api, "in time").json() == "in time"
    began = time.monotonic()
    response = returning(api, None, sleep=3)
    assert (response.status_code, response.json()) == (503, SERVICE_UNAVAILABLE)
    assert time.monotonic() - began < 2.5


def test_a_function_that_runs_out_of_its_own_time_is_an_internal_server_error(aws: Aws, api: HttpApi) -> None:
    function = functions.create(aws, SCRIPTED, Timeout=1)
    try:
        api.route("POST /", function.arn)
        api.stage()
        response = returning(api, None, sleep=3)
        assert (response.status_code, response.json()) == (500, SERVER_ERROR)
    finally:
        function.delete()


def test_a_throttled_function_is_service_unavailable(aws: Aws, api: HttpApi) -> None:
    function = functions.create(aws, ECHO)
    try:
        aws("lambda").put_function_concurrency(FunctionName=function.name, ReservedConcurrentExecutions=0)
        api.route("$default", function.arn)
        api.stage()
        response = api.http.get("/")
        assert (response.status_code, response.json()) == (503, SERVICE_UNAVAILABLE)
    finally:
        function.delete()


def test_a_deleted_function_is_an_internal_server_error(aws: Aws, api: HttpApi) -> None:
    function = functions.create(aws, ECHO)
    api.route("$default", function.arn)
    api.stage()
    function.delete()
    response = api.http.get("/")
    assert (response.status_code, response.json()) == (500, SERVER_ERROR)


def test_requests_of_many_clients_are_served_at_the_same_time(obedient: HttpApi) -> None:
    answers: list[int] = []

    def ask() -> None:
        answers.append(httpx.post(obedient.url, json={"return": 1, "sleep": 3}, timeout=60, **DIRECT).json())

    threads = [threading.Thread(target=ask) for _ in range(8)]
    began = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [1] * 8
    assert time.monotonic() - began < 8 * 3, "one after the other it would take as long"
