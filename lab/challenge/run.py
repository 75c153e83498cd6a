"""One run of a challenge: the handler is put in, the schedule is played, the history is judged."""

import json
import time
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from functions.publish.message import order_message, text
from lab.challenge.catalog import Challenge
from lab.challenge.package import HANDLER, OWN_WORKER, Handler, package
from lab.challenge.promises import Promise
from lab.challenge.schedule import Order, Schedule, Step
from lab.challenge.stand import Stand
from lab.challenge.testimony import Testimony, waiting
from lab.common.clock import now_ms
from lab.common.interrupts import undoing
from lab.errors import LabError, unknown
from lab.faults.event_bus import PartlyDeafBus
from lab.faults.fault import Fault
from lab.faults.proxy import FaultProxy
from lab.faults.runtime_settings import ENDPOINT_VARIABLE
from lab.history.check import Judgement, check
from lab.history.events import History
from lab.history.places import ledger_of
from lab.history.rules import Breach, Rule
from lab.pipeline.ledger import Ledger

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.type_defs import SendMessageBatchRequestEntryTypeDef

LATE_SECONDS = 3.0
"""How long log lines are waited for, where a promise seems broken without them."""

LOOK_SECONDS = 0.3
TIMELINE = 12
"""Events of a breach that are told; the last ones, where there are more."""

PROXIED = ("DYNAMODB", "EVENTBRIDGE")
NOTHING: Mapping[str, str] = MappingProxyType({})
TO_AN_ORDER = ("kill", "redeliver", "refuse")
FAULT_SECONDS = 300.0


@dataclass(frozen=True)
class Verdict:
    """What a run has shown. `unloaded` says why the handler could not even be loaded; there is no history then."""

    challenge: Challenge
    schedule: Schedule
    seconds: float
    unloaded: str = ""
    history: History | None = None
    judgement: Judgement | None = None

    @property
    def passed(self) -> bool:
        """Whether every promise was kept."""
        return self.judgement is not None and self.judgement.kept

    @property
    def leaves_messages(self) -> bool:
        """Whether the queue was not empty at the end: another run of the same stack would meet what is left."""
        return bool(self.history and self.history.queued)

    @property
    def broken(self) -> list[tuple[Promise, list[Breach]]]:
        """The promises that were broken, as the challenge names them, each with what broke it."""
        if self.judgement is None:
            return []
        found = self.judgement.breaches
        return [
            (promise, list(found[promise.rule]))
            for promise in self.challenge.promises
            if found.get(promise.rule)
        ]

    @property
    def names(self) -> list[str]:
        """The names of the broken promises."""
        return [promise.rule.name for promise, _ in self.broken]

    @property
    def ledger(self) -> Ledger | None:
        """Where every order of the run was at its end."""
        return ledger_of(self.history) if self.history else None

    @property
    def lines(self) -> Iterator[str]:
        """What broke, on which order, its guilty timeline, and the rule that explains it; nothing if all is kept."""
        if self.unloaded:
            yield f"not loaded: {self.unloaded}"
        for promise, breaches in self.broken:
            breach, more = breaches[0], len(breaches) - 1
            who = f"order {breach.order_id}: " if breach.order_id else ""
            yield f"broken: {promise.rule.name}. {promise.rule.promise}"
            yield f"  {who}{breach.why}{f', and {more} more' * (more > 0)}"
            yield from (f"    {event.text}" for event in breach.timeline[-TIMELINE:])
            yield f"  why: {promise.because}"
            yield f"  source: {promise.source}"

    def require(self, *names: str) -> None:
        """Raise AssertionError with `lines` if one of these promises was broken; of all, if none is named."""
        known = {promise.rule.name for promise in self.challenge.promises}
        if strange := set(names) - known:
            raise unknown("promise", min(strange), sorted(known))
        if self.unloaded or set(self.names) & set(names or known):
            raise AssertionError("\n".join(self.lines))


def run(
    stand: Stand,
    handler: Handler,
    schedule: Schedule,
    say: Callable[[str], None],
    proxy: Callable[[], FaultProxy] | None = None,
) -> Verdict:
    """Judge a handler's file. Raises LabError where the engine does not do as asked.

    `proxy` gives one that is there already: it takes seconds to start.
    """
    began = time.monotonic()
    stand.install(package(handler, stand.aws.endpoint or ""), HANDLER)
    own = stand.challenge.worker if handler.needs == OWN_WORKER else NOTHING
    verdict = judged(stand, handler.entry, schedule, say, own, proxy)
    return replace(verdict, seconds=time.monotonic() - began)


def judged(  # noqa: PLR0917
    stand: Stand,
    entry: str,
    schedule: Schedule,
    say: Callable[[str], None],
    variables: Mapping[str, str] = NOTHING,
    proxy: Callable[[], FaultProxy] | None = None,
) -> Verdict:
    """Play a schedule on a function that has the witness around its handler, which `entry` names as `module:name`."""
    began = time.monotonic()
    challenge = stand.challenge
    own = stand.environment | {"LAB_HANDLER": entry} | dict(variables)
    with Nemesis(stand, schedule).ready(proxy) as nemesis, stand.with_environment(nemesis.environment | own):
        if why := load(stand):
            return Verdict(challenge, schedule, time.monotonic() - began, unloaded=why)
        say(f"nemesis: {len(schedule.orders)} orders, seed {schedule.seed}")
        nemesis.play(say)
        said, rules = _settle(nemesis.testimony, challenge)
        say(said)
    history, judgement = _gathered(nemesis.testimony, rules)
    return Verdict(challenge, schedule, time.monotonic() - began, history=history, judgement=judgement)


def load(stand: Stand) -> str:
    """Have the function import its handler; why it could not, or nothing. It warms an environment, too."""
    answer = stand.lambda_().invoke(FunctionName=stand.function_name, Payload=json.dumps({"probe": True}))
    told: Any = json.load(answer["Payload"])
    if told == {"loaded": True}:
        return ""
    if isinstance(told, dict) and "error" in told:
        return f"{told['where']}: {told['error']}: {told['message']}"
    if isinstance(told, dict) and "timed out" in str(told.get("errorMessage")):  # type: ignore[attr-defined]
        return f"its import takes longer than the {stand.challenge.world.timeout} s that the function has"
    if "signal: killed" in str(told) or "OutOfMemory" in str(told):
        return f"its import was killed: it needs more than the {stand.challenge.world.memory} MB that the function has"
    return f"its import ended the function: {told}"


def _settle(testimony: Testimony, challenge: Challenge) -> tuple[str, list[Rule]]:
    """Wait until the queue is empty twice in a row, or nothing can mend what is broken.

    Returns which of them it was, and the rules that can be judged then: an order on its way has broken no promise yet.
    """
    deadline, calm = time.monotonic() + challenge.world.settle, 0
    every = [promise.rule for promise in challenge.promises]
    for_good = [promise.rule for promise in challenge.promises if promise.for_good]
    while time.monotonic() < deadline:
        calm = 0 if waiting(testimony.stand) else calm + 1
        if calm >= 2:
            return "the queue is empty", every
        if not check(testimony.gather(), for_good).kept:
            return "a promise is broken: the rest is not waited for", for_good
        time.sleep(LOOK_SECONDS)
    return f"not settled within {challenge.world.settle} s", every


def _gathered(testimony: Testimony, rules: list[Rule]) -> tuple[History, Judgement]:
    deadline = time.monotonic() + LATE_SECONDS
    while True:
        history = testimony.gather()
        judgement = check(history, rules)
        if judgement.kept or time.monotonic() > deadline:
            return history, judgement
        time.sleep(LOOK_SECONDS)


def once(do: Callable[[], None]) -> Callable[[], None]:
    """What does something at its first call, and nothing afterwards."""
    left = [do]
    return lambda: left.pop()() if left else None


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
                own = FaultProxy(self._stand.aws.endpoint or "")
                self._proxy = proxy() if proxy else open_.enter_context(own)
                open_.callback(self._proxy.clear)
                proxied = {f"{ENDPOINT_VARIABLE}{name}": self._proxy.endpoint for name in PROXIED}
                self.environment = proxied | self.environment
            self.environment["LAB_NEMESIS"] = json.dumps(chosen)
            yield self

    def play(self, say: Callable[[str], None]) -> None:
        """Do every step when its time has come, and undo what is to last for a while only."""
        began = time.monotonic()
        steps: list[tuple[float, str, Callable[[], None]]] = [
            (step.at, step.text, partial(self._do, step)) for step in self._schedule.steps
        ]
        with ExitStack() as undone:
            for step in self._schedule.steps:
                if step.kind == "setting":
                    undo = once(partial(self._set_back, step))
                    undone.enter_context(undoing(undo))
                    steps.append((step.at + step.facts["seconds"], f"{step.facts['what']} as before", undo))
            for at, what, do in sorted(steps, key=lambda each: each[0]):
                time.sleep(max(0.0, began + at - time.monotonic()))
                do()
                if " send " not in what:
                    say(f"  {what}")

    def _do(self, step: Step) -> None:
        if step.kind in ("send", "duplicate"):
            self._send([order for order in self._schedule.orders if order.number in step.orders])
        elif step.kind == "fault":
            self._inject(step)
        elif step.kind == "setting":
            self._set(str(step.facts["what"]), int(step.facts["to"]))
            self.testimony.did(step.text)

    def _set(self, what: str, to: int) -> None:
        client, name = self._stand.lambda_(), self._stand.function_name
        if what == "mapping":
            for mapping in client.list_event_source_mappings(FunctionName=name)["EventSourceMappings"]:
                client.update_event_source_mapping(UUID=mapping.get("UUID", ""), Enabled=bool(to))
        elif what == "timeout":
            client.update_function_configuration(FunctionName=name, Timeout=to)
        else:
            client.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=to)

    def _set_back(self, step: Step) -> None:
        if step.facts["what"] == "concurrency":
            self._stand.lambda_().delete_function_concurrency(FunctionName=self._stand.function_name)
        else:
            self._set(
                step.facts["what"],
                {"mapping": 1, "timeout": self._stand.challenge.world.timeout}[step.facts["what"]],
            )

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
            "customerId": f"customer-{order.customer}",
        }
        if order.poison:
            body["amount"] = -1
        made = order_message(body, order_id, correlation_id=order_id, accepted_at=now_ms())
        entry: SendMessageBatchRequestEntryTypeDef = {
            "Id": str(index),
            "MessageBody": self._body(order, made.body),
            "MessageAttributes": {**made.attributes, "orderId": text(order_id)},
        }
        if self._stand.challenge.world.fifo:
            entry["MessageGroupId"] = body["customerId"]
            entry["MessageDeduplicationId"] = f"{order_id}-{now_ms()}"
        return entry
