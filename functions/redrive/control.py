"""Whose an operation is, and what ends an invocation's work on it: claim, lease, progress, every reason to stop."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, StrEnum, auto
from typing import Any, NoReturn, Protocol

from functions.common.observability import log_event, log_problem
from functions.redrive.canary import Canary
from functions.redrive.operations import Counts, Operations, Phase, Status, counts_of

RESERVE_SECONDS = 4.0
"""What one invocation keeps for the batch at hand, for putting back the rest, and for the row."""

MAX_INVOCATIONS = 100
MARGIN_SECONDS = 5
"""How much longer than its invocation a message stays hidden."""

ROUNDING_SECONDS = 2
"""Visibility timeouts are whole seconds and begin when SQS gets the call."""

GUARD_SECONDS = 1.0


class HaltCheck(Protocol):
    """Says why nothing more should be moved, if there is a reason."""

    def reason_to_halt(self) -> str | None: ...


class End(Enum):
    """Why an invocation stopped moving."""

    DONE = auto()
    CANCELLED = auto()
    HALTED = auto()
    OUT_OF_TIME = auto()
    LEASE_LOST = auto()


class HaltReason(StrEnum):
    """The kinds of reasons for which an operation stops by itself."""

    CANARY_DIED = "a canary died again"
    CANARY_UNSEEN = "the canaries were not seen to be processed in time"
    CANARY_UNSENT = "no canary could be sent"
    UNSENT = "too many messages could not be sent"
    GUARD = "the pipeline is not well"


class StoppedError(Exception):
    """This invocation moves nothing more; `reason` says why an operation was halted."""

    def __init__(self, end: End, reason: str = "") -> None:
        super().__init__(end, reason)
        self.end = end
        self.reason = reason


def halt(kind: HaltReason, detail: str) -> NoReturn:
    """Stop the operation for good."""
    raise StoppedError(End.HALTED, f"{kind}: {detail}")


@dataclass
class Progress:
    """What the row keeps for whoever goes on. `canary_deadline` is in epoch seconds."""

    counts: Counts
    phase: Phase
    canaries: list[Canary]
    canary_deadline: float

    @classmethod
    def of(cls, row: dict[str, Any]) -> "Progress":
        """How far an operation got."""
        return cls(
            counts=counts_of(row),
            phase=Phase(row["phase"]),
            canaries=[Canary.from_row(canary) for canary in row.get("canaries", [])],
            canary_deadline=int(row.get("canaryDeadline", 0)) / 1000,
        )

    def beside_the_counts(self) -> dict[str, Any]:
        """As the row has it."""
        return {
            "phase": self.phase,
            "canaries": [canary.as_row() for canary in self.canaries],
            "canaryDeadline": round(self.canary_deadline * 1000),
        }


@dataclass(frozen=True, kw_only=True)
class Invocation:
    """One invocation of the function: its name as an owner of operations, and its time, in seconds."""

    owner: str
    lease_seconds: int
    seconds_left: Callable[[], float]
    clock: Callable[[], float]
    sleep: Callable[[float], None]


def claim(operations: Operations, operation_id: str, invocation: Invocation) -> dict[str, Any] | None:
    """The operation's row, if this invocation may have it: at once, or when its dead owner's lease runs out."""
    renewed = 0
    while (row := operations.get(operation_id)) and not Status(row["status"]).final:
        now, seconds_left = invocation.clock(), invocation.seconds_left()
        lease_left = int(row.get("leaseUntil", 0)) / 1000 - now
        if row["status"] == Status.PENDING or lease_left < 0:
            hidden_until = now + seconds_left + MARGIN_SECONDS + ROUNDING_SECONDS
            return operations.claim(row, invocation.owner, invocation.lease_seconds, hidden_until)
        # A lease that grows while one waits for its end is that of an invocation which is alive.
        alive = renewed not in (0, int(row["leaseUntil"]))
        renewed = int(row["leaseUntil"])
        if alive or seconds_left < lease_left + RESERVE_SECONDS:
            return None
        invocation.sleep(lease_left + 0.05)
    return None


class Control:
    """One invocation's hold on an operation that it has claimed: `row` is what the claim gave."""

    def __init__(
        self, operations: Operations, guards: HaltCheck, row: dict[str, Any], invocation: Invocation
    ) -> None:
        self.progress = Progress.of(row)
        self._operations = operations
        self._guards = guards
        self._row = row
        self._invocation = invocation
        self._cancelled: bool = row["cancelRequested"]
        self._guarded_at = float("-inf")

    def checkpoint(self) -> None:
        """Look at everything that may stop an operation, and renew the lease, once in GUARD_SECONDS."""
        if self._invocation.seconds_left() < RESERVE_SECONDS:
            raise StoppedError(End.OUT_OF_TIME)
        if self._invocation.clock() - self._guarded_at >= GUARD_SECONDS:
            self._guarded_at = self._invocation.clock()
            if reason := self._guards.reason_to_halt():
                halt(HaltReason.GUARD, reason)
            self.record()
        self.stop_if_cancelled()

    def record(self) -> None:
        """Write the progress and renew the lease; stop if that is somebody else's."""
        row = self._operations.progress(
            self._row["id"],
            self._invocation.owner,
            self.progress.counts,
            lease_seconds=self._invocation.lease_seconds,
            **self.progress.beside_the_counts(),
        )
        if row is None:
            raise StoppedError(End.LEASE_LOST)
        self._cancelled = bool(row.get("cancelRequested"))

    def stop_if_cancelled(self) -> None:
        """Stop if somebody asked for that, as far as the last recording knows."""
        if self._cancelled:
            raise StoppedError(End.CANCELLED)

    def failed(self, error: Exception) -> None:
        """Record a failure. Lambda repeats the invocation: the operation waits for that, or has failed for good."""
        self._operations.record_failure(
            self._row["id"],
            self._invocation.owner,
            self.progress.counts,
            type(error).__name__,
            **self.progress.beside_the_counts(),
        )

    def conclude(self, end: End, reason: str) -> bool:
        """Record how the invocation ended. Returns whether the next one has to go on."""
        operation, owner, counts = self._row["id"], self._invocation.owner, self.progress.counts
        if end is End.LEASE_LOST:
            log_problem("redrive.lease_lost", operationId=operation)
            return False
        if end is End.OUT_OF_TIME and int(self._row["invocations"]) < MAX_INVOCATIONS:
            self._operations.hand_over(operation, owner, counts)
            return True
        if end is End.HALTED:
            log_problem("redrive.halted", operationId=operation, reason=reason)
        status, why = _verdict(end, reason)
        self._operations.finish(operation, owner, status, counts, **why)
        log_event("redrive.finished", operationId=operation, status=status, moved=counts.moved, **why)
        return False


def _verdict(end: End, reason: str) -> tuple[Status, dict[str, str]]:
    match end:
        case End.DONE:
            return Status.SUCCEEDED, {}
        case End.CANCELLED:
            return Status.CANCELLED, {}
        case End.HALTED:
            return Status.HALTED, {"haltReason": reason}
        case _:
            return Status.FAILED, {"failure": f"not finished after {MAX_INVOCATIONS} invocations"}
