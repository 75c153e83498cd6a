"""Whether the account's concurrency is enough for what the stacks ask of it: a new account has ten executions."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from lab.engines.clients import Aws
from lab.errors import LabError

if TYPE_CHECKING:
    from mypy_boto3_lambda import LambdaClient

LEAST_UNRESERVED = 100
"""What Lambda keeps for functions without a reservation: it refuses one that leaves less (Lambda guide, "Configuring
reserved concurrency")."""

RAISE_IT = "Ask for more in Service Quotas (Lambda, concurrent executions), or choose less."

type Template = Mapping[str, Any]


@dataclass(frozen=True)
class Asked:
    """Of some templates: what functions reserve, and how many executions the worker's mapping may take."""

    reserved: int
    worker: int | None

    @classmethod
    def by(cls, templates: Iterable[Template]) -> Self:
        """The sum over all of them."""
        resources = [
            resource for template in templates for resource in template.get("Resources", {}).values()
        ]
        of_kind: dict[str, list[dict[str, Any]]] = {}
        for resource in resources:
            of_kind.setdefault(resource["Type"], []).append(resource.get("Properties", {}))
        reserved = sum(
            properties.get("ReservedConcurrentExecutions", 0)
            for properties in of_kind.get("AWS::Lambda::Function", [])
        )
        scaling = [
            properties["ScalingConfig"]["MaximumConcurrency"]
            for properties in of_kind.get("AWS::Lambda::EventSourceMapping", [])
            if "ScalingConfig" in properties
        ]
        return cls(reserved, max(scaling, default=None))


def unreserved(aws: Aws) -> int:
    """The executions that no function of the account and region has reserved."""
    lambda_: LambdaClient = aws.client("lambda")
    return lambda_.get_account_settings()["AccountLimit"].get("UnreservedConcurrentExecutions", 0)


def require_enough(free: int, asked: Asked, deployed: Asked) -> str | None:
    """Raise LabError if Lambda would refuse what is asked; return what is worth knowing before it is deployed.

    `free` is what is unreserved now, beside what is `deployed` already.
    """
    left = free + deployed.reserved - asked.reserved
    if asked.reserved > deployed.reserved and left < LEAST_UNRESERVED:
        raise LabError(
            f"The functions would reserve {asked.reserved} concurrent executions and leave {left} of the account's: "
            f"Lambda keeps {LEAST_UNRESERVED} for functions without a reservation, and refuses.",
            RAISE_IT,
        )
    if asked.worker is None:
        return f"the worker's concurrency is not bounded: a backlog may take all {left} executions of the account"
    if asked.worker >= left:
        return (
            f"the worker may take {asked.worker} concurrent executions, and the account has {left}: a backlog leaves "
            f"none to those who take orders. {RAISE_IT}"
        )
    return None
