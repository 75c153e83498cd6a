"""Bodies with a Content-Encoding: handed on as they are by HTTP APIs, inflated up to a limit in calls of AWS APIs."""

import base64
import gzip
import zlib
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlencode
from uuid import uuid4

import httpx
import pytest

from support import functions
from support.direct import DIRECT
from support.functions import Function
from support.http_apis import ECHO, HttpApi

pytestmark = pytest.mark.evidence("ours")

type Aws = Callable[..., Any]

TEXT = b'{"orderId": "1"}'
JSON = {"Content-Type": "application/json"}
SIGNED = (
    "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/{}/aws4_request, SignedHeaders=host, Signature=0"
)
BOMB = gzip.compress(bytes(64 * 1024 * 1024), 9)
"""64 MiB in 64 KB."""


@pytest.fixture(scope="module")
def echoing(aws: Aws) -> Iterator[HttpApi]:
    """Answers with the event that its function got."""
    function: Function = functions.create(aws, ECHO)
    made = HttpApi(aws)
    made.route("$default", function.arn)
    made.stage()
    yield made
    made.delete()
    function.delete()


@pytest.mark.parametrize(
    ("encoding", "body"),
    [
        ("gzip", gzip.compress(TEXT)),
        ("GZIP", gzip.compress(TEXT)),
        ("deflate", zlib.compress(TEXT)),
        ("br", TEXT),
    ],
    ids=["gzip", "capital gzip", "deflate", "brotli"],  # the bytes of gzip hold the time
)
def test_an_encoded_body_arrives_at_the_function_as_it_was_sent(
    echoing: HttpApi, encoding: str, body: bytes
) -> None:
    event = echoing.http.post("/", content=body, headers=JSON | {"Content-Encoding": encoding}).json()
    assert event["isBase64Encoded"] is True
    assert base64.b64decode(event["body"]) == body
    assert event["headers"]["content-encoding"] == encoding
    assert event["headers"]["content-length"] == str(len(body))


def test_a_body_with_a_wrong_content_encoding_arrives_unchanged(echoing: HttpApi) -> None:
    event = echoing.http.post("/", content=TEXT, headers=JSON | {"Content-Encoding": "gzip"}).json()
    assert base64.b64decode(event["body"]) == TEXT


def test_a_body_that_would_inflate_beyond_the_limit_is_not_inflated(echoing: HttpApi) -> None:
    answer = echoing.http.post("/", content=BOMB, headers=JSON | {"Content-Encoding": "gzip"})
    assert answer.status_code == 200
    assert base64.b64decode(answer.json()["body"]) == BOMB


def sent(endpoint: str, body: bytes) -> httpx.Response:
    """The answer to a call whose body says that it is compressed."""
    headers = {
        "Content-Type": "application/x-www-form-urlencoded",
        "Content-Encoding": "gzip",
        "Authorization": SIGNED.format("sqs"),
    }
    return httpx.post(endpoint, content=body, headers=headers, **DIRECT, timeout=60)


def test_an_sdk_may_compress_its_calls(aws: Aws) -> None:
    """PutMetricData is the operation whose requests AWS's SDKs compress."""
    cloudwatch = aws("cloudwatch", request_min_compression_size_bytes=1)
    compressed: list[str] = []
    cloudwatch.meta.events.register(
        "before-send.cloudwatch.PutMetricData",
        lambda request, **_: compressed.append(request.headers.get("Content-Encoding")),
    )
    namespace = f"test/{uuid4().hex[:8]}"
    cloudwatch.put_metric_data(Namespace=namespace, MetricData=[{"MetricName": "some", "Value": 1}])
    assert [encoding for encoding in compressed if encoding in ("gzip", b"gzip")]
    assert cloudwatch.list_metrics(Namespace=namespace)["Metrics"]


def test_a_call_that_inflates_beyond_the_limit_is_refused(engine_endpoint: str) -> None:
    """The answer comes before the engine has inflated all."""
    answer = sent(engine_endpoint, BOMB)
    assert answer.status_code == 413
    assert answer.text.startswith("Refused: the body inflates to more than ")


def test_a_call_with_a_wrong_content_encoding_is_a_client_error(engine_endpoint: str) -> None:
    whole = gzip.compress(urlencode({"Action": "ListQueues", "Version": "2012-11-05"}).encode())
    assert sent(engine_endpoint, whole).status_code == 200
    for body in (b"Action=ListQueues", whole[:-9], b""):
        assert sent(engine_endpoint, body).status_code == 400, body
