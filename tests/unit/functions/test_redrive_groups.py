"""Dead letters in groups: equal causes are one group whatever differs, and unequal ones are not."""

import random
import uuid
from collections import defaultdict
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.common import codec
from functions.publish.death import dead_letter
from functions.publish.envelope import Envelope
from functions.redrive import groups
from functions.redrive.fingerprint import cause_of, fingerprint, schema_signature, signature
from functions.redrive.groups import Groups
from functions.redrive.plan import Plan
from functions.redrive.selection import Verdict, judge
from functions.validate import violations
from tests.unit.functions.builders import as_received, envelope, order, order_v2
from tests.unit.functions.test_redrive import NOW, FakeDlq, dead

KEPT_SECONDS = 1_209_600
RNG = random.Random(20)


def word() -> str:
    return "".join(RNG.choices("abcdefghijklmnopqrstuvwxyz", k=RNG.randint(4, 12)))


def order_id() -> str:
    return RNG.choice(
        [
            f"order-{RNG.randint(1, 10**6)}",
            str(uuid.uuid4()),
            f"{word()}.{word()}",
            f"{RNG.getrandbits(48):x}",
        ]
    )


def at() -> str:
    moment = datetime.fromtimestamp(RNG.randint(10**9, 2 * 10**9), UTC)
    return RNG.choice(
        [moment.isoformat(), moment.strftime("%Y-%m-%d %H:%M:%S.%f"), f"{moment:%d %b %Y %H:%M:%S} GMT"]
    )


def amount() -> str:
    return RNG.choice([f"{RNG.random() * 10**5:.2f}", str(RNG.randint(0, 10**6)), f"-{RNG.randint(1, 99)}"])


def path() -> str:
    return "/" + "/".join(word() for _ in range(RNG.randint(2, 6))) + ".json"


def lines_exceed(own: str) -> dict[str, str]:
    return {"errorMessage": f"lines of {amount()} exceed the amount of {amount()}"}


def named_order(own: str) -> dict[str, str]:
    return {"errorMessage": f"order {own} of '{word()} {word()}' was cancelled at {at()}"}


def unreadable(own: str) -> dict[str, str]:
    return {"errorMessage": f"cannot read {path()} on 10.0.{RNG.randint(1, 254)}.9:{RNG.randint(1, 9999)}"}


def not_found(own: str) -> dict[str, str]:
    return {"errorMessage": f'no row "{word()}" for {RNG.randint(1, 10**9)}, {own}, {uuid.uuid4()}'}


def wrong_items(own: str) -> dict[str, str]:
    at_items = sorted(RNG.sample(range(100), RNG.randint(1, 2)))
    return {"errorMessage": "; ".join(f"/items/{at}/sku is missing" for at in at_items)}


def unknown_field(own: str) -> dict[str, str]:
    return {"errorMessage": f"/{word()} is not known in this schema version"}


CAUSES: dict[Callable[[str], dict[str, str]], tuple[str, str]] = {
    lines_exceed: ("LinesExceedAmount", "PERMANENT"),
    named_order: ("OrderCancelled", "PERMANENT"),
    unreadable: ("OSError", "PROCESSING"),
    not_found: ("LookupError", "PROCESSING"),
    wrong_items: ("SchemaViolation", "VALIDATION"),
    unknown_field: ("SchemaViolation", "VALIDATION"),
}


def letter_of(cause: Callable[[str], dict[str, str]], number: int) -> Envelope:
    """One letter of a cause: everything that may differ between letters does."""
    kind, category = CAUSES[cause]
    own = order_id()
    return envelope(
        f"m-{number}",
        codec.dumps(order(orderId=own)),
        errorType=kind,
        errorCategory=category,
        failedAt=(
            datetime.fromtimestamp(NOW / 1000, UTC) - timedelta(seconds=RNG.randint(0, 9_999))
        ).isoformat(),
        receiveCount=RNG.randint(1, 5),
        redriveCount=RNG.randint(0, 3),
        correlationId=RNG.choice([str(uuid.uuid4()), word()]),
        idempotencyKey=RNG.choice([str(uuid.uuid4()), word()]),
        codeVersion=f"{RNG.getrandbits(48):x}",
        sent_at=NOW - RNG.randint(0, 10**9),
        receive_count=RNG.randint(1, 9),
        **cause(own),
    )


def test_a_thousand_letters_of_six_causes_with_everything_varied_fall_into_six_groups_by_identity() -> None:
    by_cause = {
        cause: [letter_of(cause, 1_000 * index + number) for number in range(share)]
        for index, (cause, share) in enumerate(zip(CAUSES, (1, 9, 90, 200, 300, 400), strict=True))
    }
    grouped = defaultdict[str, set[str]](set)
    for letter in (letter for letters in by_cause.values() for letter in letters):
        grouped[fingerprint(letter)].add(letter.message_id)
    assert sorted(map(sorted, grouped.values())) == sorted(
        sorted(letter.message_id for letter in letters) for letters in by_cause.values()
    )


@pytest.mark.parametrize(
    ("message", "told"),
    [
        ("the price service did not answer within 0.5 s", "the price service did not answer within * s"),
        ("the circuit price-service is open", "the circuit price-service is open"),
        ("can't read the customer's 'name'", "can't read the customer's *"),
        ("of 1,212.50, 9E+2 and -7%", "of *"),
        ("at Sat, 28 Nov 2026 10:00:00 GMT", "at *"),
        ("between 10:15 and 2026-11-29 10:20:00.5+01:00", "between *"),
        ("Could not connect to http://127.0.0.1:4566/a?b=c", "Could not connect to *"),
        ("not authorized: arn:aws:sqs:eu-west-1:1:q, table/orders", "not authorized: *, table/orders"),
        ("from a@example.com, 0x7f3a, deadbeefcafe", "from *"),
        (r"cannot open C:\temp\a.txt or ../b or ~/c", "cannot open *"),
        ("either/or is not a path", "either/or is not a path"),
        ("  two\n lines ", "two lines"),
        ("", ""),
    ],
)
def test_a_signature_is_the_message_without_what_differs(message: str, told: str) -> None:
    assert signature(message) == told


@pytest.mark.parametrize(
    ("message", "told"),
    [
        ("/items/0/sku is missing; /items/12/sku is missing", "/items/*/sku is missing"),
        ("/amount must be greater than 0", "/amount must be greater than 0"),
        ("/a~1b/7 must be of type string; /b is missing", "/a~1b/* must be of type string; /b is missing"),
        ("(root) must be of type object", "(root) must be of type object"),
        ("/x-17 is not known in this schema version", "/* is not known in this schema version"),
        ("written by 3 strangers", "written by * strangers"),
    ],
)
def test_a_schema_violation_is_its_pointers_and_rules(message: str, told: str) -> None:
    assert schema_signature(message) == told


def test_violations_beyond_those_that_a_message_names_are_read_from_the_body() -> None:
    def died(*wrong: int) -> Envelope:
        items = [{"sku": "s", "quantity": 1, "unitPrice": 1} for _ in range(6)]
        for position in wrong:
            del items[position]["sku"]
        body = order_v2(items=items, total={"amount": "12,50", "currency": "EUR"})
        message = "; ".join(f"{found.pointer} {found.reason}" for found in violations(body)[:3])
        return dead(body=codec.dumps(body), errorType="SchemaViolation", errorMessage=message)

    assert fingerprint(died(0)) == fingerprint(died(1, 2)) == fingerprint(died(0, 1, 2, 5))
    assert "/total/amount must be of type number" in cause_of(died(0, 1, 2, 5)).signature


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ('{"orderId": "o', "the body is no JSON: "),
        (codec.dumps(order(amount="12,50")), "/amount must be of type number"),
        (codec.dumps(order()), "the body is valid: "),
    ],
)
def test_a_letter_without_a_cause_is_grouped_by_what_its_body_tells_and_marked(body: str, told: str) -> None:
    cause = cause_of(envelope(body=body))
    assert cause.inferred
    assert cause.signature.startswith(told)
    attributed = envelope(body=body, errorType="UNATTRIBUTED", errorMessage=cause.signature)
    assert fingerprint(attributed) != cause.fingerprint


def test_unexpected_errors_are_told_apart_by_the_place_in_the_code_that_they_came_from() -> None:
    def died(read: Callable[[], Any]) -> Envelope:
        with pytest.raises(TypeError) as caught:
            read()
        message = dead_letter(
            envelope(), caught.value, key="k", failed_at=datetime.now(UTC), code_version="1"
        )
        return as_received(message)

    nothing: Any = None
    parsed, dumped = died(lambda: codec.loads(nothing)), died(lambda: violations(Unhashable()))
    assert cause_of(parsed).place == "common.codec:loads"
    assert cause_of(dumped).place.startswith("validate.")
    assert fingerprint(parsed) != fingerprint(dumped)


class Unhashable(dict[str, Any]):
    """An order that breaks the code that reads it."""

    def get(self, *_: Any) -> Any:
        raise TypeError("an integer is required")


@given(st.text(max_size=300), st.text(max_size=80), st.text(max_size=300))
def test_whatever_strangers_wrote_has_a_fingerprint_and_the_same_one_again(
    message: str, kind: str, body: str
) -> None:
    letter = envelope(body=body, errorType=kind or "x", errorMessage=message or "x")
    assert fingerprint(letter) == fingerprint(letter)
    assert len(fingerprint(letter)) == 12


def test_a_plan_takes_the_letters_of_one_group_alone() -> None:
    one, other = dead("a", errorMessage="price of 1 is odd"), dead("b", errorMessage="price of 1 is even")
    plan = Plan(fingerprint=fingerprint(one))
    assert [judge(plan, letter, NOW) for letter in (one, other)] == [Verdict.SELECTED, Verdict.FILTERED]


def test_a_group_tells_count_times_receives_redrives_trend_expiry_and_samples() -> None:
    def died(name: str, minutes_ago: int, **more: Any) -> Envelope:
        moment = NOW - minutes_ago * 60_000
        failed = datetime.fromtimestamp(moment / 1000, UTC).isoformat()
        return dead(name, failedAt=failed, sent_at=moment + 5, **more)

    found = Groups(NOW)
    found.add([died("a", 1), died("b", 2), died("c", 20, receive_count=7), died("d", 300, redriveCount=2)])
    found.add([envelope("native", sent_at=NOW)])
    told, native = found.as_json(KEPT_SECONDS)
    assert (told["count"], native["count"]) == (4, 1)
    assert (told["inferred"], native["inferred"]) == (False, True)
    assert (told["firstDeathAt"], told["lastDeathAt"]) == (NOW - 300 * 60_000, NOW - 60_000)
    assert (told["mostReceives"], told["mostRedrives"], told["redriven"]) == (7, 2, 1)
    assert (told["trend"], sum(told["deaths"]), told["deaths"][-1]) == ("growing", 3, 2)
    assert told["oldestExpiresInSeconds"] == pytest.approx(KEPT_SECONDS - 300 * 60, abs=1)
    assert [sample["messageId"] for sample in told["samples"]] == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("minutes_ago", "trend"),
    [
        ((1, 2, 20), "growing"),
        ((1, 20), "steady"),
        ((1, 20, 21), "slowing"),
        ((20, 21), "over"),
        ((90,), "over"),
    ],
)
def test_a_trend_compares_the_last_quarter_of_an_hour_with_the_one_before(
    minutes_ago: tuple[int, ...], trend: str
) -> None:
    found = Groups(NOW)
    for minutes in minutes_ago:
        failed = datetime.fromtimestamp(NOW / 1000 - minutes * 60, UTC).isoformat()
        found.add([dead(failedAt=failed, sent_at=NOW)])
    assert found.as_json(KEPT_SECONDS)[0]["trend"] == trend


def test_causes_beyond_any_number_that_a_person_reads_are_one_group(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(groups, "MOST_GROUPS", 3)
    found = Groups(NOW)
    found.add([dead(str(number), errorType="E" + "x" * number) for number in range(9)])
    told = found.as_json(KEPT_SECONDS)
    assert [group["count"] for group in told] == [6, 1, 1, 1]
    assert told[0]["signature"].endswith("the others")


def test_a_preview_has_the_groups_of_what_matches() -> None:
    from functions.redrive.preview import preview

    letters = [dead(f"a-{number}", errorMessage=f"price {number}") for number in range(3)]
    letters += [dead("b", errorMessage="cost 1"), dead("c", errorCategory="PERMANENT")]
    dlq = FakeDlq(letters)
    shown = preview(dlq, Plan(min_age_seconds=0, error_category="VALIDATION"), lambda: 100.0)
    assert [group["count"] for group in shown["groups"]] == [3, 1]
    of = {message["messageId"]: message["fingerprint"] for message in shown["messages"]}
    assert of["a-0"] == of["a-1"] == of["a-2"] == shown["groups"][0]["fingerprint"] != of["b"]
    assert len(dlq.visible) == 5
