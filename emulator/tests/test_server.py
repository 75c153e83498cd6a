"""The engine's HTTP server, byte by byte where clients may rely on it."""

import socket
import threading
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from support.direct import DIRECT
from support.engines import ENVIRONMENTS, Engine, EngineAt, EngineWith

pytestmark = pytest.mark.evidence("ours")

HEALTH = "/_localstack/health"


@pytest.fixture(scope="module")
def address(running_engine: Engine) -> Iterator[tuple[str, int]]:
    """An engine with the lab's own server, which other packagings do not have."""
    if isinstance(running_engine, EngineWith):
        yield "127.0.0.1", running_engine.port
        return
    engine = EngineWith()
    engine.up()
    try:
        yield "127.0.0.1", engine.port
    finally:
        engine.down()


def test_an_engine_that_was_called_leaves_the_index_of_services_to_the_next(address: tuple[str, int]) -> None:
    EngineAt(f"http://{address[0]}:{address[1]}").client("sqs").list_queues()
    assert len(list((ENVIRONMENTS / "engine" / "cache").glob("service-catalog-*.dill"))) >= 1


@pytest.fixture
def connection(address: tuple[str, int]) -> Iterator[socket.socket]:
    with socket.create_connection(address, timeout=20) as opened:
        yield opened


def read_response(connection: socket.socket) -> tuple[str, dict[str, str], bytes]:
    """One response with a Content-Length, or a head alone."""
    raw = b""
    while b"\r\n\r\n" not in raw:
        raw += receive(connection)
    head, _, body = raw.partition(b"\r\n\r\n")
    status, *lines = head.decode().split("\r\n")
    headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
    while len(body) < int(headers.get("content-length", 0)):
        body += receive(connection)
    return status, headers, body


def receive(connection: socket.socket) -> bytes:
    data = connection.recv(65536)
    assert data, "the connection was closed"
    return data


def call(operation: str, body: bytes, *more: str) -> bytes:
    """A call of SQS as an SDK makes it."""
    credential = "Credential=test/20260101/us-east-1/sqs/aws4_request"
    lines = [
        "POST / HTTP/1.1",
        "Host: 127.0.0.1",
        f"X-Amz-Target: AmazonSQS.{operation}",
        "Content-Type: application/x-amz-json-1.0",
        f"Authorization: AWS4-HMAC-SHA256 {credential}, SignedHeaders=host, Signature=0",
        *(more or (f"Content-Length: {len(body)}",)),
    ]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def closed(connection: socket.socket) -> bool:
    return connection.recv(1) == b""


def test_a_connection_serves_one_request_after_the_other(connection: socket.socket) -> None:
    for _ in range(3):
        connection.sendall(f"GET {HEALTH} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        status, headers, body = read_response(connection)
        assert status == "HTTP/1.1 200 OK"
        assert "connection" not in headers
        assert body.startswith(b"{")


def test_requests_sent_ahead_are_answered_in_their_order(connection: socket.socket) -> None:
    one = f"GET {HEALTH} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()
    other = b"GET /_localstack/nothing-here HTTP/1.1\r\nHost: localhost\r\n\r\n"
    connection.sendall(one + other)
    raw = b""
    while raw.count(b"HTTP/1.1 ") < 2:
        raw += receive(connection)
    assert raw.index(b"HTTP/1.1 200") < raw.index(b"HTTP/1.1 404")


def test_a_request_may_arrive_byte_by_byte(connection: socket.socket) -> None:
    for byte in call("ListQueues", b"{}"):
        connection.sendall(bytes([byte]))
    assert read_response(connection)[0] == "HTTP/1.1 200 OK"


def test_a_chunked_body_is_put_together(connection: socket.socket) -> None:
    name = f"q-{uuid.uuid4().hex[:8]}"
    whole = f'{{"QueueName":"{name}"}}'.encode()
    chunks = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in (whole[:5], whole[5:])) + b"0\r\n\r\n"
    connection.sendall(call("CreateQueue", chunks, "Transfer-Encoding: chunked"))
    status, _, body = read_response(connection)
    assert status == "HTTP/1.1 200 OK"
    assert name.encode() in body


def test_a_client_that_waits_for_100_continue_gets_it(connection: socket.socket) -> None:
    connection.sendall(call("ListQueues", b"", "Content-Length: 2", "Expect: 100-continue"))
    assert receive(connection) == b"HTTP/1.1 100 Continue\r\n\r\n"
    connection.sendall(b"{}")
    assert read_response(connection)[0] == "HTTP/1.1 200 OK"


def test_head_has_no_body(connection: socket.socket) -> None:
    connection.sendall(f"HEAD {HEALTH} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
    raw = receive(connection)
    assert raw.startswith(b"HTTP/1.1 200 OK\r\n")
    assert raw.endswith(b"\r\n\r\n")
    connection.sendall(f"GET {HEALTH} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
    assert read_response(connection)[0] == "HTTP/1.1 200 OK"


@pytest.mark.parametrize(
    "request_line",
    [f"GET {HEALTH} HTTP/1.0\r\n", f"GET {HEALTH} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"],
    ids=["HTTP/1.0", "Connection: close"],
)
def test_a_connection_ends_where_the_client_says_so(connection: socket.socket, request_line: str) -> None:
    connection.sendall(f"{request_line}\r\n".encode())
    assert read_response(connection)[1]["connection"] == "close"
    assert closed(connection)


@pytest.mark.parametrize(
    "nonsense",
    [b"nonsense\r\n\r\n", b"GET / HTTP/1.1\r\nX: " + b"x" * 100_000 + b"\r\n\r\n"],
    ids=["no HTTP", "a header of 100 KB"],
)
def test_bytes_that_are_not_a_request_are_answered_with_400(
    connection: socket.socket, nonsense: bytes
) -> None:
    connection.sendall(nonsense)
    assert receive(connection).startswith(b"HTTP/1.1 400 ")


def test_an_offer_of_another_protocol_is_declined(connection: socket.socket) -> None:
    offer = "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n"
    connection.sendall(f"GET {HEALTH} HTTP/1.1\r\nHost: localhost\r\n{offer}\r\n".encode())
    assert read_response(connection)[0] == "HTTP/1.1 200 OK"


def test_a_target_may_be_a_whole_url(connection: socket.socket) -> None:
    connection.sendall(f"GET http://127.0.0.1{HEALTH}?x=1 HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
    assert read_response(connection)[0] == "HTTP/1.1 200 OK"


def test_more_hosts_and_origins_can_be_named() -> None:
    engine = EngineWith(
        LAB_ALLOWED_HOSTS="engine.test, Other.Test", EXTRA_CORS_ALLOWED_ORIGINS="http://app.test"
    )
    engine.up()
    try:
        for host in ("engine.test", "other.test:4566", "abc.execute-api.engine.test", "evil.example"):
            answer = httpx.get(f"{engine.endpoint}{HEALTH}", headers={"Host": host}, **DIRECT)
            assert answer.status_code == (403 if host == "evil.example" else 200), host
        for origin in ("http://app.test", "https://app.test", ""):
            page = {"Sec-Fetch-Site": "cross-site", "Origin": origin}
            answer = httpx.get(f"{engine.endpoint}{HEALTH}", headers=page, **DIRECT)
            assert answer.status_code == (200 if origin == "http://app.test" else 403), origin
    finally:
        engine.down()


def test_bodies_that_do_not_fit_into_memory_limits_come_back_whole(address: tuple[str, int]) -> None:
    s3 = EngineAt(f"http://{address[0]}:{address[1]}").client("s3", s3={"addressing_style": "path"})
    s3.create_bucket(Bucket="large")
    content = bytes(range(256)) * 20_000
    s3.put_object(Bucket="large", Key="key", Body=content)
    assert s3.get_object(Bucket="large", Key="key")["Body"].read() == content


def test_a_long_poll_does_not_delay_other_requests(aws: Callable[..., Any]) -> None:
    sqs = aws("sqs")
    queue = sqs.create_queue(QueueName=f"poll-{uuid.uuid4().hex[:8]}")["QueueUrl"]
    received: list[Any] = []
    polling = [
        threading.Thread(
            target=lambda: received.append(sqs.receive_message(QueueUrl=queue, WaitTimeSeconds=20))
        )
        for _ in range(4)
    ]
    for thread in polling:
        thread.start()
    for number in range(4):
        sqs.send_message(QueueUrl=queue, MessageBody=str(number))
    for thread in polling:
        thread.join(15)
    assert sorted(message["Body"] for answer in received for message in answer["Messages"]) == [
        "0",
        "1",
        "2",
        "3",
    ]
