"""Messages on their way to SQS, and the attributes an order's message carries."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from functions.common import codec, tracing

if TYPE_CHECKING:
    from mypy_boto3_sqs.type_defs import MessageAttributeValueOutputTypeDef as Attribute

MAX_ATTRIBUTES = 10
"""SQS's limit for one message (SQS quotas)."""


@dataclass(frozen=True)
class OutgoingMessage:
    """A message to send; it becomes visible after `delay_seconds` (0 to 900).

    `group` is whose message it is: with it SQS keeps a group that has a backlog from delaying the others (SQS guide,
    "Amazon SQS fair queues"). A standard queue does not order what is in one group.
    """

    body: str
    attributes: "Mapping[str, Attribute]"
    delay_seconds: int = 0
    group: str | None = None

    @property
    def size(self) -> int:
        """Bytes as SQS counts them: body, and name, type and value of every attribute."""
        attributes = (attribute_size(name, attribute) for name, attribute in self.attributes.items())
        return _length(self.body) + sum(attributes)


def attribute_size(name: str, attribute: "Attribute") -> int:
    """Bytes of one attribute as SQS counts them."""
    value = _length(attribute.get("StringValue", "")) or len(attribute.get("BinaryValue", b""))
    return _length(name) + _length(attribute["DataType"]) + value


def text(value: str) -> "Attribute":
    """A String attribute."""
    return _attribute("String", value)


def number(value: int) -> "Attribute":
    """A Number attribute."""
    return _attribute("Number", str(value))


def order_message(
    order: Mapping[str, Any], key: str, *, correlation_id: str, accepted_at: int, fair: bool = False
) -> OutgoingMessage:
    """The message of an accepted order. `accepted_at` is in epoch milliseconds.

    With `fair` its group is the order's customer, or the order itself where it names none.

    >>> message = order_message({"orderId": "o-1"}, "key", correlation_id="c-1", accepted_at=1_000)
    >>> message.body, message.attributes["lineage"]["StringValue"]
    ('{"orderId":"o-1"}', '{"acceptedAt":1000,"history":[]}')
    """
    lineage: dict[str, Any] = {"acceptedAt": accepted_at, "history": []}
    return OutgoingMessage(
        body=codec.dumps(order),
        attributes={
            "correlationId": text(correlation_id),
            "idempotencyKey": text(key),
            "lineage": text(codec.dumps(lineage)),
            **tracing.carried(),
        },
        group=(order.get("customerId") or order["orderId"]) if fair else None,
    )


def _length(text: str) -> int:
    """Bytes in UTF-8; halves of surrogate pairs, which SQS refuses, are counted all the same."""
    return len(text.encode(errors="surrogatepass"))


def _attribute(data_type: Literal["String", "Number"], value: str) -> "Attribute":
    return {"DataType": data_type, "StringValue": value}
