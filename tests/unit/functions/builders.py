"""Orders and messages to test with, and small stand-ins for the AWS clients behind protocols."""

from collections.abc import Callable, Sequence
from typing import Any

from functions.common import codec
from functions.publish.envelope import Envelope
from functions.publish.message import MAX_ATTRIBUTES, OutgoingMessage, number, text


def order(**changes: Any) -> dict[str, Any]:
    """A valid order of schema version 1."""
    return codec.loads('{"orderId": "order-1", "amount": 12.50, "currency": "EUR"}') | changes


def order_v2(**changes: Any) -> dict[str, Any]:
    """A valid order of schema version 2."""
    text_ = (
        '{"schemaVersion": 2, "orderId": "order-2", "customerId": "c-1",'
        ' "total": {"amount": 7.10, "currency": "USD"}}'
    )
    return codec.loads(text_) | changes


def envelope(message_id: str = "m-1", body: str | None = None, **attributes: str | int) -> Envelope:
    """A received message; `receive_count` and `sent_at` are its system attributes."""
    receive_count = int(attributes.pop("receive_count", 1))
    sent_at = int(attributes.pop("sent_at", 1_000))
    return Envelope(
        message_id=message_id,
        receipt_handle=f"handle-{message_id}",
        body=codec.dumps(order()) if body is None else body,
        attributes={
            name: number(value) if isinstance(value, int) else text(value)
            for name, value in attributes.items()
        },
        receive_count=receive_count,
        sent_at=sent_at,
    )


def as_received(message: OutgoingMessage, message_id: str = "again") -> Envelope:
    """A message that was sent, as its receiver gets it."""
    assert len(message.attributes) <= MAX_ATTRIBUTES
    return Envelope(message_id, "handle", message.body, message.attributes, 1, 1_000)


class FakeSqs:
    """Keeps what it is sent. `refuse` gives the error code for an entry at its n-th try, or None."""

    def __init__(
        self, refuse: Callable[[dict[str, Any], int], tuple[str, bool] | None] | None = None
    ) -> None:
        self.calls: list[list[dict[str, Any]]] = []
        self.taken: list[dict[str, Any]] = []
        self.hidden: dict[str, int] = {}
        self._refuse = refuse or (lambda _entry, _attempt: None)
        self._tries: dict[str, int] = {}

    def send_message_batch(self, *, QueueUrl: str, Entries: Sequence[Any]) -> Any:  # noqa: N803
        self.calls.append(list(Entries))
        answer: dict[str, list[Any]] = {"Successful": [], "Failed": []}
        for entry in Entries:
            attempt = self._tries[entry["MessageBody"]] = self._tries.get(entry["MessageBody"], 0) + 1
            refusal = self._refuse(entry, attempt)
            if refusal:
                code, senders_fault = refusal
                answer["Failed"].append({"Id": entry["Id"], "Code": code, "SenderFault": senders_fault})
            else:
                self.taken.append(entry)
                answer["Successful"].append({"Id": entry["Id"], "MessageId": f"id-{entry['MessageBody']}"})
        return answer

    def change_message_visibility_batch(self, *, QueueUrl: str, Entries: Sequence[Any]) -> Any:  # noqa: N803
        for entry in Entries:
            self.hidden[entry["ReceiptHandle"]] = entry["VisibilityTimeout"]
        return {"Successful": [{"Id": entry["Id"]} for entry in Entries]}
