"""Who may ask the engine: hosts that are its own; pages of other sites where an API's CORS rules allow it."""

import socket
from collections.abc import Callable, Iterator, Mapping
from typing import Any
from urllib.parse import urlencode, urlsplit
from uuid import uuid4

import httpx
import pytest

from support import functions
from support.direct import DIRECT
from support.functions import Function
from support.http_apis import ECHO, HttpApi

pytestmark = pytest.mark.evidence("ours")

type Aws = Callable[..., Any]

BROWSER = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
EVIL = "http://evil.example"
SHOP = "https://shop.example.com"
IMAGE = {"User-Agent": BROWSER, "Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"}
SIGNED = (
    "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/{}/aws4_request, SignedHeaders=host, Signature=0"
)

FOREIGN_HOSTS = (
    "evil.example",
    "localhost.evil.example",
    "evil-localhost",
    "127.0.0.1.evil.example",
    "abc.execute-api.evil.example",
    "localstack.cloud",
    "192.0.2.1",
    "0.0.0.0",  # noqa: S104  a page can ask it, and it leads to this machine
    "[2001:db8::1]",
    "[::1",
    "localhost,evil.example",
)
FOREIGN_MARKS = {
    "an image without a referrer": IMAGE,
    "a page on another port": IMAGE | {"Sec-Fetch-Site": "same-site"},
    "a fetch": {**IMAGE, "Origin": EVIL},
    "an origin": {"Origin": EVIL},
    "an origin on another port": {"Origin": "http://127.0.0.1:1"},
    "a page without an origin": {"Origin": "null"},
    "no origin": {"Origin": ""},
    "a web application of LocalStack's": {"Origin": "https://app.localstack.cloud"},
    "a referrer": {"Referer": f"{EVIL}/page"},
    "a referrer that begins like the engine": {"Referer": "http://127.0.0.1:1.evil.example/"},
    "two marks": {"Sec-Fetch-Site": "none, cross-site"},
    "a browser that does not say its site": {"User-Agent": BROWSER},
}


def asked(endpoint: str, door: str, headers: Mapping[str, str], api: HttpApi) -> httpx.Response:
    """The answer at one of the engine's doors."""
    queue = {"Action": "CreateQueue", "QueueName": f"guard-{uuid4().hex[:8]}", "Version": "2012-11-05"}
    json_call = {
        "X-Amz-Target": "AmazonSQS.ListQueues",
        "Content-Type": "application/x-amz-json-1.0",
        "Authorization": SIGNED.format("sqs"),
    }
    requests: dict[str, tuple[str, str, dict[str, Any]]] = {
        "health": ("GET", "/_localstack/health", {}),
        "diagnosis": ("GET", "/_localstack/diagnose", {}),
        "messages": ("GET", "/_aws/sqs/messages?QueueUrl=x", {}),
        "call by GET": ("GET", f"/?{urlencode(queue)}", {"headers": {"Authorization": SIGNED.format("sqs")}}),
        "call by POST": ("POST", "/", {"headers": json_call, "content": "{}"}),
        "form": ("POST", "/", {"data": queue}),
        "REST call": ("GET", "/2015-03-31/functions", {}),
        "object": ("GET", "/bucket/key", {}),
        "preflight": ("OPTIONS", "/", {"headers": {"Access-Control-Request-Method": "POST"}}),
        "API": ("GET", f"/_aws/execute-api/{api.id}/x", {}),
        "no API": ("GET", f"/_aws/execute-api/none/x?{urlencode(queue)}", {}),
    }
    method, path, options = requests[door]
    sent = options.pop("headers", {}) | headers
    with httpx.Client(base_url=endpoint, **DIRECT, timeout=30) as client:
        return client.request(method, path, headers=sent, **options)


DOORS = (
    *("health", "diagnosis", "messages", "call by GET", "call by POST", "form", "REST call", "object"),
    *("preflight", "API", "no API"),
)


def assert_refused(answer: httpx.Response) -> None:
    assert answer.status_code == 403, answer.text
    assert answer.headers["content-type"].startswith("text/plain")
    assert answer.text.startswith("Refused: ")
    assert answer.text.count("\n") == 1
    assert not [name for name in answer.headers if name.startswith("access-control-")]


@pytest.fixture(scope="module")
def echo(aws: Aws) -> Iterator[Function]:
    function = functions.create(aws, ECHO)
    yield function
    function.delete()


@pytest.fixture(scope="module")
def api(aws: Aws, echo: Function) -> Iterator[HttpApi]:
    """An API that allows no page of another site."""
    made = HttpApi(aws)
    made.route("$default", echo.arn)
    made.stage()
    yield made
    made.delete()


@pytest.fixture(scope="module")
def shop(aws: Aws, echo: Function) -> Iterator[HttpApi]:
    """An API that allows the pages of one site."""
    allowed = {"AllowOrigins": [SHOP], "AllowMethods": ["*"], "AllowHeaders": ["*"]}
    made = HttpApi(aws, CorsConfiguration=allowed)
    made.route("$default", echo.arn)
    made.stage()
    yield made
    made.delete()


# hosts


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "127.0.0.1:1",
        "LocalHost",
        "[::1]",
        "[::1]:4566",
        "bucket.s3.localhost",
        "localhost.localstack.cloud:4566",
        "abc.execute-api.localhost.localstack.cloud",
    ],
)
def test_an_engine_answers_under_its_own_hosts(engine_endpoint: str, host: str) -> None:
    answer = httpx.get(f"{engine_endpoint}/_localstack/health", headers={"Host": host}, **DIRECT)
    assert answer.status_code == 200


@pytest.mark.parametrize("host", FOREIGN_HOSTS)
@pytest.mark.parametrize("door", DOORS)
def test_another_host_is_refused(engine_endpoint: str, api: HttpApi, door: str, host: str) -> None:
    assert_refused(asked(engine_endpoint, door, {"Host": host}, api))


def test_a_request_without_a_host_is_answered(engine_endpoint: str) -> None:
    """HTTP/1.0 has none, and no browser leaves it out."""
    parts = urlsplit(engine_endpoint)
    with socket.create_connection((parts.hostname or "", parts.port or 80), timeout=20) as connection:
        connection.sendall(b"GET /_localstack/health HTTP/1.0\r\n\r\n")
        assert b" 200 OK\r\n" in connection.recv(4096)


# pages


@pytest.mark.parametrize("marks", FOREIGN_MARKS.values(), ids=FOREIGN_MARKS)
@pytest.mark.parametrize("door", DOORS)
def test_a_request_of_another_sites_page_is_refused(
    engine_endpoint: str, api: HttpApi, door: str, marks: Mapping[str, str]
) -> None:
    assert_refused(asked(engine_endpoint, door, marks, api))


def test_a_refused_request_creates_no_resource(aws: Aws, engine_endpoint: str, api: HttpApi) -> None:
    for door in DOORS:
        asked(engine_endpoint, door, IMAGE, api)
    assert "QueueUrls" not in aws("sqs").list_queues(QueueNamePrefix="guard-")


@pytest.mark.parametrize("door", ["health", "call by GET", "call by POST", "form", "API"])
def test_a_request_of_the_user_or_of_an_engine_page_is_answered(
    aws: Aws, engine_endpoint: str, api: HttpApi, door: str
) -> None:
    host = f"localhost:{urlsplit(engine_endpoint).port}"
    typed = {"User-Agent": BROWSER, "Sec-Fetch-Site": "none"}
    own = {"User-Agent": BROWSER, "Sec-Fetch-Site": "same-origin", "Origin": f"http://{host}", "Host": host}
    old = {"User-Agent": BROWSER, "Referer": f"http://{host}/page?x=1", "Host": host}
    for marks in ({}, typed, own, old):
        answer = asked(engine_endpoint, door, marks, api)
        assert answer.status_code == 200, (marks, answer.text)
    sqs = aws("sqs")
    for url in sqs.list_queues(QueueNamePrefix="guard-").get("QueueUrls", []):
        sqs.delete_queue(QueueUrl=url)


# an API's own rules

PREFLIGHT = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "x-amz-target"}


def from_page(origin: str | None) -> dict[str, str]:
    """What a browser adds to a request of another site's page."""
    return IMAGE | ({"Origin": origin} if origin else {})


def test_an_apis_cors_rules_decide_which_pages_may_ask_it(shop: HttpApi) -> None:
    assert shop.http.get("/x", headers=from_page(SHOP)).json()["rawPath"] == "/x"
    asking = shop.http.options("/x", headers=from_page(SHOP) | PREFLIGHT)
    assert (asking.status_code, asking.headers["access-control-allow-origin"]) == (204, SHOP)
    for origin in (None, EVIL, "null"):
        assert_refused(shop.http.get("/x", headers=from_page(origin)))
        assert_refused(shop.http.options("/x", headers=from_page(origin) | PREFLIGHT))


def test_an_api_that_allows_all_origins_may_be_asked_by_every_page(aws: Aws, echo: Function) -> None:
    open_to_all = HttpApi(aws, CorsConfiguration={"AllowOrigins": ["*"]})
    try:
        open_to_all.route("$default", echo.arn)
        open_to_all.stage()
        for origin in (None, EVIL):
            assert open_to_all.http.get("/x", headers=from_page(origin)).json()["rawPath"] == "/x"
        assert_refused(open_to_all.http.get("/x", headers={"Host": "evil.example"}))
    finally:
        open_to_all.delete()


def test_a_changed_cors_configuration_admits_pages_at_once(aws: Aws, echo: Function) -> None:
    made = HttpApi(aws)
    try:
        made.route("$default", echo.arn)
        made.stage()
        assert_refused(made.http.get("/", headers=from_page(SHOP)))
        made.client.update_api(ApiId=made.id, CorsConfiguration={"AllowOrigins": [SHOP]})
        assert made.http.get("/", headers=from_page(SHOP)).status_code == 200
    finally:
        made.delete()
    assert_refused(httpx.get(made.url, headers=from_page(SHOP), **DIRECT))


def test_pages_that_an_api_allows_reach_nothing_but_this_api(engine_endpoint: str, shop: HttpApi) -> None:
    """Under an API's host name too, whatever else the request looks like."""
    call = {
        "X-Amz-Target": "AmazonSQS.ListQueues",
        "Content-Type": "application/x-amz-json-1.0",
        "Authorization": SIGNED.format("sqs"),
    }
    host = {"Host": f"{shop.id}.execute-api.localhost"}
    answer = httpx.post(f"{engine_endpoint}/", headers=from_page(SHOP) | call | host, content="{}", **DIRECT)
    assert answer.json()["routeKey"] == "$default"
    query = "?Action=ListQueues&Version=2012-11-05"
    for path, at in (
        (f"/_aws/execute-api/none/{query}", {}),
        (f"/{query}", {"Host": "none.execute-api.localhost"}),
    ):
        signed = {"Authorization": SIGNED.format("sqs")}
        assert_refused(httpx.get(f"{engine_endpoint}{path}", headers=from_page(SHOP) | signed | at, **DIRECT))
