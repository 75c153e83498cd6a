"""Runs loads in Locust's master or only process: begins them, watches the pipeline meanwhile, settles them."""

import logging
import signal
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import gevent
from botocore.exceptions import BotoCoreError, ClientError

from lab.engines.clients import require_loopback
from lab.errors import LabError
from lab.pipeline.observe import Pipeline
from lab.pipeline.signals import Monitor, Reader
from loadtests.options import options_of, plan_of
from loadtests.order_log import ORDER_LOG
from loadtests.run import LEAVING_RATE, Run, RunResult, Traffic
from loadtests.shapes import Model
from loadtests.thresholds import Thresholds
from loadtests.users import KINDS, OPEN, SUBMIT, THROTTLED

if TYPE_CHECKING:
    from locust import User
    from locust.env import Environment
    from locust.stats import RequestStats, StatsEntry

LOG = logging.getLogger(__name__)
READ_EVERY = 1.0


class Coordinator:
    """One per process that coordinates. `reporting_seconds` is how long workers take to report what they did."""

    def __init__(self, environment: "Environment", pipeline: Pipeline, reporting_seconds: float) -> None:
        self._environment = environment
        self._pipeline = pipeline
        self.reporting_seconds = reporting_seconds
        self.monitor = Monitor(Reader(pipeline), every=READ_EVERY, beside=self._load)
        self.run: Run | None = None
        self.result: RunResult | None = None
        self.refusal = ""
        self._settling = False

    def start(self) -> None:
        """Begin to watch the pipeline."""
        # Python raises KeyboardInterrupt in whatever runs: in the monitor it would end the monitor and not the run.
        hub, main = gevent.get_hub(), gevent.getcurrent()
        gevent.signal_handler(signal.SIGINT, hub.loop.run_callback, main.throw, KeyboardInterrupt)
        self.monitor.__enter__()

    def stop(self) -> None:
        """Watch it no more."""
        self.monitor.__exit__()

    def begin(self) -> None:
        """Begin a run as the options say. A run that is not allowed is over at its first tick; see `refusal`."""
        self.run, self.result, self.refusal = None, None, ""
        options = options_of(self._environment)
        try:
            self._require_settled()
            require_loopback(self._environment.host or "")
            plan = plan_of(options)
        except LabError as error:
            self.refusal = f"{error.what} {error.fix}."
            LOG.warning("not started: %s", self.refusal)
            return
        ORDER_LOG.clear()
        self.run = Run(
            plan,
            Thresholds(options.max_accept_p99_ms, options.max_error_percent, options.max_drain_seconds),
            self._pipeline,
            self.monitor,
            ORDER_LOG,
            self._traffic,
            self.reporting_seconds,
        )

    def _require_settled(self) -> None:
        if self._settling:
            raise LabError("The run before is still being settled.", "Wait for its verdict")

    def tick(self, seconds: float) -> tuple[int, float] | tuple[int, float, list["type[User]"]] | None:
        """The users that there are to be, and of which kinds; None ends the run. Nobody comes before it is allowed."""
        if self.run:
            users = self.run.tick(seconds)
            return users and (*users, KINDS[self.run.plan.models])
        return None if self.refusal else (0, LEAVING_RATE)

    def settle(self) -> RunResult | None:
        """Settle the run that has ended; None if there was none, or if the engine does not answer any more."""
        if self.run is None:
            return None
        self._settling = True
        try:
            self.result = self.run.settle()
        except (BotoCoreError, ClientError, LabError) as error:
            LOG.warning("the ledger cannot be settled: %s", error)
        except KeyboardInterrupt:
            LOG.warning("the ledger was not settled: interrupted")
        finally:
            self._settling = False
        return self.result

    def signals(self, since: float) -> dict[str, Any]:
        """What the charts ask for, and how the last run ended."""
        ended = {"result": self.result and summary(self.result), "refusal": self.refusal}
        return self.monitor.as_json(since, self.run.marks if self.run else []) | ended

    @property
    def ends_by_itself(self) -> bool:
        """Whether this process ends with its run: without the web UI."""
        return self._environment.web_ui is None

    @property
    def wants_report(self) -> bool:
        """Whether --report was given."""
        return bool(options_of(self._environment).report)

    @property
    def engine(self) -> str:
        """Where the pipeline runs."""
        return f"LocalStack at {self._pipeline.aws.endpoint}"

    @property
    def statistics(self) -> "RequestStats":
        """Locust's statistics of all requests so far."""
        return self._environment.stats

    def _traffic(self) -> Traffic:
        stats = self._environment.stats
        opened = self.run is not None and Model.OPEN in self.run.plan.models
        accepts = stats.get(OPEN if opened else SUBMIT, "POST")
        throttled = sum(entry.num_requests for entry in self._throttled())
        return Traffic(
            users=self._environment.runner.user_count if self._environment.runner else 0,
            requests=stats.total.num_requests - throttled,
            failures=stats.total.num_failures,
            accept_p99_ms=accepts.get_response_time_percentile(0.99) if accepts.num_requests else None,
        )

    def _throttled(self) -> "list[StatsEntry]":
        entries = list(self._environment.stats.entries.values())
        return [entry for entry in entries if entry.name.endswith(THROTTLED)]

    def _load(self) -> dict[str, Any]:
        """Locust's own figures, for the charts: users, and requests a second and percentiles of the last seconds."""
        total = self._environment.stats.total
        throttled = sum(entry.current_rps for entry in self._throttled())
        return {
            "load": {
                "users": self._environment.runner.user_count if self._environment.runner else 0,
                "requests": total.current_rps - throttled,
                "failures": total.current_fail_per_sec,
                "throttled": throttled,
                "p50": total.get_current_response_time_percentile(0.5),
                "p99": total.get_current_response_time_percentile(0.99),
            }
        }


def summary(result: RunResult) -> dict[str, Any]:
    """A result for a page."""
    return {
        "shape": result.plan.shape,
        "passed": result.passed,
        "findings": [
            {"name": one.name, "expected": one.expected, "seen": one.seen, "verdict": one.verdict}
            for one in result.findings
        ],
        "ledger": result.account.ledger.text if result.account else "",
        "figures": list(result.figures.items()),
        "percentiles": [asdict(row) for row in result.percentiles if row.count],
    }
