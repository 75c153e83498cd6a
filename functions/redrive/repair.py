"""A dead letter with a body that can pass: corrected by hand, or by a JSON Patch (RFC 6902) that corrects many alike.

A correction is refused in words before anything is sent: the new body must be a valid order, and the same one.
"""

from dataclasses import replace
from typing import Any

from functions.common import codec
from functions.common.errors import MalformedJsonError
from functions.publish.death import redriven, short
from functions.publish.envelope import Envelope
from functions.publish.key import idempotency_key, payload_digest
from functions.publish.message import OutgoingMessage, text
from functions.redrive.audit import digest
from functions.redrive.patch import PatchError, applied
from functions.validate import violations

SHOWN_VIOLATIONS = 5


class RepairError(Exception):
    """A correction that is refused: `what` is wrong, and the `fix`."""

    def __init__(self, what: str, fix: str = "Correct it and try again.") -> None:
        super().__init__(what)
        self.what, self.fix = what, fix


def corrected(letter: Envelope, body: str) -> Envelope:
    """The letter with a new body, and the idempotency key of that.

    Raises RepairError if the body is not a valid order, or the order of another id: an accepted order must stay
    the one that was accepted.
    """
    try:
        order = codec.loads(body)
    except MalformedJsonError as error:
        raise RepairError(f"The new body is no JSON: {error}.") from error
    if found := violations(order):
        wrong = "; ".join(
            f"{violation.pointer or '(root)'} {violation.reason}" for violation in found[:SHOWN_VIOLATIONS]
        )
        raise RepairError(f"The new body is not a valid order: {wrong}.")
    if letter.order_id not in (None, order["orderId"]):
        raise RepairError(
            f"The new body is of order {order['orderId']}, the dead letter of {letter.order_id}.",
            "Keep the orderId; submit a new order through the API.",
        )
    key = text(_key(letter, order))
    return replace(letter, body=codec.dumps(order), attributes={**letter.attributes, "idempotencyKey": key})


def edited(
    letter: Envelope, new: Envelope, *, at: int, by: str, delay_seconds: int = 0, **more: str
) -> OutgoingMessage:
    """A corrected letter as it goes back to the queue: who changed what, and when (epoch ms), is in its lineage."""
    edit = {"at": at, "by": by, "replacedMessageId": letter.message_id, "oldBodySha256": digest(letter.body)}
    return redriven(new, delay_seconds, edit=edit | more)


def patched(letter: Envelope, patch: str) -> Envelope:
    """The letter corrected by a JSON Patch, given as text. Raises RepairError."""
    try:
        document = codec.loads(letter.body)
    except MalformedJsonError as error:
        raise RepairError(f"The body is no JSON: {error}.", "Edit this letter by hand.") from error
    try:
        new = applied(patch, document)
    except PatchError as error:
        raise RepairError(f"The patch does not fit: {short(str(error))}.") from error
    if codec.canonical(new) == codec.canonical(document):
        raise RepairError("The patch changes nothing.", "Redrive this letter as it is.")
    return corrected(letter, codec.dumps(new))


def _key(letter: Envelope, order: dict[str, Any]) -> str:
    """The idempotency key of the repaired order.

    A key that was made from the old content is made again from the new one; one that the client chose stays,
    so that the client's own repetition is still recognised.
    """
    old = letter.text("idempotencyKey")
    try:
        content: Any = codec.loads(letter.body)
    except MalformedJsonError:
        content = None
    derived = isinstance(content, dict) and old == payload_digest(content)  # pyright: ignore[reportUnknownArgumentType]
    return idempotency_key(order) if old is None or derived or content is None else old
