"""Every prediction of every scenario, and what was broken so that it failed.

A prediction that cannot fail says nothing. A mutant is a scenario with one thing broken: its fault left out or never
ended, another fault in force all the time, or a line of a deployed function changed. `refutes` are the predictions that
must fail then, by phase. Other predictions of the same run may fail, too, and often do.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from lab.faults import catalogue as faults
from lab.faults import runtime_settings
from lab.faults.changes import Change
from lab.scenario import Scenario
from tests.mutations import MUTATIONS
from tests.support.mutation import Mutation


@dataclass(frozen=True)
class Patch:
    """A mutation of a deployed function's code."""

    function: str
    mutation: Mutation


@dataclass(frozen=True)
class Mutant:
    """A scenario with something broken. `changes` are in force in every phase, `endless` leaves its faults there.

    Where what is broken takes its time to show, the run is `patient`.
    """

    scenario: str
    broken: str
    refutes: Mapping[str, tuple[str, ...]]
    changes: tuple[Change, ...] = ()
    faultless: bool = False
    endless: bool = False
    patient: bool = False
    patch: Patch | None = None

    def __str__(self) -> str:
        return f"{self.scenario}: {self.broken}"

    def of(self, scenario: Scenario) -> Scenario:
        """The scenario with the mutant's changes in force."""
        standing: tuple[Change, ...] = ()
        phases: list[Any] = []
        for phase in scenario.phases:
            phases.append(replace(phase, changes=(*standing, *phase.changes, *self.changes)))
            standing += phase.changes if self.endless else ()
        return replace(scenario, phases=tuple(phases))


def _to(setting: runtime_settings.RuntimeSetting, value: Any, meaning: str) -> Change:
    return Change(setting, lambda _now, _pipeline: value, meaning)


POISON = faults.failure_mode("poison_payload")
CLOSED_DOOR = _to(runtime_settings.INGEST_CONCURRENCY, 0, "no ingest")

RAISES = Patch(
    "worker",
    Mutation(
        "functions/worker/handler.py",
        "lambda_handler",
        "worker = _worker()",
        'raise RuntimeError("broken by a test")',
    ),
)
REPEATS = Patch(
    "worker",
    Mutation(
        "functions/idempotency/store.py",
        "TransactionalStore.complete",
        '[{"Update": completion}, {"Update": effect}]',
        '[{"Delete": {name: completion[name] for name in ("TableName", "Key")}}, {"Update": {**effect,'
        ' "ConditionExpression": "attribute_not_exists(#orderId) OR attribute_exists(#orderId)"}}]',
    ),
)
CORRUPTS_ONLY_ITS_VIEW = Patch(
    "worker",
    Mutation(
        "functions/worker/faults.py",
        "poisoned",
        "replace(envelope, body=codec.dumps(_with_comma(envelope.document)))",
        "envelope.__dict__.update(document=_with_comma(envelope.document)) or envelope",
    ),
)
FORGETS_THE_DEAD = Patch(
    "worker",
    Mutation(
        "functions/worker/settlement.py",
        "Settlement._dead_letter",
        '_taken(self.dlq, letters, "order.not_dead_lettered")',
        '[(*letter, "none") for letter in letters]',
    ),
)
RETRIES_THE_HOPELESS = Patch("worker", MUTATIONS["what can never pass is not retried"])
BELIEVES_THE_BUS = Patch("worker", MUTATIONS["a failed event is reported"])
RESENDS_ALL = Patch(
    "worker",
    Mutation(
        "functions/events/event_publisher.py",
        "EventPublisher.publish",
        "self._put(batch, events, errors)",
        "self._put(batch, events, errors) and [[index] for index in batch]",
    ),
)
RESENDS_NOTHING = Patch("worker", MUTATIONS["a failed event is sent again alone"])
OPENS_AT_ONCE = Patch(
    "worker",
    Mutation("functions/worker/handler.py", "", "PRICE_FAILURE_THRESHOLD = 7", "PRICE_FAILURE_THRESHOLD = 1"),
)
SLOW_CLOCK = Patch(
    "ingest",
    Mutation(
        "functions/ingest/acceptance.py",
        "Acceptance.__init__",
        "time.time_ns() // 1_000_000",
        "time.time_ns() // 1_000_000 - 100_000",
    ),
)
IGNORES_THE_FILTER = Patch(
    "redrive",
    Mutation(
        "functions/redrive/selection.py",
        "judge",
        "plan.error_category in (None, error_category(envelope))",
        "True",
    ),
)
FORGETS_SECOND_DEATHS = Patch(
    "redrive",
    Mutation(
        "functions/redrive/selection.py", "judge", "envelope.redrive_count > 0 and not plan.force", "False"
    ),
)

LEDGER = ("orders lost", "orders with a repeated effect", "orders unaccounted for", "orders left in the DLQ")
"""What the runner itself predicts at the end of every scenario."""


MUTANTS = (
    Mutant(
        "happy-path",
        "the API takes nothing",
        {
            "steady state": ("orders processed",),
            "recovery": (
                "requests answered 202",
                "orders processed",
                "most executions of one order",
                "OrderProcessed events",
                "messages sent to the queue",
                "messages deleted by Lambda",
                "accepted counted (EMF)",
                "processed counted (EMF)",
                "processed counted (log filter)",
            ),
        },
        changes=(CLOSED_DOOR,),
    ),
    Mutant(
        "happy-path",
        "every order is poisoned",
        {
            "recovery": ("failures counted", "messages in the DLQ", "critical alarms that rang"),
            "ledger": ("orders left in the DLQ",),
        },
        changes=(POISON,),
    ),
    Mutant(
        "happy-path",
        "orders took 100 s longer",
        {"recovery": ("slowest order, ms",)},
        patch=SLOW_CLOCK,
    ),
    Mutant(
        "partial-batch",
        "what can never pass is retried",
        {"fault": ("receives until death",)},
        patch=RETRIES_THE_HOPELESS,
    ),
    Mutant(
        "partial-batch",
        "the worker forgets its dead letters",
        {"fault": ("category of death", "type of death", "DLQ alarm")},
        patch=FORGETS_THE_DEAD,
    ),
    Mutant(
        "partial-batch",
        "the worker fails as a whole",
        {
            "fault": (
                "orders processed",
                "failures counted",
                "failures counted as PERMANENT",
                "processed counted",
                "failed invocations of the worker",
            )
        },
        patch=RAISES,
    ),
    Mutant(
        "duplicate-submit",
        "without the fault",
        {
            "fault": (
                "messages sent to the queue",
                "duplicates counted (EMF)",
                "duplicates counted (log filter)",
            )
        },
        faultless=True,
    ),
    Mutant(
        "duplicate-submit",
        "every order is poisoned",
        {
            "steady state": ("orders processed",),
            "fault": ("orders processed", "OrderProcessed event ids", "messages in the DLQ"),
        },
        changes=(POISON,),
    ),
    Mutant(
        "duplicate-submit",
        "the worker remembers no idempotency key",
        {"fault": ("most executions of one order",), "ledger": ("orders with a repeated effect",)},
        patch=REPEATS,
    ),
    Mutant(
        "edit-poisoned",
        "without the fault",
        {
            "fault": ("letters that blame the amount", "letters with a corrupt amount"),
            "redrive unchanged": (
                "status of the redrive",
                "messages moved",
                "times redriven",
                "orders processed",
            ),
            "edit": ("letters edited",),
        },
        faultless=True,
    ),
    Mutant(
        "edit-poisoned",
        "the corruption is in the worker's view alone",
        {
            "fault": ("letters with a corrupt amount",),
            "redrive unchanged": (
                "status of the redrive",
                "messages moved",
                "times redriven",
                "orders processed",
            ),
            "edit": ("letters edited",),
        },
        patch=CORRUPTS_ONLY_ITS_VIEW,
    ),
    Mutant(
        "edit-poisoned",
        "the corruption does not end",
        {
            "edit": (
                "orders processed",
                "most executions of one order",
                "OrderProcessed events",
                "messages in the DLQ",
            ),
        },
        endless=True,
    ),
    Mutant(
        "eventbridge-partial-failure", "without the fault", {"fault": ("entries refused",)}, faultless=True
    ),
    Mutant(
        "eventbridge-partial-failure",
        "the worker does not read what PutEvents answers",
        {
            "fault": ("OrderProcessed events", "events delivered in all"),
            "recovery": ("OrderProcessed events",),
        },
        patch=BELIEVES_THE_BUS,
    ),
    Mutant(
        "eventbridge-partial-failure",
        "the worker resends what was taken as well",
        {"fault": ("events delivered in all",)},
        patch=RESENDS_ALL,
    ),
    Mutant(
        "eventbridge-partial-failure",
        "the worker resends nothing",
        {"fault": ("duplicates counted", "failures counted")},
        patch=RESENDS_NOTHING,
    ),
    Mutant(
        "eventbridge-partial-failure",
        "every order is poisoned",
        {"fault": ("most executions of one order", "messages in the DLQ")},
        changes=(POISON,),
    ),
    Mutant(
        "native-move-task",
        "without the fault",
        {
            "fault": ("category of death",),
            "move without a destination": ("messages in the DLQ",),
            "move to the queue": ("messages moved",),
        },
        faultless=True,
    ),
    Mutant(
        "native-move-task",
        "the API takes nothing",
        {
            "move without a destination": ("status of the task", "why it failed"),
            "move to the queue": ("orders processed", "category of death"),
        },
        changes=(CLOSED_DOOR,),
    ),
    Mutant(
        "native-move-task",
        "the lab's own redrive instead of SQS's task",
        {"move to the queue": ("times redriven", "redriven counted")},
    ),
    Mutant(
        "poison-payload",
        "without the fault",
        {
            "fault": (
                "messages in the DLQ",
                "category of death",
                "receives until death",
                "failures counted as VALIDATION",
                "deaths counted",
                "OrderFailed events",
                "DLQ alarm",
                "notifications",
                "orders processed",
            ),
            "recovery": ("letters edited",),
        },
        faultless=True,
    ),
    Mutant(
        "poison-payload",
        "the poison is there from the beginning and stays",
        {
            "steady state": ("orders processed", "messages in the DLQ"),
            "recovery": ("orders processed", "messages in the DLQ", "OrderProcessed events", "DLQ alarm"),
        },
        changes=(POISON,),
    ),
    Mutant(
        "poison-payload",
        "the worker forgets its dead letters",
        {
            "fault": ("messages in the DLQ",),
            "ledger": ("orders lost", "orders unaccounted for"),
        },
        patch=FORGETS_THE_DEAD,
    ),
    Mutant("random-fail-p30", "without the fault", {"fault": ("failed deliveries counted",)}, faultless=True),
    Mutant(
        "random-fail-p30",
        "another seed",
        {"fault": ("deliveries that contradict the seed",)},
        changes=(faults.worker_environment(FAULT_SEED="8"),),
    ),
    Mutant(
        "random-fail-p30",
        "every order is poisoned",
        {
            "fault": ("orders processed", "messages in the DLQ"),
            "recovery": ("orders processed", "most executions of one order", "messages in the DLQ"),
        },
        changes=(POISON,),
    ),
    Mutant(
        "redrive-filtered",
        "without the fault",
        {"fault": ("category of death",), "recovery": ("messages moved", "redriven counted")},
        faultless=True,
    ),
    Mutant(
        "redrive-filtered",
        "the redrive ignores its filter",
        {"recovery": ("messages moved", "messages passed over", "times redriven")},
        patch=IGNORES_THE_FILTER,
    ),
    Mutant(
        "redrive-filtered",
        "the mismatch stays",
        {"recovery": ("orders processed", "messages in the DLQ", "category of death")},
        endless=True,
    ),
    Mutant(
        "redrive-second-death",
        "without the fault",
        {
            "fault": ("messages moved", "messages in the DLQ", "times redriven", "deaths counted"),
            "redrive unforced": ("skipped as second deaths", "messages in the DLQ"),
            "redrive forced": ("messages moved",),
        },
        faultless=True,
    ),
    Mutant(
        "redrive-second-death",
        "the redrive forgets second deaths",
        {"redrive unforced": ("messages moved",)},
        patch=FORGETS_SECOND_DEATHS,
    ),
    Mutant(
        "redrive-second-death",
        "the mismatch stays",
        {"redrive forced": ("orders processed", "most executions of one order", "messages in the DLQ")},
        endless=True,
    ),
    Mutant(
        "schema-evolution",
        "the API takes nothing",
        {
            "steady state": ("orders accepted", "orders processed"),
            "fault": ("requests answered 422", "rejections counted"),
        },
        changes=(CLOSED_DOOR,),
    ),
    Mutant(
        "schema-evolution",
        "the worker fails as a whole",
        {
            "fault": (
                "messages in the DLQ",
                "category of death",
                "type of death",
                "letters that name /schemaVersion",
                "orders processed",
            )
        },
        patch=RAISES,
    ),
    Mutant(
        "slow-downstream",
        "without the fault",
        {
            "one order late": ("failures counted as TIMEOUT",),
            "fault": (
                "circuits opened",
                "price service's circuit",
                "failures counted as TRANSIENT",
                "messages in the queue",
                "orders processed",
            ),
            "recovery": ("circuits closed",),
        },
        faultless=True,
    ),
    Mutant(
        "slow-downstream",
        "every order is poisoned",
        {
            "steady state": ("orders processed",),
            "not late any more": ("orders processed",),
            "fault": ("messages in the DLQ",),
            "recovery": ("orders processed", "most messages in the DLQ at once"),
        },
        changes=(POISON,),
    ),
    Mutant(
        "slow-downstream",
        "the service stays slow",
        {"recovery": ("price service's circuit",)},
        endless=True,
    ),
    Mutant(
        "slow-downstream",
        "one late order opens the circuit",
        {"one order late": ("price service's circuit",)},
        patch=OPENS_AT_ONCE,
    ),
    Mutant(
        "throttling",
        "without the fault",
        {"fault": ("throttles counted", "throttle alarm", "messages in the queue", "orders processed")},
        faultless=True,
    ),
    Mutant(
        "throttling",
        "every order is poisoned, and nothing throttled",
        {
            "steady state": ("orders processed",),
            "fault": ("messages in the DLQ",),
            "recovery": ("orders processed", "most executions of one order", "messages in the DLQ"),
        },
        changes=(POISON, _to(runtime_settings.WORKER_CONCURRENCY, None, "no reserved concurrency")),
    ),
    Mutant(
        "noisy-customer",
        "the API takes nothing",
        {
            "steady state": ("orders processed",),
            "flood": ("messages in the queue",),
            "after the flood": (
                "orders processed",
                "of the flood ahead of the others",
                "most executions of one order",
            ),
            "grouped": ("messages in the queue",),
            "after the grouped flood": ("orders processed", "most executions of one order"),
        },
        changes=(CLOSED_DOOR,),
    ),
    Mutant(
        "noisy-customer",
        "messages are in groups all the time",
        {"after the flood": ("of the flood ahead of the others",)},
        changes=(faults.ingest_environment(FAIR_QUEUES="true"),),
        patient=True,
    ),
    Mutant(
        "noisy-customer",
        "messages are never in groups",
        {"after the grouped flood": ("of the flood ahead of the others",)},
        changes=(faults.ingest_environment(FAIR_QUEUES="false"),),
        patient=True,
    ),
    Mutant(
        "noisy-customer",
        "every order is poisoned",
        {
            "after the flood": ("messages in the DLQ",),
            "after the grouped flood": ("messages in the DLQ",),
        },
        changes=(POISON,),
    ),
    Mutant(
        "traffic-spike",
        "the API takes nothing",
        {
            "steady state": ("orders processed",),
            "spike": ("requests answered 202",),
            "recovery": ("orders processed", "processed counted", "most executions of one order"),
        },
        changes=(CLOSED_DOOR,),
    ),
    Mutant(
        "traffic-spike",
        "orders took 100 s longer",
        {"recovery": ("slowest order, ms",)},
        patch=SLOW_CLOCK,
    ),
    Mutant(
        "traffic-spike",
        "the worker is throttled",
        {"recovery": ("messages in the queue",)},
        changes=(faults.worker_concurrency(0),),
    ),
    Mutant(
        "traffic-spike",
        "every order is poisoned",
        {"recovery": ("most messages in the DLQ at once",)},
        changes=(POISON,),
    ),
    Mutant(
        "worker-crash",
        "without the fault",
        {
            "fault": (
                "failed invocations of the worker",
                "worker error alarm",
                "OrderProcessed events",
                "messages still in the queue",
            ),
            "recovery": ("duplicates counted",),
        },
        faultless=True,
    ),
    Mutant(
        "worker-crash",
        "every order is poisoned",
        {
            "steady state": ("OrderProcessed events",),
            "fault": ("orders with their effect",),
            "recovery": ("OrderProcessed events", "messages in the DLQ"),
        },
        changes=(POISON,),
    ),
    Mutant(
        "worker-crash",
        "the bus stays silent",
        {"recovery": ("worker error alarm",)},
        endless=True,
    ),
    Mutant(
        "worker-crash",
        "the worker remembers no idempotency key",
        {"recovery": ("most executions of one order",)},
        patch=REPEATS,
        patient=True,
    ),
    Mutant(
        "breaker-strategies",
        "without the fault",
        {
            "outage with none": ("in the DLQ", "most receives of an order"),
            "outage with defer": ("in the queue",),
            "outage with pause": ("in the queue", "times paused"),
            "after pause": ("times resumed",),
        },
        faultless=True,
    ),
    Mutant(
        "breaker-strategies",
        "the strategy is none all the time",
        {
            "outage with defer": ("in the DLQ", "most receives of an order"),
            "outage with pause": ("in the DLQ", "most receives of an order"),
        },
        changes=(faults.worker_environment(BREAKER_STRATEGY="none"),),
    ),
    Mutant(
        "breaker-strategies",
        "the strategy is defer all the time, and the outage never ends",
        {
            "outage with none": ("in the queue",),
            "after none": ("orders processed",),
            "after defer": ("orders processed",),
            "after pause": ("orders processed",),
        },
        changes=(faults.worker_environment(BREAKER_STRATEGY="defer"), faults.failure_mode("slow_downstream")),
    ),
)
