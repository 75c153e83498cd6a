"""The ledger: no message is ever unaccounted for.

accepted = succeeded + in the DLQ + in flight + discarded (with an audit row), and every accepted order that is
processed has its effect exactly once
"""

from collections.abc import Iterable
from dataclasses import dataclass

from lab.pipeline.observe import Depth, Effect


@dataclass(frozen=True)
class Ledger:
    """Where every accepted order of a run is."""

    accepted: int
    succeeded: int
    in_dlq: int
    in_flight: int
    lost: int
    duplicated: int
    discarded: int = 0

    @property
    def unaccounted(self) -> int:
        """What the equation leaves over: above zero orders are missing, below zero some are counted twice."""
        return self.accepted - self.succeeded - self.in_dlq - self.in_flight - self.discarded

    @property
    def balanced(self) -> bool:
        """Whether nothing is lost, duplicated or unaccounted for."""
        return self.lost == 0 and self.duplicated == 0 and self.unaccounted == 0

    @property
    def text(self) -> str:
        """The ledger in one line."""
        discarded = f", {self.discarded} discarded" if self.discarded else ""
        return (
            f"Ledger: {self.accepted} accepted, {self.succeeded} succeeded, {self.in_dlq} in DLQ, "
            f"{self.in_flight} in flight{discarded}; lost {self.lost}, duplicated {self.duplicated}, "
            f"unaccounted {self.unaccounted}"
        )


def settle(
    accepted: Iterable[str],
    effects: Iterable[Effect],
    queue: Depth,
    dlq: Depth,
    discarded: Iterable[str] = (),
) -> Ledger:
    """Account for the accepted order ids of a run that began with both queues empty.

    `discarded` are the order ids of audit rows (`Pipeline.discarded`). An order is lost when it has no effect
    and no audit row, and the queues hold too few messages for it to be there still.
    A duplicate is an execution beyond an order's first.
    """
    wanted = set(accepted)
    executions = {effect.order_id: effect.executions for effect in effects if effect.order_id in wanted}
    succeeded = sum(1 for count in executions.values() if count > 0)
    in_flight = queue.total
    given_up = len(wanted & set(discarded))
    missing = len(wanted) - succeeded - given_up
    return Ledger(
        accepted=len(wanted),
        succeeded=succeeded,
        in_dlq=dlq.total,
        in_flight=in_flight,
        lost=max(0, missing - dlq.total - in_flight),
        duplicated=sum(max(0, count - 1) for count in executions.values()),
        discarded=given_up,
    )
