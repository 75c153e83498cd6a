"""What the last run would cost on AWS, and a month like it; what would be deployed there."""

from typing import Any

from lab.common import paths
from lab.console.console_state import ConsoleState
from lab.console.fields import Fields
from lab.console.job_kinds import RunnerProcess
from lab.console.routes.endpoints import post
from lab.cost import prices, show
from lab.cost.bill import bill
from lab.cost.last import LEFT_OUT, engine_log, last_run, require_measured
from lab.cost.usage import Usage, measure, standing
from lab.deployment.templates import stacks
from lab.pipeline.observe import Pipeline

MOST_MONTHLY = 10**12
MOST_ORDERS = 2000
PER_SECOND = 5


def last(state: ConsoleState, fields: Fields) -> dict[str, Any]:
    """Price the last run that has a report, and `month` orders like it."""
    month = fields.whole("month", 1, MOST_MONTHLY)
    pipeline = state.pipeline
    name, start, end, accepted = last_run(paths.REPORTS)
    usage = measure(pipeline, engine_log(state.engine_port), start, end, accepted)
    require_measured(usage, name)
    return tables(pipeline, name, usage, month)


def run(state: ConsoleState, fields: Fields) -> dict[str, Any]:
    """Begin to send orders through the pipeline as it is, which are priced when they are done."""
    _ = state.pipeline
    orders, month = fields.whole("orders", 1, MOST_ORDERS), fields.whole("month", 1, MOST_MONTHLY)
    title = f"{orders} orders, to be priced"
    return state.start(
        RunnerProcess("cost", title, state.engine_port, state.env, str(orders), str(PER_SECOND), str(month))
    )


def synth(state: ConsoleState, _fields: Fields) -> dict[str, Any]:
    """Begin to write the templates for AWS."""
    return state.start(RunnerProcess("synth", "Templates for AWS", state.engine_port, state.env))


def tables(pipeline: Pipeline, name: str, usage: Usage, month: int) -> dict[str, Any]:
    """A bill as the tables of `lab cost`: the first row of each is its heads."""
    table = prices.load()
    fixed = standing(stacks(pipeline.aws, pipeline.stack.env_name))
    made = bill(usage, table, orders=month, standing=fixed)
    used = [*usage.quantities, *(part for part, quantity in fixed.items() if quantity)]
    assumed = table.assumed(used)
    return {
        "run": name,
        "orders": usage.orders,
        "seconds": usage.seconds,
        "measured": show.per_order(usage, table),
        "monthly": show.monthly(made),
        "notes": [table.caption, *([f"assumed: {assumed}"] if assumed else []), LEFT_OUT],
    }


ROUTES = [post("/api/cost/last", last), post("/api/cost/run", run), post("/api/cost/synth", synth)]
