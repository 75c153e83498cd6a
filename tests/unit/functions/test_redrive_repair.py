"""Dead letters corrected by a JSON Patch: what is sent, what is kept, and what is refused."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.common import codec
from functions.common.settings import SQS_MAX_BYTES
from functions.publish.envelope import Envelope
from functions.publish.key import payload_digest
from functions.publish.message import text
from functions.redrive.audit import MAX_ATTRIBUTES_IN_ROW, audit_row, is_kept_whole, original
from functions.redrive.operations import Status
from functions.redrive.patch import PatchError, applied, patch_objection
from functions.redrive.plan import Plan
from functions.redrive.repair import RepairError, patched
from functions.redrive.selection import Verdict, judge
from functions.validate import violations
from tests.unit.functions.builders import FakeSqs
from tests.unit.functions.test_redrive import NOW, FakeDlq, FakeOperations, dead, execute

BAD = '{"orderId":"o-1","amount":-12.50,"currency":"EUR"}'
RAISE = codec.dumps([{"op": "replace", "path": "/amount", "value": 1}])


def bad(number: int, **more: Any) -> Envelope:
    return dead(f"m-{number}", body=BAD.replace("o-1", f"o-{number}"), **more)


def patch(*operations: dict[str, Any]) -> str:
    return codec.dumps(list(operations))


def test_a_patch_changes_what_it_names_and_every_other_digit_stays() -> None:
    letter = dead(body='{"orderId":"o-1","amount":-1,"items":[{"sku":"a","quantity":1,"unitPrice":0.10}]}')
    assert patched(letter, RAISE).body == (
        '{"orderId":"o-1","amount":1,"items":[{"sku":"a","quantity":1,"unitPrice":0.10}]}'
    )
    assert letter.body.startswith('{"orderId":"o-1","amount":-1,')


def test_a_patched_letter_has_the_key_of_its_new_content_or_the_clients_own() -> None:
    derived = bad(1, idempotencyKey=payload_digest(codec.loads(BAD)))
    new = patched(derived, RAISE)
    assert new.text("idempotencyKey") == payload_digest(codec.loads(new.body))
    assert patched(bad(1, idempotencyKey="mine"), RAISE).text("idempotencyKey") == "mine"


@pytest.mark.parametrize(
    ("body", "operations", "complaint"),
    [
        ("no json", [{"op": "remove", "path": "/x"}], "no JSON"),
        (BAD, [{"op": "remove", "path": "/x"}], "does not fit"),
        (BAD, [{"op": "test", "path": "/amount", "value": 7}], "does not fit"),
        (BAD, [{"op": "replace", "path": "/amount", "value": 0}], "/amount"),
        (
            BAD,
            [
                {"op": "replace", "path": "/amount", "value": 1},
                {"op": "replace", "path": "/orderId", "value": "o-2"},
            ],
            "of order o-2",
        ),
        (BAD, [{"op": "replace", "path": "/amount", "value": codec.loads("-12.5")}], "changes nothing"),
        (BAD, [{"op": "replace", "path": "", "value": 1}], "not a valid order"),
        ("1", [{"op": "add", "path": "/amount", "value": 1}], "does not fit"),
    ],
)
def test_a_patch_that_does_not_make_the_same_order_valid_is_refused(
    body: str, operations: list[dict[str, Any]], complaint: str
) -> None:
    with pytest.raises(RepairError, match=complaint):
        patched(dead(body=body), patch(*operations))


def test_a_patch_that_copies_a_body_into_itself_is_stopped_before_it_fills_the_memory() -> None:
    doubled = [{"op": "copy", "from": "", "path": f"/x{number}"} for number in range(60)]
    with pytest.raises(PatchError, match=r"larger|deeply"):
        applied(patch(*doubled), {"a": "x" * (SQS_MAX_BYTES // 1000)})


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=2), inner, max_size=3),
)
pointers = st.text("/~01a-", max_size=6).map(lambda text: f"/{text}") | st.just("")
operations = st.fixed_dictionaries(
    {"op": st.sampled_from(["add", "remove", "replace", "move", "copy", "test"]), "path": pointers},
    optional={"value": values, "from": pointers},
)


@given(values, st.lists(operations, min_size=1, max_size=4))
def test_any_patch_makes_a_valid_order_of_a_body_or_is_refused_in_words(
    document: Any, given_operations: list[dict[str, Any]]
) -> None:
    """Property: whatever a person types, and whatever a stranger wrote."""
    text_ = patch(*given_operations)
    if patch_objection(text_):
        return
    try:
        new = patched(dead(body=codec.dumps(document)), text_)
    except RepairError as error:
        assert error.what  # noqa: PT017  either way is right
        assert error.fix  # noqa: PT017
    else:
        assert not violations(codec.loads(new.body))


def test_an_audit_row_gives_the_letter_back_as_it_was() -> None:
    letter = dead(body=BAD, tenant="caf\u00e9")
    letter = Envelope(
        **{
            **letter.__dict__,
            "attributes": {**letter.attributes, "b": {"DataType": "Binary", "BinaryValue": b"\0"}},
        }
    )
    assert original(audit_row(letter)) == (letter.body, letter.attributes)


def test_a_letter_that_its_audit_row_cannot_keep_is_not_patched() -> None:
    plan, kept = Plan(patch=RAISE), dead(body=BAD, pad="x" * 1_000)
    assert judge(plan, kept, NOW) is Verdict.SELECTED
    large = dead(body=BAD, pad="x" * MAX_ATTRIBUTES_IN_ROW)
    assert not is_kept_whole(large)
    assert original(audit_row(large)) is None
    assert judge(plan, large, NOW) is Verdict.UNPATCHABLE


def test_a_patch_operation_sends_what_it_corrects_and_leaves_the_others_as_they_are() -> None:
    corrected, hopeless = [bad(number) for number in range(25)], [dead("m-x", body="no json")]
    dlq, plan, sqs = FakeDlq([*hopeless, *corrected]), Plan(patch=RAISE), FakeSqs()
    operations = FakeOperations(plan)
    status, counts, _, _ = execute(dlq, plan, sqs=sqs, operations=operations)
    assert (status, counts.moved, counts.skipped) == (Status.SUCCEEDED, 25, {"unpatchable": 1})
    assert dlq.visible == hopeless
    sent = [codec.loads(entry["MessageBody"]) for entry in sqs.taken]
    assert {order["orderId"]: order["amount"] for order in sent} == {f"o-{number}": 1 for number in range(25)}
    lineages = [
        codec.loads(entry["MessageAttributes"]["lineage"]["StringValue"])["edited"][-1] for entry in sqs.taken
    ]
    assert {(edit["by"], edit["operationId"]) for edit in lineages} == {("ann", "op")}
    assert {edit["replacedMessageId"] for edit in lineages} == {letter.message_id for letter in corrected}
    assert {letter.message_id for letter, _ in operations.originals} == {
        letter.message_id for letter in corrected
    }
    assert all(letter.body != sent.order_id for letter, sent in operations.originals)


def test_the_canaries_of_a_patch_are_known_by_the_key_of_their_new_content() -> None:
    letter = bad(1, idempotencyKey=payload_digest(codec.loads(BAD)))
    plan = Plan(patch=RAISE)
    operations = FakeOperations(plan)
    execute(FakeDlq([letter]), plan, operations=operations)
    (moved,) = operations.letters.values()
    assert moved.idempotency_key == patched(letter, RAISE).text("idempotencyKey")


def test_a_letter_whose_original_could_not_be_kept_stays() -> None:
    class Unwritable(FakeOperations):
        def record_edit(self, *_: Any) -> None:
            raise RuntimeError("the table is not to be reached")

    dlq, plan = FakeDlq([bad(number) for number in range(5)]), Plan(patch=RAISE)
    operations = Unwritable(plan)
    with pytest.raises(RuntimeError):
        execute(dlq, plan, operations=operations)
    assert {letter.message_id for letter in [*dlq.visible, *dlq.hidden]} == {f"m-{n}" for n in range(5)}
    assert operations.row["inDoubt"] == "", "else the next invocation would delete them"


def test_text_attributes_are_restored_as_text() -> None:
    letter = dead(body=BAD, custom="x")
    kept = original(audit_row(letter))
    assert kept is not None
    assert kept[1]["custom"] == text("x")
