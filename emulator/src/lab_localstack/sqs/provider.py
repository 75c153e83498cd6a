"""SQS: LocalStack's provider with metrics off the request path and the limits it does not check."""

# pyright: reportIncompatibleMethodOverride=false
# The base class spells out every parameter of every operation; these take what they use.

import time
from typing import Any

from localstack.aws.api import RequestContext
from localstack.services.sqs import constants
from localstack.services.sqs.models import SqsMessage, SqsQueue
from localstack.services.sqs.provider import QueueUpdateWorker, SqsProvider
from localstack.utils.scheduler import Scheduler
from localstack.utils.threads import start_thread

from lab_localstack.settings import SETTINGS
from lab_localstack.sqs import limits
from lab_localstack.sqs.metrics import CallMetrics, QueueSampler
from lab_localstack.sqs.moving import MoveTasks

UPDATE_SECONDS = 0.2
PURGE_SECONDS = 60


class FinerQueueUpdateWorker(QueueUpdateWorker):
    """Makes messages visible within a fifth of a second of their time.

    LocalStack's whole second shows where visibility timeouts are a few seconds.
    """

    def start(self) -> None:
        with self.mutex:
            if self.thread:
                return
            self.scheduler = scheduler = Scheduler()
            scheduler.schedule(self.do_update_all_queues, period=UPDATE_SECONDS)
            self.thread = start_thread(lambda *_: scheduler.run(), name="sqs-queue-update-worker")


class LabSqsProvider(SqsProvider):
    """Everything LocalStack does; metrics and limits are this distribution's."""

    def __init__(self) -> None:
        super().__init__()
        constants.RECENTLY_DELETED_TIMEOUT = SETTINGS.queue_wait_seconds
        self._message_move_task_manager = MoveTasks()
        self._queue_update_worker = FinerQueueUpdateWorker()

    def purge_queue(self, context: RequestContext, queue_url: str, **kwargs: Any) -> None:
        """LocalStack counts 60 seconds from the purge; this sets it back by what is not to be waited for."""
        super().purge_queue(context, queue_url, **kwargs)
        queue = self._resolve_queue(context, queue_url=queue_url)
        queue.purge_timestamp = time.time() - (PURGE_SECONDS - SETTINGS.queue_wait_seconds)

    def _init_cloudwatch_metrics_reporting(self) -> None:
        self.cloudwatch_disabled = False
        self._cloudwatch_publish_worker: Any = QueueSampler()
        self._cloudwatch_dispatcher: Any = CallMetrics()

    def create_queue(
        self,
        context: RequestContext,
        queue_name: str,
        attributes: Any = None,
        tags: Any = None,
        **kwargs: Any,
    ) -> Any:
        limits.require_queue_attributes(attributes)
        return super().create_queue(context, queue_name, attributes, tags, **kwargs)

    def set_queue_attributes(
        self, context: RequestContext, queue_url: str, attributes: Any, **kwargs: Any
    ) -> None:
        limits.require_queue_attributes(attributes)
        super().set_queue_attributes(context, queue_url, attributes, **kwargs)

    def delete_queue(self, context: RequestContext, queue_url: str, **kwargs: Any) -> None:
        """LocalStack resolves a bare name in all other operations, and fails in this one on what is no URL."""
        queue = self._resolve_queue(context, queue_url=queue_url)
        super().delete_queue(context, queue.url(context), **kwargs)

    def _put_message(
        self,
        queue: SqsQueue,
        context: RequestContext,
        message_body: Any,
        delay_seconds: Any = None,
        message_attributes: Any = None,
        *args: Any,
        **kwargs: Any,
    ) -> SqsMessage:
        limits.require_message(delay_seconds, message_attributes)
        return super()._put_message(
            queue, context, message_body, delay_seconds, message_attributes, *args, **kwargs
        )

    def send_message(
        self,
        context: RequestContext,
        queue_url: str,
        message_body: str,
        message_attributes: Any = None,
        **kwargs: Any,
    ) -> Any:
        attributes: Any = limits.encodable_attributes(message_attributes)
        body = limits.encodable(message_body)
        return super().send_message(context, queue_url, body, message_attributes=attributes, **kwargs)

    def send_message_batch(
        self, context: RequestContext, queue_url: str, entries: Any = None, **kwargs: Any
    ) -> Any:
        limits.require_entries("SendMessage", entries)
        for entry in entries:
            if "MessageBody" in entry:
                entry["MessageBody"] = limits.encodable(entry["MessageBody"])
            if "MessageAttributes" in entry:
                entry["MessageAttributes"] = limits.encodable_attributes(entry["MessageAttributes"])
        result: Any = super().send_message_batch(context, queue_url, entries, **kwargs)
        for failed in result.get("Failed") or ():
            failed["Code"] = failed["Code"].removesuffix("Exception")
            failed["SenderFault"] = failed["SenderFault"] or failed["Code"] == "InvalidMessageContents"
        return result

    def delete_message_batch(
        self, context: RequestContext, queue_url: str, entries: Any = None, **kwargs: Any
    ) -> Any:
        limits.require_entries("DeleteMessage", entries)
        return super().delete_message_batch(context, queue_url, entries, **kwargs)

    def receive_message(
        self, context: RequestContext, queue_url: str, visibility_timeout: Any = None, **kwargs: Any
    ) -> Any:
        limits.require_visibility(visibility_timeout)
        return super().receive_message(context, queue_url, visibility_timeout=visibility_timeout, **kwargs)

    def change_message_visibility(
        self,
        context: RequestContext,
        queue_url: str,
        receipt_handle: str,
        visibility_timeout: Any,
        **kwargs: Any,
    ) -> None:
        limits.require_visibility(visibility_timeout)
        super().change_message_visibility(context, queue_url, receipt_handle, visibility_timeout, **kwargs)

    def change_message_visibility_batch(
        self, context: RequestContext, queue_url: str, entries: Any = None, **kwargs: Any
    ) -> Any:
        limits.require_entries("ChangeMessageVisibility", entries)
        for entry in entries:
            limits.require_visibility(entry.get("VisibilityTimeout"))
        return super().change_message_visibility_batch(context, queue_url, entries, **kwargs)

    def start_message_move_task(
        self,
        context: RequestContext,
        source_arn: str,
        destination_arn: Any = None,
        max_number_of_messages_per_second: Any = None,
        **kwargs: Any,
    ) -> Any:
        limits.require_move_rate(max_number_of_messages_per_second)
        return super().start_message_move_task(
            context, source_arn, destination_arn, max_number_of_messages_per_second, **kwargs
        )
