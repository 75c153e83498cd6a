"""A group that goes on dying while it is redriven: it is shown, and nothing more of it is moved."""

from functions.publish.envelope import Envelope
from functions.redrive.fingerprint import fingerprint
from functions.redrive.operations import Status
from functions.redrive.plan import Plan
from tests.unit.functions.test_redrive import (
    AT_ONCE,
    NOW,
    Clock,
    FakeDlq,
    FakeOperations,
    dead,
    execute,
    many,
)

GROUP = fingerprint(many(1)[0])


class DyingOn(FakeDlq):
    """A DLQ into which something falls once the redrive has begun."""

    def __init__(self, letters: list[Envelope], later: Envelope) -> None:
        super().__init__(letters)
        self._later: list[Envelope] = [later]

    def _receive(self) -> list[Envelope]:
        found = super()._receive()
        if self.received:
            self.visible, self._later = [*self._later, *self.visible], []
        return found


def redriven(later: Envelope, plan: Plan) -> tuple[Status | None, int, FakeOperations]:
    operations, clock = FakeOperations(plan), Clock()
    status, counts, _, _ = execute(DyingOn(many(100), later), plan, operations=operations, clock=clock)
    return status, counts.moved, operations


def test_a_new_death_of_the_group_halts_its_redrive_and_is_named_and_counted() -> None:
    plan = Plan(fingerprint=GROUP, rate_per_second=10, **AT_ONCE)
    status, moved, operations = redriven(dead("new", body='{"orderId":"o-new"}', sent_at=NOW + 1), plan)
    assert status is Status.HALTED
    assert moved <= 20
    assert operations.why["haltReason"] == "the group goes on dying: order o-new, SchemaViolation"
    assert operations.why["newDeaths"] == 1


def test_a_new_death_of_another_group_does_not_halt() -> None:
    plan = Plan(fingerprint=GROUP, rate_per_second=10, **AT_ONCE)
    status, moved, operations = redriven(dead("new", errorType="Other", sent_at=NOW + 1), plan)
    assert (status, moved) == (Status.SUCCEEDED, 100)
    assert operations.why["newDeaths"] == 0


def test_a_letter_of_the_group_from_before_the_request_is_no_new_death() -> None:
    plan = Plan(fingerprint=GROUP, rate_per_second=10, **AT_ONCE)
    status, moved, _ = redriven(dead("old", body='{"orderId":"o-old"}', sent_at=NOW), plan)
    assert (status, moved) == (Status.SUCCEEDED, 100)


def test_a_redrive_of_everything_is_not_halted_by_what_dies_meanwhile() -> None:
    status, moved, _ = redriven(dead("new", sent_at=NOW + 1), Plan(rate_per_second=10, **AT_ONCE))
    assert (status, moved) == (Status.SUCCEEDED, 100)


def test_what_a_patch_has_edited_and_dies_of_anything_halts_it() -> None:
    lineage = '{"edited":[{"operationId":"op","replacedMessageId":"m-1"}]}'
    again = dead("again", body='{"orderId":"o-1"}', errorType="Other", lineage=lineage, sent_at=NOW + 1)
    patch = '[{"op":"add","path":"/amount","value":1}]'
    plan = Plan(patch=patch, rate_per_second=10, **AT_ONCE)
    status, moved, operations = redriven(again, plan)
    assert status is Status.HALTED
    assert moved <= 20
    assert "order o-1, Other" in operations.why["haltReason"]
    foreign = dead("again", errorType="Other", lineage=lineage.replace('"op"', '"op-2"'), sent_at=NOW + 1)
    assert redriven(foreign, plan)[0] is Status.SUCCEEDED
