# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# Locust leaves some of its types out
"""Who drives the load: clients that submit orders in the ways real clients do, and one operator who redrives."""

import itertools
import random
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar
from urllib.parse import urlencode

import gevent
from gevent.pool import Pool
from locust import FastHttpUser, User, constant_pacing, task

from lab.engines.clients import require_loopback
from lab.pipeline.api import Api
from lab.pipeline.orders import order
from loadtests.arrivals import Schedule
from loadtests.options import options_of, plan_of
from loadtests.order_log import ORDER_LOG, Outcome
from loadtests.retry_after import ATTEMPTS, pause
from loadtests.shapes import Model

BATCH = 10
ANSWER_SECONDS = 30.0
"""An HTTP API answers within this time or not at all."""

OPERATOR_MIN_AGE_SECONDS = 5
OPERATOR_MESSAGES = 100

IN_FLIGHT = 40
"""Requests of one source of the open model that may be without an answer: more than it sends while one waits."""

SUBMIT, SUBMIT_BATCH = "/events", "/events/batch"
OPEN = f"{SUBMIT} open model"
"""The name of the open model's requests in statistics: their times count from when each was due."""

THROTTLED = " throttled (429)"
"""What the names of throttled requests end with in Locust's statistics, where they have lines of their own."""

INVALID: tuple[dict[str, Any], ...] = (
    {"amount": -1},
    {"amount": 1.005},
    {"amount": "12.50"},
    {"orderId": "no spaces allowed"},
    {"currency": "euro"},
    {"unexpected": True},
)
"""Each makes a valid order one that the schema refuses."""


@dataclass(frozen=True)
class Submission:
    """A request that submits orders. `answered` records the answer, and says what is wrong with it if anything is.

    `due` is when it was to be sent (epoch seconds): now, unless a schedule says otherwise.
    """

    path: str
    body: Mapping[str, Any]
    answered: "Callable[[Any, Submission], str | None]"
    orders: int = 1
    name: str = ""
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    due: float = field(default_factory=time.time)


class ApiUser(FastHttpUser):
    """A client of the deployed API that backs off when it is throttled. The API must be on loopback."""

    abstract = True
    wait_time = constant_pacing(1)
    network_timeout = connection_timeout = ANSWER_SECONDS

    def on_start(self) -> None:
        require_loopback(self.host or "")
        self.rng = random.Random()  # noqa: S311  test data and jitter

    def new_order(self) -> dict[str, Any]:
        return order(f"{type(self).__name__}-{uuid.uuid4().hex[:20]}", self.rng)

    def submit(self, submission: Submission) -> None:
        """An order is due, and sent at once."""
        ORDER_LOG.count(Outcome.DUE, submission.orders)
        self.send(submission)

    def send(self, submission: Submission) -> None:
        """Send it until the answer is not 429.

        A throttled attempt has a line of its own in the statistics and is not a failure: the client was told to
        come back, and does. After ATTEMPTS of them the orders are given up, which the API never accepted.
        """
        ORDER_LOG.count(Outcome.SENT, submission.orders)
        try:
            for attempt in range(ATTEMPTS):
                seconds = self._attempt(submission, attempt)
                if seconds is None:
                    return
                gevent.sleep(seconds)
            ORDER_LOG.count(Outcome.GIVEN_UP, submission.orders)
        except gevent.GreenletExit:
            ORDER_LOG.count(Outcome.CUT_OFF, submission.orders)
            raise

    def _attempt(self, one: Submission, attempt: int) -> float | None:
        """Seconds to wait before the next attempt; None if none is needed."""
        name = one.name or one.path
        with self.client.post(
            one.path, json=one.body, name=name, headers=dict(one.headers), catch_response=True
        ) as answer:
            if answer.status_code == 429:
                throttled(answer, name)
                asked = (answer.headers or {}).get("Retry-After")
                return pause(attempt, asked if isinstance(asked, str) else None, self.rng)
            milliseconds = (time.time() - one.due) * 1000
            ORDER_LOG.answered[name].add(milliseconds)
            if name == OPEN:
                answer.request_meta["response_time"] = milliseconds
            if wrong := one.answered(answer, one):
                answer.failure(wrong)
            else:
                answer.success()
        return None


def throttled(answer: Any, name: str) -> None:
    """Count an answer 429 apart, both here and in Locust's statistics."""
    ORDER_LOG.count(Outcome.THROTTLED)
    answer.request_meta["name"] = name + THROTTLED
    answer.success()


def accepted(answer: Any, one: Submission) -> str | None:
    """One order was accepted."""
    if answer.status_code != 202:
        return told(answer)
    ORDER_LOG.accept([answer.json()["orderId"]], one.due)
    return None


def accepted_all(answer: Any, one: Submission) -> str | None:
    """Every order of a batch was accepted; those that were are accepted even if others were not."""
    if answer.status_code != 207:
        return told(answer)
    results: list[dict[str, Any]] = answer.json()["results"]
    ORDER_LOG.accept([result["orderId"] for result in results if result["status"] == 202], one.due)
    others = [result for result in results if result["status"] != 202]
    return f"{len(others)} of {len(results)} not accepted: {others[0]}" if others else None


def refused(answer: Any, _: Submission) -> str | None:
    """An invalid order was refused, as it must be."""
    if answer.status_code in (400, 422):
        ORDER_LOG.count(Outcome.REFUSED)
        return None
    if answer.status_code == 202:
        ORDER_LOG.count(Outcome.WRONGLY_ACCEPTED)
        return "an invalid order was accepted"
    return told(answer)


def told(answer: Any) -> str:
    """What an unexpected answer says."""
    return f"{answer.status_code} {(answer.text or answer.error or '')!s:.200}"


class SingleEvents(ApiUser):
    """Submits one order a second."""

    weight = 3

    @task
    def submit_one(self) -> None:
        self.submit(Submission(SUBMIT, self.new_order(), accepted))


class Batches(ApiUser):
    """Submits a batch every other second."""

    weight = 1
    wait_time = constant_pacing(2)

    @task
    def submit_batch(self) -> None:
        events = [self.new_order() for _ in range(BATCH)]
        self.submit(Submission(SUBMIT_BATCH, {"events": events}, accepted_all, orders=BATCH))


class Duplicates(ApiUser):
    """Loses answers: submits every order twice with the same key, as a client does after a time-out."""

    weight = 1
    wait_time = constant_pacing(2)

    @task
    def submit_twice(self) -> None:
        key = {"Idempotency-Key": uuid.uuid4().hex}
        event = self.new_order()
        for _ in range(2):
            self.submit(Submission(SUBMIT, event, accepted, headers=key))


class InvalidOrders(ApiUser):
    """Submits what cannot pass: most is refused at the door, some only the business rule finds out about."""

    weight = 1

    @task(4)
    def break_the_schema(self) -> None:
        invalid = self.new_order() | self.rng.choice(INVALID)
        self.submit(Submission(SUBMIT, invalid, refused, name=f"{SUBMIT} invalid"))

    @task(1)
    def contradict_itself(self) -> None:
        """Its lines cost more than its amount: accepted, then dead."""
        self.submit(Submission(SUBMIT, self.new_order() | {"amount": 0.01}, accepted))


class OpenArrivals(ApiUser):
    """A source of the open model: one order a second on average, whether or not those before were answered.

    What is due while IN_FLIGHT requests are without an answer is dropped, and counted as such.
    """

    weight = SingleEvents.weight  # where both are, there are as many of either
    concurrency = IN_FLIGHT
    sources: "ClassVar[itertools.count[int]]" = itertools.count()
    """The numbers of this process's sources; set anew by the locustfile as a run begins."""

    def on_start(self) -> None:
        super().on_start()
        self._pool = Pool(IN_FLIGHT)
        options = options_of(self.environment)
        process = getattr(self.environment.runner, "worker_index", 0)
        schedule = Schedule(plan_of(options).gaps, options.seed)
        started = time.time()
        self._dues = (started + due for due in schedule.of_source(process, next(self.sources)))
        self._due = next(self._dues)

    def wait_time(self) -> float:
        """Seconds until the next order is due; a process that was late catches up."""
        return max(0.0, self._due - time.time())

    @task
    def arrive(self) -> None:
        """Send what is due by now."""
        now = time.time()
        while self._due <= now:
            ORDER_LOG.count(Outcome.DUE)
            if self._pool.full():
                ORDER_LOG.count(Outcome.DROPPED)
            else:
                self._pool.spawn(
                    self.send, Submission(SUBMIT, self.new_order(), accepted, name=OPEN, due=self._due)
                )
            self._due = next(self._dues)

    def on_stop(self) -> None:
        """Hear what became of the requests that are without an answer."""
        try:
            self._pool.join()
        except gevent.GreenletExit:
            self._pool.kill()
            raise


class RedriveOperator(ApiUser):
    """Looks into the DLQ every few seconds and redrives what has not been redriven yet. There is one."""

    fixed_count = 1
    wait_time = constant_pacing(3)
    api: ClassVar[Api]
    """Knows the bearer token of /redrive; set by the locustfile."""

    operation: str = ""
    """The one under way."""

    @task
    def operate(self) -> None:
        if self.operation:
            self.follow()
        else:
            self.look_and_redrive()

    def follow(self) -> None:
        row = self._ask("GET", f"/redrive/{self.operation}", name="/redrive/[id]")
        if row and row["status"] not in ("PENDING", "RUNNING"):
            ORDER_LOG.count(Outcome.REDRIVEN, row.get("moved", 0))
            self.operation = ""

    def look_and_redrive(self) -> None:
        plan = {"minAgeSeconds": OPERATOR_MIN_AGE_SECONDS, "maxMessages": OPERATOR_MESSAGES}
        preview = self._ask("GET", f"/redrive/preview?{urlencode(plan)}")
        if any(letter["verdict"] == "selected" for letter in preview.get("messages", [])):
            started = self._ask("POST", "/redrive/start", json=plan, expected=202)
            self.operation = started.get("operationId", "")

    def _ask(
        self, method: str, path: str, *, expected: int = 200, name: str = "", **request: Any
    ) -> dict[str, Any]:
        """The answer's JSON; empty where it was throttled or failed."""
        name = name or path.partition("?")[0]
        headers = {"Authorization": f"Bearer {self.api.redrive_token()}"}
        with self.client.request(
            method, path, name=name, headers=headers, catch_response=True, **request
        ) as answer:
            if answer.status_code == expected:
                answer.success()
                return answer.json()
            if answer.status_code == 429:
                throttled(answer, name)
            else:
                answer.failure(told(answer))
        return {}


KINDS: Mapping[tuple[Model, ...], list[type[User]]] = {
    (Model.CLOSED,): [Batches, Duplicates, InvalidOrders, RedriveOperator, SingleEvents],
    (Model.OPEN,): [OpenArrivals],
    (Model.CLOSED, Model.OPEN): [OpenArrivals, SingleEvents],
}
"""The users of a plan's models."""
