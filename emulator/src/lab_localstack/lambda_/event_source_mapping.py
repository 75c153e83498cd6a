"""Event source mappings of standard SQS queues.

LocalStack runs one poller a mapping, one batch after the other, with waits in between. Here one thread a mapping
receives by long polling, and as many batches as the mapping's concurrency run at once, each in a thread of its own.
Queue and function are called in process, the queue in the name of the function's role. Everything else (FIFO queues,
streams) stays LocalStack's.
"""

import io
import json
import logging
import threading
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from localstack.aws.api.lambda_ import (
    EventSourceMappingConfiguration,
    FunctionResponseType,
    InvocationType,
    TooManyRequestsException,
)
from localstack.services.lambda_.event_source_mapping.esm_worker import EsmState, EsmStateReason, EsmWorker
from localstack.services.lambda_.event_source_mapping.esm_worker_factory import EsmWorkerFactory
from localstack.services.lambda_.event_source_mapping.pollers.poller import Poller
from localstack.services.lambda_.provider_utils import get_function_version_from_arn
from localstack.utils.aws.arns import parse_arn

from lab_localstack import documents
from lab_localstack.internal import call
from lab_localstack.lambda_ import sqs_records
from lab_localstack.settings import SETTINGS

LOG = logging.getLogger(__name__)
DEFAULT_CONCURRENCY = 5
"""Batches at once without a MaximumConcurrency: what AWS starts with."""
RECEIVE_LIMIT = 10
WAIT_SECONDS = 1
"""One long poll: also how soon a mapping notices that it is to stop."""
THROTTLED_WAIT = (0.1, 2.0)
"""Seconds before a throttled batch is tried again: the first wait, doubled up to the last."""


class WorkerFactory(EsmWorkerFactory):
    """Takes the place of LocalStack's factory."""

    def get_esm_worker(self) -> EsmWorker:
        """The worker of one mapping. It takes over from the one the mapping had before."""
        source = self.esm_config.get("EventSourceArn") or ""
        if ":sqs:" not in source or source.endswith(".fifo"):
            return super().get_esm_worker()
        worker = QueueWorker(self.esm_config, QueuePoller(self.esm_config), self.enabled)
        worker.predecessor, _WORKERS[worker.uuid] = _WORKERS.get(worker.uuid), worker
        return worker


_WORKERS: dict[str, "QueueWorker"] = {}


class QueueWorker(EsmWorker):
    """The life of one mapping between two changes of its configuration: its state and its receiving thread."""

    predecessor: "QueueWorker | None" = None

    def __init__(
        self, esm_config: EventSourceMappingConfiguration, poller: "QueuePoller", enabled: bool
    ) -> None:
        super().__init__(esm_config, poller, enabled, EsmStateReason.USER_INITIATED)
        poller.stopping = self._shutdown_event

    def create(self) -> None:
        """Take over: the mapping is enabled or disabled once the predecessor receives no more."""
        before, self.predecessor = self.predecessor, None
        if before is None:
            super().create()
            return
        was_enabled = before.receiving
        self.current_state = (
            (EsmState.UPDATING if was_enabled else EsmState.ENABLING) if self.enabled else EsmState.DISABLING
        )
        threading.Thread(target=self._take_over, args=(before,), daemon=True, name="take-over").start()

    def _take_over(self, before: "QueueWorker") -> None:
        before.wait_until_stopped()
        if self._shutdown_event.is_set():
            return
        if self.enabled:
            self.start()
        else:
            self.current_state = EsmState.DISABLED
            self.update_esm_state_in_store(EsmState.DISABLED)

    def delete(self) -> None:
        """End the mapping: it is gone as soon as it receives no more."""
        was_receiving = self.receiving
        super().delete()
        if not was_receiving:
            self.delete_esm_in_store()

    def delete_esm_in_store(self) -> None:
        """Forget the mapping."""
        super().delete_esm_in_store()
        _WORKERS.pop(self.uuid, None)

    def update_esm_state_in_store(self, new_state: EsmState) -> None:
        """Note the state, unless a successor already speaks for the mapping."""
        if _WORKERS.get(self.uuid) is self and self.uuid in self._state.event_source_mappings:
            super().update_esm_state_in_store(new_state)

    @property
    def receiving(self) -> bool:
        """Whether the receiving thread runs."""
        return self._poller_thread is not None and self._poller_thread.is_alive()

    def wait_until_stopped(self) -> None:
        """Return when the receiving thread has ended."""
        if self._poller_thread is not None:
            self._poller_thread.join()


class QueuePoller(Poller):
    """Receives batches and hands them to the function."""

    stopping: threading.Event

    def __init__(self, mapping: Mapping[str, Any]) -> None:
        self._source_arn: str = mapping["EventSourceArn"]
        filters = (mapping.get("FilterCriteria") or {}).get("Filters") or []
        self.filter_patterns = [documents.loads(each["Pattern"]) for each in filters]
        arn = parse_arn(self._source_arn)
        self._queue, self._account, self._region = arn["resource"], arn["account"], arn["region"]
        self._function_arn: str = mapping["FunctionArn"]
        self._function_account = parse_arn(self._function_arn)["account"]
        self._function_region = parse_arn(self._function_arn)["region"]
        self._batch_size: int = mapping.get("BatchSize") or RECEIVE_LIMIT
        self._window: int = mapping.get("MaximumBatchingWindowInSeconds") or 0
        response_types = mapping.get("FunctionResponseTypes") or []
        self._partial = FunctionResponseType.ReportBatchItemFailures in response_types
        concurrency = (mapping.get("ScalingConfig") or {}).get("MaximumConcurrency") or DEFAULT_CONCURRENCY
        self._slots = threading.BoundedSemaphore(concurrency)
        self._at_work = ThreadPoolExecutor(concurrency, thread_name_prefix=f"batch-{self._queue}")

    def event_source(self) -> str:
        """The records' eventSource."""
        return "aws:sqs"

    def poll_events(self) -> None:
        """Receive until the mapping stops. Raises what the queue raises, such as that it does not exist."""
        while not self.stopping.is_set():
            if not self._slots.acquire(timeout=WAIT_SECONDS):
                continue
            try:
                messages = self._receive_batch()
            except BaseException:
                self._slots.release()
                raise
            if not messages:
                self._slots.release()
                continue
            received = time.monotonic()
            records = [sqs_records.record(message, self._source_arn) for message in messages]
            for number, batch in enumerate(sqs_records.batches(records)):
                if number:
                    self._slots.acquire()
                self._at_work.submit(self._process, batch, received)

    def close(self) -> None:
        """No more batches begin; those at work finish."""
        self._at_work.shutdown(wait=False)

    def _receive_batch(self) -> list[dict[str, Any]]:
        """Messages for one batch: what is there, or what comes within the batching window after the first."""
        messages = self._receive(self._batch_size, WAIT_SECONDS)
        if messages and self._window:
            closes = time.monotonic() + self._window
            while len(messages) < self._batch_size and (left := closes - time.monotonic()) > 0:
                if (
                    self.stopping.is_set()
                    or sum(len(m["Body"]) for m in messages) >= sqs_records.PAYLOAD_LIMIT
                ):
                    break
                messages += self._receive(self._batch_size - len(messages), min(left, WAIT_SECONDS))
        return messages

    def _receive(self, count: int, wait: float) -> list[dict[str, Any]]:
        result = self._on_queue(
            "ReceiveMessage",
            MaxNumberOfMessages=min(count, RECEIVE_LIMIT),
            WaitTimeSeconds=wait,
            MessageAttributeNames=["All"],
            MessageSystemAttributeNames=["All"],
        )
        return result.get("Messages") or []

    def _process(self, batch: list[dict[str, Any]], received: float) -> None:
        try:
            judged = [(made, self._wants(made)) for made in batch]
            wanted = [made for made, wants in judged if wants]
            done = {made["messageId"] for made, wants in judged if wants is False}
            if wanted:
                done |= self._invoke(wanted, received)
            entries = [
                {"Id": str(number), "ReceiptHandle": made["receiptHandle"]}
                for number, made in enumerate(batch)
                if made["messageId"] in done
            ]
            for start in range(0, len(entries), RECEIVE_LIMIT):
                self._on_queue("DeleteMessageBatch", Entries=entries[start : start + RECEIVE_LIMIT])
        except Exception as error:
            # whatever went wrong, the messages come back after their visibility timeout
            LOG.warning("A batch of %s for %s failed: %s", self._queue, self._function_arn, error)
        finally:
            self._slots.release()

    def _wants(self, made: dict[str, Any]) -> bool | None:
        """Whether a filter lets the record pass. None if that cannot be told: it alone comes back then."""
        try:
            return not self.filter_patterns or bool(self.filter_events([sqs_records.as_filtered(made)]))
        except Exception as error:
            LOG.warning("Message %s of %s cannot be filtered: %r", made["messageId"], self._queue, error)
            return None

    def _invoke(self, records: list[dict[str, Any]], received: float) -> set[str]:
        """Run the function on the records; returns the ids of the messages it is done with."""
        message_ids = {made["messageId"] for made in records}
        event = json.dumps({"Records": records}).encode()
        answer = self._invoke_unless_throttled(event, received)
        if answer is None or answer.get("FunctionError"):
            return set()
        if not self._partial:
            return message_ids
        try:
            return message_ids - sqs_records.failed_message_ids(answer.get("Payload"), message_ids)
        except sqs_records.BatchFailedError as error:
            LOG.info("The whole batch of %s failed, since %s", self._function_arn, error)
            return set()

    def _invoke_unless_throttled(self, event: bytes, received: float) -> dict[str, Any] | None:
        """A throttled batch keeps its place and is tried again until its messages are about to be visible again."""
        wait, longest = THROTTLED_WAIT
        while True:
            try:
                return call(
                    "lambda",
                    "Invoke",
                    {
                        "FunctionName": self._function_arn,
                        "InvocationType": InvocationType.RequestResponse,
                        "Payload": io.BytesIO(event),
                    },
                    self._function_account,
                    self._function_region,
                )
            except TooManyRequestsException:
                if time.monotonic() + wait > received + self._patience() or self.stopping.wait(wait):
                    return None
                wait = min(wait * 2, longest)

    def _patience(self) -> float:
        """Seconds after the receive up to which the function can still finish before the messages come back."""
        names = ["VisibilityTimeout"]
        visibility = self._on_queue("GetQueueAttributes", AttributeNames=names)["Attributes"][
            "VisibilityTimeout"
        ]
        return float(visibility) - get_function_version_from_arn(self._function_arn).config.timeout

    def _on_queue(self, operation: str, **parameters: Any) -> dict[str, Any]:
        request = {"QueueUrl": self._queue, **parameters}
        version = get_function_version_from_arn(self._function_arn)
        if SETTINGS.checks(version.config.role):
            from lab_localstack.iam.provider import Place, require_for

            require_for(version, "sqs", operation, request, Place(self._account, self._region))
        return call("sqs", operation, request, self._account, self._region)
