"""The plain baseline on this engine and on MiniStack in turn: the same client and functions, made by boto3.

    python -m loadtests.benchmarks.peer --rounds 3

Both engines are this benchmark's own, on loopback; MiniStack is installed into .lab/env/ministack. In each round eight
clients send so many orders to each, and each order has to get its row. Stock LocalStack 4.14.0 is not among them: it
runs no function without Docker, and no DynamoDB without Java. Exit code 1 if a target is missed.
"""

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Generator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any

import psutil
import typer

from functions.redrive.dlq import messages_in
from lab.cli import run
from lab.common import paths
from lab.common.output import Terminal
from lab.common.polling import wait_for
from lab.engines import HostEngine, ports
from lab.engines import clients as guarded
from lab.engines.clients import LOCAL_KEYS, REGION, Aws
from lab.engines.direct import without_proxies
from lab.errors import LabError
from lab.pipeline.orders import orders
from loadtests.benchmarks import markdown
from loadtests.benchmarks.baseline_deploy import archive
from loadtests.benchmarks.measure import SETTLE_SECONDS, post_all
from loadtests.benchmarks.processors import CLIENT, Meter

LAB, MINISTACK = "this lab's engine", "MiniStack"
ROUNDS = 3
THREADS = 8
WARM_ORDERS = 100
READY_SECONDS = 60
ACCEPTED, PROCESSED = 2.0, 1.5
"""How many times the peer's rates this engine's are to be."""

NAME = "peer"
ROLE = f"arn:aws:iam::{guarded.LOCAL_ACCOUNT}:role/{NAME}"
ENVIRONMENT = paths.ENVIRONMENTS / "ministack"
LOCK = paths.ROOT / "requirements" / "ministack.txt"

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@dataclass(frozen=True)
class Engine:
    """An engine under measurement. `stage` is what follows an HTTP API's id in its URL."""

    name: str
    aws: Aws
    process: psutil.Process
    stage: str = ""


@dataclass(frozen=True)
class Figures:
    """Of one round: orders accepted and processed a second, milliseconds of the engine's processor time an order."""

    accepted: float
    processed: float
    milliseconds: float


@app.command(help=__doc__)
def peer(
    rounds: Annotated[int, typer.Option(min=1, help="Rounds, whose medians count.")] = ROUNDS,
    posts: Annotated[int, typer.Option(min=10, max=5000, help="Orders of one round.")] = 400,
) -> None:
    """Measure both and print a Markdown table."""
    lab, other = compare(rounds, posts, Terminal(stderr=True))
    Terminal().say(table([LAB, MINISTACK], lab, other))
    if lab.accepted < ACCEPTED * other.accepted or lab.processed < PROCESSED * other.processed:
        raise typer.Exit(1)


def compare(rounds: int, posts: int, progress: Terminal) -> tuple[Figures, Figures]:
    """The medians of the rounds, of this engine and of MiniStack. Raises LabError where one does not start."""
    with ExitStack() as running:
        engines = [running.enter_context(engine()) for engine in (lab_engine, ministack)]
        pipelines = [Plain(engine) for engine in engines]
        for pipeline in pipelines:
            pipeline.measure(WARM_ORDERS)
        found: list[list[Figures]] = [[] for _ in engines]
        for number in range(rounds):
            for engine, pipeline, figures in zip(engines, pipelines, found, strict=True):
                figures.append(pipeline.measure(posts))
                progress.say(f"round {number + 1}, {engine.name}: {figures[-1]}")
    lab, other = map(median, found)
    return lab, other


def median(figures: Sequence[Figures]) -> Figures:
    """Of each figure by itself."""
    return Figures(
        statistics.median(one.accepted for one in figures),
        statistics.median(one.processed for one in figures),
        statistics.median(one.milliseconds for one in figures),
    )


def table(names: Sequence[str], lab: Figures, other: Figures) -> str:
    """Both, and how many times the other's the lab's figures are."""
    rows = [
        ("orders accepted a second", lab.accepted, other.accepted, f">= {ACCEPTED:g}"),
        ("orders processed a second", lab.processed, other.processed, f">= {PROCESSED:g}"),
        ("processor time an order, engine and functions, ms", lab.milliseconds, other.milliseconds, ""),
    ]
    head = [("", *names, "ratio", "target"), ("---", *["---:"] * 3, "---")]
    return markdown.table(
        [*head, *((what, f"{a:.1f}", f"{b:.1f}", f"{a / b:.2f}", target) for what, a, b, target in rows)]
    )


@contextmanager
def lab_engine() -> Generator[Engine]:
    """The lab's engine on a port of its own."""
    engine = HostEngine(ports.free())
    engine.up()
    try:
        yield Engine(LAB, guarded.local(engine.endpoint), engine.process())
    finally:
        engine.down()


@contextmanager
def ministack() -> Generator[Engine]:
    """MiniStack on a port of its own, installed first where it is not. Raises LabError where it does not start."""
    python = ENVIRONMENT / "bin" / "python"
    uv = str(paths.ENVIRONMENTS / "uv" / "bin" / "uv")
    if not python.exists():
        _run([uv, "venv", "--quiet", "--python", sys.executable, str(ENVIRONMENT)])
    _run([uv, "pip", "sync", "--quiet", "--python", str(python), "--require-hashes", str(LOCK)])
    port = ports.free()
    own = {
        "BIND_HOST": ports.LOOPBACK,
        "GATEWAY_PORT": str(port),
        "AWS_DEFAULT_REGION": REGION,
        "LOG_LEVEL": "ERROR",
    }
    command = [str(python), "-m", "ministack"]
    environment = without_proxies({**os.environ, **LOCAL_KEYS, **own})
    with subprocess.Popen(  # noqa: S603  the interpreter that was just installed
        command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        try:
            endpoint = f"http://{ports.LOOPBACK}:{port}"
            wait_for("MiniStack", lambda: _answers(endpoint), bool, within=READY_SECONDS)
            yield Engine(MINISTACK, guarded.local(endpoint), psutil.Process(process.pid), "/$default")
        finally:
            for child in psutil.Process(process.pid).children(recursive=True):
                child.kill()
            process.kill()


class Plain:
    """The baseline's pipeline on one engine."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        aws = engine.aws
        self._sqs: Any = aws.client("sqs")
        self._dynamodb: Any = aws.client("dynamodb")
        self._queue = self._sqs.create_queue(QueueName=NAME, Attributes={"VisibilityTimeout": "60"})[
            "QueueUrl"
        ]
        for table_name, key in ((f"{NAME}-orders", "orderId"), (f"{NAME}-keys", "id")):
            self._dynamodb.create_table(
                TableName=table_name,
                BillingMode="PAY_PER_REQUEST",
                KeySchema=[{"AttributeName": key, "KeyType": "HASH"}],
                AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"}],
            )
        aws.client("events").create_event_bus(Name=NAME)
        aws.client("ssm").put_parameter(Name=f"/{NAME}/mode", Value="none", Type="String")
        self._functions()
        self._url = f"{aws.endpoint}/_aws/execute-api/{self._api()}{engine.stage}/events"
        self._meter = Meter(engine.process, NAME)

    def _functions(self) -> None:
        client: Any = self._engine.aws.client("lambda")
        variables = {
            "QUEUE_URL": self._queue,
            "ORDERS_TABLE": f"{NAME}-orders",
            "IDEMPOTENCY_TABLE": f"{NAME}-keys",
            "EVENT_BUS_NAME": NAME,
            "FAILURE_MODE_PARAMETERS": f"/{NAME}/mode",
        }
        self._arns: dict[str, str] = {}
        for function in ("ingest", "worker"):
            made = client.create_function(
                FunctionName=f"{NAME}-{function}",
                Runtime="python3.13",
                Role=ROLE,
                Handler=f"handlers.{function}",
                Code={"ZipFile": archive()},
                Timeout=10,
                MemorySize=512,
                Environment={"Variables": variables},
            )
            self._arns[function] = made["FunctionArn"]
            client.get_waiter("function_active_v2").wait(FunctionName=f"{NAME}-{function}")
        arn = self._sqs.get_queue_attributes(QueueUrl=self._queue, AttributeNames=["QueueArn"])
        client.create_event_source_mapping(
            EventSourceArn=arn["Attributes"]["QueueArn"], FunctionName=f"{NAME}-worker", BatchSize=10
        )

    def _api(self) -> str:
        client: Any = self._engine.aws.client("apigatewayv2")
        api: str = client.create_api(Name=NAME, ProtocolType="HTTP")["ApiId"]
        integration = client.create_integration(
            ApiId=api,
            IntegrationType="AWS_PROXY",
            IntegrationUri=self._arns["ingest"],
            PayloadFormatVersion="2.0",
        )
        target = f"integrations/{integration['IntegrationId']}"
        client.create_route(ApiId=api, RouteKey="POST /events", Target=target)
        client.create_stage(ApiId=api, StageName="$default", AutoDeploy=True)
        self._engine.aws.client("lambda").add_permission(
            FunctionName=f"{NAME}-ingest",
            StatementId=NAME,
            Action="lambda:InvokeFunction",
            Principal="apigateway.amazonaws.com",
        )
        return api

    def measure(self, count: int) -> Figures:
        """One round. Raises LabError if an order has no row in the end."""
        supply = list(orders(count, label=NAME))
        wanted = {str(order["orderId"]) for order in supply}
        earlier, began = self._meter.look(), time.perf_counter()
        post_all(self._url, supply, THREADS)
        accepted = time.perf_counter()
        depth = partial(messages_in, self._sqs, self._queue)
        wait_for("an empty queue", depth, lambda found: not found, within=SETTLE_SECONDS, every=0.1)
        done = time.perf_counter()
        spent = self._meter.look().since(earlier)
        if missing := wanted - self._rows():
            raise LabError(f"{self._engine.name}: {len(missing)} orders have no row.", "Run it again")
        seconds = sum(value for name, value in spent.items() if name != CLIENT)
        return Figures(count / (accepted - began), count / (done - began), 1000 * seconds / count)

    def _rows(self) -> set[str]:
        pages = self._dynamodb.get_paginator("scan").paginate(TableName=f"{NAME}-orders")
        return {item["orderId"]["S"] for page in pages for item in page["Items"]}


def _answers(endpoint: str) -> bool:
    try:
        guarded.local(endpoint)
    except LabError:
        return False
    return True


def _run(command: Sequence[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603  the lab's own uv
    if done.returncode:
        raise LabError(
            f"MiniStack cannot be installed: {done.stderr.strip()[-300:]}", "Look at the network: make doctor"
        )


if __name__ == "__main__":
    sys.exit(run(app))
