"""A web page of another site, in a real browser, asks the engine for what would run code as the user."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest
from playwright.sync_api import Browser, Page

from support.browsers import REBOUND, chromium
from support.engines import EngineWith
from support.eventually import eventually
from support.http_apis import ECHO, HttpApi

pytestmark = [pytest.mark.evidence("ours"), pytest.mark.page]

CREDENTIAL = {
    "X-Amz-Algorithm": "AWS4-HMAC-SHA256",
    "X-Amz-Credential": "test/20260101/us-east-1/{}/aws4_request",
    "X-Amz-Date": "20260101T000000Z",
    "X-Amz-SignedHeaders": "host",
    "X-Amz-Signature": "0",
}

ATTACKS = 5
"""So many answers of these can be seen, and two that the page was not allowed to read:"""
ATTACK = """async ([engine, stack, message, form]) => {
    const image = (url) => new Promise((done) => {
        const element = new Image();
        element.referrerPolicy = "no-referrer";
        element.onload = element.onerror = done;
        element.src = url;
    });
    await image(engine + stack);
    await image(engine + message);
    for (const mode of ["no-cors", "cors"]) {
        const options = { method: "POST", mode, referrerPolicy: "no-referrer", body: form };
        await fetch(engine + "/", options).catch(() => {});
    }
    await fetch(engine + "/", { headers: { "X-Amz-Target": "AmazonSQS.ListQueues" } }).catch(() => {});
    navigator.sendBeacon(engine + "/", new Blob([form], { type: "application/x-www-form-urlencoded" }));
    const frame = document.createElement("iframe");
    frame.name = "target";
    document.body.append(frame);
    const element = document.createElement("form");
    element.method = "POST";
    element.action = engine + "/";
    element.target = "target";
    for (const [name, value] of new URLSearchParams(form)) {
        const field = document.createElement("input");
        field.name = name;
        field.value = value;
        element.append(field);
    }
    document.body.append(element);
    await new Promise((done) => { frame.onload = done; element.submit(); });
}"""


@pytest.fixture(scope="module")
def engine() -> Iterator[EngineWith]:
    engine = EngineWith()
    engine.up()
    yield engine
    engine.down()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.fixture(scope="module")
def site() -> Iterator[int]:
    """The port of a web server with one empty page."""

    class Empty(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(b"<!doctype html><title>a page</title>")

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Empty) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_port
        server.shutdown()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    context = browser.new_context()
    yield context.new_page()
    context.close()


def query(service: str, **parameters: str) -> str:
    """A call of an AWS API by GET, signed as LocalStack wants it: not at all."""
    credential = {name: value.format(service) for name, value in CREDENTIAL.items()}
    return "/?" + urlencode(parameters | credential)


def stack_with_a_function(marker: Path) -> str:
    """A template whose function, fed by a queue, writes a file as soon as its process starts."""
    code = f"open({str(marker)!r}, 'w').close()\ndef handler(event, context):\n    pass\n"
    role = {"Type": "AWS::IAM::Role", "Properties": {"AssumeRolePolicyDocument": {"Statement": []}}}
    function = {
        "FunctionName": "made-by-a-page",
        "Runtime": "python3.13",
        "Handler": "index.handler",
        "Role": {"Fn::GetAtt": ["Role", "Arn"]},
        "Code": {"ZipFile": code},
    }
    mapping = {"FunctionName": {"Ref": "Function"}, "EventSourceArn": {"Fn::GetAtt": ["Queue", "Arn"]}}
    resources = {
        "Role": role,
        "Function": {"Type": "AWS::Lambda::Function", "Properties": function},
        "Queue": {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": "made-by-a-page"}},
        "Mapping": {"Type": "AWS::Lambda::EventSourceMapping", "Properties": mapping},
    }
    return json.dumps({"Resources": resources})


class Victim:
    """What a page attacks: an engine with a queue. `marker` is the file that a function of the page would write."""

    def __init__(self, engine: EngineWith, marker: Path) -> None:
        self.engine = engine
        self.marker = marker
        self.queue: str = engine.client("sqs").create_queue(QueueName="orders")["QueueUrl"]

    def attacked(self, page: Page, at: str) -> set[int]:
        """The statuses of the engine's answers to all that a page can send it, at this host, without its consent."""
        answers: list[int] = []
        page.on(
            "response", lambda answer: answers.append(answer.status) if answer.url.startswith(at) else None
        )
        send = {"Action": "SendMessage", "MessageBody": "x"}
        stack = query(
            "cloudformation",
            Action="CreateStack",
            Version="2010-05-15",
            StackName="made-by-a-page",
            TemplateBody=stack_with_a_function(self.marker),
            **{"Capabilities.member.1": "CAPABILITY_IAM"},
        )
        message = f"{urlsplit(self.queue).path}?{urlencode(send)}"
        form = urlencode(send | {"QueueUrl": self.queue, "Version": "2012-11-05"})
        page.evaluate(ATTACK, [at, stack, message, form])
        eventually(lambda: page.title() is not None and len(answers) >= ATTACKS)  # to ask is to listen
        return set(answers)

    def assert_unharmed(self) -> None:
        """Nothing was made, nothing was sent, nothing ran."""
        assert self.engine.client("cloudformation").list_stacks()["StackSummaries"] == []
        assert self.engine.client("lambda").list_functions()["Functions"] == []
        assert "Messages" not in self.engine.client("sqs").receive_message(QueueUrl=self.queue)
        assert not self.marker.exists()


@pytest.fixture
def victim(engine: EngineWith, tmp_path: Path) -> Victim:
    return Victim(engine, tmp_path / "written-by-a-page")


@pytest.mark.parametrize("own_host", ["127.0.0.1", "localhost", "localhost.localstack.cloud"])
@pytest.mark.parametrize("page_host", [REBOUND, "127.0.0.1"])
def test_a_page_of_another_site_cannot_drive_the_engine(
    victim: Victim, page: Page, site: int, page_host: str, own_host: str
) -> None:
    """Browsers count other ports of 127.0.0.1 as the same site, and tell some hosts nothing of the page."""
    page.goto(f"http://{page_host}:{site}/")
    assert victim.attacked(page, f"http://{own_host}:{victim.engine.port}") == {403}
    victim.assert_unharmed()


def test_a_page_whose_host_is_rebound_to_this_machine_cannot_drive_the_engine(
    victim: Victim, page: Page
) -> None:
    """As far as the browser knows, the page and the engine are of the same origin then."""
    rebound = f"http://{REBOUND}:{victim.engine.port}"
    page.goto(f"{rebound}/_localstack/health")
    assert victim.attacked(page, rebound) == {403}
    victim.assert_unharmed()


def test_a_person_may_look_at_the_engine(page: Page, engine: EngineWith) -> None:
    answer: Any = page.goto(f"http://localhost:{engine.port}/_localstack/health")
    assert answer.status == 200
    assert page.evaluate("() => fetch('/_localstack/health').then((answer) => answer.status)") == 200


def test_a_page_reads_an_api_whose_cors_rules_allow_its_origin(
    page: Page, engine: EngineWith, site: int
) -> None:
    origin = f"http://{REBOUND}:{site}"
    allowed = {"AllowOrigins": [origin], "AllowMethods": ["PUT"], "AllowHeaders": ["Content-Type"]}
    function = engine.create(ECHO)
    api = HttpApi(engine.client, CorsConfiguration=allowed)
    api.route("$default", function.arn)
    api.stage()
    read = """(url) => fetch(url, { method: "PUT", body: "{}", headers: { "Content-Type": "application/json" } })
        .then((answer) => answer.json()).then((event) => event.requestContext.http.method, () => "refused")"""
    try:
        page.goto(f"{origin}/")
        assert page.evaluate(read, api.url) == "PUT"
        page.goto(f"http://127.0.0.1:{site}/")
        assert page.evaluate(read, api.url) == "refused"
    finally:
        api.delete()
        function.delete()
