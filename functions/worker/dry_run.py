"""The dry-run function: what the worker would make of an event's messages now, with every effect left out.

It takes the event that the worker would get, and runs the worker's MessageProcessor on it with a store that only reads.
Nothing is claimed, committed, published or moved, and its role may write nothing. What does not lie in the message and
in what is stored, but in chance or in a dependency, is said to be uncertain.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from functions.common import aws, deadline
from functions.common.errors import PipelineError, category_of, place_in_code, type_of
from functions.common.failure_modes import FailureMode, FailureModes, SsmParameters
from functions.common.fate import Fate
from functions.common.observability import log_event, logger, silence
from functions.common.settings import WorkerSettings, worker_settings
from functions.idempotency import ExactlyOnce
from functions.idempotency.reading import ReadingStore
from functions.processor import downstream
from functions.publish.death import short
from functions.publish.envelope import Envelope, from_lambda
from functions.publish.key import payload_digest
from functions.worker import bus
from functions.worker.circuits import Circuits
from functions.worker.faults import as_received, check_under
from functions.worker.handler import PRICE_CIRCUIT, policy_of
from functions.worker.outcome import Done, Failed, Outcome
from functions.worker.policy import DeadLetter, RetryPolicy
from functions.worker.process import MessageProcessor

BY_MODE: Mapping[FailureMode, str] = {
    FailureMode.SLOW_DOWNSTREAM: "the price service does not answer in time: it depends on when it does again",
    FailureMode.RANDOM_FAIL_P30: "the price service refuses calls at random: it depends on chance",
}
CONTESTED = "another of these has its key or its order id with other content: the one that comes first passes"

aws.made_in_init(aws.dynamodb, aws.dynamodb_once, aws.ssm_once)


@dataclass(frozen=True, kw_only=True)
class Forecast:
    """One message's fate: what it would die of and how many receives that takes, or why nobody can know."""

    message_id: str
    fate: Fate
    error: Exception | None = None
    receives: int = 0
    reason: str = ""

    def as_json(self) -> dict[str, Any]:
        """The forecast in the API's names; an error as a dead letter would carry it."""
        told: dict[str, Any] = {"messageId": self.message_id, "forecast": self.fate}
        if self.reason:
            told["reason"] = short(self.reason)
        if self.error is not None:
            told |= {
                "errorType": type_of(self.error),
                "errorCategory": category_of(self.error),
                "errorMessage": short(str(self.error)) or type_of(self.error),
                "receives": self.receives,
            }
            told |= {"place": place} if (place := place_in_code(self.error)) else {}
        return told


@dataclass(frozen=True)
class Identity:
    """What makes a message's effect single: key and order id, and the digest of what they stand for."""

    key: str
    order_id: str
    payload: str


@dataclass(frozen=True)
class DryRun:
    """The parts that live as long as the function's environment."""

    settings: WorkerSettings
    modes: FailureModes
    store: ReadingStore
    circuits: Circuits
    policy: RetryPolicy

    def forecast(self, envelopes: Sequence[Envelope]) -> list[Forecast]:
        """The fate of each message, in their order. Raises AWS's error where what is stored cannot be read."""
        mode, settings = self.modes.current(), self.settings
        envelopes = [as_received(envelope, mode) for envelope in envelopes]
        processor = MessageProcessor(
            once=ExactlyOnce(
                self.store, ttl_days=settings.ttl_days, in_progress_seconds=settings.in_progress_seconds
            ),
            orders_table=settings.orders_table,
            price_service=downstream.healthy,
            require=check_under(mode),
        )
        identities = [_identity(envelope, processor) for envelope in envelopes]
        known = [identity for identity in identities if identity]
        self.store.load(
            {identity.key for identity in known},
            [(settings.orders_table, {"orderId": {"S": identity.order_id}}) for identity in known],
        )
        unwell, contested = BY_MODE.get(mode) or self._open_circuit(), _contested(known)
        with silence():
            outcomes = [processor.process(envelope) for envelope in envelopes]
        return [
            self._fate(outcome, CONTESTED if identity in contested else unwell)
            for outcome, identity in zip(outcomes, identities, strict=True)
        ]

    def _fate(self, outcome: Outcome, doubt: str) -> Forecast:
        """The fate of a message that was processed; `doubt` says why one that passes here might not."""
        name = outcome.envelope.message_id
        match outcome:
            case Done(duplicate=True):
                return Forecast(message_id=name, fate=Fate.ALREADY_DONE)
            case Done():
                fate = Fate.UNCERTAIN if doubt else Fate.WOULD_PASS
                return Forecast(message_id=name, fate=fate, reason=doubt)
            case Failed(error=error) if category_of(error).worth_repeating:
                reason = f"{type_of(error)}: {error}"
                return Forecast(message_id=name, fate=Fate.UNCERTAIN, reason=reason)
            case Failed(error=error):
                return Forecast(
                    message_id=name, fate=Fate.WOULD_DIE, error=error, receives=self._receives(error)
                )

    def _receives(self, error: Exception) -> int:
        """How many receives a message spends that fails in this way each time."""
        last = self.policy.max_receive_count
        return next(
            (count for count in range(1, last) if self.policy.decide(error, count) == DeadLetter()), last
        )

    def _open_circuit(self) -> str:
        for name in (PRICE_CIRCUIT, bus.CIRCUIT):
            if self.circuits.is_open(name):
                return f"the circuit {name} is open: it depends on when the dependency is back"
        return ""


def _identity(envelope: Envelope, processor: MessageProcessor) -> Identity | None:
    """What the worker would find to be the identity of a message; None for one that does not get so far."""
    try:
        document = processor.require(envelope.document)
    except PipelineError:
        return None
    return Identity(envelope.idempotency_key(document), document["orderId"], payload_digest(document))


def _contested(identities: Sequence[Identity]) -> set[Identity]:
    """Those that share a key or an order id with another one that stands for something else."""
    sharing = defaultdict[tuple[str, str], set[Identity]](set)
    for identity in identities:
        sharing["key", identity.key].add(identity)
        sharing["order", identity.order_id].add(identity)
    return {identity for some in sharing.values() if len(some) > 1 for identity in some}


@cache
def _dry_run() -> DryRun:
    settings = worker_settings()
    return DryRun(
        settings=settings,
        modes=FailureModes(
            settings.failure_mode_parameters, SsmParameters(settings.failure_mode_max_age_seconds)
        ),
        store=ReadingStore(settings.idempotency_table, aws.dynamodb()),
        circuits=Circuits(settings.circuits_table, aws.dynamodb_once(), settings.recovery_seconds),
        policy=policy_of(settings),
    )


@logger.inject_lambda_context
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Forecast for the messages of one event; the answer names the code that was asked."""
    dry_run = _dry_run()
    with deadline.of_invocation(context):
        forecasts = dry_run.forecast([from_lambda(record) for record in event["Records"]])
    log_event("dry_run.done", messages=len(forecasts))
    return {
        "codeVersion": dry_run.settings.code_version,
        "forecasts": [forecast.as_json() for forecast in forecasts],
    }
