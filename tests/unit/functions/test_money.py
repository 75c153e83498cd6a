"""Money on its whole way: the text of a request, the message, the row, what is remembered, the event."""

from decimal import Context, Decimal, Inexact
from typing import Any

import pytest
from boto3.dynamodb.types import DYNAMODB_CONTEXT, TypeDeserializer, TypeSerializer
from hypothesis import example, given
from hypothesis import strategies as st

from functions.common import codec
from functions.common.errors import LinesExceedAmountError, MalformedJsonError
from functions.ingest.acceptance import Acceptance, Accepted
from functions.processor.downstream import healthy
from functions.processor.effect import order_row, response
from functions.processor.order import order_from
from functions.processor.pricing import lines_total, price
from functions.publish.envelope import from_receive
from functions.publish.publisher import Publisher
from functions.validate import order as orders
from functions.validate import violations
from functions.worker.outcome import Done
from functions.worker.process import MessageProcessor
from tests.unit.functions.builders import FakeSqs
from tests.unit.functions.test_processor import ORIGIN
from tests.unit.functions.test_worker_process import Remembering

prices = st.decimals(min_value=Decimal("0.01"), max_value=10**9, places=2)
lines = st.lists(st.tuples(st.integers(min_value=1, max_value=99), prices), min_size=1, max_size=5)
spellings = st.sampled_from(["{:f}", "{:E}"])


@given(lines, spellings)
def test_the_amount_that_was_written_is_priced_stored_and_announced(
    lines: list[tuple[int, Decimal]], spelling: str
) -> None:
    """Property: whatever the spelling of the numbers, not a cent changes anywhere, and none by a replay."""
    amount = sum((quantity * unit for quantity, unit in lines), Decimal(0))
    items = ",".join(
        f'{{"sku":"s","quantity":{quantity},"unitPrice":{spelling.format(unit)}}}' for quantity, unit in lines
    )
    request = f'{{"orderId":"o-1","amount":{spelling.format(amount)},"items":[{items}]}}'
    sqs = FakeSqs()
    publisher = Publisher(sqs, "queue", max_bytes=100_000, sleep=lambda _seconds: None)
    acceptance = Acceptance(publisher, max_message_bytes=100_000)
    [verdict] = acceptance.accept([codec.loads(request.encode())], correlation_id="c")
    assert isinstance(verdict, Accepted)

    [entry] = sqs.taken
    message = from_receive(
        {"MessageId": "m", "Body": entry["MessageBody"], "MessageAttributes": entry["MessageAttributes"]}
    )
    once = Remembering()
    outcomes = [MessageProcessor(once, "orders", healthy).process(message) for _ in range(2)]
    [effect] = once.effects
    stored = effect.write["ExpressionAttributeValues"]
    money = {name: Decimal(stored[f":{name}"]["N"]) for name in ("amount", "linesTotal", "charges", "total")}
    assert money == {"amount": amount, "linesTotal": amount, "charges": 0, "total": amount}
    for outcome in outcomes:
        assert isinstance(outcome, Done)
        published = codec.loads(outcome.event.detail)
        assert (Decimal(published["amount"]), Decimal(published["total"])) == (amount, amount)


EXACT = Context(prec=200, traps=[Inexact])


@st.composite
def spelled(draw: st.DrawFn) -> str:
    """A number of JSON for which an order has a place, in any of its spellings: 12.5, 1250e-2, 0.125E+2, 12.5000."""
    digits, shift = draw(st.integers(-1, 10**15)), draw(st.integers(-5, 5))
    zeros = "0" * draw(st.integers(0, 60))
    text = f"{Decimal(digits).scaleb(-2 - shift):f}"
    text = f"{text}{zeros}" if "." in text else text
    return text + draw(st.sampled_from(["", f"e{shift}", f"E{shift:+d}"]))


NUMBER_TEXTS = spelled() | st.from_regex(
    r"-?(0|[1-9][0-9]{0,50})(\.[0-9]{1,50})?([eE][+-]?[0-9]{1,7})?", fullmatch=True
)


def document_of(amount: str, quantity: str, unit_price: str, version: str) -> Any:
    items = f'"items":[{{"sku":"s","quantity":{quantity},"unitPrice":{unit_price}}}]'
    return codec.loads(f'{{"schemaVersion":{version},"orderId":"o","amount":{amount},{items}}}')


def decided(document: Any) -> bool:
    """Whether an order is valid; the fast path and jsonschema agree on it."""
    valid = orders._check(1)(document)  # pyright: ignore[reportPrivateUsage]
    assert valid == (not list(orders._validator(1).iter_errors(document)))  # pyright: ignore[reportPrivateUsage]
    assert valid == (not violations(document))
    return valid


def require_exact(document: Any) -> None:
    """An accepted order is priced to the cent, and DynamoDB takes and returns every one of its numbers."""
    order = order_from(document)
    [item] = document["items"]
    lines = EXACT.multiply(EXACT.create_decimal(item["quantity"]), EXACT.create_decimal(item["unitPrice"]))
    try:
        priced = price(order, lines_total(order))
    except LinesExceedAmountError:
        assert lines > EXACT.create_decimal(document["amount"])
        return
    amount = EXACT.create_decimal(document["amount"])
    assert (priced.total, priced.lines_total, priced.charges) == (
        amount,
        lines,
        EXACT.subtract(amount, lines),
    )
    for value in (order.amount, priced.total, priced.lines_total, priced.charges):
        assert value.as_tuple().exponent == -2
        serialized = TypeSerializer().serialize(value)
        assert TypeDeserializer().deserialize(serialized) == value
    written = order_row("orders", order, priced, ORIGIN)["ExpressionAttributeValues"]
    for stored in written.values():
        assert "N" not in stored or DYNAMODB_CONTEXT.create_decimal(stored["N"]) == Decimal(stored["N"])
    assert Decimal(response(order, priced, ORIGIN)["total"]) == amount


@given(
    NUMBER_TEXTS,
    st.sampled_from(["1", "2.0", "1e2", "1000000"]),
    NUMBER_TEXTS,
    st.sampled_from(["1", "1.0", "1e0"]),
)
@example("1e-2000000", "1", "0", "1")
@example("1", "1", "1e-2000000", "1")
@example("1." + "0" * 200, "1", "0." + "0" * 200, "1")
@example("999999999999.99", "1000000", "-0.0", "1")
def test_an_order_is_valid_only_if_its_numbers_can_be_stored_and_priced_exactly(
    amount: str, quantity: str, unit_price: str, version: str
) -> None:
    """Property: whatever the spelling; DynamoDB holds 38 digits (developer guide, "Data types")."""
    try:
        document = document_of(amount, quantity, unit_price, version)
    except MalformedJsonError:
        return
    if decided(document):
        require_exact(document)


@pytest.mark.parametrize(
    "text",
    ["100", "100.00", "1e2", "1E+2", "1.0e2", "10000e-2", "100." + "0" * 100, "0.01", "999999999999.99"],
)
def test_an_amount_is_accepted_in_every_spelling(text: str) -> None:
    document = document_of(text, "1", "0", "1")
    assert decided(document)
    require_exact(document)


@pytest.mark.parametrize(
    "text",
    [
        "0", "0.00", "-0", "-0.0", "-1", "1e-3", "1e-400", "1e-2000000", "1e400", "1e2000000", "1000000000000",
        "9" * 39, "0." + "0" * 38 + "1", "1." + "0" * 60 + "1",
    ],
)  # fmt: skip
def test_an_amount_that_cannot_be_stored_exactly_is_a_violation(text: str) -> None:
    document = document_of(text, "1", "0", "1")
    assert not decided(document)
    assert {found.pointer for found in violations(document)} == {"/amount"}


@pytest.mark.parametrize(
    ("text", "accepted"),
    [
        ("1", True),
        ("1.0", True),
        ("1e6", True),
        ("1e7", False),
        ("1.5", False),
        ("0", False),
        ("1e-2000000", False),
    ],
)
def test_a_quantity_is_an_integer_as_json_schema_has_it(text: str, *, accepted: bool) -> None:
    document = document_of("1", text, "0", "1")
    assert decided(document) == accepted
    assert accepted or {found.pointer for found in violations(document)} == {"/items/0/quantity"}


def test_the_largest_order_is_priced_to_the_cent() -> None:
    """1,000 lines of a million pieces at the highest price: 24 digits, which an exact sum may not round."""
    line = {"sku": "s", "quantity": 1_000_000, "unitPrice": Decimal("999999999999.99")}
    order = order_from({"orderId": "o", "amount": 1, "items": [line] * 1000})
    assert lines_total(order) == Decimal("999999999999990000000.00")
