# pyright: reportUnknownMemberType=false
# Locust leaves some of its types out
"""Load on the deployed pipeline, which is found by its stacks' outputs.

make load                         # web UI at http://127.0.0.1:8089, with the pipeline's charts in a tab
make load-headless SHAPE=spike    # ends by itself: thresholds, ledger, report, exit code
"""

import itertools
import logging
import os
import sys
from typing import TYPE_CHECKING, Any

import gevent
from locust import LoadTestShape, events
from locust.runners import WORKER_REPORT_INTERVAL, MasterRunner, WorkerRunner

from lab.common import lifetimes
from lab.common.output import Terminal, joined, shown, styled
from lab.deployment.stack import Stack
from lab.engines import clients as guarded
from lab.errors import LabError
from lab.faults.healing import heal
from lab.pipeline.api import Api
from lab.pipeline.observe import Pipeline
from loadtests import verdict
from loadtests.coordinator import Coordinator
from loadtests.options import add_options, options_of, plan_of
from loadtests.order_log import ORDER_LOG
from loadtests.progress import Progress
from loadtests.users import (
    ANSWER_SECONDS,
    Batches,
    Duplicates,
    InvalidOrders,
    OpenArrivals,
    RedriveOperator,
    SingleEvents,
)
from loadtests.webui import extend

if TYPE_CHECKING:
    from locust import User
    from locust.env import Environment

__all__ = [
    "Batches",
    "Duplicates",
    "InvalidOrders",
    "OpenArrivals",
    "PlannedLoad",
    "RedriveOperator",
    "SingleEvents",
]

INTERRUPTED = 130
STOP_SECONDS = ANSWER_SECONDS + 1
"""How long a user that is sent away may take to hear what became of its request."""

console = Terminal()
progress = Progress(console)
coordinators: list[Coordinator] = []
"""The one that coordinates runs in this process, if any does."""


class PlannedLoad(LoadTestShape):
    """The shape that --shape names."""

    def reset_time(self) -> None:
        """Locust calls this when a run begins."""
        super().reset_time()
        coordinators[0].begin()

    def tick(self) -> tuple[int, float] | tuple[int, float, list[type["User"]]] | None:
        coordinator = coordinators[0]
        users = coordinator.tick(self.get_run_time())
        if coordinator.ends_by_itself and coordinator.run:
            progress.tell(coordinator.run)
        return users


events.init_command_line_parser.add_listener(add_options)


@events.init.add_listener
def connect(environment: "Environment", **_: Any) -> None:
    """Find the pipeline, and take this process's part in the runs. Ends the process where that is impossible."""
    try:
        given = options_of(environment)
        aws = guarded.local(f"http://127.0.0.1:{given.lab_port}")
        stack = Stack.read(aws, given.lab_env)
        plan_of(given)
    except LabError as error:
        errors = Terminal(stderr=True)
        errors.say(joined(styled("error:", "red"), f" {shown(error.what)}\n  fix: {shown(error.fix)}"))
        sys.exit(1)
    logging.getLogger("locust.stats_logger").setLevel(
        logging.WARNING
    )  # its tables have 150 columns; see tell
    environment.host = stack.api_url
    environment.stop_timeout = STOP_SECONDS
    RedriveOperator.api = Api(aws, stack)
    if isinstance(environment.runner, WorkerRunner):
        if getattr(environment.parsed_options, "processes", None):
            lifetimes.end_with(os.getppid())  # forked from the master, which it would outlive by a minute
        environment.events.report_to_master.add_listener(report)
        return
    distributed = isinstance(environment.runner, MasterRunner)
    pipeline = Pipeline(aws, stack)
    heal(pipeline)
    coordinator = Coordinator(environment, pipeline, 2 * WORKER_REPORT_INTERVAL if distributed else 0.0)
    coordinators.append(coordinator)
    if distributed:
        environment.events.worker_report.add_listener(merge)
        environment.events.worker_connect.add_listener(welcome)
    if environment.web_ui:
        extend(environment.web_ui, coordinator, given.web_base_path)
        environment.events.test_stop.add_listener(settle_beside)
    coordinator.start()


@events.test_start.add_listener
def number_sources(**_: Any) -> None:
    """The sources of every run have the same numbers, so that a seed means the same arrivals."""
    OpenArrivals.sources = itertools.count()


def welcome(client_id: str, **_: Any) -> None:
    """A worker has come."""
    console.say(f"worker process {client_id.rpartition('_')[2]} is ready")


def report(data: dict[str, Any], **_: Any) -> None:
    """A worker's report takes along what its users did."""
    data["book"] = ORDER_LOG.take()


def merge(data: dict[str, Any], **_: Any) -> None:
    """The master adds it to what the users of other workers did."""
    ORDER_LOG.merge(data["book"])


def settle_beside(**_: Any) -> None:
    """A run in the web UI has ended: account for it while the page stays at hand."""

    def settle() -> None:
        gevent.sleep(coordinators[0].reporting_seconds)
        if result := coordinators[0].settle():
            verdict.show(result, console)

    gevent.spawn(settle)


@events.quitting.add_listener
def end(environment: "Environment", **_: Any) -> None:
    """A run without the web UI ends with its verdict, which is the exit code."""
    for coordinator in coordinators:
        if coordinator.ends_by_itself and coordinator.run and environment.runner:
            environment.runner.quit()
            result = coordinator.settle()
            interrupted = INTERRUPTED if not coordinator.run.complete else 1
            environment.process_exit_code = 0 if result and result.passed else interrupted
        coordinator.stop()


@events.quit.add_listener
def tell(**_: Any) -> None:
    """Print Locust's statistics and the verdict below them, and write the report."""
    progress.stop()
    for coordinator in coordinators:
        verdict.show_requests(coordinator.statistics, console)
        if coordinator.result and coordinator.ends_by_itself:
            verdict.show(coordinator.result, console)
            if coordinator.wants_report:
                console.say(f"Report: {verdict.write(coordinator.result, coordinator.engine)}")
