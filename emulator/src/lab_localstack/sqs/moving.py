"""Message move tasks whose messages arrive as new ones, as on AWS."""

import copy
from typing import Any

from localstack.aws.api.sqs import UnsupportedOperation
from localstack.services.sqs.models import MessageMoveTask, MessageMoveTaskStatus, SqsMessage
from localstack.services.sqs.provider import MessageMoveTaskManager
from localstack.services.sqs.utils import generate_message_id
from localstack.utils.time import now

NOT_KEPT = ("ApproximateReceiveCount", "DeadLetterQueueSourceArn")
HIDDEN_SECONDS = 30


class CouldNotDetermineMessageSource(Exception):  # noqa: N818  its name is AWS's FailureReason
    """A message that was sent to the dead-letter queue has no source queue to go back to."""


class MoveTasks(MessageMoveTaskManager):
    """LocalStack's tasks; a moved message gets a new id, a new sent time and a receive count of zero."""

    def cancel(self, move_task: MessageMoveTask) -> None:
        """Stop a task that runs. Raises UnsupportedOperation for any other: what is over stays as it ended."""
        if move_task.status not in (MessageMoveTaskStatus.CREATED, MessageMoveTaskStatus.RUNNING):
            raise UnsupportedOperation(
                f"A task that is {move_task.status} cannot be cancelled, only a RUNNING one."
            )
        super().cancel(move_task)

    def _run(self, move_task: MessageMoveTask) -> None:
        try:
            while not move_task.cancel_event.is_set() and self._move_one(move_task):
                if rate := move_task.max_number_of_messages_per_second:
                    move_task.cancel_event.wait(1 / rate)
        except Exception as error:  # whatever it is belongs into the task's FailureReason
            self._fail_task(move_task, error)
            return
        canceled = move_task.cancel_event.is_set()
        move_task.status = MessageMoveTaskStatus.CANCELLED if canceled else MessageMoveTaskStatus.COMPLETED

    def _move_one(self, task: MessageMoveTask) -> bool:
        """Move the next message; False if there is none. Queues are looked up again: they may be deleted."""
        source = self._get_queue_by_arn(task.source_arn)
        received = source.receive(num_messages=1, visibility_timeout=HIDDEN_SECONDS)
        if not received.successful:
            return False
        message, handle = received.successful[0], received.receipt_handles[0]
        target = task.destination_arn or message.dead_letter_queue_source_arn
        if not target:
            source.update_visibility_timeout(handle, 0)
            raise CouldNotDetermineMessageSource
        self._get_queue_by_arn(target).put(
            as_new(message),
            message_group_id=message.message_group_id,  # pyright: ignore[reportArgumentType]
            message_deduplication_id=message.message_deduplication_id,  # pyright: ignore[reportArgumentType]
        )
        source.remove(handle)
        task.approximate_number_of_messages_moved = (task.approximate_number_of_messages_moved or 0) + 1
        return True


def as_new(message: SqsMessage) -> Any:
    """The message under a new id and with a new sent time."""
    renewed: dict[str, Any] = copy.deepcopy(dict(message.message))
    renewed["MessageId"] = generate_message_id()
    renewed["Attributes"] = {k: v for k, v in renewed["Attributes"].items() if k not in NOT_KEPT}
    renewed["Attributes"]["SentTimestamp"] = str(now(millis=True))
    return renewed
