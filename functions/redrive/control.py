"""Whose an operation is, and what ends an invocation's work on it: claim, lease, progress, every reason to stop."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum, StrEnum, auto
from typing import Any, NoReturn, Protocol

from functions.common.observability import log_event, log_problem
from functions.redrive.moved import Moved
from functions.redrive.operations import Counts, Operations, Phase, Status, counts_of

RESERVE_SECONDS = 4.0
"""What one invocation keeps for the batch at hand, for putting back the rest, and for the row."""

MAX_INVOCATIONS = 100
MAX_IDLE_INVOCATIONS = 2
"""SQS gives no place to go on from: an invocation that has moved nothing leaves the next one the same search."""

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
    INCOMPLETE = auto()
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
    NEW_DEATH = "the group goes on dying"
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
    """What the row keeps for whoever goes on. `canary_deadline` is in epoch seconds.

    `new_deaths` are letters of the group under redrive, or edited by this operation, that died since the request.
    `seen` letters were judged, and `complete` says whether those were all; `idle` is how many of the latest invocations
    ran out of time and had moved nothing.
    """

    counts: Counts
    phase: Phase
    canaries: list[Moved]
    canary_deadline: float
    seen: int
    idle: int
    new_deaths: int = 0
    complete: bool = False

    @classmethod
    def of(cls, row: dict[str, Any]) -> "Progress":
        """How far an operation got."""
        return cls(
            counts=counts_of(row),
            phase=Phase(row["phase"]),
            canaries=[Moved.from_row(canary) for canary in row.get("canaries", [])],
            canary_deadline=int(row.get("canaryDeadline", 0)) / 1000,
            seen=int(row.get("seen", 0)),
            idle=int(row.get("idleInvocations", 0)),
            new_deaths=int(row.get("newDeaths", 0)),
        )

    def beside_the_counts(self) -> dict[str, Any]:
        """As the row has it."""
        return {
            "phase": self.phase,
            "canaries": [canary.as_row() for canary in self.canaries],
            "canaryDeadline": round(self.canary_deadline * 1000),
            "seen": self.seen,
            "complete": self.complete,
            "idleInvocations": self.idle,
            "newDeaths": self.new_deaths,
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
        self.left_hidden = False
        """Whether there was no time to make every letter visible again: they are so when their time is up."""

        self._operations = operations
        self._guards = guards
        self._row = row
        self._invocation = invocation
        self._moved_before = self.progress.counts.moved
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

    def record(self, moved: Sequence[Moved] = (), already: int = 0) -> None:
        """Write the progress, and what was moved after so many others. Renew the lease; stop if it is another's."""
        if moved:
            self._operations.record_moved(self._row["id"], already, moved)
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
        operation, owner, progress = self._row["id"], self._invocation.owner, self.progress
        if end is End.LEASE_LOST:
            log_problem("redrive.lease_lost", operationId=operation)
            return False
        if end is End.OUT_OF_TIME:
            waits = progress.phase is Phase.WATCHING or progress.counts.moved > self._moved_before
            progress.idle = 0 if waits else progress.idle + 1
            if progress.idle >= MAX_IDLE_INVOCATIONS:
                end, reason = (
                    End.INCOMPLETE,
                    f"{progress.idle} invocations found nothing to move in their time",
                )
            elif int(self._row["invocations"]) < MAX_INVOCATIONS:
                self._operations.hand_over(
                    operation,
                    owner,
                    progress.counts,
                    await_until=int(self._row["hiddenUntil"]) if self.left_hidden else None,
                    idle=progress.idle,
                )
                return True
        if end is End.HALTED:
            log_problem("redrive.halted", operationId=operation, reason=reason)
        status, why = _verdict(end, reason)
        seen, complete = progress.seen, progress.complete
        self._operations.finish(
            operation,
            owner,
            status,
            progress.counts,
            seen=seen,
            complete=complete,
            newDeaths=progress.new_deaths,
            **why,
        )
        log_event(
            "redrive.finished",
            operationId=operation,
            status=status,
            moved=progress.counts.moved,
            seen=seen,
            complete=complete,
            **why,
        )
        return False


def _verdict(end: End, reason: str) -> tuple[Status, dict[str, str]]:
    match end:
        case End.DONE:
            return Status.SUCCEEDED, {}
        case End.INCOMPLETE:
            return Status.INCOMPLETE, {"incompleteReason": reason}
        case End.CANCELLED:
            return Status.CANCELLED, {}
        case End.HALTED:
            return Status.HALTED, {"haltReason": reason}
        case _:
            return Status.FAILED, {"failure": f"not finished after {MAX_INVOCATIONS} invocations"}
