"""Taking edits back, while what they sent is not processed: each letter by its identity, the others with the reason.

An edited message is received, which hides it from the worker; its original goes back to the DLQ as the audit row keeps
it, and only then is the message deleted. Whatever ends it in between leaves at worst both: the same command finds the
original by its lineage, which names the letter that it was, and finishes. Every other message that waits in the queue
is received once, too.
"""

import time
from collections import defaultdict
from collections.abc import Generator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from functions.common.settings import SQS_MAX_BYTES
from functions.publish.attributes import LINEAGE, carrying, own
from functions.publish.death import UNDONE, last_edit
from functions.publish.envelope import Envelope
from functions.publish.message import OutgoingMessage
from functions.publish.publisher import Publisher
from functions.redrive.audit import original
from functions.redrive.canary import OrdersTable
from functions.redrive.dlq import CONCURRENCY, DeadLetterQueue, Walk
from functions.redrive.kinds import EDIT_KIND, UNDO_KIND
from functions.redrive.moved import Moved
from functions.redrive.operations import KIND, Status
from lab.common.clock import now_ms
from lab.common.person import person
from lab.errors import LabError
from lab.pipeline.observe import Pipeline

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

VISIBILITY_SECONDS = 60
"""How long a message is hidden while its original goes back; should the tool die, it is visible after this time."""

PASS_SECONDS = 1.0
"""Between two looks at what is still on its way."""


class Left(StrEnum):
    """Why an edit could not be undone."""

    PROCESSED = "its order was processed before"
    NOT_KEPT = "its original was too large for the audit row"
    REFUSED = "SQS did not take the original"
    UNDER_WAY = "the worker has it, or it is delayed or moved on"


@dataclass
class Edit:
    """One letter that was edited, and the messages that were sent in its place: more than one where a repetition did.

    `copies` are those that are in hand, each with the queue that it was received from, and `restored` is its original,
    if it is in the DLQ again.
    """

    letter_id: str
    rows: list[Mapping[str, Any]]
    copies: list[tuple[DeadLetterQueue, Envelope]] = field(
        default_factory=list[tuple[DeadLetterQueue, Envelope]]
    )
    restored: list[Envelope] = field(default_factory=list[Envelope])

    @property
    def message_ids(self) -> set[str]:
        """The messages that were sent in the letter's place."""
        return {row["newMessageId"] for row in self.rows}

    @property
    def order_id(self) -> str:
        """Its order, or the letter where the order is not known."""
        return str(self.rows[0].get("orderId") or self.letter_id)

    def moved(self) -> Moved:
        """By what the effect of the edited order is known."""
        row = self.rows[0]
        key = row.get("newIdempotencyKey")
        return Moved(row.get("orderId"), key, row["correlationId"], redrive_count=0, letter_id=self.letter_id)


@dataclass
class Undone:
    """What was taken back, and what was not, by the reason: order ids."""

    orders: list[str] = field(default_factory=list[str])
    left: dict[Left, list[str]] = field(default_factory=lambda: defaultdict[Left, list[str]](list))


class Undo:
    """Takes back what one operation has edited, or the edit whose message has that id."""

    def __init__(self, pipeline: Pipeline, name: str) -> None:
        """Raises LabError if there is no such edit, or if its operation still runs."""
        self._pipeline = pipeline
        self._dynamodb: DynamoDBClient = pipeline.aws.client("dynamodb")
        self._table = pipeline.stack.redrive_table_name
        sqs, stack = pipeline.aws.client("sqs"), pipeline.stack
        self._queue, self._dlq = DeadLetterQueue(sqs, stack.queue_url), DeadLetterQueue(sqs, stack.dlq_url)
        self._publisher = Publisher(sqs, stack.dlq_url, max_bytes=SQS_MAX_BYTES)
        self._effects = OrdersTable(self._dynamodb, stack.orders_table_name)
        self._refuse_a_running(name)
        self.edits = self._find(name)
        self.done = Undone()
        if not self.edits:
            raise LabError(
                f"Nothing was edited by {name}.",
                "Name an operation of `lab dlq patch`, or the message id that `lab dlq edit` has printed.",
            )

    def carry_out(self, seconds: float) -> Undone:
        """Look again and again, for so long, until each edit is undone or cannot be."""
        deadline = time.monotonic() + seconds
        while not self._look() and time.monotonic() < deadline:
            time.sleep(PASS_SECONDS)
        self.done.left[Left.UNDER_WAY] += [edit.order_id for edit in self.edits.values()]
        return self.done

    def _look(self) -> bool:
        """One pass through both queues. Returns whether nothing is left to be done."""
        for edit in self.edits.values():
            edit.copies, edit.restored = [], []
        with (
            ThreadPoolExecutor(CONCURRENCY) as threads,
            self._walked(self._queue, threads) as queued,
            self._walked(self._dlq, threads) as dead,
        ):
            # Asked while they are hidden: what is not processed now will not be.
            processed = self._effects.processed(edit.moved() for edit in self.edits.values())
            for edit in list(self.edits.values()):
                if edit.letter_id in processed:
                    self._keep_processed(edit, dead)
                elif len(edit.copies) >= len(edit.message_ids) or edit.restored:
                    self._take_back(edit, queued, dead)
        return not self.edits

    def _keep_processed(self, edit: Edit, dead: Walk) -> None:
        """The order has its effect: an original that a killed run has put back would be a second one."""
        self._remove(edit.restored, dead)
        self._close(edit, Left.PROCESSED)

    def _remove(self, letters: Sequence[Envelope], dead: Walk) -> None:
        for letter in letters:
            if not self._dlq.delete([letter]):
                dead.taken.add(letter.message_id)

    def _take_back(self, edit: Edit, queued: Walk, dead: Walk) -> None:
        # A send whose answer was lost is repeated.
        self._remove(edit.restored[1:], dead)
        if not edit.restored:
            kept = original(edit.rows[0])
            if kept is None:
                self._close(edit, Left.NOT_KEPT)
                return
            (delivery,) = self._publisher.send([_restored(edit, *kept)])
            if not delivery.sent:
                self._close(edit, Left.REFUSED)
                return
        for queue, copy in edit.copies:
            self._record(edit, copy)
            if queue.delete([copy]):
                return  # it will be seen again, beside its original
            (queued if queue is self._queue else dead).taken.add(copy.message_id)
        if len(edit.copies) >= len(edit.message_ids) or self._pipeline.queue().total == 0:
            self._close(edit)

    def _close(self, edit: Edit, why: Left | None = None) -> None:
        del self.edits[edit.letter_id]
        (self.done.orders if why is None else self.done.left[why]).append(edit.order_id)

    @contextmanager
    def _walked(self, queue: DeadLetterQueue, threads: ThreadPoolExecutor) -> Generator[Walk]:
        """Receive all that is visible, tell the edits what is theirs, and release what was not taken at the end."""
        by_message = {name: edit for edit in self.edits.values() for name in edit.message_ids}
        with Walk(queue, lambda: VISIBILITY_SECONDS, queue.depth(), threads=threads) as walk:
            for letters in walk:
                for letter in letters:
                    self._tell(queue, letter, by_message)
            yield walk

    def _tell(self, queue: DeadLetterQueue, letter: Envelope, by_message: Mapping[str, Edit]) -> None:
        if edit := self.edits.get(str(letter.lineage.get(UNDONE))):
            edit.restored.append(letter)
            return
        replaced = str(last_edit(letter).get("replacedMessageId"))
        if edit := by_message.get(letter.message_id) or self.edits.get(replaced):
            edit.copies.append((queue, letter))

    def _refuse_a_running(self, name: str) -> None:
        item = self._dynamodb.get_item(
            TableName=self._table, Key={"id": {"S": name}}, ConsistentRead=True
        ).get("Item", {})
        row = {name: value.get("S", "") for name, value in item.items()}
        if row.get("kind") == KIND and not Status(row["status"]).final:
            raise LabError(f"The operation {name} still runs.", f"Stop it first: lab dlq cancel {name}")

    def _find(self, name: str) -> dict[str, Edit]:
        found: dict[str, Edit] = {}
        for item in self._pipeline.redrive_rows(EDIT_KIND):
            row: dict[str, Any] = {name: next(iter(value.values())) for name, value in item.items()}
            if name in (row.get("operationId"), row.get("newMessageId")):
                found.setdefault(row["messageId"], Edit(row["messageId"], [])).rows.append(row)
        return found

    def _record(self, edit: Edit, copy: Envelope) -> None:
        """Say that a message was taken back, before it is deleted."""
        row = {
            "id": f"{UNDO_KIND}#{copy.message_id}",
            "kind": UNDO_KIND,
            "messageId": copy.message_id,
            "replacedMessageId": edit.letter_id,
            "orderId": edit.rows[0].get("orderId", ""),
            "operationId": edit.rows[0].get("operationId", ""),
            "undoneBy": person(),
        }
        item: Any = {name: {"S": value} for name, value in row.items() if value}
        self._dynamodb.put_item(TableName=self._table, Item=item | {"undoneAt": {"N": str(now_ms())}})


def _restored(edit: Edit, body: str, attributes: Mapping[str, Any]) -> OutgoingMessage:
    """The letter as it was, with a word in its lineage that it was edited and is back."""
    letter = Envelope(edit.letter_id, "", body, attributes, receive_count=0, sent_at=0)
    mine = {name: value for name, value in own(letter).items() if name != LINEAGE}
    lineage = letter.lineage | {UNDONE: edit.letter_id}
    return OutgoingMessage(body, carrying(letter, lineage, mine), group=edit.rows[0].get("messageGroup"))


def reasons(done: Undone) -> Sequence[str]:
    """What could not be undone, in lines."""
    return [
        f"{len(orders)} not undone, {why}: {', '.join(orders)}" for why, orders in done.left.items() if orders
    ]
