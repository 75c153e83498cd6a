"""The worker function: a batch of the orders queue, answered with the messages that failed."""

import random
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from functions.common import aws, deadline, tracing
from functions.common.failure_modes import FailureMode, FailureModes, SsmParameters
from functions.common.observability import count, log_event, logger, metrics_of_invocation
from functions.common.partial_batch import partial_batch_response
from functions.common.settings import SQS_MAX_BYTES, WorkerSettings, worker_settings
from functions.events.event_publisher import EventPublisher
from functions.idempotency import ExactlyOnce, TransactionalStore
from functions.processor import downstream
from functions.processor.downstream import PriceService
from functions.publish.envelope import from_lambda
from functions.publish.publisher import Publisher
from functions.worker import bus
from functions.worker.batch import BatchRunner
from functions.worker.circuit_outcome import reconsidered
from functions.worker.circuits import Circuits
from functions.worker.faults import as_received, check_under
from functions.worker.pause_requests import PauseRequests, follow
from functions.worker.policy import RetryPolicy
from functions.worker.process import MessageProcessor
from functions.worker.settlement import Settlement

THREADS = 10
"""One for each message of the usual batch; they wait for AWS, they do not compute."""

PRICE_CIRCUIT = "price-service"
PRICE_FAILURE_THRESHOLD = 7
"""Failures in a row: an outage opens the circuit within a batch of ten, single failures do not."""

SETTLING_SHARE = 4
MOMENT_SHARE = 20
"""A quarter of the worker's time is kept for settling the batch, or what one call may take and a moment to begin it."""

aws.made_in_init(aws.sqs_once, aws.dynamodb, aws.dynamodb_once, aws.events_once, aws.ssm_once)


@dataclass(frozen=True)
class Worker:
    """The parts of the worker that live as long as its environment."""

    settings: WorkerSettings
    modes: FailureModes
    once: ExactlyOnce
    settlement: Settlement
    executor: ThreadPoolExecutor
    circuits: Circuits
    pauses: PauseRequests | None
    price_services: dict[FailureMode, PriceService]

    def handle(self, event: dict[str, Any], seconds_left: Callable[[], float]) -> list[str]:
        """Process an event's messages. Returns the ids of those to be delivered again, in their order."""
        mode = self.modes.current()
        processor = MessageProcessor(
            once=self.once,
            orders_table=self.settings.orders_table,
            price_service=self.price_services.get(mode, self.price_services[FailureMode.NONE]),
            require=check_under(mode),
        )
        runner = BatchRunner(
            tracing.each_traced(processor.process),
            self.executor,
            claim_seconds=self.settings.in_progress_seconds,
        )
        envelopes = [from_lambda(record) for record in event["Records"]]
        log_event(
            "batch.received", messages={envelope.message_id: envelope.receive_count for envelope in envelopes}
        )
        envelopes = [as_received(envelope, mode) for envelope in envelopes]
        outcomes = runner.run(envelopes, seconds_left)
        outcomes = reconsidered(outcomes, lambda: self.circuits.is_open(PRICE_CIRCUIT))
        kept = self.settlement.settle(outcomes)
        follow(self.circuits.take_transitions(), self.pauses)
        return [envelope.message_id for envelope in envelopes if envelope.message_id in kept]


@cache
def _worker() -> Worker:
    settings = worker_settings()
    circuits = Circuits(settings.circuits_table, aws.dynamodb_once(), settings.recovery_seconds)
    seed = settings.fault_seed or uuid.uuid4().hex

    def guarded(service: PriceService) -> PriceService:
        return circuits.guard(PRICE_CIRCUIT, service, failure_threshold=PRICE_FAILURE_THRESHOLD)

    return Worker(
        settings=settings,
        modes=FailureModes(
            settings.failure_mode_parameters, SsmParameters(settings.failure_mode_max_age_seconds)
        ),
        once=ExactlyOnce(
            TransactionalStore(settings.idempotency_table, aws.dynamodb()),
            ttl_days=settings.ttl_days,
            in_progress_seconds=settings.in_progress_seconds,
        ),
        settlement=Settlement(
            publish=bus.guarded(EventPublisher(aws.events_once(), settings.event_bus_name), circuits),
            dlq=Publisher(aws.sqs_once(), settings.dlq_url, max_bytes=SQS_MAX_BYTES),
            queue=Publisher(aws.sqs_once(), settings.queue_url, max_bytes=SQS_MAX_BYTES),
            sqs=aws.sqs_once(),
            queue_url=settings.queue_url,
            policy=policy_of(settings),
            code_version=settings.code_version,
            metric_seconds=settings.alarm_period_seconds,
        ),
        executor=ThreadPoolExecutor(THREADS, thread_name_prefix="message"),
        circuits=circuits,
        pauses=PauseRequests(aws.sqs_once(), settings.pauser_queue_url, settings.recovery_seconds)
        if settings.pauses and settings.pauser_queue_url
        else None,
        price_services={
            FailureMode.NONE: guarded(downstream.healthy),
            FailureMode.SLOW_DOWNSTREAM: guarded(downstream.slow(settings.deadline_seconds)),
            FailureMode.RANDOM_FAIL_P30: guarded(downstream.flaky(seed)),
        },
    )


def policy_of(settings: WorkerSettings) -> RetryPolicy:
    """What becomes of failures in a deployment."""
    return RetryPolicy(
        max_receive_count=settings.max_receive_count,
        base_seconds=settings.retry_base_seconds,
        cap_seconds=settings.retry_cap_seconds,
        recovery_seconds=settings.recovery_seconds,
        strategy=settings.breaker_strategy,
        rng=random.Random(),  # noqa: S311  jitter, no secret
    )


@logger.inject_lambda_context
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Process one batch of SQS; the answer is a partial batch response."""
    worker = _worker()
    limit = worker.settings.in_progress_seconds
    reserve = max(limit / SETTLING_SHARE, deadline.seconds_of_a_call(limit) + limit / MOMENT_SHARE)
    with deadline.of_invocation(context), metrics_of_invocation():
        count("BatchSize", len(event["Records"]))
        kept = worker.handle(event, lambda: context.get_remaining_time_in_millis() / 1000 - reserve)
    return partial_batch_response(kept)
