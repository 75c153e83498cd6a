"""What nobody should send, a thousand times of each kind: the engine answers, forgets it and goes on serving."""

import json
import os
import random
import socket
import struct
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from support.direct import DIRECT
from support.engines import Engine, EngineAt, EngineWith
from support.eventually import eventually
from support.http_apis import ECHO, HttpApi

pytestmark = pytest.mark.evidence("ours")

COUNT = 1000
CLIENTS = 8
SIGNED = (
    "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/{}/aws4_request, SignedHeaders=host, Signature=0"
)
JSON_1_0, JSON_1_1 = "application/x-amz-json-1.0", "application/x-amz-json-1.1"
OPERATIONS = {
    "sqs": (JSON_1_0, "AmazonSQS.", ("SendMessage", "ReceiveMessage", "SendMessageBatch", "CreateQueue")),
    "dynamodb": (JSON_1_0, "DynamoDB_20120810.", ("PutItem", "UpdateItem", "TransactWriteItems", "Query")),
    "events": (JSON_1_1, "AWSEvents.", ("PutEvents", "PutRule")),
    "ssm": (JSON_1_1, "AmazonSSM.", ("GetParameters", "PutParameter")),
    "secretsmanager": (JSON_1_1, "secretsmanager.", ("GetSecretValue",)),
    "logs": (
        JSON_1_1,
        "Logs_20140328.",
        ("PutLogEvents", "FilterLogEvents", "StartQuery", "PutMetricFilter"),
    ),
    "lambda": ("application/json", "", ("/2015-03-31/functions", "/2015-03-31/event-source-mappings")),
    "apigatewayv2": ("application/json", "", ("/v2/apis",)),
}
MEMBERS = (
    "QueueUrl", "MessageBody", "Entries", "QueueName", "Attributes", "TableName",
    "Item", "Key", "TransactItems", "UpdateExpression", "ExpressionAttributeValues", "KeyConditionExpression",
    "Name", "Names", "Value", "SecretId", "logGroupName", "logStreamName",
    "logEvents", "filterPattern", "queryString", "startTime", "endTime", "metricTransformations",
    "EventBusName", "FunctionName", "Role", "Code", "Handler", "Runtime",
    "EventSourceArn", "BatchSize", "ProtocolType", "CorsConfiguration", "EventPattern", "MaxNumberOfMessages",
)  # fmt: skip
WRONG = (
    None, True, -1, 0, 1e308, 2**70, "", "x" * 5000, [], [None], [[]], {}, {"S": 1},
    {"a": {"b": []}}, [{"Id": None}], [{"Put": 1}], {"": ""},
)  # fmt: skip

FILES_OF_AN_ENVIRONMENT = 7
"""Pipes and sockets between the engine and the process of a function."""

type Request = tuple[str, dict[str, str], bytes]
"""A path, headers and a body to POST."""


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    if endpoint := os.environ.get("LAB_TEST_ENDPOINT"):
        yield EngineAt(endpoint)
        return
    engine = EngineWith()
    engine.up()
    yield engine
    engine.down()


@pytest.fixture(scope="module")
def api(engine: Engine) -> HttpApi:
    api = HttpApi(engine.client)
    api.route("ANY /{proxy+}", engine.create(ECHO).arn)
    api.stage()
    # as many environments and threads as the clients below need are there before anything is counted
    with ThreadPoolExecutor(CLIENTS) as clients:
        list(clients.map(lambda _: api.http.post("/warm", json={}), range(20 * CLIENTS)))
    return api


@pytest.fixture(autouse=True)
def serves_on(engine: Engine, api: HttpApi) -> Iterator[None]:
    """After each test the engine serves as before, and holds no more connections and threads than before.

    What an engine in a container holds is not seen from here.
    """
    use(engine, api)
    if isinstance(engine, EngineAt):
        yield
        use(engine, api)
        return
    process = engine.process()

    def files() -> int:
        """File descriptors, without those of execution environments, of which a busy machine needs more."""
        return process.num_fds() - FILES_OF_AN_ENVIRONMENT * len(process.children())

    before, threads = files(), process.num_threads()
    yield
    use(engine, api)
    eventually(lambda: files() <= before + 10 and process.num_threads() <= threads + 30)


def use(engine: Engine, api: HttpApi) -> None:
    """A queue, a table and a function do what they are for."""
    sqs, dynamodb = engine.client("sqs", read_timeout=5), engine.client("dynamodb", read_timeout=5)
    url = sqs.create_queue(QueueName=f"still-serving-{uuid.uuid4().hex[:8]}")["QueueUrl"]
    sqs.send_message(QueueUrl=url, MessageBody="x")
    assert sqs.receive_message(QueueUrl=url)["Messages"][0]["Body"] == "x"
    sqs.delete_queue(QueueUrl=url)
    assert "TableNames" in dynamodb.list_tables()
    assert api.http.post("/still/serving", json={"n": 1}).status_code == 200


def call(chance: random.Random, body: bytes) -> Request:
    """A call of some operation."""
    service = chance.choice(list(OPERATIONS))
    kind, prefix, operations = OPERATIONS[service]
    operation = chance.choice(operations)
    headers = {"Content-Type": kind, "Authorization": SIGNED.format(service)}
    if prefix:
        return "/", headers | {"X-Amz-Target": prefix + operation}, body
    return operation, headers, body


def answers(url: str, requests: list[Request]) -> Counter[tuple[str, int]]:
    """How often each operation, or path, was answered with each status."""

    def post(share: list[Request]) -> list[tuple[str, int]]:
        with httpx.Client(base_url=url, timeout=20, **DIRECT) as http:
            return [
                (sent.get("X-Amz-Target", path), http.post(path, headers=sent, content=body).status_code)
                for path, sent, body in share
            ]

    with ThreadPoolExecutor(CLIENTS) as clients:
        shares = [requests[start::CLIENTS] for start in range(CLIENTS)]
        return Counter(answer for found in clients.map(post, shares) for answer in found)


def blamed(engine: Engine, operation: str) -> bool:
    """Whether the engine answers for an operation: what the image's DynamoDB Local answers is its own."""
    return not (isinstance(engine, EngineAt) and operation.startswith("DynamoDB_"))


def bad_json(chance: random.Random) -> bytes:
    whole = json.dumps({chance.choice(MEMBERS): {"a": [1, "x", None]}, "b": "c"}).encode()
    return chance.choice(
        [
            b"",
            b"{",
            b"[[[[" * 2000,
            b'{"a":' * 5000,
            b"\xff\xfe\x00",
            chance.randbytes(60),
            whole[: chance.randrange(1, len(whole))],
            whole.replace(b'"', b"'"),
            b"null",
            b"[]",
            b'"text"',
            b"NaN",
        ]
    )


def test_a_thousand_bodies_that_are_not_json_are_client_errors(engine: Engine) -> None:
    chance = random.Random(1)
    seen = answers(engine.endpoint, [call(chance, bad_json(chance)) for _ in range(COUNT)])
    assert seen.total() == COUNT
    wrong = [answer for answer in seen if not 400 <= answer[1] < 500 and blamed(engine, answer[0])]
    assert wrong == []


def test_a_thousand_requests_with_members_of_wrong_types_cause_no_server_error(engine: Engine) -> None:
    chance = random.Random(2)

    def wrong() -> bytes:
        chosen = chance.sample(MEMBERS, chance.randrange(1, 12))
        return json.dumps({member: chance.choice(WRONG) for member in chosen}).encode()

    seen = answers(engine.endpoint, [call(chance, wrong()) for _ in range(COUNT)])
    assert seen.total() == COUNT
    assert [answer for answer in seen if answer[1] >= 500 and blamed(engine, answer[0])] == []


def test_a_thousand_unexpected_bodies_reach_the_function_or_are_client_errors(api: HttpApi) -> None:
    chance = random.Random(3)
    kinds = (
        "application/json",
        "text/plain",
        "multipart/form-data; boundary=x",
        "",
        b"\xe4/*",
        "application/x-tar",
    )
    requests = [
        (
            f"/{chance.choice(['a', '%00', '..%2f', '%zz', 'b' * 2000])}",
            {"Content-Type": chance.choice(kinds)},
            bad_json(chance),
        )
        for _ in range(COUNT)
    ]
    seen = answers(api.url, requests)
    assert seen.total() == COUNT
    assert {status for _, status in seen} <= {200, 400}


type Write = Callable[[random.Random, int], list[bytes]]
"""The pieces that are sent over a connection one after the other, for the n-th request."""


def huge_headers(chance: random.Random, number: int) -> list[bytes]:
    kind = number % 4
    head = b"POST / HTTP/1.1\r\nHost: localhost\r\nX-Amz-Target: AmazonSQS.ListQueues\r\n"
    if kind == 0:
        return [head + b"X-Long: " + b"a" * chance.randrange(20_000, 300_000) + b"\r\n\r\n"]
    if kind == 1:
        return [head + b"".join(b"X-%d: a\r\n" % n for n in range(5000)) + b"\r\n"]
    if kind == 2:
        return [b"GET /" + b"a" * chance.randrange(20_000, 300_000) + b" HTTP/1.1\r\nHost: localhost\r\n\r\n"]
    return [head + chance.randbytes(chance.randrange(10, 5000)) + b"\r\n\r\n"]


def truncated(chance: random.Random, number: int) -> list[bytes]:
    kind = number % 4
    head = b"POST / HTTP/1.1\r\nHost: localhost\r\nX-Amz-Target: AmazonSQS.SendMessage\r\n"
    if kind == 0:
        return [head + b"Content-Length: 1000\r\n\r\n" + b'{"QueueUrl": "x"']
    if kind == 1:
        return [head + b"Transfer-Encoding: chunked\r\n\r\n400\r\n" + b"a" * chance.randrange(1000)]
    if kind == 2:
        return [head[: chance.randrange(1, len(head))]]
    return [
        head + b"Transfer-Encoding: chunked\r\n\r\n",
        chance.choice([b"zz\r\n", b"-1\r\n", b"ffffffffff\r\na"]),
    ]


@pytest.mark.parametrize("write", [huge_headers, truncated], ids=["huge headers", "truncated bodies"])
@pytest.mark.parametrize("reset", [False, True], ids=["closed", "reset"])
def test_a_thousand_broken_connections_leave_the_engine_serving(
    engine: Engine, api: HttpApi, write: Write, reset: bool
) -> None:
    """Half of them to the AWS API, half to an HTTP API; the client ends each connection without a word."""
    path = api.url.removeprefix(engine.endpoint).encode()

    def talk(number: int) -> bytes:
        chance = random.Random(number)
        pieces = write(chance, number // 2)
        if number % 2:
            pieces = [piece.replace(b"POST / ", b"POST %s/x " % path) for piece in pieces]
        with socket.create_connection(("127.0.0.1", engine.port), timeout=10) as connection:
            if reset:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            try:
                for piece in pieces:
                    connection.sendall(piece)
                connection.settimeout(0.02)
                return connection.recv(100)
            except (TimeoutError, ConnectionError):
                return b""

    with ThreadPoolExecutor(CLIENTS) as clients:
        seen: Counter[Any] = Counter(answer[9:12] for answer in clients.map(talk, range(COUNT)))
    assert seen.total() == COUNT
    assert not [status for status in seen if status.startswith(b"5")], seen
