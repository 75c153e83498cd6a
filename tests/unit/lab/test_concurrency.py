"""A plan that the account's concurrency cannot carry is refused, or said, before it is deployed."""

from typing import Any

import pytest

from lab.deployment.aws_account.concurrency import Asked, require_enough, unreserved
from lab.errors import LabError

NOTHING = Asked(0, None)


def template(*reserved: int, worker: int | None = None) -> dict[str, Any]:
    functions: dict[str, Any] = {
        f"F{number}": {
            "Type": "AWS::Lambda::Function",
            "Properties": {"ReservedConcurrentExecutions": wanted},
        }
        for number, wanted in enumerate(reserved)
    }
    scaling = {"ScalingConfig": {"MaximumConcurrency": worker}} if worker else {}
    mapping = {"Type": "AWS::Lambda::EventSourceMapping", "Properties": scaling}
    unbounded = {"Type": "AWS::Lambda::EventSourceMapping", "Properties": {}}
    others = {"Type": "AWS::Lambda::Function", "Properties": {"MemorySize": 512}}
    return {"Resources": functions | {"Mapping": mapping, "Valve": unbounded, "Other": others}}


def test_what_is_asked_is_summed_over_the_templates() -> None:
    assert Asked.by([template(30, 2, worker=20), {"Resources": {}}, {}]) == Asked(32, 20)
    assert Asked.by([template()]) == NOTHING


@pytest.mark.parametrize(
    ("free", "asked", "deployed", "left"),
    [(10, Asked(1, 5), NOTHING, 9), (120, Asked(30, 5), NOTHING, 90), (100, Asked(31, 5), Asked(30, 5), 99)],
    ids=["a new account", "too much", "more than before"],
)
def test_a_reservation_that_lambda_would_refuse_is_an_error(
    free: int, asked: Asked, deployed: Asked, left: int
) -> None:
    with pytest.raises(LabError) as refused:
        require_enough(free, asked, deployed)
    assert f"reserve {asked.reserved} concurrent executions and leave {left}" in refused.value.what


def test_a_reservation_that_is_deployed_already_is_not_counted_twice() -> None:
    assert require_enough(100, Asked(30, 5), Asked(30, 5)) is None
    assert require_enough(100, Asked(10, 5), Asked(30, 5)) is None


@pytest.mark.parametrize(
    ("free", "worker", "said"),
    [(1000, None, "may take all 1000"), (10, 10, "the account has 10"), (10, 9, None), (1000, 20, None)],
)
def test_a_worker_that_may_take_everything_is_said(free: int, worker: int | None, said: str | None) -> None:
    told = require_enough(free, Asked(0, worker), NOTHING)
    assert (told is None) if said is None else (told is not None and said in told)


def test_the_account_is_asked_for_what_nobody_has_reserved() -> None:
    class Account:
        def client(self, _service: str) -> "Account":
            return self

        def get_account_settings(self) -> dict[str, Any]:
            return {"AccountLimit": {"ConcurrentExecutions": 1000, "UnreservedConcurrentExecutions": 900}}

    aws: Any = Account()
    assert unreserved(aws) == 900
