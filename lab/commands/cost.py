"""`lab cost`: what a workload would cost on AWS, from what it used here."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lab.commands.options import Env, Port, console
from lab.common import paths
from lab.common.grid import Grid
from lab.common.interrupts import undoing
from lab.common.output import Terminal
from lab.cost import prices as table
from lab.cost import show
from lab.cost.bill import bill
from lab.cost.last import LEFT_OUT, document, engine_log, last_run, require_measured
from lab.cost.prices import Prices
from lab.cost.usage import Usage, measure, standing
from lab.cost.workload import FAILURES, HOSTILE, healthy, play
from lab.deployment.templates import stacks
from lab.faults import steady_state as steady
from lab.faults.healing import connect
from lab.pipeline.observe import Pipeline

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mypy_boto3_apigatewayv2 import ApiGatewayV2Client

MONTH = 1_000_000
app = typer.Typer(
    name="cost",
    help="What a workload would cost on AWS, from what it used here.",
    invoke_without_command=True,
)

Month = Annotated[int, typer.Option("--month", min=1, help="Orders a month to scale to.")]
Json = Annotated[bool, typer.Option("--json", help="One JSON object.")]
Orders = Annotated[int, typer.Option(min=1, max=2000, help="Orders to send.")]
Rate = Annotated[float, typer.Option("--per-second", min=0.1, max=50, help="Orders a second.")]


@app.callback()
def last(
    context: typer.Context, month: Month = MONTH, as_json: Json = False, port: Port = 4566, env: Env = "dev"
) -> None:
    """Price the last run that has a report: a scenario, the demo, a load."""
    if context.invoked_subcommand:
        return
    pipeline, log = _connect(port, env)
    name, start, end, accepted = last_run(paths.REPORTS)
    usage = measure(pipeline, log, start, end, accepted)
    require_measured(usage, name)
    _told(name, usage, pipeline, month, as_json=as_json)


@app.command()
def run(  # noqa: PLR0917  one parameter for each option
    orders: Orders = 200,
    rate: Rate = 5,
    month: Month = MONTH,
    as_json: Json = False,
    port: Port = 4566,
    env: Env = "dev",
) -> None:
    """Send orders through a healthy pipeline, and price them and a month of them."""
    pipeline, log = _connect(port, env)
    with Terminal(stderr=True).status(f"{orders} orders at {rate:g} a second"):
        usage = play(pipeline, log, healthy, orders, rate)
    _told(f"{orders} orders at {rate:g} a second", usage, pipeline, month, as_json=as_json)


@app.command("failures")
def failures_(
    orders: Orders = 50, rate: Rate = 10, as_json: Json = False, port: Port = 4566, env: Env = "dev"
) -> None:
    """Price failures: the same orders healthy, doubled, flaky, through an outage, dead and redriven. Takes minutes."""
    pipeline, log = _connect(port, env)
    usages: dict[str, Usage] = {}
    with undoing(lambda: steady.restore(pipeline, console.say)):
        for name, workload in FAILURES.items():
            with Terminal(stderr=True).status(name):
                usages[name] = play(pipeline, log, workload, orders, rate)
                steady.restore(pipeline, lambda _line: None)
    prices = table.load()
    bills = {name: bill(usage, prices, orders=MONTH) for name, usage in usages.items()}
    if as_json:
        _print({name: document(usages[name], bills[name], prices) for name in usages})
        return
    _table(show.failures(usages, bills, prices), "what a failure costs, an order on average")
    _caption(prices, usages["healthy"].quantities)


@app.command()
def hostile(
    requests: Annotated[int, typer.Option(min=1, max=20, help="Requests of each kind to send.")] = 4,
    as_json: Json = False,
    port: Port = 4566,
    env: Env = "dev",
) -> None:
    """Price what a stranger may send: single orders, full batches, refused ones, at the API's throttle."""
    pipeline, log = _connect(port, env)
    usages: dict[str, Usage] = {}
    for name, workload in HOSTILE.items():
        with Terminal(stderr=True).status(name):
            usages[name] = play(pipeline, log, workload, requests, per_second=1)
    prices = table.load()
    bills = {name: bill(usage, prices, orders=1) for name, usage in usages.items()}
    if as_json:
        _print({name: document(usages[name], bills[name], prices) for name in usages})
        return
    rate = throttle(pipeline)
    _table(show.hostile(bills, rate), f"{rate:g} requests a second, the API's throttle")
    _caption(prices, usages["single orders"].quantities)


def throttle(pipeline: Pipeline) -> float:
    """Requests a second that the API's stage lets through on average."""
    client: ApiGatewayV2Client = pipeline.aws.client("apigatewayv2")
    (stage,) = client.get_stages(ApiId=pipeline.stack.api_id)["Items"]
    return stage.get("DefaultRouteSettings", {}).get("ThrottlingRateLimit", 0.0)


def _connect(port: int, env: str) -> tuple[Pipeline, Path | None]:
    """The pipeline, and the engine's log of requests where there is one."""
    pipeline, _ = connect(port, env)
    return pipeline, engine_log(port)


def _told(name: str, usage: Usage, pipeline: Pipeline, month: int, *, as_json: bool) -> None:
    prices = table.load()
    fixed = standing(stacks(pipeline.aws, pipeline.stack.env_name))
    made = bill(usage, prices, orders=month, standing=fixed)
    if as_json:
        _print(document(usage, made, prices))
        return
    _table(show.per_order(usage, prices), f"{name}: {usage.orders} orders in {usage.seconds:.0f} s")
    _table(show.monthly(made), "the same for a month")
    _caption(prices, [*usage.quantities, *(name for name, quantity in fixed.items() if quantity)])


def _table(rows: show.Rows, title: str) -> None:
    columns = {head: cells for head, *cells in zip(*rows, strict=True)}
    console.print(Grid(title, columns, right=rows[0][1:]))


def _caption(prices: Prices, used: "Iterable[str]") -> None:
    console.say(prices.caption)
    if assumed := prices.assumed(used):
        console.say(f"assumed: {assumed}")
    console.say(LEFT_OUT)


def _print(document: object) -> None:
    print(json.dumps(document))  # noqa: T201  for other programs
