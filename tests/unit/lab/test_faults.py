import pytest

from lab.faults import Fault
from lab.faults.fault import HANG_MS


def test_a_fault_without_exactly_one_effect_is_an_error() -> None:
    with pytest.raises(ValueError, match="exactly one"):
        Fault(service="sqs", operation="SendMessageBatch")
    with pytest.raises(ValueError, match="exactly one"):
        Fault(service="sqs", operation="SendMessageBatch", error="InternalError", reset=True)


def test_every_fault_has_a_time_to_live() -> None:
    assert Fault(service="sqs", operation="SendMessage", reset=True).as_rule()["ttl_s"] > 0
    with pytest.raises(ValueError, match="time to live"):
        Fault(service="sqs", operation="SendMessage", reset=True, ttl_seconds=0)


@pytest.mark.parametrize(
    ("fault", "rule"),
    [
        (
            Fault(service="sqs", operation="SendMessage", error="InternalError", status=500, times=3),
            {"error": {"code": "InternalError", "status": 500}, "times": 3},
        ),
        (Fault(service="sqs", operation="SendMessage", latency_ms=200), {"latency": 200}),
        (Fault(service="sqs", operation="SendMessage", reset=True), {"reset": True}),
        (Fault(service="sqs", operation="SendMessage", hangs=True), {"timeout_ms": HANG_MS}),
    ],
    ids=["error", "latency", "reset", "silence"],
)
def test_a_rule_holds_the_parameters_of_its_fault(fault: Fault, rule: dict[str, object]) -> None:
    shared = {"service": "sqs", "operation": "SendMessage", "probability": 1.0, "ttl_s": 120.0}
    assert fault.as_rule() == shared | rule
