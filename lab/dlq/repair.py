"""Repairing and discarding single dead letters. Nothing leaves the DLQ before its next place has it."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from functions.common import codec
from functions.common.settings import SQS_MAX_BYTES
from functions.publish.envelope import Envelope
from functions.publish.message import OutgoingMessage
from functions.publish.publisher import Publisher
from functions.redrive.audit import audit_row, digest
from functions.redrive.dlq import CONCURRENCY
from functions.redrive.kinds import DISCARD_KIND, EDIT_KIND
from functions.redrive.repair import RepairError, corrected, edited
from lab.common.clock import now_ms
from lab.common.person import person
from lab.dlq.browser import MANY, DlqBrowser, Told
from lab.errors import LabError
from lab.pipeline.observe import Pipeline

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_WRITTEN_AT = {EDIT_KIND: "editedAt", DISCARD_KIND: "discardedAt"}


@dataclass(frozen=True)
class Repaired:
    """A message that was sent in place of a dead letter."""

    order_id: str | None
    message_id: str
    replaced_message_id: str


def repaired(envelope: Envelope, body: str, *, at: int, by: str) -> OutgoingMessage:
    """The message with a new body: history and attributes as in a redrive, and who changed what in its lineage.

    Raises LabError if the body is not a valid order, or the order of another id.
    """
    try:
        return edited(envelope, corrected(envelope, body), at=at, by=by)
    except RepairError as error:
        raise LabError(error.what, error.fix) from error


def send_repaired(pipeline: Pipeline, browser: DlqBrowser, envelope: Envelope, body: str) -> Repaired:
    """Send the repaired message, write the audit row, then delete the dead letter. Raises LabError if SQS refuses."""
    message = repaired(envelope, body, at=now_ms(), by=person())
    sqs = pipeline.aws.client("sqs")
    (delivery,) = Publisher(sqs, pipeline.stack.queue_url, max_bytes=SQS_MAX_BYTES).send([message])
    if not delivery.sent:
        fix = "make the body smaller" if delivery.senders_fault else "try again"
        raise LabError(f"SQS did not take the message: {delivery.reason}.", f"Nothing was changed; {fix}.")
    sent = Repaired(codec.loads(message.body)["orderId"], delivery.message_id, envelope.message_id)
    key = message.attributes["idempotencyKey"].get("StringValue", "")
    _record(
        pipeline,
        envelope,
        kind=EDIT_KIND,
        id=f"{EDIT_KIND}#{envelope.message_id}#{sent.message_id}",
        newMessageId=sent.message_id,
        newIdempotencyKey=key,
        editedBy=person(),
    )
    browser.delete(envelope)
    return sent


def discard(pipeline: Pipeline, browser: DlqBrowser, envelope: Envelope, reason: str) -> dict[str, Any]:
    """Write the audit row, then delete the dead letter. Returns the row.

    A crash in between leaves both; discarding again finishes it. Raises LabError if the message cannot be deleted.
    """
    row = _record_discard(pipeline, envelope, reason)
    browser.delete(envelope)
    return row


@dataclass(frozen=True)
class Discarding:
    """Many dead letters to be given up for one reason, those that were seen and no others: what dies later stays."""

    message_ids: frozenset[str]
    reason: str

    @property
    def digest(self) -> str:
        """What a person confirms: other letters or another reason have another one."""
        return digest("\n".join((self.reason, *sorted(self.message_ids))))

    def carry_out(
        self, pipeline: Pipeline, browser: DlqBrowser, told: Told = lambda _seen, _of: None
    ) -> tuple[set[str], list[Envelope]]:
        """Write each letter's audit row, then delete it. Returns the ids that were discarded, and what is not deleted.

        Whatever ends it in between loses nothing: a letter without its row is not deleted, and a repetition finishes
        what has a row and is still there.
        """
        written: set[str] = set()

        def given_up(letters: Sequence[Envelope]) -> list[Envelope]:
            chosen = [letter for letter in letters if letter.message_id in self.message_ids]
            record = partial(_record_discard, pipeline, reason=self.reason, planDigest=self.digest)
            list(threads.map(record, chosen))
            written.update(letter.message_id for letter in chosen)
            return chosen

        with ThreadPoolExecutor(CONCURRENCY) as threads:
            left = browser.remove(MANY, given_up, told)
        return written - {letter.message_id for letter in left}, left


def _record_discard(pipeline: Pipeline, envelope: Envelope, reason: str, **more: str) -> dict[str, Any]:
    return _record(
        pipeline,
        envelope,
        kind=DISCARD_KIND,
        id=f"{DISCARD_KIND}#{envelope.message_id}",
        discardedBy=person(),
        reason=reason,
        **more,
    )


def _record(pipeline: Pipeline, envelope: Envelope, **more: str) -> dict[str, Any]:
    """Write an audit row about a dead letter, unless it is there. Returns the row.

    It keeps the body, so that the order can be submitted again as it was.
    """
    row = audit_row(envelope, **more)
    item: Any = {name: {"S": value} for name, value in row.items()}
    dynamodb: DynamoDBClient = pipeline.aws.client("dynamodb")
    try:
        dynamodb.put_item(
            TableName=pipeline.stack.redrive_table_name,
            Item=item | {_WRITTEN_AT[more["kind"]]: {"N": str(now_ms())}},
            ConditionExpression="attribute_not_exists(id)",
        )
    except ClientError as error:
        if error.response.get("Error", {}).get("Code") != "ConditionalCheckFailedException":
            raise
    return row
