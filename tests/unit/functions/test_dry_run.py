"""The dry run's rules: what it forecasts of which message, and that it never writes."""

import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ReadTimeoutError

from functions.common import codec
from functions.common.errors import DependencyTimeoutError, LinesExceedAmountError, SchemaViolationError
from functions.common.failure_modes import FailureMode
from functions.common.fate import Fate
from functions.processor import downstream
from functions.publish.death import dead_letter
from functions.publish.envelope import Envelope, from_lambda
from functions.publish.key import idempotency_key, payload_digest
from functions.publish.message import number
from functions.redrive import forecast as redrive_forecast
from functions.redrive.fingerprint import fingerprint
from functions.redrive.forecast import DryRunFunction, Forecasts, UnansweredError
from functions.redrive.plan import Plan
from functions.redrive.preview import preview
from functions.worker.dry_run import DryRun, Forecast
from tests.support.dry_runs import Tables, dry_run, record
from tests.unit.functions.builders import as_received, envelope, order, order_v2
from tests.unit.functions.memory import failure
from tests.unit.functions.test_redrive import FakeDlq

DEAR = order_v2(
    orderId="dear",
    items=[{"sku": "a", "quantity": 2, "unitPrice": 100}],
    total={"amount": 1, "currency": "EUR"},
)


def told(run: DryRun, *envelopes: Envelope) -> list[dict[str, Any]]:
    return [forecast.as_json() for forecast in run.forecast(envelopes)]


def letter(message_id: str, body: Mapping[str, Any], **attributes: Any) -> Envelope:
    return envelope(message_id, codec.dumps(body), **attributes)


def test_a_good_order_would_pass_and_leaves_no_trace_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    assert told(dry_run(), letter("m", order())) == [{"messageId": "m", "forecast": "wouldPass"}]
    assert caplog.records == []


def test_an_order_that_can_never_pass_would_die_at_its_first_receive() -> None:
    (found,) = told(dry_run(), letter("m", DEAR))
    assert found["forecast"] == "wouldDie"
    assert (found["errorType"], found["errorCategory"], found["receives"]) == (
        "LinesExceedAmount",
        "PERMANENT",
        1,
    )


def test_an_unforeseen_error_would_cost_every_receive_and_has_its_place(
    monkeypatch: pytest.MonkeyPatch,
) -> None:

    def broken(*_: object) -> None:
        raise KeyError("rate")

    monkeypatch.setattr(downstream, "healthy", broken)
    (found,) = told(dry_run(), letter("m", order()))
    assert (found["forecast"], found["errorType"], found["errorCategory"], found["receives"]) == (
        "wouldDie",
        "KeyError",
        "PROCESSING",
        5,
    )
    assert found["place"] == "worker.process:MessageProcessor._effect"


def test_an_order_whose_key_is_completed_is_already_done() -> None:
    tables = Tables(record(idempotency_key(order()), payload_digest(order()), "COMPLETED"))
    assert told(dry_run(tables), letter("m", order())) == [{"messageId": "m", "forecast": "alreadyDone"}]


def test_an_order_whose_row_is_there_under_its_own_key_is_already_done() -> None:
    row = {
        "orderId": {"S": "order-1"},
        "idempotencyKey": {"S": idempotency_key(order())},
        **{name: {"N": "1"} for name in ("amount", "total", "acceptedAt", "processedAt")},
    }
    assert told(dry_run(Tables(orders=[row])), letter("m", order()))[0]["forecast"] == "alreadyDone"
    row["idempotencyKey"] = {"S": "another"}
    assert told(dry_run(Tables(orders=[row])), letter("m", order()))[0]["errorType"] == "OrderIdTaken"


def test_a_key_that_stands_for_something_else_would_die() -> None:
    tables = Tables(record("key", payload_digest(order(amount=1)), "COMPLETED"))
    (found,) = told(dry_run(tables), letter("m", order(), idempotencyKey="key"))
    assert (found["forecast"], found["errorType"]) == ("wouldDie", "IdempotencyKeyReused")


def test_a_key_that_another_delivery_holds_is_uncertain() -> None:
    tables = Tables(record(idempotency_key(order()), payload_digest(order()), "INPROGRESS"))
    (found,) = told(dry_run(tables), letter("m", order()))
    assert found["forecast"] == "uncertain"
    assert found["reason"].startswith("InProgressElsewhere")


@pytest.mark.parametrize(
    ("mode", "word"), [(FailureMode.RANDOM_FAIL_P30, "chance"), (FailureMode.SLOW_DOWNSTREAM, "depends")]
)
def test_what_a_failing_dependency_decides_is_uncertain_and_what_it_does_not_decide_is_said(
    mode: FailureMode, word: str
) -> None:
    good, dear, malformed = told(
        dry_run(mode=mode), letter("good", order()), letter("dear", DEAR), envelope("bad", "{")
    )
    assert good["forecast"] == "uncertain"
    assert word in good["reason"]
    assert (dear["forecast"], malformed["forecast"]) == ("wouldDie", "wouldDie")


@pytest.mark.parametrize("mode", [FailureMode.POISON_PAYLOAD, FailureMode.SCHEMA_MISMATCH])
def test_a_mode_that_spoils_every_message_spoils_it_in_the_dry_run(mode: FailureMode) -> None:
    (found,) = told(dry_run(mode=mode), letter("m", order()))
    assert (found["forecast"], found["errorType"]) == ("wouldDie", "SchemaViolation")


@pytest.mark.parametrize("circuit", ["price-service", "event-bus"])
def test_while_a_circuit_is_open_it_is_named(circuit: str) -> None:
    (found,) = told(dry_run(open_circuits=[circuit]), letter("m", order()))
    assert found["forecast"] == "uncertain"
    assert circuit in found["reason"]


def test_letters_that_contradict_each_other_are_uncertain_and_equal_ones_are_not() -> None:
    forecasts = told(
        dry_run(),
        letter("one", order(orderId="a"), idempotencyKey="k"),
        letter("two", order(orderId="a", amount=3), idempotencyKey="l"),
        letter("three", order(orderId="b"), idempotencyKey="m"),
        letter("four", order(orderId="c"), idempotencyKey="m"),
        letter("twin", order(orderId="d")),
        letter("other twin", order(orderId="d")),
    )
    assert [found["forecast"] for found in forecasts] == ["uncertain"] * 4 + ["wouldPass"] * 2


# what the redrive function makes of it


class Asked:
    """The dry-run function, called directly. `poison` are message ids that end it."""

    def __init__(self, run: DryRun | None = None, poison: Sequence[str] = ()) -> None:
        self.events: list[list[str]] = []
        self._run, self._poison = run or dry_run(), poison

    def __call__(self, records: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
        ids = [record["messageId"] for record in records]
        self.events.append(ids)
        if set(ids) & set(self._poison):
            raise UnansweredError("Runtime.ExitError", ended=True)
        return {"codeVersion": "v1", "forecasts": told(self._run, *map(from_lambda, records))}


def dead(message_id: str, body: Mapping[str, Any], error: Exception) -> Envelope:
    sent = dead_letter(
        letter(message_id, body), error, key="k-" + message_id, failed_at=datetime.now(UTC), code_version="v0"
    )
    return as_received(sent, message_id)


def in_time() -> float:
    return 100.0


def test_forecasts_are_counted_for_all_and_for_each_group() -> None:
    cured = [dead(f"cured-{n}", order(orderId=f"o-{n}"), SchemaViolationError("old")) for n in range(3)]
    again = dead("again", DEAR, DependencyTimeoutError("no answer within 3 s"))
    by_then = dead("by then", DEAR, LinesExceedAmountError("lines of 9.50 exceed the amount of 1.00"))
    found = Forecasts(Asked(), in_time)
    for each in (*cured, again):
        found.add(each)
    answer = found.as_json()
    tally = {fate: answer["forecast"][fate] for fate in Fate}
    assert tally == {"wouldPass": 3, "wouldDie": 1, "alreadyDone": 0, "uncertain": 0}
    assert answer["codeVersion"] == "v1"
    (death,) = answer["forecast"]["deaths"]
    assert (death["count"], death["fingerprint"]) == (1, fingerprint(by_then))
    groups = found.on([{"fingerprint": fingerprint(cured[0])}, {"fingerprint": fingerprint(again)}])
    assert [(group["forecast"]["wouldPass"], group["forecast"]["wouldDie"]) for group in groups] == [
        (3, 0),
        (0, 1),
    ]


def test_the_function_gets_what_the_worker_would_get() -> None:
    records: list[Mapping[str, Any]] = []

    def ask(given: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
        records.extend(given)
        return {"codeVersion": "v", "forecasts": [{"messageId": "m", "forecast": "wouldPass"}]}

    found = Forecasts(ask, in_time)
    found.add(dead("m", order(), SchemaViolationError("old")))
    found.as_json()
    received = from_lambda(records[0])
    assert (received.message_id, received.receive_count, received.redrive_count) == ("m", 1, 1)
    assert received.text("errorType") is None
    assert received.lineage["history"][0]["errorType"] == "SchemaViolation"


def test_a_letter_that_ends_the_function_leaves_the_others_their_answers() -> None:
    ask = Asked(poison=["m-3"])
    found = Forecasts(ask, in_time)
    for index in range(8):
        found.add(dead(f"m-{index}", order(orderId=f"o-{index}"), SchemaViolationError("old")))
    fates = {each["messageId"]: each for each in found.as_json()["forecasts"]}
    assert fates.pop("m-3") == {
        "messageId": "m-3",
        "forecast": "uncertain",
        "reason": "the dry run ended without an answer: Runtime.ExitError",
    }
    assert {each["forecast"] for each in fates.values()} == {"wouldPass"}
    assert len(fates) == 7


def test_what_there_was_no_time_for_is_uncertain() -> None:
    found = Forecasts(Asked(), lambda: 1.0)
    found.add(dead("m", order(), SchemaViolationError("old")))
    answer = found.as_json()
    assert answer["forecast"]["uncertain"] == 1
    assert answer["codeVersion"] is None


def test_an_event_holds_as_many_letters_as_fit_and_one_in_any_case(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redrive_forecast, "MAX_EVENT_BYTES", 2_000)
    ask = Asked()
    found = Forecasts(ask, in_time)
    for index in range(5):
        found.add(dead(f"m-{index}", order(orderId=f"o-{index}"), SchemaViolationError("old")))
    found.add(dead("large", order(orderId="x" * 3_000), SchemaViolationError("old")))
    found.as_json()
    assert [name for event in ask.events for name in event] == [*(f"m-{n}" for n in range(5)), "large"]
    assert len(ask.events) >= 3
    assert ask.events[-1] == ["large"]


def test_what_no_letter_is_to_blame_for_is_asked_once() -> None:
    asked: list[int] = []

    def unreadable(records: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
        asked.append(len(records))
        raise UnansweredError("ThrottlingException", ended=False)

    found = Forecasts(unreadable, in_time)
    for index in range(8):
        found.add(dead(f"m-{index}", order(orderId=f"o-{index}"), SchemaViolationError("old")))
    answer = found.as_json()
    assert asked == [8]
    assert answer["forecast"]["reasons"] == {"the dry run ended without an answer: ThrottlingException": 8}


def test_a_function_that_always_ends_is_not_asked_for_ever() -> None:
    ask = Asked(poison=[f"m-{index}" for index in range(200)])
    found = Forecasts(ask, in_time)
    for index in range(200):
        found.add(dead(f"m-{index}", order(orderId=f"o-{index}"), SchemaViolationError("old")))
    assert found.as_json()["forecast"]["uncertain"] == 200
    assert len(ask.events) <= 2 * redrive_forecast.MOST_UNANSWERED


@pytest.mark.parametrize(
    ("payload", "reason", "ended"),
    [
        ({"errorType": "Runtime.ExitError"}, "Runtime.ExitError", True),
        ({"errorMessage": "Task timed out after 10.00 seconds"}, "timed out", True),
        ({"errorType": "ClientError", "stackTrace": []}, "ClientError", False),
    ],
)
def test_a_function_that_failed_has_not_answered(payload: dict[str, Any], reason: str, ended: bool) -> None:
    answer = {"FunctionError": "Unhandled", "Payload": io.BytesIO(json.dumps(payload).encode())}
    client: Any = SimpleNamespace(invoke=lambda **_: answer)
    with pytest.raises(UnansweredError, match=reason) as caught:
        DryRunFunction(client, "dry-run")([])
    assert caught.value.ended is ended


@pytest.mark.parametrize(
    ("error", "ended"),
    [(ReadTimeoutError(endpoint_url="lambda"), True), (failure("Invoke", "TooManyRequestsException"), False)],
)
def test_a_call_that_failed_has_no_answer(error: Exception, ended: bool) -> None:
    def invoke(**_: Any) -> Any:
        raise error

    client: Any = SimpleNamespace(invoke=invoke)
    with pytest.raises(UnansweredError) as caught:
        DryRunFunction(client, "dry-run")([])
    assert caught.value.ended is ended


def test_a_forecast_fits_an_answer_whatever_a_message_says() -> None:
    found = Forecast(message_id="m", fate=Fate.WOULD_DIE, error=SchemaViolationError("\n" * 9 + "x" * 9_999))
    assert len(json.dumps(found.as_json())) < 600


def test_a_preview_with_forecasts_asks_about_what_would_be_moved_alone_and_looks_once() -> None:
    letters = [
        dead("good", order(orderId="a"), LinesExceedAmountError("dear")),
        dead("twice", order(orderId="b"), LinesExceedAmountError("dear")),
        dead("other", order(orderId="c"), SchemaViolationError("old")),
    ]
    letters[1] = replace(letters[1], attributes={**letters[1].attributes, "redriveCount": number(1)})
    ask, dlq = Asked(), FakeDlq(letters)
    plan = Plan(min_age_seconds=0, error_type="LinesExceedAmount")
    shown = preview(dlq, plan, in_time, Forecasts(ask, in_time))
    assert ask.events == [["good"]]
    assert [each["messageId"] for each in shown["forecasts"]] == ["good"]
    (group,) = shown["groups"]
    assert (group["count"], group["forecast"]["wouldPass"]) == (2, 1)
    assert sorted(dlq.received) == sorted(dlq.released) == ["good", "other", "twice"]
