"""Plays a schedule: sends the orders, and does to messages, function, AWS APIs and infrastructure what it says."""

import json
import time
from collections.abc import Callable, Generator
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

from functions.publish.message import order_message, text
from lab.challenge.infrastructure import CHANGES
from lab.challenge.promises import group_of
from lab.challenge.schedule import Order, Schedule, Step
from lab.challenge.stand import NEMESIS, Stand
from lab.challenge.testimony import Testimony
from lab.common.clock import now_ms
from lab.common.interrupts import undoing
from lab.errors import LabError
from lab.faults.event_bus import PartlyDeafBus
from lab.faults.fault import Fault
from lab.faults.proxy import FaultProxy
from lab.faults.runtime_settings import ENDPOINT_VARIABLE

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.type_defs import SendMessageBatchRequestEntryTypeDef

PROXIED = ("DYNAMODB", "EVENTBRIDGE")
"""Services as AWS's SDKs spell them in the variables that name an endpoint."""

TO_AN_ORDER = ("kill", "redeliver", "refuse")
"""What is done in the function, by the witness."""

FAULT_SECONDS = 300.0
"""How long a fault lasts that has no end of its own: longer than any run."""


class Nemesis:
    """Plays a schedule on a stand."""

    def __init__(self, stand: Stand, schedule: Schedule) -> None:
        self._stand, self._schedule = stand, schedule
        self.run = f"{schedule.challenge}-{schedule.seed}-{now_ms() % 100_000_000}"
        self.testimony = Testimony(stand, self.run)
        self.environment: dict[str, str] = {}
        self._proxy: FaultProxy | None = None
        self._sqs: SQSClient = stand.client("sqs")

    def order_id(self, number: int) -> str:
        """The id that an order of the schedule has in this run."""
        return f"{self.run}-{number:02}"

    @contextmanager
    def ready(self, proxy: Callable[[], FaultProxy] | None = None) -> Generator["Nemesis"]:
        """Have the proxies that the schedule needs, and the environment that leads the function to them."""
        with ExitStack() as open_:
            chosen: dict[str, Any] = {}
            for step in self._schedule.steps:
                for number in step.orders if step.kind in TO_AN_ORDER else ():
                    who = self.order_id(number)
                    if step.kind == "kill":
                        chosen.setdefault("kill", {})[who] = step.facts["point"]
                    else:
                        chosen.setdefault(step.kind, []).append(who)
                if step.kind == "deaf bus":
                    bus = PartlyDeafBus(self._stand.aws.endpoint or "", step.facts["refusals"])
                    self.environment[f"{ENDPOINT_VARIABLE}EVENTBRIDGE"] = bus.url
            if any(step.kind == "fault" for step in self._schedule.steps):
                endpoint = self._stand.aws.endpoint or ""
                self._proxy = proxy() if proxy else open_.enter_context(FaultProxy(endpoint))
                open_.callback(self._proxy.clear)
                proxied = {f"{ENDPOINT_VARIABLE}{name}": self._proxy.endpoint for name in PROXIED}
                self.environment = proxied | self.environment
            self.environment["LAB_TOKEN"] = self.testimony.token
            self.environment[NEMESIS] = json.dumps(chosen)
            yield self

    @property
    def unstruck(self) -> bool:
        """Whether there were faults of AWS's APIs, and none was met by a call."""
        return self._proxy is not None and not self._proxy.fired()

    def play(self, say: Callable[[str], None]) -> None:
        """Do every step when its time has come, and undo what is to last for a while only."""
        began = time.monotonic()
        steps: list[tuple[float, str, Callable[[], None]]] = []
        with ExitStack() as changed:
            for step in self._schedule.steps:
                lasting = changed.enter_context(ExitStack())
                steps.append((step.at, step.text, partial(self._do, step, lasting)))
                if step.kind == "setting":
                    until = step.at + step.facts["seconds"]
                    steps.append((until, f"{step.facts['what']} as before", lasting.close))
            with undoing(changed.close):
                for at, what, do in sorted(steps, key=lambda each: each[0]):
                    time.sleep(max(0.0, began + at - time.monotonic()))
                    do()
                    if " send " not in what:
                        say(f"  {what}")

    def _do(self, step: Step, lasting: ExitStack) -> None:
        if step.kind in ("send", "duplicate"):
            self._send([order for order in self._schedule.orders if order.number in step.orders])
        elif step.kind == "fault":
            self._inject(step)
        elif step.kind == "setting":
            lasting.enter_context(CHANGES[step.facts["what"]](self._stand, step.facts["to"]))
            self.testimony.did(step.text)

    def _inject(self, step: Step) -> None:
        if self._proxy is None:
            raise LabError("The schedule has no proxy.", "Run it again.")
        given = {name: value for name, value in step.facts.items() if name != "seconds"}
        self._proxy.inject(Fault(**given, ttl_seconds=step.facts.get("seconds", FAULT_SECONDS)))
        self.testimony.did(step.text)

    def _send(self, orders: list[Order]) -> None:
        for start in range(0, len(orders), 10):
            batch = orders[start : start + 10]
            entries = [self._entry(index, order) for index, order in enumerate(batch)]
            answer = self._sqs.send_message_batch(QueueUrl=self._stand.queue_url, Entries=entries)
            if failed := answer.get("Failed"):
                raise LabError(f"SQS did not take an order: {failed[0].get('Message')}.", "See: make status")
            for sent in answer.get("Successful", []):
                order = batch[int(sent["Id"])]
                facts = {"customer": order.customer, "poison": order.poison}
                self.testimony.sent(self.order_id(order.number), sent["MessageId"], facts)

    def _body(self, order: Order, usual: str) -> str:
        if order.poison:
            return "no JSON" if order.number % 2 else usual
        return self._stand.body(self.order_id(order.number)) if self._stand.body else usual

    def _entry(self, index: int, order: Order) -> "SendMessageBatchRequestEntryTypeDef":
        order_id = self.order_id(order.number)
        body: dict[str, Any] = {
            "orderId": order_id,
            "amount": 12.5,
            "customerId": group_of(order.customer),
        }
        if order.poison:
            body["amount"] = -1
        made = order_message(body, order_id, correlation_id=order_id, accepted_at=now_ms())
        entry: SendMessageBatchRequestEntryTypeDef = {
            "Id": str(index),
            "MessageBody": self._body(order, made.body),
            "MessageAttributes": {**made.attributes, "orderId": text(order_id)},
        }
        world = self._stand.challenge.world
        if world.fifo or world.fair:
            entry["MessageGroupId"] = group_of(order.customer)
        if world.fifo:
            entry["MessageDeduplicationId"] = f"{order_id}-{now_ms()}"
        return entry
