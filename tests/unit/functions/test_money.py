"""Money on its whole way: the text of a request, the message, the row, what is remembered, the event."""

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from functions.common import codec
from functions.ingest.intake import Accepted, Intake
from functions.processor.downstream import healthy
from functions.publish.envelope import from_receive
from functions.publish.publisher import Publisher
from functions.worker.outcome import Done
from functions.worker.process import MessageProcessor, untouched
from tests.unit.functions.builders import FakeSqs
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
    intake = Intake(publisher, max_message_bytes=100_000)
    [verdict] = intake.take([codec.loads(request.encode())], correlation_id="c")
    assert isinstance(verdict, Accepted)

    [entry] = sqs.taken
    message = from_receive(
        {"MessageId": "m", "Body": entry["MessageBody"], "MessageAttributes": entry["MessageAttributes"]}
    )
    once = Remembering()
    outcomes = [MessageProcessor(once, "orders", healthy, untouched).process(message) for _ in range(2)]
    [effect] = once.effects
    stored = effect.write["ExpressionAttributeValues"]
    money = {name: Decimal(stored[f":{name}"]["N"]) for name in ("amount", "linesTotal", "charges", "total")}
    assert money == {"amount": amount, "linesTotal": amount, "charges": 0, "total": amount}
    for outcome in outcomes:
        assert isinstance(outcome, Done)
        announced = codec.loads(outcome.event.detail)
        assert (Decimal(announced["amount"]), Decimal(announced["total"])) == (amount, amount)
